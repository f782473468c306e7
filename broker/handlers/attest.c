/* SPDX-License-Identifier: Apache-2.0 */
/* Request and attestation: a challenge with a nonce that counts once, and the token. Until evidence
 * is accepted the broker keeps nothing of a session. */
#include <stdio.h>
#include <time.h>

#include "attest/appraise.h"
#include "attest/jose/token.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "broker/init-data.h"
#include "broker/process/fetcher.h"
#include "broker/process/verifier.h"
#include "broker/serve/request.h"
#include "broker/serve/session.h"

#define ISSUER      "secure-vm-broker"
#define RETRY_MAX_S 60 /* sessions may end before their time */

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

static int check_hello(struct sv_request *r, const struct sv_hello *hello,
                       enum sv_kbs_protocol *protocol, struct sv_err *err)
{
        char names[SV_TEE_NAMES_SIZE];

        sv_json_set_str(r->audit, "tee", hello->tee);
        r->error = "AttestationError";
        if (!sv_kbs_find_protocol(hello->version, protocol) || *protocol > r->broker->config.oldest)
                return sv_fail(err, SV_FORMAT, "broker.auth.version",
                               "KBS protocol %s is asked for, this broker speaks " SV_KBS_VERSION
                               " back to %s",
                               hello->version, sv_kbs_protocol_name(r->broker->config.oldest));
        if (!sv_tee_find_verify_kbs(hello->tee))
                return sv_fail(err, SV_FORMAT, "broker.auth.tee",
                               "this broker does not verify evidence of \"%s\"; it knows %s",
                               hello->tee, sv_tee_list_verify(names));
        return 0;
}

/* What the TEE asks beside the nonce. Made here: who knew the secret in it could answer it for any
 * TPM. */
static int add_challenge(int channel, const struct sv_tee_verify *tee, struct sv_challenge *c,
                         struct sv_json **params, struct sv_err *err)
{
        SV_BUF said = SV_BUF_NULL;

        if (sv_verifier_challenge(channel, &said, err) < 0)
                return -1;
        return said.n && tee->challenge
                       ? tee->challenge(sv_buf_bytes(&said), params, &c->secret, err)
                       : 0;
}

/* A request that is word for word what our own agent sends needs no reader. */
static bool is_plain_hello(struct sv_bytes body, struct sv_hello *out)
{
        for (const struct sv_tee_verify *const *t = sv_tees_verify; *t; t++) {
                SV_BUF text = SV_BUF_NULL;

                sv_kbs_write_request((*t)->id->kbs_name, NULL, &text);
                if (text.bad || !sv_bytes_eq(body, sv_buf_bytes(&text)))
                        continue;
                snprintf(out->version, sizeof(out->version), "%s", SV_KBS_VERSION);
                snprintf(out->tee, sizeof(out->tee), "%s", (*t)->id->kbs_name);
                return true;
        }
        return false;
}

int sv_handle_auth(struct sv_request *r, struct sv_err *err)
{
        const struct sv_bytes body = sv_buf_bytes(&r->msg->body);
        const struct sv_tee_verify *tee;
        SV_JSON *params = NULL;
        SV_CHALLENGE c = {{0}};
        SV_BUF nonce = SV_BUF_NULL;
        SV_FD channel = -1;
        struct sv_hello hello;

        if ((!is_plain_hello(body, &hello) &&
             sv_verifier_hello(r->broker, body, &channel, &hello, err) < 0) ||
            check_hello(r, &hello, &c.protocol, err) < 0 || sv_challenge_new(&c, err) < 0)
                return -1;
        sv_json_set_str(r->audit, "session", c.id);
        tee = sv_tee_find_verify_kbs(hello.tee);
        if (channel >= 0 && add_challenge(channel, tee, &c, &params, err) < 0)
                return -1;
        snprintf(c.tee, sizeof(c.tee), "%s", tee->id->kbs_name);
        c.expires = r->now + r->broker->config.session_seconds;
        if (write_nonce(&c, &nonce, err) < 0)
                return -1;
        sv_kbs_write_challenge(sv_buf_str(&nonce), params, &r->answer.body);
        r->outcome = "challenged";
        if (sv_http_add(&r->answer, "Content-Type", "application/json", err) < 0 ||
            set_cookie(r, &c, err) < 0)
                return -1;
        return sv_buf_ok(&r->answer.body, "the challenge", err);
}

/* The claims are those of a process that reads what strangers send. What they prove is asked here
 * once more, of the signed bytes: who has taken that process over shows their own guest or none. */
