/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest takes of its host, when several start at once: who looks at what the others have
 * says what it takes itself before the next one looks. One lock of all guests below a base
 * (launcher/keeper/state.h) is held from the look until the guest's status says it. Who holds a
 * guest's lock may take this one, never the other way round. */
#pragma once

#include "launcher/keeper/keeper.h"
#include "launcher/keeper/state.h"
#include "launcher/tune/wish.h"

#define SV_CLAIM_WAIT_MS 60000

/* A descriptor that holds the lock, in the name of a guest; closing it gives the lock back.
 * SV_SYSTEM "state.host" with who has it, when it is not free within that time. */
int sv_claims_lock(const char *name, unsigned wait_ms, struct sv_err *err);
/* With the guest's lock held: l->fits, and a status that says so for the others. */
int sv_claim_place(const struct sv_launch *l, const struct sv_state *s, struct sv_err *err);
/* With the guest's lock held: sv_tune_guest, and its result in the status, which is saved. */
int sv_claim_cpus(const char *root, const struct sv_state *s, const struct sv_guest *g,
                  bool confidential, struct sv_json *status, struct sv_tuned *out,
                  struct sv_err *err);
/* Adds the CPUs that virtual CPUs of other guests have for themselves by their status: also of
 * those whose QEMU does not run yet, or not just now. */
void sv_claims_find_cpus(const char *except, struct sv_bitset *taken);
