/* SPDX-License-Identifier: Apache-2.0 */
/* What a broker keeps: sessions, resources, policies, audit. A struct of functions; those of
 * databases that speak SQL are one row (broker/store/sql.c), over a driver of each. Several
 * processes use one store at a time, each with its own handle (never across a fork). Values that
 * must not be read come here sealed already. */
#pragma once

#include <stdbool.h>

#include "base/core/secret.h"
#include "base/json/json.h"
#include "broker/store/serial.h"
#include "broker/store/settings.h"

/* A session in which evidence was accepted: before that there is nothing to keep
 * (broker/challenge.h). */
struct sv_session {
        uint64_t source; /* where it came from (broker/serve/source.h) */
        char *tee;       /* KBS name */
        char *token;
        char *ek_cn; /* who was attested, for the audit record; NULL when unknown */
        int64_t expires;
};
/* The source has as many as it may have. */
#define SV_CHECK_SESSIONS "broker.session.source"
struct sv_session_limits {
        int64_t all, per_source; /* alive at a time */
};
void sv_session_free(struct sv_session *s);
#define SV_SESSION __attribute__((cleanup(sv_session_free))) struct sv_session

/* The highest generation that was reported of a disk: below it the disk is an older state. */
struct sv_disk_floor {
        int64_t generation; /* 0: none was reported */
        bool restored;      /* an administrator has lowered it, and no report came since */
};

/* Which instance of a disk has it. */
struct sv_lease {
        char instance[33]; /* hex; "": it does not matter which */
        int64_t end;       /* until then nobody else gets the disk; 0: it was given back */
        int64_t time;      /* of the last report */
};

/* Which resources are listed. */
struct sv_list_query {
        char prefix[3 * 64]; /* "repo" or "repo/type": what is below it, or is it; "": all */
        char after[3 * 64];  /* a path: those that follow it; "": from the first */
        int64_t max;
        char label[SV_LABEL_SIZE]; /* those that have it; "": all */
};

struct sv_policy_put {
        struct sv_bytes text;
        const char *before; /* SHA-256 (hex) of the one that it replaces; NULL: whatever is there */
        const char *author; /* for the history */
        int64_t now;
};

#define SV_LINK_SIZE 32

/* The token with which a guest was last given a resource: what it was is said by its signature, not
 * by this row. */
struct sv_accepted {
        const char *guest; /* the disk's UUID, the EK's name, what was launched (hex), or "" */
        const char *token;
        int64_t time;
};

/* A record of the audit; links are a chain, broker/store/sql-audit.c. */
struct sv_audit_link {
        int64_t id;
        bool linked; /* a stranger's record is not */
        uint8_t link[SV_LINK_SIZE];
};

/* Adds "id" and "link" to a record that was put, for copies of it. */
void sv_audit_note_link(struct sv_json *record, const struct sv_audit_link *link);

#define SV_AUDIT_HEAD_SIZE 1024

struct sv_audit_row { /* as the database has it; borrowed */
        struct sv_audit_link link;
        int64_t time;
        const char *text; /* JSON */
        bool stranger;
};

struct sv_audit_chain {
        /* What came before this record was taken out; the signed head that says so is to be
         * verified by the caller (broker/head.h). "": all is there. */
        struct sv_audit_link cut;
        char cut_head[SV_AUDIT_HEAD_SIZE];
        int64_t linked, strangers;
        int64_t older; /* from before there was a chain */
        struct sv_audit_link newest;
        bool known;
};

/* Of a chain's first record: when it says that those before it were taken out, its head goes into
 * the chain, and it is the cut. False: it says nothing of that. */
bool sv_audit_take_cut(const struct sv_audit_row *row, struct sv_audit_chain *chain);

/* A change that waits for a second person; head and body are sealed. */
#define SV_PENDING_ID 32
struct sv_pending {
        char id[SV_PENDING_ID + 1]; /* hex */
        char path[3 * 64];          /* "repo/type/tag" */
        struct sv_buf head, body;
        int64_t expires;
};
void sv_pending_free(struct sv_pending *p);

