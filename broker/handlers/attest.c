/* SPDX-License-Identifier: Apache-2.0 */
/* Request and attestation: a challenge with a nonce that counts once, and the token. Until evidence
 * is accepted the broker keeps nothing of a session. */
#include <stdio.h>
#include <time.h>

#include "attest/fetch/fetch.h"
#include "attest/kbs/kbs.h"
#include "attest/jose/token.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "broker/limits.h"
#include "broker/serve/request.h"
#include "broker/serve/session.h"

#define ISSUER   "secure-vm-broker"
#define FETCH_MS 20000 /* a guest waits for its answer 30 s */

static int set_cookie(struct sv_request *r, const struct sv_challenge *c, struct sv_err *err)
{
        time_t t = (time_t)c->expires;
        SV_BUF value = SV_BUF_NULL;
        struct tm tm;
        char date[64];

        sv_buf_puts(&value, SV_SESSION_COOKIE "=");
        if (sv_challenge_seal(r->broker, c, &value, err) < 0)
                return -1;
        strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
        sv_buf_printf(&value, "; Expires=%s", date);
        if (sv_buf_ok(&value, "a cookie", err) < 0)
                return -1;
        return sv_http_add(&r->answer, "Set-Cookie", sv_buf_str(&value), err);
}

/* The nonce as it travels. */
static int write_nonce(const struct sv_challenge *c, struct sv_buf *out, struct sv_err *err)
{
        sv_put_base64(out, sv_bytes(c->nonce, sizeof(c->nonce)));
        return sv_buf_ok(out, "the nonce", err);
}

static int find_tee(struct sv_request *r, const struct sv_kbs_request *req,
                    const struct sv_tee_verify **tee, struct sv_err *err)
{
        char names[SV_TEE_NAMES_SIZE];

        r->error = "AttestationError";
        if (strcmp(req->version, SV_KBS_VERSION))
                return sv_fail(err, SV_FORMAT, "broker.auth.version",
                               "KBS protocol %s is asked for, this broker speaks " SV_KBS_VERSION,
                               req->version);
        *tee = sv_tee_find_verify_kbs(req->tee);
        if (!*tee)
                return sv_fail(err, SV_FORMAT, "broker.auth.tee",
                               "this broker does not verify evidence of \"%s\"; it knows %s",
                               req->tee, sv_tee_list_verify(names));
        return 0;
}

int sv_handle_auth(struct sv_request *r, struct sv_err *err)
{
        SV_KBS_REQUEST req = {{0}};
        SV_CHALLENGE c = {{0}};
        SV_BUF nonce = SV_BUF_NULL;
        SV_JSON *challenge = NULL;
        const struct sv_tee_verify *tee;

        if (sv_kbs_parse_request(sv_buf_bytes(&r->msg->body), &req, err) < 0)
                return -1;
        sv_json_set_str(r->audit, "tee", req.tee);
        if (find_tee(r, &req, &tee, err) < 0 || sv_challenge_new(&c, err) < 0)
                return -1;
        sv_json_set_str(r->audit, "session", c.id);
        if (tee->challenge && sv_json_type(req.params) == SV_JSON_OBJECT &&
            tee->challenge(req.params, &challenge, &c.secret, err) < 0)
                return -1;
        snprintf(c.tee, sizeof(c.tee), "%s", tee->id->kbs_name);
        c.expires = r->now + r->broker->config.session_seconds;
        if (write_nonce(&c, &nonce, err) < 0)
                return -1;
        sv_kbs_write_challenge(sv_buf_str(&nonce), challenge, &r->answer.body);
        r->outcome = "challenged";
        if (sv_http_add(&r->answer, "Content-Type", "application/json", err) < 0 ||
            set_cookie(r, &c, err) < 0)
                return -1;
        return sv_buf_ok(&r->answer.body, "the challenge", err);
}

/* "vek network, ca cache": for the audit record. */
static void record_collateral(struct sv_request *r, const struct sv_fetched *used)
{
        SV_BUF text = SV_BUF_NULL;

        for (size_t i = 0; i < used->n; i++)
                sv_buf_printf(&text, "%s%s %s", i ? ", " : "", used->list[i].entry.kind,
                              sv_fetch_from_name(used->list[i].from));
        for (size_t i = 0; i < sv_json_len(used->absent); i++)
                sv_buf_printf(&text, "%s%s absent", text.n ? ", " : "",
                              sv_json_str(sv_json_at(used->absent, i)));
        if (text.n)
                sv_json_set_str(r->audit, "collateral", sv_buf_str(&text));
}

