/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of a key broker, both directions, and the report of what became of a released resource.
 * Errors of this project name class and check; a Trustee's name alone says roughly the same. */
#include "attest/kbs/kbs.h"

#include <stdio.h>

#define TYPE_PREFIX "https://github.com/confidential-containers/kbs/errors/"

static const struct known {
        const char *name;
        enum sv_class class;
        const char *check;
} known[] = {
        {"PolicyDeny", SV_POLICY, "kbs.policy-deny"},
        {"AttestationError", SV_PROOF, "kbs.attestation-error"},
        {"AdminAuthAccess", SV_PROOF, "kbs.admin-auth-access"},
        {"TokenNotFound", SV_PROOF, "kbs.token-not-found"},
        {"TokenVerifierError", SV_PROOF, "kbs.token-verifier-error"},
        /* a Trustee's word for an absent resource */
        {"PluginInternalError", SV_USAGE, "kbs.plugin-internal-error"},
        {"PluginNotFound", SV_USAGE, "kbs.plugin-not-found"},
        {"InvalidRequestPath", SV_USAGE, "kbs.invalid-request-path"},
        {"SerdeError", SV_FORMAT, "kbs.serde-error"},
        {"JweError", SV_SYSTEM, "kbs.jwe-error"},
        {NULL, SV_SYSTEM, "kbs.error"},
};

static const struct known *find_known(const char *name)
{
        const struct known *k = known;

        while (k->name && strcmp(k->name, name))
                k++;
        return k;
}

/* What a peer wrote ends up on a console: printable, bounded, one line. */
static void copy_printable(char *out, size_t size, const char *from)
{
        size_t n = 0;

        for (; from && *from && n + 1 < size; from++)
                out[n++] = *from >= ' ' && *from <= '~' ? *from : '?';
        out[n] = '\0';
}

static bool check_name_ok(const char *s)
{
        return *s && strlen(s) < sizeof(((struct sv_err *)0)->check) &&
               strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(s);
}

int sv_kbs_parse_error(struct sv_bytes text, struct sv_kbs_error *out, struct sv_err *err)
{
        SV_JSON *j = NULL;
        struct sv_kbs_error m = {{0}};
        const char *type, *detail, *check, *class;

        if (sv_json_parse(text, "kbs.error", &j, err) < 0 ||
            sv_json_need_str(j, "type", &type, "kbs.error", err) < 0 ||
            sv_json_need_str(j, "detail", &detail, "kbs.error", err) < 0)
                return -1;
        copy_printable(m.name, sizeof(m.name), strrchr(type, '/') ? strrchr(type, '/') + 1 : type);
        copy_printable(m.detail, sizeof(m.detail), detail);
        check = sv_json_str(sv_json_get(j, "check"));
        class = sv_json_str(sv_json_get(j, "class"));
        if (check && class && check_name_ok(check) && sv_class_from_name(class) != SV_OK) {
                copy_printable(m.check, sizeof(m.check), check);
                m.class = sv_class_from_name(class);
        }
        *out = m;
        return 0;
}

void sv_kbs_write_error(const char *name, const struct sv_err *what, struct sv_buf *out)
{
        SV_JSON *j = sv_json_object();
        char type[160], detail[sizeof(what->check) + sizeof(what->msg) + 4];

        snprintf(type, sizeof(type), TYPE_PREFIX "%s", name);
        snprintf(detail, sizeof(detail), "%s: %s", what->check, what->msg);
        sv_json_set_str(j, "type", type);
        sv_json_set_str(j, "detail", detail);
        sv_json_set_str(j, "check", what->check);
        sv_json_set_str(j, "class", sv_class_name(what->class));
        sv_json_print(j, out);
}

int sv_kbs_fail(int status, struct sv_bytes body, struct sv_err *err)
{
        struct sv_kbs_error e;
        const char *detail;
        size_t n;

        if (sv_kbs_parse_error(body, &e, NULL) < 0)
                return sv_fail(err, SV_SYSTEM, "kbs.http",
                               "the broker answered with HTTP status %d and no reason", status);
        if (!e.check[0])
                return sv_fail(err, find_known(e.name)->class, find_known(e.name)->check,
                               "the broker says %s: %s", e.name, e.detail);
        /* Our broker's detail begins with the check; it is shown together with the message anyway.
         */
        detail = e.detail;
        n = strlen(e.check);
        if (!strncmp(detail, e.check, n) && !strncmp(detail + n, ": ", 2))
                detail += n + 2;
        return sv_fail(err, e.class, e.check, "the broker says: %s", detail);
}

void sv_kbs_write_outcome(const struct sv_err *failed, struct sv_buf *out)
{
        SV_JSON *j = sv_json_object();

        sv_json_set_str(j, "outcome", failed ? "failed" : "opened");
        if (failed) {
                sv_json_set_str(j, "class", sv_class_name(failed->class));
                sv_json_set_str(j, "check", failed->check);
                sv_json_set_str(j, "message", failed->msg);
        }
        sv_json_print(j, out);
}

static int parse_failed(const struct sv_json *j, struct sv_err *failed, struct sv_err *err)
{
        static const char *const names[] = {"outcome", "class", "check", "message", NULL};
        const char *class, *check, *message;

        if (sv_json_only(j, names, "kbs.outcome", err) < 0 ||
            sv_json_need_str(j, "class", &class, "kbs.outcome", err) < 0 ||
            sv_json_need_str(j, "check", &check, "kbs.outcome", err) < 0 ||
            sv_json_need_str(j, "message", &message, "kbs.outcome", err) < 0)
                return -1;
        failed->class = sv_class_from_name(class);
        if (failed->class == SV_OK)
                return sv_fail(err, SV_FORMAT, "kbs.outcome",
                               "expected a class of failure, found \"%.40s\"", class);
        if (!check_name_ok(check))
                return sv_fail(
                        err, SV_FORMAT, "kbs.outcome",
                        "expected the name of a check (a-z, 0-9, dot, dash), found \"%.40s\"",
                        check);
        copy_printable(failed->check, sizeof(failed->check), check);
        copy_printable(failed->msg, sizeof(failed->msg), message);
        return 0;
}

int sv_kbs_parse_outcome(struct sv_bytes text, struct sv_err *failed, struct sv_err *err)
{
        static const char *const names[] = {"outcome", NULL};
        SV_JSON *j = NULL;
        struct sv_err found = SV_ERR_NULL;
        const char *outcome;

        if (sv_json_parse(text, "kbs.outcome", &j, err) < 0 ||
            sv_json_need_str(j, "outcome", &outcome, "kbs.outcome", err) < 0)
                return -1;
        if (!strcmp(outcome, "failed") ? parse_failed(j, &found, err) < 0
                                       : sv_json_only(j, names, "kbs.outcome", err) < 0)
                return -1;
        if (found.class == SV_OK && strcmp(outcome, "opened"))
                return sv_fail(err, SV_FORMAT, "kbs.outcome",
                               "expected \"opened\" or \"failed\", found \"%.40s\"", outcome);
        *failed = found;
        return 0;
}
