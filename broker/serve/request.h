/* SPDX-License-Identifier: Apache-2.0 */
/* One request, the way through its route, and the handlers. */
#pragma once

#include "base/core/limits.h"
#include "base/net/http.h"
#include "broker/broker.h"
#include "tee/verify.h"
#include "policy/policy.h"

struct sv_versions; /* broker/versions.h */

struct sv_request;

#define SV_TAG_MAX 65 /* bytes of a tag, with the NUL */

/* What a handler asks of the table of routes, which has the handlers (broker/serve/admit.c). */
struct sv_change_ops {
        /* Its action in the record; "other": no route changes something by that. */
        const char *(*name)(const char *method, const char *target);
        /* A change that waited: r is made of what was asked for, r->now is when. Who asked is found
         * by `token`, must be another person than `approver`, and both must have the role now:
         * SV_POLICY "broker.pending.person", SV_PROOF "broker.pending.signature"; then it runs, as
         * if asked for `now`. */
        int (*run)(struct sv_request *r, const char *token, const struct sv_admin_key *approver,
                   int64_t now, struct sv_err *err);
        /* Could `admin` ask for it, now? */
        int (*check)(struct sv_request *r, const struct sv_admin_key *admin, struct sv_err *err);
};

/* One request while it is handled. */
struct sv_request {
        struct sv_broker *broker;
        const struct sv_http_msg *msg;
        const char *peer;
        uint64_t source; /* of the peer (broker/serve/source.h) */
        bool local;      /* it came to the address for metrics, where nothing else is served */
        char id[SV_REQUEST_ID_MAX + 1]; /* the client's, or one of ours: record, log and answer */
        int64_t now;
        char resource[3 * 64]; /* "repo/type/tag" where the route has one, else "" */
        const char *query;     /* behind '?', or "" */
        char allow[32];        /* no route has this method: those that the path has */
        struct sv_http_msg answer;
        unsigned retry_after; /* seconds, of a source that is over its limit; 0: nothing is known */
        const char *error;    /* KBS error name when the handler fails; NULL: by class */
        /* The handler has a policy in hand: what it fails with is for the policy's owner, who has
         * the record. Whoever asks hears the check's name and no values. */
        bool owner_only;
        /* Who asks has shown who it is: the administrator, or a guest for which this resource's
         * policy holds. Accepted evidence is not enough: its root may be of anybody's making. The
         * records of all others are bounded. */
        bool known;
        const struct sv_admin_key *admin; /* who asks, when it is one */
        const struct sv_change_ops *changes;
        int64_t lease;   /* of the resource's policy, once that was read */
        char volume[37]; /* of the disk whose key is released, else "" */
        /* what the handler adds to the record: session, tee, ek_cn, grounds (the reasons) */
        struct sv_json *audit;
        /* on success: "challenged", "attested", "released", "opened", "failed", "done", "pending",
         * "rejected" */
        const char *outcome;
        char seen[SV_TAG_MAX]; /* what a change that waits was asked of: sv_pending_note_state */
        const char *change; /* what waited and is done now: its action in the record; NULL: none */
        /* once handled, for what is counted: the route's action ("other": none), "refused" as
         * outcome, and the check that failed ("": none) */
        const char *action;
        char check[64];
};

/* Finds the route, asks for the administrator's proof where it needs one, runs it, writes the audit
 * record, fills r->answer. When the record cannot be written nothing is released: the answer
 * becomes an error. */
void sv_broker_handle(struct sv_request *r);
/* The table of routes: number i's method, path (one that ends in a slash is followed by a resource)
 * and the roles that may ask (0: no administrator is needed); false: there are no more. */
bool sv_broker_route_at(size_t i, const char **method, const char **path, unsigned *roles);
/* Before a change that takes two persons is tried: what a resource of which something is removed
 * has, which is what will be removed from, and from nothing else. */
int sv_pending_note_state(struct sv_request *r, struct sv_err *err);
/* For a change that takes two persons and has gone well: takes it back and keeps it. Always -1:
 * SV_POLICY "broker.pending" when it is kept, and r->outcome "pending". */
