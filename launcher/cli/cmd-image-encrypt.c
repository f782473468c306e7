/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm image encrypt: an encrypted disk, its key at the broker and nowhere else. */
#include <stdio.h>

#include "base/json/json.h"
#include "base/program/log.h"
#include "base/program/progress.h"
#include "base/core/text.h"
#include "image/encrypt.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/disk-key.h"

static const struct sv_opt options[] = {
        {.name = "from",
         .arg = "PATH",
         .help = "what the disk holds: a directory, a tar, or a raw image"},
        {.name = "out", .arg = "FILE", .help = "the image to write"},
        {.name = "size",
         .arg = "SIZE",
         .help = "size of the image, as 2GiB; otherwise what the contents need and a quarter more"},
        {.name = "resource",
         .arg = "R/T/G",
         .help = "where the broker keeps the key: repository/type/tag"},
        {.name = "integrity",
         .help = "with an authentication tag for every block: a changed disk is noticed"},
        {.name = "filesystem",
         .arg = "TYPE",
         .help = "ext4, or with --integrity btrfs: an older state of the disk is noticed too"},
        {.name = "replace", .help = "replace an image that is there"},
        {.name = "forget-volume",
         .arg = "UUID",
         .help = "give up this disk, whose key the resource is: nobody can open it any more"},
        {.name = "recovery-key",
         .arg = "FILE",
         .help = "also write the key here: whoever has this file can open the disk"},
        SV_ADMIN_OPTS,
        {0},
};

struct delivery {
        struct sv_admin *admin;
        const char *resource;
        const char *forget; /* the volume that is given up; NULL: none */
        char uuid[37];      /* the new one */
};

/* Nobody's key is replaced because two disks were given one name. */
static int prepare_key(void *arg, struct sv_err *err)
{
        struct delivery *d = arg;
        SV_JSON *found = NULL;
        const struct sv_json *disk;

        if (sv_admin_show_resource(d->admin, d->resource, &found, err) < 0)
                return -1;
        disk = sv_disk_key_find(found, d->forget, NULL);
        if (d->forget && !disk)
                return sv_fail(err, SV_USAGE, "image.resource",
                               "%s has no key of volume %s: \"key show\" lists what it has",
                               d->resource, d->forget);
        if (!d->forget && disk)
                return sv_fail(err, SV_USAGE, "image.resource",
                               "%s is the key of disk volume %s: give another --resource, or "
                               "--forget-volume %s when that disk is given up",
                               d->resource, sv_json_str(sv_json_get(disk, "volume")),
                               sv_json_str(sv_json_get(disk, "volume")));
        if (!d->forget && sv_json_len(sv_json_get(found, "versions")))
                return sv_fail(err, SV_USAGE, "image.resource",
                               "the broker has something else as %s: give another --resource, or "
                               "remove it with \"key rm\"",
                               d->resource);
        return 0;
}

static int deliver_key(void *arg, struct sv_secret *resource, const struct sv_binding *binding,
                       struct sv_err *err)
{
        struct delivery *d = arg;

        sv_info("giving the key to the broker as %s", d->resource);
        memcpy(d->uuid, binding->uuid, sizeof(d->uuid));
        return sv_admin_add_resource(d->admin, d->resource, d->forget, resource, err);
}

static void remove_volume(struct delivery *d, const char *volume)
{
        const struct sv_admin_removal what = {.volume = volume};
        struct sv_err err = SV_ERR_NULL;

        if (sv_admin_delete_resource(d->admin, d->resource, &what, &err) == 0)
                return;
        sv_log_err(&err);
        sv_warn("the broker still has the key of volume %s: \"key rm %s --forget-volume %s\"",
                volume, d->resource, volume);
}

static void withdraw_key(void *arg)
{
        struct delivery *d = arg;

        remove_volume(d, d->uuid);
}

static void settle_key(void *arg)
{
        struct delivery *d = arg;

        if (d->forget)
                remove_volume(d, d->forget);
}

static int read_encrypt_args(const struct sv_args *args, struct sv_encrypt_in *in,
                             struct sv_err *err)
{
        in->from = sv_opt(args, "from");
        in->out = sv_opt(args, "out");
        in->replace = sv_has(args, "replace");
        in->integrity = sv_has(args, "integrity");
        in->recovery = sv_opt(args, "recovery-key");
        if (!in->from || !in->out || !sv_opt(args, "resource"))
                return sv_fail(err, SV_USAGE, "image.options",
                               "--from, --out and --resource are needed");
        if (sv_opt(args, "size") &&
            sv_parse_size(sv_opt(args, "size"), &in->size, "image.size", err) < 0)
                return -1;
        if (sv_filesystem_parse(sv_opt(args, "filesystem"), &in->filesystem, err) < 0 ||
            sv_disk_kind(in->from, &in->kind, err) < 0)
                return -1;
        if (in->kind == SV_DISK_RAW && sv_opt(args, "filesystem"))
                return sv_fail(err, SV_USAGE, "image.filesystem",
                               "%s is an image with a file system of its own: leave --filesystem "
                               "out, or give a directory or a tar",
                               in->from);
        return 0;
}

static int run_image_encrypt(const struct sv_args *args, struct sv_json **result,
                             struct sv_err *err)
{
        static const char *const kinds[] = {
                [SV_DISK_DIR] = "directory", [SV_DISK_TAR] = "tar", [SV_DISK_RAW] = "raw image"};
        struct delivery d = {.resource = sv_opt(args, "resource"),
                             .forget = sv_opt(args, "forget-volume")};
        struct sv_encrypt_in in = {.prepare = prepare_key,
                                   .deliver = deliver_key,
                                   .withdraw = withdraw_key,
                                   .settle = settle_key,
                                   .arg = &d};
        struct sv_progress_line line;
        struct sv_encrypt_out out;
        SV_ADMIN *admin = NULL;
        char text[32];
        int r;

        if (read_encrypt_args(args, &in, err) < 0 || sv_disk_key_check_uuid(d.forget, err) < 0 ||
            sv_admin_from_args(args, NULL, &admin, err) < 0)
                return -1;
        d.admin = admin;
        sv_info("making an encrypted disk from the %s %s", kinds[in.kind], in.from);
        sv_progress_begin(&line, "encrypting");
        in.progress = &line.progress;
        r = sv_encrypt(&in, &out, err);
        sv_progress_end(&line);
        if (r < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "out", in.out);
        sv_json_set_int(*result, "size", (int64_t)out.size);
        sv_json_set_str(*result, "uuid", out.uuid);
        sv_json_set_str(*result, "resource", d.resource);
        sv_json_set_bool(*result, "integrity", in.integrity);
        if (!sv_has(args, "json"))
                printf("%s: %s, LUKS2 volume %s%s, key %s\n", in.out,
                       sv_format_size(out.size, text), out.uuid,
                       in.integrity ? " with integrity" : "", d.resource);
        return 0;
}

const struct sv_cmd sv_cmd_image_encrypt = {
        .name = "image encrypt",
        .args = "",
        .help = "make an encrypted disk without root; its key goes to the broker only",
        .opts = options,
        .run = run_image_encrypt,
};
