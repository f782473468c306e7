/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm pending: changes at a broker that wait for a second person (docs/BROKER.md, "Two
 * persons"). */
#include <stdio.h>

#include "base/core/file.h"
#include "base/core/visible.h"
#include "base/program/log.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"

static const struct sv_opt admin_opts[] = {SV_ADMIN_OPTS, {0}};

static void print_change(const struct sv_json *row)
{
        printf("%s  %-22s %s%s%s  by %s until %s\n", sv_json_text(row, "id", "?"),
               sv_json_text(row, "change", "?"), sv_json_text(row, "resource", "?"),
               sv_json_get(row, "query") ? "?" : "", sv_json_text(row, "query", ""),
               sv_json_text(row, "person", "?"), sv_json_text(row, "expires", "?"));
}

static int run_pending_list(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_ADMIN *admin = NULL;
        const struct sv_json *list;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_list_pending(admin, NULL, result, err) < 0)
                return -1;
        list = sv_json_get(*result, "pending");
        for (size_t i = 0; !sv_has(args, "json") && i < sv_json_len(list); i++)
                print_change(sv_json_at(list, i));
        return 0;
}

static int run_pending_show(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_ADMIN *admin = NULL;
        SV_STR text = NULL;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_list_pending(admin, args->pos[0], result, err) < 0)
                return -1;
        if (sv_has(args, "json"))
                return 0;
        print_change(*result);
        /* somebody else's text: nothing of it is for the terminal */
        text = sv_asprintf("%s", sv_json_text(*result, "text", ""));
        sv_make_visible(text, strlen(text), true);
        printf("%s", text);
        return 0;
}

static int decide(const struct sv_args *args, bool approve, struct sv_json **result,
                  struct sv_err *err)
{
        SV_ADMIN *admin = NULL;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_decide_pending(admin, args->pos[0], approve, err) < 0)
                return -1;
        sv_info("change %s is %s", args->pos[0], approve ? "done" : "rejected");
        *result = sv_json_object();
        sv_json_set_str(*result, "id", args->pos[0]);
        sv_json_set_bool(*result, "done", approve);
        return 0;
}

static int run_pending_approve(const struct sv_args *args, struct sv_json **result,
                               struct sv_err *err)
{
        return decide(args, true, result, err);
}

static int run_pending_reject(const struct sv_args *args, struct sv_json **result,
                              struct sv_err *err)
{
        return decide(args, false, result, err);
}

const struct sv_cmd sv_cmd_pending_list = {
        .name = "pending list",
        .args = "",
        .help = "list the changes at a broker that wait for a second person",
        .opts = admin_opts,
        .run = run_pending_list,
};

const struct sv_cmd sv_cmd_pending_show = {
        .name = "pending show",
        .args = "ID",
        .help = "show such a change, with its text when that is no secret",
        .opts = admin_opts,
        .run = run_pending_show,
};

const struct sv_cmd sv_cmd_pending_approve = {
        .name = "pending approve",
        .args = "ID",
        .help = "have such a change done, as its second person",
        .opts = admin_opts,
        .run = run_pending_approve,
};

const struct sv_cmd sv_cmd_pending_reject = {
        .name = "pending reject",
        .args = "ID",
        .help = "take such a change back, or refuse it",
        .opts = admin_opts,
        .run = run_pending_reject,
};
