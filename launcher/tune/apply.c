/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/apply.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/core/file.h"
#include "launcher/tune/journal.h"
#include "launcher/tune/knob.h"

/* What ends a program politely waits until all is in force, or taken back. */
static void hold_signals(sigset_t *old)
{
        sigset_t some;

        sigemptyset(&some);
        sigaddset(&some, SIGINT);
        sigaddset(&some, SIGTERM);
        sigaddset(&some, SIGHUP);
        sigaddset(&some, SIGPIPE);
        sigprocmask(SIG_BLOCK, &some, old);
}

static bool has_value(const char *root, const struct sv_tune_entry *e, const char *value)
{
        SV_BUF now = SV_BUF_NULL;

        return sv_kernel_file_read(root, e->path, e->form, &now, NULL) > 0 &&
               !strcmp(sv_buf_str(&now), value);
}

/* Written, and read back. -1 and errno; 0 in errno when the kernel keeps another value. */
static int put_value(const char *root, const struct sv_tune_entry *e, const char *value)
{
        if (sv_kernel_file_write(root, e->path, value) < 0)
                return -1;
        errno = 0;
        return has_value(root, e, value) ? 0 : -1;
}

/* --- before anything changes --- */

/* 1: it is to be left, as the kernel places it by itself. */
static int try_setting(const char *root, const struct sv_tune_setting *s, struct sv_err *err)
{
        SV_BUF now = SV_BUF_NULL;

        if (sv_kernel_file_read(root, s->path, s->knob->form, &now, err) <= 0 ||
            strcmp(sv_buf_str(&now), s->now) != 0)
                return sv_fail(err, SV_SYSTEM, "tune.changed",
                               "nothing was changed: %s was %s when the plan was made and is %s "
                               "now; make a new plan",
                               s->path, s->now, now.n ? sv_buf_str(&now) : "gone");
        if (sv_kernel_file_try(root, s->path) < 0)
                return sv_fail_errno(err, "tune.write",
                                     "nothing was changed: %s%s cannot be written, which root can "
                                     "on a machine of its own (--skip %s leaves it)",
                                     root, s->path, s->knob->name);
        if (!s->knob->probe || sv_kernel_file_write(root, s->path, s->now) == 0)
                return 0;
        if (errno == EIO || errno == EPERM)
                return 1;
        return sv_fail_errno(err, "tune.write",
                             "nothing was changed: %s%s does not take its own value", root,
                             s->path);
}

static struct sv_tune_entry make_journal_entry(const char *root, const struct sv_tune_setting *s)
{
        return (struct sv_tune_entry){
                .knob = sv_asprintf("%s", s->knob->name),
                .path = sv_asprintf("%s", s->path),
                .id = sv_tune_read_id(root, s->path),
                .old = sv_asprintf("%s", s->now),
                .before = sv_asprintf("%s", s->now),
                .wanted = sv_asprintf("%s", s->wanted),
                .form = s->knob->form,
        };
}

/* What is as wanted already is recorded too: check names it when it no longer is. */
static bool is_to_be_watched(const struct sv_tune_setting *s)
{
        return s->action == SV_TUNE_SET || (s->action == SV_TUNE_SAME && !s->others);
}

static int add_settings(const struct sv_tune_plan *plan, struct sv_tune_journal *j,
                        struct sv_json *left, struct sv_err *err)
{
        for (size_t i = 0; i < plan->n; i++) {
                const struct sv_tune_setting *s = &plan->settings[i];
                int r = s->action == SV_TUNE_SET ? try_setting(plan->ask.root, s, err) : 0;

                if (r < 0)
                        return -1;
                if (r > 0)
                        sv_json_add(left, sv_json_new_str(s->path));
                if (r > 0 || !is_to_be_watched(s))
                        continue;
                if (sv_tune_journal_add(j, make_journal_entry(plan->ask.root, s), err) < 0)
                        return -1;
        }
        return 0;
}

static bool is_same_device(const char *root, const struct sv_tune_entry *e)
{
        SV_STR id = sv_tune_read_id(root, e->path);

        return !strcmp(id, e->id);
}

/* What an earlier apply of this boot changed stays in the record: with its own first value. */
static int merge_earlier(const char *root, const struct sv_tune_journal *earlier,
                         struct sv_tune_journal *j, struct sv_err *err)
{
        size_t n = j->n;

