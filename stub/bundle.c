/* SPDX-License-Identifier: Apache-2.0 */
#include "stub/bundle.h"

#include "base/core/limits.h"

static bool is_same(struct sv_bytes a, struct sv_bytes b)
{
        return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* A name ends with its first zero, and nothing but zeros follows. */
static int read_bundle_name(struct sv_rd *r, struct sv_bytes *out, struct sv_err *err)
{
        struct sv_bytes field = sv_rd_bytes(r, 56);
        size_t n = 0;

        if (r->bad)
                return sv_rd_ok(r, "stub.acpi.files", "the list of ACPI files", err);
        while (n < field.n && field.p[n])
                n++;
        for (size_t i = n; i < field.n; i++)
                if (field.p[i])
                        n = field.n;
        if (n == 0 || n == field.n)
                return sv_fail(err, SV_FORMAT, "stub.acpi.name",
                               "a file's name of 1 to 55 characters and zeros was expected");
        *out = sv_bytes(field.p, n);
        return 0;
}

static int read_bundle_file(struct sv_rd *r, struct sv_bundle *b, struct sv_err *err)
{
        struct sv_bundle_file f = {.memory = NULL};
        uint32_t stored;

        if (read_bundle_name(r, &f.name, err) < 0)
                return -1;
        if (sv_bundle_find(b, f.name))
                return sv_fail(err, SV_FORMAT, "stub.acpi.name", "a file is there twice");
        f.size = sv_rd_u32le(r);
        stored = sv_rd_u32le(r);
        if (!r->bad && (f.size == 0 || f.size > SV_FW_CFG_SIZE_MAX || stored > f.size))
                return sv_fail(err, SV_FORMAT, "stub.acpi.size",
                               "a file of 1 to %u bytes was expected, found %u, of which %u are "
                               "stored",
                               SV_FW_CFG_SIZE_MAX, f.size, stored);
        f.content = sv_rd_bytes(r, stored);
        if (sv_rd_ok(r, "stub.acpi.files", "the list of ACPI files", err) < 0)
                return -1;
        b->files[b->n++] = f;
        return 0;
}

int sv_bundle_read(struct sv_bytes section, struct sv_bundle *out, struct sv_err *err)
{
        struct sv_rd r = sv_rd(section);
        const uint8_t *magic = sv_rd_take(&r, 8);
        uint32_t flags = sv_rd_u32le(&r), n = sv_rd_u32le(&r);
        struct sv_bundle b = {.refuse = flags & SV_BUNDLE_REFUSE};

        if (!magic || memcmp(magic, SV_BUNDLE_MAGIC, 8) != 0)
                return sv_fail(err, SV_FORMAT, "stub.acpi.magic",
                               "no list of ACPI files of this version");
        if (sv_rd_ok(&r, "stub.acpi.files", "the head of the list of ACPI files", err) < 0)
                return -1;
        if (flags & ~SV_BUNDLE_REFUSE)
                return sv_fail(err, SV_FORMAT, "stub.acpi.flags", "unknown flags 0x%x", flags);
        if (n > SV_BUNDLE_FILES)
                return sv_fail(err, SV_FORMAT, "stub.acpi.files", "%u files, at most %d are read",
                               n, SV_BUNDLE_FILES);
        for (uint32_t i = 0; i < n; i++)
                if (read_bundle_file(&r, &b, err) < 0)
                        return -1;
        if (sv_rd_done(&r, "stub.acpi.files", "the list of ACPI files", err) < 0)
                return -1;
        *out = b;
        return 0;
}

struct sv_bundle_file *sv_bundle_find(struct sv_bundle *b, struct sv_bytes name)
{
        for (size_t i = 0; i < b->n; i++)
                if (is_same(b->files[i].name, name))
                        return &b->files[i];
        return NULL;
}
