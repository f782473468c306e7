/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/lzma.h"

#include <lzma.h>

#include "base/core/limits.h"
#include "base/core/rd.h"

/* The header says how large the result is; edk2 always writes it (an unknown size would be all bits
 * set). */
static int read_decoded_size(struct sv_bytes in, size_t max, size_t *size, struct sv_err *err)
{
        struct sv_rd r = sv_rd(in);
        uint64_t n;

        sv_rd_skip(&r, 5); /* properties, dictionary */
        n = sv_rd_u64le(&r);
        if (sv_rd_ok(&r, "ovmf.lzma", "the LZMA header", err) < 0)
                return -1;
        if (n == 0 || n > max)
                return sv_fail(err, SV_FORMAT, "ovmf.lzma.size",
                               "compressed data of %llu bytes, expected 1 to %zu",
                               (unsigned long long)n, max);
        *size = (size_t)n;
        return 0;
}

int sv_lzma_decode(struct sv_bytes in, size_t max, struct sv_buf *out, struct sv_err *err)
{
        lzma_stream s = LZMA_STREAM_INIT;
        size_t size = 0, had = out->n;
        lzma_ret ret;

        if (read_decoded_size(in, max, &size, err) < 0)
                return -1;
        s.next_out = sv_buf_grow(out, size);
        if (!s.next_out)
                return sv_buf_ok(out, "decompressed firmware", err);
        s.avail_out = size;
        s.next_in = in.p;
        s.avail_in = in.n;
        ret = lzma_alone_decoder(&s, SV_LZMA_MEMORY_MAX);
        if (ret == LZMA_OK)
                ret = lzma_code(&s, LZMA_FINISH);
        /* With a known size the decoder may still wait for an end mark that edk2 does not write. */
        bool whole = s.avail_out == 0 && s.avail_in == 0 &&
                     (ret == LZMA_STREAM_END || ret == LZMA_OK || ret == LZMA_BUF_ERROR);

        lzma_end(&s);
        if (whole)
                return 0;
        out->n = had;
        return sv_fail(err, SV_FORMAT, "ovmf.lzma",
                       "the LZMA stream is damaged (liblzma says %d, %zu bytes in and %zu bytes "
                       "out are left)",
                       (int)ret, s.avail_in, s.avail_out);
}
