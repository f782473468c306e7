/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/serve/queue.h"

#include <stdlib.h>
#include <unistd.h>

#define TURNS       4    /* of so many one goes to those that nobody knows as to the known */
#define EXCHANGE_MS 2000 /* a guest's whole exchange is shorter, but on a machine in distress */

/* --- lines --- */

static uint32_t number_of(const struct sv_queue *q, const struct sv_conn *c)
{
        return (uint32_t)(c - q->list);
}

static struct sv_conn *get_conn(const struct sv_queue *q, uint32_t i)
{
        return i == SV_NO_CONN ? NULL : &q->list[i];
}

static void append_conn(struct sv_queue *q, struct sv_conn *c)
{
        struct sv_line *l = &q->lines[c->stage];
        uint32_t i = number_of(q, c);

        c->before = l->last;
        c->behind = SV_NO_CONN;
        if (l->last == SV_NO_CONN)
                l->first = i;
        else
                q->list[l->last].behind = i;
        l->last = i;
        l->n++;
}

static void take_out_conn(struct sv_queue *q, const struct sv_conn *c)
{
        struct sv_line *l = &q->lines[c->stage];

        if (c->before == SV_NO_CONN)
                l->first = c->behind;
        else
                q->list[c->before].behind = c->behind;
        if (c->behind == SV_NO_CONN)
                l->last = c->before;
        else
                q->list[c->behind].before = c->before;
        l->n--;
}

struct sv_conn *sv_queue_next(const struct sv_queue *q, enum sv_stage line, const struct sv_conn *c)
{
        return get_conn(q, c ? c->behind : q->lines[line].first);
}

struct sv_conn *sv_queue_late(const struct sv_queue *q, enum sv_stage line, int64_t ms,
                              int64_t now_ms)
{
        struct sv_conn *c = sv_queue_next(q, line, NULL);

        return c && now_ms - c->since_ms >= ms ? c : NULL;
}

/* --- sources --- */

static uint32_t *find_hash_head(const struct sv_queue *q, uint64_t source)
{
        return &q->hashed[(source * UINT64_C(0x9e3779b97f4a7c15) >> 32) % q->size];
}

static uint32_t find_source(const struct sv_queue *q, uint64_t source)
{
        uint32_t i = *find_hash_head(q, source);

        while (i != SV_NO_CONN && q->sources[i].source != source)
                i = q->sources[i].next;
        return i;
}

/* There are as many as connections, so there is a free one. */
static uint32_t enter_source(struct sv_queue *q, uint64_t source)
{
        uint32_t i = find_source(q, source), *head = find_hash_head(q, source);

        if (i == SV_NO_CONN) {
                i = q->free_source;
                q->free_source = q->sources[i].next;
                q->sources[i] = (struct sv_source){.source = source, .next = *head};
                *head = i;
        }
        q->sources[i].total++;
        return i;
}

static void leave_source(struct sv_queue *q, uint32_t i)
{
        struct sv_source *s = &q->sources[i];
        uint32_t *at = find_hash_head(q, s->source);

        if (--s->total)
                return;
        while (*at != i)
                at = &q->sources[*at].next;
        *at = s->next;
        s->next = q->free_source;
        q->free_source = i;
}

static struct sv_source *source_of(const struct sv_queue *q, const struct sv_conn *c)
{
        return &q->sources[c->of];
}

/* --- stages --- */

static bool has_place(enum sv_stage s)
{
        return s >= SV_CONN_SHAKES;
}

static void count_conn(struct sv_queue *q, const struct sv_conn *c, uint32_t by)
{
        source_of(q, c)->n[c->stage] += by;
}

static size_t waiting_of(const struct sv_source *s)
{
        return s->n[SV_CONN_SILENT] + s->n[SV_CONN_BEGUN];
}

static size_t served_of(const struct sv_source *s)
{
        return s->n[SV_CONN_SERVED] + s->n[SV_CONN_RESTS] + s->n[SV_CONN_LEFT];
}

