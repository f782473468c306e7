/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator may do. Who it is was checked by the route. */
#include <stdio.h>

#include "attest/appraise.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "broker/serve/request.h"
#include "policy/policy.h"

#define AUDIT_PAGE 1000

static int answer_json(struct sv_request *r, const struct sv_json *j, struct sv_err *err)
{
        sv_json_print(j, &r->answer.body);
        if (sv_buf_ok(&r->answer.body, "the list", err) < 0)
                return -1;
        return sv_http_add(&r->answer, "Content-Type", "application/json", err);
}

static int answer_list(struct sv_request *r, const char *member, int rc, struct sv_json *list,
                       struct sv_err *err)
{
        SV_JSON *j = sv_json_object();

        sv_json_set(j, member, list);
        return rc < 0 ? -1 : answer_json(r, j, err);
}

/* Has it all labels that are asked for? */
static bool has_labels(const struct sv_request *r, const struct sv_json *row)
{
        const struct sv_json *labels = sv_json_get(row, "labels");
        const char *label;
        size_t n;

        for (size_t i = 0; (label = sv_request_query_nth(r, "label", i, &n)); i++) {
                SV_STR name = sv_asprintf("%.*s", (int)strcspn(label, "="), label);
                const char *value = sv_json_text(labels, name, "");

                if (strlen(value) != n - strlen(name) - 1 ||
                    strncmp(value, label + strlen(name) + 1, strlen(value)))
                        return false;
        }
        return true;
}

/* What stands in rows about resources below the asking administrator's paths, after what is in *to
 * already, until that has so many. */
static void add_visible(const struct sv_request *r, const char *member, const struct sv_json *from,
                        int64_t max, struct sv_json *to)
{
        for (size_t i = 0; i < sv_json_len(from) && (int64_t)sv_json_len(to) < max; i++) {
                struct sv_json *row = sv_json_at(from, i);

                if (has_labels(r, row) &&
                    (!r->admin || sv_admin_may_see(r->admin, sv_json_text(row, member, ""))))
                        sv_json_add(to, sv_json_ref(row));
        }
}

/* The first is looked for by the database, the others in what it finds. */
static int read_label_query(const struct sv_request *r, struct sv_list_query *q, struct sv_err *err)
{
        const char *label;
        size_t n;

        for (size_t i = 0; (label = sv_request_query_nth(r, "label", i, &n)); i++) {
                SV_STR copy = sv_asprintf("%.*s", (int)n, label);

                if (sv_label_check(copy, err) < 0)
                        return -1;
                if (!i)
                        snprintf(q->label, sizeof(q->label), "%s", copy);
        }
        return 0;
}

static int read_list_query(const struct sv_request *r, struct sv_list_query *q, struct sv_err *err)
{
        static const char *const names[] = {"prefix", "after", "limit", "label", NULL};
        char text[24] = "";
        uint64_t limit = 0;

        if (sv_request_check_query(r, names, err) < 0)
                return -1;
        if ((sv_request_has(r, "prefix") &&
             !sv_request_query(r, "prefix", q->prefix, sizeof(q->prefix))) ||
            (sv_request_has(r, "after") &&
             !sv_request_query(r, "after", q->after, sizeof(q->after))))
                return sv_fail(err, SV_FORMAT, "broker.query",
                               "expected the path of a resource, or its beginning, as \"prefix\" "
                               "and \"after\"");
        if (sv_request_has(r, "limit") &&
            (!sv_request_query(r, "limit", text, sizeof(text)) ||
             sv_parse_u64(text, SV_LIST_MAX, &limit, "", NULL) < 0 || !limit))
                return sv_fail(err, SV_FORMAT, "broker.query",
                               "expected a number from 1 to %d as \"limit\"", SV_LIST_MAX);
        q->max = limit ? (int64_t)limit : INT64_MAX;
        return read_label_query(r, q, err);
}

/* Pages of the store's, until there are as many that may be shown, or no more. */
static int list_visible(const struct sv_request *r, const struct sv_list_query *asked,
                        struct sv_json *list, struct sv_err *err)
{
        struct sv_list_query q = *asked;
        size_t n;

        do {
                SV_JSON *page = sv_json_array();

                if (r->broker->store->ops->list_resources(r->broker->store, &q, page, err) < 0)
                        return -1;
                add_visible(r, "path", page, q.max, list);
                n = sv_json_len(page);
                if (n)
                        snprintf(q.after, sizeof(q.after), "%s",
                                 sv_json_text(sv_json_at(page, n - 1), "path", ""));
        } while ((int64_t)n == q.max && (int64_t)sv_json_len(list) < q.max);
        return 0;
}

int sv_handle_list_resources(struct sv_request *r, struct sv_err *err)
{
        SV_JSON *j = sv_json_object();
        struct sv_json *list = sv_json_set(j, "resources", sv_json_array());
        struct sv_list_query q = {.max = 0};
        size_t n;

        if (read_list_query(r, &q, err) < 0 || list_visible(r, &q, list, err) < 0)
                return -1;
        n = sv_json_len(list);
        if ((int64_t)n == q.max) /* perhaps: the next page may be empty */
                sv_json_set_str(j, "next", sv_json_text(sv_json_at(list, n - 1), "path", ""));
        return answer_json(r, j, err);
}

