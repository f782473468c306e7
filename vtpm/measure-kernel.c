/* PCR 4 and 9: what the firmware and the kernel's EFI stub measure of the kernel. */
#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "ovmf/linux.h"
#include "vtpm/events.h"

struct boot {
        struct sv_buf kernel;
        struct sv_buf cmdline;
        uint64_t initrd_size;
        uint8_t initrd[SV_EVENT_BANKS][SV_DIGEST_MAX];
};

/* Streamed: an initramfs may be large. */
static int hash_initrd(struct boot *b, const char *path, struct sv_err *err)
{
        for (int i = 0; i < SV_EVENT_BANKS; i++)
                if (sv_digest_file(sv_event_bank(i), path, b->initrd[i], &b->initrd_size, err) < 0)
                        return -1;
        if (b->initrd_size == 0)
                return sv_fail(err, SV_USAGE, "vtpm.measure.initrd", "the initramfs %s is empty", path);
        return 0;
}

static int add_image(struct sv_prediction *p, const struct sv_guest *g, struct boot *b, struct sv_linux *image, struct sv_err *err)
{
        struct sv_linux_boot boot = {.memory = g->memory, .initrd_size = b->initrd_size, .cmdline = sv_buf_str(&b->cmdline)};

        if (sv_linux_parse(sv_buf_bytes(&b->kernel), image, err) < 0 || sv_linux_qemu(image, b->kernel.p, &boot, err) < 0)
                return -1;
        return sv_event_image(p, 4, sv_buf_bytes(&b->kernel), err,
                              "kernel %.60s, Authenticode digest, as QEMU hands it over (%llu MiB of memory, initramfs of %llu bytes)", image->version,
                              (unsigned long long)(g->memory >> 20), (unsigned long long)b->initrd_size);
}

/* What OVMF makes of the command line (OvmfPkg/Library/GenericQemuLoadImageLib): UTF-16 with its terminator, and a word that lets old
 * kernels find the initramfs. The kernel's stub measures these bytes. */
static int add_options(struct sv_prediction *p, const struct boot *b, struct sv_err *err)
{
        static const char word[] = " initrd=initrd";
        SV_BUF options = SV_BUF_NULL;

        for (size_t i = 0; i < b->cmdline.n; i++)
                sv_buf_u16le(&options, b->cmdline.p[i]);
        for (size_t i = 0; b->initrd_size && i < sizeof(word) - 1; i++)
                sv_buf_u16le(&options, (uint8_t)word[i]);
        if (options.n == 0)
                return 0;
        sv_buf_u16le(&options, 0);
        if (sv_buf_ok(&options, "load options", err) < 0)
                return -1;
        return sv_event_data(p, 9, SV_EV_EVENT_TAG, sv_buf_bytes(&options), err, "command line (LOADED_IMAGE::LoadOptions): \"%.90s%s%s\"",
                             b->cmdline.n ? (const char *)b->cmdline.p : "", b->cmdline.n > 90 ? "…" : "", b->initrd_size ? word : "");
}

static void add_initrd(struct sv_prediction *p, const struct boot *b)
{
        struct sv_measure_step *s;

        if (!b->initrd_size)
                return;
        s = sv_event_new(p, 9, SV_EV_EVENT_TAG);
        snprintf(s->what, sizeof(s->what), "initramfs (Linux initrd), %llu bytes", (unsigned long long)b->initrd_size);
        memcpy(s->digest, b->initrd, sizeof(s->digest));
}

/* The stub of 6.1 measures command line and initramfs (drivers/firmware/efi/libstub); of older ones nothing was compared. */
static bool stub_measures(const struct sv_linux *image)
{
        unsigned major = 0, minor = 0;

        return sscanf(image->version, "%u.%u", &major, &minor) == 2 && (major > 6 || (major == 6 && minor >= 1));
}

static int measure(struct sv_prediction *p, const struct sv_guest *g, struct boot *b, bool secure_boot, struct sv_err *err)
{
        struct sv_linux image = {0};

        if (sv_file_read(g->kernel, SV_KERNEL_SIZE_MAX, &b->kernel, "vtpm.measure.kernel", err) < 0 || sv_guest_cmdline(g, &b->cmdline, err) < 0)
                return -1;
        if (g->initrd && hash_initrd(b, g->initrd, err) < 0)
                return -1;
        if (add_image(p, g, b, &image, err) < 0)
                return sv_wrap(err, "kernel %s", g->kernel);
        sv_buf_str(&b->cmdline); /* its terminator, for the description */
        if (add_options(p, b, err) < 0)
                return -1;
        add_initrd(p, b);
        for (unsigned pcr = 4; secure_boot && pcr <= 9; pcr += 5)
                sv_event_unpredicted(p, pcr, "Secure Boot is on: QEMU changes the kernel's header, its signature breaks, and OVMF starts it in a way that "
                                     "measures neither kernel nor command line; use a variable store without keys");
        if (!stub_measures(&image))
                sv_event_unpredicted(p, 9, "whether the EFI stub of kernel %.60s measures command line and initramfs is known from 6.1 on only",
                                     image.version);
        if (strstr(sv_buf_str(&b->cmdline), "noinitrd"))
                sv_event_unpredicted(p, 9, "the command line says noinitrd");
        return 0;
}

int sv_measure_kernel(struct sv_prediction *p, const struct sv_guest *g, bool secure_boot, struct sv_err *err)
{
        struct boot b = {0};
        int r = measure(p, g, &b, secure_boot, err);

        sv_buf_free(&b.kernel);
        sv_buf_free(&b.cmdline);
        return r;
}
