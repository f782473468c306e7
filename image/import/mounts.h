/* SPDX-License-Identifier: Apache-2.0 */
/* What an imported system mounts and opens when it starts: /etc/fstab, /etc/crypttab. */
#pragma once

#include "image/import/system.h"

/* Changes both, in the file system or as edits of the guest's, and fills s->dropped. SV_USAGE
 * "import.mount"; "import.fstab", "import.crypttab". */
int sv_mounts_change(const struct sv_system_in *in, struct sv_system *s, struct sv_err *err);
/* The subvolume that the /etc/fstab there mounts as the root, by its path; the caller frees. NULL:
 * it names none. */
char *sv_mounts_root_subvolume(struct sv_filetree *files);
