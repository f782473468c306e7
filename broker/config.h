/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's configuration (docs/FORMATS.md, "Broker configuration"). Every member has a default
 * but "dir"'s files, which `secure-vm-broker init` makes. Relative paths are relative to the
 * configuration's own folder. */
#pragma once

#include "attest/kbs/kbs.h"
#include "broker/admins.h"

struct sv_broker_config {
        char *address;         /* to listen on, an IP address */
        uint16_t port;         /* 0: any free one */
        char *metrics;         /* a local address for metrics alone; NULL: none */
        uint16_t metrics_port; /* of it */
        char *tls_key, *tls_cert, *token_key, *admin_pub, *kek, *database;
        char *serial;                /* how far the database is (broker/store/serial.h) */
        enum sv_kbs_protocol oldest; /* that is spoken */
        char *oldest_protocol;       /* its name */
        char *audit_head;            /* a signed head, each minute (broker/head.h) */
        char *audit_log;             /* one JSON object a line, appended; NULL: none */
        char *port_file;     /* the port is written there once the broker listens; NULL: nowhere */
        int64_t connections; /* held at a time: idle, or with a request */
        bool fits, halves;   /* `connections`, and the share of a source, were not configured */
        int64_t connections_per_source; /* of them by one source (broker/serve/source.h) */
        int64_t requests;               /* worked on at a time */
        int64_t waiting;                /* accepted and not held yet */
        int64_t handshakes_per_second;  /* of one source */
        int64_t handshake_seconds;      /* for one handshake */
        int64_t sessions;               /* alive at a time, in which evidence was accepted */
        int64_t sessions_per_source;
        int64_t records_per_minute; /* audit records of who has proven nothing */
        int64_t session_seconds, token_seconds;
        int64_t pending_seconds;        /* how long a change waits for a second person */
        char **two_persons;             /* below these paths it does; ends with NULL; NULL: none */
        struct sv_broker_admins admins; /* "admins": beside those of admin_pub, who may all */
        struct sv_broker_collateral {   /* "collateral"; what evidence needs and does not bring */
                bool fetch;             /* from the makers or their mirrors; else */
                char *offline;          /* from this folder; NULL: evidence has to bring it */
                char *cache;            /* default: "collateral" beside the configuration */
                char **mirrors;         /* ends with NULL; may be NULL */
                char *mirror_ca;
                int64_t fetches_per_minute; /* things asked of them */
        } collateral;
};

/* SV_USAGE "broker.config.<…>", naming the line. `dir` is put in front of relative paths. Pure.
 * *out must be zeroed. */
int sv_broker_config_parse(struct sv_bytes text, const char *dir, struct sv_broker_config *out,
                           struct sv_err *err);
/* Open files that the network's process needs for it. */
uint64_t sv_broker_config_files(const struct sv_broker_config *c);
/* As many `connections` as `files` may be open for, at least SV_CONNECTIONS_LEAST; as they are when
 * they were configured. */
void sv_broker_config_fit(struct sv_broker_config *c, uint64_t files);
/* Fitted to what this process may have open in the end. */
int sv_broker_config_read(const char *path, struct sv_broker_config *out, struct sv_err *err);
/* The member "collateral" of it. */
int sv_broker_collateral_parse(const struct sv_json *value, struct sv_bytes text, const char *dir,
                               struct sv_broker_collateral *out, struct sv_err *err);
void sv_broker_collateral_free(struct sv_broker_collateral *c);
/* The name of a member that differs and that counts from the next start only; NULL: none. */
const char *sv_broker_config_fixed(const struct sv_broker_config *a,
                                   const struct sv_broker_config *b);
/* NULL is the same as NULL only. */
bool sv_broker_same_text(const char *a, const char *b);
bool sv_broker_collateral_same(const struct sv_broker_collateral *a,
                               const struct sv_broker_collateral *b);
void sv_broker_config_free(struct sv_broker_config *c);
#define SV_BROKER_CONFIG __attribute__((cleanup(sv_broker_config_free))) struct sv_broker_config
