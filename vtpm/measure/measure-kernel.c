/* SPDX-License-Identifier: Apache-2.0 */
/* PCR 4 and 9: what the firmware and the kernel's EFI stub measure of the kernel. */
#include "tee/boot.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "ovmf/linux.h"
#include "vtpm/measure/events.h"

static int add_image(struct sv_prediction *p, const struct sv_guest *g, struct sv_boot *b,
                     struct sv_linux *image, struct sv_err *err)
{
        struct sv_linux_boot boot = {.memory = g->memory,
                                     .initrd_size = b->initrd_size,
                                     .cmdline = sv_buf_str(&b->cmdline)};

        if (sv_linux_parse(sv_buf_bytes(&b->kernel), image, err) < 0 ||
            sv_linux_qemu(image, b->kernel.p, &boot, err) < 0)
                return -1;
        return sv_event_image(p, 4, sv_buf_bytes(&b->kernel), err,
                              "kernel %.60s, Authenticode digest, as QEMU hands it over (%llu MiB "
                              "of memory, initramfs of %llu bytes)",
                              image->version, (unsigned long long)(g->memory >> 20),
                              (unsigned long long)b->initrd_size);
}

/* The stub of 6.1 measures command line and initramfs; of older ones nothing was compared. */
static void add_doubts(struct sv_prediction *p, struct sv_boot *b, const struct sv_linux *image)
{
        if (!sv_linux_since(image->version, 6, 1))
                sv_event_unpredicted(p, 9,
                                     "whether the EFI stub of kernel %.60s measures command line "
                                     "and initramfs is known from 6.1 on only",
                                     image->version);
        if (strstr(sv_buf_str(&b->cmdline), "noinitrd"))
                sv_event_unpredicted(p, 9, "the command line says noinitrd");
}

/* The firmware measures the image, the kernel inside what our stub hands to it. */
static int measure_image(struct sv_prediction *p, struct sv_bytes image, const struct sv_uki *u,
                         bool secure_boot, struct sv_err *err)
{
        SV_BOOT b = {.initrd_size = 0};
        struct sv_linux kernel = {0};

        if (sv_boot_unpack(u, &b, err) < 0 ||
            sv_linux_parse(sv_buf_bytes(&b.kernel), &kernel, err) < 0)
                return -1;
        if (sv_event_image(p, 4, image, err,
                           "measured image, Authenticode digest: kernel %.60s, ACPI tables, "
                           "initramfs, command line",
                           kernel.version) < 0 ||
            sv_event_options(p, 9, &b, SV_INITRD_WORD_NONE, err) < 0)
                return -1;
        sv_event_initrd(p, 9, &b);
        add_doubts(p, &b, &kernel);
        if (secure_boot)
                sv_event_unpredicted(p, 7,
                                     "Secure Boot is on: who signed the image is measured too");
        return 0;
}

static int measure_uki(struct sv_prediction *p, const struct sv_guest *g, bool secure_boot,
                       struct sv_err *err)
{
        SV_MAP file = {.mapped = 0};
        struct sv_uki u;

        if (sv_file_map(g->uki, SV_UKI_SIZE_MAX, &file, "measure.kernel", err) < 0)
                return -1;
        if (sv_boot_uki(g, file.bytes, &u, err) < 0)
                return sv_wrap(err, "%s", g->uki);
        if (!u.measured)
                return sv_fail(err, SV_USAGE, "measure.uki",
                               "%s: an image of \"secure-vm image uki\" was expected; what others "
                               "measure on a virtual TPM is not predicted",
                               g->uki);
        return measure_image(p, file.bytes, &u, secure_boot, err) < 0 ? sv_wrap(err, "%s", g->uki)
                                                                      : 0;
}

int sv_measure_kernel(struct sv_prediction *p, const struct sv_guest *g, bool secure_boot,
                      struct sv_err *err)
{
        SV_BOOT b = {.initrd_size = 0};
        struct sv_linux image = {0};

        if (g->uki)
                return measure_uki(p, g, secure_boot, err);
        if (sv_boot_read(g, 0, &b, err) < 0)
                return -1;
        if (add_image(p, g, &b, &image, err) < 0)
                return sv_wrap(err, "kernel %s", g->kernel);
        if (sv_event_options(p, 9, &b, SV_INITRD_WORD_LAST, err) < 0)
                return -1;
        sv_event_initrd(p, 9, &b);
        for (unsigned pcr = 4; secure_boot && pcr <= 9; pcr += 5)
                sv_event_unpredicted(p, pcr,
                                     "Secure Boot is on: QEMU changes the kernel's header, its "
                                     "signature breaks, and OVMF starts it in a way that "
                                     "measures neither kernel nor command line; use a variable "
                                     "store without keys");
        add_doubts(p, &b, &image);
        return 0;
}
