/* SPDX-License-Identifier: Apache-2.0 */
/* Which connections of NVMe over fabrics were made for guests, and for which. */
#pragma once

#include "guest/guest.h"
#include "launcher/keeper/boot-record.h"

bool sv_fabric_record_is_there(void);
/* SV_SYSTEM "fabric.record". */
int sv_fabric_record_open(const char *root, struct sv_boot_record *r, struct sv_err *err);

/* Was the connection to the disk's subsystem at `a` made for guests? */
bool sv_fabric_record_has(const struct sv_boot_record *r, const struct sv_disk *d,
                          const struct sv_fabric_address *a);
/* The guest uses the connection to the disk's subsystem at `a`, if that is in the record or, with
 * `new`, is to be; written and synced. */
int sv_fabric_record_use(struct sv_boot_record *r, const struct sv_disk *d,
                         const struct sv_fabric_address *a, const char *guest, bool new,
                         struct sv_err *err);
/* It does not, and nobody else's use of it is known: the connection was not made. */
int sv_fabric_record_drop(struct sv_boot_record *r, const struct sv_disk *d,
                          const struct sv_fabric_address *a, const char *guest, struct sv_err *err);
size_t sv_fabric_record_count(const struct sv_boot_record *r);
/* The guest uses the i-th no more. True when no guest does: *d (subsystem and transport, which are
 * the record's) and *a say which it is. Not written. */
bool sv_fabric_record_end_use(struct sv_boot_record *r, size_t i, const char *guest,
                              struct sv_disk *d, struct sv_fabric_address *a);
void sv_fabric_record_remove(struct sv_boot_record *r, size_t i);
