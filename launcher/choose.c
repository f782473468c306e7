#include "launcher/choose.h"

#include <stdio.h>

#include "attest/tees.h"

int sv_choose_tee(const struct sv_guest *g, const struct sv_tee **out, struct sv_err *err)
{
        bool any = !strcmp(g->tee, "auto");
        char last[600] = "no TEE is built in";

        if (!any && !sv_tee_find(g->tee))
                return sv_fail(err, SV_USAGE, "launch.tee", "this build has no %s; it has %s", g->tee, sv_tee_names());
        for (const struct sv_tee *const *t = sv_tees; *t; t++) {
                struct sv_probe probe = {0};

                if ((!any && strcmp((*t)->name, g->tee)) || !(*t)->domain || !(*t)->probe)
                        continue;
                if ((*t)->probe(&probe, err) < 0)
                        return -1;
                if (probe.ok) {
                        *out = *t;
                        return 0;
                }
                snprintf(last, sizeof(last), "%s: %s", (*t)->name, probe.advice);
        }
        return sv_fail(err, SV_SYSTEM, "launch.tee", "this machine cannot launch the guest: %s", last);
}
