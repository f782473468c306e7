/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/uki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/buf.h"
#include "ovmf/pe.h"

static const struct sv_stub stubs[] = {
        {.first = 252, .last = 253, .firmware_loads = true},
        {.first = 254, .last = 255, .firmware_loads = true, .sbat = true},
        {.first = 256, .last = 256, .firmware_loads = true, .sbat = true, .microcode = true},
        {.first = 257,
         .last = 257,
         .firmware_loads = true,
         .sbat = true,
         .microcode = true,
         .os_release = true},
        {.first = 258, .last = 260, .sbat = true, .microcode = true, .os_release = true},
        {.first = 261,
         .last = 262,
         .sbat = true,
         .microcode = true,
         .os_release = true,
         .machine = true},
};
#define N_STUBS (sizeof(stubs) / sizeof(*stubs))

/* "#### LoaderInfo: systemd-stub 254.26-1 ####"; 0 when the image does not say it. */
static unsigned read_stub_version(struct sv_bytes image)
{
        struct sv_bytes magic;
        static const char name[] = "#### LoaderInfo: systemd-stub ";
        unsigned long version;
        char text[128];

        if (sv_pe_section(image, ".sdmagic", &magic, NULL) <= 0)
                return 0;
        snprintf(text, sizeof(text), "%.*s", (int)(magic.n < 100 ? magic.n : 100),
                 (const char *)magic.p);
        if (strncmp(text, name, strlen(name)) != 0)
                return 0;
        version = strtoul(text + strlen(name), NULL, 10);
        return version <= 9999 ? (unsigned)version : 0;
}

int sv_uki_read(struct sv_bytes image, const char *check, struct sv_uki *out, struct sv_err *err)
{
        static const char *const beyond[] = {".profile", ".hwids", ".dtbauto", ".efifw"};
        struct sv_uki u = {.version = read_stub_version(image)};
        struct {
                const char *name;
                struct sv_bytes *out;
        } const parts[] = {{".linux", &u.kernel},   {".cmdline", &u.cmdline},
                           {".initrd", &u.initrd},  {".osrel", &u.osrel},
                           {".ucode", &u.ucode},    {".pcrsig", &u.pcrsig},
                           {".pcrpkey", &u.pcrpkey}};
        struct sv_bytes ignored;

        for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
                if (sv_pe_section(image, parts[i].name, parts[i].out, err) < 0)
                        return -1;
        if (!u.kernel.p)
                return sv_fail(err, SV_FORMAT, check,
                               "a section .linux was expected, found none: this is no unified "
                               "kernel image; name a plain kernel "
                               "with \"kernel\"");
        u.measured = !u.version && sv_pe_section(image, ".acpi", &ignored, NULL) > 0;
        for (size_t i = 0; i < sizeof(beyond) / sizeof(*beyond) && !u.beyond; i++)
                if (sv_pe_section(image, beyond[i], &ignored, NULL) > 0)
                        u.beyond = beyond[i];
        for (size_t i = 0; i < N_STUBS; i++)
                if (u.version >= stubs[i].first && u.version <= stubs[i].last)
                        u.stub = &stubs[i];
        *out = u;
        return 0;
}

void sv_uki_versions(char out[32])
{
        snprintf(out, 32, "%u to %u", stubs[0].first, stubs[N_STUBS - 1].last);
}

static void pad_archive(struct sv_buf *b)
{
        while (b->n % 4)
                sv_buf_u8(b, 0);
}

/* cpio's "newc" (Linux Documentation/driver-api/early-userspace/buffer-format.rst). */
static void put_newc_header(struct sv_buf *b, unsigned inode, unsigned mode, size_t size,
                            const char *name)
{
        sv_buf_printf(b, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", inode,
                      mode, 0, 0, 1, 0, size, 0, 0, 0, 0, strlen(name) + 1, 0);
        sv_buf_put(b, sv_bytes(name, strlen(name) + 1));
        pad_archive(b);
}

/* An archive of one file in /.extra, when there is such a section. Its end has its length in
 * capitals. */
static void put_section_archive(struct sv_buf *b, const char *name, struct sv_bytes section)
{
        if (!section.p)
                return;
        put_newc_header(b, 1, 040555, 0, ".extra");
        put_newc_header(b, 2, 0100444, section.n, name);
        sv_buf_put(b, section);
        pad_archive(b);
        sv_buf_printf(b, "070701%032x%08x%048x%s%08x%s", 0, 1, 0, "0000000B", 0, "TRAILER!!!");
        sv_buf_u8(b, 0);
        pad_archive(b);
}

int sv_uki_initrd(const struct sv_uki *u, enum sv_digest alg, uint8_t *out, struct sv_err *err)
{
        static const uint8_t zeros[4];
        struct sv_bytes before = u->stub->microcode ? u->ucode : (struct sv_bytes){0};
        SV_BUF behind = SV_BUF_NULL;
        SV_HASH *h = NULL;

        put_section_archive(&behind, ".extra/tpm2-pcr-signature.json", u->pcrsig);
        put_section_archive(&behind, ".extra/tpm2-pcr-public-key.pem", u->pcrpkey);
        if (u->stub->os_release)
                put_section_archive(&behind, ".extra/os-release", u->osrel);
        if (sv_buf_ok(&behind, "the stub's part of the initramfs", err) < 0)
                return -1;
        if (!before.n && !u->initrd.n && !behind.n)
                return 0;
        h = sv_hash_new(alg, err);
        if (!h || sv_hash_put(h, before, err) < 0 ||
            sv_hash_put(h, sv_bytes(zeros, -before.n % 4), err) < 0 ||
            sv_hash_put(h, u->initrd, err) < 0)
                return -1;
        if ((before.n || behind.n) && (sv_hash_put(h, sv_bytes(zeros, -u->initrd.n % 4), err) < 0 ||
                                       sv_hash_put(h, sv_buf_bytes(&behind), err) < 0))
                return -1;
        return sv_hash_end(h, out, err) < 0 ? -1 : 1;
}

bool sv_uki_cmdline_plain(const struct sv_uki *u)
{
        struct sv_bytes c = u->cmdline;

        for (size_t i = 0; i < c.n; i++)
                if (c.p[i] < 0x20 || c.p[i] > 0x7e)
                        return false;
        return c.n == 0 || (c.p[0] != ' ' && c.p[c.n - 1] != ' ');
}
