/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/copy-task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/log.h"
#include "launcher/keeper/copying.h"
#include "launcher/keeper/following.h"
#include "launcher/keeper/quiesce.h"
#include "launcher/keeper/revert.h"
#include "launcher/virt/virt-backup.h"

/* --- what is asked --- */

int sv_copy_task_parse(const struct sv_json *j, struct sv_copy_task *out, struct sv_err *err)
{
        static const char *const members[] = {"kind",        "name",    "path",
                                              "incremental", "quiesce", NULL};
        const char *kind, *name = sv_json_text(j, "name", ""), *path = sv_json_text(j, "path", "");
        struct sv_copy_task t = {0};

        if (sv_json_only(j, members, "control.request", err) < 0 ||
            sv_json_need_str(j, "kind", &kind, "control.request", err) < 0)
                return -1;
        if (!strcmp(kind, "snapshot") && sv_name_ok(name) && !*path)
                t.kind = SV_COPY_SNAPSHOT;
        else if (!strcmp(kind, "backup") && *path == '/' && strlen(path) <= SV_PATH_MAX && !*name)
                t.kind = SV_COPY_BACKUP;
        else
                return sv_fail(err, SV_FORMAT, "control.request",
                               "a snapshot with a name or a backup with a path was expected, "
                               "found \"%.32s\"",
                               kind);
        t.incremental = sv_json_bool(sv_json_get(j, "incremental"), false);
        t.quiesce = sv_json_bool(sv_json_get(j, "quiesce"), false);
        if (t.incremental && t.kind != SV_COPY_BACKUP)
                return sv_fail(err, SV_FORMAT, "control.request",
                               "\"incremental\" is for a backup, not for a snapshot");
        snprintf(t.name, sizeof(t.name), "%s", name);
        snprintf(t.path, sizeof(t.path), "%s", path);
        *out = t;
        return 0;
}

struct sv_json *sv_copy_task_print(const struct sv_copy_task *t)
{
        struct sv_json *j = sv_json_object();

        sv_json_set_str(j, "kind", t->kind == SV_COPY_SNAPSHOT ? "snapshot" : "backup");
        if (t->kind == SV_COPY_SNAPSHOT)
                sv_json_set_str(j, "name", t->name);
        else
                sv_json_set_str(j, "path", t->path);
        if (t->incremental)
                sv_json_set_bool(j, "incremental", true);
        if (t->quiesce)
                sv_json_set_bool(j, "quiesce", true);
        return j;
}

const char *sv_copy_task_name(const struct sv_copy_task *t)
{
        return t->kind == SV_COPY_SNAPSHOT ? "snapshot create" : "backup create";
}

/* --- of a guest that does not run --- */

static int copy_held_disks(struct sv_site *p, const struct sv_copy_task *t,
                           const int fds[SV_GUEST_DISKS_MAX], struct sv_progress *progress,
                           struct sv_err *err)
{
        SV_FOLLOWING f = {0};
        SV_COPYING c = {0};

        if (sv_following_begin(p, t, SV_WHOLE_OFF, &f, err) < 0)
                return -1;
        sv_rest_settle(p, NULL);
        if (sv_following_open(&f, p, t, &c, err) < 0)
                return -1;
        if (sv_copying_fill(&c, fds, progress, err) < 0)
                return -1;
        return sv_copying_finish(&c, NULL, err);
}

int sv_copy_at_rest(const struct sv_guest *g, const struct sv_copy_task *t,
                    struct sv_progress *progress, struct sv_err *err)
{
        SV_SITE p = {.lock = -1};
        int fds[SV_GUEST_DISKS_MAX], r;

        if (sv_site_find(g, &p, err) < 0)
                return -1;
        /* before they are held: a killed revert may have to give them their names */
        if (sv_revert_check(g, err) < 0)
                return -1;
        if (sv_site_hold(&p, false, fds, err) < 0)
                return -1;
        r = copy_held_disks(&p, t, fds, progress, err);
        sv_site_let_go(fds);
        return r;
}

/* --- of one that runs --- */

static char *find_mount(const struct sv_copy_running *r, const struct sv_copying *c, size_t i)
{
        return sv_asprintf("%s/copy-%s.raw", r->mounts, c->set.disks[i].id);
}

/* QEMU's user is nobody elsewhere, and gets no way into the owner's folders: the one file is shown
 * to it where it may look. */
