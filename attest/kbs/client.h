/* SPDX-License-Identifier: Apache-2.0 */
/* The client of a key broker: the RCAR exchange of the KBS protocol 0.4.0 (request, challenge,
 * attestation, resource) for one guest.
 *
 *      sv_kbs_auth       POST /kbs/v0/auth       nonce, session cookie, the TEE's own challenge
 *      sv_kbs_binding                            the 48 bytes that the evidence must carry
 *      sv_kbs_attest     POST /kbs/v0/attest     evidence in, token out
 *      sv_kbs_resource   GET  /kbs/v0/resource/… the secret, opened with this session's key
 *      sv_kbs_outcome    POST /secure-vm/v0/outcome/… what became of it (our own broker only)
 *
 * A failure carries the broker's own class and check when it names them (our broker does); a
 * Trustee's error name is mapped to "kbs.policy-deny" and the like (docs/CHECKS.md). Nothing is
 * retried here: sv_kbs_retryable says whether trying again can help. All requests of a client carry
 * one id (X-Request-Id), which our broker's log and record have, and a refusal's message. */
#pragma once

#include "base/net/http.h"
#include "base/json/json.h"

struct sv_kbs_client;

/* `url` is "https://host:port[/prefix]"; plain http is taken only with ctx NULL (loopback and
 * tests). ctx stays the caller's and must live as long. Nothing is sent yet. */
int sv_kbs_client_new(const char *url, struct sv_tls_ctx *ctx, struct sv_kbs_client **out,
                      struct sv_err *err);
/* Another broker with the same owner and database, in all at most SV_BROKERS_MAX (SV_USAGE
 * "kbs.brokers"): sv_kbs_outcome and sv_kbs_report go on to the next when one does not answer or
 * cannot do it now, and stay there. A session is begun, and ends in a resource, with the first. */
int sv_kbs_client_also(struct sv_kbs_client *c, const char *url, struct sv_tls_ctx *ctx,
                       struct sv_err *err);
void sv_kbs_client_free(struct sv_kbs_client *c);
void sv_kbs_client_freep(struct sv_kbs_client **c);
#define SV_KBS_CLIENT __attribute__((cleanup(sv_kbs_client_freep))) struct sv_kbs_client

/* Begins a session: forgets an earlier one, makes a fresh TEE key (P-256). `tee` is the KBS name
 * ("tpm"); `params` (object, may be NULL) is merged into the request's extra-params. */
int sv_kbs_auth(struct sv_kbs_client *c, const char *tee, const struct sv_json *params,
                struct sv_err *err);
/* The challenge's extra-params; NULL when it was "" or absent. Borrowed until the next sv_kbs_auth.
 */
const struct sv_json *sv_kbs_challenge(const struct sv_kbs_client *c);
/* SHA-384 over the nonce and the TEE key: what the evidence has to be bound to. Only after
 * sv_kbs_auth. */
int sv_kbs_binding(struct sv_kbs_client *c, uint8_t digest[48], struct sv_err *err);
int sv_kbs_attest(struct sv_kbs_client *c, const struct sv_json *evidence, struct sv_err *err);
/* The attestation token; NULL before sv_kbs_attest. Borrowed. */
const char *sv_kbs_token(const struct sv_kbs_client *c);
/* `path` is "repo/type/tag". `header` (hex, or NULL) says which disk the key is wanted for, when
 * the broker has several versions: the digest of the disk's header. Other brokers do not look at
 * it. */
struct sv_secret *sv_kbs_resource(struct sv_kbs_client *c, const char *path, const char *header,
                                  struct sv_err *err);
/* One readable line: why the last resource was released. NULL when the broker (a Trustee) does not
 * say. Borrowed. */
const char *sv_kbs_grounds(const struct sv_kbs_client *c);

/* Tells our broker, for its audit record, what became of the released resource; `failed` is NULL
 * when the disk is open. Ends the session. A broker that did not say on what grounds it released (a
 * Trustee) is told nothing, and that is no failure. */
int sv_kbs_outcome(struct sv_kbs_client *c, const char *path, const struct sv_err *failed,
                   struct sv_err *err);

/* A guest's report of its disk (luks/report.h) to our broker; needs no session. What the broker
 * refuses it with is SV_PROOF "disk.rollback" or "disk.report". */
int sv_kbs_report(struct sv_kbs_client *c, const char *path, struct sv_bytes report,
                  struct sv_err *err);

/* Can the last failure go away by trying again? True for connect faults, timeouts, 5xx, and a
 * session or token that the broker does not know (any more): then begin again with sv_kbs_auth.
 * False for every refusal and for a peer with the wrong key. */
bool sv_kbs_retryable(const struct sv_kbs_client *c);
/* Was the last failure what the broker said? Then it is of its owner's; else it is of that one
 * broker, or of the way to it. */
bool sv_kbs_answered(const struct sv_kbs_client *c);
/* When the broker could not do it now and said for how long (Retry-After of a 503 or 429): seconds,
 * at most SV_RETRY_AFTER_MAX; 0 when it did not say. */
unsigned sv_kbs_retry_after(const struct sv_kbs_client *c);
