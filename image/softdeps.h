/* SPDX-License-Identifier: Apache-2.0 */
/* modules.softdep and modules.alias as depmod writes them (modprobe.d(5)): "softdep NAME pre: A B
 * post: C", what a module asks for by name when it runs, where nothing in an initramfs answers; and
 * "alias NAME MODULE", who has that name. */
#pragma once

#include "image/moddeps.h"

/* Adds to m what of it there is: names that no module has are passed over, as modprobe does. */
int sv_softdeps_add(struct sv_bytes softdep, struct sv_bytes alias, struct sv_moddeps *m,
                    struct sv_err *err);
