/* SPDX-License-Identifier: Apache-2.0 */
/* A broker's database in one more file, and back. What is secret in it is sealed under the kek,
 * which is not in it: without that file a backup opens nothing, and with it everything. */
#pragma once

#include "broker/broker.h"
#include "broker/losses.h"

struct sv_backup_count {
        int64_t resources, versions, policies;
};

struct sv_restore {
        const char *from;
        bool replace;              /* also when the database has what is not in the backup */
        bool take_unauthenticated; /* also a backup from before there were MACs */
        /* what came of it */
        bool unauthenticated; /* it was one */
        struct sv_backup_count count;
        struct sv_policy_changes policies;
};

/* Is the database whole, and does every value open under the kek? SV_SYSTEM
 * "broker.store.damaged", SV_PROOF "broker.backup.sealed" naming the resource. */
int sv_backup_verify(struct sv_broker *b, struct sv_backup_count *out, struct sv_err *err);
/* Copies the database while it is served, verifies the copy, gives it the name `out`. SV_USAGE
 * "broker.backup.exists" when there is such a file. */
int sv_backup_make(struct sv_broker *b, const char *out, struct sv_backup_count *count,
                   struct sv_err *err);
/* The database becomes what the backup has, in one transaction, also while it is served, and counts
 * as newer than all that was there: an older one is accepted here, and only here. Of b only the
 * keys are needed; its store is opened. The audit has a record. The backup is verified before, the
 * database after. SV_PROOF "broker.restore.unauthenticated", SV_USAGE "broker.restore.loses"
 * (broker/losses.h), unless the administrator takes that. The file `from` stays as it is. */
int sv_backup_restore(struct sv_broker *b, struct sv_restore *r, struct sv_err *err);