static size_t held_of(const struct sv_source *s)
{
        return s->n[SV_CONN_SHAKES] + s->n[SV_CONN_IDLE] + s->n[SV_CONN_ASKS] +
               s->n[SV_CONN_SERVED] + s->n[SV_CONN_RESTS] + s->n[SV_CONN_TOLD];
}

size_t sv_queue_served(const struct sv_queue *q, uint64_t source)
{
        uint32_t i = find_source(q, source);

        return i == SV_NO_CONN ? 0 : served_of(&q->sources[i]);
}

static size_t count_waiting(const struct sv_queue *q)
{
        return q->lines[SV_CONN_SILENT].n + q->lines[SV_CONN_BEGUN].n;
}

static size_t count_served(const struct sv_queue *q)
{
        return q->lines[SV_CONN_SERVED].n + q->lines[SV_CONN_RESTS].n + q->lines[SV_CONN_LEFT].n;
}

size_t sv_queue_held(const struct sv_queue *q)
{
        return q->lines[SV_CONN_SHAKES].n + q->lines[SV_CONN_IDLE].n + q->lines[SV_CONN_ASKS].n +
               q->lines[SV_CONN_SERVED].n + q->lines[SV_CONN_RESTS].n + q->lines[SV_CONN_TOLD].n;
}

void sv_queue_move(struct sv_queue *q, struct sv_conn *c, enum sv_stage to, int64_t now_ms)
{
        take_out_conn(q, c);
        if (c->stage != SV_CONN_FREE)
                count_conn(q, c, UINT32_MAX); /* less one */
        if (!has_place(c->stage) && has_place(to))
                c->begun_ms = now_ms;
        c->stage = to;
        c->since_ms = now_ms;
        append_conn(q, c);
        if (to == SV_CONN_FREE)
                leave_source(q, c->of);
        else
                count_conn(q, c, 1);
}

void sv_queue_drop(struct sv_queue *q, struct sv_conn *c)
{
        close(c->fd);
        q->dropped++;
        sv_queue_move(q, c, SV_CONN_FREE, 0);
}

int sv_queue_open(struct sv_queue *q, struct sv_err *err)
{
        q->size = q->waiting.all + q->held.all + q->served.all;
        q->list = calloc(q->size, sizeof(*q->list));
        q->sources = calloc(q->size, sizeof(*q->sources));
        q->hashed = calloc(q->size, sizeof(*q->hashed));
        if (!q->list || !q->sources || !q->hashed) {
                sv_queue_close(q);
                return sv_fail_errno(err, "base.memory", "no memory for %zu connections", q->size);
        }
        for (size_t s = 0; s < SV_N_STAGES; s++)
                q->lines[s] = (struct sv_line){SV_NO_CONN, SV_NO_CONN, 0};
        q->free_source = SV_NO_CONN;
        for (size_t i = q->size; i-- > 0;) {
                append_conn(q, &q->list[i]);
                q->hashed[i] = SV_NO_CONN;
                q->sources[i].next = q->free_source;
                q->free_source = (uint32_t)i;
        }
        return 0;
}

void sv_queue_close(struct sv_queue *q)
{
        for (enum sv_stage s = SV_CONN_SILENT; q->list && s <= SV_CONN_BEGUN; s++)
                while (q->lines[s].n)
                        sv_queue_drop(q, &q->list[q->lines[s].first]);
        free(q->list);
        free(q->sources);
        free(q->hashed);
        q->list = NULL;
        q->sources = NULL;
        q->hashed = NULL;
}

/* --- who goes first --- */

/* 2: was released to lately; 1: is within an exchange. */
static int get_rank(const struct sv_queue *q, const struct sv_conn *c)
{
        return q->turns % TURNS == TURNS - 1 ? 0 : c->known ? 2 : c->answers > 0;
}

