/* SPDX-License-Identifier: Apache-2.0 */
/* Release of a resource: who asks (token), whether its policy lets them (rules over the claims in
 * the token), then the wrapped bytes. */
#include <stdio.h>
#include <string.h>

#include "attest/appraise.h"
#include "attest/jose/jose.h"
#include "attest/kbs/kbs.h"
#include "attest/jose/token.h"
#include "base/core/limits.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "broker/serve/request.h"
#include "broker/serve/session.h"
#include "broker/versions.h"

/* The token of the cookie's session, or the bearer's; appended to `token`. A cookie wins, as with
 * other brokers. `id` is that session's, "" with a bearer's token. */
static int find_token(struct sv_request *r, char id[65], struct sv_buf *token, struct sv_err *err)
{
        const char *bearer = sv_request_bearer(r);
        SV_CHALLENGE c = {{0}};
        SV_SESSION session = {0};
        int rc = sv_session_open(r, &c, err);

        if (rc == 0)
                rc = r->broker->store->ops->get_session(r->broker->store, c.id, r->now, &session,
                                                        err);
        if (rc < 0 && !bearer)
                return -1;
        snprintf(id, 65, "%s", rc == 0 ? c.id : "");
        sv_buf_puts(token, rc == 0 ? session.token : bearer);
        return sv_buf_ok(token, "the token", err);
}

const struct sv_tee_verify *sv_request_find_claims(const struct sv_json *payload,
                                                   struct sv_json **claims, struct sv_err *err)
{
        const struct sv_json *all =
                sv_json_pointer(payload, "/submods/cpu0/ear.veraison.annotated-evidence");

        for (const struct sv_tee_verify *const *t = sv_tees_verify; *t; t++) {
                *claims = sv_json_get(all, (*t)->id->kbs_name);
                if (*claims)
                        return *t;
        }
        sv_fail(err, SV_PROOF, "broker.token.claims",
                "the token holds no claims of a TEE that this broker knows");
        return NULL;
}

static const char *describe_outcome(const struct sv_json *reason)
{
        bool held = sv_json_bool(sv_json_get(reason, "held"), false);

        if (sv_json_bool(sv_json_get(reason, "lifted"), false))
                return held ? " lifted" : " fails and is lifted";
        if (sv_json_bool(sv_json_get(reason, "warned"), false))
                return " fails and warns";
        return held ? "" : " fails";
}

static void note_reference(const struct sv_request *r, struct sv_buf *line)
{
        const char *name = sv_json_text(r->audit, "reference", NULL);

        if (name)
                sv_buf_printf(
                        line, " of reference set %s, generation %lld", name,
                        (long long)sv_json_int(sv_json_get(r->audit, "reference_generation"), 0));
}

/* Which rules held, one by one in "checks", those that did not by name in "grounds" too: one line,
 * with what the proof cannot show. */
static void record_reasons(struct sv_request *r, const struct sv_policy *policy,
                           const struct sv_verdict *verdict)
{
        SV_BUF others = SV_BUF_NULL, limits = SV_BUF_NULL, line = SV_BUF_NULL, set = SV_BUF_NULL;
        struct sv_json *checks = sv_json_set(r->audit, "checks", sv_json_array());
        size_t n = sv_json_len(verdict->reasons), held = 0;

        for (size_t i = 0; i < n; i++) {
                const struct sv_json *reason = sv_json_at(verdict->reasons, i);
                const char *check = sv_json_str(sv_json_get(reason, "check"));
                const char *text = sv_json_str(sv_json_get(reason, "reason"));
                const char *outcome = describe_outcome(reason);

                if (!sv_json_bool(sv_json_get(reason, "applies"), true))
                        continue;
                if (check && !strcmp(check, "policy.set")) {
                        sv_buf_printf(&set, " (%s)", text);
                        note_reference(r, &set);
                        sv_json_set_int(r->audit, "set",
                                        sv_json_int(sv_json_get(reason, "generation"), 0));
                } else if (check && strcmp(check, "policy.limits")) {
                        SV_STR said = sv_asprintf("%s%s", check, outcome);

                        sv_json_add(checks, sv_json_new_str(said));
                        held += !*outcome;
                        sv_request_note_warning(r, reason);
                        if (*outcome)
                                sv_buf_printf(&others, "; %s", said);
                } else if (text && !strstr(sv_buf_str(&limits), text)) {
                        sv_buf_printf(&limits, "; %s", text);
                }
        }
        sv_buf_printf(&line, "policy for %s%s: %zu of %zu checks hold%s%s; appraised as %s",
                      sv_policy_guest(policy), sv_buf_str(&set), held, sv_json_len(checks),
                      sv_buf_str(&others), sv_buf_str(&limits),
                      sv_tier_name(sv_verdict_status(verdict)));
        sv_json_set_str(r->audit, "grounds", sv_buf_str(&line));
}

/* The reasons of the audit record, for the guest's console. A header field holds printable ASCII
 * only, a policy's text may hold more. */
