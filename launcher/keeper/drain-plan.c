/* SPDX-License-Identifier: Apache-2.0 */
/* Which guest of a host goes where, and how: what a migration and a move look at beforehand says
 * whether it can be, and why not. */
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "image/run.h"
#include "launcher/keeper/drain.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/life.h"
#include "launcher/virt/virt-dac.h"

#define MIB (1ull << 20)

enum way { LIVE, COPIED, COLD, N_WAYS };

struct target {
        const char *uri;
        uint64_t planned; /* bytes of memory that guests before take there */
        bool copies_help; /* what stood against LIVE is its disks alone */
};

struct plan {
        const struct sv_drain *d;
        struct target to[SV_DRAIN_TARGETS_MAX];
        size_t n_to;
};

/* --- one way --- */

static int migrate_one(const struct sv_drain *d, const char *name, const char *to, bool copies,
                       bool check, struct sv_json *result, struct sv_err *err)
{
        struct sv_migrate m = d->live;

        m.name = name;
        m.from = d->from;
        m.to = to;
        m.copy_storage = copies;
        m.check = check;
        m.quiet = true;
        return sv_migrate_guest(&m, result, err);
}

static int move_one(const struct sv_drain *d, const char *name, const char *to, bool check,
                    struct sv_json *result, struct sv_err *err)
{
        struct sv_move mv = d->cold;

        mv.name = name;
        mv.from = d->from;
        mv.to = to;
        mv.check = check;
        mv.cold = mv.quiet = true;
        return d->open_broker && d->open_broker(d->arg, &mv, err) < 0
                       ? -1
                       : sv_move_guest(&mv, result, err);
}

int sv_drain_guest(const struct sv_drain *d, const struct sv_json *row, struct sv_json *result,
                   struct sv_err *err)
{
        const char *name = sv_json_text(row, "name", ""), *to = sv_json_text(row, "to", "");

        return strcmp(sv_json_text(row, "how", ""), "live")
                       ? move_one(d, name, to, false, result, err)
                       : migrate_one(d, name, to, sv_json_bool(sv_json_get(row, "copies"), false),
                                     false, result, err);
}

/* Beside those that are planned to go there already, none of which the target knows of yet. */
static int check_planned_memory(struct target *t, const struct sv_json *found, struct sv_err *err)
{
        uint64_t need = (uint64_t)sv_json_int(sv_json_get(found, "memory"), 0),
                 free = (uint64_t)sv_json_int(sv_json_get(found, "memory_free"), 0);

        if (free && free - (t->planned < free ? t->planned : free) < need)
                return sv_fail(err, SV_SYSTEM, "drain.memory",
                               "the guest takes %llu MiB of memory, and %s has %llu MiB, of which "
                               "those that go there before it take %llu",
                               (unsigned long long)(need / MIB), t->uri,
                               (unsigned long long)(free / MIB),
                               (unsigned long long)(t->planned / MIB));
        t->planned += need;
        return 0;
}

static int try_way(const struct plan *p, const char *name, enum way way, struct target *t,
                   struct sv_err *err)
{
        SV_JSON *found = sv_json_object();
        int r = way == COLD ? move_one(p->d, name, t->uri, true, found, err)
                            : migrate_one(p->d, name, t->uri, way == COPIED, true, found, err);

        return r < 0 ? -1 : check_planned_memory(t, found, err);
}

/* --- a guest --- */

static const char *name_way(enum way way)
{
        return way == LIVE ? "live" : way == COPIED ? "live, disks copied" : "cold";
}

static void add_drain_reason(struct sv_json *row, const char *way, const char *to,
                             const struct sv_err *why)
{
        struct sv_json *r = sv_json_add(sv_json_get(row, "why"), sv_json_object());

        sv_json_set_str(r, "way", way);
        if (to)
                sv_json_set_str(r, "to", to);
        sv_json_set_str(r, "check", why->check);
        sv_json_set_str(r, "message", why->msg);
}

static bool is_about_disks(const struct sv_err *why)
{
        return !strcmp(why->check, "migrate.storage") || !strcmp(why->check, "migrate.cache") ||
               !strcmp(why->check, "migrate.label");
}

/* The target to which the least is planned, the first of several; of those not in `tried`. */
static struct target *choose_target(struct plan *p, unsigned tried)
{
        struct target *best = NULL;

        for (size_t i = 0; i < p->n_to; i++)
                if (!(tried & 1u << i) && (!best || p->to[i].planned < best->planned))
                        best = &p->to[i];
        return best;
}

