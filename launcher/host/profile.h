/* SPDX-License-Identifier: Apache-2.0 */
/* The AppArmor profile that libvirt made for one guest. */
#pragma once

#include <stdint.h>

#include "base/core/err.h"

/* Unloads it and removes its files, which libvirt keeps when the guest ends. Left as it is while a
 * process has it (another libvirt's guest of that UUID: it would run unconfined from then on);
 * nothing where there is none. As root. `sysroot` as launcher/host/host.h has it. SV_SYSTEM
 * "launch.profile". */
int sv_profile_forget(const char *sysroot, const uint8_t uuid[16], struct sv_err *err);