        for (size_t i = 0; i < earlier->n; i++) {
                const struct sv_tune_entry *e = &earlier->entries[i];
                size_t k;

                if (!is_same_device(root, e))
                        continue;
                for (k = 0; k < n && strcmp(j->entries[k].path, e->path) != 0; k++)
                        ;
                if (k < n) {
                        free(j->entries[k].old);
                        j->entries[k].old = sv_asprintf("%s", e->old);
                        continue;
                }
                if (sv_tune_journal_add(j,
                                        (struct sv_tune_entry){
                                                .knob = sv_asprintf("%s", e->knob),
                                                .path = sv_asprintf("%s", e->path),
                                                .id = sv_asprintf("%s", e->id),
                                                .old = sv_asprintf("%s", e->old),
                                                .before = sv_asprintf("%s", e->wanted),
                                                .wanted = sv_asprintf("%s", e->wanted),
                                                .form = e->form,
                                        },
                                        err) < 0)
                        return -1;
        }
        return 0;
}

/* --- the change --- */

/* The first `n` as they were; what fails once is tried again when the others are back. */
static size_t put_back_values(const char *root, const struct sv_tune_journal *j, size_t n)
{
        size_t bad = 0;

        for (int round = 0; round < 2; round++) {
                bad = 0;
                for (size_t i = 0; i < n; i++)
                        if (!has_value(root, &j->entries[i], j->entries[i].before))
                                bad += put_value(root, &j->entries[i], j->entries[i].before) < 0;
        }
        return bad;
}

static int refuse_apply(const char *root, const char *dir, const struct sv_tune_journal *j,
                        size_t at, int why, struct sv_err *err)
{
        const struct sv_tune_entry *e = &j->entries[at < j->n ? at : 0];
        SV_BUF now = SV_BUF_NULL;
        size_t bad;

        sv_kernel_file_read(root, e->path, e->form, &now, NULL);
        bad = put_back_values(root, j, at < j->n ? at + 1 : j->n);
        if (bad == 0 && sv_tune_journal_drop(dir, false) < 0)
                bad++;
        if (bad)
                return sv_fail(err, SV_SYSTEM, "tune.back",
                               "%s did not take %s, and %zu settings could not be taken back; "
                               "\"secure-vm tune undo\" tries it again",
                               e->path, e->wanted, bad);
        if (at == j->n)
                return sv_fail(err, SV_SYSTEM, "tune.journal",
                               "all was taken back: the record in %s could not be finished (%s)",
                               dir, strerror(why));
        return sv_fail(err, SV_SYSTEM, "tune.refused",
                       "all was taken back: %s%s was to become \"%s\", %s%s%s; --skip %s leaves it",
                       root, e->path, e->wanted,
                       why ? "the kernel says: " : "the kernel made it \"",
                       why ? strerror(why) : sv_buf_str(&now), why ? "" : "\"", e->knob);
}

static bool is_changed(const struct sv_tune_entry *e)
{
        return strcmp(e->before, e->wanted) != 0;
}

static int change_all(const char *root, const char *dir, const struct sv_tune_journal *j,
                      struct sv_err *err)
{
        if (sv_tune_journal_begin(dir, j, err) < 0)
                return -1;
        for (size_t i = 0; i < j->n; i++)
                if (is_changed(&j->entries[i]) &&
                    put_value(root, &j->entries[i], j->entries[i].wanted) < 0)
                        return refuse_apply(root, dir, j, i, errno, err);
        return sv_tune_journal_finish(dir) < 0 ? refuse_apply(root, dir, j, j->n, errno, err) : 0;
}

static int refuse_unfinished(struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "tune.unfinished",
                       "an earlier apply was cut short: \"secure-vm tune undo\" restores what was "
                       "there before it");
}

static int check_record(const char *root, const struct sv_tune_journal *earlier, struct sv_err *err)
{
        return !strcmp(root, earlier->root)
                       ? 0
                       : sv_fail(err, SV_USAGE, "tune.root",
                                 "what was applied is below \"%s\", not below \"%s\": give "
                                 "--root as then, or undo that first",
                                 earlier->root, root);
}

/* What the other profile set and this one does not would stay, unseen. */
static int check_applied_profile(const struct sv_tune_journal *earlier,
                                 const struct sv_tune_journal *j, struct sv_err *err)
{
        return !strcmp(earlier->profile, j->profile)
                       ? 0
                       : sv_fail(err, SV_USAGE, "tune.applied",
                                 "the profile %s is in force: \"secure-vm tune undo\" first, then "
                                 "plan and apply %s",
                                 earlier->profile, j->profile);
}

static int apply_locked(const struct sv_tune_plan *plan, const char *dir, struct sv_json *result,
                        struct sv_err *err)
{
        const char *root = plan->ask.root;
        struct sv_json *left = sv_json_set(result, "left", sv_json_array());
        SV_TUNE_JOURNAL earlier = {.n = 0};
        SV_TUNE_JOURNAL j = {
                .root = sv_asprintf("%s", root),
                .boot = sv_tune_read_boot(root),
                .profile = sv_asprintf("%s", sv_tune_profiles[plan->ask.profile]),
        };
        bool unfinished;
        int had = sv_tune_journal_read(dir, &earlier, &unfinished, err);
        int64_t changed = 0;