static int confirm_claims(struct sv_trust_cache *confirmed, const struct sv_tee_verify *tee,
                          const struct sv_to_verify *in, const struct sv_shown *shown,
                          struct sv_err *err)
{
        SV_BLOBS blobs = {0};
        struct sv_verify_in again = {.report_data = in->report_data,
                                     .time = in->time,
                                     .any_root = true,
                                     .cache = confirmed};

        if (in->secret.n && tee->secret_kind)
                sv_blobs_add(&blobs, tee->secret_kind, in->secret);
        again.collateral = (struct sv_collateral){blobs.list, blobs.n, NULL};
        return tee->confirm(sv_buf_bytes(&shown->proof), &again, shown->claims, err);
}

static int get_claims(const struct sv_broker *b, const struct sv_tee_verify *tee, int channel,
                      const struct sv_to_verify *in, struct sv_shown *out, struct sv_err *err)
{
        SV_SHOWN shown = {NULL};

        if (sv_verifier_verify(channel, in, &shown, err) < 0 ||
            confirm_claims(b->confirmed, tee, in, &shown, err) < 0)
                return -1;
        *out = shown;
        shown = (struct sv_shown){NULL};
        return 0;
}

/* Of further evidence, too. */
static void note_collateral(struct sv_request *r, struct sv_buf *note)
{
        const char *before = sv_json_text(r->audit, "collateral", NULL);
        SV_STR both = before && note->n ? sv_asprintf("%s; %s", before, sv_buf_str(note)) : NULL;

        if (note->n)
                sv_json_set_str(r->audit, "collateral", both ? both : sv_buf_str(note));
}

static bool wants_fetching(const struct sv_request *r, struct sv_bytes needs)
{
        return sv_fetcher_wanted(r->broker) &&
               !sv_bytes_eq(needs, sv_bytes_str("[]")); /* nothing is needed */
}

/* Is it what was shown that does not hold, so that other collateral may help? */
static bool may_hold(int rc, const struct sv_err *err)
{
        return rc < 0 && (err->class == SV_PROOF || err->class == SV_FORMAT);
}

static int verify_with(struct sv_request *r, const struct sv_tee_verify *tee, int channel,
                       const struct sv_to_verify *in, const struct sv_fetching *fetched,
                       struct sv_shown *shown, struct sv_err *err)
{
        struct sv_to_verify with = *in;

        with.blobs = sv_buf_bytes(&fetched->blobs);
        return get_claims(r->broker, tee, channel, &with, shown, err);
}

static int verify_fetched(struct sv_request *r, const struct sv_tee_verify *tee, int channel,
                          const struct sv_to_verify *in, struct sv_bytes needs,
                          struct sv_fetching *fetched, struct sv_shown *shown, struct sv_err *err)
{
        bool fetches = wants_fetching(r, needs);
        int rc = -1;

        if (fetches && sv_fetcher_recall(r->broker, needs, fetched)) {
                rc = verify_with(r, tee, channel, in, fetched, shown, err);
                if (!may_hold(rc, err))
                        return rc;
        }
        r->retry_after = sv_fetcher_interval(r->broker);
        if (fetches && sv_fetcher_get(r->broker, r->source, needs, fetched, err) < 0)
                return -1;
        rc = verify_with(r, tee, channel, in, fetched, shown, err);
        if (may_hold(rc, err) && sv_fetcher_again(fetched))
                rc = verify_with(r, tee, channel, in, fetched, shown, err);
        if (rc == 0)
                sv_fetcher_held(r->broker, needs, fetched);
        return rc;
}

/* The nonce is the session's own, not the message's: evidence made for another nonce never holds
 * this digest. Which resource it is for is not said yet, so no policy is looked at, nor any
 * tenant's anchors: the root goes into the claims, and a release asks whether that resource's
 * policy trusts it. Collateral that the evidence needs and does not bring is fetched, where the
 * configuration names a source. */
static int verify_evidence(struct sv_request *r, const struct sv_tee_verify *tee, int channel,
                           const struct sv_to_verify *in, struct sv_shown *shown,
                           struct sv_err *err)
{
        SV_BUF needs = SV_BUF_NULL;
        SV_FETCHING fetched = SV_FETCHING_NULL;
        int rc;

        if (sv_verifier_needs(channel, &needs, err) < 0)
                return -1;
        rc = verify_fetched(r, tee, channel, in, sv_buf_bytes(&needs), &fetched, shown, err);
        note_collateral(r, &fetched.note);
        if (rc < 0)
                return -1;
        sv_verifier_held(channel);
        if (shown->known)
                sv_json_set_bool(r->audit, "known", true);
        return 0;
}

