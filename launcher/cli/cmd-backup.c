/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm backup: copies of a guest's disks in a folder of their own. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/log.h"
#include "base/program/progress.h"
#include "image/run.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/running-guest.h"
#include "launcher/keeper/chain.h"
#include "launcher/keeper/keeper-disks.h"
#include "launcher/keeper/site.h"
#include "launcher/keeper/revert.h"

static const struct sv_opt create_backup_opts[] = {
        {.name = "to", .arg = "FOLDER", .help = "where it is to be: a new folder"},
        {.name = "incremental", .help = "go on in that folder: only what changed since the last"},
        {.name = "quiesce", .help = "the guest's file systems come to rest for that moment"},
        {.name = "connect", .arg = "URI", .help = "a guest of this libvirt", .letter = 'c'},
        {0},
};
static const struct sv_opt restore_opts[] = {
        {.name = "from", .arg = "FOLDER", .help = "the backup"},
        {.name = "copy", .arg = "N", .help = "not the last copy in it, but this: 0 is the first"},
        {.name = "replace", .help = "in place of disks that are there, which are lost"},
        {.name = "other-key", .help = "also when they got another key since"},
        {.name = "connect", .arg = "URI", .help = "a guest of this libvirt", .letter = 'c'},
        {0},
};
static const struct sv_opt verify_opts[] = {{0}};

static int need_folder(const struct sv_args *args, const char *option, const char **out,
                       struct sv_err *err)
{
        *out = sv_opt(args, option);
        return *out && **out ? 0
                             : sv_fail(err, SV_USAGE, "backup.folder",
                                       "expected --%s with a folder", option);
}

/* As the supervisor of a running guest finds it, which stands elsewhere. */
static int resolve_target(const char *to, char out[SV_PATH_MAX + 1], struct sv_err *err)
{
        SV_STR text = sv_asprintf("%s", to);
        SV_STR above = NULL;
        SV_STR real = NULL;
        SV_STR path = NULL;
        size_t n = strlen(text);
        const char *name;

        while (n > 1 && text[n - 1] == '/')
                text[--n] = 0;
        name = sv_path_name(text);
        above = sv_path_folder(text);
        real = realpath(above, NULL);
        if (!real)
                return sv_fail_errno(err, "backup.folder", "%s, where the backup is to be", above);
        path = sv_asprintf("%s/%s", strcmp(real, "/") ? real : "", name);
        if (!*name || !strcmp(name, ".") || !strcmp(name, "..") || strlen(path) > SV_PATH_MAX)
                return sv_fail(err, SV_USAGE, "backup.folder",
                               "%s: the name of a new folder was expected", to);
        snprintf(out, SV_PATH_MAX + 1, "%s", path);
        return 0;
}

static void put_backup(const struct sv_saved *c, struct sv_json **result)
{
        char made[32];
        SV_JSON *j = sv_saved_print(c);

        *result = sv_json_object();
        sv_json_set_str(j, "made", sv_format_time(c->made, made));
        sv_json_set(*result, "backup", sv_json_ref(j));
}

static void say_copy(const char *folder, const struct sv_saved *c)
{
        uint64_t changed = 0;
        char size[32];

        for (size_t i = 0; i < c->n; i++)
                changed += (uint64_t)c->disks[i].changed;
        if (*c->since)
                printf("%s: copy %lld has what changed since the last one, %s\n", folder,
                       (long long)c->number, sv_format_size(changed, size));
        else
                printf("%s: copy %lld has all of the disks: %s\n", folder, (long long)c->number,
                       sv_saved_explain(c->whole));
}

static int run_backup_create(const struct sv_args *args, struct sv_json **result,
                             struct sv_err *err)
{
        struct sv_copy_task t = {.kind = SV_COPY_BACKUP,
                                 .incremental = sv_has(args, "incremental"),
                                 .quiesce = sv_has(args, "quiesce")};
        const char *to, *uri = sv_opt(args, "connect");
        struct sv_progress_line line;
        SV_CHAIN there = {0};
        SV_GUEST g = {0};
        int r;

        if (need_folder(args, "to", &to, err) < 0 || sv_disks_check_here(uri, err) < 0 ||
            sv_guest_running(args->pos[0], uri, &g, err) < 0 || resolve_target(to, t.path, err) < 0)
                return -1;
        sv_run_catch_signals();
        sv_progress_begin(&line, "copying the disks");
        r = sv_keeper_choose(uri)->copy_disks(uri, &g, &t, &line.progress, err);
        sv_progress_end(&line);
        if (r < 0 || sv_chain_read(t.path, SV_CHAIN_ALL, &there, err) < 0)
                return -1;
        put_backup(&there.links[there.n - 1].set, result);
        if (t.incremental && !sv_has(args, "json"))
                say_copy(t.path, &there.links[there.n - 1].set);
        return 0;
}