/* A handle; an implementation's own struct begins with it. */
struct sv_store {
        const struct sv_store_ops *ops;
};

/* May what is `there` go? */
typedef int sv_store_check(struct sv_store *there, void *context, struct sv_err *err);

/* Of the tables. `lowest`: to which a database can be brought back. */
struct sv_store_version {
        int64_t now, lowest;
};

/* Each function returns 0, or -1 with SV_SYSTEM "broker.store" when the database fails. */
struct sv_store_ops {
        void (*close)(struct sv_store *s);

        int (*show_version)(struct sv_store *s, struct sv_store_version *out, struct sv_err *err);
        /* For a program of an older version; in a transaction (hold), after which this store serves
         * for nothing more. SV_USAGE "broker.migrate.to": no such version; "broker.migrate.loses":
         * the database has something that the older one has no place for. */
        int (*go_back)(struct sv_store *s, int64_t to, struct sv_err *err);

        /* `id` is the hash of the nonce. Has it been accepted? SV_PROOF "broker.session.used"; or
         * "broker.session.unknown" when that can not be said any more. Nothing is written. */
        int (*check_nonce)(struct sv_store *s, const char *id, int64_t expires, struct sv_err *err);
        /* Takes the nonce for good: the second caller, at the same moment or later, gets what
         * check_nonce says. Expired sessions are removed on the way; SV_SYSTEM
         * "broker.session.limit" and "broker.session.source" when as many are alive as may be. */
        int (*put_session)(struct sv_store *s, const char *id, const struct sv_session *session,
                           int64_t now, const struct sv_session_limits *max, struct sv_err *err);
        /* When the first of the source's sessions ends by itself; 0: it has none. */
        int (*find_session_end)(struct sv_store *s, uint64_t source, int64_t *out,
                                struct sv_err *err);
        /* SV_PROOF "broker.session.token" when nothing was accepted in it,
         * "broker.session.unknown" when it has ended. *out must be zeroed. */
        int (*get_session)(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                           struct sv_err *err);
        /* The resource was released in this session. */
        int (*put_release)(struct sv_store *s, const char *id, const char *path,
                           struct sv_err *err);
        /* Ends it; its nonce stays taken. SV_PROOF "broker.outcome.resource" when that resource was
         * not released in it, "broker.session.unknown" when it has ended already. */
        int (*end_session)(struct sv_store *s, const char *id, const char *path,
                           struct sv_err *err);
        /* Takes an administrator's token: SV_PROOF "admin.token.used" the second time. */
        int (*take_token)(struct sv_store *s, const char *id, int64_t expires, int64_t now,
                          struct sv_err *err);
        /* No session counts that expires by then, nor any token by the other time, as they may have
         * been used and it is not known; nor who had a disk; and of releases that are counted none
         * is left. For a database that goes back to what it was. */
        int (*forget_once)(struct sv_store *s, int64_t sessions, int64_t tokens,
                           struct sv_err *err);

        /* `path` is "repo/type/tag". A resource has versions, and a new one replaces none:
         * `version` is one above the newest (1: the first). SV_USAGE "broker.resource.changed" when
         * another was there first. */
        int (*put_resource)(struct sv_store *s, const char *path, int64_t version,
                            struct sv_bytes sealed, int64_t size, int64_t now, struct sv_err *err);
        /* Appends one version to `sealed`. SV_USAGE "broker.resource.none" when there is none. */
        int (*get_resource)(struct sv_store *s, const char *path, int64_t version,
                            struct sv_buf *sealed, struct sv_err *err);
        int (*delete_resource)(struct sv_store *s, const char *path, int64_t version,
                               struct sv_err *err);
        /* Adds {"version","size","created"} to the array, the newest first. */
        int (*list_versions)(struct sv_store *s, const char *path, struct sv_json *list,
                             struct sv_err *err);
        /* Adds {"path","version","versions","size","created","policy"} to the array: of the newest
         * version, and how many there are; and what sv_settings_note adds. One whose value is not
         * made yet has version 0, and no "created". */
        int (*list_resources)(struct sv_store *s, const struct sv_list_query *query,
                              struct sv_json *list, struct sv_err *err);