static int send_reasons(struct sv_request *r, struct sv_err *err)
{
        SV_STR text =
                sv_asprintf("%.*s", SV_GROUNDS_MAX, sv_json_str(sv_json_get(r->audit, "grounds")));

        for (char *p = text; *p; p++)
                if (*p < 0x20 || *p > 0x7e)
                        *p = '?';
        return sv_http_add(&r->answer, SV_KBS_GROUNDS, text, err);
}

static int check_policy(struct sv_request *r, const struct sv_tee_verify *tee,
                        struct sv_json *claims, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        SV_POLICY_DOC *policy = NULL;
        SV_VERDICT verdict = {{0}};
        int rc;

        if (r->broker->store->ops->get_policy(r->broker->store, r->resource, &text, err) < 0) {
                if (err->class != SV_USAGE)
                        return -1;
                return sv_fail(err, SV_POLICY, "broker.policy.none",
                               "no policy is stored for this resource, so nobody gets it");
        }
        r->owner_only = true;
        sv_request_note_digest(r, "policy_sha256", sv_buf_bytes(&text));
        if (sv_policy_parse(sv_buf_bytes(&text), &policy, err) < 0)
                return -1;
        r->lease = sv_policy_lease(policy);
        if (strcmp(sv_policy_resource(policy), r->resource))
                return sv_fail(err, SV_POLICY, "policy.resource",
                               "the policy is for another resource");
        if (sv_reference_apply(r, sv_buf_bytes(&text), SV_BYTES_NULL, &policy, err) < 0)
                return -1;
        rc = sv_appraise_claims(tee, policy, claims, r->now, &verdict, err);
        if (verdict.reasons) /* else it did not come to the rules */
                record_reasons(r, policy, &verdict);
        r->owner_only = rc < 0;
        return rc;
}

/* The key of the disk that the guest has, when it says which header that has (?header=, a SHA-384
 * in hex); otherwise, and when no version is for it, the newest: the guest then names what differs.
 */
static int choose_version(struct sv_request *r, int64_t *number, struct sv_err *err)
{
        static const char *const names[] = {"header", NULL};
        const struct sv_version *found = NULL;
        SV_VERSIONS v = {0};
        SV_BUF digest = SV_BUF_NULL;
        char hex[97];

        if (sv_request_check_query(r, names, err) < 0)
                return -1;
        if (sv_versions_read(r->broker, r->resource, &v, err) < 0)
                return -1;
        if (!v.n && sv_provision_value(r, &v, err) < 0)
                return -1;
        if (sv_request_query(r, "header", hex, sizeof(hex)) &&
            sv_unhex(sv_bytes_str(hex), &digest, "broker.query", NULL) == 0 && digest.n == 48)
                found = sv_versions_by_header(&v, digest.p);
        *number = found ? found->number : v.list[0].number;
        sv_json_set_int(r->audit, "version", *number);
        if (!found)
                found = &v.list[0];
        if (!found->disk)
                return 0;
        snprintf(r->volume, sizeof(r->volume), "%s", found->binding.uuid);
        return sv_disk_note_state(r, found->binding.uuid, err);
}

static int seal_to_guest(struct sv_request *r, const struct sv_json *payload, int64_t *number,
                         struct sv_err *err)
{
        SV_KBS_PUBKEY pubkey = {{0}};
        SV_SECRET *plain = NULL;
        SV_KEY *key = NULL;
        bool old;

        if (sv_kbs_parse_pubkey(sv_ear_tee_key(payload), &pubkey, err) < 0)
                return -1;
        /* only a session of that version had such a key accepted */
        old = r->broker->config.oldest >= SV_KBS_0_1_1 && sv_kbs_pubkey_is_old(&pubkey);
        if ((old ? sv_kbs_pubkey_to_old_key(&pubkey, &key, err)
                 : sv_kbs_pubkey_to_key(&pubkey, &key, err)) < 0)
                return -1;
        if (choose_version(r, number, err) < 0)
                return -1;
        plain = sv_version_open(r->broker, r->resource, *number, err);
        if (!plain)
                return -1;
        return old ? sv_jwe_seal_old(key, plain, &r->answer.body, err)
                   : sv_jwe_seal(key, plain, &r->answer.body, err);
}

/* So that a policy can be tried on the guests that there are (rehearse.c). */
static int keep_token(struct sv_request *r, struct sv_buf *token, const struct sv_tee_verify *tee,
                      const struct sv_json *claims, struct sv_err *err)
{
        const char *ek_cn = sv_json_str(sv_json_pointer(claims, "/ek/subject_cn"));
        const char *launched =
                tee->measurement ? sv_json_str(sv_json_pointer(claims, tee->measurement)) : NULL;
        const struct sv_accepted what = {.guest = r->volume[0] ? r->volume
                                                  : ek_cn      ? ek_cn
                                                  : launched   ? launched
                                                               : "",
                                         .token = sv_buf_str(token),
                                         .time = r->now};

        return r->broker->store->ops->put_accepted(r->broker->store, r->resource, &what, err);
}

static int fail_changed(struct sv_err *err, const char *what)
{
        return sv_fail(err, SV_SYSTEM, "broker.release.changed",
                       "%s was changed while the release was made: ask again", what);
}

