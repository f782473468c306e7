/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/appraise.h"

#include "base/core/file.h"
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

/* --- further evidence: claims below /additional/<TEE> --- */

/* Does a rule of the policy look at this TEE's, or at all of them? Its text says it; a reason that
 * does as well asks for more than it must, never for less. */
static bool asks_for(const struct sv_policy *policy, const struct sv_tee_verify *tee)
{
        SV_STR pointer = sv_asprintf("\"/additional/%s", tee->id->name);
        SV_BUF text = SV_BUF_NULL;

        sv_json_print(sv_policy_rules(policy), &text);
        if (sv_policy_sets(policy))
                sv_json_print(sv_policy_sets(policy), &text);
        return text.bad || !pointer || strstr(sv_buf_str(&text), pointer) ||
               strstr(sv_buf_str(&text), "\"/additional\"");
}

static void move_claim(struct sv_json *o, const struct sv_tee_verify *tee)
{
        const char *claim = sv_json_text(o, "claim", NULL);
        SV_STR moved = claim ? sv_asprintf("/additional/%s%s", tee->id->name, claim) : NULL;

        if (moved)
                sv_json_set_str(o, "claim", moved);
}

/* Its TEE's floor counts for it as for a primary evidence, and cannot be lifted. */
static int add_floor(const struct sv_tee_verify *tee, struct sv_json *floor, struct sv_err *err)
{
        SV_JSON *own = NULL;

        if (!tee->floor)
                return 0;
        if (sv_json_parse(sv_bytes_str(tee->floor), "policy", &own, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(own); i++) {
                struct sv_json *rule = sv_json_at(own, i);
                SV_STR check =
                        sv_asprintf("policy.floor.%s-%s", tee->id->name, sv_floor_name(rule));

                sv_json_set_str(rule, "check", check);
                move_claim(rule, tee);
                if (sv_json_get(rule, "when"))
                        move_claim(sv_json_get(rule, "when"), tee);
                sv_json_add(floor, sv_json_ref(rule));
        }
        return sv_json_ok(err);
}

static struct sv_json *find_further_claims(const struct sv_json *claims,
                                           const struct sv_tee_verify *tee)
{
        return sv_json_get(sv_json_get(claims, "additional"), tee->id->name);
}

static int add_floors(const struct sv_policy *policy, const struct sv_json *claims,
                      struct sv_json *floor, struct sv_err *err)
{
        for (const struct sv_tee_verify *const *t = sv_tees_verify; *t; t++)
                if (find_further_claims(claims, *t) && asks_for(policy, *t) &&
                    add_floor(*t, floor, err) < 0)
                        return -1;
        return 0;
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

/* Whose anchors the policy may name, one after the other (*i begins at 0): the guest's own TEE, and
 * those whose further evidence a rule looks at. */
static const struct sv_tee_verify *next_anchored(size_t *i, const struct sv_tee_verify *tee,
                                                 const struct sv_policy *policy)
{
        const struct sv_tee_verify *of;

        if (!(*i)++)
                return tee;
        while ((of = sv_tees_verify[*i - 1])) {
                ++*i;
                if (of != tee && asks_for(policy, of))
                        return of;
        }
        return NULL;
}

int sv_tee_check_trust(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                       struct sv_err *err)
{
        const char *kinds[SV_TRUST_KINDS_MAX + 1] = {NULL};
        const struct sv_tee_verify *of;
        size_t n = 0, at = 0;

        while ((of = next_anchored(&at, tee, policy)))
                for (size_t i = 0; of->trust && of->trust[i].member && n < SV_TRUST_KINDS_MAX; i++)
                        kinds[n++] = of->trust[i].member;
        return sv_policy_check_trust(policy, kinds, err);
}

int sv_tee_check_anchors(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                         struct sv_err *err)
{
        const struct sv_tee_verify *of;
        size_t at = 0;

        if (sv_tee_check_trust(tee, policy, err) < 0)
                return -1;
        while ((of = next_anchored(&at, tee, policy)))
                for (const struct sv_trust_kind *k = of->trust; k && k->member; k++)
                        if (check_kind(of, policy, k, err) < 0)
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

int sv_tee_check_warn(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                      struct sv_err *err)
{
        static const char *const none[] = {NULL};

        return sv_policy_check_warn(policy, tee->may_warn ? tee->may_warn : none,
                                    tee->tells_guest ? tee->tells_guest : none, err);
}

static int evaluate_policy(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                           const struct sv_json *claims, int64_t time, struct sv_verdict *verdict,
                           struct sv_err *err)
{
        SV_JSON *floor = NULL;

        if (tee->floor && sv_json_parse(sv_bytes_str(tee->floor), "policy", &floor, err) < 0)
                return -1;
        if (sv_json_get(claims, "additional")) {
                if (!floor)
                        floor = sv_json_array();
                if (add_floors(policy, claims, floor, err) < 0)
                        return -1;
        }
        return sv_policy_evaluate_sets(policy, floor, claims, time, verdict, err);
}

static int check_policy_tee(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                            struct sv_err *err)
{
        if (strcmp(sv_policy_tee(policy), tee->id->name))
                return sv_fail(err, SV_POLICY, "policy.tee",
                               "the policy is for guests on %s, the evidence is from %s",
                               sv_policy_tee(policy), tee->id->name);
        if (sv_tee_check_trust(tee, policy, err) < 0)
                return -1;
        return sv_tee_check_allow(tee, policy, err) < 0 ? -1 : sv_tee_check_warn(tee, policy, err);
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

/* Only what this policy asks for: no tenant's anchors decide of another's guests. */
static int confirm_further_roots(const struct sv_policy *policy, const struct sv_json *claims,
                                 int64_t time, struct sv_err *err)
{
        for (const struct sv_tee_verify *const *t = sv_tees_verify; *t; t++) {
                struct sv_json *further = find_further_claims(claims, *t);

                if (further && asks_for(policy, *t) &&
                    confirm_root(*t, policy, further, time, err) < 0)
                        return sv_wrap(err, "additional evidence of %s", (*t)->id->name);
        }
        return 0;
}

int sv_appraise_claims(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                       struct sv_json *claims, int64_t time, struct sv_verdict *verdict,
                       struct sv_err *err)
{
        if (check_policy_tee(tee, policy, err) < 0 ||
            confirm_root(tee, policy, claims, time, err) < 0 ||
            confirm_further_roots(policy, claims, time, err) < 0)
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

        if (policy && (check_policy_tee(e->tee, policy, err) < 0 ||
                       sv_tee_check_anchors(e->tee, policy, err) < 0))
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
