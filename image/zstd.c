/* SPDX-License-Identifier: Apache-2.0 */
#include "image/zstd.h"

#include <zstd.h>

/* 19 takes twenty times as long and makes an initramfs an eighth smaller. */
#define LEVEL 9

static void free_cctx(ZSTD_CCtx **c)
{
        ZSTD_freeCCtx(*c);
}

static void free_dstream(ZSTD_DStream **d)
{
        ZSTD_freeDStream(*d);
}

int sv_zstd_compress(struct sv_bytes in, struct sv_buf *out, struct sv_err *err)
{
        __attribute__((cleanup(free_cctx))) ZSTD_CCtx *c = ZSTD_createCCtx();
        size_t bound = ZSTD_compressBound(in.n);
        uint8_t *p = c ? sv_buf_grow(out, bound) : NULL;

        if (!c)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory to compress");
        if (!p)
                return sv_buf_ok(out, "compressed image", err);
        ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, LEVEL);
        ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);

        size_t n = ZSTD_compress2(c, p, bound, in.p, in.n);

        if (ZSTD_isError(n))
                return sv_fail(err, SV_SYSTEM, "image.zstd", "cannot compress: %s",
                               ZSTD_getErrorName(n));
        out->n -= bound - n;
        return 0;
}

int sv_zstd_decompress(struct sv_bytes in, size_t max, struct sv_buf *out, struct sv_err *err)
{
        __attribute__((cleanup(free_dstream))) ZSTD_DStream *d = ZSTD_createDStream();
        ZSTD_inBuffer from = {in.p, in.n, 0};
        size_t start = out->n;
        size_t left = 1; /* 0 at the end of a frame */
        uint8_t piece[16384];

        if (!d)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory to decompress");
        for (;;) {
                ZSTD_outBuffer to = {piece, sizeof(piece), 0};
                size_t before = from.pos;

                left = ZSTD_decompressStream(d, &to, &from);
                if (ZSTD_isError(left))
                        return sv_fail(err, SV_FORMAT, "image.zstd", "not a zstd frame: %s",
                                       ZSTD_getErrorName(left));
                if (to.pos > max - (out->n - start))
                        return sv_fail(err, SV_FORMAT, "image.zstd",
                                       "unpacks to more than %zu bytes", max);
                sv_buf_put(out, sv_bytes(piece, to.pos));
                if (from.pos == from.size && (left == 0 || to.pos < to.size))
                        break;
                if (from.pos == before && to.pos == 0)
                        break;
        }
        if (left)
                return sv_fail(err, SV_FORMAT, "image.zstd", "a zstd frame is cut short");
        return sv_buf_ok(out, "unpacked zstd data", err);
}

int sv_zstd_decompress_first(struct sv_bytes in, size_t max, struct sv_buf *out, struct sv_err *err)
{
        size_t n = ZSTD_findFrameCompressedSize(in.p, in.n);

        if (ZSTD_isError(n))
                return sv_fail(err, SV_FORMAT, "image.zstd", "not a zstd frame: %s",
                               ZSTD_getErrorName(n));
        return sv_zstd_decompress(sv_bytes(in.p, n), max, out, err);
}
