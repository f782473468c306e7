/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of policies: each that was put, and each removal (without a text), counted from 1
 * for each path. The policy itself stands in its own table, so that a release reads one row. */
#pragma once

#include "broker/store/sql-mac.h"

/* Before a policy is replaced or removed: one from before versions were kept becomes the first. */
int sv_history_begin(struct sv_store *s, struct sv_macs *m, const char *path, struct sv_err *err);
/* One more; the oldest goes when there are too many. */
int sv_history_add(struct sv_store *s, struct sv_macs *m, const char *path,
                   const struct sv_policy_put *put, struct sv_err *err);
