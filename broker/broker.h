/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's state, and one request in it. */
#pragma once

#include "base/net/http.h"
#include "tee/trust-cache.h"
#include "broker/config.h"
#include "broker/store/store.h"

struct sv_broker {
        struct sv_broker_config config;
        struct sv_key *token_key; /* signs attestation tokens */
        struct sv_key *admin_key; /* public: whose word counts */
        struct sv_tls_ctx *tls;
        uint8_t pin[32];
        int audit_fd; /* -1: none */
        /* The listener's; each process works on the copy that it was forked with
         * (broker/serve/lessons.c). NULL: everything is verified anew */
        struct sv_trust_cache *memory;
        int slot; /* with memory: what processes tell the listener */
        /* of one process, never across a fork */
        struct sv_store *store;
        struct sv_secret *kek;
};

/* Reads configuration, keys and certificate. *out must be zeroed. */
int sv_broker_open(const char *config, struct sv_broker *out, struct sv_err *err);
/* Opens the database and reads the key-encryption key: in the process that will use them. */
int sv_broker_enter(struct sv_broker *b, struct sv_err *err);
void sv_broker_close(struct sv_broker *b);
#define SV_BROKER __attribute__((cleanup(sv_broker_close))) struct sv_broker

/* AES-256-GCM under the kek: iv (12) || tag (16) || ciphertext; `aad` names what is sealed, so that
 * no value can stand in for another. */
int sv_broker_seal(const struct sv_broker *b, const char *aad, struct sv_bytes plain,
                   struct sv_buf *out, struct sv_err *err);
struct sv_secret *sv_broker_unseal(const struct sv_broker *b, const char *aad,
                                   struct sv_bytes sealed, struct sv_err *err);

/* One request while it is handled. */
struct sv_request {
        struct sv_broker *broker;
        const struct sv_http_msg *msg;
        const char *peer;
        int64_t now;
        char resource[3 * 64]; /* "repo/type/tag" where the route has one, else "" */
        const char *query;     /* behind '?', or "" */
        struct sv_http_msg answer;
        const char *error; /* KBS error name when the handler fails; NULL: by class */
        /* what the handler adds to the record: session, tee, ek_cn, grounds */
        struct sv_json *audit;
        /* on success: "challenged", "attested", "released", "opened", "failed", "done" */
        const char *outcome;
};

/* Finds the route, asks for the administrator's proof where it needs one, runs it, writes the audit
 * record, fills r->answer. When the record cannot be written nothing is released: the answer
 * becomes an error. */
void sv_broker_handle(struct sv_request *r);
/* The answer for what could not even be read as a request. */
void sv_broker_refuse(struct sv_request *r, const struct sv_err *err);
void sv_request_free(struct sv_request *r);

/* Serves until SIGTERM or SIGINT, then lets running requests end. */
int sv_broker_serve(struct sv_broker *b, struct sv_err *err);
/* Makes `dir` with keys, certificate, configuration and database. Fills the server key's pin.
 * SV_USAGE "broker.init.exists". */
int sv_broker_init(const char *dir, const char *listen, const char *const *names, uint8_t pin[32],
                   struct sv_err *err);

/* Makes memory and slot. */
int sv_broker_lessons(struct sv_broker *b, struct sv_err *err);
void sv_broker_forget(struct sv_broker *b);
/* A process: what this one has verified that the listener did not know. The listener: proves it
 * anew, and keeps it for later ones. */
void sv_broker_teach(struct sv_broker *b);
void sv_broker_learn(struct sv_broker *b, int64_t now);

/* Handlers; 0 or -1. */
int sv_handle_auth(struct sv_request *r, struct sv_err *err);
int sv_handle_attest(struct sv_request *r, struct sv_err *err);
int sv_handle_resource(struct sv_request *r, struct sv_err *err);
/* What a guest says became of its resource; ends the session. */
int sv_handle_outcome(struct sv_request *r, struct sv_err *err);
int sv_handle_put_resource(struct sv_request *r, struct sv_err *err);
int sv_handle_delete_resource(struct sv_request *r, struct sv_err *err);
int sv_handle_list_resources(struct sv_request *r, struct sv_err *err);
int sv_handle_put_policy(struct sv_request *r, struct sv_err *err);
int sv_handle_get_policy(struct sv_request *r, struct sv_err *err);
int sv_handle_delete_policy(struct sv_request *r, struct sv_err *err);
int sv_handle_audit(struct sv_request *r, struct sv_err *err);
int sv_handle_health(struct sv_request *r, struct sv_err *err);

/* The value behind "Bearer "; NULL when there is none. */
const char *sv_request_bearer(const struct sv_request *r);
