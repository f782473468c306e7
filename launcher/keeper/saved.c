/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/saved.h"

#include <stdio.h>
#include <string.h>

#include "base/core/text.h"

#define CHECK  "copies.format"
#define FORMAT 1

static int read_copy(const struct sv_json *j, struct sv_saved_disk *out, struct sv_err *err)
{
        static const char *const members[] = {"id", "bytes", "mtime", "sha256", NULL};
        const char *id, *digest = sv_json_text(j, "sha256", "");

        if (sv_json_only(j, members, CHECK, err) < 0)
                return -1;
        if (sv_json_need_str(j, "id", &id, CHECK, err) < 0)
                return -1;
        if (sv_json_need_int(j, "bytes", 1, INT64_MAX, &out->bytes, CHECK, err) < 0)
                return -1;
        if (!sv_name_ok(id) || strlen(id) > SV_DISK_ID_MAX)
                return sv_fail(err, SV_FORMAT, CHECK, "\"%.64s\" is no disk's id", id);
        if (*digest && !sv_is_hex(digest, 64))
                return sv_fail(err, SV_FORMAT, CHECK, "the digest of %s is no SHA-256", id);
        snprintf(out->id, sizeof(out->id), "%s", id);
        snprintf(out->sha256, sizeof(out->sha256), "%s", digest);
        out->mtime = sv_json_int(sv_json_get(j, "mtime"), 0);
        return 0;
}

static int read_saved_disks(const struct sv_json *disks, struct sv_saved *out, struct sv_err *err)
{
        out->n = sv_json_len(disks);
        if (!out->n || out->n > SV_GUEST_DISKS_MAX)
                return sv_fail(err, SV_FORMAT, CHECK, "expected 1 to %d disks, found %zu",
                               SV_GUEST_DISKS_MAX, out->n);
        for (size_t i = 0; i < out->n; i++) {
                if (read_copy(sv_json_at(disks, i), &out->disks[i], err) < 0)
                        return -1;
                for (size_t k = 0; k < i; k++)
                        if (!strcmp(out->disks[k].id, out->disks[i].id))
                                return sv_fail(err, SV_FORMAT, CHECK,
                                               "the disk \"%s\" is there twice", out->disks[i].id);
        }
        return 0;
}

int sv_saved_parse(struct sv_bytes text, struct sv_saved *out, struct sv_err *err)
{
        static const char *const members[] = {"format", "guest", "made", "disks", NULL};
        struct sv_saved c = {.n = 0};
        struct sv_json *disks;
        SV_JSON *j = NULL;
        const char *guest;
        int64_t format;

        if (sv_json_parse(text, CHECK, &j, err) < 0)
                return -1;
        if (sv_json_need_int(j, "format", 1, FORMAT, &format, CHECK, err) < 0)
                return sv_wrap(err, "a version of secure-vm that knows this format reads it");
        if (sv_json_only(j, members, CHECK, err) < 0)
                return -1;
        if (sv_json_need_str(j, "guest", &guest, CHECK, err) < 0)
                return -1;
        if (sv_json_need_int(j, "made", 0, INT64_MAX, &c.made, CHECK, err) < 0)
                return -1;
        if (sv_json_need_array(j, "disks", &disks, CHECK, err) < 0)
                return -1;
        if (!sv_name_ok(guest))
                return sv_fail(err, SV_FORMAT, CHECK, "\"%.64s\" is no guest's name", guest);
        snprintf(c.guest, sizeof(c.guest), "%s", guest);
        if (read_saved_disks(disks, &c, err) < 0)
                return -1;
        *out = c;
        return 0;
}

struct sv_json *sv_saved_print(const struct sv_saved *c)
{
        struct sv_json *j = sv_json_object(), *rows;

        sv_json_set_int(j, "format", FORMAT);
        sv_json_set_str(j, "guest", c->guest);
        sv_json_set_int(j, "made", c->made);
        rows = sv_json_set(j, "disks", sv_json_array());
        for (size_t i = 0; i < c->n; i++) {
                struct sv_json *row = sv_json_add(rows, sv_json_object());

                sv_json_set_str(row, "id", c->disks[i].id);
                sv_json_set_int(row, "bytes", c->disks[i].bytes);
                if (c->disks[i].mtime)
                        sv_json_set_int(row, "mtime", c->disks[i].mtime);
                if (*c->disks[i].sha256)
                        sv_json_set_str(row, "sha256", c->disks[i].sha256);
        }
        return j;
}
