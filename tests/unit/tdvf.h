/* SPDX-License-Identifier: Apache-2.0 */
/* A firmware image of two pages with TDX metadata, made row by row. */
#pragma once

#include "base/core/buf.h"
#include "base/core/text.h"
#include "ovmf/tdvf.h"
#include "tests/unit/unit.h"

/* A firmware of two pages: BFV, TempMem, HOB. */
struct tdvf_row {
        uint32_t offset, raw;
        uint64_t gpa, size;
        uint32_t type, attr;
};

static inline void tdvf_guid(struct sv_buf *b, const char *text)
{
        uint8_t raw[16];

        sv_guid_raw(text, raw);
        sv_buf_put(b, sv_bytes(raw, 16));
}

static inline void tdvf_build(struct sv_buf *b, const struct tdvf_row *rows, uint32_t n,
                              uint32_t version)
{
        uint32_t from_end = 32 + 18 + 22 + 16 + 32 * n;

        sv_buf_clear(b);
        sv_buf_grow(b, 2 * 4096 - from_end - 16);
        tdvf_guid(b, "e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae");
        sv_buf_puts(b, "TDVF");
        sv_buf_u32le(b, 16 + 32 * n);
        sv_buf_u32le(b, version);
        sv_buf_u32le(b, n);
        for (uint32_t i = 0; i < n; i++) {
                sv_buf_u32le(b, rows[i].offset);
                sv_buf_u32le(b, rows[i].raw);
                sv_buf_u64le(b, rows[i].gpa);
                sv_buf_u64le(b, rows[i].size);
                sv_buf_u32le(b, rows[i].type);
                sv_buf_u32le(b, rows[i].attr);
        }
        sv_buf_u32le(b, from_end);
        sv_buf_u16le(b, 22);
        tdvf_guid(b, SV_GUID_TDX_METADATA);
        sv_buf_u16le(b, 18 + 22);
        tdvf_guid(b, SV_GUID_FOOTER);
        sv_buf_grow(b, 32);
        assert_int_equal(b->n, 2 * 4096);
}

static const struct tdvf_row tdvf_good[3] = {{0, 4096, 0xffffe000, 8192, SV_TDVF_BFV, 1},
                                             {0, 0, 0x810000, 4096, SV_TDVF_TEMP_MEM, 0},
                                             {0, 0, 0x809000, 4096, SV_TDVF_TD_HOB, 0}};
