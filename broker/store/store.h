/* SPDX-License-Identifier: Apache-2.0 */
/* What a broker keeps: sessions, resources, policies, audit. The only file pair that sees SQLite.
 * Several processes use one store at a time, each with its own handle (never across a fork). Values
 * that must not be read come here sealed already. */
#pragma once

#include "base/json/json.h"

struct sv_store;

/* Creates tables when the database is new. SV_SYSTEM "broker.store". */
int sv_store_open(const char *path, struct sv_store **out, struct sv_err *err);
void sv_store_free(struct sv_store *s);
void sv_store_freep(struct sv_store **s);
#define SV_STORE __attribute__((cleanup(sv_store_freep))) struct sv_store

struct sv_session {
        char *nonce;
        char *tee;            /* KBS name */
        struct sv_buf secret; /* the TEE's challenge, sealed; empty when there was none */
        char *token;          /* NULL until attested */
        char *ek_cn;          /* who was attested, for the audit record; NULL when unknown */
        int64_t expires;
};
void sv_session_free(struct sv_session *s);
#define SV_SESSION __attribute__((cleanup(sv_session_free))) struct sv_session

/* `id` is always the hash of the cookie. Expired sessions are removed on the way; SV_SYSTEM
 * "broker.session.limit" when `max` are alive. */
int sv_store_put_session(struct sv_store *s, const char *id, const struct sv_session *session,
                         int64_t now, int64_t max, struct sv_err *err);
/* SV_PROOF "broker.session.unknown", also when it has expired. */
int sv_store_get_session(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                         struct sv_err *err);
/* As get, and takes the nonce: the second caller, at the same moment or later, gets SV_PROOF
 * "broker.session.used". The sealed secret is gone from the store afterwards. */
int sv_store_use_session(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                         struct sv_err *err);
int sv_store_set_token(struct sv_store *s, const char *id, const char *token, const char *ek_cn,
                       struct sv_err *err);
/* Forgets it: SV_PROOF "broker.session.unknown" when it is gone already. */
int sv_store_end_session(struct sv_store *s, const char *id, struct sv_err *err);

/* `path` is "repo/type/tag". */
int sv_store_put_resource(struct sv_store *s, const char *path, struct sv_bytes sealed,
                          int64_t size, int64_t now, struct sv_err *err);
/* SV_USAGE "broker.resource.none" when absent. */
int sv_store_get_resource(struct sv_store *s, const char *path, struct sv_buf *sealed,
                          struct sv_err *err);
int sv_store_delete_resource(struct sv_store *s, const char *path, struct sv_err *err);
/* Adds {"path","size","created","policy"} to the array. */
int sv_store_list_resources(struct sv_store *s, struct sv_json *list, struct sv_err *err);

int sv_store_put_policy(struct sv_store *s, const char *path, struct sv_bytes text, int64_t now,
                        struct sv_err *err);
/* SV_USAGE "broker.policy.absent" when there is none. */
int sv_store_get_policy(struct sv_store *s, const char *path, struct sv_buf *text,
                        struct sv_err *err);
int sv_store_delete_policy(struct sv_store *s, const char *path, struct sv_err *err);
/* Each policy's text; fn returns 0 to go on. */
int sv_store_each_policy(struct sv_store *s,
                         int (*fn)(void *arg, struct sv_bytes text, struct sv_err *err), void *arg,
                         struct sv_err *err);

/* One record; the store adds "id" when it is listed. */
int sv_store_put_audit(struct sv_store *s, int64_t now, const struct sv_json *record,
                       struct sv_err *err);
/* Adds those above `after`, oldest first, at most `max`, to the array. */
int sv_store_list_audit(struct sv_store *s, int64_t after, int64_t max, struct sv_json *list,
                        struct sv_err *err);
