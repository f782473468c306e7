/* SPDX-License-Identifier: Apache-2.0 */
/* Of the two hosts in tests/unit/move_world.h: where the guest writes, the files, and the keeper.
 */
#pragma once

#include "launcher/virt/virt-track.h"
#include "tests/unit/move_world.h"
#include "tests/unit/notes_image.h"

/* --- where the guest writes --- */

/* Of this process. */
struct sv_virt_track {
        bool written[2]; /* chunks */
        int fd;          /* that QEMU has */
};
static struct sv_virt_track *track;

int __wrap_sv_bitmaps_read(struct sv_virt *v, const size_t *disks, size_t n, struct sv_bitmaps *out,
                           struct sv_err *err);
int __wrap_sv_virt_track_begin(struct sv_virt *v, const struct sv_bitmaps *b, const int *fds,
                               struct sv_virt_track **out, struct sv_err *err);
int __wrap_sv_virt_track_take(struct sv_virt_track *t, size_t disk, int fd, struct sv_err *err);
int __wrap_sv_virt_track_wait(struct sv_virt_track *t, struct sv_err *err);
void __wrap_sv_virt_track_end(struct sv_virt_track *t);
int __wrap_sv_virt_track_clear(struct sv_virt *v, struct sv_err *err);

static int fail_noting(struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "virt.track", "nobody knows");
}

int __wrap_sv_bitmaps_read(struct sv_virt *v, const size_t *disks, size_t n, struct sv_bitmaps *out,
                           struct sv_err *err)
{
        MUST(of(v) == here() && n == 1 && disks[0] == 0);
        *out = (struct sv_bitmaps){.n = 1};
        out->disks[0].size = w->notes == NOT_SIZED ? BYTES + SV_MOVE_CHUNK : BYTES;
        return 0;
}

int __wrap_sv_virt_track_begin(struct sv_virt *v, const struct sv_bitmaps *b, const int *fds,
                               struct sv_virt_track **out, struct sv_err *err)
{
        MUST(of(v) == here() && of(v)->state == SV_VIRT_RUNNING && b->n == 1);
        if (step(of(v), err) < 0)
                return -1;
        if (w->notes == NOT_BEGUN)
                return fail_noting(err);
        *out = track = calloc(1, sizeof(*track));
        track->fd = fds[0];
        return 0;
}

static void note_written(struct sv_virt_track *t, int fd)
{
        uint8_t bits = t->written[0] | (uint8_t)(t->written[1] << 1);

        MUST(t == track);
        put_notes(fd, &bits, 1);
        memset(t->written, 0, sizeof(t->written));
}

int __wrap_sv_virt_track_take(struct sv_virt_track *t, size_t disk, int fd, struct sv_err *err)
{
        MUST(here()->state == SV_VIRT_RUNNING && disk == 0);
        note_written(t, fd);
        return w->notes == NOT_TAKEN ? fail_noting(err) : step(here(), err);
}

int __wrap_sv_virt_track_wait(struct sv_virt_track *t, struct sv_err *err)
{
        MUST(here()->state == SV_VIRT_OFF);
        if (w->notes != NOT_READ) /* else it did not end in order */
                note_written(t, t->fd);
        return w->notes == NOT_WHOLE ? fail_noting(err) : step(here(), err);
}

void __wrap_sv_virt_track_end(struct sv_virt_track *t)
{
        MUST(!t || t == track);
        if (t)
                track = NULL;
        free(t);
}

int __wrap_sv_virt_track_clear(struct sv_virt *v, struct sv_err *err)
{
        return 0;
}

static void write_disk(struct host *h, char letter);

/* --- files --- */

int __wrap_sv_pool_open(struct sv_virt *v, const char *path, bool make, struct sv_pool **out,
                        struct sv_err *err);
void __wrap_sv_pool_close(struct sv_pool *p);
void __wrap_sv_pool_freep(struct sv_pool **p);
int __wrap_sv_pool_refresh(struct sv_pool *p, struct sv_err *err);
bool __wrap_sv_pool_has(struct sv_pool *p, const char *name, uint64_t *bytes);
int __wrap_sv_pool_get_room(struct sv_pool *p, uint64_t *bytes, struct sv_err *err);
int __wrap_sv_pool_make(struct sv_pool *p, const char *name, uint64_t bytes, unsigned mode,
                        struct sv_err *err);
