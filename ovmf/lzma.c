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

static const char *describe_xz_result(lzma_ret ret, size_t left)
{
        switch (ret) {
        case LZMA_STREAM_END:
                return left ? "bytes follow its end" : NULL;
        case LZMA_BUF_ERROR:
                return "it is cut short";
        case LZMA_FORMAT_ERROR:
                return "it does not begin as one";
        case LZMA_MEMLIMIT_ERROR:
                return "it needs more memory than is allowed";
        default:
                return "it is damaged";
        }
}

int sv_xz_decode(struct sv_bytes in, size_t max, struct sv_buf *out, struct sv_err *err)
{
        lzma_stream s = LZMA_STREAM_INIT;
        uint8_t piece[16384];
        size_t had = out->n;
        lzma_ret ret = lzma_stream_decoder(&s, SV_LZMA_MEMORY_MAX, 0);
        bool large = false;

        s.next_in = in.p;
        s.avail_in = in.n;
        while (ret == LZMA_OK && !large) {
                s.next_out = piece;
                s.avail_out = sizeof(piece);
                ret = lzma_code(&s, LZMA_FINISH);
                large = sizeof(piece) - s.avail_out > max - (out->n - had);
                if (!large)
                        sv_buf_put(out, sv_bytes(piece, sizeof(piece) - s.avail_out));
        }

        const char *wrong = describe_xz_result(ret, s.avail_in);

        lzma_end(&s);
        if (!large && !wrong)
                return sv_buf_ok(out, "unpacked xz data", err);
        out->n = had;
        if (ret == LZMA_MEM_ERROR)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory to unpack xz data");
        return large ? sv_fail(err, SV_FORMAT, "ovmf.xz", "unpacks to more than %zu bytes", max)
                     : sv_fail(err, SV_FORMAT, "ovmf.xz", "expected one xz stream: %s", wrong);
}
