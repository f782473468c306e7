/* SPDX-License-Identifier: Apache-2.0 */
/* The first step of an update where the policy names a reference set: the set accepts the new files
 * beside the old ones before the guest restarts. */
#pragma once

#include "attest/kbs/admin-client.h"
#include "base/program/cli.h"
#include "guest/guest.h"
#include "tee/tee.h"

struct sv_set_update {
        const struct sv_args *args; /* "author-key", "name", "again" */
        struct sv_admin *admin;
        const struct sv_guest *guest; /* as it is to be */
        const struct sv_tee *tee;
        struct sv_bytes policy; /* that the broker has, which names the set */
};

/* The set that the broker has must accept the guest's new values, or becomes one that does: with
 * one more tuple, signed by --author-key, whose signature the broker's set must have, too, since
 * all that it says is signed anew. *put says whether that was done, *generation which tuple the new
 * files are. Nothing is put when the guest would be refused for another reason: the failed rule's
 * check (policy/foresee.h).
 *
 * SV_USAGE "policy.update.reference" when there is no such tuple and no key; what
 * sv_reference_add says. */
int sv_update_reference(const struct sv_set_update *u, bool *put, int64_t *generation,
                        struct sv_err *err);