/* Does `a`, whose source has `n` already, go before `b`, whose source has `m`? */
static bool goes_first(const struct sv_queue *q, const struct sv_conn *a, size_t n,
                       const struct sv_conn *b, size_t m)
{
        int by = get_rank(q, a) - get_rank(q, b);

        return by > 0 || (by == 0 && n < m);
}

/* --- who waits for a place --- */

/* The newest connection of the source that has the most, of those that nobody knows or of all. */
static struct sv_conn *find_crowd(const struct sv_queue *q, bool all)
{
        const struct sv_source *crowd = NULL;
        struct sv_conn *found = NULL;

        for (enum sv_stage s = SV_CONN_SILENT; s <= SV_CONN_BEGUN; s++)
                for (struct sv_conn *c = sv_queue_next(q, s, NULL); c; c = sv_queue_next(q, s, c))
                        if ((all || !c->known) &&
                            (!crowd || waiting_of(source_of(q, c)) > waiting_of(crowd)))
                                crowd = source_of(q, c);
        for (enum sv_stage s = SV_CONN_SILENT; s <= SV_CONN_BEGUN; s++)
                for (struct sv_conn *c = sv_queue_next(q, s, NULL); c; c = sv_queue_next(q, s, c))
                        if (source_of(q, c) == crowd &&
                            (!found || c->accepted_ms >= found->accepted_ms))
                                found = c;
        return found;
}

/* Who makes room for one of this source; NULL: nobody. */
static struct sv_conn *find_place_for(const struct sv_queue *q, uint64_t source, bool known)
{
        uint32_t i = find_source(q, source);
        size_t own = i == SV_NO_CONN ? 0 : waiting_of(&q->sources[i]);
        struct sv_conn *newest = NULL;

        if (own > q->waiting.all / 2)
                return NULL;
        if (known)
                newest = find_crowd(q, false);
        if (newest)
                return newest;
        newest = find_crowd(q, true);
        return waiting_of(source_of(q, newest)) > own + 1 ? newest : NULL;
}

struct sv_conn *sv_queue_add(struct sv_queue *q, int fd, uint64_t source, bool local,
                             int64_t now_ms)
{
        bool known = sv_known_has(q->known, source, now_ms);
        struct sv_conn *c;

        q->added++;
        if (count_waiting(q) >= q->waiting.all) {
                c = find_place_for(q, source, known);
                if (!c) {
                        close(fd);
                        q->dropped++;
                        return NULL;
                }
                sv_queue_drop(q, c);
        }
        c = sv_queue_next(q, SV_CONN_FREE, NULL);
        take_out_conn(q, c);
        *c = (struct sv_conn){.stage = SV_CONN_SILENT,
                              .local = local,
                              .known = known,
                              .source = source,
                              .accepted_ms = now_ms,
                              .since_ms = now_ms,
                              .of = enter_source(q, source),
                              .fd = fd,
                              .data = -1,
                              .control = -1};
        append_conn(q, c);
        count_conn(q, c, 1);
        return c;
}

void sv_queue_expire(struct sv_queue *q, int64_t now_ms)
{
        struct sv_conn *c;

        while ((c = sv_queue_late(q, SV_CONN_SILENT, q->silent_ms, now_ms)))
                sv_queue_drop(q, c);
        while ((c = sv_queue_late(q, SV_CONN_BEGUN, SV_WAIT_MS, now_ms)))
                sv_queue_drop(q, c);
}

struct sv_conn *sv_queue_take(struct sv_queue *q, int64_t now_ms)
{
        struct sv_conn *found = NULL;
        int64_t now_us = now_ms * 1000;

        if (sv_queue_held(q) >= q->held.all)
                return NULL;
        for (struct sv_conn *c = sv_queue_next(q, SV_CONN_BEGUN, NULL); c;
             c = sv_queue_next(q, SV_CONN_BEGUN, c)) {
                size_t n = held_of(source_of(q, c));

                if (n < q->held.each &&
                    (!found || goes_first(q, c, n, found, held_of(source_of(q, found)))) &&
                    sv_budget_has(&q->begun, &q->all, &q->each, c->source, now_us))
                        found = c;
        }
        if (found) {
                sv_budget_take(&q->begun, &q->all, &q->each, found->source, now_us);
                q->turns++;
        }
        return found;
}

