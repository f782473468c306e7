/* SPDX-License-Identifier: Apache-2.0 */
/* The row of the virtual TPM: QEMU's tpm-crb in front of swtpm, which libvirt starts and
 * swtpm-localca certifies. */
#include "vtpm/tee.h"

#include "vtpm/host/host.h"
#include "vtpm/verify/challenge.h"
#include "vtpm/measure/explain.h"
#include "vtpm/measure/inspect.h"
#include "vtpm/measure/measure.h"
#include "vtpm/rules.h"
#include "vtpm/verify/verify.h"

/* The certificates come with the evidence and with the policy: nothing is fetched. */
static int needs(const struct sv_json *evidence, struct sv_json *out, struct sv_err *err)
{
        return 0;
}

static const struct sv_trust_kind trust_kinds[] = {
        {"ek_roots", "ek-root"},
        {"ek_intermediates", "ek-intermediate"},
        {NULL, NULL},
};

static const char *const takes[] = {"ek-root", "event-log", NULL};

const struct sv_tee sv_tee_vtpm = {
        .name = "vtpm",
        .kbs_name = "tpm",
        .help = "measured boot with a virtual TPM run by the host: any machine, no protection "
                "against the host",
        .probe = sv_vtpm_probe,
        .domain = sv_vtpm_domain,
        .measure = sv_vtpm_measure,
        .inspect = sv_vtpm_inspect,
        .compare = sv_vtpm_compare,
        .policy = sv_vtpm_rules,
        .needs = needs,
        .verify = sv_vtpm_verify,
        .challenge = sv_vtpm_challenge,
        .secret_kind = SV_VTPM_ACTIVATION_KIND,
        .takes = takes,
        .trust = trust_kinds,
        .strict = sv_vtpm_strict,
};
