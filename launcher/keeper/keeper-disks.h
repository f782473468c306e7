/* SPDX-License-Identifier: Apache-2.0 */
/* What both keepers do for the disks of their guests (launcher/keeper/keeper.h). */
#pragma once

#include "launcher/keeper/copy-task.h"
#include "launcher/keeper/keeper.h"

/* Are the disks files of this machine? SV_USAGE "snapshot.remote". NULL is our own keeper. */
int sv_disks_check_here(const char *uri, struct sv_err *err);

int sv_disks_copy_embedded(const char *uri, const struct sv_guest *g, const struct sv_copy_task *t,
                           struct sv_progress *progress, struct sv_err *err);
int sv_disks_copy_under_daemon(const char *uri, const struct sv_guest *g,
                               const struct sv_copy_task *t, struct sv_progress *progress,
                               struct sv_err *err);
int sv_disks_while_off_embedded(const char *uri, const struct sv_guest *g,
                                int (*fn)(void *arg, struct sv_err *err), void *arg,
                                struct sv_err *err);
int sv_disks_while_off_under_daemon(const char *uri, const struct sv_guest *g,
                                    int (*fn)(void *arg, struct sv_err *err), void *arg,
                                    struct sv_err *err);
