/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest file wishes of the host's CPUs, memory and queues ("tuning" of the guest, of a disk
 * and of a network card): its rows and what contradicts itself. What the host has is looked at by
 * launcher/tune/wish.h. Internal to guest/. */
#pragma once

#include "guest/guest.h"
#include "base/json/member.h"

extern const struct sv_member sv_guest_disk_tuning_members[], sv_guest_nic_tuning_members[];

/* SV_USAGE "guest.tuning.*", "guest.disks.tuning.*", "guest.nics.tuning.*". Reads the members of
 * "tuning" that have a row; whoever starts the guest refuses others (sv_guest_knows_tuning). */
int sv_guest_check_tuning(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err);
/* maxima.c, after that: SV_USAGE "guest.vcpus_max", "guest.memory_max". */
int sv_guest_check_maxima(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err);
void sv_guest_free_tuning(struct sv_guest *g);
