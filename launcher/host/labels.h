/* SPDX-License-Identifier: Apache-2.0 */
/* What confines a guest's QEMU, as the kernel says of each of its threads: never as a definition
 * claims it. */
#pragma once

#include <stdint.h>

#include "base/core/err.h"

/* `model` is "apparmor", "selinux", or NULL for either. Under AppArmor every thread has the
 * enforced profile of this guest ("libvirt-UUID"). Under SELinux every thread has the same label,
 * of a type that libvirt gives guests (svirt_t, svirt_tcg_t) and with two categories, which keep
 * guests apart. `root` is "" for the machine itself. SV_SYSTEM "launch.confinement", naming thread
 * and label. */
int sv_labels_check(const char *root, int pid, const char *model, const uint8_t uuid[16],
                    struct sv_err *err);
