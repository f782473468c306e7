/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/serve/session.h"

#include "base/core/encoding.h"
#include "base/core/file.h"

static int hash_cookie(const char *cookie, char id[65], struct sv_err *err)
{
        uint8_t digest[32];

        if (sv_digest(SV_SHA256, sv_bytes(cookie, SV_SESSION_COOKIE_SIZE), digest, err) < 0)
                return -1;
        sv_hex(sv_bytes(digest, sizeof(digest)), id);
        return 0;
}

int sv_session_new(char cookie[SV_SESSION_COOKIE_SIZE + 1], char id[65], char **nonce,
                   struct sv_err *err)
{
        uint8_t raw[SV_SESSION_COOKIE_SIZE / 2], random[32];
        SV_BUF text = SV_BUF_NULL;

        if (sv_random(raw, sizeof(raw), err) < 0 || sv_random(random, sizeof(random), err) < 0)
                return -1;
        sv_hex(sv_bytes(raw, sizeof(raw)), cookie);
        if (hash_cookie(cookie, id, err) < 0)
                return -1;
        sv_put_base64(&text, sv_bytes(random, sizeof(random)));
        if (sv_buf_ok(&text, "the nonce", err) < 0)
                return -1;
        *nonce = sv_asprintf("%s", sv_buf_str(&text));
        return 0;
}

/* "a=b; kbs-session-id=…; c=d" */
int sv_session_id(const struct sv_http_msg *msg, char id[65], struct sv_err *err)
{
        const char *at = sv_http_field(msg, "Cookie");
        const size_t name = strlen(SV_SESSION_COOKIE "=");

        while (at && *at) {
                size_t n = strcspn(at, ";");

                if (n == name + SV_SESSION_COOKIE_SIZE &&
                    !strncmp(at, SV_SESSION_COOKIE "=", name) &&
                    strspn(at + name, "0123456789abcdef") == SV_SESSION_COOKIE_SIZE)
                        return hash_cookie(at + name, id, err);
                at += n;
                at += strspn(at, "; ");
        }
        return sv_fail(err, SV_PROOF, "broker.session.cookie",
                       "the request has no session cookie; POST /kbs/v0/auth gives one");
}
