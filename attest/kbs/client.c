/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's side of the KBS exchange. */
#include "attest/kbs/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "attest/kbs/http-conn.h"
#include "attest/jose/jose.h"
#include "attest/kbs/kbs.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"

#define ID_BYTES 8

struct sv_kbs_client {
        /* The session is begun with the first; what comes after the resource may go to any. */
        struct sv_http_conn conns[SV_BROKERS_MAX];
        size_t n_conns, at;
        char id[2 * ID_BYTES + 1]; /* what the broker's log calls this exchange */
        struct sv_key *key;        /* this session's */
        struct sv_kbs_pubkey pubkey;
        struct sv_kbs_challenge challenge;
        char *cookie; /* "kbs-session-id=…" */
        struct sv_buf token;
        char *grounds; /* what our broker says about its release */
        bool retryable, answered;
        unsigned retry_after; /* seconds */
};

static int name_exchange(struct sv_kbs_client *c, struct sv_err *err)
{
        uint8_t random[ID_BYTES];

        if (sv_random(random, sizeof(random), err) < 0)
                return -1;
        sv_hex(sv_bytes(random, sizeof(random)), c->id);
        return 0;
}

int sv_kbs_client_new(const char *url, struct sv_tls_ctx *ctx, struct sv_kbs_client **out,
                      struct sv_err *err)
{
        struct sv_kbs_client *c = calloc(1, sizeof(*c));

        if (!c)
                return sv_fail_errno(err, "base.memory", "no memory for the client");
        if (name_exchange(c, err) < 0 || sv_kbs_client_also(c, url, ctx, err) < 0) {
                free(c);
                return -1;
        }
        *out = c;
        return 0;
}

int sv_kbs_client_also(struct sv_kbs_client *c, const char *url, struct sv_tls_ctx *ctx,
                       struct sv_err *err)
{
        if (c->n_conns == SV_BROKERS_MAX)
                return sv_fail(err, SV_USAGE, "kbs.brokers", "expected at most %d brokers",
                               SV_BROKERS_MAX);
        if (sv_http_conn_init(&c->conns[c->n_conns], url, ctx, err) < 0)
                return -1;
        c->n_conns++;
        return 0;
}

static void forget_session(struct sv_kbs_client *c)
{
        sv_key_free(c->key);
        c->key = NULL;
        sv_kbs_pubkey_free(&c->pubkey);
        sv_kbs_challenge_free(&c->challenge);
        free(c->cookie);
        c->cookie = NULL;
        free(c->grounds);
        c->grounds = NULL;
        sv_buf_clear(&c->token);
}

void sv_kbs_client_free(struct sv_kbs_client *c)
{
        if (!c)
                return;
        forget_session(c);
        sv_buf_free(&c->token);
        for (size_t i = 0; i < c->n_conns; i++)
                sv_http_conn_close(&c->conns[i]);
        free(c);
}

void sv_kbs_client_freep(struct sv_kbs_client **c)
{
        sv_kbs_client_free(*c);
}

bool sv_kbs_retryable(const struct sv_kbs_client *c)
{
        return c->retryable;
}

bool sv_kbs_answered(const struct sv_kbs_client *c)
{
        return c->answered;
}

unsigned sv_kbs_retry_after(const struct sv_kbs_client *c)
{
        return c->retry_after;
}

/* RFC 9110 section 10.2.3, as seconds. The other form, a date, is not taken: a guest's clock is the
 * host's. */
static unsigned read_retry_after(const struct sv_http_msg *answer)
{
        const char *text = sv_http_field(answer, "Retry-After");
        uint64_t seconds = 0;

        if ((answer->status != 503 && answer->status != 429) || !text ||
            sv_parse_u64(text, UINT32_MAX, &seconds, "", NULL) < 0)
                return 0;
        return seconds < SV_RETRY_AFTER_MAX ? (unsigned)seconds : SV_RETRY_AFTER_MAX;
}

