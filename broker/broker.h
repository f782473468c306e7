/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's state. */
#pragma once

#include <sys/types.h>

#include "base/core/limits.h"
#include "base/net/tls.h"
#include "tee/trust-cache.h"
#include "broker/admins.h"
#include "broker/config.h"
#include "broker/store/store.h"

struct sv_limits;  /* broker/limits.h */
struct sv_metrics; /* broker/metrics.h */
struct sv_syncs;   /* broker/store/syncs.h */

struct sv_process { /* one that serves others (broker/process/service.h) */
        pid_t pid;  /* 0: not started */
        int control;
};

struct sv_broker {
        char *config_path;
        struct sv_broker_config config;
        struct sv_key *token_key;    /* signs attestation tokens */
        struct sv_admin_keys admins; /* who may administer */
        struct sv_tls_ctx *tls;
        uint8_t pin[32];
        int audit_fd; /* -1: none */
        uid_t owner;  /* of the configuration: whose the private files may be */
        /* In the verifier: collateral that was verified; each of its processes works on the copy
         * that it was forked with (broker/process/share.c). NULL: everything is verified again */
        struct sv_trust_cache *memory;
        int slot; /* with memory: what processes offer the verifier */
        struct sv_process verifier, fetcher;
        struct sv_process http;     /* control: in the network's process alone */
        struct sv_known *known;     /* the network's process reads it, the keeper's write it */
        struct sv_limits *limits;   /* shared by the keeper's processes; NULL: none */
        struct sv_metrics *metrics; /* likewise */
        struct sv_syncs *syncs;     /* likewise; NULL: a commit syncs for itself */
        /* of one process, never across a fork */
        struct sv_store *store;
        struct sv_trust_cache *confirmed; /* in the keeper: chains that held; NULL: none */
        struct sv_recent *recent;         /* likewise: what was fetched; NULL: nothing */
        dev_t store_dev;                  /* the file that is open */
        ino_t store_ino;
        struct sv_secret *kek;
        struct sv_secret *store_key; /* made of the kek: the key of the database's MACs */
};

/* Reads the configuration and the certificate, no key. *out must be zeroed. */
int sv_broker_open(const char *config, struct sv_broker *out, struct sv_err *err);
/* Starts the verifier and the fetcher: before there is a key in memory. */
int sv_broker_start(struct sv_broker *b, struct sv_err *err);
/* Reads the keys, in the process that will use them; a kek that b has already is not read.
 * SV_SYSTEM "broker.key.mode"; what sv_kek_read says. */
int sv_broker_read_keys(struct sv_broker *b, struct sv_err *err);
/* Those that may administer. SV_FORMAT or SV_USAGE "broker.admin.keys". */
int sv_broker_read_admins(struct sv_broker *b, struct sv_err *err);
/* The same, opens the database and verifies that it is the newest. */
int sv_broker_enter(struct sv_broker *b, struct sv_err *err);
/* Where the database is and what it is authenticated with; valid as long as b. */
struct sv_store_place sv_broker_place(const struct sv_broker *b);
/* HMAC-SHA256 of a label under the kek (the expand step of HKDF, RFC 5869 section 2.3, one block:
 * the kek is random). */
struct sv_secret *sv_broker_store_key(struct sv_secret *kek, struct sv_err *err);
/* The database, opened anew when it is not open or another file has taken its place. One that is
 * gone is not made anew: SV_SYSTEM "broker.store". */
int sv_broker_follow_store(struct sv_broker *b, struct sv_err *err);
/* What may change while it serves, read anew into *fresh, which must be zeroed but for audit_fd -1:
 * configuration, certificate, administrators' keys, audit log. Nothing of b changes. As
 * sv_broker_open; SV_USAGE "broker.reload.fixed" when a member has changed that needs a new start.
 */
int sv_broker_prepare_reload(const struct sv_broker *b, struct sv_broker *fresh,
                             struct sv_err *err);
/* Writes the record of it, from a process that has no open database and closes this one. */
int sv_broker_record_reload(struct sv_broker *b, const struct sv_broker *fresh, struct sv_err *err);
/* b gets it; cannot fail. *fresh is to be closed. */
void sv_broker_take_reload(struct sv_broker *b, struct sv_broker *fresh);
/* The files of the TLS certificate and key, open, for the network's process, which reads them:
 * ownership and mode are looked at here. */
int sv_broker_open_tls(const struct sv_broker *b, int *cert, int *key, struct sv_err *err);
/* One record that is not a request's, into `store` and the audit log; adds time, and the link. */
int sv_broker_record(const struct sv_broker *b, struct sv_store *store, struct sv_json *record,
                     struct sv_buf *line, struct sv_err *err);
/* The same from what the network's process was given. */
int sv_broker_read_passed_tls(struct sv_broker *b, int cert, int key, struct sv_err *err);
/* Reads the TLS key, which only the network's process has. */
int sv_broker_read_tls(struct sv_broker *b, struct sv_err *err);
/* Closes its control channel, which ends it, and waits. */
void sv_process_end(struct sv_process *p);
/* SIGTERM, SIGINT, SIGHUP and SIGCHLD come through this descriptor from now on; -1: SV_SYSTEM
 * "broker.serve". */
int sv_process_take_signals(struct sv_err *err);
void sv_broker_close(struct sv_broker *b);
#define SV_BROKER __attribute__((cleanup(sv_broker_close))) struct sv_broker

/* AES-256-GCM under the kek: iv (12) || tag (16) || ciphertext; `aad` names what is sealed, so that
 * no value can stand in for another. */
int sv_broker_seal(const struct sv_broker *b, const char *aad, struct sv_bytes plain,
                   struct sv_buf *out, struct sv_err *err);
struct sv_secret *sv_broker_unseal(const struct sv_broker *b, const char *aad,
                                   struct sv_bytes sealed, struct sv_err *err);

/* Serves until SIGTERM or SIGINT, then lets running requests end. */
int sv_broker_serve(struct sv_broker *b, struct sv_err *err);
/* Makes `dir` with keys, certificate, configuration and database (NULL: a file in it). Fills the
 * server key's pin. SV_USAGE "broker.init.exists", "broker.config.database". */
int sv_broker_init(const char *dir, const char *listen, const char *database,
                   const char *const *names, uint8_t pin[32], struct sv_err *err);

/* Makes the cache and the slot. */
int sv_broker_open_share(struct sv_broker *b, struct sv_err *err);
void sv_broker_close_share(struct sv_broker *b);
/* In a verification's process: offers the verifier the collateral that this one has verified and
 * the verifier had not. */
void sv_broker_offer_share(struct sv_broker *b);
/* In the verifier: takes what is offered, verifies it again, and keeps it for later processes. */
void sv_broker_take_share(struct sv_broker *b, int64_t now);
