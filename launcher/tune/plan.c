/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/plan.h"

#include <stdlib.h>

#include "base/core/text.h"
#include "launcher/tune/knob.h"

#define PLAN_FORMAT 1

/* --- the whole --- */

static bool is_listed(const char *const *list, const char *name)
{
        for (; list && *list; list++)
                if (!strcmp(*list, name))
                        return true;
        return false;
}

static int check_knob_names(const char *const *list, const char *option, struct sv_err *err)
{
        for (; list && *list; list++)
                if (!sv_knob_named(*list)) {
                        const char *nearest = NULL;
                        unsigned best = SV_NEAR_EDITS;

                        for (size_t i = 0; sv_knob_at(i); i++)
                                sv_keep_nearer(*list, sv_knob_at(i)->name, &nearest, &best);
                        return sv_fail(err, SV_USAGE, "tune.knob",
                                       "--%s: there is no knob \"%s\"%s%s%s; \"secure-vm tune "
                                       "profile\" lists those that there are",
                                       option, *list, nearest ? "; did you mean \"" : "",
                                       nearest ? nearest : "", nearest ? "\"" : "");
                }
        return 0;
}

static int find_settings(struct sv_tune_plan *p, struct sv_err *err)
{
        const struct sv_knob *k;

        if (sv_topology_read(p->ask.root, &p->topology, err) < 0 ||
            sv_tune_find_processes(p->ask.root, &p->topology.online, &p->processes, err) < 0)
                return -1;
        for (size_t i = 0; (k = sv_knob_at(i)); i++) {
                if ((p->ask.only && *p->ask.only && !is_listed(p->ask.only, k->name)) ||
                    is_listed(p->ask.skip, k->name))
                        continue;
                if (k->find(p, k, err) < 0)
                        return -1;
        }
        return 0;
}

int sv_tune_make_plan(const struct sv_tune_ask *ask, struct sv_tune_plan *out, struct sv_err *err)
{
        *out = (struct sv_tune_plan){.ask = *ask};
        if (check_knob_names(ask->only, "only", err) < 0 ||
            check_knob_names(ask->skip, "skip", err) < 0 || find_settings(out, err) < 0) {
                sv_tune_plan_free(out);
                return -1;
        }
        return 0;
}

/* --- as JSON --- */

static const char *const actions[] = {"set", "same", "left"};

static bool equal_texts(const char *a, const char *b)
{
        return a == b || (a && b && !strcmp(a, b));
}

static bool are_alike(const struct sv_tune_setting *a, const struct sv_tune_setting *b)
{
        return a->knob == b->knob && a->action == b->action && equal_texts(a->now, b->now) &&
               equal_texts(a->wanted, b->wanted) && equal_texts(a->why, b->why);
}

static struct sv_json *begin_group(struct sv_json *list, const struct sv_tune_setting *s)
{
        struct sv_json *group = sv_json_add(list, sv_json_object());

        sv_json_set_str(group, "knob", s->knob->name);
        sv_json_set_str(group, "action", actions[s->action]);
        sv_json_set_str(group, "now", s->now);
        if (s->wanted)
                sv_json_set_str(group, "wanted", s->wanted);
        if (s->why)
                sv_json_set_str(group, "why", s->why);
        return sv_json_set(group, "paths", sv_json_array());
}

/* Those of one knob follow each other, so only the groups since its first are looked at. */
static int put_settings(const struct sv_tune_plan *p, struct sv_json *list, struct sv_err *err)
{
        const struct sv_tune_setting **firsts = calloc(p->n + 1, sizeof(const void *));
        struct sv_json **paths = calloc(p->n + 1, sizeof(struct sv_json *));
        size_t groups = 0, since = 0;
        int r = firsts && paths ? 0 : -1;

        for (size_t i = 0; r == 0 && i < p->n; i++) {
                const struct sv_tune_setting *s = &p->settings[i];
                size_t g;

                if (i && p->settings[i - 1].knob != s->knob)
                        since = groups;
                for (g = since; g < groups && !are_alike(firsts[g], s); g++)
                        ;
                if (g == groups) {
                        firsts[groups] = s;
                        paths[groups++] = begin_group(list, s);
                }
                sv_json_add(paths[g], sv_json_new_str(s->path));
        }
        if (r < 0)
                sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the plan");
        free(firsts);
        free(paths);
        return r;
}

