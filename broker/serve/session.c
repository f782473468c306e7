/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/serve/session.h"

/* "a=b; kbs-session-id=…; c=d" */
static bool find_cookie(const struct sv_http_msg *msg, struct sv_bytes *value)
{
        const char *at = sv_http_field(msg, "Cookie");
        const size_t name = strlen(SV_SESSION_COOKIE "=");

        while (at && *at) {
                size_t n = strcspn(at, ";");

                if (n > name && n <= name + SV_SESSION_COOKIE_MAX &&
                    !strncmp(at, SV_SESSION_COOKIE "=", name)) {
                        *value = sv_bytes(at + name, n - name);
                        return true;
                }
                at += n;
                at += strspn(at, "; ");
        }
        return false;
}

int sv_session_open(struct sv_request *r, struct sv_challenge *out, struct sv_err *err)
{
        struct sv_bytes cookie;

        if (!find_cookie(r->msg, &cookie))
                return sv_fail(err, SV_PROOF, "broker.session.cookie",
                               "the request has no session cookie; POST /kbs/v0/auth gives one");
        if (sv_challenge_open(r->broker, cookie, r->now, out, err) < 0)
                return -1;
        sv_json_set_str(r->audit, "session", out->id);
        return 0;
}
