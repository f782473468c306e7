/* A unified kernel image, started as QEMU's kernel: its stub is systemd's. RTMR1, and the beginning of RTMR2. */
#include <stdio.h>

#include "ovmf/pe.h"
#include "tdx/rtmr.h"

#define STUB_FIRST 252 /* the first whose kernel the firmware loads (LoadImage), and so measures */
#define STUB_LAST  257 /* newer ones load it themselves, unless a shim is in between */

/* "#### LoaderInfo: systemd-stub 254.26-1 ####"; 0 when the image does not say it. */
static unsigned stub_version(struct sv_bytes image)
{
        struct sv_bytes magic;
        unsigned version = 0;
        char text[128];

        if (sv_pe_section(image, ".sdmagic", &magic, NULL) <= 0)
                return 0;
        snprintf(text, sizeof(text), "%.*s", (int)(magic.n < 100 ? magic.n : 100), (const char *)magic.p);
        return sscanf(text, "#### LoaderInfo: systemd-stub %u", &version) == 1 ? version : 0;
}

/* Each section by its name, with the terminator, and then by its contents (systemd src/boot/efi/stub.c); seen so in logs of real TDs. */
static int add_sections(struct sv_prediction *p, struct sv_bytes image, struct sv_err *err)
{
        static const char *const names[] = {".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat", ".pcrpkey"};

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                struct sv_bytes section;
                int found = sv_pe_section(image, names[i], &section, err);

                if (found < 0)
                        return -1;
                if (found && (sv_event_data(p, 2, SV_EV_IPL, sv_bytes(names[i], strlen(names[i]) + 1), err, "section %s, its name", names[i]) < 0 ||
                              sv_event_data(p, 2, SV_EV_IPL, section, err, "section %s, %zu bytes", names[i], section.n) < 0))
                        return -1;
        }
        sv_event_unpredicted(p, 2, "what the stub of a unified kernel image adds (a command line given to it, the initramfs as it puts it together) differs between "
                             "its versions; the image's own parts are all in RTMR1");
        return 0;
}

static int add_kernel(struct sv_prediction *p, struct sv_bytes image, struct sv_err *err)
{
        unsigned stub = stub_version(image);
        struct sv_bytes kernel;
        int found = sv_pe_section(image, ".linux", &kernel, err);

        if (found < 0)
                return -1;
        if (!found)
                return sv_fail(err, SV_FORMAT, "tdx.uki", "a section .linux was expected, found none: this is no unified kernel image; name a plain kernel with \"kernel\"");
        if (stub < STUB_FIRST || stub > STUB_LAST) {
                sv_event_unknown(p, 1, SV_EV_EFI_BOOT_SERVICES_APPLICATION, "kernel inside the unified kernel image, with some stubs");
                sv_event_unpredicted(p, 1, "whether the stub of this image (systemd-stub %u) lets the firmware measure the kernel inside is known for versions %d to %d "
                                     "only", stub, STUB_FIRST, STUB_LAST);
                return 0;
        }
        return sv_event_image(p, 1, kernel, err, "kernel inside the unified kernel image, Authenticode digest");
}

int sv_tdx_rtmr_uki(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        struct sv_bytes image = sv_buf_bytes(&b->files->kernel);

        if (b->options->shim)
                for (unsigned i = 1; i <= 2; i++)
                        sv_event_unpredicted(p, i, "what a shim and a unified kernel image measure together is not predicted");
        if (sv_event_image(p, 1, image, err, "unified kernel image, Authenticode digest") < 0 || sv_tdx_rtmr1_begin(p, b, err) < 0 ||
            add_kernel(p, image, err) < 0 || sv_tdx_rtmr1_end(p, err) < 0)
                return sv_wrap(err, "%s", b->guest->uki);
        return add_sections(p, image, err);
}
