/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes. */
#include <stdio.h>

#include "base/core/limits.h"
#include "base/core/text.h"
#include "broker/serve/routes.h"

#define SMALL SV_LINE_MAX /* a flat JSON object, or nothing */

#define OPERATOR SV_ROLE_OPERATOR
#define AUTHOR   SV_ROLE_AUTHOR
#define AUDITOR  SV_ROLE_AUDITOR
#define ANY_ROLE (OPERATOR | AUTHOR | AUDITOR)

static const struct sv_route routes[] = {
        {"POST", "/kbs/v0/auth", "auth", 0, sv_handle_auth, SV_AUTH_SIZE_MAX},
        {"POST", "/kbs/v0/attest", "attest", 0, sv_handle_attest, SV_EVIDENCE_SIZE_MAX,
         .soft = true},
        {"GET", "/kbs/v0/resource/", "resource", 0, sv_handle_resource, SMALL},
        {"POST", "/secure-vm/v0/outcome/", "outcome", 0, sv_handle_outcome, SMALL, .soft = true},
        {"POST", "/secure-vm/v0/disk/", "disk", 0, sv_handle_disk, SMALL},
        {"POST", "/kbs/v0/resource/", "admin-put-resource", OPERATOR, sv_handle_put_resource,
         SV_SECRET_MAX + 1, true, .change = true},
        {"DELETE", "/kbs/v0/resource/", "admin-delete-resource", OPERATOR,
         sv_handle_delete_resource, SMALL, .change = true},
        {"GET", "/secure-vm/v0/resource/", "admin-show-resource", ANY_ROLE, sv_handle_show_resource,
         SMALL},
        {"POST", "/secure-vm/v0/resource/", "admin-set-resource", OPERATOR, sv_handle_set_resource,
         SMALL, .change = true},
        {"POST", "/secure-vm/v0/provision/", "admin-provision", OPERATOR, sv_handle_provision,
         SMALL},
        {"POST", "/secure-vm/v0/rekey/", "admin-rekey", OPERATOR, sv_handle_rekey,
         SV_REKEY_SIZE_MAX},
        {"POST", "/secure-vm/v0/restore/", "admin-accept-restore", OPERATOR, sv_handle_restore,
         SMALL, .change = true},
        {"POST", "/secure-vm/v0/end-lease/", "admin-end-lease", OPERATOR, sv_handle_end_lease,
         SMALL},
        {"GET", "/secure-vm/v0/resources", "admin-list-resources", ANY_ROLE,
         sv_handle_list_resources, SMALL, .filters = true},
        {"PUT", "/secure-vm/v0/policy/", "admin-put-policy", AUTHOR, sv_handle_put_policy,
         SV_POLICY_SIZE_MAX + 1, .change = true},
        {"GET", "/secure-vm/v0/policy/", "admin-get-policy", ANY_ROLE, sv_handle_get_policy, SMALL},
        {"DELETE", "/secure-vm/v0/policy/", "admin-delete-policy", AUTHOR, sv_handle_delete_policy,
         SMALL, .change = true},
        {"POST", "/secure-vm/v0/policy-test/", "admin-test-policy", AUTHOR | AUDITOR,
         sv_handle_rehearse, SV_POLICY_SIZE_MAX + 1},
        {"GET", "/secure-vm/v0/policy-history/", "admin-policy-history", ANY_ROLE,
         sv_handle_policy_history, SMALL},
        {"PUT", "/secure-vm/v0/reference/", "admin-put-reference", AUTHOR, sv_handle_put_reference,
         SV_POLICY_SIZE_MAX, .change = true},
        {"GET", "/secure-vm/v0/reference/", "admin-get-reference", ANY_ROLE,
         sv_handle_get_reference, SMALL},
        {"DELETE", "/secure-vm/v0/reference/", "admin-delete-reference", AUTHOR,
         sv_handle_delete_reference, SMALL, .change = true},
        {"GET", "/secure-vm/v0/references", "admin-list-references", ANY_ROLE,
         sv_handle_list_references, SMALL, .filters = true},
        {"GET", "/secure-vm/v0/pending", "admin-list-pending", ANY_ROLE, sv_handle_list_pending,
         SMALL, .filters = true},
        {"POST", "/secure-vm/v0/approve", "admin-approve", OPERATOR | AUTHOR, sv_handle_approve,
         SMALL, .filters = true},
        {"POST", "/secure-vm/v0/reject", "admin-reject", OPERATOR | AUTHOR, sv_handle_reject, SMALL,
         .filters = true},
        {"GET", "/secure-vm/v0/audit", "admin-audit", AUDITOR, sv_handle_audit, SMALL,
         .filters = true},
        {"GET", "/secure-vm/v0/health", NULL, 0, sv_handle_health, SMALL, .local = true},
        /* and without its body; whatever else is got with GET is a release or is asked by name */
        {"HEAD", "/secure-vm/v0/health", NULL, 0, sv_handle_health, SMALL, .local = true},
        {"GET", "/healthz", NULL, 0, sv_handle_health, SMALL, .local = true},
        {"HEAD", "/healthz", NULL, 0, sv_handle_health, SMALL, .local = true},
        {"GET", "/readyz", NULL, 0, sv_handle_ready, SMALL, .local = true},
        {"HEAD", "/readyz", NULL, 0, sv_handle_ready, SMALL, .local = true},
        {"GET", "/metrics", NULL, OPERATOR | AUDITOR, sv_handle_metrics, SMALL, .local = true},
};