int __wrap_sv_pool_remove(struct sv_pool *p, const char *name, struct sv_err *err);
int __wrap_sv_pool_digest(struct sv_pool *p, const char *name, uint8_t out[32], struct sv_err *err);
int __wrap_sv_pool_read_part(struct sv_pool *p, const char *name, uint64_t offset, uint64_t count,
                             int (*take)(void *arg, struct sv_bytes piece, struct sv_err *err),
                             void *arg, struct sv_err *err);
int __wrap_sv_pool_sink_open(struct sv_pool *p, const char *name, uint64_t offset,
                             struct sv_pool_sink **out, struct sv_err *err);
int __wrap_sv_pool_sink_put(struct sv_pool_sink *s, struct sv_bytes piece, struct sv_err *err);
int __wrap_sv_pool_sink_close(struct sv_pool_sink *s, struct sv_err *err);

static struct file *find_path(struct host *h, const char *path)
{
        struct file *files = w->one_storage ? w->hosts[0].files : h->files;

        for (size_t i = 0; i < 4; i++)
                if (!strcmp(files[i].path, path))
                        return &files[i];
        return NULL;
}

static struct file *find_in(struct sv_pool *p, const char *name)
{
        SV_STR path = sv_asprintf("%s/%s", p->folder, name);

        return find_path(p->of, path);
}

int __wrap_sv_pool_open(struct sv_virt *v, const char *path, bool make, struct sv_pool **out,
                        struct sv_err *err)
{
        if (is_cut(of(v)))
                return fail_cut(err);
        *out = calloc(1, sizeof(**out));
        (*out)->of = of(v);
        snprintf((*out)->folder, sizeof((*out)->folder), "%s", path);
        return 0;
}

void __wrap_sv_pool_close(struct sv_pool *p)
{
        free(p);
}

void __wrap_sv_pool_freep(struct sv_pool **p)
{
        free(*p);
}

int __wrap_sv_pool_refresh(struct sv_pool *p, struct sv_err *err)
{
        return is_cut(p->of) ? fail_cut(err) : 0;
}

bool __wrap_sv_pool_has(struct sv_pool *p, const char *name, uint64_t *bytes)
{
        struct file *f = is_cut(p->of) ? NULL : find_in(p, name);

        if (f && bytes)
                *bytes = f->bytes;
        return f;
}

int __wrap_sv_pool_get_room(struct sv_pool *p, uint64_t *bytes, struct sv_err *err)
{
        *bytes = p->of->room;
        return 0;
}

int __wrap_sv_pool_make(struct sv_pool *p, const char *name, uint64_t bytes, unsigned mode,
                        struct sv_err *err)
{
        long number;
        struct file *f = find_path(p->of, "");

        if (step(p->of, err) < 0)
                return -1;
        number = w->steps;
        snprintf(f->path, sizeof(f->path), "%s/%s", p->folder, name);
        f->bytes = bytes;
        memset(f->text, 0, sizeof(f->text));
        return end_step(number, err);
}

int __wrap_sv_pool_remove(struct sv_pool *p, const char *name, struct sv_err *err)
{
        if (step(p->of, err) < 0)
                return -1;
        memset(find_in(p, name), 0, sizeof(struct file));
        return 0;
}

int __wrap_sv_pool_digest(struct sv_pool *p, const char *name, uint8_t out[32], struct sv_err *err)
{
        if (is_cut(p->of))
                return fail_cut(err);
        memset(out, 0, 32);
        memcpy(out, find_in(p, name)->text, 2);
        return 0;
}

