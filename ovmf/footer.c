/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/footer.h"

#include <stdlib.h>

#include "base/core/encoding.h"
#include "base/core/limits.h"
#include "base/core/rd.h"

#define FOOTER_END 32u /* the table ends this far before the end of the file */
#define TRAILER    18u /* u16 size, GUID: behind each entry's data */

/* Where the bytes of a GUID's text lie in memory: its first three fields are little endian. */
static const uint8_t guid_order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

char *sv_guid_text(const uint8_t raw[16], char out[37])
{
        char *p = out;

        for (int i = 0; i < 16; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *p++ = '-';
                p = sv_hex(sv_bytes(raw + guid_order[i], 1), p) + 2;
        }
        return out;
}

void sv_guid_raw(const char *text, uint8_t raw[16])
{
        for (int i = 0; i < 16; i++) {
                char byte[3] = "";

                text += *text == '-';
                for (int k = 0; k < 2 && *text; k++)
                        byte[k] = *text++;
                raw[guid_order[i]] = (uint8_t)strtoul(byte, NULL, 16);
        }
}

/* The entry whose trailer ends at `end` of `table`; *begin is set to where it begins. */
static int read_footer_entry(struct sv_bytes table, size_t end, char guid[37],
                             struct sv_bytes *data, size_t *begin, struct sv_err *err)
{
        struct sv_rd r = sv_rd(table);
        uint16_t size;
        const uint8_t *raw;

        if (end < TRAILER)
                return sv_fail(err, SV_FORMAT, "ovmf.footer.entry",
                               "%zu bytes are left in the footer table, an entry has at least %u",
                               end, TRAILER);
        sv_rd_seek(&r, end - TRAILER);
        size = sv_rd_u16le(&r);
        raw = sv_rd_take(&r, 16);
        if (size < TRAILER || size > end)
                return sv_fail(err, SV_FORMAT, "ovmf.footer.entry",
                               "entry %s says it has %u bytes; %u to %zu were expected",
                               raw ? sv_guid_text(raw, guid) : "?", size, TRAILER, end);
        sv_guid_text(raw, guid);
        *begin = end - size;
        *data = sv_bytes(table.p + *begin, size - TRAILER);
        return 0;
}

static int add_footer_entry(struct sv_footer *f, const char *guid, struct sv_bytes data,
                            struct sv_err *err)
{
        struct sv_bytes twice;

        if (sv_footer_get(f, guid, &twice))
                return sv_fail(err, SV_FORMAT, "ovmf.footer.entry",
                               "entry %s is there twice; launchers differ in which one they take",
                               guid);
        if (f->n == SV_FOOTER_ENTRIES_MAX)
                return sv_fail(err, SV_FORMAT, "ovmf.footer.entry", "more than %d entries",
                               SV_FOOTER_ENTRIES_MAX);
        memcpy(f->entries[f->n].guid, guid, 37);
        f->entries[f->n++].data = data;
        return 0;
}

int sv_footer_parse(struct sv_bytes image, struct sv_footer *out, struct sv_err *err)
{
        struct sv_footer f = {.image = image};
        struct sv_bytes table, data;
        char guid[37];
        size_t at;

        if (!image.n || image.n % SV_PAGE || image.n > SV_OVMF_SIZE_MAX)
                return sv_fail(err, SV_FORMAT, "ovmf.size",
                               "a firmware image has a multiple of 4096 bytes, at most 16 MiB; "
                               "this one has %zu",
                               image.n);
        if (read_footer_entry(sv_bytes(image.p, image.n - FOOTER_END), image.n - FOOTER_END, guid,
                              &table, &at, NULL) < 0 ||
            strcmp(guid, SV_GUID_FOOTER))
                return sv_fail(err, SV_FORMAT, "ovmf.footer",
                               "this image has no OVMF footer table (GUID " SV_GUID_FOOTER
                               " 50 bytes before its end, with a sane size); is it "
                               "an OVMF build with SEV support?");
        for (at = table.n; at;) {
                if (read_footer_entry(table, at, guid, &data, &at, err) < 0 ||
                    add_footer_entry(&f, guid, data, err) < 0)
                        return -1;
        }
        *out = f;
        return 0;
}

bool sv_footer_get(const struct sv_footer *f, const char *guid, struct sv_bytes *data)
{
        for (size_t i = 0; i < f->n; i++) {
                if (strcmp(f->entries[i].guid, guid))
                        continue;
                *data = f->entries[i].data;
                return true;
        }
        return false;
}

int sv_footer_words(const struct sv_footer *f, const char *guid, const char *name, uint32_t *words,
                    size_t n, struct sv_err *err)
{
        struct sv_bytes data;
        struct sv_rd r;

        if (!sv_footer_get(f, guid, &data))
                return sv_fail(err, SV_FORMAT, "ovmf.footer.missing",
                               "the firmware's footer table has no entry %s (%s)", name, guid);
        r = sv_rd(data);
        for (size_t i = 0; i < n; i++)
                words[i] = sv_rd_u32le(&r);
        return sv_rd_done(&r, "ovmf.footer.entry", name, err);
}