/* A session that ended or a broker that is overloaded: a new exchange may go through. */
static bool may_pass_later(int status, struct sv_bytes body)
{
        struct sv_kbs_error e;

        if (status >= 500 || status == 429 || status == 408)
                return true;
        return sv_kbs_parse_error(body, &e, NULL) == 0 &&
               (!strcmp(e.name, "TokenNotFound") || !strcmp(e.name, "TokenVerifierError"));
}

/* Evidence that went out twice because the connection closed without an answer: the broker had
 * taken the nonce before that. It is us who used it, so a new exchange may go through. */
static bool is_nonce_used_here(const struct sv_kbs_client *c, struct sv_bytes body)
{
        struct sv_kbs_error e;

        return c->conns[c->at].resent && sv_kbs_parse_error(body, &e, NULL) == 0 &&
               !strcmp(e.check, "broker.session.used");
}

/* Our broker says which of its records this is. */
static int name_refusal(const struct sv_kbs_client *c, const struct sv_http_msg *answer,
                        struct sv_err *err)
{
        const char *id = sv_http_field(answer, SV_KBS_REQUEST_ID);
        bool named = id && !strcmp(id, c->id);
        struct sv_err why = SV_ERR_NULL;

        sv_kbs_fail(answer->status, sv_buf_bytes(&answer->body), &why);
        return sv_fail(err, why.class, why.check, "%s%s%s%s", why.msg, named ? " (request " : "",
                       named ? id : "", named ? ")" : "");
}

static int call_kbs(struct sv_kbs_client *c, const char *method, const char *path,
                    struct sv_bytes body, struct sv_http_msg *answer, struct sv_err *err)
{
        SV_HTTP req = {0};
        struct sv_err fault = SV_ERR_NULL;

        c->retryable = c->answered = false;
        c->retry_after = 0;
        if (body.n && sv_http_add(&req, "Content-Type", "application/json", err) < 0)
                return -1;
        if (sv_http_add(&req, SV_KBS_REQUEST_ID, c->id, err) < 0)
                return -1;
        if (c->cookie && sv_http_add(&req, "Cookie", c->cookie, err) < 0)
                return -1;
        if (sv_http_conn_call(&c->conns[c->at], method, path, &req, body, answer, &fault) < 0) {
                c->retryable = fault.class == SV_SYSTEM;
                if (err)
                        *err = fault;
                return -1;
        }
        if (answer->status == 200 || answer->status == 204)
                return 0;
        c->answered = true;
        c->retry_after = read_retry_after(answer);
        c->retryable = may_pass_later(answer->status, sv_buf_bytes(&answer->body)) ||
                       is_nonce_used_here(c, sv_buf_bytes(&answer->body));
        return name_refusal(c, answer, err);
}

/* The same of the next broker when one does not answer or cannot do it now: sessions and what is
 * reported are in the database that they share. */
static int call_any_broker(struct sv_kbs_client *c, const char *path, struct sv_bytes body,
                           struct sv_err *err)
{
        for (size_t i = 0;; i++) {
                SV_HTTP answer = {0};

                if (call_kbs(c, "POST", path, body, &answer, err) == 0)
                        return 0;
                if (i + 1 >= c->n_conns || (c->answered && !c->retryable))
                        return -1;
                c->at = (c->at + 1) % c->n_conns;
        }
}

/* Name and value of the session cookie; its attributes do not matter to a client of one host. */
static int take_cookie(struct sv_kbs_client *c, const struct sv_http_msg *answer,
                       struct sv_err *err)
{
        for (size_t i = 0; i < answer->n_fields; i++) {
                const char *v = answer->fields[i].value;
                size_t n = strcspn(v, "; ");

                if (strcasecmp(answer->fields[i].name, "Set-Cookie") ||
                    strncmp(v, "kbs-session-id=", 15))
                        continue;
                if (n <= 15 || n > 256)
                        break;
                c->cookie = sv_asprintf("%.*s", (int)n, v);
                return 0;
        }
        return sv_fail(err, SV_FORMAT, "kbs.cookie",
                       "the broker's challenge came without a session cookie");
}

