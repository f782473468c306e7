/* SPDX-License-Identifier: Apache-2.0 */
/* JWS (RFC 7515), compact form, ES256. */
#include <stdio.h>

#include "attest/jose/jose.h"
#include "base/core/encoding.h"

void sv_jws_free(struct sv_jws *jws)
{
        sv_json_freep(&jws->header);
        sv_buf_free(&jws->payload);
        sv_buf_free(&jws->signature);
}

static int fail_sub(struct sv_err *err, const char *check, const char *sub, const char *msg)
{
        char name[64];

        snprintf(name, sizeof(name), "%s.%s", check, sub);
        return sv_fail(err, SV_FORMAT, name, "%s", msg);
}

static int check_jws_header(const struct sv_json *header, const char *check, struct sv_err *err)
{
        const char *alg;

        if (sv_json_need_str(header, "alg", &alg, check, err) < 0)
                return -1;
        if (strcmp(alg, "ES256")) /* "none" and every confusion of algorithms end here */
                return fail_sub(err, check, "alg", "the token's algorithm is not ES256");
        if (sv_json_get(header, "crit") || sv_json_get(header, "b64"))
                return fail_sub(
                        err, check, "crit",
                        "the header has critical extensions (crit, b64); none is known here");
        return 0;
}

/* Exactly two dots, three parts. */
static int split_compact(struct sv_bytes text, struct sv_bytes part[3], const char *check,
                         struct sv_err *err)
{
        size_t dots = 0, at[2] = {0, 0};

        for (size_t i = 0; i < text.n; i++) {
                if (text.p[i] != '.')
                        continue;
                if (dots < 2)
                        at[dots] = i;
                dots++;
        }
        if (dots != 2)
                return fail_sub(err, check, "form",
                                "a compact JWS has three parts between two dots");
        part[0] = sv_bytes(text.p, at[0]);
        part[1] = sv_bytes(text.p + at[0] + 1, at[1] - at[0] - 1);
        part[2] = sv_bytes(text.p + at[1] + 1, text.n - at[1] - 1);
        return 0;
}

int sv_jws_parse(struct sv_bytes text, struct sv_jws *out, const char *check, struct sv_err *err)
{
        SV_JWS jws = {0};
        SV_BUF header = SV_BUF_NULL;
        struct sv_bytes part[3];
        char form[64], head[64];

        snprintf(form, sizeof(form), "%s.form", check);
        snprintf(head, sizeof(head), "%s.header", check);
        if (split_compact(text, part, check, err) < 0 ||
            sv_unbase64url(part[0], &header, form, err) < 0 ||
            sv_unbase64url(part[1], &jws.payload, form, err) < 0 ||
            sv_unbase64url(part[2], &jws.signature, form, err) < 0 ||
            sv_json_parse(sv_buf_bytes(&header), head, &jws.header, err) < 0 ||
            check_jws_header(jws.header, check, err) < 0)
                return -1;
        if (jws.signature.n != 64)
                return fail_sub(err, check, "form", "an ES256 signature has 64 bytes, r and s");
        jws.signed_part = sv_bytes(text.p, (size_t)(part[2].p - 1 - text.p));
        *out = jws;
        memset(&jws, 0, sizeof(jws));
        return 0;
}

static int require_p256(const struct sv_key *key, struct sv_err *err)
{
        if (sv_key_type(key) != SV_KEY_P256)
                return sv_fail(err, SV_FORMAT, "jws.key", "ES256 needs a P-256 key");
        return 0;
}

int sv_jws_verify(const struct sv_jws *jws, const struct sv_key *key, const char *check,
                  struct sv_err *err)
{
        char name[64];

        if (require_p256(key, err) < 0)
                return -1;
        snprintf(name, sizeof(name), "%s.signature", check);
        return sv_verify_sig(key, SV_ECDSA_SHA256, jws->signed_part, sv_buf_bytes(&jws->signature),
                             name, err);
}

static int copy_header_member(void *arg, const char *name, struct sv_json *value,
                              struct sv_err *err)
{
        if (strcmp(name, "alg"))
                sv_json_set(arg, name, sv_json_ref(value));
        return 0;
}

int sv_jws_sign(const struct sv_key *key, const struct sv_json *header, struct sv_bytes payload,
                struct sv_buf *out, struct sv_err *err)
{
        SV_JSON *full = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        SV_BUF input = SV_BUF_NULL;
        SV_BUF sig = SV_BUF_NULL;

        if (require_p256(key, err) < 0)
                return -1;
        sv_json_set_str(full, "alg", "ES256");
        if (header && sv_json_each(header, copy_header_member, full, err) < 0)
                return -1;
        sv_json_print(full, &text);
        sv_put_base64url(&input, sv_buf_bytes(&text));
        sv_buf_puts(&input, ".");
        sv_put_base64url(&input, payload);
        if (sv_buf_ok(&text, "a JWS", err) < 0 || sv_buf_ok(&input, "a JWS", err) < 0 ||
            sv_sign(key, SV_ECDSA_SHA256, sv_buf_bytes(&input), &sig, err) < 0)
                return -1;
        sv_buf_put(out, sv_buf_bytes(&input));
        sv_buf_puts(out, ".");
        sv_put_base64url(out, sv_buf_bytes(&sig));
        return sv_buf_ok(out, "a JWS", err);
}
