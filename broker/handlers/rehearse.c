/* SPDX-License-Identifier: Apache-2.0 */
/* A policy tried on the guests that there are: each that was given the resource showed a token
 * then, and what it claims is appraised once more. Nothing is changed and nothing is released. */
#include "attest/appraise.h"
#include "attest/jose/token.h"
#include "base/core/text.h"
#include "broker/serve/request.h"

struct rehearsal {
        const struct sv_policy *policy;
        const struct sv_key *signer;
        int64_t at; /* the time that is tried */
        struct sv_json *guests;
        int64_t released, refused, warned;
};

/* Is there a rule that only warns, and does not hold? */
static bool add_warned_checks(const struct sv_verdict *verdict, struct sv_json *row)
{
        SV_JSON *warned = sv_json_array();

        for (size_t i = 0; i < sv_json_len(verdict->reasons); i++) {
                const struct sv_json *reason = sv_json_at(verdict->reasons, i);

                if (sv_json_bool(sv_json_get(reason, "warned"), false))
                        sv_json_add(warned, sv_json_new_str(sv_json_text(reason, "check", "")));
        }
        if (!sv_json_len(warned))
                return false;
        sv_json_set(row, "warned", sv_json_ref(warned));
        return true;
}

/* What its signature does not say is not believed: the row has no MAC. */
static int appraise_token(struct rehearsal *all, const struct sv_accepted *what,
                          struct sv_json *row, struct sv_err *err)
{
        SV_JSON *payload = NULL;
        SV_VERDICT verdict = {{0}};
        struct sv_json *claims = NULL;
        const struct sv_tee_verify *tee;

        if (sv_ear_verify(sv_bytes_str(what->token), all->signer, what->time, &payload, err) < 0)
                return -1;
        tee = sv_request_find_claims(payload, &claims, err);
        if (!tee)
                return -1;
        sv_json_set_str(row, "tee", tee->id->kbs_name);
        if (sv_appraise_claims(tee, all->policy, claims, all->at, &verdict, err) < 0)
                return -1;
        all->warned += add_warned_checks(&verdict, row);
        return 0;
}

static int try_guest(const struct sv_accepted *what, void *arg, struct sv_err *err)
{
        struct rehearsal *all = arg;
        struct sv_json *row = sv_json_add(all->guests, sv_json_object());
        struct sv_err refusal = SV_ERR_NULL;
        char when[32];
        int rc;

        sv_json_set_str(row, "guest", what->guest);
        sv_json_set_str(row, "released", sv_format_time(what->time, when));
        rc = appraise_token(all, what, row, &refusal);
        if (rc < 0 && refusal.class == SV_SYSTEM) {
                *err = refusal;
                return -1;
        }
        sv_json_set_bool(row, "holds", rc == 0);
        all->released += rc == 0;
        all->refused += rc < 0;
        if (rc == 0)
                return 0;
        sv_json_set_str(row, "check", refusal.check);
        sv_json_set_str(row, "class", sv_class_name(refusal.class));
        sv_json_set_str(row, "message", refusal.msg);
        return 0;
}

/* Of the request, or the one that is stored when there is none in it, or a reference set. */
static int read_tried_policy(struct sv_request *r, struct sv_policy **policy, struct sv_err *err)
{
        SV_BUF stored = SV_BUF_NULL;
        struct sv_bytes text = sv_buf_bytes(&r->msg->body);

        if (sv_request_has(r, "reference")) {
                if (r->broker->store->ops->get_policy(r->broker->store, r->resource, &stored, err) <
                            0 ||
                    sv_policy_parse(sv_buf_bytes(&stored), policy, err) < 0)
                        return -1;
                return sv_reference_apply(r, sv_buf_bytes(&stored), text, policy, err);
        }
        if (text.n)
                return sv_request_read_policy(r, text, policy, err);
        if (r->broker->store->ops->get_policy(r->broker->store, r->resource, &stored, err) < 0)
                return -1;
        return sv_request_read_policy(r, sv_buf_bytes(&stored), policy, err);
}

static int read_time(const struct sv_request *r, int64_t *at, struct sv_err *err)
{
        static const char *const names[] = {"at", "reference", NULL};
        char text[32] = "";

        *at = r->now;
        if (sv_request_check_query(r, names, err) < 0)
                return -1;
        if (!sv_request_has(r, "at"))
                return 0;
        sv_request_query(r, "at", text, sizeof(text));
        return sv_parse_time(text, at, "broker.query", err);
}

int sv_handle_rehearse(struct sv_request *r, struct sv_err *err)
{
        SV_JSON *answer = sv_json_object();
        SV_POLICY_DOC *policy = NULL;
        struct rehearsal all = {.signer = r->broker->token_key};
        char when[32];

        if (read_time(r, &all.at, err) < 0 || read_tried_policy(r, &policy, err) < 0)
                return -1;
        all.policy = policy;
        all.guests = sv_json_set(answer, "guests", sv_json_array());
        if (r->broker->store->ops->each_accepted(r->broker->store, r->resource, try_guest, &all,
                                                 err) < 0)
                return -1;
        sv_json_set_str(answer, "resource", r->resource);
        sv_json_set_str(answer, "at", sv_format_time(all.at, when));
        sv_json_set_int(answer, "holds", all.released);
        sv_json_set_int(answer, "refused", all.refused);
        sv_json_set_int(answer, "warns", all.warned);
        sv_json_print(answer, &r->answer.body);
        return sv_http_add(&r->answer, "Content-Type", "application/json", err);
}
