/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/virt-bitmaps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/bytes.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "base/crypto/crypto.h"
#include "launcher/virt/virt-int.h"

#define PREFIX "secure-vm-"
#define CHECK  "virt.monitor"

/* --- names --- */

/* When it was begun, or 0 when it is none of ours. */
static uint64_t read_begin_time(const char *name)
{
        const char *at = name + strlen(PREFIX), *dash;
        uint64_t made = 0;

        if (strncmp(name, PREFIX, strlen(PREFIX)) || !(dash = strchr(at, '-')) ||
            !sv_bytes_number(sv_bytes(at, (size_t)(dash - at)), INT64_MAX, &made) ||
            !sv_is_hex(dash + 1, 16))
                return 0;
        return made;
}

bool sv_bitmap_name_ok(const char *name)
{
        return strlen(name) < SV_BITMAP_NAME_SIZE && read_begin_time(name);
}

int sv_bitmap_name(int64_t made, char out[SV_BITMAP_NAME_SIZE], struct sv_err *err)
{
        uint64_t tail;

        if (sv_random(&tail, sizeof(tail), err) < 0)
                return -1;
        snprintf(out, SV_BITMAP_NAME_SIZE, PREFIX "%lld-%016llx", (long long)made,
                 (unsigned long long)tail);
        return 0;
}

/* --- those that are there --- */

void sv_bitmaps_free(struct sv_bitmaps *b)
{
        sv_json_free(b->answer);
        *b = (struct sv_bitmaps){0};
}

static const struct sv_json *find_bitmap(const struct sv_json *block, const char *name)
{
        const struct sv_json *rows = sv_json_get(block, "dirty-bitmaps");

        for (size_t i = 0; i < sv_json_len(rows); i++)
                if (!strcmp(sv_json_text(sv_json_at(rows, i), "name", ""), name))
                        return sv_json_at(rows, i);
        return NULL;
}

static int read_disk(struct sv_bitmaps *b, size_t i, size_t disk, struct sv_err *err)
{
        SV_STR device = sv_asprintf("/machine/peripheral/virtio-disk%zu/virtio-backend", disk);

        for (size_t k = 0; k < sv_json_len(b->answer); k++) {
                struct sv_json *row = sv_json_at(b->answer, k);
                struct sv_json *block = sv_json_get(row, "inserted");
                const char *node = sv_json_text(block, "node-name", "");
                int64_t size = sv_json_int(sv_json_pointer(block, "/image/virtual-size"), 0);

                if (strcmp(sv_json_text(row, "qdev", ""), device))
                        continue;
                if (!*node || strlen(node) > SV_NODE_NAME_MAX || size < 1)
                        break;
                snprintf(b->disks[i].node, sizeof(b->disks[i].node), "%s", node);
                b->disks[i].size = (uint64_t)size;
                b->blocks[i] = block;
                return 0;
        }
        return sv_fail(err, SV_SYSTEM, CHECK,
                       "QEMU does not say in which node of its block layer the guest's disk %zu is",
                       disk);
}

int sv_bitmaps_read(struct sv_virt *v, const size_t *disks, size_t n, struct sv_bitmaps *out,
                    struct sv_err *err)
{
        SV_BITMAPS b = {.n = n};

        if (sv_virt_ask_qemu(v, "query-block", NULL, -1, &b.answer, err) < 0)
                return -1;
        for (size_t i = 0; i < n; i++)
                if (read_disk(&b, i, disks[i], err) < 0)
                        return -1;
        *out = b;
        b = (struct sv_bitmaps){0};
        return 0;
}

bool sv_bitmaps_find(const struct sv_bitmaps *b, const char *name,
                     uint64_t changed[SV_GUEST_DISKS_MAX])
{
        bool good = b->n > 0;

        for (size_t i = 0; i < b->n; i++) {
                const struct sv_json *row = find_bitmap(b->blocks[i], name);

                changed[i] = (uint64_t)sv_json_int(sv_json_get(row, "count"), 0);
                good &= sv_json_bool(sv_json_get(row, "recording"), false) &&
                        !sv_json_bool(sv_json_get(row, "inconsistent"), false);
        }
        return good;
}

static void remove_from(struct sv_virt *v, const char *node, const char *name)
{
        struct sv_json *j = sv_virt_argument("node", node);

        sv_json_set_str(j, "name", name);
        sv_virt_ask_qemu(v, "block-dirty-bitmap-remove", j, -1, NULL, NULL);
}

void sv_bitmaps_remove(struct sv_virt *v, const struct sv_bitmaps *b, const char *name)
{
        for (size_t i = 0; i < b->n; i++)
                if (find_bitmap(b->blocks[i], name))
                        remove_from(v, b->disks[i].node, name);
}

/* The oldest of ours behind `after`, of which there are *n with it. */
static const char *find_oldest_bitmap(const struct sv_json *rows, const char *after, size_t *n)
{
        const char *oldest = NULL;

        *n = 0;
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const char *name = sv_json_text(sv_json_at(rows, i), "name", "");
                uint64_t made = read_begin_time(name);

                if (!made ||
                    (after && (made < read_begin_time(after) ||
                               (made == read_begin_time(after) && strcmp(name, after) <= 0))))
                        continue;
                ++*n;
                if (!oldest || made < read_begin_time(oldest) ||
                    (made == read_begin_time(oldest) && strcmp(name, oldest) < 0))
                        oldest = name;
        }
        return oldest;
}

void sv_bitmaps_make_place(struct sv_virt *v, const struct sv_bitmaps *b, const char *keep)
{
        for (size_t i = 0; i < b->n; i++) {
                const struct sv_json *rows = sv_json_get(b->blocks[i], "dirty-bitmaps");
                const char *oldest = NULL;
                size_t n;

                while ((oldest = find_oldest_bitmap(rows, oldest, &n)) && n >= SV_BITMAPS_MAX)
                        if (!keep || strcmp(oldest, keep))
                                sv_bitmaps_remove(v, b, oldest);
        }
}

void sv_bitmaps_put_adding(struct sv_json *actions, const struct sv_bitmaps *b, const char *name)
{
        for (size_t i = 0; i < b->n; i++) {
                struct sv_json *data = sv_virt_add_action(actions, "block-dirty-bitmap-add");

                sv_json_set_str(data, "node", b->disks[i].node);
                sv_json_set_str(data, "name", name);
                sv_json_set_bool(data, "persistent", false);
        }
}

int sv_bitmaps_add(struct sv_virt *v, const struct sv_bitmaps *b, const char *name,
                   struct sv_err *err)
{
        struct sv_json *actions = sv_json_array();

        sv_bitmaps_make_place(v, b, NULL);
        sv_bitmaps_put_adding(actions, b, name);
        return sv_virt_do_together(v, actions, err);
}
