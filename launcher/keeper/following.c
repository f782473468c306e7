/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/following.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/keeper/revert.h"
#include "launcher/virt/virt-changes.h"
#include "launcher/virt/virt-track.h"

void sv_following_free(struct sv_following *f)
{
        sv_chain_free(&f->chain);
        sv_bitmaps_free(&f->bitmaps);
}

/* --- the folder --- */

static int check_folder_guest(const struct sv_following *f, const struct sv_site *p,
                              const struct sv_copy_task *t, struct sv_err *err)
{
        const char *found = f->chain.links[0].set.guest;

        if (!strcmp(found, p->guest->name))
                return 0;
        return sv_fail(err, SV_USAGE, "backup.guest",
                       "%s has backups of guest %s, and guest %s's do not go on from them: give "
                       "another folder",
                       t->path, found, p->guest->name);
}

static int read_copies(struct sv_following *f, const struct sv_site *p,
                       const struct sv_copy_task *t, struct sv_err *err)
{
        SV_STR list = sv_asprintf("%s/" SV_SAVED_FILE, t->path);

        if (!t->incremental || access(list, F_OK) < 0) {
                f->whole = t->incremental ? SV_WHOLE_FIRST : SV_WHOLE_UNSAID;
                snprintf(f->path, sizeof(f->path), "%s", t->path);
                return 0;
        }
        if (sv_chain_read(t->path, SV_CHAIN_ALL, &f->chain, err) < 0)
                return -1;
        if (check_folder_guest(f, p, t, err) < 0)
                return -1;
        if (f->chain.n > SV_BACKUP_LINKS_MAX)
                return sv_fail(err, SV_USAGE, "backup.limit",
                               "%s has %zu copies after the first, which is the most: give "
                               "another folder",
                               t->path, f->chain.n - 1);
        snprintf(f->path, sizeof(f->path), "%s/%zu", t->path, f->chain.n);
        return 0;
}

int sv_following_begin(struct sv_site *p, const struct sv_copy_task *t, enum sv_whole whole,
                       struct sv_following *f, struct sv_err *err)
{
        if (sv_revert_enter(p, err) < 0 || read_copies(f, p, t, err) < 0)
                return -1;
        if (t->incremental && !f->whole)
                f->whole = whole;
        return 0;
}

int sv_following_open(const struct sv_following *f, const struct sv_site *p,
                      const struct sv_copy_task *t, struct sv_copying *out, struct sv_err *err)
{
        const struct sv_link *last = f->chain.n ? &f->chain.links[f->chain.n - 1] : NULL;

        if ((t->kind == SV_COPY_SNAPSHOT ? sv_copying_snapshot(p, t->name, out, err)
                                         : sv_copying_backup(p, f->path, out, err)) < 0)
                return -1;
        out->set.quiesced = f->quiesce != NULL;
        if (t->kind == SV_COPY_SNAPSHOT)
                return 0;
        out->set.number = (int64_t)f->chain.n;
        out->set.whole = f->whole;
        snprintf(out->set.bitmap, sizeof(out->set.bitmap), "%s", f->next);
        if (last && !f->whole)
                snprintf(out->set.since, sizeof(out->set.since), "%s", last->digest);
        return 0;
}

/* --- what QEMU knows --- */

static bool has_disks_of(const struct sv_saved *last, const struct sv_site *p)
{
        if (last->n != p->n)
                return false;
        for (size_t i = 0; i < p->n; i++)
                if (strcmp(last->disks[i].id, p->guest->disks[p->disks[i].index].id))
                        return false;
        return true;
}

static enum sv_whole judge_known(struct sv_following *f, const struct sv_site *p)
{
        const struct sv_saved *last = &f->chain.links[f->chain.n - 1].set;

        if (!has_disks_of(last, p))
                return SV_WHOLE_DISKS;
        for (size_t i = 0; i < p->n; i++)
                if (f->sizes[i] != (uint64_t)last->disks[i].bytes)
                        return SV_WHOLE_RESIZED;
        if (!*last->bitmap)
                return SV_WHOLE_UNMARKED;
        return sv_bitmaps_find(&f->bitmaps, last->bitmap, f->changed) ? SV_WHOLE_UNSAID
                                                                      : SV_WHOLE_ENDED;
}

int sv_following_look(struct sv_following *f, struct sv_virt *v, const struct sv_site *p,
                      struct sv_err *err)
{
        for (size_t i = 0; i < p->n; i++)
                f->disks[i] = p->disks[i].index;
        if (sv_virt_end_changes(v, err) < 0 || sv_virt_track_clear(v, err) < 0 ||
            sv_bitmaps_read(v, f->disks, p->n, &f->bitmaps, err) < 0 ||
            sv_bitmap_name(time(NULL), f->next, err) < 0)
                return -1;
        for (size_t i = 0; i < p->n; i++)
                f->sizes[i] = f->bitmaps.disks[i].size;
        if (!f->whole)
                f->whole = judge_known(f, p);
        /* what would never come back is not made */
        return f->whole ? 0 : sv_chain_look(&f->chain, err);
}

int sv_following_mark(struct sv_following *f, struct sv_virt *v, struct sv_err *err)
{
        return *f->next ? sv_bitmaps_add(v, &f->bitmaps, f->next, err) : 0;
}

static int reserve_change(void *arg, size_t disk, uint64_t bytes, struct sv_err *err)
{
        return sv_copying_reserve_change(arg, disk, bytes, err);
}

int sv_following_fill(struct sv_following *f, const struct sv_copy_running *r, struct sv_copying *c,
                      bool *begun, struct sv_err *err)
{
        const struct sv_changes changes = {
                .b = &f->bitmaps,
                .disks = f->disks,
                .since = f->chain.links[f->chain.n - 1].set.bitmap,
                .next = f->next,
                .fds = c->fds,
                .reserve = reserve_change,
                .arg = c,
                .quiesce = f->quiesce,
                .cancel = r->cancel,
                .progress = r->progress,
        };

        if (sv_copying_reserve_changes(c, f->sizes, f->changed, err) < 0)
                return -1;
        return sv_virt_copy_changes(r->virt, &changes, begun, err);
}

void sv_following_end(struct sv_following *f, struct sv_virt *v, bool there)
{
        SV_BITMAPS now = {0};

        if (!f->bitmaps.n || sv_bitmaps_read(v, f->disks, f->bitmaps.n, &now, NULL) < 0)
                return;
        if (!there)
                sv_bitmaps_remove(v, &now, f->next);
        for (size_t i = 0; there && i < f->chain.n; i++)
                if (*f->chain.links[i].set.bitmap)
                        sv_bitmaps_remove(v, &now, f->chain.links[i].set.bitmap);
}
