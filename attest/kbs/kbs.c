/* SPDX-License-Identifier: Apache-2.0 */
/* KBS protocol 0.4.0: the messages and their text. */
#include "attest/kbs/kbs.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/limits.h"

void sv_kbs_request_free(struct sv_kbs_request *m)
{
        sv_json_free(m->params);
        memset(m, 0, sizeof(*m));
}

void sv_kbs_challenge_free(struct sv_kbs_challenge *m)
{
        sv_json_free(m->params);
        memset(m, 0, sizeof(*m));
}

void sv_kbs_attestation_free(struct sv_kbs_attestation *m)
{
        sv_kbs_pubkey_free(&m->key);
        sv_json_free(m->evidence);
        free(m->additional);
        free(m->init_data);
        memset(m, 0, sizeof(*m));
}

/* A member's text into a field of fixed size. */
static int take_text(const struct sv_json *obj, const char *member, char *out, size_t size,
                     const char *check, struct sv_err *err)
{
        const char *s;
        size_t n;

        if (sv_json_need_str(obj, member, &s, check, err) < 0)
                return -1;
        n = strlen(s);
        if (!n || n >= size)
                return sv_fail(err, SV_FORMAT, check,
                               "\"%s\" has %zu characters, expected 1 to %zu", member, n, size - 1);
        memcpy(out, s, n + 1);
        return 0;
}

static int parse_object(struct sv_bytes text, const char *check, struct sv_json **out,
                        struct sv_err *err)
{
        if (sv_json_parse(text, check, out, err) < 0)
                return -1;
        if (sv_json_type(*out) != SV_JSON_OBJECT)
                return sv_fail(err, SV_FORMAT, check, "expected an object, found %s",
                               sv_json_type_name(sv_json_type(*out)));
        return 0;
}

int sv_kbs_parse_request(struct sv_bytes text, struct sv_kbs_request *out, struct sv_err *err)
{
        static const char check[] = "kbs.request";
        SV_KBS_REQUEST m = {{0}};
        SV_JSON *j = NULL;
        struct sv_json *params;

        if (parse_object(text, check, &j, err) < 0 ||
            take_text(j, "version", m.version, sizeof(m.version), check, err) < 0 ||
            take_text(j, "tee", m.tee, sizeof(m.tee), check, err) < 0)
                return -1;
        /* any JSON value; an absent one says nothing either */
        params = sv_json_get(j, "extra-params");
        m.params = params ? sv_json_ref(params) : NULL;
        *out = m;
        memset(&m, 0, sizeof(m));
        return 0;
}

int sv_kbs_parse_challenge(struct sv_bytes text, struct sv_kbs_challenge *out, struct sv_err *err)
{
        static const char check[] = "kbs.challenge";
        SV_KBS_CHALLENGE m = {{0}};
        SV_JSON *j = NULL;
        struct sv_json *params;

        if (parse_object(text, check, &j, err) < 0 ||
            take_text(j, "nonce", m.nonce, sizeof(m.nonce), check, err) < 0)
                return -1;
        params = sv_json_get(j, "extra-params");
        if (sv_json_type(params) == SV_JSON_OBJECT)
                m.params = sv_json_ref(params);
        *out = m;
        memset(&m, 0, sizeof(m));
        return 0;
}

int sv_kbs_take_init_data(const struct sv_json *message, char **out, struct sv_err *err)
{
        const struct sv_json *j = sv_json_get(message, "init-data");
        const char *body = sv_json_str(sv_json_get(j, "body"));

        if (!j || sv_json_type(j) == SV_JSON_NULL)
                return 0;
        if (strcmp(sv_json_text(j, "format", ""), "toml") || !body ||
            strlen(body) > SV_INIT_DATA_MAX)
                return sv_fail(err, SV_FORMAT, "kbs.init-data",
                               "expected an object with format \"toml\" and a body of at most %u "
                               "bytes as init-data",
                               SV_INIT_DATA_MAX);
        *out = sv_asprintf("%s", body);
        return 0;
}

int sv_kbs_parse_attestation(struct sv_bytes text, struct sv_kbs_attestation *out,
                             struct sv_err *err)
{
        static const char check[] = "kbs.attestation";
        SV_KBS_ATTESTATION m = {{0}};
        SV_JSON *j = NULL;
        struct sv_json *runtime, *key, *tee, *primary;
        const char *additional;

        if (parse_object(text, check, &j, err) < 0 ||
            sv_json_need_obj(j, "runtime-data", &runtime, check, err) < 0 ||
            sv_json_need_obj(j, "tee-evidence", &tee, check, err) < 0 ||
            take_text(runtime, "nonce", m.nonce, sizeof(m.nonce), check, err) < 0 ||
            sv_json_need_obj(runtime, "tee-pubkey", &key, check, err) < 0 ||
            sv_kbs_parse_pubkey(key, &m.key, err) < 0 ||
            sv_json_need_str(tee, "additional_evidence", &additional, check, err) < 0 ||
            sv_kbs_take_init_data(j, &m.init_data, err) < 0)
                return -1;
        primary = sv_json_get(tee, "primary_evidence");
        if (!primary || sv_json_type(primary) == SV_JSON_NULL)
                return sv_fail(err, SV_FORMAT, "kbs.attestation.member",
                               "\"primary_evidence\" is missing: there is nothing to verify");
        m.evidence = sv_json_ref(primary);
        m.additional = sv_asprintf("%s", additional);
        *out = m;
        memset(&m, 0, sizeof(m));
        return 0;
}