int sv_pending_keep(struct sv_request *r, struct sv_err *err);
/* Between head and body: how much of it this route takes; a secret goes into locked memory. */
void sv_broker_prepare_body(struct sv_http_msg *m);
/* The answer for what could not even be read as a request. */
void sv_broker_refuse(struct sv_request *r, const struct sv_err *err);
void sv_request_free(struct sv_request *r);

/* Handlers; 0 or -1. */
int sv_handle_auth(struct sv_request *r, struct sv_err *err);
int sv_handle_attest(struct sv_request *r, struct sv_err *err);
int sv_handle_resource(struct sv_request *r, struct sv_err *err);
/* What a guest says became of its resource; ends the session. */
int sv_handle_outcome(struct sv_request *r, struct sv_err *err);
int sv_handle_put_resource(struct sv_request *r, struct sv_err *err);
int sv_handle_delete_resource(struct sv_request *r, struct sv_err *err);
/* Labels, and how often it may be released. */
int sv_handle_set_resource(struct sv_request *r, struct sv_err *err);
/* A resource whose value its first guest makes. */
int sv_handle_provision(struct sv_request *r, struct sv_err *err);
/* For a guest that may have a resource which has no version (in *v) yet: makes the first, where an
 * administrator has said so, in the transaction that is held, and reads *v again. SV_USAGE
 * "broker.resource.none". */
int sv_provision_value(struct sv_request *r, struct sv_versions *v, struct sv_err *err);
/* An administrator's own value is none that a guest has made: SV_USAGE "broker.resource.provision"
 * before there is one, and no mark of it afterwards. */
int sv_provision_check_put(struct sv_request *r, const struct sv_versions *v, struct sv_err *err);
int sv_handle_list_resources(struct sv_request *r, struct sv_err *err);
int sv_handle_put_policy(struct sv_request *r, struct sv_err *err);
int sv_handle_get_policy(struct sv_request *r, struct sv_err *err);
int sv_handle_delete_policy(struct sv_request *r, struct sv_err *err);
/* Who of those that had the resource would have it under another policy, or at another time. */
int sv_handle_rehearse(struct sv_request *r, struct sv_err *err);
int sv_handle_policy_history(struct sv_request *r, struct sv_err *err);
int sv_handle_put_reference(struct sv_request *r, struct sv_err *err);
int sv_handle_get_reference(struct sv_request *r, struct sv_err *err);
int sv_handle_delete_reference(struct sv_request *r, struct sv_err *err);
int sv_handle_list_references(struct sv_request *r, struct sv_err *err);
/* What waits for a second person, and what becomes of it. */
int sv_handle_list_pending(struct sv_request *r, struct sv_err *err);
int sv_handle_approve(struct sv_request *r, struct sv_err *err);
int sv_handle_reject(struct sv_request *r, struct sv_err *err);
/* A policy (parsed from `text`) that names a reference set becomes one with its tuples, those of
 * `tried` in place of what is stored (n == 0: of that): *policy is freed and another. Name,
 * generation and digest go into the record. One that names none stays. SV_PROOF
 * "reference.signature", SV_POLICY (an administrator: SV_USAGE) "reference.none", SV_FORMAT
 * "reference.name", "reference.tee". */
int sv_reference_apply(struct sv_request *r, struct sv_bytes text, struct sv_bytes tried,
                       struct sv_policy **policy, struct sv_err *err);
/* Is the set that was applied still the one that is stored? */
int sv_reference_check_same(struct sv_request *r, bool *same, struct sv_err *err);
/* The versions of one resource. */
int sv_handle_show_resource(struct sv_request *r, struct sv_err *err);
/* A guest's report of its disk, and an administrator's word that an older state is meant. */
int sv_handle_disk(struct sv_request *r, struct sv_err *err);
int sv_handle_restore(struct sv_request *r, struct sv_err *err);
/* An administrator's word that the guest which has the disk is gone. */
int sv_handle_end_lease(struct sv_request *r, struct sv_err *err);
/* Into the grounds of a release: the disk's generation was lowered, several guests may have it. */
int sv_disk_note_state(struct sv_request *r, const char *volume, struct sv_err *err);
int sv_handle_rekey(struct sv_request *r, struct sv_err *err);
int sv_handle_audit(struct sv_request *r, struct sv_err *err);
/* Can it release a key; can it take a guest's evidence too; what it has counted. */
int sv_handle_health(struct sv_request *r, struct sv_err *err);
int sv_handle_ready(struct sv_request *r, struct sv_err *err);
int sv_handle_metrics(struct sv_request *r, struct sv_err *err);

