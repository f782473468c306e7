/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/saved.h"

#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/text.h"

#define CHECK  "copies.format"
#define FORMAT 2

static const struct {
        const char *name, *why;
} wholes[] = {
        [SV_WHOLE_FIRST] = {"first", "it is the first one here"},
        [SV_WHOLE_OFF] = {"off", "the guest is off, and only a QEMU that runs knows what changes"},
        [SV_WHOLE_UNMARKED] = {"unmarked",
                               "the last one was made without --incremental, or while the "
                               "guest was off, and nobody noted what changed since"},
        [SV_WHOLE_ENDED] =
                {"ended", "since the last one the guest was off, started again or moved, and what "
                          "QEMU knew of its changes ended with that"},
        [SV_WHOLE_RESIZED] = {"resized", "a disk has another size than in the last one"},
        [SV_WHOLE_DISKS] = {"disks", "the guest writes to other disks than in the last one"},
        [SV_WHOLE_REFUSED] = {"refused", "QEMU may not or cannot copy the changes alone"},
};

const char *sv_saved_explain(enum sv_whole why)
{
        return why < sizeof(wholes) / sizeof(*wholes) ? wholes[why].why : NULL;
}

char *sv_saved_file(const struct sv_saved *c, size_t disk)
{
        return sv_asprintf("%s.%s", c->disks[disk].id, *c->since ? "qcow2" : "raw");
}

static int read_reason(const char *name, enum sv_whole *out, struct sv_err *err)
{
        for (size_t i = 1; *name && i < sizeof(wholes) / sizeof(*wholes); i++)
                if (!strcmp(name, wholes[i].name)) {
                        *out = (enum sv_whole)i;
                        return 0;
                }
        return *name ? sv_fail(err, SV_FORMAT, CHECK, "\"%.32s\" is no reason", name) : 0;
}

static int read_copy(const struct sv_json *j, struct sv_saved_disk *out, struct sv_err *err)
{
        static const char *const members[] = {"id",    "bytes",  "stored", "changed",
                                              "mtime", "sha256", NULL};
        const char *id, *digest = sv_json_text(j, "sha256", "");

        if (sv_json_only(j, members, CHECK, err) < 0)
                return -1;
        if (sv_json_need_str(j, "id", &id, CHECK, err) < 0)
                return -1;
        if (sv_json_need_int(j, "bytes", 1, INT64_MAX, &out->bytes, CHECK, err) < 0)
                return -1;
        out->stored = sv_json_int(sv_json_get(j, "stored"), 0);
        out->changed = sv_json_int(sv_json_get(j, "changed"), 0);
        if (out->stored < 0 || out->changed < 0 || out->changed > out->bytes)
                return sv_fail(err, SV_FORMAT, CHECK, "%.64s has %lld bytes, and %lld changed", id,
                               (long long)out->bytes, (long long)out->changed);
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

/* What format 2 has more. */
static int read_place(const struct sv_json *j, struct sv_saved *out, struct sv_err *err)
{
        const char *bitmap = sv_json_text(j, "bitmap", ""), *since = sv_json_text(j, "since", "");

        if (read_reason(sv_json_text(j, "whole", ""), &out->whole, err) < 0)
                return -1;
        if (sv_json_get(j, "number") &&
            sv_json_need_int(j, "number", 1, SV_BACKUP_LINKS_MAX, &out->number, CHECK, err) < 0)
                return -1;
        if ((*bitmap && !sv_bitmap_name_ok(bitmap)) || (*since && !sv_is_hex(since, 64)))
                return sv_fail(err, SV_FORMAT, CHECK,
                               "\"bitmap\" is no bitmap's name, or \"since\" no SHA-256");
        if (*since && !out->number)
                return sv_fail(err, SV_FORMAT, CHECK,
                               "it has only what changed, and no \"number\"");
        out->quiesced = sv_json_bool(sv_json_get(j, "quiesced"), false);
        snprintf(out->bitmap, sizeof(out->bitmap), "%s", bitmap);
        snprintf(out->since, sizeof(out->since), "%s", since);
        return 0;
}

/* All of them are changes, with all that is said of such, or none is. */
static int check_changes(const struct sv_saved *c, struct sv_err *err)
{
        for (size_t i = 0; i < c->n; i++)
                if ((*c->since && (!c->disks[i].stored || !*c->disks[i].sha256)) ||
                    (!*c->since && (c->disks[i].stored || c->disks[i].changed)))
                        return sv_fail(err, SV_FORMAT, CHECK,
                                       "the disk \"%s\" has \"stored\" and \"sha256\" if and only "
                                       "if there is \"since\"",
                                       c->disks[i].id);
        return 0;
}

int sv_saved_parse(struct sv_bytes text, struct sv_saved *out, struct sv_err *err)
{
        static const char *const members[] = {"format", "guest", "made",     "bitmap", "number",
                                              "since",  "whole", "quiesced", "disks",  NULL};
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
        if (read_place(j, &c, err) < 0)
                return -1;
        if (read_saved_disks(disks, &c, err) < 0)
                return -1;
        if (check_changes(&c, err) < 0)
                return -1;
        *out = c;
        return 0;
}

struct sv_json *sv_saved_print(const struct sv_saved *c)
{
        struct sv_json *j = sv_json_object(), *rows;

        bool more = *c->bitmap || c->number || c->whole || c->quiesced;

        sv_json_set_int(j, "format", more ? FORMAT : 1);
        sv_json_set_str(j, "guest", c->guest);
        sv_json_set_int(j, "made", c->made);
        if (*c->bitmap)
                sv_json_set_str(j, "bitmap", c->bitmap);
        if (c->number)
                sv_json_set_int(j, "number", c->number);
        if (*c->since)
                sv_json_set_str(j, "since", c->since);
        if (c->quiesced)
                sv_json_set_bool(j, "quiesced", true);
        if (c->whole)
                sv_json_set_str(j, "whole", wholes[c->whole].name);
        rows = sv_json_set(j, "disks", sv_json_array());
        for (size_t i = 0; i < c->n; i++) {
                struct sv_json *row = sv_json_add(rows, sv_json_object());

                sv_json_set_str(row, "id", c->disks[i].id);
                sv_json_set_int(row, "bytes", c->disks[i].bytes);
                if (c->disks[i].stored) {
                        sv_json_set_int(row, "stored", c->disks[i].stored);
                        sv_json_set_int(row, "changed", c->disks[i].changed);
                }
                if (c->disks[i].mtime)
                        sv_json_set_int(row, "mtime", c->disks[i].mtime);
                if (*c->disks[i].sha256)
                        sv_json_set_str(row, "sha256", c->disks[i].sha256);
        }
        return j;
}
