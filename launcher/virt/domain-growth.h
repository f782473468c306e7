/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a domain by which a guest's size changes while it runs, and what is told of its use.
 * Pure. A confidential guest has none of them: sv_tee_takes (tee/tee.h) refuses its wish. */
#pragma once

#include "launcher/virt/domain.h"

/* <memory>, <maxMemory> and <vcpu>. */
void sv_domain_put_sizes(const struct sv_guest *g, struct sv_buf *x);
/* Devices: the memory that can come (virtio-mem, nothing of it at the start) and the balloon. */
void sv_domain_put_growth(const struct sv_plan *p, struct sv_buf *x);