/* Into the record: which machine the claims are from ("platform", or "ek_cn", which it returns:
 * NULL without one). */
const char *sv_request_note_who(struct sv_request *r, const struct sv_tee_verify *tee,
                                const struct sv_json *claims);
/* Takes the client's X-Request-Id, when it is one (letters, digits, '-', 8 to SV_REQUEST_ID_MAX),
 * or makes one. */
int sv_request_take_id(struct sv_request *r, struct sv_err *err);
/* The value behind "Bearer " (RFC 9110 section 11.1: in any case); NULL when there is none. */
const char *sv_request_bearer(const struct sv_request *r);
/* The query is NAME=VALUE (or NAME alone), joined by '&', and each name is in the NULL-terminated
 * list: SV_FORMAT "broker.query" otherwise. */
int sv_request_check_query(const struct sv_request *r, const char *const *names,
                           struct sv_err *err);
/* Is an item of that name behind '?', with a value or without? */
bool sv_request_has(const struct sv_request *r, const char *name);
/* Copies the value of `name`; false when it is not there or does not fit. */
bool sv_request_query(const struct sv_request *r, const char *name, char *out, size_t size);
/* The value of the i-th of that name, from 0, and its length in *n; borrowed from the query. NULL
 * when there are fewer. */
const char *sv_request_query_nth(const struct sv_request *r, const char *name, size_t i, size_t *n);
/* Is the value to be the first of its resource ("new"), refused where there is one? */
bool sv_request_is_first(const struct sv_request *r);
/* Does what the items "releases", "label" and "unlabel" of the query say, in the transaction that
 * is held: the settings go into the record. SV_FORMAT "broker.query" and "broker.label", SV_USAGE
 * "broker.label.limit". */
int sv_request_change_settings(struct sv_request *r, struct sv_err *err);
/* A policy that may be put for this request's resource: parsed, for a TEE that is known here, with
 * anchors that can be read; with the tuples of the reference set that it names. The caller frees.
 * SV_FORMAT "broker.policy.tee" and "broker.policy.resource", and what those say who parse. */
int sv_request_read_policy(struct sv_request *r, struct sv_bytes text, struct sv_policy **out,
                           struct sv_err *err);
/* The claims in a token's payload are those of one TEE's verifier, under its KBS name; borrowed
 * from the payload. NULL and SV_PROOF "broker.token.claims": of none that is known here. */
const struct sv_tee_verify *sv_request_find_claims(const struct sv_json *payload,
                                                   struct sv_json **claims, struct sv_err *err);
/* Holds what the request says of the policy, or resource, that is there (If-Match, If-None-Match)?
 * Nobody else changes it until the request is settled. SV_USAGE "broker.match" (answered 412),
 * SV_FORMAT "broker.match.form". */
int sv_request_match_policy(struct sv_request *r, struct sv_err *err);
int sv_request_match_resource(struct sv_request *r, struct sv_err *err);
/* The tag of the resource's policy ("": it has none); the store is reserved. */
int sv_request_read_policy_tag(struct sv_request *r, char tag[SV_TAG_MAX], struct sv_err *err);
/* The resource's own tag, of its newest version ("": it has none); the store is reserved. */
int sv_request_read_tag(struct sv_request *r, char tag[SV_TAG_MAX], struct sv_err *err);
/* The answer's ETag. */
int sv_request_add_tag(struct sv_request *r, const char *tag, struct sv_err *err);
/* Into the record: a rule that does not hold and only warns, with what was expected and found. */
void sv_request_note_warning(struct sv_request *r, const struct sv_json *reason);
/* What is counted of a request that ended: the check that failed, or the first that warned of what
 * was released, or "". */
const char *sv_request_counted_check(const struct sv_request *r);
/* Into the record: the SHA-256 of something that it hangs on, in hex. */
void sv_request_note_digest(struct sv_request *r, const char *member, struct sv_bytes of);
