/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm snapshot: states of a guest's disks that are kept. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/log.h"
#include "base/program/progress.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/running-guest.h"
#include "launcher/keeper/keeper.h"

#define CONNECT                                                                                   \
        {                                                                                         \
                .name = "connect", .arg = "URI", .help = "a guest of this libvirt", .letter = 'c' \
        }

static const struct sv_opt create_opts[] = {
        {.name = "name", .arg = "SNAPSHOT", .help = "how it is called; the time without"},
        CONNECT,
        {0},
};
static const struct sv_opt plain_opts[] = {CONNECT, {0}};

static int do_task(const struct sv_args *args, const struct sv_guest *g, const struct sv_task *t,
                   const char *what, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect");
        const struct sv_keeper *k = sv_keeper_choose(uri);
        struct sv_progress_line line;
        int r;

        if (sv_keeper_offer(k, k->disks, sv_task_name(t->kind), err) < 0)
                return -1;
        sv_progress_begin(&line, what);
        r = k->disks(uri, g, t, &line.progress, err);
        sv_progress_end(&line);
        if (r < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "guest", g->name);
        if (*t->name)
                sv_json_set_str(*result, "snapshot", t->name);
        return 0;
}

static int read_snapshot_name(const char *name, struct sv_task *t, struct sv_err *err)
{
        if (!sv_name_ok(name))
                return sv_fail(err, SV_USAGE, "snapshot.name",
                               "\"%s\" is no name for a snapshot: letters, digits, \"_\", \"-\" "
                               "and \".\", at most %d",
                               name, SV_NAME_MAX);
        snprintf(t->name, sizeof(t->name), "%s", name);
        return 0;
}

static int run_create(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_task t = {.kind = SV_TASK_CREATE};
        const char *name = sv_opt(args, "name");
        time_t now = time(NULL);
        char stamp[32] = "";
        struct tm tm;
        SV_GUEST g = {0};

        if (!name && gmtime_r(&now, &tm))
                strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
        if (read_snapshot_name(name ? name : stamp, &t, err) < 0 ||
            sv_guest_running(args->pos[0], sv_opt(args, "connect"), &g, err) < 0)
                return -1;
        if (do_task(args, &g, &t, "taking a snapshot", result, err) < 0)
                return -1;
        sv_info("snapshot %s of guest %s: the disks as after a power cut at this moment; "
                "\"secure-vm "
                "snapshot revert %s %s\" brings them back",
                t.name, g.name, g.name, t.name);
        return 0;
}

static int run_named(const struct sv_args *args, enum sv_task_kind kind, const char *what,
                     struct sv_guest *g, struct sv_json **result, struct sv_err *err)
{
        struct sv_task t = {.kind = kind};

        if (read_snapshot_name(args->pos[1], &t, err) < 0 ||
            sv_guest_running(args->pos[0], sv_opt(args, "connect"), g, err) < 0)
                return -1;
        return do_task(args, g, &t, what, result, err);
}

/* Whether a TEE sees that a disk is older than it was: only the broker's floor does. */
static void tell_rollback(const struct sv_guest *g)
{
        if (sv_guest_encrypted(g) && g->attestation.url)
                sv_info("the TEE does not see that a disk is of an earlier time. Where the broker "
                        "keeps its generation (image encrypt --integrity --filesystem btrfs), it "
                        "refuses this one (disk.rollback) until \"secure-vm key accept-restore %s "
                        "--generation N\" with the number that the refused guest says",
                        g->attestation.resource);
        else
                sv_info("the TEE does not see that a disk is of an earlier time");
}

static int run_revert(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_GUEST g = {0};

        if (run_named(args, SV_TASK_REVERT, "going back", &g, result, err) < 0)
                return -1;
        tell_rollback(&g);
        return 0;
}

static int run_delete(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_GUEST g = {0};

        return run_named(args, SV_TASK_DELETE, "deleting the snapshot", &g, result, err);
}

static int run_flatten(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_task t = {.kind = SV_TASK_FLATTEN};
        SV_GUEST g = {0};

        if (sv_guest_running(args->pos[0], sv_opt(args, "connect"), &g, err) < 0)
                return -1;
        return do_task(args, &g, &t, "flattening", result, err);
}

static int run_cancel(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const struct sv_keeper *k = sv_keeper_choose(NULL);

        if (k->disks_cancel(NULL, args->pos[0], err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "guest", args->pos[0]);
        return 0;
}

/* --- list --- */

static struct sv_json *find_row(struct sv_json *rows, const struct sv_layer *l)
{
        char made[32];
        struct sv_json *row;

        for (size_t i = 0; i < sv_json_len(rows); i++)
                if (!strcmp(sv_json_text(sv_json_at(rows, i), "name", ""), l->name))
                        return sv_json_at(rows, i);
        row = sv_json_add(rows, sv_json_object());
        sv_json_set_str(row, "name", l->name);
        sv_json_set_str(row, "made", sv_format_time(l->made, made));
        sv_json_set_bool(row, "current", false);
        sv_json_set_bool(row, "deleting", false);
        sv_json_set(row, "disks", sv_json_array());
        return row;
}

static void add_snapshots(struct sv_json *rows, const struct sv_disk *d, const struct sv_tree *t)
{
        for (size_t i = 0; i < t->n; i++) {
                const struct sv_layer *l = &t->layers[i];
                struct sv_json *row;

                if (!*l->name)
                        continue;
                row = find_row(rows, l);
                sv_json_add(sv_json_get(row, "disks"), sv_json_new_str(d->id));
                if (t->layers[t->active].parent == (int)i)
                        sv_json_set_bool(row, "current", true);
                if (l->merging)
                        sv_json_set_bool(row, "deleting", true);
        }
}

static void print_snapshots(const struct sv_json *rows)
{
        printf("%-24s %-20s %s\n", "NAME", "MADE", "STATE");
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i);

                printf("%-24s %-20s %s\n", sv_json_text(row, "name", "-"),
                       sv_json_text(row, "made", "-"),
                       sv_json_bool(sv_json_get(row, "deleting"), false)  ? "being deleted"
                       : sv_json_bool(sv_json_get(row, "current"), false) ? "below what is written"
                                                                          : "");
        }
}

static int run_list_snapshots(const struct sv_args *args, struct sv_json **result,
                              struct sv_err *err)
{
        SV_CHAINS chains = {0};
        struct sv_json *rows;
        SV_GUEST g = {0};

        if (sv_guest_running(args->pos[0], sv_opt(args, "connect"), &g, err) < 0 ||
            sv_chains_read(&g, &chains, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "guest", g.name);
        rows = sv_json_set(*result, "snapshots", sv_json_array());
        for (size_t i = 0; i < g.n_disks; i++)
                if (chains.disks[i].path)
                        add_snapshots(rows, &g.disks[i], &chains.disks[i].chain.now);
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
        .opts = plain_opts,
        .run = run_revert,
};
const struct sv_cmd sv_cmd_snapshot_delete = {
        .name = "snapshot delete",
        .args = "GUEST SNAPSHOT",
        .help = "forget a state; later ones stay",
        .opts = plain_opts,
        .run = run_delete,
};
const struct sv_cmd sv_cmd_snapshot_flatten = {
        .name = "snapshot flatten",
        .args = "GUEST",
        .help = "forget all states but the newest, which goes into the disks' own files",
        .opts = plain_opts,
        .run = run_flatten,
};
const struct sv_cmd sv_cmd_snapshot_cancel = {
        .name = "snapshot cancel",
        .args = "GUEST",
        .help = "end a deletion or flattening that is at work on a guest that runs",
        .run = run_cancel,
};
