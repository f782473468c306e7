/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's folder, where libvirt acts as root and processes of the guest's users write.
 *
 * libvirt makes, gives away and reads files by their names, and follows links. A QEMU that was
 * taken over and could leave a link where libvirt makes a folder at the guest's next start would
 * own what the link names; a file with a process id in it would have that process killed. So
 * nothing of the guest's users runs while libvirt prepares a start (launcher/keeper/processes.h),
 * what libvirt looks at by name lies in folders of root's, and no link is followed at all where the
 * kernel can do that. */
#pragma once

#include "launcher/keeper/ids.h"
#include "launcher/keeper/state.h"

/* From now on this process, and what it starts, follows no link in the folder and makes no hard
 * link into it: it becomes a mount of its own in a mount namespace of this process's own. False,
 * with errno, where that is not to be had: a container without the right to mount, Linux
 * before 5.14. */
bool sv_folder_enclose(const char *dir);
/* After libvirt has begun, before the guest's first start: the folders that it gave to QEMU's user
 * are root's again. SV_SYSTEM "launch.folder". Both do nothing where the ids are zero. */
int sv_folder_take_back(const struct sv_state *s, const struct sv_ids *ids, struct sv_err *err);
/* When QEMU and swtpm have been started: the same for the folder with swtpm's socket and process
 * id, in which both could write until now; the socket is of swtpm's user, whose profile lets it
 * remove what it owns. SV_SYSTEM "launch.vtpm" when the process id is not as
 * libvirt wrote it, and it is removed: libvirt would end whatever process it names. */
int sv_folder_take_swtpm(const struct sv_state *s, const struct sv_ids *ids, struct sv_err *err);
/* Before each start: the log that libvirt opens as root for what QEMU prints is of QEMU's user,
 * whose profile lets it write to what it owns. Its folder is root's. SV_SYSTEM "launch.folder". */
int sv_folder_give_log(const struct sv_state *s, const struct sv_ids *ids, struct sv_err *err);
