/* SPDX-License-Identifier: Apache-2.0 */
/* PCR 4 and 9: what the firmware and the kernel's EFI stub measure of the kernel. */
#include "tee/boot.h"
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

int sv_measure_kernel(struct sv_prediction *p, const struct sv_guest *g, bool secure_boot,
                      struct sv_err *err)
{
        SV_BOOT b = {.initrd_size = 0};
        struct sv_linux image = {0};

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
        /* The stub of 6.1 measures command line and initramfs; of older ones nothing was compared.
         */
        if (!sv_linux_since(image.version, 6, 1))
                sv_event_unpredicted(p, 9,
                                     "whether the EFI stub of kernel %.60s measures command line "
                                     "and initramfs is known from 6.1 on only",
                                     image.version);
        if (strstr(sv_buf_str(&b.cmdline), "noinitrd"))
                sv_event_unpredicted(p, 9, "the command line says noinitrd");
        return 0;
}
