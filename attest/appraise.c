/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/appraise.h"

#include "base/core/limits.h"
#include "policy/sets.h"

void sv_blobs_add_trust(struct sv_blobs *b, const struct sv_tee_verify *tee,
                        const struct sv_policy *policy)
{
        for (const struct sv_trust_kind *k = tee->trust; k && k->member; k++) {
                const char *text;

                for (size_t i = 0; (text = sv_policy_trust(policy, k->member, i)); i++)
                        sv_blobs_add(b, k->kind, sv_bytes_str(text));
        }
}

static int check_kind(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                      const struct sv_trust_kind *k, struct sv_err *err)
{
        const char *text;

        for (size_t i = 0; (text = sv_policy_trust(policy, k->member, i)); i++)
                if (tee->check_anchor(k->kind, sv_bytes_str(text), err) < 0)
                        return sv_wrap(err, "trust.%s[%zu]", k->member, i);
        return 0;
}

int sv_tee_check_trust(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                       struct sv_err *err)
{
        const char *kinds[SV_TRUST_KINDS_MAX + 1] = {NULL};

        for (size_t i = 0; tee->trust && tee->trust[i].member && i < SV_TRUST_KINDS_MAX; i++)
                kinds[i] = tee->trust[i].member;
        return sv_policy_check_trust(policy, kinds, err);
}

int sv_tee_check_anchors(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                         struct sv_err *err)
{
        if (sv_tee_check_trust(tee, policy, err) < 0)
                return -1;
        for (const struct sv_trust_kind *k = tee->trust; k && k->member; k++)
                if (check_kind(tee, policy, k, err) < 0)
                        return -1;
        return 0;
}

int sv_tee_check_allow(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                       struct sv_err *err)
{
        const char *names[SV_FLOOR_MAX + 1] = {NULL};
        SV_JSON *floor = NULL;

        if (tee->floor && sv_json_parse(sv_bytes_str(tee->floor), "policy", &floor, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(floor) && i < SV_FLOOR_MAX; i++)
                names[i] = sv_floor_name(sv_json_at(floor, i));
        return sv_policy_check_allow(policy, names, err);
}

static int evaluate_policy(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                           const struct sv_json *claims, int64_t time, struct sv_verdict *verdict,
                           struct sv_err *err)
{
        SV_JSON *floor = NULL;

        if (tee->floor && sv_json_parse(sv_bytes_str(tee->floor), "policy", &floor, err) < 0)
                return -1;
        return sv_policy_evaluate_sets(policy, floor, claims, time, verdict, err);
}

static int check_policy_tee(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                            struct sv_err *err)
{
        if (strcmp(sv_policy_tee(policy), tee->id->name))
                return sv_fail(err, SV_POLICY, "policy.tee",
                               "the policy is for guests on %s, the evidence is from %s",
                               sv_policy_tee(policy), tee->id->name);
        if (sv_tee_check_anchors(tee, policy, err) < 0)
                return -1;
        return sv_tee_check_allow(tee, policy, err);
}

static int confirm_root(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                        struct sv_json *claims, int64_t time, struct sv_err *err)
{
        SV_BLOBS anchors = {0};
        struct sv_collateral c;

        if (!tee->trust) /* no roots at all */
                return 0;
        sv_blobs_add_trust(&anchors, tee, policy);
        c = (struct sv_collateral){anchors.list, anchors.n, NULL};
        return tee->confirm_root(claims, &c, time, err);
}

int sv_appraise_claims(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                       struct sv_json *claims, int64_t time, struct sv_verdict *verdict,
                       struct sv_err *err)
{
        if (check_policy_tee(tee, policy, err) < 0 ||
            confirm_root(tee, policy, claims, time, err) < 0)
                return -1;
        return evaluate_policy(tee, policy, claims, time, verdict, err);
}

static int evaluate_claims(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                           const struct sv_json *claims, int64_t time, struct sv_verdict *verdict,
                           struct sv_err *err)
{
        if (policy)
                return evaluate_policy(tee, policy, claims, time, verdict, err);
        return sv_policy_limits(claims, verdict, err);
}

static int verify_and_evaluate(const struct sv_evidence *e, const struct sv_verify_in *in,
                               const struct sv_policy *policy, struct sv_json **claims,
                               struct sv_verdict *verdict, struct sv_err *err)
{
        SV_BLOBS anchors = {0};
        struct sv_verify_in with = *in;

        if (policy && check_policy_tee(e->tee, policy, err) < 0)
                return -1;
        if (policy)
                sv_blobs_add_trust(&anchors, e->tee, policy);
        with.collateral = (struct sv_collateral){anchors.list, anchors.n, &in->collateral};
        if (e->tee->verify(e, &with, claims, err) < 0)
                return -1;
        return evaluate_claims(e->tee, policy, *claims, in->time, verdict, err);
}

int sv_appraise(const struct sv_evidence *e, const struct sv_verify_in *in,
                const struct sv_policy *policy, struct sv_json **claims, struct sv_verdict *verdict,
                struct sv_err *err)
{
        int r;

        sv_watch_memory();
        r = verify_and_evaluate(e, in, policy, claims, verdict, err);
        if (sv_json_ok(err) < 0)
                return -1;
        return sv_check_memory(r, err);
}