/* A report names its chip before anybody can know whether it is genuine. So what is asked of the
 * makers' servers is bounded, for a source and for all; half of it only for chips of which a proof
 * held. */
static int allow_fetch(void *arg, bool known, struct sv_err *err)
{
        const struct sv_request *r = arg;
        int64_t max = r->broker->config.collateral.fetches_per_minute;

        if ((known ||
             sv_limits_take(r->broker->limits, SV_LIMIT_UNKNOWN, (max + 1) / 2, true, r->source)) &&
            sv_limits_take(r->broker->limits, SV_LIMIT_FETCHES, max, true, r->source))
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.collateral.budget",
                       "the makers' servers were asked for as much as this source may have in a "
                       "minute, or all may: try again later, or let the broker have the "
                       "platform's collateral beforehand");
}

/* Fetches the collateral that the evidence needs and does not bring, where the configuration names
 * a source. */
static int appraise_evidence(struct sv_request *r, const struct sv_evidence *e,
                             const struct sv_verify_in *in, struct sv_json **claims,
                             struct sv_verdict *verdict, struct sv_err *err)
{
        const struct sv_broker_collateral *c = &r->broker->config.collateral;
        struct sv_fetch fetch = {.cache = c->cache,
                                 .mirrors = (const char *const *)c->mirrors,
                                 .mirror_ca = c->mirror_ca,
                                 .offline = c->offline,
                                 .budget_ms = FETCH_MS,
                                 .allow = allow_fetch};
        SV_FETCHED used = {0};
        int rc;

        if (!c->fetch && !c->offline)
                return sv_appraise(e, in, NULL, claims, verdict, err);
        sv_fetch_defaults(&fetch);
        fetch.arg = r;
        rc = sv_fetch_appraise(&fetch, e, in, NULL, claims, verdict, &used, err);
        record_collateral(r, &used);
        return rc;
}

/* The nonce is the session's own, not the message's: evidence made for another nonce never holds
 * this digest. Which resource it is for is not said yet, so no policy is looked at, nor any
 * tenant's anchors: the root goes into the claims, and a release asks whether that resource's
 * policy trusts it. */
static int verify_evidence(struct sv_request *r, const struct sv_tee_verify *tee,
                           struct sv_secret *secret, const char *nonce,
                           const struct sv_kbs_attestation *m, struct sv_json **claims,
                           struct sv_verdict *verdict, struct sv_err *err)
{
        SV_BLOBS blobs = {0};
        uint8_t digest[SV_KBS_BINDING_SIZE];
        SV_EVIDENCE *evidence = NULL;
        struct sv_verify_in in = {.report_data = sv_bytes(digest, sizeof(digest)),
                                  .time = r->now,
                                  .any_root = true,
                                  .cache = r->broker->memory};
        uint64_t hits = sv_trust_cache_hits(in.cache);
        int rc;

        if (sv_kbs_binding_digest(m->additional, nonce, &m->key, digest, err) < 0)
                return -1;
        if (sv_evidence_open(tee, m->evidence, &evidence, err) < 0)
                return -1;
        if (secret)
                sv_blobs_add(&blobs, tee->secret_kind,
                             sv_bytes(sv_secret_reveal(secret), sv_secret_size(secret)));
        in.collateral = (struct sv_collateral){blobs.list, blobs.n, NULL};
        rc = appraise_evidence(r, evidence, &in, claims, verdict, err);
        if (sv_trust_cache_hits(in.cache) > hits)
                sv_json_set_bool(r->audit, "known", true);
        sv_broker_offer_share(r->broker);
        return rc;
}

static int write_token(struct sv_request *r, const struct sv_tee_verify *tee,
                       const struct sv_kbs_attestation *m, const struct sv_json *claims,
                       const struct sv_verdict *verdict, struct sv_buf *token, struct sv_err *err)
{
        SV_JSON *runtime = sv_json_object();
        SV_JSON *said = sv_verdict_json(verdict);
        const struct sv_ear ear = {.iat = r->now,
                                   .exp = r->now + r->broker->config.token_seconds,
                                   .issuer = ISSUER,
                                   .tee = tee->id->kbs_name,
                                   .policy_id = "none",
                                   .verdict = said,
                                   .claims = claims,
                                   .runtime_data = runtime};

        sv_json_set_str(runtime, "nonce", m->nonce);
        sv_json_set(runtime, "tee-pubkey", sv_kbs_pubkey_json(&m->key));
        sv_json_set_str(runtime, "additional-evidence", m->additional);
        return sv_ear_sign(&ear, r->broker->token_key, NULL, token, err);
}