static int write_token(struct sv_request *r, const struct sv_tee_verify *tee,
                       enum sv_kbs_protocol protocol, const char *nonce,
                       const struct sv_presented *m, const struct sv_json *claims,
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

        sv_json_set_str(runtime, "nonce", nonce);
        sv_json_set(runtime, "tee-pubkey", sv_kbs_pubkey_json(&m->key));
        if (!protocol)
                sv_json_set_str(runtime, "additional-evidence", m->additional);
        return sv_ear_sign(&ear, r->broker->token_key, NULL, token, err);
}

/* What the message must be before its evidence is worth a look. */
static int check_message(const struct sv_presented *m, enum sv_kbs_protocol protocol,
                         const char *nonce, struct sv_err *err)
{
        SV_KEY *key = NULL;

        if (protocol == SV_KBS_0_1_1)
                return sv_kbs_pubkey_to_old_key(&m->key, &key, err);
        if (!protocol && strcmp(m->nonce, nonce))
                return sv_fail(err, SV_PROOF, "broker.attest.nonce",
                               "the evidence is for another nonce than this session's");
        return sv_kbs_pubkey_to_key(&m->key, &key, err);
}

/* A place is free when the source's first session ends, if not before. */
static void note_session_end(struct sv_request *r)
{
        int64_t end;

        if (r->broker->store->ops->find_session_end(r->broker->store, r->source, &end, NULL) == 0 &&
            end > r->now)
                r->retry_after =
                        end - r->now < RETRY_MAX_S ? (unsigned)(end - r->now) : RETRY_MAX_S;
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

        if (r->broker->store->ops->put_session(r->broker->store, c->id, &session, r->now, &max,
                                               err) == 0)
                return 0;
        if (!strcmp(err->check, SV_CHECK_SESSIONS))
                note_session_end(r);
        return -1;
}

static int show_claims(struct sv_request *r, const struct sv_challenge *c,
                       const struct sv_tee_verify *tee, const char *nonce,
                       const struct sv_presented *m, int channel, struct sv_json **claims,
                       struct sv_err *err)
{
        uint8_t digest[SV_KBS_BINDING_SIZE];
        struct sv_to_verify in = {.report_data = sv_bytes(digest, sizeof(digest)), .time = r->now};
        SV_SHOWN shown = {NULL};

        if (c->secret)
                in.secret = sv_bytes(sv_secret_reveal(c->secret), sv_secret_size(c->secret));
        if (sv_kbs_binding_digest(c->protocol ? NULL : m->additional, nonce, &m->key, digest, err) <
                    0 ||
            verify_evidence(r, tee, channel, &in, &shown, err) < 0)
                return -1;
        *claims = sv_json_ref(shown.claims);
        return 0;
}

/* --- further evidence of the same guest --- */

/* Of one TEE, in a process of its own; bound to the nonce and the key alone, as the primary
 * evidence is to all of the additional. */
static int show_further(struct sv_request *r, const struct sv_tee_verify *tee, const char *nonce,
                        const struct sv_presented *m, struct sv_json **claims, struct sv_err *err)
{
        const struct sv_to_present what = {.tee = tee->id->kbs_name,
                                           .body = sv_buf_bytes(&r->msg->body),
                                           .want_needs = sv_fetcher_wanted(r->broker),
                                           .additional = true};
        uint8_t digest[SV_KBS_BINDING_SIZE];
        const struct sv_to_verify in = {.report_data = sv_bytes(digest, sizeof(digest)),
                                        .time = r->now};
        SV_PRESENTED again = {{0}};
        SV_SHOWN shown = {NULL};
        SV_FD channel = -1;

        if (sv_verifier_present(r->broker, &what, &channel, &again, err) < 0 ||
            sv_kbs_binding_digest(NULL, nonce, &m->key, digest, err) < 0 ||
            verify_evidence(r, tee, channel, &in, &shown, err) < 0)
                return sv_wrap(err, "additional evidence of %s", tee->id->name);
        *claims = sv_json_ref(shown.claims);
        return 0;
}

/* A TEE whose key is proven by a challenge of its own had none in a request for another. */
static const struct sv_tee_verify *find_further(const char *name)
{
        const struct sv_tee_verify *tee = sv_tee_find_verify_kbs(name);

        return tee && !tee->challenge ? tee : NULL;
}

