/* SPDX-License-Identifier: Apache-2.0 */
/* The root folder of a guest's embedded libvirt driver (qemu:///embed?root=DIR): its configuration,
 * and the cache of QEMU's capabilities, which saves four seconds of probing. */
#pragma once

#include "guest/guest.h"
#include "launcher/keeper/ids.h"
#include "launcher/keeper/state.h"

/* `confined`: libvirt refuses to start what it cannot confine. `driver`: of the security drivers
 * ("selinux", "apparmor", "none") only this one; NULL: what libvirt finds. */
int sv_embed_prepare(const struct sv_state *s, const struct sv_guest *g, const struct sv_ids *ids,
                     bool confined, const char *driver, struct sv_err *err);
/* Keep what libvirt learned about QEMU for the next guest, when there was nothing to reuse. */
int sv_embed_keep_cache(const struct sv_state *s, struct sv_err *err);
/* The process id of the guest's QEMU, 0 when it has none. */
int sv_embed_read_qemu_pid(const struct sv_state *s);
/* The same of its swtpm: the number that libvirt wrote, as root. */
int sv_embed_read_swtpm_pid(const struct sv_state *s);