static int check_additional_name(void *arg, const char *name, struct sv_json *evidence,
                                 struct sv_err *err)
{
        static const char letters[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        size_t n = strlen(name);

        (void)arg;
        (void)evidence;
        if (n && n < SV_KBS_NAME_SIZE && strspn(name, letters) == n)
                return 0;
        return sv_fail(err, SV_FORMAT, "kbs.additional",
                       "additional_evidence: a name of 1 to %d letters and digits was expected, "
                       "found \"%.40s\"",
                       SV_KBS_NAME_SIZE - 1, name);
}

int sv_kbs_parse_additional(const char *text, struct sv_json **out, struct sv_err *err)
{
        SV_JSON *j = NULL;

        if (!*text)
                return 0;
        if (strlen(text) > SV_FURTHER_SIZE_MAX)
                return sv_fail(err, SV_FORMAT, "kbs.additional",
                               "additional_evidence: at most %u bytes were expected, found %zu",
                               SV_FURTHER_SIZE_MAX, strlen(text));
        if (sv_json_parse(sv_bytes_str(text), "kbs.additional", &j, err) < 0)
                return -1;
        if (sv_json_type(j) != SV_JSON_OBJECT || !sv_json_len(j) ||
            sv_json_len(j) > SV_ADDITIONAL_MAX)
                return sv_fail(err, SV_FORMAT, "kbs.additional",
                               "additional_evidence: an object of 1 to %d evidences by their names "
                               "was expected, found %s of %zu",
                               SV_ADDITIONAL_MAX, sv_json_type_name(sv_json_type(j)),
                               sv_json_len(j));
        if (sv_json_each(j, check_additional_name, NULL, err) < 0)
                return -1;
        *out = sv_json_ref(j);
        return 0;
}

int sv_kbs_parse_token(struct sv_bytes text, struct sv_buf *token, struct sv_err *err)
{
        SV_JSON *j = NULL;
        const char *s;

        if (parse_object(text, "kbs.token", &j, err) < 0 ||
            sv_json_need_str(j, "token", &s, "kbs.token", err) < 0)
                return -1;
        /* It travels in a header field later. */
        for (const char *c = s; *c; c++)
                if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.",
                            *c))
                        return sv_fail(err, SV_FORMAT, "kbs.token",
                                       "the token holds a character that no JWT has");
        if (!*s)
                return sv_fail(err, SV_FORMAT, "kbs.token", "the token is empty");
        sv_buf_puts(token, s);
        return sv_buf_ok(token, "the token", err);
}

void sv_kbs_write_request(const char *tee, const struct sv_json *params, struct sv_buf *out)
{
        static const char *const algs[] = {"sha256", "sha384", "sha512"};
        SV_JSON *j = sv_json_object();
        struct sv_json *extra = sv_json_object();
        struct sv_json *list = sv_json_array();

        for (size_t i = 0; i < sizeof(algs) / sizeof(*algs); i++)
                sv_json_add(list, sv_json_new_str(algs[i]));
        sv_json_set(extra, "supported-hash-algorithms", list);
        sv_json_set_all(extra, params);
        sv_json_set_str(j, "version", SV_KBS_VERSION);
        sv_json_set_str(j, "tee", tee);
        sv_json_set(j, "extra-params", extra);
        sv_json_print(j, out);
}

void sv_kbs_write_challenge(const char *nonce, const struct sv_json *params, struct sv_buf *out)
{
        SV_JSON *j = sv_json_object();

        sv_json_set_str(j, "nonce", nonce);
        if (params)
                sv_json_set(j, "extra-params", sv_json_ref((struct sv_json *)params));
        else
                sv_json_set_str(j, "extra-params", "");
        sv_json_print(j, out);
}

void sv_kbs_write_attestation(const char *nonce, const struct sv_kbs_pubkey *key,
                              const struct sv_json *evidence, struct sv_buf *out)
{
        SV_JSON *j = sv_json_object();
        struct sv_json *runtime = sv_json_object();
        struct sv_json *tee = sv_json_object();

        sv_json_set_str(runtime, "nonce", nonce);
        sv_json_set(runtime, "tee-pubkey", sv_kbs_pubkey_json(key));
        sv_json_set(tee, "primary_evidence", sv_json_ref((struct sv_json *)evidence));
        sv_json_set_str(tee, "additional_evidence", "");
        sv_json_set(j, "runtime-data", runtime);
        sv_json_set(j, "tee-evidence", tee);
        sv_json_print(j, out);
}

void sv_kbs_write_token(const char *token, struct sv_buf *out)
{
        SV_JSON *j = sv_json_object();

        sv_json_set_str(j, "token", token);
        sv_json_print(j, out);
}
