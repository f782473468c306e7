/* SPDX-License-Identifier: Apache-2.0 */
/* SELinux labels of a guest's disks, which libvirt changes at a start. It is handed open files and
 * gives no label back; nor could it after a kill. So what each had is kept in the guest's folder,
 * in labels.json, from before the first start until it has that again. */
#pragma once

#include "launcher/keeper/state.h"

/* Before a start, of the disk at `path`, open as `fd`. What an earlier run noted of the same file
 * stands: a label that libvirt gave is nobody's own. Nothing where the file has no label.
 * SV_SYSTEM "launch.label". */
int sv_relabel_note(const struct sv_state *s, const char *path, int fd, struct sv_err *err);
/* After a start: which labels libvirt gave. SV_SYSTEM "launch.label". */
int sv_relabel_confirm(const struct sv_state *s, struct sv_err *err);
/* When nothing of the guest runs: each file has what it had, unless it is another file by now or
 * somebody gave it yet another label. SV_SYSTEM "launch.label" when that fails; what is left is
 * kept for the next time. */
int sv_relabel_restore(const struct sv_state *s, struct sv_err *err);
