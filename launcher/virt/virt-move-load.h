/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/core/err.h"

/* libvirt's calls for moves between hosts; before any of launcher/virt/virt-migrate.h and
 * launcher/virt/virt-pool.h. As sv_virt_open's "virt.library". */
int sv_virt_move_load(struct sv_err *err);
