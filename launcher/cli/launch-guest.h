/* SPDX-License-Identifier: Apache-2.0 */
/* The launch of a guest, for every command that launches one. */
#pragma once

#include "guest/guest.h"
#include "launcher/keeper/keeper.h"

/* Chooses the TEE of this host, says what people should know (no KVM, what the guest file leaves to
 * the host, what will be slow), and checks all that can be checked while nothing is made. *l is for
 * the keeper. Adds "warnings" to `result`. A failure names what the TEE's host can do about it; err
 * is not NULL. */
int sv_launch_prepare(const char *uri, const struct sv_guest *g, struct sv_launch *l,
                      struct sv_json *result, struct sv_err *err);
/* Launches what was prepared, and follows as f says. `uri` as for struct sv_keeper. */
int sv_launch_prepared(const char *uri, const struct sv_launch *l, struct sv_follow *f,
                       struct sv_json *result, struct sv_err *err);
/* Both. */
int sv_launch_guest(const char *uri, const struct sv_guest *g, struct sv_follow *f,
                    struct sv_json *result, struct sv_err *err);