int sv_request_read_policy(struct sv_request *r, struct sv_bytes text, struct sv_policy **out,
                           struct sv_err *err)
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
            sv_tee_check_warn(tee, policy, err) < 0 || sv_tee_check_anchors(tee, policy, err) < 0)
                return -1;
        if (strcmp(sv_policy_resource(policy), r->resource))
                return sv_fail(err, SV_FORMAT, "broker.policy.resource",
                               "the policy is for %s and was put under %s",
                               sv_policy_resource(policy), r->resource);
        if (sv_reference_apply(r, text, SV_BYTES_NULL, &policy, err) < 0)
                return -1;
        *out = policy;
        policy = NULL;
        return 0;
}

/* "NAME at ADDRESS": the name is the administrator's own word, the address is where it came from.
 */
static char *read_author(const struct sv_request *r, struct sv_err *err)
{
        const char *port = strrchr(r->peer, ':');
        char name[65] = "";

        if (sv_request_has(r, "author") &&
            (!sv_request_query(r, "author", name, sizeof(name)) || !sv_name_ok(name))) {
                sv_fail(err, SV_FORMAT, "broker.query", "expected a name as \"author\"");
                return NULL;
        }
        return sv_asprintf("%s%s%.*s", name, *name ? " at " : "",
                           port ? (int)(port - r->peer) : (int)strlen(r->peer), r->peer);
}

static int read_before(const struct sv_request *r, char before[65], struct sv_err *err)
{
        if (sv_request_query(r, "before", before, 65) && sv_is_hex(before, 64))
                return 0;
        return sv_fail(err, SV_FORMAT, "broker.query",
                       "expected 64 hexadecimal digits as \"before\", the SHA-256 of the policy "
                       "that is replaced");
}

int sv_handle_put_policy(struct sv_request *r, struct sv_err *err)
{
        static const char *const names[] = {"before", "author", NULL};
        struct sv_store *store = r->broker->store;
        struct sv_policy_put put = {.text = sv_buf_bytes(&r->msg->body), .now = r->now};
        SV_POLICY_DOC *policy = NULL;
        SV_STR author = NULL;
        char before[65];

        if (sv_request_check_query(r, names, err) < 0 ||
            sv_request_read_policy(r, put.text, &policy, err) < 0)
                return -1;
        author = read_author(r, err);
        if (!author)
                return -1;
        put.author = author;
        if (sv_request_has(r, "before")) {
                if (read_before(r, before, err) < 0)
                        return -1;
                put.before = before;
        }
        if (sv_request_match_policy(r, err) < 0)
                return -1;
        return store->ops->put_policy(store, r->resource, &put, err);
}

static int read_policy_text(struct sv_request *r, struct sv_err *err)
{
        const struct sv_store_ops *ops = r->broker->store->ops;
        char text[24];
        uint64_t version;

        if (!*r->query)
                return ops->get_policy(r->broker->store, r->resource, &r->answer.body, err);
        if (!sv_request_query(r, "version", text, sizeof(text)) ||
            sv_parse_u64(text, INT64_MAX, &version, "", NULL) < 0)
                return sv_fail(err, SV_FORMAT, "broker.query", "expected a number as \"version\"");
        return ops->get_policy_version(r->broker->store, r->resource, (int64_t)version,
                                       &r->answer.body, err);
}

int sv_handle_get_policy(struct sv_request *r, struct sv_err *err)
{
        static const char *const names[] = {"version", NULL};

        char hex[65];

        if (sv_request_check_query(r, names, err) < 0 || read_policy_text(r, err) < 0)
                return -1;
        if (sv_sha256_hex(sv_buf_bytes(&r->answer.body), hex, err) < 0 ||
            sv_request_add_tag(r, hex, err) < 0)
                return -1;
        return sv_http_add(&r->answer, "Content-Type", "application/json", err);
}

int sv_handle_policy_history(struct sv_request *r, struct sv_err *err)
{
        struct sv_json *list = sv_json_array();
        int rc = r->broker->store->ops->list_policy_versions(r->broker->store, r->resource, list,
                                                             err);

        return answer_list(r, "versions", rc, list, err);
}

int sv_handle_delete_policy(struct sv_request *r, struct sv_err *err)
{
        static const char *const names[] = {"author", NULL};
        SV_STR author = NULL;

        if (sv_request_check_query(r, names, err) < 0)
                return -1;
        author = read_author(r, err);
        if (author && sv_request_match_policy(r, err) < 0)
                return -1;
        return author ? r->broker->store->ops->delete_policy(r->broker->store, r->resource, author,
                                                             r->now, err)
                      : -1;
}

/* Pages until there is something to see, or no more: an empty answer says that there is none. */
static int list_visible_audit(const struct sv_request *r, int64_t after, struct sv_json *list,
                              struct sv_err *err)
{
        for (;;) {
                SV_JSON *page = sv_json_array();
                size_t n;

                if (r->broker->store->ops->list_audit(r->broker->store, after, AUDIT_PAGE, page,
                                                      err) < 0)
                        return -1;
                add_visible(r, "resource", page, AUDIT_PAGE, list);
                n = sv_json_len(page);
                if (n < AUDIT_PAGE || sv_json_len(list))
                        return 0;
                after = sv_json_int(sv_json_get(sv_json_at(page, n - 1), "id"), INT64_MAX);
        }
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
        rc = list_visible_audit(r, (int64_t)after, list, err);
        return answer_list(r, "audit", rc, list, err);
}