        /* What is said of a resource beside its value; all zero where nothing was. They go with
         * its last version. */
        int (*get_settings)(struct sv_store *s, const char *path, struct sv_settings *out,
                            struct sv_err *err);
        /* All zero: none are said any more. */
        int (*put_settings)(struct sv_store *s, const char *path, const struct sv_settings *in,
                            struct sv_err *err);
        /* One release more to whom shows this token (its SHA-256), where they are counted; one of
         * the last SV_TAKERS_MAX takers is counted once. *out is what the settings are then.
         * SV_POLICY "broker.release.spent" when none is left. */
        int (*count_release)(struct sv_store *s, const char *path,
                             const uint8_t taker[SV_TAKER_SIZE], struct sv_settings *out,
                             struct sv_err *err);

        /* SV_USAGE "broker.policy.changed" when the policy that is there is another than
         * put->before says. */
        int (*put_policy)(struct sv_store *s, const char *path, const struct sv_policy_put *put,
                          struct sv_err *err);
        /* Appends to `text`. SV_USAGE "broker.policy.absent" when there is none. */
        int (*get_policy)(struct sv_store *s, const char *path, struct sv_buf *text,
                          struct sv_err *err);
        int (*delete_policy)(struct sv_store *s, const char *path, const char *author, int64_t now,
                             struct sv_err *err);
        /* Adds {"version","created","author","size","sha256","current","removed"} to the array, the
         * newest first, of those that were put and of removals; SV_POLICY_VERSIONS_MAX are kept. */
        int (*list_policy_versions)(struct sv_store *s, const char *path, struct sv_json *list,
                                    struct sv_err *err);
        /* Appends to `text`. SV_USAGE "broker.policy.version" when it is not there (any more), or a
         * removal. */
        int (*get_policy_version)(struct sv_store *s, const char *path, int64_t version,
                                  struct sv_buf *text, struct sv_err *err);
        /* Adds their paths to the array; that none was put or removed, only `check` says. */
        int (*list_policies)(struct sv_store *s, struct sv_json *list, struct sv_err *err);

        /* A reference set, as it was signed. SV_USAGE "reference.generation" when one of this or a
         * higher generation was put before, also when it was removed since. */
        int (*put_reference)(struct sv_store *s, const char *name, struct sv_bytes text,
                             int64_t generation, int64_t now, struct sv_err *err);
        /* Appends to `text`. SV_USAGE "reference.none". */
        int (*get_reference)(struct sv_store *s, const char *name, struct sv_buf *text,
                             struct sv_err *err);
        int (*delete_reference)(struct sv_store *s, const char *name, int64_t now,
                                struct sv_err *err);
        /* Adds {"name","generation","created"} to the array, by name; with `removed` also those
         * that were removed, whose generation still counts. */
        int (*list_references)(struct sv_store *s, bool removed, struct sv_json *list,
                               struct sv_err *err);

        /* SV_PENDING_MAX wait at a time: SV_USAGE "broker.pending.limit". Those go whose time is
         * over. */
        int (*put_pending)(struct sv_store *s, const struct sv_pending *p, int64_t now,
                           struct sv_err *err);
        /* SV_USAGE "broker.pending.none", also when its time is over. *out must be zeroed. */
        int (*get_pending)(struct sv_store *s, const char *id, int64_t now, struct sv_pending *out,
                           struct sv_err *err);
        int (*delete_pending)(struct sv_store *s, const char *id, struct sv_err *err);
        /* Adds their ids to the array, those first that end first. */
        int (*list_pending)(struct sv_store *s, int64_t now, struct sv_json *list,
                            struct sv_err *err);

        /* `volume` is the UUID of a disk whose key the resource is. */
        int (*get_disk)(struct sv_store *s, const char *path, const char *volume,
                        struct sv_disk_floor *out, struct sv_err *err);
        /* The floor never falls: SV_PROOF "disk.rollback" when it is above. */
        int (*raise_disk)(struct sv_store *s, const char *path, const char *volume,
                          int64_t generation, int64_t now, struct sv_err *err);
        /* But here. SV_USAGE "disk.restore" when it is not above. */
        int (*restore_disk)(struct sv_store *s, const char *path, const char *volume,
                            int64_t generation, int64_t now, struct sv_err *err);

