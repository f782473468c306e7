/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/delivery.h"

#include <string.h>

#include "base/core/text.h"
#include "base/json/json.h"
#include "base/program/log.h"
#include "launcher/cli/disk-key.h"

/* Nobody's key is replaced because two disks were given one name. */
static int prepare_key(void *arg, struct sv_err *err)
{
        struct sv_delivery *d = arg;
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
        struct sv_delivery *d = arg;

        sv_info("giving the key to the broker as %s", d->resource);
        memcpy(d->uuid, binding->uuid, sizeof(d->uuid));
        return sv_admin_add_resource(d->admin, d->resource, d->forget, resource, err);
}

static void remove_volume(struct sv_delivery *d, const char *volume)
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
        struct sv_delivery *d = arg;

        remove_volume(d, d->uuid);
}

static void settle_key(void *arg)
{
        struct sv_delivery *d = arg;

        if (d->forget)
                remove_volume(d, d->forget);
}

int sv_delivery_check_resource(const char *resource, struct sv_err *err)
{
        if (sv_resource_ok(sv_bytes_str(resource)))
                return 0;
        return sv_fail(err, SV_USAGE, "image.resource",
                       "--resource: expected repository/type/tag, like default/web/root, found "
                       "\"%s\"",
                       resource);
}

void sv_delivery_set(struct sv_delivery *d, struct sv_encrypt_in *in)
{
        in->prepare = prepare_key;
        in->deliver = deliver_key;
        in->withdraw = withdraw_key;
        in->settle = settle_key;
        in->arg = d;
}
