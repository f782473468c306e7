/* SPDX-License-Identifier: Apache-2.0 */
/* The root of a guest's embedded libvirt driver: its configuration, and the capability cache that
 * saves four seconds of probing. */
#pragma once

#include "guest/guest.h"
#include "launcher/keeper/state.h"

int sv_root_prepare(const struct sv_state *s, const struct sv_guest *g, struct sv_err *err);
/* Keep what libvirt learned about QEMU for the next guest, when there was nothing to reuse. */
int sv_root_keep_cache(const struct sv_state *s, struct sv_err *err);
/* The process id of the guest's QEMU, 0 when it has none. */
int sv_root_qemu_pid(const struct sv_state *s);
/* Is that process confined by the model (NULL: any)? Reads the kernel's word, not libvirt's.
 * launch.confinement when not. */
int sv_root_check_confined(int pid, const char *model, struct sv_err *err);
