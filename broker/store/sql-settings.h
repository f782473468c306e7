/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of resources, for those that have a transaction over rows. */
#pragma once

#include "broker/store/sql-mac.h"

/* 1, or 0: there are none, *out is zeroed. */
int sv_settings_read(struct sv_store *s, struct sv_macs *m, const char *path,
                     struct sv_settings *out, struct sv_err *err);
int sv_settings_drop(struct sv_store *s, struct sv_macs *m, const char *path, struct sv_err *err);
/* No release of those that are counted is left: how many there were is not known any more. */
int sv_settings_spend(struct sv_store *s, struct sv_err *err);