static void put_option_texts(struct sv_json *to, const char *name, const char *const *list)
{
        struct sv_json *array = sv_json_set(to, name, sv_json_array());

        for (; list && *list; list++)
                sv_json_add(array, sv_json_new_str(*list));
}

static void put_knobs(const struct sv_tune_plan *p, struct sv_json *knobs)
{
        for (size_t i = 0; i < p->n; i++) {
                const struct sv_knob *k = p->settings[i].knob;
                const struct sv_knob_wish *wish = sv_tune_wish(p, k);
                struct sv_json *row;

                if (i && p->settings[i - 1].knob == k)
                        continue;
                row = sv_json_set(knobs, k->name, sv_json_object());
                sv_json_set_str(row, "what", k->what);
                if (wish->why)
                        sv_json_set_str(row, "why", wish->why);
                sv_knob_put_reasons(k, row);
        }
}

struct sv_json *sv_tune_plan_json(const struct sv_tune_plan *p, struct sv_err *err)
{
        struct sv_json *plan = sv_json_object(), *options;

        sv_json_set_int(plan, "format", PLAN_FORMAT);
        sv_json_set_str(plan, "profile", sv_tune_profiles[p->ask.profile]);
        options = sv_json_set(plan, "options", sv_json_object());
        sv_json_set_bool(options, "take", p->ask.take);
        put_option_texts(options, "hugepages", p->ask.hugepages);
        put_option_texts(options, "scheduler", p->ask.schedulers);
        put_option_texts(options, "only", p->ask.only);
        put_option_texts(options, "skip", p->ask.skip);
        sv_tune_put_owners(p->processes.owners, sv_json_set(plan, "daemons", sv_json_array()));
        put_knobs(p, sv_json_set(plan, "knobs", sv_json_object()));
        if (put_settings(p, sv_json_set(plan, "settings", sv_json_array()), err) == 0 &&
            sv_json_ok(err) == 0)
                return plan;
        sv_json_free(plan);
        return NULL;
}

static int refuse_change(const struct sv_json *said, const struct sv_json *now, struct sv_err *err)
{
        const struct sv_json *some = said ? said : now;

        return sv_fail(err, SV_SYSTEM, "tune.changed",
                       "this host is not as the plan saw it: %s of %s %s; make a new plan and look "
                       "at it",
                       sv_json_text(some, "knob", "a setting"),
                       sv_json_len(sv_json_get(some, "paths"))
                               ? sv_json_str(sv_json_at(sv_json_get(some, "paths"), 0))
                               : "-",
                       !said  ? "is new"
                       : !now ? "is no longer to be decided"
                              : "differs");
}

int sv_tune_compare_plans(const struct sv_json *said, const struct sv_json *now, struct sv_err *err)
{
        const struct sv_json *a = sv_json_get(said, "settings"), *b = sv_json_get(now, "settings");
        size_t n = sv_json_len(a) > sv_json_len(b) ? sv_json_len(a) : sv_json_len(b);

        if (sv_json_int(sv_json_get(said, "format"), 0) != PLAN_FORMAT ||
            sv_json_type(a) != SV_JSON_ARRAY)
                return sv_fail(err, SV_FORMAT, "tune.plan",
                               "this is no plan of this version: \"secure-vm tune plan --json\" "
                               "writes one");
        for (size_t i = 0; i < n; i++)
                if (i >= sv_json_len(a) || i >= sv_json_len(b) ||
                    !sv_json_equal(sv_json_at(a, i), sv_json_at(b, i)))
                        return refuse_change(i < sv_json_len(a) ? sv_json_at(a, i) : NULL,
                                             i < sv_json_len(b) ? sv_json_at(b, i) : NULL, err);
        return 0;
}