/* The same target wins when it does by one way and not by the other, so ways are outside. */
static bool try_targets(struct plan *p, const char *name, enum way way, struct sv_json *row)
{
        struct target *t;

        for (unsigned tried = 0; (t = choose_target(p, tried)); tried |= 1u << (t - p->to)) {
                struct sv_err why = SV_ERR_NULL;

                if (way == COPIED && !t->copies_help)
                        continue;
                if (try_way(p, name, way, t, &why) == 0) {
                        sv_json_set_str(row, "how", way == COLD ? "cold" : "live");
                        sv_json_set_str(row, "to", t->uri);
                        sv_json_set_bool(row, "copies", way == COPIED);
                        return true;
                }
                t->copies_help = way == LIVE && is_about_disks(&why);
                add_drain_reason(row, name_way(way), t->uri, &why);
        }
        return false;
}

static struct sv_json *add_drain_row(struct sv_json *rows, const struct sv_json *of)
{
        struct sv_json *row = sv_json_add(rows, sv_json_object());

        sv_json_set_str(row, "name", sv_json_text(of, "name", "-"));
        sv_json_set_str(row, "state", sv_json_text(of, "state", "-"));
        sv_json_set_str(row, "how", "none");
        sv_json_set(row, "why", sv_json_array());
        sv_json_set_str(row, "outcome", "stays");
        return row;
}

static int plan_guest(struct plan *p, const struct sv_json *of, struct sv_json *rows,
                      struct sv_err *err)
{
        const char *name = sv_json_text(of, "name", "-");
        struct sv_json *row = add_drain_row(rows, of);

        for (enum way way = LIVE; way < N_WAYS; way++) {
                if (sv_run_interrupted())
                        return sv_fail(err, SV_SYSTEM, "drain.interrupted",
                                       "interrupted: nothing was moved");
                if (try_targets(p, name, way, row)) {
                        sv_json_set_str(row, "outcome", "planned");
                        return 0;
                }
        }
        return 0;
}

/* --- all of them --- */

/* What our own supervisor keeps at this host, where the daemon is this host's. */
static int add_own_guests(const struct sv_drain *d, struct sv_json *rows, struct sv_err *err)
{
        SV_JSON *own = sv_json_array();

        if (!sv_uri_is_here(d->from))
                return 0;
        if (sv_keeper_choose(NULL)->list(NULL, own, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(own); i++) {
                const struct sv_json *of = sv_json_at(own, i);
                struct sv_err why = SV_ERR_NULL;

                if (!sv_life_runs(sv_json_text(of, "state", "")) &&
                    !sv_life_is_paused(sv_life_from_word(sv_json_text(of, "state", ""))))
                        continue;
                sv_fail(&why, SV_USAGE, "drain.keeper",
                        "this host's own supervisor keeps it, and its files are seen by this host "
                        "only: \"secure-vm stop %s\", copy its disk, and launch it there",
                        sv_json_text(of, "name", "-"));
                add_drain_reason(add_drain_row(rows, of), "none", NULL, &why);
        }
        return 0;
}

static int check_targets(const struct sv_drain *d, struct sv_err *err)
{
        for (size_t i = 0; i < d->n_to; i++)
                if (sv_migrate_check_pair(d->from, d->to[i], err) < 0)
                        return -1;
        return 0;
}

/* Those that are down for longer come last. */
static void put_in_order(const struct sv_json *found, struct sv_json *rows)
{
        static const char *const order[] = {"live", "cold", "none"};

        for (size_t o = 0; o < 3; o++)
                for (size_t i = 0; i < sv_json_len(found); i++) {
                        struct sv_json *row = sv_json_at(found, i);

                        if (!strcmp(sv_json_text(row, "how", ""), order[o]))
                                sv_json_add(rows, sv_json_ref(row));
                }
}

int sv_drain_plan(const struct sv_drain *d, struct sv_json *rows, struct sv_err *err)
{
        struct plan p = {.d = d, .n_to = d->n_to};
        SV_JSON *guests = sv_json_array();
        SV_JSON *found = sv_json_array();

        for (size_t i = 0; i < d->n_to; i++)
                p.to[i].uri = d->to[i];
        if (check_targets(d, err) < 0 || sv_keeper_choose(d->from)->list(d->from, guests, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(guests); i++)
                if (plan_guest(&p, sv_json_at(guests, i), found, err) < 0)
                        return -1;
        if (add_own_guests(d, found, err) < 0)
                return -1;
        put_in_order(found, rows);
        return 0;
}