        int (*get_lease)(struct sv_store *s, const char *path, const char *volume,
                         struct sv_lease *out, struct sv_err *err);
        /* One instance at a time: SV_PROOF "disk.in-use" when one that opens the disk finds that
         * the lease of another lasts, "disk.superseded" when one that has it open has lost it.
         * `before` is what was known. */
        int (*take_lease)(struct sv_store *s, const char *path, const char *volume,
                          const struct sv_lease *wants, bool opens, struct sv_lease *before,
                          struct sv_err *err);
        /* Whoever has the disk keeps it from nobody. SV_USAGE "disk.lease" when nobody does. */
        int (*end_lease)(struct sv_store *s, const char *path, const char *volume, int64_t now,
                         struct sv_err *err);

        /* In place of what this guest had; SV_ACCEPTED_MAX of a resource are kept, the newest. They
         * go with the resource. */
        int (*put_accepted)(struct sv_store *s, const char *path, const struct sv_accepted *what,
                            struct sv_err *err);
        /* Calls `each` for those of this resource, the newest first, until it returns nonzero:
         * that is returned. What it gets is valid until it returns. */
        int (*each_accepted)(struct sv_store *s, const char *path,
                             int (*each)(const struct sv_accepted *what, void *arg,
                                         struct sv_err *err),
                             void *arg, struct sv_err *err);

        /* All of it into the database `path`, in one transaction, while others use both. */
        int (*copy)(struct sv_store *s, const char *path, struct sv_err *err);
        /* As copy, after `check` of what is there, which nobody changes any more then: of a file,
         * when the caller has its lock. Not called where there are no tables. */
        int (*replace)(struct sv_store *s, const char *path, sv_store_check *check, void *context,
                       struct sv_err *err);
        /* SV_SYSTEM "broker.store.clock" when the server has another time than `now`, by more than
         * a minute: what several brokers have in one database ends at one time for all. */
        int (*check_clock)(struct sv_store *s, int64_t now, struct sv_err *err);
        /* Nothing of it stays outside its one file. Only for a database that nobody else uses. */
        int (*detach)(struct sv_store *s, struct sv_err *err);
        /* Is it the newest? The serial outside follows when a process was killed before it wrote
         * it. Others' checks are in each function that reads or changes a policy, a resource or a
         * disk: SV_SYSTEM "broker.store.rollback", "broker.store.state", "broker.store.serial";
         * "broker.store.mac" when this row is not what was stored. */
        int (*verify)(struct sv_store *s, struct sv_err *err);
        /* All of it: SV_SYSTEM "broker.store.damaged", and what verify and each row's read say. */
        int (*check)(struct sv_store *s, struct sv_err *err);
        /* Makes the state newer than change number `above`, and says what it is then: for one that
         * is to take the place of another. */
        int (*renew)(struct sv_store *s, int64_t above, struct sv_serial *out, struct sv_err *err);

        /* Before a request: a connection that was lost is made again. Without one that can be lost
         * it does nothing. */
        int (*reconnect)(struct sv_store *s, struct sv_err *err);
        /* The number of its newest change; 0: none. The state is checked as by a read. */
        int (*get_number)(struct sv_store *s, int64_t *out, struct sv_err *err);