static int run_backup_verify(const struct sv_args *args, struct sv_json **result,
                             struct sv_err *err)
{
        struct sv_progress_line line;
        const struct sv_saved *last;
        struct sv_json *copies;
        SV_CHAIN c = {0};
        char made[32];
        int r;

        sv_run_catch_signals();
        if (sv_chain_read(args->pos[0], SV_CHAIN_ALL, &c, err) < 0)
                return -1;
        sv_progress_begin(&line, "reading");
        r = sv_chain_check(&c, &line.progress, err);
        sv_progress_end(&line);
        if (r < 0)
                return -1;
        last = &c.links[c.n - 1].set;
        put_backup(last, result);
        copies = sv_json_set(*result, "copies", sv_json_array());
        for (size_t i = 0; i < c.n; i++)
                sv_json_add(copies, sv_saved_print(&c.links[i].set));
        if (sv_has(args, "json"))
                return 0;
        printf("%s: guest %s as of %s, whole and as it was made\n", args->pos[0], last->guest,
               sv_format_time(last->made, made));
        for (size_t i = 0; c.n > 1 && i < c.n; i++)
                printf("  copy %zu of %s: %s\n", i, sv_format_time(c.links[i].set.made, made),
                       *c.links[i].set.since ? "what changed" : "all of the disks");
        return 0;
}

static int read_copy_number(const struct sv_args *args, size_t *out, struct sv_err *err)
{
        uint64_t number;

        *out = SV_CHAIN_ALL;
        if (!sv_has(args, "copy"))
                return 0;
        if (sv_parse_u64(sv_opt(args, "copy"), SV_BACKUP_LINKS_MAX, &number, "backup.number", err) <
            0)
                return -1;
        *out = (size_t)number;
        return 0;
}

static int restore_site(void *arg, struct sv_err *err)
{
        struct sv_revert *r = arg;

        return sv_revert_enter((struct sv_site *)r->site, err) < 0 ? -1 : sv_revert_disks(r, err);
}

static int run_backup_restore(const struct sv_args *args, struct sv_json **result,
                              struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect");
        struct sv_progress_line line;
        SV_SITE p = {.lock = -1};
        SV_CHAIN c = {0};
        struct sv_revert r = {.site = &p,
                              .own = true,
                              .may_miss = true,
                              .replace = sv_has(args, "replace"),
                              .other_key = sv_has(args, "other-key"),
                              .progress = &line.progress};
        SV_GUEST g = {0};
        const char *from;
        size_t number;
        int done;

        if (need_folder(args, "from", &from, err) < 0 || read_copy_number(args, &number, err) < 0 ||
            sv_disks_check_here(uri, err) < 0 || sv_guest_running(args->pos[0], uri, &g, err) < 0 ||
            sv_site_find(&g, &p, err) < 0 || sv_chain_read(from, number, &c, err) < 0)
                return -1;
        r.folder = c.links[sv_chain_base(&c)].path;
        r.changes = &c;
        sv_run_catch_signals();
        sv_progress_begin(&line, "restoring");
        done = sv_keeper_choose(uri)->while_off(uri, &g, restore_site, &r, err);
        sv_progress_end(&line);
        if (done < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "guest", g.name);
        sv_json_set_int(*result, "copy", (int64_t)c.n - 1);
        sv_put_rollback(&g, *result);
        return 0;
}

const struct sv_cmd sv_cmd_backup_create = {
        .name = "backup create",
        .args = "GUEST",
        .help = "copy a guest's disks as they are at one moment, while it runs or not",
        .opts = create_backup_opts,
        .run = run_backup_create,
};
const struct sv_cmd sv_cmd_backup_verify = {
        .name = "backup verify",
        .args = "FOLDER",
        .help = "is a backup whole, and as it was made?",
        .opts = verify_opts,
        .run = run_backup_verify,
};
const struct sv_cmd sv_cmd_backup_restore = {
        .name = "backup restore",
        .args = "GUEST",
        .help = "make the disks of a guest that does not run from a backup",
        .opts = restore_opts,
        .run = run_backup_restore,
};