/* --- who waits for a process --- */

struct sv_conn *sv_queue_call(struct sv_queue *q)
{
        struct sv_conn *found = NULL;

        if (count_served(q) >= q->served.all)
                return NULL;
        for (struct sv_conn *c = sv_queue_next(q, SV_CONN_ASKS, NULL); c;
             c = sv_queue_next(q, SV_CONN_ASKS, c)) {
                size_t n = served_of(source_of(q, c));

                if (n < q->served.each &&
                    (!found || goes_first(q, c, n, found, served_of(source_of(q, found)))))
                        found = c;
        }
        q->turns += found != NULL;
        return found;
}

/* --- who gives way --- */

/* Is `a` to give way before `b`? By the source that has more, then as the lines come. */
static bool is_worse(const struct sv_queue *q, const struct sv_conn *a, const struct sv_conn *b)
{
        size_t n, m;

        if (!b)
                return true;
        n = held_of(source_of(q, a));
        m = held_of(source_of(q, b));
        return n > m || (n == m && a->stage == b->stage && a->begun_ms < b->begun_ms);
}

/* Does one wait that its own source's share keeps out? */
static bool is_at_share(const struct sv_queue *q)
{
        for (const struct sv_conn *c = sv_queue_next(q, SV_CONN_BEGUN, NULL); c;
             c = sv_queue_next(q, SV_CONN_BEGUN, c))
                if (held_of(source_of(q, c)) >= q->held.each)
                        return true;
        return false;
}

static size_t count_asked(const struct sv_queue *q)
{
        size_t n = 0;

        for (const struct sv_conn *c = sv_queue_next(q, SV_CONN_SERVED, NULL); c;
             c = sv_queue_next(q, SV_CONN_SERVED, c))
                n += c->asked;
        return n;
}

struct sv_conn *sv_queue_yield(const struct sv_queue *q, int64_t now_ms)
{
        static const enum sv_stage lines[] = {SV_CONN_IDLE, SV_CONN_RESTS, SV_CONN_SERVED};
        bool full = sv_queue_held(q) >= q->held.all;
        struct sv_conn *found = NULL;
        size_t n;

        if (!q->lines[SV_CONN_BEGUN].n || !(full || is_at_share(q)))
                return NULL;
        n = full && count_asked(q) >= q->lines[SV_CONN_BEGUN].n ? 2 : 3;
        for (size_t i = 0; i < n; i++)
                for (struct sv_conn *c = sv_queue_next(q, lines[i], NULL); c;
                     c = sv_queue_next(q, lines[i], c)) {
                        const struct sv_source *s = source_of(q, c);

                        if (c->asked || now_ms - c->begun_ms < EXCHANGE_MS ||
                            !(full || (held_of(s) >= q->held.each && s->n[SV_CONN_BEGUN])))
                                continue;
                        if (is_worse(q, c, found))
                                found = c;
                }
        return found;
}

struct sv_conn *sv_queue_spare(const struct sv_queue *q)
{
        bool full = count_served(q) >= q->served.all;
        struct sv_conn *found = NULL;

        if (!q->lines[SV_CONN_ASKS].n)
                return NULL;
        for (struct sv_conn *c = sv_queue_next(q, SV_CONN_RESTS, NULL); c;
             c = sv_queue_next(q, SV_CONN_RESTS, c)) {
                const struct sv_source *s = source_of(q, c);

                if ((full || (served_of(s) >= q->served.each && s->n[SV_CONN_ASKS])) &&
                    (!found || served_of(s) > served_of(source_of(q, found))))
                        found = c;
        }
        return found;
}