bool sv_broker_route_at(size_t i, const char **method, const char **path, unsigned *roles)
{
        if (i >= sizeof(routes) / sizeof(*routes))
                return false;
        *method = routes[i].method;
        *path = routes[i].path;
        *roles = routes[i].roles;
        return true;
}

static bool parse_resource(const char *text, size_t n, char out[3 * 64])
{
        if (!sv_resource_ok(sv_bytes(text, n)))
                return false;
        memcpy(out, text, n);
        out[n] = '\0';
        return true;
}

const struct sv_route *sv_route_find(struct sv_request *r, struct sv_err *err)
{
        const char *target = r->msg->target;
        size_t n = strcspn(target, "?");

        r->query = target[n] ? target + n + 1 : "";
        for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
                const struct sv_route *c = &routes[i];
                size_t len = strlen(c->path);
                bool tail = c->path[len - 1] == '/';

                if (r->local && !c->local)
                        continue;
                if (tail ? n <= len || strncmp(target, c->path, len)
                         : n != len || strncmp(target, c->path, n))
                        continue;
                if (tail && !parse_resource(target + len, n - len, r->resource)) {
                        r->resource[0] = '\0';
                        continue;
                }
                if (!strcmp(c->method, r->msg->method)) {
                        r->allow[0] = '\0';
                        return c;
                }
                snprintf(r->allow + strlen(r->allow), sizeof(r->allow) - strlen(r->allow), "%s%s",
                         r->allow[0] ? ", " : "", c->method);
        }
        r->resource[0] = '\0';
        if (r->allow[0])
                sv_fail(err, SV_USAGE, "broker.method",
                        "this method is not served under this path, but %s", r->allow);
        else
                sv_fail(err, SV_USAGE, "broker.route", "nothing is served under this path");
        return NULL;
}

const struct sv_route *sv_route_find_change(const char *method, const char *target)
{
        for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
                if (routes[i].change && !strcmp(routes[i].method, method) &&
                    !strncmp(routes[i].path, target, strlen(routes[i].path)))
                        return &routes[i];
        return NULL;
}

void sv_broker_prepare_body(struct sv_http_msg *m)
{
        m->body.max = SMALL;
        for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
                const struct sv_route *c = &routes[i];

                if (strcmp(c->method, m->method) || strncmp(c->path, m->target, strlen(c->path)))
                        continue;
                m->body.locked = c->secret;
                m->body.max = c->body;
                return;
        }
}
