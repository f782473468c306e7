/* SPDX-License-Identifier: Apache-2.0 */
/* proves: where statuses become one, what is revoked stays revoked, nothing that is out of date
 *         becomes current again, a worse enclave or module never gives a better whole, and a
 *         relaunch is advised only where the launch was out of date and the module that runs now is
 *         not.
 * for:    every combination of Intel's statuses
 * stubs:  nothing
 * unwind: 10
 * fault:  `by == SV_TCB_REVOKED || s == SV_TCB_REVOKED` => `s == SV_TCB_REVOKED`
 * fault:  `now > SV_TCB_CONFIGURATION_SW_HARDENING` => `now > SV_TCB_OUT_OF_DATE`
 */
#include "proof.h"
#include "stub_err.h"

#include "tdx/verify/tcb.c"

static bool old(enum sv_tcb_status s)
{
        return s == SV_TCB_OUT_OF_DATE || s == SV_TCB_OUT_OF_DATE_CONFIGURATION;
}

/* As Intel's documents name them for an enclave or a module. */
static enum sv_tcb_status any_of_three(void)
{
        static const enum sv_tcb_status three[] = {SV_TCB_UP_TO_DATE, SV_TCB_OUT_OF_DATE,
                                                   SV_TCB_REVOKED};

        return three[any_below(3)];
}

static enum sv_tcb_status any_platform(void)
{
        enum sv_tcb_status s = any_below(SV_TCB_STATUSES);

        ASSUME(s != SV_TCB_RELAUNCH_ADVISED && s != SV_TCB_RELAUNCH_CONFIGURATION);
        return s;
}

void prove(void)
{
        enum sv_tcb_status platform = any_platform(), qe = any_of_three(), worse = any_of_three(),
                           module = any_of_three(), now = any_platform(), all, with_worse, both;

        ASSUME(worse >= qe);
        all = sv_tcb_converge(platform, qe, &module);
        with_worse = sv_tcb_converge(platform, worse, &module);
        PROVE(with_worse >= all && all >= platform);
        PROVE(sv_tcb_converge(platform, qe, NULL) <= all);
        PROVE((all == SV_TCB_REVOKED) ==
              (platform == SV_TCB_REVOKED || qe == SV_TCB_REVOKED || module == SV_TCB_REVOKED));
        PROVE(all == SV_TCB_REVOKED || old(all) == (old(platform) || qe == SV_TCB_OUT_OF_DATE ||
                                                    module == SV_TCB_OUT_OF_DATE));
        both = sv_tcb_relaunch(all, now);
        PROVE(both == all || (old(all) && now <= SV_TCB_CONFIGURATION_SW_HARDENING));
        PROVE(both != SV_TCB_UP_TO_DATE || all == SV_TCB_UP_TO_DATE);
}
