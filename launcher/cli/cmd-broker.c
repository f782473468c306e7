/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm broker add, list, rm: names for the brokers that are administered from here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/brokers.h"
#include "launcher/cli/commands.h"

static const struct sv_opt add_opts[] = {
        SV_ADMIN_OPTS,
        {.name = "replace", .help = "in place of the broker that has this name"},
        {.name = "unchecked", .help = "do not ask the broker whether it takes this key"},
        {0},
};
static const struct sv_opt no_opts[] = {{0}};

/* Names are refused later by a broker that one does not reach: better while the options are at
 * hand. */
static int check_broker(const struct sv_args *args, struct sv_err *err)
{
        SV_ADMIN *admin = NULL;
        SV_JSON *resources = NULL;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0)
                return -1;
        if (sv_has(args, "unchecked") ||
            sv_admin_list_resources(admin, NULL, NULL, &resources, err) == 0)
                return 0;
        return sv_wrap(err, "nothing was written");
}

static int run_broker_add(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *name = args->pos[0];
        SV_BROKER_ENTRY e = {0};
        const char *url = sv_opt(args, "broker"), *pin = sv_opt(args, "pin"),
                   *key = sv_opt(args, "admin-key");

        if (!url || !pin || !key)
                return sv_fail(err, SV_USAGE, "admin.broker",
                               "a broker is known by --broker URL, --pin and --admin-key: all "
                               "three are needed");
        if (!strstr(url, "://"))
                return sv_fail(err, SV_USAGE, "admin.broker",
                               "--broker of \"broker add\" is the URL that gets the name "
                               "(https://host:port), found \"%s\"",
                               url);
        if (check_broker(args, err) < 0)
                return -1;
        e.url = sv_asprintf("%s", url);
        e.pin = sv_asprintf("%s", pin);
        e.admin_key = realpath(key, NULL);
        if (!e.admin_key) /* a key's URI; it was opened above */
                e.admin_key = sv_asprintf("%s", key);
        if (sv_broker_entry_write(name, &e, sv_has(args, "replace"), err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "name", name);
        sv_json_set_str(*result, "url", e.url);
        sv_info("%s is known as %s: say --broker %s, set SECURE_VM_BROKER, or say nothing while it "
                "is the only one",
                e.url, name, name);
        return 0;
}

static int run_broker_list(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_JSON *names = NULL;
        struct sv_json *list;

        if (sv_broker_entry_list(&names, err) < 0)
                return -1;
        *result = sv_json_object();
        list = sv_json_set(*result, "brokers", sv_json_array());
        for (size_t i = 0; i < sv_json_len(names); i++) {
                const char *name = sv_json_str(sv_json_at(names, i));
                SV_BROKER_ENTRY e = {0};
                struct sv_json *row;

                if (sv_broker_entry_read(name, &e, err) < 0)
                        return -1;
                row = sv_json_add(list, sv_json_object());
                sv_json_set_str(row, "name", name);
                sv_json_set_str(row, "url", e.url);
                sv_json_set_str(row, "pin", e.pin);
                sv_json_set_str(row, "admin_key", e.admin_key);
                if (!sv_has(args, "json"))
                        printf("%-16s %s\n%-16s %s\n%-16s %s\n", name, e.url, "", e.pin, "",
                               e.admin_key);
        }
        return 0;
}

static int run_broker_rm(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        if (sv_broker_entry_remove(args->pos[0], err) < 0)
                return -1;
        sv_info("%s is not known any more; the broker itself, and your key, are as they were",
                args->pos[0]);
        *result = sv_json_object();
        sv_json_set_str(*result, "name", args->pos[0]);
        return 0;
}

const struct sv_cmd sv_cmd_broker_add = {
        .name = "broker add",
        .args = "NAME",
        .help = "give a name to a broker that you administer, for --broker NAME",
        .opts = add_opts,
        .run = run_broker_add,
};

const struct sv_cmd sv_cmd_broker_list = {
        .name = "broker list",
        .args = "",
        .help = "the brokers that have a name",
        .opts = no_opts,
        .run = run_broker_list,
};

const struct sv_cmd sv_cmd_broker_rm = {
        .name = "broker rm",
        .args = "NAME",
        .help = "forget the name of a broker",
        .opts = no_opts,
        .run = run_broker_rm,
};
