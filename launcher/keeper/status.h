/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's status says from its launch on: who it is and what it has. Pure. */
#pragma once

#include "guest/guest.h"

/* Adds name, uuid, guest file, vcpus, memory, disks, nics and attestation; nothing of them is
 * secret. */
void sv_status_put_guest(struct sv_json *status, const struct sv_guest *g);
/* The first status of a launch: the same with version, TEE, accelerator, "starting", since when,
 * and no steps yet. Looks at the clock. */
struct sv_json *sv_status_begin(const struct sv_guest *g, const char *tee, bool kvm);
/* What a list shows of each guest, of its status; "-" for what that does not say. An error that the
 * row has already stays. */
void sv_status_put_row(const struct sv_json *status, struct sv_json *row);
/* Has a guest with this status been paused for so long (seconds since 1970) that the lease of its
 * disk at the broker may be over? */
bool sv_status_lease_doubtful(const struct sv_json *status, int64_t now);

/* The version of what is kept, here and in status.json. Members may be added without a new one; a
 * reader that finds a greater one leaves the guest alone (state.version). */
#define SV_KEPT_FORMAT 1

/* "format" and "version" (of the program). */
void sv_status_put_version(struct sv_json *kept);
/* SV_SYSTEM "state.version" for what only a newer version understands. Without a format it is of a
 * version before there was one. */
int sv_status_check_version(const struct sv_json *kept, const char *name, struct sv_err *err);
