/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/fv.h"

#define FV_SIGNATURE_AT 40
#define FV_HEADER_MIN   56
#define FFS_LARGE       0x01 /* attribute: the size is 64 bits, after the ordinary header */

/* Version 2 and 3 of the FFS differ in large files only. */
static const uint8_t ffs2[16] = {0x78, 0xe5, 0x8c, 0x8c, 0x3d, 0x8a, 0x1c, 0x4f,
                                 0x99, 0x35, 0x89, 0x61, 0x85, 0xc3, 0x2d, 0xd3};
static const uint8_t ffs3[16] = {0x7a, 0xc0, 0x73, 0x54, 0xcb, 0x3d, 0xca, 0x4d,
                                 0xbd, 0x6f, 0x1e, 0x96, 0x89, 0xe7, 0x34, 0x9a};

bool sv_fv_here(struct sv_bytes at)
{
        return at.n >= FV_HEADER_MIN && memcmp(at.p + FV_SIGNATURE_AT, "_FVH", 4) == 0;
}

/* All 16-bit words of the header add up to zero (volume 3, section 3.2.1). */
static int check_fv_sum(struct sv_bytes header, struct sv_err *err)
{
        struct sv_rd r = sv_rd(header);
        uint16_t sum = 0;

        while (sv_rd_left(&r) > 0)
                sum = (uint16_t)(sum + sv_rd_u16le(&r));
        if (r.bad || sum)
                return sv_fail(err, SV_FORMAT, "ovmf.fv.checksum",
                               "the checksum of a firmware volume's header is wrong");
        return 0;
}

/* Files begin after the extended header, where there is one. */
static int find_fv_files(struct sv_fv *fv, size_t header, size_t ext, struct sv_err *err)
{
        struct sv_rd r = sv_rd(fv->all);
        size_t at = header;

        if (ext) {
                uint32_t size;

                sv_rd_seek(&r, ext);
                sv_rd_copy(&r, fv->name, 16);
                size = sv_rd_u32le(&r);
                if (r.bad || ext < header || size < 20 || size > fv->all.n - ext)
                        return sv_fail(
                                err, SV_FORMAT, "ovmf.fv.header",
                                "the extended header of a firmware volume does not lie in it");
                at = ext + size;
        }
        at = (at + 7) & ~(size_t)7;
        if (at > fv->all.n)
                return sv_fail(err, SV_FORMAT, "ovmf.fv.header",
                               "a firmware volume of headers only");
        fv->files_at = at;
        fv->files = sv_bytes(fv->all.p + at, fv->all.n - at);
        return 0;
}

int sv_fv_parse(struct sv_bytes at, struct sv_fv *out, struct sv_err *err)
{
        struct sv_rd r = sv_rd(at);
        struct sv_fv fv = {0};

        sv_rd_skip(&r, 16);
        sv_rd_copy(&r, fv.format, 16);

        uint64_t size = sv_rd_u64le(&r);
        const uint8_t *signature = sv_rd_take(&r, 4);

        sv_rd_skip(&r, 4); /* attributes */

        uint16_t header = sv_rd_u16le(&r);

        sv_rd_skip(&r, 2); /* checksum */

        uint16_t ext = sv_rd_u16le(&r);

        sv_rd_skip(&r, 2); /* reserved, revision */
        if (sv_rd_ok(&r, "ovmf.fv.header", "a firmware volume", err) < 0)
                return -1;
        if (memcmp(signature, "_FVH", 4) != 0)
                return sv_fail(err, SV_FORMAT, "ovmf.fv.header", "not a firmware volume: no _FVH");
        if (header < FV_HEADER_MIN || header > size)
                return sv_fail(err, SV_FORMAT, "ovmf.fv.header",
                               "a firmware volume with a header of %u bytes", header);
        if (size > at.n)
                return sv_fail(err, SV_FORMAT, "ovmf.fv.size",
                               "a firmware volume of %llu bytes, the file has %zu: it is cut short",
                               (unsigned long long)size, at.n);
        fv.all = sv_bytes(at.p, (size_t)size);
        if (check_fv_sum(sv_bytes(at.p, header), err) < 0 ||
            find_fv_files(&fv, header, ext, err) < 0)
                return -1;
        *out = fv;
        return 0;
}

