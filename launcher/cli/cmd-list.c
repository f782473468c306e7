/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm list, show: what there is. */
#include <stdio.h>

#include "base/core/text.h"
#include "launcher/keeper/client.h"
#include "launcher/cli/commands.h"
#include "launcher/keeper/daemon.h"

/* The supervisor's own word when it answers; else the file, corrected where it says that something
 * runs. */
static struct sv_json *current(const struct sv_state *s, const struct sv_json *file)
{
        struct sv_json *live = NULL;
        const char *state = sv_json_str(sv_json_get(file, "state"));

        if (sv_client_ask(s, SV_CONTROL_STATUS, &live, NULL) == 0 && live)
                return live;
        live = sv_json_ref((struct sv_json *)file);
        if (state && strcmp(state, "stopped") && strcmp(state, "failed") && !sv_state_locked(s))
                sv_json_set_str(live, "state", "killed");
        return live;
}

static const char *text(const struct sv_json *j, const char *member)
{
        const char *s = sv_json_str(sv_json_get(j, member));

        return s ? s : "-";
}

static int add(void *arg, const struct sv_state *s, const struct sv_json *status,
               struct sv_err *err)
{
        static const char *const members[] = {"name",        "uuid",  "state",     "tee",
                                              "accelerator", "since", "guest_file"};
        struct sv_json *row = sv_json_add(arg, sv_json_object());
        SV_JSON *now = current(s, status);

        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
                sv_json_set_str(row, members[i], text(now, members[i]));
        return 0;
}

static int list(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_json *rows;

        *result = sv_json_object();
        rows = sv_json_set(*result, "guests", sv_json_array());
        if (sv_has(args, "connect") ? sv_elsewhere_list(sv_opt(args, "connect"), rows, err) < 0
                                    : sv_state_each(add, rows, err) < 0)
                return -1;
        if (sv_has(args, "json"))
                return 0;
        printf("%-24s %-10s %-8s %-6s %s\n", "NAME", "STATE", "TEE", "ACCEL", "SINCE");
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *r = sv_json_at(rows, i);

                printf("%-24s %-10s %-8s %-6s %s\n", text(r, "name"), text(r, "state"),
                       text(r, "tee"), text(r, "accelerator"), text(r, "since"));
        }
        return 0;
}

static void print_boot(const struct sv_json *boot)
{
        static const char *const parts[] = {"firmware", "kernel", "uki", "initrd", "shim"};

        for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
                if (sv_json_get(boot, parts[i]))
                        printf("%-12s %s\n             sha256 %s\n", parts[i],
                               text(sv_json_get(boot, parts[i]), "path"),
                               text(sv_json_get(boot, parts[i]), "sha256"));
}

static void print_steps(const struct sv_json *steps)
{
        for (size_t i = 0; i < sv_json_len(steps); i++) {
                const struct sv_json *e = sv_json_at(steps, i);

                if (!strcmp(text(e, "event"), "step") && !strcmp(text(e, "state"), "done"))
                        printf("%-12s %s, %lld ms\n", "step", text(e, "step"),
                               (long long)sv_json_int(sv_json_get(e, "ms"), 0));
        }
}

static int show(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        static const char *const members[] = {"name", "uuid",        "state",      "since",
                                              "tee",  "accelerator", "guest_file", "grounds"};
        SV_STATE s = {.lock = -1};
        SV_JSON *file = NULL;
        const struct sv_json *e;

        if (sv_client_find(args->pos[0], &s, err) < 0 || sv_state_read_status(&s, &file, err) < 0)
                return -1;
        *result = current(&s, file);
        sv_json_set_str(*result, "folder", s.dir);
        if (sv_has(args, "json"))
                return 0;
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
                if (sv_json_str(sv_json_get(*result, members[i])))
                        printf("%-12s %s\n", members[i], text(*result, members[i]));
        printf("%-12s %s\n", "folder", s.dir);
        print_boot(sv_json_get(*result, "boot"));
        print_steps(sv_json_get(*result, "steps"));
        e = sv_json_get(*result, "error");
        if (e)
                printf("%-12s %s [%s]\n", "error", text(e, "message"), text(e, "check"));
        return 0;
}

static const struct sv_opt list_opts[] = {
        {"connect", "URI", "the guests of this libvirt instead of our own", 'c', false},
        {NULL, NULL, NULL, 0, false},
};

const struct sv_cmd sv_cmd_list = {"list", "", "the guests of this host", list_opts, list};
const struct sv_cmd sv_cmd_show = {
        "show", "NAME", "one guest: what boots, what it reached, why it failed", NULL, show};
