/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator may do. Who it is was checked by the route. */
#include "attest/appraise.h"
#include "base/core/text.h"
#include "broker/serve/request.h"
#include "policy/policy.h"

#define AUDIT_PAGE 1000

static int answer_list(struct sv_request *r, const char *member, int rc, struct sv_json *list,
                       struct sv_err *err)
{
        SV_JSON *j = sv_json_object();

        sv_json_set(j, member, list);
        if (rc < 0)
                return -1;
        sv_json_print(j, &r->answer.body);
        if (sv_buf_ok(&r->answer.body, "the list", err) < 0)
                return -1;
        return sv_http_add(&r->answer, "Content-Type", "application/json", err);
}

int sv_handle_list_resources(struct sv_request *r, struct sv_err *err)
{
        struct sv_json *list = sv_json_array();
        int rc = r->broker->store->ops->list_resources(r->broker->store, list, err);

        return answer_list(r, "resources", rc, list, err);
}

static int check_policy_text(struct sv_bytes text, const char *resource, struct sv_err *err)
{
        SV_POLICY_DOC *policy = NULL;
        const struct sv_tee_verify *tee;
        char names[SV_TEE_NAMES_SIZE];

        if (sv_policy_parse(text, &policy, err) < 0)
                return -1;
        tee = sv_tee_find_verify(sv_policy_tee(policy));
        if (!tee)
                return sv_fail(err, SV_FORMAT, "broker.policy.tee",
                               "the policy is for \"%s\"; this broker knows %s",
                               sv_policy_tee(policy), sv_tee_list_verify(names));
        if (sv_tee_check_trust(tee, policy, err) < 0 || sv_tee_check_allow(tee, policy, err) < 0 ||
            sv_tee_check_anchors(tee, policy, err) < 0)
                return -1;
        if (strcmp(sv_policy_resource(policy), resource))
                return sv_fail(err, SV_FORMAT, "broker.policy.resource",
                               "the policy is for %s and was put under %s",
                               sv_policy_resource(policy), resource);
        return 0;
}

int sv_handle_put_policy(struct sv_request *r, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;
        struct sv_bytes text = sv_buf_bytes(&r->msg->body);

        static const char *const names[] = {"before", NULL};
        char before[65];

        if (sv_request_check_query(r, names, err) < 0 ||
            check_policy_text(text, r->resource, err) < 0)
                return -1;
        if (!*r->query)
                return store->ops->put_policy(store, r->resource, text, r->now, err);
        if (!sv_request_query(r, "before", before, sizeof(before)) || !sv_is_hex(before, 64))
                return sv_fail(err, SV_FORMAT, "broker.query",
                               "expected 64 hexadecimal digits as \"before\", the SHA-256 of the "
                               "policy that is replaced");
        return store->ops->put_policy_over(store, r->resource, before, text, r->now, err);
}

int sv_handle_get_policy(struct sv_request *r, struct sv_err *err)
{
        if (r->broker->store->ops->get_policy(r->broker->store, r->resource, &r->answer.body, err) <
            0)
                return -1;
        return sv_http_add(&r->answer, "Content-Type", "application/json", err);
}

int sv_handle_delete_policy(struct sv_request *r, struct sv_err *err)
{
        return r->broker->store->ops->delete_policy(r->broker->store, r->resource, err);
}

int sv_handle_audit(struct sv_request *r, struct sv_err *err)
{
        struct sv_json *list;
        uint64_t after = 0;
        int rc;

        if (*r->query && (strncmp(r->query, "after=", 6) ||
                          sv_parse_u64(r->query + 6, INT64_MAX, &after, "", NULL) < 0))
                return sv_fail(err, SV_FORMAT, "broker.audit.query",
                               "expected ?after=ID, found '%.40s'", r->query);
        list = sv_json_array();
        rc = r->broker->store->ops->list_audit(r->broker->store, (int64_t)after, AUDIT_PAGE, list,
                                               err);
        return answer_list(r, "audit", rc, list, err);
}

/* "Able to serve": the database answers. */
int sv_handle_health(struct sv_request *r, struct sv_err *err)
{
        SV_JSON *list = sv_json_array();
        SV_JSON *j = sv_json_object();

        if (r->broker->store->ops->list_audit(r->broker->store, INT64_MAX, 1, list, err) < 0)
                return -1;
        sv_json_set_bool(j, "ok", true);
        sv_json_print(j, &r->answer.body);
        return sv_http_add(&r->answer, "Content-Type", "application/json", err);
}
