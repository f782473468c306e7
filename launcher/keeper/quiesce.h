/* SPDX-License-Identifier: Apache-2.0 */
/* A guest comes to rest while a copy of its disks begins (launcher/virt/virt-quiesce.h). The file
 * DISK.snapshots/.frozen is there while it may be at rest, so that what a killed command leaves is
 * let go by the next. */
#pragma once

#include "launcher/keeper/site.h"
#include "launcher/virt/virt-quiesce.h"

struct sv_rest {
        struct sv_quiesce quiesce; /* first */
        const struct sv_site *site;
        struct sv_virt *virt;
};
/* The site is locked, and has been left by nobody at rest, or sv_rest_settle was called. */
struct sv_rest sv_rest_for(const struct sv_site *p, struct sv_virt *v);
/* For whoever has locked the site of a guest that runs (v) or not (NULL): lets go what a killed
 * command left at rest, and says so. */
void sv_rest_settle(const struct sv_site *p, struct sv_virt *v);
