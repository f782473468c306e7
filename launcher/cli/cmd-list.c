/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm list, show: what there is. */
#include <stdio.h>

#include "launcher/cli/commands.h"
#include "launcher/keeper/keeper.h"

static const char *get_member_text(const struct sv_json *j, const char *member)
{
        const char *s = sv_json_str(sv_json_get(j, member));

        return s ? s : "-";
}

static int run_list(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect");
        struct sv_json *rows;

        *result = sv_json_object();
        rows = sv_json_set(*result, "guests", sv_json_array());
        if (sv_keeper_choose(uri)->list(uri, rows, err) < 0)
                return -1;
        if (sv_has(args, "json"))
                return 0;
        printf("%-24s %-10s %-8s %-6s %s\n", "NAME", "STATE", "TEE", "ACCEL", "SINCE");
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *r = sv_json_at(rows, i);

                printf("%-24s %-10s %-8s %-6s %s\n", get_member_text(r, "name"),
                       get_member_text(r, "state"), get_member_text(r, "tee"),
                       get_member_text(r, "accelerator"), get_member_text(r, "since"));
        }
        return 0;
}

static void print_boot(const struct sv_json *boot)
{
        static const char *const parts[] = {"firmware", "kernel", "uki", "initrd", "shim"};

        for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
                if (sv_json_get(boot, parts[i]))
                        printf("%-12s %s\n             sha256 %s\n", parts[i],
                               get_member_text(sv_json_get(boot, parts[i]), "path"),
                               get_member_text(sv_json_get(boot, parts[i]), "sha256"));
}

static void print_steps(const struct sv_json *steps)
{
        for (size_t i = 0; i < sv_json_len(steps); i++) {
                const struct sv_json *e = sv_json_at(steps, i);

                if (!strcmp(get_member_text(e, "event"), "step") &&
                    !strcmp(get_member_text(e, "state"), "done"))
                        printf("%-12s %s, %lld ms\n", "step", get_member_text(e, "step"),
                               (long long)sv_json_int(sv_json_get(e, "ms"), 0));
        }
}

static int run_show(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        static const char *const members[] = {"name",       "uuid",    "state",
                                              "since",      "tee",     "accelerator",
                                              "guest_file", "grounds", "folder"};
        const char *uri = sv_opt(args, "connect");
        const struct sv_json *e;

        if (sv_keeper_choose(uri)->show(uri, args->pos[0], result, err) < 0)
                return -1;
        if (sv_has(args, "json"))
                return 0;
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
                if (sv_json_str(sv_json_get(*result, members[i])))
                        printf("%-12s %s\n", members[i], get_member_text(*result, members[i]));
        print_boot(sv_json_get(*result, "boot"));
        print_steps(sv_json_get(*result, "steps"));
        e = sv_json_get(*result, "error");
        if (e)
                printf("%-12s %s [%s]\n", "error", get_member_text(e, "message"),
                       get_member_text(e, "check"));
        return 0;
}

static const struct sv_opt list_opts[] = {
        {"connect", "URI", "the guests of this libvirt instead of our own", 'c', false},
        {NULL, NULL, NULL, 0, false},
};

static const struct sv_opt show_opts[] = {
        {"connect", "URI", "a guest of this libvirt", 'c', false},
        {NULL, NULL, NULL, 0, false},
};

const struct sv_cmd sv_cmd_list = {"list", "", "the guests of this host", list_opts, run_list};
const struct sv_cmd sv_cmd_show = {"show", "NAME",
                                   "one guest: what boots, what it reached, why it failed",
                                   show_opts, run_show};
