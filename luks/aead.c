/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/aead.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/core/bytes.h"
#include "base/crypto/crypto.h"
#include "luks/integrity.h"
#include "luks/piece.h"

#define BLOCK     SV_INTEGRITY_BLOCK
#define TAGS_SIZE (SV_INTEGRITY_AREA * SV_INTEGRITY_TAG)
#define XTS_KEY   64
#define AAD       24 /* what a tag is of, before the ciphertext: the sector, and the IV */
#define LANES     2  /* parts of a piece that are worked on at a time */

/* Consecutive blocks of a piece, and what one thread needs for them. */
struct lane {
        struct sv_xts *xts;
        struct sv_mac *mac;
        uint64_t first, blocks;
        uint8_t *data, *tags; /* of its first block */
        struct sv_err err;
        bool failed;
};

struct aead {
        const struct sv_luks_in *in;
        struct sv_integrity layout;
        struct lane lanes[LANES];
        uint64_t done;
        uint8_t tags[TAGS_SIZE]; /* of one area */
        uint8_t piece[SV_LUKS_PIECE];
};

/* As dm-crypt has it (drivers/md/dm-crypt.c): HMAC over the sector's number, the IV, which begins
 * with that number again, and the ciphertext. */
static int make_tag(struct lane *l, uint64_t i)
{
        uint8_t aad[AAD] = {0};
        uint64_t sector = (l->first + i) * BLOCK / 512;

        sv_bytes_put_le(aad, sector, 8);
        sv_bytes_put_le(aad + 8, sector, 8);
        return sv_mac_make(l->mac, sv_bytes(aad, AAD), sv_bytes(l->data + i * BLOCK, BLOCK),
                           l->tags + i * SV_INTEGRITY_TAG, &l->err);
}

static void *encrypt_lane(void *arg)
{
        struct lane *l = arg;

        l->failed = sv_xts_encrypt(l->xts, l->first * BLOCK / 512, l->data,
                                   (size_t)l->blocks * BLOCK, &l->err) < 0;
        for (uint64_t i = 0; i < l->blocks && !l->failed; i++)
                l->failed = make_tag(l, i) < 0;
        return NULL;
}

/* The lanes beside the first have threads; where there are none, the first one's turn is theirs. */
static int encrypt_lanes(struct lane *lanes, struct sv_err *err)
{
        pthread_t threads[LANES];
        bool runs[LANES] = {false};
        int r = 0;

        for (size_t i = 1; i < LANES; i++)
                runs[i] = lanes[i].blocks &&
                          pthread_create(&threads[i], NULL, encrypt_lane, &lanes[i]) == 0;
        for (size_t i = 0; i < LANES; i++)
                if (!runs[i])
                        encrypt_lane(&lanes[i]);
        for (size_t i = 0; i < LANES; i++) {
                if (runs[i])
                        pthread_join(threads[i], NULL);
                if (lanes[i].failed) {
                        *err = lanes[i].err;
                        r = -1;
                }
        }
        return r;
}

static void divide_piece(struct aead *a, uint64_t first, uint64_t blocks)
{
        uint64_t done = 0;

        for (size_t i = 0; i < LANES; i++) {
                struct lane *l = &a->lanes[i];

                l->first = first + done;
                l->blocks = (blocks - done) / (LANES - i);
                l->data = a->piece + done * BLOCK;
                l->tags = a->tags + l->first % SV_INTEGRITY_AREA * SV_INTEGRITY_TAG;
                done += l->blocks;
        }
}

static int encrypt_piece(struct aead *a, uint64_t first, uint64_t blocks, struct sv_err *err)
{
        const struct sv_luks_in *in = a->in;
        size_t n = (size_t)blocks * BLOCK;

        if (in->stop && in->stop())
                return sv_fail(err, SV_SYSTEM, "image.interrupted", "interrupted");
        if (in->plain.read(&in->plain, first * BLOCK, a->piece, n, err) < 0)
                return -1;
        divide_piece(a, first, blocks);
        if (encrypt_lanes(a->lanes, err) < 0)
                return -1;
        a->done += n;
        sv_progress_seen(in->progress, a->done, in->plain.size);
        return sv_luks_write_piece(in->out, a->piece, n, sv_integrity_data_at(&a->layout, first),
                                   err);
}

