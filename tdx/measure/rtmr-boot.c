/* SPDX-License-Identifier: Apache-2.0 */
/* RTMR1: which images run, and the steps of the boot. RTMR2: what the kernel's EFI stub measures.
 */
#include <stdio.h>

#include "ovmf/linux.h"
#include "tdx/measure/rtmr.h"

/* The kernel as the firmware gets it: since QEMU knows that it cannot change a confidential guest's
 * kernel, the file. */
static int hand_over(const struct sv_tdx_boot *b, struct sv_linux *image, struct sv_err *err)
{
        struct sv_boot *f = b->files;
        struct sv_linux_boot boot = {.memory = b->guest->memory,
                                     .initrd_size = f->initrd_size,
                                     .cmdline = (const char *)f->cmdline.p};

        if (sv_linux_parse(sv_buf_bytes(&f->kernel), image, err) < 0)
                return -1;
        if (!boot.cmdline)
                boot.cmdline = "";
        return b->monitor->patches_kernel ? sv_linux_qemu(image, f->kernel.p, &boot, err) : 0;
}

static int add_direct_kernel(struct sv_prediction *p, const struct sv_tdx_boot *b,
                             const struct sv_linux *image, struct sv_err *err)
{
        return sv_event_image(
                p, 1, sv_buf_bytes(&b->files->kernel), err, "kernel %.60s, Authenticode digest%s",
                image->version,
                b->monitor->patches_kernel ? ", with the setup header that QEMU fills in" : "");
}

static int predict_direct_rtmr1(struct sv_prediction *p, const struct sv_tdx_boot *b,
                                const struct sv_linux *image, struct sv_err *err)
{
        if ((b->guest->shim ? sv_tdx_add_shim(p, b, err) : add_direct_kernel(p, b, image, err)) <
                    0 ||
            sv_tdx_rtmr1_begin(p, b, err) < 0)
                return -1;
        /* the shim loads and measures it as firmware does */
        if (b->guest->shim && add_direct_kernel(p, b, image, err) < 0)
                return -1;
        return sv_tdx_rtmr1_end(p, err);
}

static int predict_direct_rtmr2(struct sv_prediction *p, const struct sv_tdx_boot *b,
                                const struct sv_linux *image, struct sv_err *err)
{
        const struct sv_tdx_generation *g = b->firmware->generation;
        struct sv_boot *f = b->files;

        if (b->guest->shim && sv_tdx_shim_lists(p, b, err) < 0)
                return -1;
        if (!g && !b->firmware->older) {
                sv_event_unknown(p, 2, SV_EV_EVENT_TAG, "command line (LOADED_IMAGE::LoadOptions)");
                sv_event_unpredicted(p, 2,
                                     "where the firmware adds \"initrd=initrd\" to the command "
                                     "line is not known: \"generation\" says it");
        } else if (sv_event_options(p, 2, f,
                                    g && g->initrd_first ? SV_INITRD_WORD_FIRST
                                                         : SV_INITRD_WORD_LAST,
                                    err) < 0)
                return -1;
        sv_event_initrd(p, 2, f);
        if (!sv_linux_since(image->version, 6, 9))
                sv_event_unpredicted(p, 2,
                                     "whether the EFI stub of kernel %.60s measures command line "
                                     "and initramfs into a TD is known from 6.9 on only",
                                     image->version);
        if (strstr(f->cmdline.n ? (const char *)f->cmdline.p : "", "noinitrd"))
                sv_event_unpredicted(p, 2, "the command line says noinitrd");
        return 0;
}

int sv_tdx_rtmr_boot(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        struct sv_linux image = {0};

        if (!b->files) {
                for (unsigned i = 1; i <= 2; i++)
                        sv_event_unpredicted(p, i,
                                             "the guest boots from its disk: what its boot loader "
                                             "starts and measures is not predicted; name a kernel");
                return 0;
        }
        if (b->guest->uki)
                return sv_tdx_rtmr_uki(p, b, err);
        if (hand_over(b, &image, err) < 0)
                return sv_wrap(err, "kernel %s", b->guest->kernel);
        return predict_direct_rtmr1(p, b, &image, err) < 0
                       ? -1
                       : predict_direct_rtmr2(p, b, &image, err);
}
