/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows call: a plan grows by one setting. */
#include <stdlib.h>

#include "base/core/file.h"
#include "launcher/tune/knob.h"

const char *const sv_tune_profiles[SV_TUNE_PROFILES] = {"latency", "throughput", "density"};
const char *const sv_tune_profile_texts[SV_TUNE_PROFILES] = {
        "few guests with processors of their own that must answer soon; power is paid for it",
        "guests that move much data; what is moved in a second counts, not the slowest answer",
        "as many guests as go onto the machine; memory and power are shared",
};

int sv_tune_parse_profile(const char *name, enum sv_tune_profile *out, struct sv_err *err)
{
        for (int i = 0; i < SV_TUNE_PROFILES; i++)
                if (!strcmp(name, sv_tune_profiles[i])) {
                        *out = (enum sv_tune_profile)i;
                        return 0;
                }
        return sv_fail(err, SV_USAGE, "tune.profile",
                       "there is no profile \"%s\"; latency, throughput and density are those that "
                       "there are",
                       name);
}

const struct sv_knob_wish *sv_tune_wish(const struct sv_tune_plan *p, const struct sv_knob *k)
{
        return &k->wish[p->ask.profile];
}

static void free_setting(struct sv_tune_setting *s)
{
        free(s->path);
        free(s->now);
        free(s->wanted);
        free(s->why);
}

void sv_tune_plan_free(struct sv_tune_plan *p)
{
        for (size_t i = 0; i < p->n; i++)
                free_setting(&p->settings[i]);
        free(p->settings);
        sv_topology_free(&p->topology);
        sv_tune_processes_free(&p->processes);
        *p = (struct sv_tune_plan){.n = 0};
}

/* Takes what `s` has, also when it fails. */
static int add_setting(struct sv_tune_plan *p, struct sv_tune_setting s, struct sv_err *err)
{
        if (p->n == SV_TUNE_SETTINGS_MAX) {
                free_setting(&s);
                return sv_fail(err, SV_FORMAT, "tune.settings",
                               "this host has more than %d settings to look at; --only and --skip "
                               "choose knobs",
                               SV_TUNE_SETTINGS_MAX);
        }
        if (p->n == p->room) {
                size_t room = p->room ? p->room * 2 : 256;
                struct sv_tune_setting *more = realloc(p->settings, room * sizeof(*more));

                if (!more) {
                        free_setting(&s);
                        return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the plan");
                }
                p->settings = more;
                p->room = room;
        }
        p->settings[p->n++] = s;
        return 0;
}

/* NULL: none of those that set it runs. */
static char *name_owner(const struct sv_tune_plan *p, unsigned owners)
{
        const char *name, *how;
        unsigned bit;

        for (size_t i = 0; (name = sv_tune_owner_name(i, &bit, &how)); i++)
                if (p->processes.owners & owners & bit)
                        return sv_asprintf("%s%s%s%s runs and sets it: %s; --take changes it "
                                           "all the same",
                                           name, bit == SV_OWNER_TUNED ? " (profile " : "",
                                           bit == SV_OWNER_TUNED ? p->processes.tuned : "",
                                           bit == SV_OWNER_TUNED ? ")" : "", how);
        return NULL;
}

int sv_tune_want(struct sv_tune_plan *p, const struct sv_knob *k, const char *path,
                 const char *wanted, char *why, struct sv_err *err)
{
        SV_STR reason = why;
        SV_STR owner = p->ask.take ? NULL : name_owner(p, k->owners);
        SV_BUF now = SV_BUF_NULL;
        struct sv_tune_setting s = {.knob = k, .action = SV_TUNE_SET, .others = owner != NULL};
        int r = sv_kernel_file_read(p->ask.root, path, k->form, &now, err);

        if (r <= 0)
                return r;
        if (!strcmp(sv_buf_str(&now), wanted)) {
                s.action = SV_TUNE_SAME;
        } else if (owner) {
                s.action = SV_TUNE_LEFT;
                free(reason);
                reason = owner;
                owner = NULL;
        }
        s.path = sv_asprintf("%s", path);
        s.now = sv_asprintf("%s", sv_buf_str(&now));
        s.wanted = s.action == SV_TUNE_LEFT ? NULL : sv_asprintf("%s", wanted);
        s.why = reason;
        reason = NULL;
        return add_setting(p, s, err);
}

int sv_tune_leave(struct sv_tune_plan *p, const struct sv_knob *k, const char *path, char *why,
                  struct sv_err *err)
{
        SV_STR reason = why;
        SV_BUF now = SV_BUF_NULL;
        struct sv_tune_setting s = {.knob = k, .action = SV_TUNE_LEFT};
        int r = sv_kernel_file_read(p->ask.root, path, k->form, &now, err);

        if (r <= 0)
                return r;
        s.path = sv_asprintf("%s", path);
        s.now = sv_asprintf("%s", sv_buf_str(&now));
        s.why = reason;
        reason = NULL;
        return add_setting(p, s, err);
}

int sv_knob_find_file(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        const struct sv_knob_wish *wish = sv_tune_wish(p, k);

        return wish->value ? sv_tune_want(p, k, k->interface, wish->value, NULL, err) : 0;
}
