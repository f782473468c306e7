/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier: reads what strangers send and says what it shows. A process for each message, which
 * has no key, no file and no socket but the channel it answers on. What it answers is read as a
 * stranger's word. */
#pragma once

#include "attest/kbs/kbs.h"
#include "base/core/limits.h"
#include "base/core/secret.h"
#include "broker/broker.h"

/* --- of the request (POST /auth) --- */
struct sv_hello {
        char version[16];
        char tee[32];
};
/* --- of the attestation (POST /attest) --- */
struct sv_presented { /* what the message says of itself */
        char nonce[128];
        struct sv_kbs_pubkey key;
        char *additional;
        /* whose evidence that is, a name a line: the process's word, so no more than a list to ask
         * it for; "" when there is none */
        char names[SV_ADDITIONAL_MAX * SV_KBS_NAME_SIZE + 1];
        char *init_data; /* NULL: none */
};
void sv_presented_free(struct sv_presented *p);
#define SV_PRESENTED __attribute__((cleanup(sv_presented_free))) struct sv_presented

struct sv_to_verify {
        struct sv_bytes report_data, secret;
        struct sv_bytes blobs; /* of the fetcher, as it gave them; may be empty */
        int64_t time;
};
struct sv_shown {
        struct sv_json *claims;
        bool known;          /* its collateral had been verified before */
        struct sv_buf proof; /* what sv_tee_verify.confirm reads */
};
void sv_shown_free(struct sv_shown *s);
#define SV_SHOWN __attribute__((cleanup(sv_shown_free))) struct sv_shown

/* One message in a process of its own. `channel` is closed by the caller, which ends the process.
 */
int sv_verifier_hello(const struct sv_broker *b, struct sv_bytes body, int *channel,
                      struct sv_hello *out, struct sv_err *err);
/* After hello: what sv_tee_verify.challenge reads; may be nothing. */
int sv_verifier_challenge(int channel, struct sv_buf *said, struct sv_err *err);

struct sv_to_present {
        const char *tee;      /* its KBS name */
        struct sv_bytes body; /* of the message */
        bool want_needs;
        bool old;        /* the message is of a version before 0.4.0 */
        bool additional; /* not the primary evidence, but what this TEE has beside it */
};
/* *out must be zeroed. */
int sv_verifier_present(const struct sv_broker *b, const struct sv_to_present *what, int *channel,
                        struct sv_presented *out, struct sv_err *err);
/* After present: the evidence was read; what it needs, as JSON text that only the fetcher reads. */
int sv_verifier_needs(int channel, struct sv_buf *needs, struct sv_err *err);
/* After needs, and again with other blobs when it failed. *out must be zeroed. */
int sv_verifier_verify(int channel, const struct sv_to_verify *in, struct sv_shown *out,
                       struct sv_err *err);

/* The claims were confirmed: what was verified for them may be kept for others. */
void sv_verifier_held(int channel);

/* One message, in the process that a channel was given to. */
void sv_verifier_serve(struct sv_broker *b, int channel);
