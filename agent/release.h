/* SPDX-License-Identifier: Apache-2.0 */
/* From the broker to the secret: the whole exchange, with its retries. */
#pragma once

#include "agent/attesters.h"
#include "agent/config.h"
#include "base/net/tls.h"

/* How the caller hears of progress; every member may be NULL. */
struct sv_release_log {
        void (*start)(const char *step, const char *says);
        void (*done)(const char *step, const char *says);
        void (*time)(const char *part, int64_t ms);
        /* tries 0: as many as there is time for */
        void (*retry)(const char *step, const struct sv_err *err, unsigned in_ms, unsigned try,
                      unsigned tries);
        /* another broker is asked at once */
        void (*next)(const char *step, const struct sv_err *err, const char *url);
        void (*unreported)(const struct sv_err *err); /* the broker did not hear how it ended */
        /* done, but not as expected: see the note of evidence and seal in tee/attester.h */
        void (*note)(const struct sv_note *note);
};

/* Network faults are tried again, of the next broker at once and of the same with pauses that grow
 * and differ, and not before the time that it names, for config->wait_s; each is asked at least
 * once. A broker with another key is not asked again. A refusal is final for all that its owner
 * has. */

/* in the initramfs, when the broker is known by a CA */
#define SV_AGENT_CA_FILE "/etc/secure-vm/ca.pem"

struct sv_kbs_client;

struct sv_release {
        const struct sv_agent_config *config; /* brokers, at least one; resource, wait_s */
        const char *ca_file;                  /* where the broker's CA is when there is no pin */
        const struct sv_release_log *log;
        bool token_only; /* ends with the token: the resource is not asked for */
        bool seal;       /* nothing that runs later in this boot may ask again (the unlock) */
        /* The digest of the disk's header in hex, to ask for the key that was made for it; false
         * when there is none to be read, which is found out later. May be NULL. */
        bool (*header)(const struct sv_agent_config *config, char hex[97]);
        /* What the secret is for; may be NULL. The broker is told how it ended, so that its audit
         * record does not stop at the release. */
        int (*use)(const struct sv_release *r, struct sv_kbs_client *client,
                   struct sv_secret *secret, struct sv_err *err);
        void *arg; /* the caller's own */
        /* Something to do between two tries; NULL: sleep. */
        void (*pause)(void *arg, unsigned ms);
        void *pause_arg;
};

struct sv_release_out {
        struct sv_secret *secret; /* NULL with token_only */
        struct sv_buf token;
        struct sv_buf reasons;    /* one line: why the broker released it */
        const char *url;          /* which broker did; the configuration's */
        const struct sv_tee *tee; /* whose evidence the broker accepted */
};
void sv_release_out_free(struct sv_release_out *out);
#define SV_RELEASE_OUT __attribute__((cleanup(sv_release_out_free))) struct sv_release_out

/* *out must be zeroed; it is the caller's to free, also on failure. */
int sv_release(const struct sv_release *r, struct sv_release_out *out, struct sv_err *err);
/* The broker by its pin, or by a CA (PEM file). */
struct sv_tls_ctx *sv_release_tls(const struct sv_agent_broker *broker, const char *ca_file,
                                  struct sv_err *err);
