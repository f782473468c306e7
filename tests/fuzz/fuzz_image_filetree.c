/* SPDX-License-Identifier: Apache-2.0 */
/* File systems of an imported disk that are read by readers of our own: 'x' or 'b' for XFS or
 * btrfs, and then pieces of a disk that is zero elsewhere: u32le sector, u16le length, bytes. What
 * is found is within its limits, and everything ends. */
#include <stdlib.h>
#include <string.h>

#include "base/core/rd.h"
#include "image/import/filetree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DISK     (1ull << 36)
#define FILE_MAX (1u << 20)

static int read_pieces(const struct sv_source *s, uint64_t at, uint8_t *p, size_t n,
                       struct sv_err *err)
{
        struct sv_rd r = *(struct sv_rd *)s->arg;

        if (at > s->size || n > s->size - at)
                abort();
        memset(p, 0, n);
        while (sv_rd_left(&r)) {
                uint64_t place = sv_rd_u32le(&r) * 512ull, from, to;
                struct sv_bytes piece = sv_rd_bytes(&r, sv_rd_u16le(&r));

                from = place > at ? place : at;
                to = place + piece.n < at + n ? place + piece.n : at + n;
                if (from < to)
                        memcpy(p + (from - at), piece.p + (from - place), (size_t)(to - from));
        }
        return 0;
}

static void take_name(void *arg, const char *name)
{
        if (!*name || strlen(name) > 65535)
                abort();
}

static int take_tree(void *arg, uint64_t number)
{
        unsigned *n = arg;

        return ++*n > 64;
}

static void look_around(struct sv_filetree *t)
{
        static const char *const paths[] = {"/etc/fstab", "/links/long", "/links/over", "/numbers"};
        struct sv_source whole;
        struct sv_err err;
        unsigned n = 0;

        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                SV_BUF b = SV_BUF_NULL;

                if (sv_filetree_read(t, paths[i], FILE_MAX, &b, "fuzz", &err) == 0 &&
                    b.n > FILE_MAX)
                        abort();
        }
        sv_filetree_list(t, "/", take_name, NULL, &err);
        sv_filetree_each_subvolume(t, take_tree, &n, &err);
        sv_filetree_find_subvolume(t, "root");
        if (sv_filetree_source(t, &whole, &err) == 0 && whole.size > DISK)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_rd pieces = sv_rd(sv_bytes(data + (size > 0), size - (size > 0)));
        const struct sv_source disk = {.size = DISK, .read = read_pieces, .arg = &pieces, .fd = -1};
        struct sv_partition p = {.size = DISK};
        struct sv_err err = SV_ERR_NULL;
        SV_FILETREE *t = NULL;

        strcpy(p.holds, size && *data == 'b' ? "btrfs" : "xfs");
        if (sv_filetree_open(&disk, &p, &t, &err) < 0) {
                if (strncmp(err.check, "import.", 7) && strcmp(err.check, "base.memory"))
                        abort();
                return 0;
        }
        look_around(t);
        return 0;
}
