/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that are a namespace of an NVMe subsystem over fabrics ("nvme" of a disk): their rows, and
 * what no single member can say. Internal to guest/. */
#pragma once

#include "guest/guest.h"
#include "base/json/member.h"

extern const struct sv_member sv_guest_fabric_members[];

/* SV_USAGE "guest.disks.path", "guest.disks.nvme". Gives each such disk its path, by which udev
 * finds the namespace however the kernel numbers it. */
int sv_guest_check_fabrics(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err);
void sv_guest_free_fabric(struct sv_disk *d);
