/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/appraise.h"
#include "base/core/file.h"
#include "broker/broker.h"

int sv_broker_policy_anchors(const struct sv_policy *policy, struct sv_anchors *out,
                             struct sv_err *err)
{
        SV_ANCHORS n = {0};
        SV_BLOBS blobs = {0};
        const struct sv_tee_verify *tee;
        char names[SV_TEE_NAMES_SIZE];

        tee = sv_tee_find_verify(sv_policy_tee(policy));
        if (!tee)
                return sv_fail(err, SV_FORMAT, "broker.policy.tee",
                               "the policy is for \"%s\"; this broker knows %s",
                               sv_policy_tee(policy), sv_tee_list_verify(names));
        if (sv_tee_check_trust(tee, policy, err) < 0 || sv_tee_check_allow(tee, policy, err) < 0)
                return -1;
        n.tee = sv_asprintf("%s", tee->id->name);
        sv_blobs_add_trust(&blobs, tee, policy);
        for (size_t i = 0; i < blobs.n; i++)
                if (sv_anchors_add(&n, blobs.list[i].kind, blobs.list[i].data, err) < 0)
                        return -1;
        *out = n;
        memset(&n, 0, sizeof(n));
        return 0;
}

int sv_broker_read_anchors(struct sv_bytes text, struct sv_anchors *out, struct sv_err *err)
{
        SV_POLICY_DOC *policy = NULL;

        if (sv_policy_parse(text, &policy, err) < 0)
                return -1;
        return sv_broker_policy_anchors(policy, out, err);
}
