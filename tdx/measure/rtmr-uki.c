/* SPDX-License-Identifier: Apache-2.0 */
/* A unified kernel image, started as QEMU's kernel or by a shim: its stub is systemd's
 * (ovmf/uki.h). */
#include <stdio.h>

#include "ovmf/pe.h"
#include "ovmf/uki.h"
#include "tdx/measure/rtmr.h"

/* Each section by its name, with the terminator, and then by its contents (systemd
 * src/boot/stub.c). */
static int add_sections(struct sv_prediction *p, struct sv_bytes image, const struct sv_stub *stub,
                        struct sv_err *err)
{
        static const char *const names[] = {".linux",  ".osrel", ".cmdline", ".initrd", ".ucode",
                                            ".splash", ".dtb",   ".uname",   ".sbat",   ".pcrpkey"};

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                struct sv_bytes section;
                int found = sv_pe_section(image, names[i], &section, err);

                if (found < 0)
                        return -1;
                if (found && stub &&
                    ((!stub->sbat && !strcmp(names[i], ".sbat")) ||
                     (!stub->microcode && !strcmp(names[i], ".ucode"))))
                        continue;
                if (found &&
                    (sv_event_data(p, 2, SV_EV_IPL, sv_bytes(names[i], strlen(names[i]) + 1), err,
                                   "section %s, its name", names[i]) < 0 ||
                     sv_event_data(p, 2, SV_EV_IPL, section, err, "section %s, %zu bytes", names[i],
                                   section.n) < 0))
                        return -1;
        }
        return 0;
}

/* UTF-16 with its terminator, as the stub hands it on. */
static int put_options(const char *text, size_t n, struct sv_buf *out, struct sv_err *err)
{
        for (size_t i = 0; i < n; i++)
                sv_buf_u16le(out, (uint8_t)text[i]);
        sv_buf_u16le(out, 0);
        return sv_buf_ok(out, "load options", err);
}

/* A command line from outside takes the place of the image's own, but for Secure Boot, and is then
 * measured first. */
static int add_cmdline(struct sv_prediction *p, const struct sv_tdx_boot *b, const struct sv_uki *u,
                       struct sv_err *err)
{
        struct sv_bytes outside = sv_buf_bytes(&b->files->cmdline), text = u->cmdline;
        bool given = outside.n > 0 && !(b->secure_boot && u->cmdline.p);
        SV_BUF options = SV_BUF_NULL;

        if (given && b->secure_boot) {
                sv_event_unpredicted(p, 2,
                                     "the unified kernel image has no command line of its own, and "
                                     "Secure Boot is on: what its stub makes of one from outside "
                                     "is not known");
                return 0;
        }
        if (given)
                text = outside;
        if (!text.n)
                return 0;
        if (put_options((const char *)text.p, text.n, &options, err) < 0)
                return -1;
        if (given &&
            sv_event_data(p, 2, SV_EV_IPL, sv_buf_bytes(&options), err,
                          "command line from outside: \"%.90s\"", (const char *)text.p) < 0)
                return -1;
        return sv_event_data(p, 2, SV_EV_EVENT_TAG, sv_buf_bytes(&options), err,
                             "command line (LOADED_IMAGE::LoadOptions): \"%.*s\"",
                             (int)(text.n < 90 ? text.n : 90), (const char *)text.p);
}

static int add_initrd(struct sv_prediction *p, const struct sv_uki *u, struct sv_err *err)
{
        uint8_t digest[SV_EVENT_BANKS][SV_DIGEST_MAX] = {0};
        struct sv_measure_step *s;
        int there = 0;

        for (int i = p->regs->bank; i < SV_EVENT_BANKS; i++)
                if ((there = sv_uki_initrd(u, sv_event_bank(i), digest[i], err)) < 0)
                        return -1;
        if (!there)
                return 0;
        s = sv_event_new(p, 2, SV_EV_EVENT_TAG);
        snprintf(s->what, sizeof(s->what),
                 "initramfs (Linux initrd), %zu bytes, and what the stub adds to it", u->initrd.n);
        memcpy(s->digest, digest, sizeof(s->digest));
        return 0;
}

