/* SPDX-License-Identifier: Apache-2.0 */
/* A user of its own for the QEMU of each guest that root launches under this machine's libvirt
 * daemon, by a static label of libvirt's driver "dac". The id is of the same registry as those of
 * our own supervisor's guests (launcher/keeper/ids.h). libvirt gives it files, sockets and what it
 * opens in /dev, and takes them back; two things it does not reach by group as libvirt's own user
 * does, so its id is put into their lists: /dev/kvm, and the folder with the sockets of all vTPMs
 * (to pass through; each socket is its guest's own). The vTPMs stay one user's, the daemon's
 * swtpm_user. */
#pragma once

#include "launcher/keeper/ids.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/state.h"
#include "launcher/virt/virt.h"

/* Says which it is. *out all 0, and the folder open as before, where the daemon does not give users
 * of their own. Errors as of sv_ids_take and sv_daemon_check_kvm. */
int sv_daemon_ids_take(const char *uri, struct sv_virt *v, const struct sv_state *s,
                       const struct sv_launch *l, struct sv_ids *out, struct sv_err *err);
/* Can the daemon's own user for QEMU ("+64055:+64055", as libvirt says; NULL: not said) open this
 * machine's device of KVM? Without, libvirt tries for minutes. SV_SYSTEM "launch.kvm-user", naming
 * user, owner and group. */
int sv_daemon_check_kvm(const char *device, const char *user, struct sv_err *err);
/* Out of the lists again, and of the registry: libvirt has taken everything back. */
void sv_daemon_ids_drop(const struct sv_state *s);

/* Does this text of a qemu.conf switch off that libvirt gives files to a guest's user? */
bool sv_daemon_keeps_files(const char *qemu_conf);
