/* SPDX-License-Identifier: Apache-2.0 */
/* Which handler answers what, who may ask, and the audit record of every decision. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "attest/kbs/kbs.h"
#include "attest/jose/token.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/crypto/crypto.h"
#include "base/program/log.h"
#include "base/core/text.h"
#include "base/core/visible.h"
#include "broker/limits.h"
#include "broker/metrics.h"
#include "broker/serve/request.h"

/* accepted evidence may leave so many times what a stranger may, see records_per_minute */
#define ATTESTED_SHARE 4
#define RETRY_AFTER_S  "5" /* what a broker cannot do now: a guest's own pauses are of this size */

#define SERIAL "broker.store.serial" /* the one failure after which a change is there */
#define UNSURE "broker.store.unsure" /* and the one after which it may be */

#define SMALL SV_LINE_MAX /* a flat JSON object, or nothing */

#define OPERATOR SV_ROLE_OPERATOR
#define AUTHOR   SV_ROLE_AUTHOR
#define AUDITOR  SV_ROLE_AUDITOR
#define ANY_ROLE (OPERATOR | AUTHOR | AUDITOR)

static const struct route {
        const char *method;
        const char *path;   /* one that ends in a slash is followed by repo/type/tag */
        const char *action; /* in the audit record; NULL: not recorded */
        /* an administrator's, in one of these roles (broker/admins.h); 0: a guest's or anybody's */
        unsigned roles;
        int (*run)(struct sv_request *r, struct sv_err *err);
        /* Bytes of a body that are taken. Where the handler has a limit of its own one more is
         * seen, and refused by name. */
        size_t body;
        bool secret; /* the request's body is one */
        bool local; /* on the address for metrics it needs no token; nothing else is served there */
        bool filters; /* shows an administrator what is below their paths */
        /* Is answered before it is on the disk, which it is a second later at most. A loss of
         * power may take it: a guest that has no key yet, and begins again, or what a guest says
         * of itself. */
        bool soft;
} routes[] = {
        {"POST", "/kbs/v0/auth", "auth", 0, sv_handle_auth, SV_AUTH_SIZE_MAX},
        {"POST", "/kbs/v0/attest", "attest", 0, sv_handle_attest, SV_EVIDENCE_SIZE_MAX,
         .soft = true},
        {"GET", "/kbs/v0/resource/", "resource", 0, sv_handle_resource, SMALL},
        {"POST", "/secure-vm/v0/outcome/", "outcome", 0, sv_handle_outcome, SMALL, .soft = true},
        {"POST", "/secure-vm/v0/disk/", "disk", 0, sv_handle_disk, SMALL},
        {"POST", "/kbs/v0/resource/", "admin-put-resource", OPERATOR, sv_handle_put_resource,
         SV_SECRET_MAX + 1, true},
        {"DELETE", "/kbs/v0/resource/", "admin-delete-resource", OPERATOR,
         sv_handle_delete_resource, SMALL},
        {"GET", "/secure-vm/v0/resource/", "admin-show-resource", ANY_ROLE, sv_handle_show_resource,
         SMALL},
        {"POST", "/secure-vm/v0/resource/", "admin-set-resource", OPERATOR, sv_handle_set_resource,
         SMALL},
        {"POST", "/secure-vm/v0/provision/", "admin-provision", OPERATOR, sv_handle_provision,
         SMALL},
        {"POST", "/secure-vm/v0/rekey/", "admin-rekey", OPERATOR, sv_handle_rekey,
         SV_REKEY_SIZE_MAX},
        {"POST", "/secure-vm/v0/restore/", "admin-accept-restore", OPERATOR, sv_handle_restore,
         SMALL},
        {"POST", "/secure-vm/v0/end-lease/", "admin-end-lease", OPERATOR, sv_handle_end_lease,
         SMALL},
        {"GET", "/secure-vm/v0/resources", "admin-list-resources", ANY_ROLE,
         sv_handle_list_resources, SMALL, .filters = true},
        {"PUT", "/secure-vm/v0/policy/", "admin-put-policy", AUTHOR, sv_handle_put_policy,
         SV_POLICY_SIZE_MAX + 1},
        {"GET", "/secure-vm/v0/policy/", "admin-get-policy", ANY_ROLE, sv_handle_get_policy, SMALL},
        {"DELETE", "/secure-vm/v0/policy/", "admin-delete-policy", AUTHOR, sv_handle_delete_policy,
         SMALL},
        {"POST", "/secure-vm/v0/policy-test/", "admin-test-policy", AUTHOR | AUDITOR,
         sv_handle_rehearse, SV_POLICY_SIZE_MAX + 1},
        {"GET", "/secure-vm/v0/policy-history/", "admin-policy-history", ANY_ROLE,
         sv_handle_policy_history, SMALL},
        {"PUT", "/secure-vm/v0/reference/", "admin-put-reference", AUTHOR, sv_handle_put_reference,
         SV_POLICY_SIZE_MAX},
        {"GET", "/secure-vm/v0/reference/", "admin-get-reference", ANY_ROLE,
         sv_handle_get_reference, SMALL},
        {"DELETE", "/secure-vm/v0/reference/", "admin-delete-reference", AUTHOR,
         sv_handle_delete_reference, SMALL},
        {"GET", "/secure-vm/v0/references", "admin-list-references", ANY_ROLE,
         sv_handle_list_references, SMALL, .filters = true},
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

static const struct route *find_route(struct sv_request *r, struct sv_err *err)
{
        const char *target = r->msg->target;
        size_t n = strcspn(target, "?");

        r->query = target[n] ? target + n + 1 : "";
        for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
                const struct route *c = &routes[i];
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

void sv_broker_prepare_body(struct sv_http_msg *m)
{
        m->body.max = SMALL;
        for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
                const struct route *c = &routes[i];

                if (strcmp(c->method, m->method) || strncmp(c->path, m->target, strlen(c->path)))
                        continue;
                m->body.locked = c->secret;
                m->body.max = c->body;
                return;
        }
}

/* By which key, of those that have administered one after the other. */
static void note_admin(struct sv_request *r, const struct sv_key *key)
{
        SV_BUF der = SV_BUF_NULL;

        if (sv_key_spki(key, &der, NULL) == 0)
                sv_request_note_digest(r, "admin", sv_buf_bytes(&der));
}

/* Which of the keys made it; NULL: none. What the key that made it finds wrong is the error. */
static const struct sv_admin_key *find_admin(struct sv_request *r, const char *token,
                                             char id[SV_ADMIN_TOKEN_ID], int64_t *expires,
                                             struct sv_err *err)
{
        const struct sv_admin_request what = {r->broker->pin, r->msg->method, r->msg->target,
                                              sv_buf_bytes(&r->msg->body)};
        const struct sv_admin_keys *keys = &r->broker->admins;

        for (size_t i = 0; i < keys->n; i++) {
                if (sv_admin_token_verify(sv_bytes_str(token), keys->list[i].key, &what, r->now, id,
                                          expires, err) == 0)
                        return &keys->list[i];
                if (strcmp(err->check, "admin.token.signature") != 0 &&
                    strcmp(err->check, "admin.token.key") != 0)
                        return NULL;
        }
        return NULL;
}

/* What is of no resource is shown below their paths only by its handler; a number of all of them
 * cannot be. */
static int check_role(const struct sv_request *r, const struct route *route, struct sv_err *err)
{
        SV_BUF has = SV_BUF_NULL, wants = SV_BUF_NULL;

        if (!(r->admin->roles & route->roles)) {
                sv_admin_put_roles(r->admin->roles, &has);
                sv_admin_put_roles(route->roles, &wants);
                return sv_fail(err, SV_POLICY, "broker.admin.role",
                               "this takes the role %s, and this administrator has %s",
                               sv_buf_str(&wants), sv_buf_str(&has));
        }
        if (r->resource[0] ? !sv_admin_may_see(r->admin, r->resource)
                           : r->admin->paths && !route->filters)
                return sv_fail(err, SV_POLICY, "broker.admin.paths",
                               "%s%s is not below the paths that this administrator has",
                               r->resource[0] ? "resource " : "what is of all resources",
                               r->resource);
        return 0;
}

/* The token is for this request to this broker, and counts once: who sees one can do nothing with
 * it. */
static int check_admin(struct sv_request *r, const struct route *route, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;
        const struct sv_admin_key *admin;
        const char *token = sv_request_bearer(r);
        char id[SV_ADMIN_TOKEN_ID];
        int64_t expires;

        r->error = "AdminAuthAccess";
        if (!token)
                return sv_fail(err, SV_PROOF, "broker.admin.token",
                               "this needs the administrator's token (Authorization: Bearer)");
        admin = find_admin(r, token, id, &expires, err);
        if (!admin || store->ops->take_token(store, id, expires, r->now, err) < 0)
                return -1;
        r->known = true;
        r->admin = admin;
        note_admin(r, admin->key);
        if (check_role(r, route, err) < 0)
                return -1;
        r->error = NULL;
        return 0;
}

static struct sv_json *make_record(struct sv_request *r, const char *action,
                                   const struct sv_err *failed)
{
        struct sv_json *j = sv_json_object();
        char when[32];

        sv_json_set_str(j, "time", sv_format_time(r->now, when));
        sv_json_set_str(j, "peer", r->peer);
        sv_json_set_str(j, "request", r->id);
        sv_json_set_str(j, "action", action);
        if (r->resource[0])
                sv_json_set_str(j, "resource", r->resource);
        sv_json_set_str(j, "outcome", failed ? "refused" : r->outcome);
        if (failed) {
                sv_json_set_str(j, "check", failed->check);
                sv_json_set_str(j, "class", sv_class_name(failed->class));
                sv_json_set_str(j, "message", failed->msg);
        }
        sv_json_set_all(j, r->audit);
        return j;
}

/* A challenge alone decides nothing. What else strangers may write is bounded in time, and what of
 * it is kept in number: the record of who got what is not theirs to fill. */
static bool is_recorded(struct sv_request *r, const char *action, bool failed)
{
        bool attested = !failed && !strcmp(r->outcome, "attested");
        int64_t most = r->broker->config.records_per_minute;

        if (!action || (!failed && !strcmp(r->outcome, "challenged")))
                return false;
        return r->known ||
               sv_limits_take(r->broker->limits, attested ? SV_LIMIT_ATTESTED : SV_LIMIT_RECORDS,
                              attested ? ATTESTED_SHARE * most : most, true, r->source);
}

/* One row in the database, one line in the file and in *line: with its number and link, so that who
 * keeps the lines elsewhere can tell whether the database still has what it had. */
static int write_audit(struct sv_request *r, const char *action, const struct sv_err *failed,
                       struct sv_buf *line, struct sv_err *err)
{
        SV_JSON *j = make_record(r, action, failed);
        uint64_t lost = r->known ? 0 : sv_limits_unrecorded(r->broker->limits);
        struct sv_audit_link link;

        if (lost)
                sv_json_set_int(j, "unrecorded", (int64_t)lost);
        if (r->broker->store->ops->put_audit(r->broker->store, r->now, j,
                                             r->known ? 0 : SV_STRANGERS_RECORDS, &link, err) < 0)
                return -1;
        sv_audit_note_link(j, &link);
        sv_json_print(j, line);
        sv_buf_puts(line, "\n");
        if (sv_buf_ok(line, "the audit record", err) < 0)
                return -1;
        return r->broker->audit_fd < 0
                       ? 0
                       : sv_fd_write(r->broker->audit_fd, "the audit log", sv_buf_bytes(line), err);
}

/* Standard error is for who looks; the record stands elsewhere. It does not wait for a reader, so a
 * line may be cut off where there is no more room: the next one begins anew. */
static void copy_to_log(const struct sv_broker *b, struct sv_bytes line)
{
        static bool cut;

        cut = (cut && write(STDERR_FILENO, "\n", 1) != 1) ||
              sv_fd_write(STDERR_FILENO, "stderr", line, NULL) < 0;
        if (cut)
                sv_metrics_add(b->metrics, SV_GAUGE_LOG_LOST, 1);
}

/* What was changed and its record are done together, or not at all; of what was refused nothing is
 * done but the record. stderr has a copy. */
static int settle_request(struct sv_request *r, const struct route *route,
                          const struct sv_err *failed, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;
        bool recorded = is_recorded(r, route->action, failed != NULL);
        SV_BUF line = SV_BUF_NULL;
        int rc;

        if (failed && (store->ops->settle(store, false, err) < 0 ||
                       store->ops->hold(store, !route->soft, err) < 0))
                return -1;
        if (recorded && write_audit(r, route->action, failed, &line, err) < 0) {
                store->ops->settle(store, false, NULL);
                return -1;
        }
        rc = store->ops->settle(store, true, err);
        if (rc == 0 || !strcmp(err->check, SERIAL))
                copy_to_log(r->broker, sv_buf_bytes(&line));
        return rc;
}

static const char *choose_error_name(const struct sv_request *r, const struct sv_err *err)
{
        static const char *const by_class[] = {[SV_USAGE] = "PluginNotFound",
                                               [SV_SYSTEM] = "PluginInternalError",
                                               [SV_FORMAT] = "SerdeError",
                                               [SV_PROOF] = "AttestationError",
                                               [SV_POLICY] = "PolicyDeny"};

        return r->error ? r->error : by_class[err->class];
}

/* Refusals are 401 and absent things 404, as clients of the protocol expect; the body says more
 * (docs/FORMATS.md). */
static int choose_status(const struct sv_request *r, const struct sv_err *err)
{
        if (r->error && !strncmp(r->error, "Token", 5) && err->class != SV_SYSTEM)
                return 401; /* "begin again", whatever was wrong with what was shown */
        if (r->admin && r->error && err->class == SV_POLICY)
                return 403; /* of an administrator who is known */
        if (r->error && !strcmp(r->error, "PreconditionFailed"))
                return 412;
        if (r->error && !strcmp(r->error, "ResourceConflict"))
                return 409;
        if (r->allow[0])
                return 405;
        if (!strcmp(err->check, "http.limit"))
                return 413;
        return err->class == SV_USAGE    ? 404
               : err->class == SV_FORMAT ? 400
               : err->class == SV_SYSTEM ? 503
                                         : 401;
}

static void set_answer(struct sv_request *r, int status)
{
        static const struct {
                int status;
                const char *reason;
        } reasons[] = {{200, "OK"},
                       {204, "No Content"},
                       {400, "Bad Request"},
                       {401, "Unauthorized"},
                       {403, "Forbidden"},
                       {404, "Not Found"},
                       {405, "Method Not Allowed"},
                       {409, "Conflict"},
                       {412, "Precondition Failed"},
                       {413, "Content Too Large"},
                       {503, "Service Unavailable"}};

        r->answer.status = status;
        free(r->answer.reason);
        for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
                if (reasons[i].status == status)
                        r->answer.reason = sv_asprintf("%s", reasons[i].reason);
}

void sv_broker_refuse(struct sv_request *r, const struct sv_err *err)
{
        struct sv_err shown = *err;

        sv_make_visible(shown.msg, strlen(shown.msg), false);
        sv_http_msg_free(&r->answer);
        set_answer(r, choose_status(r, err));
        sv_http_add(&r->answer, "Content-Type", "application/json", NULL);
        if (r->answer.status == 503)
                sv_http_add(&r->answer, "Retry-After", RETRY_AFTER_S, NULL);
        if (r->answer.status == 405)
                sv_http_add(&r->answer, "Allow", r->allow, NULL);
        sv_kbs_write_error(choose_error_name(r, err), &shown, &r->answer.body);
}

/* Any genuine guest on earth may ask for any resource: what its policy expects is none of theirs.
 */
static void hide_values(struct sv_err *err)
{
        struct sv_err full = *err;

        sv_fail(err, full.class, full.check,
                "this check of the resource's policy refuses the guest; the broker's audit record "
                "says what was expected and what was found");
}

static void note_handled(struct sv_request *r, const struct route *route,
                         const struct sv_err *failed)
{
        const char *slash = route ? strrchr(route->path, '/') : NULL;

        r->action = !route ? "other" : route->action ? route->action : slash + 1;
        if (!failed)
                return;
        r->outcome = "refused";
        snprintf(r->check, sizeof(r->check), "%s", failed->check);
}

/* The answer, where the record failed. What the database says is for the log. */
static void show_unrecorded(const struct sv_err *audit, struct sv_err *err)
{
        if (!strcmp(audit->check, SERIAL))
                *err = *audit;
        else if (!strcmp(audit->check, UNSURE))
                sv_fail(err, SV_SYSTEM, UNSURE,
                        "the database was lost in the middle: nothing is released now, and what "
                        "was to be changed may have been, with its record; look, then try again");
        else
                sv_fail(err, SV_SYSTEM, "broker.audit",
                        "the audit record cannot be written, so nothing is released");
}

static int run_route(struct sv_request *r, const struct route *route, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;

        return store->ops->hold(store, !route->soft, err) < 0 ? -1 : route->run(r, err);
}

void sv_broker_handle(struct sv_request *r)
{
        struct sv_err err = SV_ERR_NULL, audit_err = SV_ERR_NULL;
        const struct route *route = find_route(r, &err);
        int rc = -1;

        r->audit = sv_json_object();
        r->outcome = "done";
        if (!route)
                r->error = "InvalidRequestPath";
        else if (sv_request_take_id(r, &err) == 0 &&
                 (!route->roles || r->local || check_admin(r, route, &err) == 0))
                rc = run_route(r, route, &err);
        if (rc < 0 && err.class == SV_OK)
                sv_fail(&err, SV_SYSTEM, "broker.internal", "a step failed without saying why");
        /* A message quotes what a stranger sent, and may end within a character of it. */
        sv_make_visible(err.msg, strlen(err.msg), false);
        if (route && settle_request(r, route, rc < 0 ? &err : NULL, &audit_err) < 0) {
                sv_log_err(&audit_err);
                sv_warn("request %s has no audit record", r->id);
                show_unrecorded(&audit_err, &err);
                r->owner_only = false;
                r->error = NULL;
                rc = -1;
        }
        if (rc < 0 && r->owner_only)
                hide_values(&err);
        if (rc < 0)
                sv_broker_refuse(r, &err);
        else
                set_answer(r, r->answer.body.n ? 200 : 204);
        if (r->id[0])
                sv_http_add(&r->answer, SV_KBS_REQUEST_ID, r->id, NULL);
        note_handled(r, route, rc < 0 ? &err : NULL);
}

void sv_request_free(struct sv_request *r)
{
        sv_http_msg_free(&r->answer);
        sv_json_free(r->audit);
        r->audit = NULL;
}
