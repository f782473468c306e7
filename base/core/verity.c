/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/verity.h"

#include "base/core/encoding.h"
#include "base/core/limits.h"

#define FIELDS  8
/* digests in one block of the tree */
#define FAN_OUT (SV_VERITY_HASH_BLOCK / sizeof(((struct sv_verity *)0)->root))

enum { TYPE, HASH, DATA_BLOCK, HASH_BLOCK, DATA_BLOCKS, TREE, SALT, ROOT };

static int split_fields(struct sv_bytes text, struct sv_bytes fields[FIELDS], struct sv_err *err)
{
        size_t n = 0, from = 0;

        for (size_t i = 0; i <= text.n; i++) {
                if (i < text.n && text.p[i] != ':')
                        continue;
                if (n < FIELDS)
                        fields[n] = sv_bytes(text.p + from, i - from);
                n++;
                from = i + 1;
        }
        return n == FIELDS
                       ? 0
                       : sv_fail(err, SV_USAGE, "verity.form",
                                 "the disk's verity: expected %d fields with colons between them, "
                                 "found %zu; take the word that \"secure-vm image verity\" printed",
                                 FIELDS, n);
}

static bool is_word(struct sv_bytes field, const char *word)
{
        return field.n == strlen(word) && memcmp(field.p, word, field.n) == 0;
}

/* Decimal, as printf writes it. */
static int read_plain_number(struct sv_bytes field, const char *what, uint64_t *out,
                             struct sv_err *err)
{
        if (!sv_bytes_number(field, UINT64_MAX, out))
                return sv_fail(err, SV_USAGE, "verity.form",
                               "the disk's verity: %s: expected a decimal number, found \"%.*s\"",
                               what, field.n > 20 ? 20 : (int)field.n, (const char *)field.p);
        return 0;
}

static int read_digest(struct sv_bytes field, const char *what, uint8_t out[32], struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;
        bool lower = field.n == 64;

        for (size_t i = 0; lower && i < field.n; i++)
                lower = field.p[i] < 'A' || field.p[i] > 'F';
        if (!lower || sv_unhex(field, &raw, "verity.digest", NULL) < 0)
                return sv_fail(err, SV_USAGE, "verity.digest",
                               "the disk's verity: %s: expected 64 lower-case hex digits", what);
        memcpy(out, raw.p, 32);
        return 0;
}

static int read_blocks(const struct sv_bytes f[FIELDS], struct sv_verity *v, struct sv_err *err)
{
        uint64_t data_block, hash_block;

        if (read_plain_number(f[DATA_BLOCK], "bytes of a block", &data_block, err) < 0)
                return -1;
        if (read_plain_number(f[HASH_BLOCK], "bytes of a block of the tree", &hash_block, err) < 0)
                return -1;
        if (read_plain_number(f[DATA_BLOCKS], "blocks", &v->data_blocks, err) < 0)
                return -1;
        if (read_plain_number(f[TREE], "where the tree begins", &v->tree, err) < 0)
                return -1;
        if ((data_block != 1024 && data_block != 2048 && data_block != 4096) ||
            hash_block != SV_VERITY_HASH_BLOCK)
                return sv_fail(err, SV_USAGE, "verity.block-size",
                               "the disk's verity: expected blocks of 1024, 2048 or 4096 bytes and "
                               "a tree of blocks of %u, found %llu and %llu",
                               SV_VERITY_HASH_BLOCK, (unsigned long long)data_block,
                               (unsigned long long)hash_block);
        v->data_block = (uint32_t)data_block;
        return 0;
}

static int check_sizes(const struct sv_verity *v, struct sv_err *err)
{
        if (v->data_blocks < 2 || v->data_blocks > SV_VERITY_SIZE_MAX / v->data_block)
                return sv_fail(err, SV_USAGE, "verity.blocks",
                               "the disk's verity: expected from 2 blocks to 16 TiB of data, found "
                               "%llu blocks of %u bytes",
                               (unsigned long long)v->data_blocks, v->data_block);
        if (v->tree % SV_VERITY_HASH_BLOCK || v->tree < sv_verity_data_size(v) ||
            v->tree > 2 * SV_VERITY_SIZE_MAX)
                return sv_fail(err, SV_USAGE, "verity.tree",
                               "the disk's verity: the tree must begin behind the data (%llu "
                               "bytes), at a multiple of %u: found %llu",
                               (unsigned long long)sv_verity_data_size(v), SV_VERITY_HASH_BLOCK,
                               (unsigned long long)v->tree);
        return 0;
}

static int read_words(const struct sv_bytes f[FIELDS], struct sv_verity *v, struct sv_err *err)
{
        if (!is_word(f[TYPE], "ext4") && !is_word(f[TYPE], "erofs"))
                return sv_fail(err, SV_USAGE, "verity.type",
                               "the disk's verity: expected the file system ext4 or erofs");
        memcpy(v->type, f[TYPE].p, f[TYPE].n);
        return is_word(f[HASH], SV_VERITY_HASH)
                       ? 0
                       : sv_fail(err, SV_USAGE, "verity.hash",
                                 "the disk's verity: expected the hash " SV_VERITY_HASH
                                 ", no other is taken");
}

int sv_verity_parse(struct sv_bytes text, struct sv_verity *out, struct sv_err *err)
{
        struct sv_bytes f[FIELDS];
        struct sv_verity v = {0};

        if (split_fields(text, f, err) < 0)
                return -1;
        if (read_words(f, &v, err) < 0)
                return -1;
        if (read_blocks(f, &v, err) < 0)
                return -1;
        if (check_sizes(&v, err) < 0)
                return -1;
        if (read_digest(f[SALT], "salt", v.salt, err) < 0)
                return -1;
        if (read_digest(f[ROOT], "root hash", v.root, err) < 0)
                return -1;
        *out = v;
        return 0;
}

void sv_verity_put(const struct sv_verity *v, struct sv_buf *out)
{
        sv_buf_printf(out, "%s:" SV_VERITY_HASH ":%u:%u:%llu:%llu:", v->type, v->data_block,
                      SV_VERITY_HASH_BLOCK, (unsigned long long)v->data_blocks,
                      (unsigned long long)v->tree);
        sv_put_hex(out, sv_bytes(v->salt, sizeof(v->salt)));
        sv_buf_puts(out, ":");
        sv_put_hex(out, sv_bytes(v->root, sizeof(v->root)));
}

uint64_t sv_verity_data_size(const struct sv_verity *v)
{
        return v->data_blocks * v->data_block;
}

uint64_t sv_verity_end(const struct sv_verity *v)
{
        uint64_t level = v->data_blocks, all = 0;

        while (level > 1) {
                level = (level + FAN_OUT - 1) / FAN_OUT;
                all += level;
        }
        return v->tree + all * SV_VERITY_HASH_BLOCK;
}