/* An administrator who was told that a policy is stored, or that a key is gone, was told so before
 * this release: it waited for the same lock. */
static int check_still_so(struct sv_request *r, int64_t number, struct sv_err *err)
{
        const struct sv_store_ops *ops = r->broker->store->ops;
        const char *used = sv_json_text(r->audit, "policy_sha256", "");
        SV_BUF text = SV_BUF_NULL, sealed = SV_BUF_NULL;
        char hex[65];
        bool same;

        if (ops->reserve(r->broker->store, err) < 0)
                return -1;
        if (ops->get_policy(r->broker->store, r->resource, &text, err) < 0)
                return err->class == SV_USAGE ? fail_changed(err, "the resource's policy") : -1;
        if (sv_sha256_hex(sv_buf_bytes(&text), hex, err) < 0)
                return -1;
        if (strcmp(hex, used))
                return fail_changed(err, "the resource's policy");
        if (sv_reference_check_same(r, &same, err) < 0)
                return -1;
        if (!same)
                return fail_changed(err, "the policy's reference set");
        if (ops->get_resource(r->broker->store, r->resource, number, &sealed, err) < 0)
                return err->class == SV_USAGE ? fail_changed(err, "the resource") : -1;
        return 0;
}

/* Nobody else counts meanwhile: the store is reserved. A token is of one attestation and one key of
 * the guest's, so who fetches again with it learns nothing new. */
static int count_release(struct sv_request *r, const struct sv_buf *token, struct sv_err *err)
{
        const struct sv_store_ops *ops = r->broker->store->ops;
        struct sv_settings settings;
        uint8_t taker[SV_DIGEST_MAX];

        if (sv_digest(SV_SHA256, sv_buf_bytes(token), taker, err) < 0 ||
            ops->count_release(r->broker->store, r->resource, taker, &settings, err) < 0)
                return -1;
        if (!settings.most)
                return 0;
        sv_json_set_int(r->audit, "releases", settings.most);
        sv_json_set_int(r->audit, "released", settings.released);
        return 0;
}

int sv_handle_resource(struct sv_request *r, struct sv_err *err)
{
        SV_BUF token = SV_BUF_NULL;
        SV_JSON *payload = NULL;
        struct sv_json *claims;
        const struct sv_tee_verify *tee;
        int64_t number = 0;
        char id[65];

        r->error = "TokenNotFound";
        if (find_token(r, id, &token, err) < 0)
                return -1;
        r->error = "TokenVerifierError";
        if (sv_ear_verify(sv_buf_bytes(&token), r->broker->token_key, r->now, &payload, err) < 0)
                return -1;
        tee = sv_request_find_claims(payload, &claims, err);
        if (!tee)
                return -1;
        sv_json_set_str(r->audit, "tee", tee->id->kbs_name);
        sv_request_note_who(r, tee, claims);
        r->error = NULL; /* PolicyDeny, PluginNotFound, ... by class */
        if (check_policy(r, tee, claims, err) < 0)
                return -1;
        r->known = true; /* only now: any root made the platform until here */
        if (seal_to_guest(r, payload, &number, err) < 0 || check_still_so(r, number, err) < 0 ||
            count_release(r, &token, err) < 0)
                return -1;
        if (*id && r->broker->store->ops->put_release(r->broker->store, id, r->resource, err) < 0)
                return -1;
        if (keep_token(r, &token, tee, claims, err) < 0 || send_reasons(r, err) < 0 ||
            sv_http_add(&r->answer, "Content-Type", "application/json", err) < 0)
                return -1;
        r->outcome = "released";
        return 0;
}

static void record_failure(struct sv_request *r, const struct sv_err *failed)
{
        r->outcome = failed->class == SV_OK ? "opened" : "failed";
        if (failed->class == SV_OK)
                return;
        sv_json_set_str(r->audit, "check", failed->check);
        sv_json_set_str(r->audit, "class", sv_class_name(failed->class));
        sv_json_set_str(r->audit, "message", failed->msg);
}

/* The guest's own word, for the record only: nothing hangs on it. Once for each session, of what
 * was released in it, and it ends the session. */
int sv_handle_outcome(struct sv_request *r, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;
        struct sv_err failed = SV_ERR_NULL;
        SV_CHALLENGE c = {{0}};
        SV_SESSION session = {0};

        r->error = "TokenNotFound";
        if (sv_session_open(r, &c, err) < 0 ||
            store->ops->get_session(store, c.id, r->now, &session, err) < 0)
                return -1;
        r->error = NULL;
        sv_json_set_str(r->audit, "tee", session.tee);
        if (session.ek_cn)
                sv_json_set_str(r->audit, "ek_cn", session.ek_cn);
        if (sv_kbs_parse_outcome(sv_buf_bytes(&r->msg->body), &failed, err) < 0 ||
            store->ops->end_session(store, c.id, r->resource, err) < 0)
                return -1;
        r->known = true; /* it was released to this session */
        record_failure(r, &failed);
        return 0;
}
