/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm resize: what a guest may take, changed while it runs. */
#include <stdio.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/describe.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/grow-disk.h"
#include "launcher/cli/resize-cold.h"
#include "launcher/cli/resize-online.h"
#include "launcher/keeper/keeper.h"
#include "launcher/virt/virt-dac.h"

static int read_changes(const struct sv_args *args, struct sv_resize *r, struct sv_err *err)
{
        for (enum sv_resize_kind kind = SV_RESIZE_CPU_SHARES; kind <= SV_RESIZE_DISK_SIZE; kind++) {
                const char *text;

                for (int k = 0; (text = sv_opt_nth(args, sv_resize_name(kind), k)); k++)
                        if (sv_resize_add(r, kind, text, err) < 0)
                                return -1;
        }
        if (r->n)
                return 0;
        return sv_fail(err, SV_USAGE, "resize.nothing",
                       "what is to change? \"secure-vm resize --help\" lists what can be");
}

/* The keeper says of a disk that is not there. */
static int check_disk_growth(const char *uri, const struct sv_resize *r,
                             const struct sv_json *status, struct sv_err *err)
{
        const struct sv_resize_step *grows = sv_resize_find(r, SV_RESIZE_DISK_SIZE);
        const struct sv_json *disk = grows ? sv_grow_find(status, grows->of) : NULL;

        return disk ? sv_grow_check(disk, sv_uri_is_here(uri), grows->value, err) : 0;
}

static void report_growth(const struct sv_resize *r, const struct sv_json *status,
                          struct sv_json *result)
{
        const struct sv_resize_step *grows = sv_resize_find(r, SV_RESIZE_DISK_SIZE);
        const char *name = sv_json_text(result, "name", "");
        SV_STR advice = NULL;
        struct sv_json *j;

        if (!grows)
                return;
        advice = sv_grow_advice(name, status, sv_grow_find(status, grows->of));
        j = sv_json_set(result, "disk", sv_json_object());
        sv_json_set_str(j, "id", grows->of);
        sv_json_set_int(j, "bytes", (int64_t)grows->value);
        sv_json_set_str(j, "inside", advice);
        sv_info("%s", advice);
}

static int print_limits_of(const char *name, const struct sv_json *result)
{
        SV_BUF text = SV_BUF_NULL;

        sv_describe_limits(sv_json_get(result, "limits"), &text);
        printf("guest %s: %s\n", name, text.n ? sv_buf_str(&text) : "no limits");
        return 0;
}

/* What restarts the guest is a command of its own: the rest happens now or not at all. */
static int check_apart(const struct sv_args *args, struct sv_err *err)
{
        for (enum sv_resize_kind kind = SV_RESIZE_CPU_SHARES; kind <= SV_RESIZE_DISK_SIZE; kind++)
                if (kind != SV_RESIZE_VCPUS && kind != SV_RESIZE_MEMORY &&
                    sv_has(args, sv_resize_name(kind)))
                        return sv_fail(err, SV_USAGE, "resize.apart",
                                       "--vcpus and --memory restart this guest, --%s does not: "
                                       "two commands",
                                       sv_resize_name(kind));
        return 0;
}

static int resize_cold(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        *result = sv_json_object();
        return check_apart(args, err) < 0 ? -1 : sv_resize_cold(args, *result, err);
}

static int run_resize(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect"), *name = args->pos[0];
        const struct sv_keeper *k = sv_keeper_choose(uri);
        struct sv_resize r = {0};
        SV_JSON *before = NULL;
        SV_JSON *status = NULL;
        bool online;

        if (sv_resize_choose_way(args, &online, err) < 0)
                return -1;
        if (!online)
                return resize_cold(args, result, err);
        if (read_changes(args, &r, err) < 0 || k->show(uri, name, &before, err) < 0 ||
            check_disk_growth(uri, &r, before, err) < 0 ||
            sv_resize_within_budget(uri, name, &r, err) < 0 || k->show(uri, name, &status, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "name", name);
        sv_json_set(*result, "limits", sv_json_ref(sv_json_get(status, "limits")));
        report_growth(&r, status, *result);
        sv_resize_report_sizes(&r, status, *result);
        return sv_has(args, "json") ? 0 : print_limits_of(name, *result);
}

static const struct sv_opt resize_opts[] = {
        {"cpu-shares", "N",
         "its weight where guests want more CPU than there is (1024 or 100 is "
         "what each has)",
         0, false},
        {"cpu-quota", "PERCENT", "at most so much of one CPU, for all of it (150), or none", 0,
         false},
        {"disk-rate", "DISK=SIZE", "at most so many bytes a second of a disk (root=50MiB), or none",
         0, true},
        {"disk-iops", "DISK=N", "at most so many requests a second of a disk (root=500), or none",
         0, true},
        {"net-rate", "CARD=SIZE",
         "at most so many bytes a second each way of a card (0=10MiB), or "
         "none",
         0, true},
        {"disk", "DISK=SIZE",
         "make a disk larger (root=20GiB), and say what to type inside the "
         "guest",
         0, true},
        {"vcpus", "N",
         "give it so many vCPUs: while it runs from what it boots with up to \"vcpus_max\" of its "
         "guest file; others are measured, so the policy first, then one restart",
         0, false},
        {"memory", "SIZE", "the same with so much memory (4GiB), up to \"memory_max\"", 0, false},
        {"online", NULL, "with --vcpus, --memory: while it runs, or not at all", 0, false},
        {"cold", NULL, "with those: change what it boots with, by one restart", 0, false},
        {"dry-run", NULL, "with --cold: only show what it will measure", 0, false},
        {"again", NULL, "with that: accept a size once more whose state was retired", 0, false},
        {"timeout", "SECONDS", "how long to wait for it to shut down for a restart (60)", 0, false},
        {"force", NULL, "end it when it has not shut down by then", 'f', false},
        SV_ADMIN_OPTS,
        {"connect", "URI", "a guest of this libvirt", 'c', false},
        {NULL, NULL, NULL, 0, false},
};

const struct sv_cmd sv_cmd_resize = {
        .name = "resize",
        .args = "NAME",
        .help = "change what a guest may take, while it runs: all that is asked for, or nothing",
        .opts = resize_opts,
        .run = run_resize,
};
