/* SPDX-License-Identifier: Apache-2.0 */
#include "image/gzip.h"

#include <limits.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* zlib's way to say: the largest window, gzip's head and trailer */
#define ZLIB_WINDOW 15

static const char *describe_gzip_result(int r, size_t left)
{
        switch (r) {
        case Z_STREAM_END:
                return left ? "bytes follow its end" : NULL;
        case Z_BUF_ERROR:
                return "it is cut short";
        default:
                return "it is damaged";
        }
}

static int decode_stream(struct sv_bytes in, int window, size_t max, struct sv_buf *out,
                         struct sv_err *err)
{
        z_stream z = {.next_in = (uint8_t *)(uintptr_t)in.p, .avail_in = (uInt)in.n};
        uint8_t piece[16384];
        const char *name = window == GZIP_WINDOW ? "gzip" : "zlib";
        size_t had = out->n;
        bool large = false;
        int r;

        if (in.n > UINT_MAX)
                return sv_fail(err, SV_FORMAT, "image.gzip", "%zu bytes, expected less than 4 GiB",
                               in.n);
        r = inflateInit2(&z, window);
        while (r == Z_OK && !large) {
                z.next_out = piece;
                z.avail_out = sizeof(piece);
                r = inflate(&z, Z_NO_FLUSH);
                large = sizeof(piece) - z.avail_out > max - (out->n - had);
                if (!large)
                        sv_buf_put(out, sv_bytes(piece, sizeof(piece) - z.avail_out));
        }

        const char *wrong = describe_gzip_result(r, window == GZIP_WINDOW ? z.avail_in : 0);

        inflateEnd(&z);
        if (!large && !wrong)
                return sv_buf_ok(out, "unpacked data", err);
        out->n = had;
        if (r == Z_MEM_ERROR)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory to unpack %s data", name);
        return large ? sv_fail(err, SV_FORMAT, "image.gzip", "unpacks to more than %zu bytes", max)
                     : sv_fail(err, SV_FORMAT, "image.gzip", "expected one %s stream: %s", name,
                               wrong);
}

int sv_gzip_decode(struct sv_bytes in, size_t max, struct sv_buf *out, struct sv_err *err)
{
        return decode_stream(in, GZIP_WINDOW, max, out, err);
}

int sv_zlib_decode(struct sv_bytes in, size_t max, struct sv_buf *out, struct sv_err *err)
{
        return decode_stream(in, ZLIB_WINDOW, max, out, err);
}