        if (had < 0)
                return -1;
        if (had && (check_record(root, &earlier, err) < 0))
                return -1;
        /* that of another boot has nothing left to restore */
        had = had && !strcmp(earlier.boot, j.boot);
        if (had && unfinished)
                return refuse_unfinished(err);
        if ((had && check_applied_profile(&earlier, &j, err) < 0) ||
            add_settings(plan, &j, left, err) < 0)
                return -1;
        for (size_t i = 0; i < j.n; i++)
                changed += is_changed(&j.entries[i]);
        sv_json_set_int(result, "changed", changed);
        if (had && merge_earlier(root, &earlier, &j, err) < 0)
                return -1;
        return j.n ? change_all(root, dir, &j, err) : 0;
}

int sv_tune_apply(const struct sv_tune_plan *plan, const char *dir, struct sv_json *result,
                  struct sv_err *err)
{
        SV_FD lock = sv_tune_lock(dir, err);
        sigset_t old;
        int r;

        if (lock < 0)
                return -1;
        hold_signals(&old);
        r = apply_locked(plan, dir, result, err);
        sigprocmask(SIG_SETMASK, &old, NULL);
        return r;
}

/* --- undo --- */

static void keep_entry(struct sv_json *kept, const struct sv_tune_entry *e, const char *why)
{
        struct sv_json *o = sv_json_add(kept, sv_json_object());

        sv_json_set_str(o, "path", e->path);
        sv_json_set_str(o, "why", why);
}

/* NULL: it is to be restored. "": it has its old value. Else why it stays. */
static const char *judge_entry(const char *root, const struct sv_tune_entry *e)
{
        SV_STR id = sv_tune_read_id(root, e->path);
        SV_BUF now = SV_BUF_NULL;

        if (sv_kernel_file_read(root, e->path, e->form, &now, NULL) <= 0)
                return "it is gone";
        if (strcmp(id, e->id) != 0)
                return "another device has its name now";
        if (!strcmp(sv_buf_str(&now), e->old))
                return "";
        return !strcmp(sv_buf_str(&now), e->wanted) || !strcmp(sv_buf_str(&now), e->before)
                       ? NULL
                       : "it was changed by somebody else since";
}

static int restore_all(const char *root, const struct sv_tune_journal *j, size_t *restored,
                       struct sv_err *err)
{
        const struct sv_tune_entry *bad = NULL;
        bool *failed = calloc(j->n + 1, sizeof(*failed));
        int why = 0;

        if (!failed)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for %zu settings", j->n);
        for (int round = 0; round < 2; round++) {
                bad = NULL;
                for (size_t i = 0; i < j->n; i++) {
                        /* a value that the kernel made of ours is nobody else's */
                        if (round ? !failed[i] : !!judge_entry(root, &j->entries[i]))
                                continue;
                        failed[i] = put_value(root, &j->entries[i], j->entries[i].old) < 0;
                        if (failed[i]) {
                                bad = &j->entries[i];
                                why = errno;
                        } else {
                                ++*restored;
                        }
                }
        }
        free(failed);
        if (!bad)
                return 0;
        return sv_fail(err, SV_SYSTEM, "tune.undo",
                       "%s%s does not become \"%s\" again (%s); the others are restored, and "
                       "\"undo\" can be tried again",
                       root, bad->path, bad->old, why ? strerror(why) : "the kernel keeps another");
}

static int undo_locked(const char *root, const char *dir, struct sv_json *result,
                       struct sv_err *err)
{
        struct sv_json *kept = sv_json_set(result, "kept", sv_json_array());
        SV_STR boot = sv_tune_read_boot(root);
        SV_TUNE_JOURNAL j = {.n = 0};
        bool unfinished, same_boot;
        int had = sv_tune_journal_read(dir, &j, &unfinished, err);
        size_t restored = 0, changed = 0;

        if (had < 0 || (had && check_record(root, &j, err) < 0))
                return -1;
        /* what a boot has set is not to become what another boot had */
        same_boot = had && !strcmp(boot, j.boot);
        for (size_t i = 0; i < j.n; i++)
                changed += strcmp(j.entries[i].old, j.entries[i].wanted) != 0;
        for (size_t i = 0; same_boot && i < j.n; i++) {
                const char *why = judge_entry(root, &j.entries[i]);

                if (why && *why)
                        keep_entry(kept, &j.entries[i], why);
        }
        if (same_boot && restore_all(root, &j, &restored, err) < 0)
                return -1;
        sv_json_set_int(result, "settings", (int64_t)changed);
        sv_json_set_int(result, "restored", (int64_t)restored);
        return had && sv_tune_journal_drop(dir, true) < 0
                       ? sv_fail_errno(err, "tune.undo",
                                       "all is restored, but its record in %s cannot be removed",
                                       dir)
                       : 0;
}

