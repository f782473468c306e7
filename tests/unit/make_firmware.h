/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware made by the tests: the footer table of an OVMF image, SEV metadata, IGVM files. */
#pragma once

#include "base/core/buf.h"
#include "ovmf/footer.h"
#include "tests/unit/unit.h"

struct footer_entry {
        const char *guid;
        struct sv_bytes data;
};

static inline void put_guid(struct sv_buf *b, const char *text)
{
        uint8_t raw[16];

        sv_guid_raw(text, raw);
        sv_buf_put(b, sv_bytes(raw, 16));
}

/* `size` bytes that begin with `head` and end with the table; the last entry is the one that is
 * read first. */
static inline void make_image(struct sv_buf *out, size_t size, struct sv_bytes head,
                              const struct footer_entry *entries, size_t n)
{
        SV_BUF table = SV_BUF_NULL;

        for (size_t i = 0; i < n; i++) {
                sv_buf_put(&table, entries[i].data);
                sv_buf_u16le(&table, (uint16_t)(entries[i].data.n + 18));
                put_guid(&table, entries[i].guid);
        }
        sv_buf_u16le(&table, (uint16_t)(table.n + 18));
        put_guid(&table, SV_GUID_FOOTER);
        sv_buf_grow(&table, 32);
        sv_buf_clear(out);
        sv_buf_room(out, size);
        sv_buf_put(out, head);
        memset(sv_buf_grow(out, size - head.n - table.n), 0, size - head.n - table.n);
        sv_buf_put(out, sv_buf_bytes(&table));
        assert_int_equal(out->n, size);
}

/* One of the variable headers of an IGVM file. */
static inline void put_igvm_header(struct sv_buf *b, uint32_t type, struct sv_bytes body)
{
        static const uint8_t zeros[8];

        sv_buf_u32le(b, type);
        sv_buf_u32le(b, (uint32_t)body.n);
        sv_buf_put(b, body);
        sv_buf_put(b, sv_bytes(zeros, (8 - body.n % 8) % 8));
}

/* The platform that the tests are for has bit 0 of the masks. */
static inline void put_igvm_platform(struct sv_buf *b, uint32_t mask, uint8_t type)
{
        const uint8_t body[16] = {(uint8_t)mask, 0, 0, 0, 0, type, 1};

        put_igvm_header(b, 1, sv_bytes(body, sizeof(body)));
}

static inline uint32_t crc_of(struct sv_bytes b)
{
        uint32_t crc = 0xffffffff;

        for (size_t i = 0; i < b.n; i++) {
                crc ^= b.p[i];
                for (int k = 0; k < 8; k++)
                        crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
        }
        return ~crc;
}

/* The fixed header in front of the variable ones; no data behind them. */
static inline void make_igvm(struct sv_buf *out, struct sv_bytes headers)
{
        uint32_t crc;

        sv_buf_clear(out);
        sv_buf_puts(out, "IGVM");
        sv_buf_u32le(out, 1);
        sv_buf_u32le(out, 24);
        sv_buf_u32le(out, (uint32_t)headers.n);
        sv_buf_u32le(out, (uint32_t)(24 + headers.n));
        sv_buf_u32le(out, 0);
        sv_buf_put(out, headers);
        crc = crc_of(sv_buf_bytes(out));
        for (int i = 0; i < 4; i++)
                out->p[20 + i] = (uint8_t)(crc >> 8 * i);
}
