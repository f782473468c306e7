/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of a running guest's disks as they are at one moment: libvirt's backup in push mode. What
 * the guest overwrites meanwhile QEMU copies first; the disks themselves stay where and what they
 * are, whoever is killed. The subject is sv_virt_define's or sv_virt_lookup's. */
#pragma once

#include "base/core/source.h"
#include "launcher/virt/virt-quiesce.h"
#include "launcher/virt/virt.h"

/* paths[i]: the file into which disk i of the guest goes, there already and as large; NULL: none.
 * Blocks until all are whole or QEMU writes to none any more. *cancel (or NULL) ends it;
 * quiesce (or NULL) holds the guest's writes while it begins. SV_SYSTEM
 * "snapshot.cancelled"; "snapshot.job" whenever libvirt does not say that it has succeeded. */
int sv_virt_copy_disks(struct sv_virt *v, const char *const *paths, size_t n,
                       struct sv_quiesce *quiesce, const volatile bool *cancel,
                       struct sv_progress *progress, struct sv_err *err);
