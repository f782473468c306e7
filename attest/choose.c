/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/choose.h"

#include <stdio.h>

int sv_tee_choose(const char *name, const struct sv_guest *guest, enum sv_choose where,
                  const struct sv_tee **out, struct sv_err *err)
{
        char nearest[640] = "no TEE is built in";
        bool any;

        if (!name)
                name = guest ? guest->tee : "auto";
        any = !strcmp(name, "auto");
        if (!any && !sv_tee_find(name))
                return sv_fail(err, SV_USAGE, "tee.name",
                               "expected auto or one of %s as TEE, found \"%.40s\"", sv_tee_names(),
                               name);
        if (!any && where == SV_CHOOSE_ANY) {
                *out = sv_tee_find(name);
                return 0;
        }
        for (size_t i = 0; sv_tees[i]; i++) {
                struct sv_probe probe = {0};

                if (!any && strcmp(sv_tees[i]->name, name))
                        continue;
                if (sv_tees[i]->probe(&probe, err) < 0)
                        return -1;
                if (probe.ok) {
                        *out = sv_tees[i];
                        return 0;
                }
                snprintf(nearest, sizeof(nearest), "%s: %s", sv_tees[i]->name, probe.advice);
        }
        return any ? sv_fail(err, SV_SYSTEM, "tee.host",
                             "this host can run none of %s; nearest is %s", sv_tee_names(), nearest)
                   : sv_fail(err, SV_SYSTEM, "tee.host", "this host cannot run the guest: %s",
                             nearest);
}
