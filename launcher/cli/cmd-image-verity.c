/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm image verity: a root disk that the host cannot change unseen. */
#include <stdio.h>

#include "base/core/encoding.h"
#include "base/core/text.h"
#include "base/json/json.h"
#include "base/program/log.h"
#include "base/program/progress.h"
#include "image/verity.h"
#include "launcher/cli/commands.h"

static const struct sv_opt options[] = {
        {.name = "from",
         .arg = "PATH",
         .help = "what the disk holds: a raw image of an ext4 or erofs, a directory, or a tar"},
        {.name = "out", .arg = "FILE", .help = "the image to write"},
        {.name = "size",
         .arg = "SIZE",
         .help = "size of the file system, as 2GiB; otherwise what the contents need and a quarter "
                 "more"},
        {.name = "salt",
         .arg = "HEX",
         .help = "32 bytes that go into each hash, for the same bytes again; otherwise random"},
        {.name = "replace", .help = "replace an image that is there"},
        {0},
};

static int read_salt(const char *text, uint8_t salt[32], struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;

        if (!sv_is_hex(text, 64) || sv_unhex(sv_bytes_str(text), &raw, "image.salt", NULL) < 0)
                return sv_fail(err, SV_USAGE, "image.salt",
                               "--salt: expected 64 lower-case hex digits, found \"%s\"", text);
        memcpy(salt, raw.p, 32);
        return 0;
}

static int read_verity_args(const struct sv_args *args, struct sv_verity_in *in, uint8_t salt[32],
                            struct sv_err *err)
{
        in->from = sv_opt(args, "from");
        in->out = sv_opt(args, "out");
        in->replace = sv_has(args, "replace");
        if (!in->from || !in->out)
                return sv_fail(err, SV_USAGE, "image.options", "--from and --out are needed");
        if (sv_opt(args, "salt")) {
                if (read_salt(sv_opt(args, "salt"), salt, err) < 0)
                        return -1;
                in->salt = salt;
        }
        if (sv_opt(args, "size") &&
            sv_parse_size(sv_opt(args, "size"), &in->size, "image.size", err) < 0)
                return -1;
        return sv_disk_kind(in->from, &in->kind, err);
}

static struct sv_json *describe_image(const char *out, const struct sv_verity *v, const char *word)
{
        struct sv_json *json = sv_json_object();

        sv_json_set_str(json, "out", out);
        sv_json_set_int(json, "size", (int64_t)sv_verity_end(v));
        sv_json_set_str(json, "filesystem", v->type);
        sv_json_set_str(json, "algorithm", SV_VERITY_HASH);
        sv_json_set_int(json, "data_block_size", v->data_block);
        sv_json_set_int(json, "hash_block_size", SV_VERITY_HASH_BLOCK);
        sv_json_set_int(json, "data_blocks", (int64_t)v->data_blocks);
        sv_json_set_int(json, "hash_offset", (int64_t)v->tree);
        sv_json_set_hex(json, "salt", sv_bytes(v->salt, sizeof(v->salt)));
        sv_json_set_hex(json, "root_hash", sv_bytes(v->root, sizeof(v->root)));
        sv_json_set_str(json, "verity", word);
        return json;
}

static int run_image_verity(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_verity_in in = {0};
        SV_BUF word = SV_BUF_NULL;
        struct sv_progress_line line;
        struct sv_verity v;
        uint8_t salt[32];
        char text[32];
        int r;

        if (read_verity_args(args, &in, salt, err) < 0)
                return -1;
        sv_info("making a verity disk from %s", in.from);
        sv_progress_begin(&line, "hashing");
        in.progress = &line.progress;
        r = sv_verity_make(&in, &v, err);
        sv_progress_end(&line);
        if (r < 0)
                return -1;
        sv_verity_put(&v, &word);
        if (sv_buf_ok(&word, "the disk's verity", err) < 0)
                return -1;
        *result = describe_image(in.out, &v, sv_buf_str(&word));
        if (!sv_has(args, "json"))
                printf("%s: %s, %s; for the guest file's disk:\n\"verity\": \"%s\"\n", in.out,
                       sv_format_size(sv_verity_end(&v), text), v.type, sv_buf_str(&word));
        return 0;
}

const struct sv_cmd sv_cmd_image_verity = {
        .name = "image verity",
        .args = "",
        .help = "make a root disk whose every block the guest verifies, without root",
        .opts = options,
        .run = run_image_verity,
};
