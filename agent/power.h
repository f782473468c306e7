/* SPDX-License-Identifier: Apache-2.0 */
/* The end of this machine, which has to come: also where a disk, a driver or the host's end of the
 * serial line lets nothing finish. */
#pragma once

#include "agent/machine.h"

enum sv_power_off {
        SV_POWER_OFF_WRITTEN, /* what is in memory goes to the disks first, as far as they take it
                               */
        SV_POWER_OFF_NOW,     /* nothing is written any more: the disk is another guest's */
};

/* Returns only where the kernel refuses (not root), and in tests. What has not ended after 15
 * seconds is powered off by the kernel's emergency key 'o', and reset by 'b' after 15 more: that
 * one asks no driver. Allocates nothing: out of memory this is what is left. `m` NULL: this
 * machine. */
void sv_power_off(const struct sv_machine *m, enum sv_power_off how);