int sv_tune_undo(const char *root, const char *dir, struct sv_json *result, struct sv_err *err)
{
        SV_FD lock = sv_tune_lock(dir, err);
        sigset_t old;
        int r;

        if (lock < 0)
                return -1;
        hold_signals(&old);
        r = undo_locked(root, dir, result, err);
        sigprocmask(SIG_SETMASK, &old, NULL);
        return r;
}

/* --- check --- */

static void compare_entry(const char *root, const struct sv_tune_entry *e, struct sv_json *list)
{
        SV_STR id = sv_tune_read_id(root, e->path);
        SV_BUF now = SV_BUF_NULL;
        bool there = sv_kernel_file_read(root, e->path, e->form, &now, NULL) > 0;
        struct sv_json *o;

        if (there && !strcmp(id, e->id) && !strcmp(sv_buf_str(&now), e->wanted))
                return;
        o = sv_json_add(list, sv_json_object());
        sv_json_set_str(o, "knob", e->knob);
        sv_json_set_str(o, "path", e->path);
        sv_json_set_str(o, "wanted", e->wanted);
        sv_json_set_str(o, "found", there ? sv_buf_str(&now) : NULL);
        if (there && strcmp(id, e->id) != 0)
                sv_json_set_str(o, "why", "another device has its name now");
}

/* 0 when there is none. */
static int fail_lost_paths(const struct sv_json *lost, struct sv_err *err)
{
        const struct sv_json *first = sv_json_at(lost, 0);

        if (!first)
                return sv_json_ok(err);
        return sv_fail(err, SV_PROOF, "tune.path",
                       "%zu NVMe controllers carry nothing, the first: %s is %s, expected live; "
                       "guests whose disks have no other path wait: look at the target and the "
                       "network (\"nvme list-subsys\")",
                       sv_json_len(lost), sv_json_text(first, "controller", ""),
                       sv_json_text(first, "found", ""));
}

static int check_once(const char *root, const char *dir, struct sv_json *result, struct sv_err *err)
{
        struct sv_json *list = sv_json_set(result, "differences", sv_json_array()),
                       *lost = sv_json_set(result, "lost_paths", sv_json_array());
        SV_TUNE_JOURNAL j = {.n = 0};
        bool unfinished = false;
        int had = sv_tune_journal_read(dir, &j, &unfinished, err);
        const struct sv_json *first;

        sv_json_set_str(result, "profile", had > 0 ? j.profile : NULL);
        sv_json_set_int(result, "settings", (int64_t)j.n);
        sv_json_set_bool(result, "unfinished", unfinished);
        if (had < 0)
                return -1;
        if (!had)
                return sv_fail(err, SV_SYSTEM, "tune.nothing",
                               "nothing was applied on this host; \"secure-vm tune plan\" shows "
                               "what could be");
        if (unfinished)
                return refuse_unfinished(err);
        if (check_record(root, &j, err) < 0)
                return -1;
        for (size_t i = 0; i < j.n; i++)
                compare_entry(root, &j.entries[i], list);
        sv_tune_list_lost_paths(root, lost);
        first = sv_json_at(list, 0);
        if (!first)
                return fail_lost_paths(lost, err);
        return sv_fail(err, SV_PROOF, "tune.differs",
                       "%zu of %zu settings are not as applied, the first: %s was made %s and is "
                       "%s; \"secure-vm tune apply\" sets them again",
                       sv_json_len(list), j.n, sv_json_text(first, "path", ""),
                       sv_json_text(first, "wanted", ""), sv_json_text(first, "found", "gone"));
}

/* A change in progress looks as one that was cut short, and one that has just ended as what it was
 * in between: what is not well is looked at twice. */
int sv_tune_check(const char *root, const char *dir, struct sv_json *result, struct sv_err *err)
{
        static const char *const members[] = {"profile", "settings", "unfinished", "differences",
                                              "lost_paths"};

        for (int round = 0;; round++) {
                struct sv_err why = SV_ERR_NULL;
                SV_JSON *found = sv_json_object();
                int r = check_once(root, dir, found, &why);

                if (r < 0 && sv_tune_is_busy(dir))
                        return sv_tune_fail_busy(err);
                if (r < 0 && round == 0)
                        continue;
                for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
                        if (sv_json_get(found, members[i]))
                                sv_json_set(result, members[i],
                                            sv_json_ref(sv_json_get(found, members[i])));
                if (r < 0 && err)
                        *err = why;
                return r;
        }
}