        /* From now on what is changed waits for `settle`, so that the changes of a request and its
         * record are done together; functions see what waits. A loss of power may take what is not
         * `durable`; the end of a process takes nothing. */
        int (*hold)(struct sv_store *s, bool durable, struct sv_err *err);
        /* While held: from here to `settle` nobody else changes anything, and what is read is the
         * newest. Waits for who changes something now. */
        int (*reserve)(struct sv_store *s, struct sv_err *err);
        /* Does what waits, or with `keep` false none of it. When it fails nothing was done, but
         * for SV_SYSTEM "broker.store.serial": all was; "broker.store.unsure": all was or nothing,
         * as the server was lost meanwhile. */
        int (*settle)(struct sv_store *s, bool keep, struct sv_err *err);
        /* What was committed before, by whomever, is on the disk now. */
        int (*sync)(struct sv_store *s, struct sv_err *err);
        /* Since when (of the monotonic clock, in ms) something waits for a sync that was committed
         * here and is not `durable`; 0: nothing does. */
        int64_t (*owes_sync)(struct sv_store *s);
        /* One record, and what it is known by. `strangers` is 0, or the record is of
         * somebody who has proven nothing: then as many of those are kept, the newest, and for a
         * while a 64th part more. */
        int (*put_audit)(struct sv_store *s, int64_t now, const struct sv_json *record,
                         int64_t strangers, struct sv_audit_link *out, struct sv_err *err);
        /* Goes through all. SV_SYSTEM "broker.audit.chain" when one is not what was written,
         * "broker.audit.head" when `known` (NULL: none), a link that was written down elsewhere, is
         * not among them. */
        int (*check_audit)(struct sv_store *s, const struct sv_audit_link *known,
                           struct sv_audit_chain *out, struct sv_err *err);
        /* Each record above `after` and up to `through`, the oldest first, until one fails. */
        int (*walk_audit)(struct sv_store *s, int64_t after, int64_t through,
                          int (*each)(void *context, const struct sv_audit_row *row,
                                      struct sv_err *err),
                          void *context, struct sv_err *err);
        /* Takes out what is before record `at` of the chain, and gives that one `text`, an object
         * with action "cut" and the signed head: the chain goes on from its link. Counts what was
         * taken out. SV_USAGE "broker.audit.cut" when there is no such record. */
        int (*cut_audit)(struct sv_store *s, const struct sv_audit_link *at, const char *text,
                         int64_t *removed, struct sv_err *err);
        /* The newest of the chain and its time in seconds; id 0: there is none. */
        int (*get_newest_audit)(struct sv_store *s, struct sv_audit_link *out, int64_t *time,
                                struct sv_err *err);
        /* With "id", and "link" in hex where there is one. Adds those above `after`, oldest first,
         * at most `max`, to the array. */
        int (*list_audit)(struct sv_store *s, int64_t after, int64_t max, struct sv_json *list,
                          struct sv_err *err);
};

/* Where a database is, and how it is known that nobody else has written what is in it. The strings
 * and the key stay the caller's. */
struct sv_store_place {
        const char *path;
        /* file outside of the database (broker/store/serial.h); NULL: however old it is, as a
         * backup */
        const char *serial;
        const char *lock;       /* sv_serial_lock; NULL: nobody else has this database */
        struct sv_secret *key;  /* for MACs; NULL: nothing is checked, for reading only */
        struct sv_syncs *syncs; /* of the processes that share it; NULL: each syncs for itself */
};

/* Is the database a file? Otherwise the path is the address of a server, "postgresql://…". */
bool sv_store_is_file(const char *path);
/* Is there one with something in it? For a server: 0, 1, or -1 when it cannot be asked. */
int sv_store_exists(const char *path, struct sv_err *err);
/* What is wrong with an address. SV_USAGE "broker.config.database". */
int sv_store_check_address(const char *path, struct sv_err *err);

/* Creates what is not there, and brings an older database to this program's version in one
 * transaction. SV_SYSTEM "broker.store"; "broker.store.version" when the database is newer (nothing
 * in it is changed) or older and there is no key; "broker.store.mode" when others than its owner
 * can use the file; "broker.store.rollback" when it is from before there were serials. */
int sv_store_open(const struct sv_store_place *place, struct sv_store **out, struct sv_err *err);
/* Is the database of a version with MACs? One without is taken as it is when it is opened with a
 * key, and all of it authenticated. */
int sv_store_is_authenticated(const char *path, bool *out, struct sv_err *err);
/* All of one database, also a server's, into another file, whatever its version, while others use
 * it. */
int sv_store_copy(const char *from, const char *to, struct sv_err *err);
void sv_store_free(struct sv_store *s);
void sv_store_freep(struct sv_store **s);
#define SV_STORE __attribute__((cleanup(sv_store_freep))) struct sv_store