static uint32_t read_u24le(struct sv_rd *r)
{
        uint32_t low = sv_rd_u16le(r);

        return low | (uint32_t)sv_rd_u8(r) << 16;
}

static bool is_erased(struct sv_bytes b)
{
        for (size_t i = 0; i < b.n; i++)
                if (b.p[i] != 0xff)
                        return false;
        return true;
}

int sv_ffs_next(const struct sv_fv *fv, size_t *pos, struct sv_ffs *out, struct sv_err *err)
{
        struct sv_rd r = sv_rd(fv->files);
        struct sv_ffs f = {0};
        /* files are aligned to 8 bytes from the volume's beginning */
        size_t start = (*pos + 7) & ~(size_t)7;
        uint64_t size;
        uint8_t attributes;

        if (memcmp(fv->format, ffs2, 16) != 0 && memcmp(fv->format, ffs3, 16) != 0)
                return 0; /* the variable store and the like: no files */
        if (start >= fv->files.n || fv->files.n - start < 24 ||
            is_erased(sv_bytes(fv->files.p + start, 24)))
                return 0;
        sv_rd_seek(&r, start);
        sv_rd_copy(&r, f.name, 16);
        sv_rd_skip(&r, 2); /* checksums */
        f.type = sv_rd_u8(&r);
        attributes = sv_rd_u8(&r);
        size = read_u24le(&r);
        sv_rd_skip(&r, 1); /* state */
        if (attributes & FFS_LARGE)
                size = sv_rd_u64le(&r);
        if (r.bad || size < r.pos - start || size > fv->files.n - start)
                return sv_fail(err, SV_FORMAT, "ovmf.ffs.file",
                               "a file of %llu bytes at 0x%zx does not lie in its firmware volume",
                               (unsigned long long)size, fv->files_at + start);
        f.at = fv->files_at + start;
        f.body = sv_rd_bytes(&r, (size_t)size - (r.pos - start));
        *pos = start + (size_t)size;
        *out = f;
        return 1;
}

/* Volume 3, section 3.2.5.7: the encoding's GUID, where its data begins (counted from the section),
 * attributes. */
static int read_guided_section(struct sv_bytes whole, size_t header, struct sv_section *s,
                               struct sv_err *err)
{
        struct sv_rd r = sv_rd(whole);
        uint16_t offset;

        sv_rd_skip(&r, header);
        sv_rd_copy(&r, s->guid, 16);
        offset = sv_rd_u16le(&r);
        sv_rd_skip(&r, 2);
        if (r.bad || offset < r.pos || offset > whole.n)
                return sv_fail(err, SV_FORMAT, "ovmf.ffs.section",
                               "the data of a GUID-defined section does not lie in it");
        s->body = sv_bytes(whole.p + offset, whole.n - offset);
        return 0;
}

int sv_section_next(struct sv_bytes sections, size_t *pos, struct sv_section *out,
                    struct sv_err *err)
{
        struct sv_rd r = sv_rd(sections);
        struct sv_section s = {0};
        size_t start = (*pos + 3) & ~(size_t)3, header;
        uint64_t size;

        if (start >= sections.n)
                return 0;
        sv_rd_seek(&r, start);
        size = read_u24le(&r);
        s.type = sv_rd_u8(&r);
        if (size == 0xffffff)
                size = sv_rd_u32le(&r);
        header = r.pos - start;
        if (r.bad || size < header || size > sections.n - start)
                return sv_fail(err, SV_FORMAT, "ovmf.ffs.section",
                               "a section of %llu bytes does not lie in its file",
                               (unsigned long long)size);

        struct sv_bytes whole = sv_bytes(sections.p + start, (size_t)size);

        s.body = sv_bytes(whole.p + header, whole.n - header);
        if (s.type == SV_SECTION_GUIDED && read_guided_section(whole, header, &s, err) < 0)
                return -1;
        *pos = start + (size_t)size;
        *out = s;
        return 1;
}