/* What the message must be before its evidence is worth a look. */
static int check_message(const struct sv_kbs_attestation *m, const char *nonce, struct sv_err *err)
{
        SV_KEY *key = NULL;

        if (strcmp(m->nonce, nonce))
                return sv_fail(err, SV_PROOF, "broker.attest.nonce",
                               "the evidence is for another nonce than this session's");
        if (m->additional[0])
                return sv_fail(err, SV_FORMAT, "broker.attest.additional",
                               "additional evidence is not verified here, so it is not taken");
        return sv_kbs_pubkey_to_key(&m->key, &key, err);
}

/* The nonce is taken together with the token: evidence that is refused leaves nothing. */
static int accept_evidence(struct sv_request *r, const struct sv_challenge *c, const char *ek_cn,
                           const char *token, struct sv_err *err)
{
        const struct sv_broker_config *config = &r->broker->config;
        const struct sv_session_limits max = {config->sessions, config->sessions_per_source};
        const struct sv_session session = {.source = r->source,
                                           .tee = (char *)(uintptr_t)c->tee,
                                           .token = (char *)(uintptr_t)token,
                                           .ek_cn = (char *)(uintptr_t)ek_cn,
                                           .expires = c->expires};

        return r->broker->store->ops->put_session(r->broker->store, c->id, &session, r->now, &max,
                                                  err);
}

static int attest_session(struct sv_request *r, const struct sv_challenge *c,
                          const struct sv_kbs_attestation *m, struct sv_err *err)
{
        const struct sv_tee_verify *tee = sv_tee_find_verify_kbs(c->tee);
        SV_BUF nonce = SV_BUF_NULL, token = SV_BUF_NULL;
        SV_JSON *claims = NULL;
        SV_VERDICT verdict = {{0}};
        const char *ek_cn;
        int rc;

        if (!tee)
                return sv_fail(err, SV_SYSTEM, "broker.auth.tee",
                               "this broker no longer verifies evidence of \"%s\"", c->tee);
        if (write_nonce(c, &nonce, err) < 0 || check_message(m, sv_buf_str(&nonce), err) < 0)
                return -1;
        rc = verify_evidence(r, tee, c->secret, sv_buf_str(&nonce), m, &claims, &verdict, err);
        ek_cn = sv_json_str(sv_json_pointer(claims, "/ek/subject_cn"));
        if (ek_cn)
                sv_json_set_str(r->audit, "ek_cn", ek_cn);
        if (rc < 0 || write_token(r, tee, m, claims, &verdict, &token, err) < 0 ||
            accept_evidence(r, c, ek_cn, sv_buf_str(&token), err) < 0)
                return -1;
        r->known = true;
        sv_kbs_write_token(sv_buf_str(&token), &r->answer.body);
        return 0;
}

int sv_handle_attest(struct sv_request *r, struct sv_err *err)
{
        SV_KBS_ATTESTATION m = {{0}};
        SV_CHALLENGE c = {{0}};
        int rc;

        r->error = "TokenNotFound"; /* a client that reads this begins again */
        if (sv_session_open(r, &c, err) < 0)
                return -1;
        sv_json_set_str(r->audit, "tee", c.tee);
        /* A replay is refused before it costs anything; what decides is accept_evidence. */
        rc = r->broker->store->ops->check_nonce(r->broker->store, c.id, c.expires, err);
        if (rc == 0) {
                r->error = "AttestationError";
                rc = sv_kbs_parse_attestation(sv_buf_bytes(&r->msg->body), &m, err) < 0 ||
                                     attest_session(r, &c, &m, err) < 0
                             ? -1
                             : 0;
        }
        if (rc < 0 && !strcmp(err->check, "broker.session.used"))
                r->error = "AttestationError";
        if (rc < 0 && !strcmp(err->check, "broker.session.unknown"))
                r->error = "TokenNotFound";
        if (rc < 0)
                return -1;
        r->outcome = "attested";
        if (sv_http_add(&r->answer, "Content-Type", "application/json", err) < 0)
                return -1;
        return sv_buf_ok(&r->answer.body, "the token", err);
}