static int show_file(const struct sv_copy_running *r, const struct sv_copying *c, size_t i,
                     struct sv_err *err)
{
        SV_STR at = find_mount(r, c, i);
        SV_STR file = sv_asprintf("/proc/self/fd/%d", c->fds[i]);
        SV_FD made = -1;

        unlink(at); /* of a worker that was killed */
        made = open(at, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (made >= 0 && mount(file, at, NULL, MS_BIND, NULL) == 0)
                return 0;
        return sv_fail_errno(err, "snapshot.mount",
                             "a copy cannot be shown to QEMU in %s; \"secure-vm stop\" the guest, "
                             "and take it then",
                             at);
}

static void hide_files(const struct sv_copy_running *r, const struct sv_copying *c)
{
        for (size_t i = 0; r->mounts && i < c->set.n; i++) {
                SV_STR at = find_mount(r, c, i);

                umount2(at, MNT_DETACH | UMOUNT_NOFOLLOW);
                unlink(at);
        }
}

static int fill_by_qemu(const struct sv_copy_running *r, const struct sv_copying *c,
                        struct sv_quiesce *quiesce, struct sv_err *err)
{
        const struct sv_site *p = c->site;
        char *paths[SV_GUEST_DISKS_MAX] = {NULL};
        int done = 0;

        for (size_t i = 0; done == 0 && i < p->n; i++) {
                paths[p->disks[i].index] = r->mounts ? find_mount(r, c, i) : sv_copying_file(c, i);
                if (r->mounts)
                        done = show_file(r, c, i, err);
        }
        if (done == 0)
                done = sv_virt_copy_disks(r->virt, (const char *const *)paths, r->guest->n_disks,
                                          quiesce, r->cancel, r->progress, err);
        hide_files(r, c);
        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++)
                free(paths[i]);
        return done;
}

static int copy_all_disks(const struct sv_copy_running *r, const struct sv_site *p,
                          const struct sv_copy_task *t, struct sv_following *f, struct sv_err *err)
{
        SV_COPYING c = {0};

        if (sv_following_open(f, p, t, &c, err) < 0)
                return -1;
        if (sv_copying_reserve(&c, err) < 0)
                return -1;
        if (sv_following_mark(f, r->virt, err) < 0)
                return -1;
        if (fill_by_qemu(r, &c, f->quiesce, err) < 0)
                return -1;
        return sv_copying_finish(&c, r->cancel, err);
}

/* *begun: what fails then would fail of everything, too. */
static int copy_changes(const struct sv_copy_running *r, const struct sv_site *p,
                        const struct sv_copy_task *t, struct sv_following *f, bool *begun,
                        struct sv_err *err)
{
        SV_COPYING c = {0};

        if (sv_following_open(f, p, t, &c, err) < 0)
                return -1;
        if (sv_following_fill(f, r, &c, begun, err) < 0)
                return -1;
        return sv_copying_finish(&c, r->cancel, err);
}

static int copy_disks(const struct sv_copy_running *r, const struct sv_site *p,
                      const struct sv_copy_task *t, struct sv_following *f, struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;
        bool begun = false;

        if (t->incremental && sv_following_look(f, r->virt, p, err) < 0)
                return -1;
        if (!t->incremental || f->whole)
                return copy_all_disks(r, p, t, f, err);
        if (copy_changes(r, p, t, f, &begun, &why) == 0)
                return 0;
        if (begun || (r->cancel && *r->cancel) || !strcmp(why.check, "snapshot.quiesce") ||
            !strcmp(why.check, "snapshot.frozen")) {
                if (err)
                        *err = why;
                return -1;
        }
        sv_warn("what changed in the disks of guest %s cannot be copied alone (%s: %s): all of "
                "them are copied",
                r->guest->name, why.check, why.msg);
        f->whole = SV_WHOLE_REFUSED;
        return copy_all_disks(r, p, t, f, err);
}

int sv_copy_while_running(const struct sv_copy_running *r, const struct sv_copy_task *t,
                          struct sv_err *err)
{
        SV_SITE p = {.lock = -1};
        SV_FOLLOWING f = {0};
        struct sv_rest rest = sv_rest_for(&p, r->virt);
        int done;

        if (sv_site_find(r->guest, &p, err) < 0)
                return -1;
        if (sv_following_begin(&p, t, SV_WHOLE_UNSAID, &f, err) < 0)
                return -1;
        sv_rest_settle(&p, r->virt);
        if (t->quiesce)
                f.quiesce = &rest.quiesce;
        done = copy_disks(r, &p, t, &f, err);
        if (t->incremental)
                sv_following_end(&f, r->virt, done == 0);
        return done;
}
