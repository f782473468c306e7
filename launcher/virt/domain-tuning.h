/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a domain that say how it uses the host. Pure. Places of XML that a guest without a
 * wish does not have stay empty. */
#pragma once

#include "launcher/virt/domain.h"

/* <memoryBacking>, <iothreads>, <cputune>, <numatune> */
void sv_domain_put_tuning(const struct sv_plan *p, struct sv_buf *x);
/* Is there anything for the next to say? */
bool sv_domain_has_cells(const struct sv_guest *g);
/* The children of <cpu>: <topology> and <numa>. The guest sees both, in its ACPI tables. */
void sv_domain_put_cells(const struct sv_plan *p, struct sv_buf *x);
/* <driver> of a disk and what goes with it; `direct`: its file system takes direct I/O. */
void sv_domain_put_disk_driver(const struct sv_disk *d, bool direct, struct sv_buf *x);
/* <driver> of a card. */
void sv_domain_put_nic_driver(const struct sv_nic *n, struct sv_buf *x);