int __wrap_sv_pool_read_part(struct sv_pool *p, const char *name, uint64_t offset, uint64_t count,
                             int (*take)(void *arg, struct sv_bytes piece, struct sv_err *err),
                             void *arg, struct sv_err *err)
{
        const struct file *f = find_in(p, name);
        uint64_t end = count ? offset + count : f->bytes;
        SV_BUF all = SV_BUF_NULL;

        all.max = BYTES;
        for (uint64_t at = 0; at < f->bytes; at += SV_MOVE_CHUNK) {
                size_t n = f->bytes - at < SV_MOVE_CHUNK ? f->bytes - at : SV_MOVE_CHUNK;

                memset(sv_buf_grow(&all, n), f->text[at / SV_MOVE_CHUNK], n);
        }
        /* pieces that are no chunks */
        MUST(end <= all.n);
        for (size_t at = offset; at < end; at += 300000)
                if (take(arg, sv_bytes(all.p + at, end - at < 300000 ? end - at : 300000), err) < 0)
                        return -1;
        if (p->of != here())
                return 0;
        if (here()->state == SV_VIRT_OFF)
                w->read_off += end - offset;
        else if (w->busy) /* behind what was read */
                write_disk(here(), (char)('A' + w->busy--));
        return 0;
}

int __wrap_sv_pool_sink_open(struct sv_pool *p, const char *name, uint64_t offset,
                             struct sv_pool_sink **out, struct sv_err *err)
{
        if (step(p->of, err) < 0)
                return -1;
        *out = calloc(1, sizeof(**out));
        **out = (struct sv_pool_sink){find_in(p, name), offset};
        return 0;
}

int __wrap_sv_pool_sink_put(struct sv_pool_sink *s, struct sv_bytes piece, struct sv_err *err)
{
        if (step(there(), err) < 0)
                return -1;
        MUST(s->at % SV_MOVE_CHUNK == 0);
        s->f->text[s->at / SV_MOVE_CHUNK] = (char)piece.p[0];
        s->at += piece.n;
        return 0;
}

int __wrap_sv_pool_sink_close(struct sv_pool_sink *s, struct sv_err *err)
{
        free(s);
        return 0;
}

/* --- the keeper --- */

static void write_disk(struct host *h, char letter)
{
        find_path(h, ROOT)->text[1] = w->last = letter;
        if (h == here() && track)
                track->written[1] = true;
}

static bool is_fenced_at(const struct host *h)
{
        return sv_move_is_fenced(h->xml);
}

/* Could anybody, by whatever means? Then with all of its disk. */
static bool can_start(struct host *h)
{
        return *h->xml && !is_fenced_at(h) && find_path(h, ROOT);
}

static int fake_stop(const char *uri, const char *name, unsigned seconds, bool force,
                     struct sv_err *err)
{
        long number;
        struct host *h = find_host(uri);

        if (step(h, err) < 0)
                return -1;
        number = w->steps;
        write_disk(h, 0); /* on its way down, zeros over what was sent */
        h->state = SV_VIRT_OFF;
        h->unlocked = false;
        return end_step(number, err);
}

static int fake_wait(const char *uri, const char *name, struct sv_follow *f, struct sv_err *err)
{
        long number;
        struct host *h = find_host(uri);

        if (w->missed) {
                w->missed--;
                return sv_fail(err, SV_SYSTEM, "launch.timeout", "it did not get there");
        }
        if (step(h, err) < 0)
                return -1;
        number = w->steps;
        if (h->refuses)
                return sv_fail(err, SV_POLICY, "policy.no-match", "the policy says no");
        write_disk(h, h == there() ? 't' : 'h');
        if (step(h, err) < 0)
                return -1;
        h->unlocked = true;
        return end_step(number, err);
}

static int fake_start(const char *uri, const char *name, struct sv_follow *f, struct sv_err *err)
{
        struct host *h = find_host(uri);

        MUST(!is_fenced_at(h));
        if (step(h, err) < 0)
                return -1;
        MUST(h->state == SV_VIRT_OFF);
        MUST(find_path(h, ROOT));
        MUST(find_path(h, ROOT)->text[0] == 'a');
        MUST(find_path(h, ROOT)->text[1] == w->last); /* nothing was lost */
        h->state = SV_VIRT_RUNNING;
        return f->wait ? fake_wait(uri, name, f, err) : 0;
}

static const struct sv_keeper fake_keeper = {
        .start = fake_start, .stop = fake_stop, .wait = fake_wait};

const struct sv_keeper *__wrap_sv_keeper_choose(const char *uri)
{
        return &fake_keeper;
}

static int count_lease(void *arg, const struct sv_json *facts, const char *instance,
                       struct sv_err *err)
{
        MUST(here()->state == SV_VIRT_OFF);
        MUST(!strcmp(instance, "i"));
        w->leases++;
        return 0;
}
