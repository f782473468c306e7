/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a request, and the audit record of every decision. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "attest/kbs/kbs.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/log.h"
#include "base/core/text.h"
#include "base/core/visible.h"
#include "broker/limits.h"
#include "broker/metrics.h"
#include "broker/serve/routes.h"

/* accepted evidence may leave so many times what a stranger may, see records_per_minute */
#define ATTESTED_SHARE 4
#define RETRY_AFTER_S  "5" /* what a broker cannot do now: a guest's own pauses are of this size */

#define SERIAL "broker.store.serial" /* the one failure after which a change is there */
#define UNSURE "broker.store.unsure" /* and the one after which it may be */

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
static int settle_request(struct sv_request *r, const struct sv_route *route,
                          const struct sv_err *failed, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;
        bool recorded = is_recorded(r, route->action, failed != NULL);
        SV_BUF line = SV_BUF_NULL;
        int rc;

        if (failed && (store->ops->settle(store, false, err) < 0 ||
                       store->ops->hold(store, !route->soft, err) < 0))
                return -1;
        if (recorded &&
            write_audit(r, r->change ? r->change : route->action, failed, &line, err) < 0) {
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
        if (!strcmp(err->check, SV_CHECK_SESSIONS) || !strcmp(err->check, SV_CHECK_FETCHES))
                return 429; /* of this source: others are served (RFC 6585 section 4) */
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
                       {202, "Accepted"},
                       {204, "No Content"},
                       {400, "Bad Request"},
                       {401, "Unauthorized"},
                       {403, "Forbidden"},
                       {404, "Not Found"},
                       {405, "Method Not Allowed"},
                       {409, "Conflict"},
                       {412, "Precondition Failed"},
                       {413, "Content Too Large"},
                       {429, "Too Many Requests"},
                       {503, "Service Unavailable"}};

        r->answer.status = status;
        free(r->answer.reason);
        for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
                if (reasons[i].status == status)
                        r->answer.reason = sv_asprintf("%s", reasons[i].reason);
}

void sv_broker_refuse(struct sv_request *r, const struct sv_err *err)
{
        SV_STR seconds = sv_asprintf("%u", r->retry_after);
        struct sv_err shown = *err;

        sv_make_visible(shown.msg, strlen(shown.msg), false);
        sv_http_msg_free(&r->answer);
        set_answer(r, choose_status(r, err));
        sv_http_add(&r->answer, "Content-Type", "application/json", NULL);
        if (r->answer.status == 503 || (r->answer.status == 429 && !r->retry_after))
                sv_http_add(&r->answer, "Retry-After", RETRY_AFTER_S, NULL);
        else if (r->answer.status == 429)
                sv_http_add(&r->answer, "Retry-After", seconds, NULL);
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

static void note_handled(struct sv_request *r, const struct sv_route *route,
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

static int run_route(struct sv_request *r, const struct sv_route *route, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;

        const bool two = sv_route_takes_two(r, route);

        if (store->ops->hold(store, !route->soft, err) < 0 ||
            (two && sv_pending_note_state(r, err) < 0) || route->run(r, err) < 0)
                return -1;
        if (!two)
                return 0;
        sv_json_free(r->audit); /* of what was tried */
        r->audit = sv_json_object();
        sv_route_note_admin(r, r->admin);
        return sv_pending_keep(r, err);
}

void sv_broker_handle(struct sv_request *r)
{
        struct sv_err err = SV_ERR_NULL, audit_err = SV_ERR_NULL;
        const struct sv_route *route = sv_route_find(r, &err);
        bool pending;
        int rc = -1;

        r->audit = sv_json_object();
        r->outcome = "done";
        r->changes = &sv_change_ops;
        if (!route)
                r->error = "InvalidRequestPath";
        else if (sv_request_take_id(r, &err) == 0 &&
                 (!route->roles || r->local || sv_route_admit(r, route, &err) == 0))
                rc = run_route(r, route, &err);
        if (rc < 0 && err.class == SV_OK)
                sv_fail(&err, SV_SYSTEM, "broker.internal", "a step failed without saying why");
        /* A message quotes what a stranger sent, and may end within a character of it. */
        sv_make_visible(err.msg, strlen(err.msg), false);
        pending = rc < 0 && !strcmp(r->outcome, "pending");
        if (route && settle_request(r, route, rc < 0 && !pending ? &err : NULL, &audit_err) < 0) {
                sv_log_err(&audit_err);
                sv_warn("request %s has no audit record", r->id);
                show_unrecorded(&audit_err, &err);
                r->owner_only = false;
                r->error = NULL;
                rc = -1;
                pending = false;
        }
        if (rc < 0 && r->owner_only)
                hide_values(&err);
        if (rc < 0)
                sv_broker_refuse(r, &err);
        if (pending)
                set_answer(r, 202);
        else if (rc == 0)
                set_answer(r, r->answer.body.n ? 200 : 204);
        if (r->id[0])
                sv_http_add(&r->answer, SV_KBS_REQUEST_ID, r->id, NULL);
        note_handled(r, route, rc < 0 && !pending ? &err : NULL);
}
