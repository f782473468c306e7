/* SPDX-License-Identifier: Apache-2.0 */
/* The keepers' work on disks (struct sv_keeper.disks). */
#pragma once

#include "launcher/keeper/job.h"

int sv_disks_embedded(const char *uri, const struct sv_guest *g, const struct sv_task *t,
                      struct sv_progress *p, struct sv_err *err);
int sv_disks_under_daemon(const char *uri, const struct sv_guest *g, const struct sv_task *t,
                          struct sv_progress *p, struct sv_err *err);
int sv_disks_cancel_embedded(const char *uri, const char *name, struct sv_err *err);
