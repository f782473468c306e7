/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm image rekey: another key for an encrypted disk, made by the broker that has the old
 * one. */
#include <stdio.h>

#include "base/core/encoding.h"
#include "base/program/log.h"
#include "image/rekey.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/delivery.h"
#include "launcher/cli/disk-key.h"

static const struct sv_opt options[] = {
        {.name = "resource", .arg = "R/T/G", .help = "where the broker keeps the disk's key"},
        SV_ADMIN_OPTS,
        {0},
};

struct rekeying {
        struct sv_admin *admin;
        const char *resource;
        const char *disk;
};

static int find_version(struct rekeying *k, const struct sv_binding *b, int64_t *version,
                        struct sv_err *err)
{
        SV_JSON *found = NULL;
        const struct sv_json *row;
        char hex[97];

        sv_hex(sv_bytes(b->header_digest, sizeof(b->header_digest)), hex);
        if (sv_admin_show_resource(k->admin, k->resource, &found, err) < 0)
                return -1;
        row = sv_disk_key_find(found, b->uuid, hex);
        if (!row)
                return sv_fail(err, SV_USAGE, "image.resource",
                               "%s is not the key of %s as it is (volume %s): \"key show\" lists "
                               "what it has",
                               k->resource, k->disk, b->uuid);
        *version = sv_json_int(sv_json_get(row, "version"), 0);
        return 0;
}

static int prepare_rekey(void *arg, const struct sv_binding *found, struct sv_err *err)
{
        int64_t version;

        return find_version(arg, found, &version, err);
}

static int exchange_header(void *arg, struct sv_bytes head, struct sv_buf *made, struct sv_err *err)
{
        struct rekeying *k = arg;

        sv_info("the broker makes a new key for %s", k->resource);
        return sv_admin_rekey(k->admin, k->resource, head, made, err);
}

static int remove_older(struct rekeying *k, const struct sv_binding *now, struct sv_err *err)
{
        struct sv_admin_removal what = {.volume = now->uuid};

        if (find_version(k, now, &what.except, err) < 0)
                return -1;
        return sv_admin_delete_resource(k->admin, k->resource, &what, err);
}

static void settle_rekey(void *arg, const struct sv_binding *now)
{
        struct rekeying *k = arg;
        struct sv_err err = SV_ERR_NULL;

        if (remove_older(k, now, &err) == 0)
                return;
        sv_log_err(&err);
        sv_warn("the broker still has older keys of the disk: \"key show %s\" lists them, "
                "\"key rm --version\" removes one",
                k->resource);
}

static int run_image_rekey(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct rekeying k = {.resource = sv_opt(args, "resource"), .disk = args->pos[0]};
        const struct sv_rekey_in in = {.disk = k.disk,
                                       .prepare = prepare_rekey,
                                       .exchange = exchange_header,
                                       .settle = settle_rekey,
                                       .arg = &k};
        SV_ADMIN *admin = NULL;
        char uuid[37];

        if (!k.resource)
                return sv_fail(err, SV_USAGE, "image.options", "--resource is needed");
        if (sv_delivery_check_resource(k.resource, err) < 0 ||
            sv_admin_from_args(args, NULL, &admin, err) < 0)
                return -1;
        k.admin = admin;
        if (sv_rekey(&in, uuid, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "disk", k.disk);
        sv_json_set_str(*result, "uuid", uuid);
        sv_json_set_str(*result, "resource", k.resource);
        if (!sv_has(args, "json"))
                printf("%s: volume %s has a new key, %s; the old one opens it no more\n", k.disk,
                       uuid, k.resource);
        return 0;
}

const struct sv_cmd sv_cmd_image_rekey = {
        .name = "image rekey",
        .args = "DISK",
        .help = "give an encrypted disk another key; its guest must be stopped",
        .opts = options,
        .run = run_image_rekey,
};
