/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm snapshot: states of a guest's disks that are kept beside them. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "base/program/progress.h"
#include "image/run.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/running-guest.h"
#include "launcher/keeper/keeper-disks.h"
#include "launcher/keeper/site.h"
#include "launcher/keeper/revert.h"
#include "launcher/keeper/snapshot.h"

#define CONNECT                                                                                   \
        {                                                                                         \
                .name = "connect", .arg = "URI", .help = "a guest of this libvirt", .letter = 'c' \
        }

static const struct sv_opt create_opts[] = {
        {.name = "name", .arg = "SNAPSHOT", .help = "how it is called; the time without"},
        {.name = "quiesce", .help = "the guest's file systems come to rest for that moment"},
        CONNECT,
        {0},
};
static const struct sv_opt revert_opts[] = {
        {.name = "other-key", .help = "also to a state of before the disk got another key"},
        CONNECT,
        {0},
};
static const struct sv_opt plain_opts[] = {CONNECT, {0}};

static int open_site(const struct sv_args *args, struct sv_guest *g, struct sv_site *p,
                     struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect");

        if (sv_disks_check_here(uri, err) < 0)
                return -1;
        if (sv_guest_running(args->pos[0], uri, g, err) < 0)
                return -1;
        return sv_site_find(g, p, err);
}

static void put_result(const struct sv_guest *g, const char *name, struct sv_json **result)
{
        *result = sv_json_object();
        sv_json_set_str(*result, "guest", g->name);
        if (name)
                sv_json_set_str(*result, "snapshot", name);
}

/* --- create --- */

static void make_name(const char *given, char out[SV_NAME_MAX + 1])
{
        time_t now = time(NULL);
        struct tm tm;

        if (given)
                snprintf(out, SV_NAME_MAX + 1, "%s", given);
        else if (gmtime_r(&now, &tm))
                strftime(out, SV_NAME_MAX + 1, "%Y%m%d-%H%M%S", &tm);
}

/* Of a guest that is off nothing had to come to rest. */
static bool was_quiesced(const struct sv_site *p, const char *name)
{
        SV_JSON *rows = sv_json_array();

        if (sv_snapshot_list(p, rows, NULL) < 0)
                return false;
        for (size_t i = 0; i < sv_json_len(rows); i++)
                if (!strcmp(sv_json_text(sv_json_at(rows, i), "name", ""), name))
                        return sv_json_bool(sv_json_get(sv_json_at(rows, i), "quiesced"), false);
        return false;
}

static int run_create(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_copy_task t = {.kind = SV_COPY_SNAPSHOT, .quiesce = sv_has(args, "quiesce")};
        const char *uri = sv_opt(args, "connect"), *name = sv_opt(args, "name");
        struct sv_progress_line line;
        SV_SITE p = {.lock = -1};
        SV_GUEST g = {0};
        bool still;
        int r;

        if (name && sv_snapshot_check_name(name, err) < 0)
                return -1;
        make_name(name, t.name);
        if (open_site(args, &g, &p, err) < 0)
                return -1;
        sv_run_catch_signals();
        sv_progress_begin(&line, "copying the disks");
        r = sv_keeper_choose(uri)->copy_disks(uri, &g, &t, &line.progress, err);
        sv_progress_end(&line);
        if (r < 0)
                return -1;
        put_result(&g, t.name, result);
        still = t.quiesce && was_quiesced(&p, t.name);
        sv_info("snapshot %s of guest %s: its disks as %s at this moment%s; \"secure-vm snapshot "
                "revert %s %s\" brings them back",
                t.name, g.name, still ? "its file systems came to rest" : "after a power cut",
                still ? "" : " (no agent in the guest was asked to come to rest)", args->pos[0],
                t.name);
        return 0;
}

/* --- revert --- */

struct reverting {
        struct sv_site *site;
        const char *name;
        struct sv_progress *progress;
        bool other_key;
};

static int revert_site(void *arg, struct sv_err *err)
{
        const struct reverting *v = arg;
        SV_STR folder = sv_site_path(v->site, v->name);
        const struct sv_revert r = {.site = v->site,
                                    .folder = folder,
                                    .progress = v->progress,
                                    .other_key = v->other_key};

        if (sv_revert_enter(v->site, err) < 0 || sv_snapshot_find(v->site, v->name, err) < 0)
                return -1;
        return sv_revert_disks(&r, err);
}

