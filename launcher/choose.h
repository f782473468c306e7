/* SPDX-License-Identifier: Apache-2.0 */
/* Which TEE a guest runs under: one answer for measure, policy, launch and all the rest. */
#pragma once

#include "guest/guest.h"
#include "launcher/tees.h"

const struct sv_tee_host *sv_tee_find_host(const char *name); /* NULL: there is none */
/* What to say of a name that no TEE has: "did you mean \"vtpm\"?", or all there are. */
#define SV_TEE_HINT_SIZE (SV_TEE_NAMES_SIZE + 16)
const char *sv_tee_suggest(const char *name, char out[SV_TEE_HINT_SIZE]);

enum sv_choose { SV_CHOOSE_ANY, SV_CHOOSE_HERE };

/* `name` when given (--tee), else the guest file's; "auto" is the first row of the table that this
 * host can run. SV_CHOOSE_HERE: a TEE that was named must be one that this host can run, too.
 * SV_USAGE "tee.name" when there is no such TEE, SV_SYSTEM "tee.host" when this host has it not,
 * with the one thing to change (of all: for the last row). */
int sv_tee_choose(const char *name, const struct sv_guest *guest, enum sv_choose where,
                  const struct sv_tee_host **out, struct sv_err *err);
/* The same TEE's row for measuring. SV_USAGE "tee.measure": its guests cannot be measured. */
int sv_tee_choose_measure(const struct sv_tee *id, const struct sv_tee_measure **out,
                          struct sv_err *err);
/* What the TEE measures of a guest whose kernel and initramfs are what they are said to be
 * (tee/boot.h, sv_boot_check). */
int sv_tee_predict(const struct sv_tee_measure *tee, const struct sv_guest *guest,
                   struct sv_measurement *out, struct sv_err *err);
