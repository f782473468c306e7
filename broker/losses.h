/* SPDX-License-Identifier: Apache-2.0 */
/* What a database has and a backup has not, before one takes the place of the other. */
#pragma once

#include "broker/store/store.h"

struct sv_policy_changes {
        bool known; /* false: the database could not be read */
        int64_t changed, lost, added;
};

/* SV_USAGE "broker.restore.loses" when the database has a version of a resource that the backup
 * does not have, another number of releases that are allowed, or a higher generation of a reference
 * set, unless `replace`: then also a database that cannot be read is no failure. Policies
 * are counted only: a backup is taken for the policies that it has, too. There need be no
 * database. */
int sv_losses_check(const char *database, struct sv_store *backup, bool replace,
                    struct sv_policy_changes *policies, struct sv_err *err);
/* The same of an open one, without counting (a sv_store_check): `backup` is a struct sv_store *. */
int sv_losses_compare(struct sv_store *s, void *backup, struct sv_err *err);
