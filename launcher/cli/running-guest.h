/* SPDX-License-Identifier: Apache-2.0 */
/* The guest of a command that works on guests which run and on those which do not. */
#pragma once

#include "guest/guest.h"

/* A defined guest or the file of that path (sv_guest_take); else what the guest of that name was
 * launched from. */
int sv_guest_running(const char *word, const char *uri, struct sv_guest *out, struct sv_err *err);
/* After its disks went back: "rollback" in the result, and a line for people, who sees that.
 * "broker": one that keeps the disk's generation (docs/DISKS.md) refuses it until an administrator
 * has said that this is meant; "unseen": nobody. */
void sv_put_rollback(const struct sv_guest *g, struct sv_json *result);