int sv_kbs_auth(struct sv_kbs_client *c, const char *tee, const struct sv_json *params,
                struct sv_err *err)
{
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};

        forget_session(c);
        c->retryable = c->answered = false;
        c->key = sv_key_generate(SV_KEY_P256, 0, err);
        if (!c->key || sv_kbs_pubkey_from_key(c->key, &c->pubkey, err) < 0)
                return -1;
        sv_kbs_write_request(tee, params, &body);
        if (sv_buf_ok(&body, "the request", err) < 0 ||
            call_kbs(c, "POST", "/kbs/v0/auth", sv_buf_bytes(&body), &answer, err) < 0)
                return -1;
        if (sv_kbs_parse_challenge(sv_buf_bytes(&answer.body), &c->challenge, err) < 0)
                return -1;
        return take_cookie(c, &answer, err);
}

const struct sv_json *sv_kbs_challenge(const struct sv_kbs_client *c)
{
        return c->challenge.params;
}

int sv_kbs_binding(struct sv_kbs_client *c, uint8_t digest[48], struct sv_err *err)
{
        c->retryable = false;
        if (!c->cookie)
                return sv_fail(err, SV_USAGE, "kbs.order",
                               "no challenge yet: the request comes first");
        return sv_kbs_binding_digest("", c->challenge.nonce, &c->pubkey, digest, err);
}

int sv_kbs_attest(struct sv_kbs_client *c, const struct sv_json *evidence, struct sv_err *err)
{
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};

        c->retryable = false;
        if (!c->cookie)
                return sv_fail(err, SV_USAGE, "kbs.order",
                               "no challenge yet: the request comes first");
        sv_kbs_write_attestation(c->challenge.nonce, &c->pubkey, evidence, &body);
        if (sv_buf_ok(&body, "the attestation", err) < 0 ||
            call_kbs(c, "POST", "/kbs/v0/attest", sv_buf_bytes(&body), &answer, err) < 0)
                return -1;
        sv_buf_clear(&c->token);
        return sv_kbs_parse_token(sv_buf_bytes(&answer.body), &c->token, err);
}

const char *sv_kbs_token(const struct sv_kbs_client *c)
{
        return c->token.n ? sv_buf_str((struct sv_buf *)&c->token) : NULL;
}

const char *sv_kbs_grounds(const struct sv_kbs_client *c)
{
        return c->grounds;
}

struct sv_secret *sv_kbs_resource(struct sv_kbs_client *c, const char *path, const char *header,
                                  struct sv_err *err)
{
        SV_STR target = sv_asprintf("/kbs/v0/resource/%s%s%s", path, header ? "?header=" : "",
                                    header ? header : "");
        SV_HTTP answer = {0};

        c->retryable = false;
        if (!c->token.n) {
                sv_fail(err, SV_USAGE, "kbs.order", "no token yet: the evidence comes first");
                return NULL;
        }
        if (call_kbs(c, "GET", target, SV_BYTES_NULL, &answer, err) < 0)
                return NULL;
        free(c->grounds);
        c->grounds = sv_http_field(&answer, SV_KBS_GROUNDS)
                             ? sv_asprintf("%.*s", SV_GROUNDS_MAX,
                                           sv_http_field(&answer, SV_KBS_GROUNDS))
                             : NULL;
        return sv_jwe_open(c->key, sv_buf_bytes(&answer.body), err);
}

int sv_kbs_outcome(struct sv_kbs_client *c, const char *path, const struct sv_err *failed,
                   struct sv_err *err)
{
        SV_STR target = sv_asprintf("/secure-vm/v0/outcome/%s", path);
        SV_BUF body = SV_BUF_NULL;

        c->retryable = false;
        if (!c->grounds)
                return 0;
        sv_kbs_write_outcome(failed, &body);
        if (sv_buf_ok(&body, "the outcome", err) < 0)
                return -1;
        return call_any_broker(c, target, sv_buf_bytes(&body), err);
}

int sv_kbs_report(struct sv_kbs_client *c, const char *path, struct sv_bytes report,
                  struct sv_err *err)
{
        SV_STR target = sv_asprintf("/secure-vm/v0/disk/%s", path);

        return call_any_broker(c, target, report, err);
}