/* From its end to its beginning: each block goes to a place behind the one it comes from, and
 * behind all that are still to be read. The same holds for the tags once the area is done. */
static int encrypt_area(struct aead *a, uint64_t area, struct sv_err *err)
{
        const uint64_t per_piece = SV_LUKS_PIECE / BLOCK;
        uint64_t first = area * SV_INTEGRITY_AREA, end = first + SV_INTEGRITY_AREA;

        if (end > a->layout.blocks)
                end = a->layout.blocks;
        memset(a->tags, 0, sizeof(a->tags));
        while (end > first) {
                uint64_t n = end - first > per_piece ? per_piece : end - first;

                if (encrypt_piece(a, end - n, n, err) < 0)
                        return -1;
                end -= n;
        }
        return sv_luks_write_piece(a->in->out, a->tags, sizeof(a->tags),
                                   sv_integrity_tags_at(&a->layout, area), err);
}

static int write_journal(struct aead *a, struct sv_err *err)
{
        uint64_t size = sv_integrity_journal_size(&a->layout);
        uint64_t at = SV_LUKS_DATA_OFFSET + SV_INTEGRITY_SUPERBLOCK;

        for (uint64_t done = 0; done < size; done += SV_LUKS_PIECE) {
                size_t n = size - done < SV_LUKS_PIECE ? (size_t)(size - done) : SV_LUKS_PIECE;

                for (size_t i = 0; i < n; i += 512)
                        sv_integrity_journal_sector((done + i) / 512, a->piece + i);
                if (sv_luks_write_piece(a->in->out, a->piece, n, at + done, err) < 0)
                        return -1;
        }
        return 0;
}

static int write_beginning(struct aead *a, struct sv_err *err)
{
        uint8_t superblock[SV_INTEGRITY_SUPERBLOCK];

        sv_integrity_superblock(&a->layout, superblock);
        if (sv_luks_write_piece(a->in->out, superblock, sizeof(superblock), SV_LUKS_DATA_OFFSET,
                                err) < 0)
                return -1;
        memset(a->piece, 0, sizeof(a->piece));
        for (uint64_t at = 0; at < SV_LUKS_DATA_OFFSET; at += SV_LUKS_PIECE)
                if (sv_luks_write_piece(a->in->out, a->piece, SV_LUKS_PIECE, at, err) < 0)
                        return -1;
        return 0;
}

static int encrypt_all(struct aead *a, struct sv_err *err)
{
        uint64_t areas = (a->layout.blocks + SV_INTEGRITY_AREA - 1) / SV_INTEGRITY_AREA;

        while (areas)
                if (encrypt_area(a, --areas, err) < 0)
                        return -1;
        return write_journal(a, err) < 0 ? -1 : write_beginning(a, err);
}

static int make_lanes(struct aead *a, const uint8_t *key, struct sv_err *err)
{
        const struct sv_bytes mac_key = sv_bytes(key + XTS_KEY, SV_LUKS_AEAD_KEY_SIZE - XTS_KEY);

        for (size_t i = 0; i < LANES; i++) {
                a->lanes[i].xts = sv_xts_new(sv_bytes(key, XTS_KEY), BLOCK, err);
                a->lanes[i].mac = a->lanes[i].xts ? sv_mac_new(SV_SHA256, mac_key, err) : NULL;
                if (!a->lanes[i].mac)
                        return -1;
        }
        return 0;
}

int sv_luks_aead_encrypt(const struct sv_luks_in *in, struct sv_secret *volume_key,
                         struct sv_err *err)
{
        struct aead *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return sv_fail_errno(err, "base.memory", "no memory to encrypt in");
        a->in = in;
        sv_integrity_for(in->plain.size / BLOCK, &a->layout);
        r = make_lanes(a, sv_secret_reveal(volume_key), err) < 0 ? -1 : encrypt_all(a, err);
        for (size_t i = 0; i < LANES; i++) {
                sv_xts_free(a->lanes[i].xts);
                sv_mac_free(a->lanes[i].mac);
        }
        free(a);
        return r;
}
