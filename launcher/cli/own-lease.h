/* SPDX-License-Identifier: Apache-2.0 */
/* The disk's lease of a guest that was ended here. */
#pragma once

#include "attest/kbs/admin-client.h"

/* `instance` is what the guest said of itself, "" when it said nothing. Another's lease is left to
 * its end: that one may run, at another host. */
int sv_own_lease_end(struct sv_admin *a, const char *resource, const char *instance,
                     struct sv_err *err);
