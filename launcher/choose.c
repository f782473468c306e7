/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/choose.h"

#include <stdio.h>

#include "base/core/text.h"
#include "tee/boot.h"

const struct sv_tee_host *sv_tee_find_host(const char *name)
{
        for (size_t i = 0; sv_tees_host[i]; i++)
                if (!strcmp(sv_tees_host[i]->id->name, name))
                        return sv_tees_host[i];
        return NULL;
}

static const char *list_hosts(char names[SV_TEE_NAMES_SIZE])
{
        names[0] = 0;
        for (size_t i = 0; sv_tees_host[i]; i++)
                sv_tee_add_name(names, sv_tees_host[i]->id);
        return names;
}

const char *sv_tee_suggest(const char *name, char out[SV_TEE_HINT_SIZE])
{
        const char *nearest = NULL;
        unsigned best = SV_NEAR_EDITS;
        char names[SV_TEE_NAMES_SIZE];

        for (size_t i = 0; sv_tees_host[i]; i++) {
                const struct sv_tee *id = sv_tees_host[i]->id;

                sv_keep_nearer(name, id->name, &nearest, &best);
                sv_keep_nearer(name, id->kbs_name, &nearest, &best);
                if (nearest == id->kbs_name)
                        nearest = id->name;
        }
        if (nearest)
                snprintf(out, SV_TEE_HINT_SIZE, "did you mean \"%s\"?", nearest);
        else
                snprintf(out, SV_TEE_HINT_SIZE, "there are %s", list_hosts(names));
        return out;
}

/* The first that this host can run; name NULL: of all. */
static int choose_here(const char *name, const struct sv_tee_host **out, struct sv_err *err)
{
        char nearest[640] = "no TEE is built in", names[SV_TEE_NAMES_SIZE];

        for (size_t i = 0; sv_tees_host[i]; i++) {
                struct sv_probe probe = {0};

                if (name && strcmp(sv_tees_host[i]->id->name, name))
                        continue;
                if (sv_tees_host[i]->probe(&probe, err) < 0)
                        return -1;
                if (probe.ok) {
                        *out = sv_tees_host[i];
                        return 0;
                }
                snprintf(nearest, sizeof(nearest), "%s: %s", sv_tees_host[i]->id->name,
                         probe.advice);
        }
        return name ? sv_fail(err, SV_SYSTEM, "tee.host", "this host cannot run the guest: %s",
                              nearest)
                    : sv_fail(err, SV_SYSTEM, "tee.host",
                              "this host can run none of %s; nearest is %s", list_hosts(names),
                              nearest);
}

int sv_tee_choose(const char *name, const struct sv_guest *guest, enum sv_choose where,
                  const struct sv_tee_host **out, struct sv_err *err)
{
        char hint[SV_TEE_HINT_SIZE];

        if (!name)
                name = guest ? guest->tee : "auto";
        if (!strcmp(name, "auto"))
                return choose_here(NULL, out, err);
        if (!sv_tee_find_host(name))
                return sv_fail(err, SV_USAGE, "tee.name",
                               "expected \"auto\" or a TEE, found \"%.40s\"; %s", name,
                               sv_tee_suggest(name, hint));
        if (where == SV_CHOOSE_HERE)
                return choose_here(name, out, err);
        *out = sv_tee_find_host(name);
        return 0;
}

int sv_tee_choose_measure(const struct sv_tee *id, const struct sv_tee_measure **out,
                          struct sv_err *err)
{
        for (size_t i = 0; sv_tees_measure[i]; i++)
                if (!strcmp(sv_tees_measure[i]->id->name, id->name)) {
                        *out = sv_tees_measure[i];
                        return 0;
                }
        return sv_fail(err, SV_USAGE, "tee.measure", "guests on %s cannot be measured beforehand",
                       id->name);
}

int sv_tee_predict(const struct sv_tee_measure *tee, const struct sv_guest *guest,
                   struct sv_measurement *out, struct sv_err *err)
{
        return sv_boot_check(guest, err) < 0 ? -1 : tee->measure(guest, out, err);
}
