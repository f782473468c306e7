/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/budget-guests.h"

#include <string.h>

#include "base/program/log.h"
#include "launcher/choose.h"
#include "launcher/keeper/client.h"
#include "launcher/keeper/facts.h"
#include "launcher/keeper/life.h"
#include "launcher/keeper/state.h"
#include "launcher/virt/virt-dac.h"
#include "tee/warn.h"

struct counting {
        struct sv_budget *budget;
        const char *without;
        struct sv_json *rows;
        struct sv_virt *virt;
};

bool sv_budget_is_confidential(const char *tee)
{
        const struct sv_tee_host *t = sv_tee_find_host(tee);

        return !t || t->id->confidential;
}

/* Of one that has ended, and keeps what it was told last, the first: it boots with that. */
static uint64_t read_largest(const struct sv_json *status, const char *const *names)
{
        bool ended = sv_life_is_final(sv_life_from_word(sv_json_text(status, "state", "")));
        int64_t most = 0;

        for (; *names; names++) {
                int64_t n = sv_json_int(sv_json_get(status, *names), 0);

                most = n > most ? n : most;
                if (ended)
                        break;
        }
        return (uint64_t)most;
}

/* What it was told to take, and what it has not given back yet. */
uint64_t sv_budget_read_memory(const struct sv_json *status)
{
        return read_largest(status,
                            (const char *const[]){"memory", "memory_wanted", "memory_now", NULL});
}

unsigned sv_budget_read_vcpus(const struct sv_json *status)
{
        return (unsigned)read_largest(
                status, (const char *const[]){"vcpus", "vcpus_wanted", "vcpus_now", NULL});
}

static void count_guest(const struct counting *c, const char *name, const struct sv_json *status)
{
        const char *tee = sv_json_text(status, "tee", "-");
        uint64_t memory = sv_budget_read_memory(status),
                 most = (uint64_t)sv_json_int(sv_json_get(status, "memory_max"), 0);
        unsigned vcpus = sv_budget_read_vcpus(status);
        struct sv_json *row;

        if (c->without && !strcmp(c->without, name))
                return;
        sv_budget_add(c->budget, memory, vcpus, sv_budget_is_confidential(tee));
        c->budget->could_come += most > memory ? most - memory : 0;
        if (!c->rows)
                return;
        row = sv_json_add(c->rows, sv_json_object());
        sv_json_set_str(row, "name", name);
        sv_json_set_str(row, "tee", tee);
        sv_json_set_int(row, "memory", (int64_t)memory);
        sv_json_set_int(row, "vcpus", vcpus);
        if (most > memory)
                sv_json_set_int(row, "memory_max", (int64_t)most);
        sv_json_set_int(
                row, "cost",
                (int64_t)sv_budget_cost(&c->budget->rules, memory, sv_budget_is_confidential(tee)));
}

static int count_own(void *arg, const struct sv_state *s, const struct sv_json *status,
                     struct sv_err *err)
{
        const char *state = sv_json_text(status, "state", "");
        enum sv_life life = sv_life_from_word(state);
        SV_JSON *now = NULL;

        if (sv_life_is_final(life) || !sv_state_is_locked(s))
                return 0;
        /* One that was told to give memory back does so in its own time: only libvirt knows. One
         * that starts has none to give back, and waits for the lock that we have. */
        if (sv_json_get(status, "memory_max") && (sv_life_runs(state) || sv_life_is_paused(life)))
                sv_client_ask(s, SV_CONTROL_LIVE, &now, NULL);
        count_guest(arg, s->name, now ? now : status);
        return 0;
}

/* One of somebody else's takes memory, too, but what for cannot be read: it is not counted. */
static int count_domain(void *arg, const char *name, enum sv_virt_state state, struct sv_err *err)
{
        const struct counting *c = arg;
        SV_JSON *facts = NULL;
        bool ours;

        if (state == SV_VIRT_OFF || sv_facts_read(c->virt, name, &ours, &facts, NULL) < 0 || !facts)
                return 0;
        if (!sv_virt_is_split(c->virt)) /* the QEMU of a part answers nothing */
                sv_resize_put_sizes(c->virt, facts);
        count_guest(c, name, facts);
        return 0;
}

int sv_budget_add_guests(struct sv_budget *b, const char *uri, const char *without,
                         struct sv_json *rows, struct sv_err *err)
{
        struct counting c = {.budget = b, .without = uri ? NULL : without, .rows = rows};
        SV_VIRT *v = NULL;

        if (sv_state_for_each(count_own, &c, err) < 0)
                return -1;
        if (!uri)
                return 0;
        if (sv_virt_open(uri, &v, err) < 0)
                return -1;
        c.without = without;
        c.virt = v;
        return sv_virt_for_each(v, count_domain, &c, err);
}

int sv_budget_check_guest(const char *uri, const char *name, const struct sv_budget_guest *guest,
                          const char **advice, struct sv_err *err)
{
        struct sv_budget_rules rules;
        struct sv_budget b;

        *advice = NULL;
        if (!sv_uri_is_here(uri))
                return 0;
        if (sv_budget_read_rules(&rules, err) < 0 || sv_budget_begin("", &rules, &b, err) < 0 ||
            sv_budget_add_guests(&b, uri, name, NULL, err) < 0)
                return -1;
        sv_budget_add(&b, guest->memory, guest->vcpus, guest->confidential);
        if (sv_budget_check(&b, err) == 0)
                return 0;
        if (rules.kept)
                return -1;
        *advice = err->msg;
        return 0;
}

int sv_budget_check_launch(const char *uri, const struct sv_launch *l, struct sv_json *warnings,
                           struct sv_err *err)
{
        const struct sv_guest *g = l->guest;
        const struct sv_budget_guest guest = {g->memory, g->vcpus, l->tee->id->confidential};
        const char *advice;

        if (sv_budget_check_guest(uri, g->name, &guest, &advice, err) < 0)
                return -1;
        if (advice)
                sv_warning_add(warnings, g, "/memory", "warning.budget", "%s", advice);
        return 0;
}

int sv_budget_fits(const struct sv_launch *l, struct sv_err *err)
{
        const struct sv_guest *g = l->guest;
        const struct sv_budget_guest guest = {g->memory, g->vcpus, l->tee->id->confidential};
        const char *advice;

        return sv_budget_check_guest(NULL, g->name, &guest, &advice, err);
}

int sv_budget_check_start(const char *uri, const char *name, struct sv_err *err)
{
        struct sv_budget_guest guest;
        SV_JSON *status = NULL;
        const char *advice;

        if (sv_keeper_choose(uri)->show(uri, name, &status, err) < 0)
                return -1;
        guest = (struct sv_budget_guest){
                .memory = (uint64_t)sv_json_int(sv_json_get(status, "memory"), 0),
                .vcpus = (unsigned)sv_json_int(sv_json_get(status, "vcpus"), 0),
                .confidential = sv_budget_is_confidential(sv_json_text(status, "tee", "-")),
        };
        if (sv_budget_check_guest(uri, name, &guest, &advice, err) < 0)
                return -1;
        if (advice)
                sv_warn("%s [warning.budget]", advice);
        return 0;
}
