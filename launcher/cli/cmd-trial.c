/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm trial: let this machine's hardware confirm or refuse the measurement that we predict;
 * nothing runs in the guest. */
#include <stdio.h>

#include "launcher/choose.h"
#include "guest/guest.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"

static int run_trial(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_GUEST g = {0};
        const struct sv_tee_host *tee = NULL;
        struct sv_probe probe = {0};

        if (sv_guest_take(args->pos[0], &g, err) < 0 ||
            sv_tee_choose(NULL, &g, SV_CHOOSE_ANY, &tee, err) < 0)
                return -1;
        if (!tee->trial)
                return sv_fail(err, SV_USAGE, "launch.trial",
                               "%s has no launch of its own to try; what it measures is seen in "
                               "the guest: secure-vm launch",
                               tee->id->name);
        /* It takes neither QEMU nor libvirt, so the probe is asked only for why the kernel or the
         * hardware did not do it. */
        if (tee->trial(&g, err) < 0)
                return err->class == SV_SYSTEM && tee->probe(&probe, NULL) == 0 && !probe.ok &&
                                       !probe.platform
                               ? sv_wrap(err, "%s", probe.advice)
                               : -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "tee", tee->id->name);
        sv_json_set_str(*result, "says", tee->trial_says);
        if (!sv_has(args, "json"))
                printf("%s: %s\n", tee->id->name, tee->trial_says);
        return 0;
}

const struct sv_cmd sv_cmd_trial = {
        "trial", "GUEST.json",
        "prepare the guest without running it: the hardware confirms or refuses the prediction",
        NULL, run_trial};