static int run_revert(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect"), *name = args->pos[1];
        struct sv_progress_line line;
        SV_SITE p = {.lock = -1};
        struct reverting v = {&p, name, &line.progress, sv_has(args, "other-key")};
        SV_GUEST g = {0};
        int r;

        if (sv_snapshot_check_name(name, err) < 0 || open_site(args, &g, &p, err) < 0)
                return -1;
        sv_run_catch_signals();
        sv_progress_begin(&line, "going back");
        r = sv_keeper_choose(uri)->while_off(uri, &g, revert_site, &v, err);
        sv_progress_end(&line);
        if (r < 0)
                return -1;
        put_result(&g, name, result);
        sv_put_rollback(&g, *result);
        return 0;
}

/* --- delete, flatten --- */

static int run_delete(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *name = args->pos[1];
        SV_SITE p = {.lock = -1};
        SV_GUEST g = {0};

        if (sv_snapshot_check_name(name, err) < 0 || open_site(args, &g, &p, err) < 0)
                return -1;
        if (sv_snapshot_find(&p, name, err) < 0)
                return -1;
        if (sv_revert_enter(&p, err) < 0 || sv_snapshot_delete(&p, name, err) < 0)
                return -1;
        put_result(&g, name, result);
        return 0;
}

static int run_flatten(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_SITE p = {.lock = -1};
        SV_GUEST g = {0};
        size_t removed;

        if (open_site(args, &g, &p, err) < 0)
                return -1;
        if (sv_revert_enter(&p, err) < 0 || sv_snapshot_flatten(&p, &removed, err) < 0)
                return -1;
        put_result(&g, NULL, result);
        sv_json_set_int(*result, "removed", (int64_t)removed);
        return 0;
}

/* --- list --- */

static void print_snapshots(const struct sv_json *rows)
{
        printf("%-24s %-20s %10s  %s\n", "NAME", "MADE", "SIZE", "DISKS");
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i), *e = sv_json_get(row, "error");
                const struct sv_json *disks = sv_json_get(row, "disks");

                printf("%-24s %-20s ", sv_json_text(row, "name", "-"),
                       sv_json_text(row, "made", "-"));
                if (e) {
                        printf("%10s  %s\n", "-", sv_json_text(e, "message", "-"));
                        continue;
                }
                printf("%6lld MiB ", (long long)sv_json_int(sv_json_get(row, "bytes"), 0) >> 20);
                for (size_t k = 0; k < sv_json_len(disks); k++)
                        printf(" %s", sv_json_str(sv_json_at(disks, k)));
                printf("\n");
        }
}

static int run_list_snapshots(const struct sv_args *args, struct sv_json **result,
                              struct sv_err *err)
{
        SV_SITE p = {.lock = -1};
        struct sv_json *rows;
        SV_GUEST g = {0};

        if (open_site(args, &g, &p, err) < 0)
                return -1;
        put_result(&g, NULL, result);
        rows = sv_json_set(*result, "snapshots", sv_json_array());
        if (sv_snapshot_list(&p, rows, err) < 0)
                return -1;
        if (!sv_has(args, "json"))
                print_snapshots(rows);
        return 0;
}

const struct sv_cmd sv_cmd_snapshot_create = {
        .name = "snapshot create",
        .args = "GUEST",
        .help = "keep the state that a guest's disks have now, while it runs or not",
        .opts = create_opts,
        .run = run_create,
};
const struct sv_cmd sv_cmd_snapshot_list = {
        .name = "snapshot list",
        .args = "GUEST",
        .help = "the states that were kept",
        .opts = plain_opts,
        .run = run_list_snapshots,
};
const struct sv_cmd sv_cmd_snapshot_revert = {
        .name = "snapshot revert",
        .args = "GUEST SNAPSHOT",
        .help = "bring the disks of a stopped guest back; what was written since is lost",
        .opts = revert_opts,
        .run = run_revert,
};
const struct sv_cmd sv_cmd_snapshot_delete = {
        .name = "snapshot delete",
        .args = "GUEST SNAPSHOT",
        .help = "forget a state; the disks and the other states stay",
        .opts = plain_opts,
        .run = run_delete,
};
const struct sv_cmd sv_cmd_snapshot_flatten = {
        .name = "snapshot flatten",
        .args = "GUEST",
        .help = "forget all states but the newest, which is in the disks themselves",
        .opts = plain_opts,
        .run = run_flatten,
};