static int predict_uki_rtmr2(struct sv_prediction *p, const struct sv_tdx_boot *b,
                             const struct sv_uki *u, struct sv_err *err)
{
        char known[32];

        sv_uki_versions(known);
        if ((b->guest->shim && sv_tdx_shim_lists(p, b, err) < 0) ||
            add_sections(p, sv_buf_bytes(&b->files->kernel), u->stub, err) < 0)
                return -1;
        if (!u->stub)
                sv_event_unpredicted(
                        p, 2,
                        "what the stub of this unified kernel image (systemd-stub %u) measures, "
                        "and puts behind the initramfs, is known for versions %s; "
                        "the image as a whole is in RTMR1",
                        u->version, known);
        else if (u->beyond)
                sv_event_unpredicted(
                        p, 2,
                        "the unified kernel image has a section %s, which its stub hands to the "
                        "kernel with the initramfs: how is not predicted; the "
                        "image as a whole is in RTMR1",
                        u->beyond);
        else if (!sv_uki_cmdline_plain(u))
                sv_event_unpredicted(p, 2,
                                     "the section .cmdline has characters that stubs strip or "
                                     "replace: have it end with its last letter");
        else if (!b->files->cmdline.n && !u->cmdline.n)
                sv_event_unpredicted(
                        p, 2,
                        "there is no command line, neither in the unified kernel image nor from "
                        "outside: how its stub starts the kernel then is not known");
        else
                return add_cmdline(p, b, u, err) < 0 ? -1 : add_initrd(p, u, err);
        return 0;
}

/* Under Secure Boot the stub tells the firmware not to look at the kernel again: then it does not
 * measure it either. */
static int add_uki_kernel(struct sv_prediction *p, const struct sv_tdx_boot *b,
                          const struct sv_uki *u, struct sv_err *err)
{
        char known[32];

        if (u->stub)
                return u->stub->firmware_loads && !b->secure_boot
                               ? sv_event_image(p, 1, u->kernel, err,
                                                "kernel inside the unified kernel image, "
                                                "Authenticode digest")
                               : 0;
        sv_uki_versions(known);
        sv_event_unknown(p, 1, SV_EV_EFI_BOOT_SERVICES_APPLICATION,
                         "kernel inside the unified kernel image, with some stubs");
        sv_event_unpredicted(p, 1,
                             "whether the stub of this image (systemd-stub %u) lets the firmware "
                             "measure the kernel inside is known for versions %s only",
                             u->version, known);
        return 0;
}

static int predict_uki_rtmr1(struct sv_prediction *p, const struct sv_tdx_boot *b,
                             const struct sv_uki *u, struct sv_err *err)
{
        struct sv_bytes image = sv_buf_bytes(&b->files->kernel);
        bool shim = b->guest->shim;

        if (shim && sv_tdx_add_shim(p, b, err) < 0)
                return -1;
        if (shim && sv_tdx_rtmr1_begin(p, b, err) < 0)
                return -1;
        if (sv_event_image(p, 1, image, err, "unified kernel image, Authenticode digest") < 0 ||
            (!shim && sv_tdx_rtmr1_begin(p, b, err) < 0))
                return -1;
        return add_uki_kernel(p, b, u, err) < 0 ? -1 : sv_tdx_rtmr1_end(p, err);
}

/* The agent is told of its broker, or of a verity root, by words of the command line; under Secure
 * Boot those from outside do not count. */
static int reaches_agent(const struct sv_tdx_boot *b, const struct sv_uki *u, struct sv_err *err)
{
        const char *word = b->guest->attestation.url ? "securevm.url="
                           : sv_guest_root(b->guest) ? "securevm.verity="
                                                     : NULL;

        if (!word || !b->secure_boot || !u->cmdline.p ||
            memmem(u->cmdline.p, u->cmdline.n, word, strlen(word)))
                return 0;
        return sv_fail(err, SV_USAGE, "tdx.uki",
                       "Secure Boot is on and the image has a command line of its own, without %s: "
                       "what the guest file says of that would never "
                       "reach the agent; put its words into the image's .cmdline, or leave that "
                       "section out",
                       word);
}

int sv_tdx_rtmr_uki(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        struct sv_uki u;

        if (sv_uki_read(sv_buf_bytes(&b->files->kernel), "tdx.uki", &u, err) < 0)
                return sv_wrap(err, "%s", b->guest->uki);
        if (u.measured)
                return sv_fail(err, SV_USAGE, "tdx.uki",
                               "%s: an image that brings its own ACPI tables cannot be used for a "
                               "TD, whose firmware adds to them what starts the other processors: "
                               "name \"kernel\" and \"initrd\"; RTMR0 covers the tables",
                               b->guest->uki);
        if (reaches_agent(b, &u, err) < 0)
                return sv_wrap(err, "%s", b->guest->uki);
        if (u.stub && u.stub->machine) {
                sv_event_unknown(p, 0, SV_EV_EVENT_TAG,
                                 "the stub: what SMBIOS says of the machine (type 1)");
                sv_event_unpredicted(p, 0,
                                     "the stub of this unified kernel image (systemd-stub %u) "
                                     "measures what SMBIOS says of the machine, its UUID among it",
                                     u.version);
        }
        return predict_uki_rtmr1(p, b, &u, err) < 0 || predict_uki_rtmr2(p, b, &u, err) < 0
                       ? sv_wrap(err, "%s", b->guest->uki)
                       : 0;
}
