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
#include "launcher/cli/delivery.h"
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
        if (sv_delivery_check_resource(sv_opt(args, "resource"), err) < 0)
                return -1;
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
        struct sv_delivery d = {.resource = sv_opt(args, "resource"),
                                .forget = sv_opt(args, "forget-volume")};
        struct sv_encrypt_in in = {0};
        struct sv_progress_line line;
        struct sv_encrypt_out out;
        SV_ADMIN *admin = NULL;
        char text[32];
        int r;

        if (read_encrypt_args(args, &in, err) < 0 || sv_disk_key_check_uuid(d.forget, err) < 0 ||
            sv_admin_from_args(args, NULL, &admin, err) < 0)
                return -1;
        d.admin = admin;
        sv_delivery_set(&d, &in);
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
