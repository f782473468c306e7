/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/serve/queue.h"

#include <string.h>
#include <unistd.h>

#define EXCHANGE_MS 2000 /* a guest's whole exchange is shorter, but on a machine in distress */

static size_t count_waiting(const struct sv_queue *q, uint64_t source)
{
        size_t n = 0;

        for (size_t i = 0; i < q->n; i++)
                n += q->list[i].source == source;
        return n;
}

size_t sv_served_count(const struct sv_served *s, uint64_t source)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n; i++)
                n += s->list[i].source == source;
        return n;
}

static void remove_waiting(struct sv_queue *q, size_t i)
{
        memmove(&q->list[i], &q->list[i + 1], (q->n - i - 1) * sizeof(*q->list));
        q->n--;
}

void sv_queue_drop(struct sv_queue *q, size_t i)
{
        close(q->list[i].fd);
        q->dropped++;
        remove_waiting(q, i);
}

/* The newest connection of the source that has the most. */
static size_t find_crowd(const struct sv_queue *q)
{
        size_t most = 0, at = 0;

        for (size_t i = 0; i < q->n; i++) {
                size_t n = count_waiting(q, q->list[i].source);

                if (n >= most) {
                        most = n;
                        at = i;
                }
        }
        return at;
}

void sv_queue_add(struct sv_queue *q, int fd, uint64_t source, bool local, int64_t now_ms)
{
        q->added++;
        if (q->n == q->max) {
                size_t own = count_waiting(q, source);
                size_t at = own > q->n / 2 ? SIZE_MAX : find_crowd(q);

                if (at == SIZE_MAX || count_waiting(q, q->list[at].source) <= own + 1) {
                        close(fd);
                        q->dropped++;
                        return;
                }
                sv_queue_drop(q, at);
        }
        q->list[q->n++] =
                (struct sv_waiting){.fd = fd, .local = local, .source = source, .since_ms = now_ms};
}

void sv_queue_expire(struct sv_queue *q, int64_t now_ms)
{
        for (size_t i = q->n; i-- > 0;) {
                int64_t age = now_ms - q->list[i].since_ms;

                if (age >= (q->list[i].ready ? SV_WAIT_MS : q->silent_ms))
                        sv_queue_drop(q, i);
        }
}

bool sv_queue_take(struct sv_queue *q, const struct sv_served *s, int64_t now_ms,
                   struct sv_waiting *out)
{
        size_t fewest = SIZE_MAX, at = 0;
        int64_t now_us = now_ms * 1000;

        if (s->n >= s->max)
                return false;
        for (size_t i = 0; i < q->n; i++) {
                size_t n = q->list[i].ready ? sv_served_count(s, q->list[i].source) : SIZE_MAX;

                if (n >= s->per_source || n >= fewest ||
                    !sv_budget_has(&q->begun, &q->all, &q->each, q->list[i].source, now_us))
                        continue;
                fewest = n;
                at = i;
        }
        if (fewest == SIZE_MAX)
                return false;
        sv_budget_take(&q->begun, &q->all, &q->each, q->list[at].source, now_us);
        *out = q->list[at];
        remove_waiting(q, at);
        return true;
}

static bool is_ready_source(const struct sv_queue *q, uint64_t source)
{
        for (size_t i = 0; i < q->n; i++)
                if (q->list[i].ready && q->list[i].source == source)
                        return true;
        return false;
}

struct sv_child *sv_queue_oldest(const struct sv_queue *q, struct sv_served *s, int64_t now_ms)
{
        struct sv_child *found = NULL;
        size_t most = 0;
        bool full = false;

        for (size_t i = 0; i < q->n; i++)
                full = full || (q->list[i].ready && s->n >= s->max);
        for (size_t i = 0; i < s->n; i++) {
                struct sv_child *c = &s->list[i];
                size_t n = sv_served_count(s, c->source);

                if (c->asked || now_ms - c->since_ms < EXCHANGE_MS ||
                    !(full || (n >= s->per_source && is_ready_source(q, c->source))))
                        continue;
                if (n > most || (n == most && c->since_ms < found->since_ms)) {
                        most = n;
                        found = c;
                }
        }
        return found;
}