static int add_further(struct sv_request *r, const struct sv_tee_verify *primary, const char *name,
                       const char *nonce, const struct sv_presented *m, struct sv_json *further,
                       struct sv_json *unverified, struct sv_err *err)
{
        const struct sv_tee_verify *tee = find_further(name);
        SV_JSON *claims = NULL;

        if (tee == primary)
                return sv_fail(err, SV_FORMAT, "broker.attest.additional",
                               "the additional evidence is of %s, as the primary one is: one of "
                               "each was expected",
                               name);
        if (!tee) {
                sv_json_add(unverified, sv_json_new_str(name));
                return 0;
        }
        if (show_further(r, tee, nonce, m, &claims, err) < 0)
                return -1;
        sv_json_set(further, tee->id->name, sv_json_ref(claims));
        return 0;
}

/* All that the message has, into the claims: /additional/<TEE>, and who was not verified by name in
 * /additional_unverified. What of it counts a policy says (attest/appraise.h). */
static int show_all_further(struct sv_request *r, const struct sv_tee_verify *primary,
                            const char *nonce, struct sv_presented *m, struct sv_json *claims,
                            struct sv_err *err)
{
        struct sv_json *further, *unverified;
        char *save = NULL;

        if (!m->additional[0])
                return 0;
        further = sv_json_set(claims, "additional", sv_json_object());
        unverified = sv_json_set(claims, "additional_unverified", sv_json_array());
        for (char *name = strtok_r(m->names, "\n", &save); name; name = strtok_r(NULL, "\n", &save))
                if (add_further(r, primary, name, nonce, m, further, unverified, err) < 0)
                        return -1;
        return sv_json_ok(err);
}

static int attest_session(struct sv_request *r, const struct sv_challenge *c, struct sv_err *err)
{
        const struct sv_tee_verify *tee = sv_tee_find_verify_kbs(c->tee);
        SV_BUF nonce = SV_BUF_NULL, token = SV_BUF_NULL;
        SV_PRESENTED m = {{0}};
        SV_JSON *claims = NULL;
        SV_VERDICT verdict = {{0}};
        SV_FD channel = -1;
        const struct sv_to_present what = {.tee = c->tee,
                                           .body = sv_buf_bytes(&r->msg->body),
                                           .want_needs = sv_fetcher_wanted(r->broker),
                                           .old = c->protocol != SV_KBS_0_4_0};
        const char *ek_cn;

        if (!tee)
                return sv_fail(err, SV_SYSTEM, "broker.auth.tee",
                               "this broker no longer verifies evidence of \"%s\"", c->tee);
        if (c->protocol > r->broker->config.oldest)
                return sv_fail(err, SV_FORMAT, "broker.auth.version",
                               "this broker no longer speaks KBS protocol %s",
                               sv_kbs_protocol_name(c->protocol));
        if (sv_verifier_present(r->broker, &what, &channel, &m, err) < 0 ||
            write_nonce(c, &nonce, err) < 0 ||
            check_message(&m, c->protocol, sv_buf_str(&nonce), err) < 0 ||
            show_claims(r, c, tee, sv_buf_str(&nonce), &m, channel, &claims, err) < 0 ||
            sv_init_data_check(tee, m.init_data, claims, err) < 0 ||
            show_all_further(r, tee, sv_buf_str(&nonce), &m, claims, err) < 0)
                return -1;
        ek_cn = sv_request_note_who(r, tee, claims);
        if (m.init_data)
                sv_json_set_str(r->audit, "init_data", sv_json_text(claims, "init_data", ""));
        if (sv_policy_limits(claims, &verdict, err) < 0 ||
            write_token(r, tee, c->protocol, sv_buf_str(&nonce), &m, claims, &verdict, &token,
                        err) < 0 ||
            accept_evidence(r, c, ek_cn, sv_buf_str(&token), err) < 0)
                return -1;
        sv_kbs_write_token(sv_buf_str(&token), &r->answer.body);
        return 0;
}

int sv_handle_attest(struct sv_request *r, struct sv_err *err)
{
        SV_CHALLENGE c = {{0}};
        int rc;

        r->error = "TokenNotFound"; /* a client that reads this begins again */
        if (sv_session_open(r, &c, err) < 0)
                return -1;
        sv_json_set_str(r->audit, "tee", c.tee);
        sv_request_note_digest(r, "evidence_sha256", sv_buf_bytes(&r->msg->body));
        /* A replay is refused before it costs anything; what decides is accept_evidence. */
        rc = r->broker->store->ops->check_nonce(r->broker->store, c.id, c.expires, err);
        if (rc == 0) {
                r->error = "AttestationError";
                rc = attest_session(r, &c, err);
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
