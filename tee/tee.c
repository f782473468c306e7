/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tee.h"

#include <stdio.h>

#include "guest/guest.h"

/* What an ordinary guest can have, and a confidential one cannot. */
static int refuse_growth(const struct sv_tee *tee, const struct sv_guest *g, struct sv_err *err)
{
        const char *asked = sv_guest_vcpus_max(g) > g->vcpus     ? "vcpus_max"
                            : sv_guest_memory_max(g) > g->memory ? "memory_max"
                                                                 : NULL;

        if (asked)
                return sv_fail(err, SV_USAGE, "tee.growth",
                               "a guest under %s gets no vCPUs and no memory while it runs: what "
                               "it has is part of what is measured or accepted at its launch. "
                               "Remove \"%s\"; \"secure-vm resize %s --vcpus N --memory SIZE\" "
                               "changes both by one restart, the policy first",
                               tee->name, asked, g->name);
        if (g->tune.memory.balloon && g->tune.memory.balloon_given)
                return sv_fail(err, SV_USAGE, "tee.balloon",
                               "a guest under %s has no balloon: it would give back the shared "
                               "half of a page only, and the private one stays with the guest. "
                               "Remove \"balloon\", \"reporting\" and \"deflate\" (tuning, "
                               "\"memory\")",
                               tee->name);
        return 0;
}

int sv_tee_takes(const struct sv_tee *tee, const struct sv_guest *guest, struct sv_err *err)
{
        if (guest->shim && !tee->shim)
                return sv_fail(err, SV_USAGE, "guest.shim",
                               "no shim before the kernel is started and measured under %s, the "
                               "guest file names one: remove \"shim\"",
                               tee->name);
        return tee->confidential ? refuse_growth(tee, guest, err) : 0;
}

const char *sv_tee_firmware(const struct sv_tee *tee, const struct sv_guest *guest)
{
        return !guest->firmware && tee && tee->firmware ? tee->firmware : sv_guest_firmware(guest);
}

void sv_tee_add_name(char list[SV_TEE_NAMES_SIZE], const struct sv_tee *tee)
{
        size_t used = strlen(list);

        snprintf(list + used, SV_TEE_NAMES_SIZE - used, "%s%s", used ? ", " : "", tee->name);
}
