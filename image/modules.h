/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernel modules an initramfs has, and where they are taken from: a modules directory as
 * depmod leaves it (/lib/modules/VERSION or /usr/lib/modules/VERSION). */
#pragma once

#include "image/cpio.h"
#include "image/folder.h"

/* Names of modules, NULL-terminated. "a|b": the first that the kernel has as a module or built in,
 * for a module that has another name in other kernels. With a leading '?' the kernel may have none
 * of them. */

/* What an initramfs has unless told otherwise. */
extern const char *const sv_initrd_modules[];

/* For a disk with authentication tags (luks/integrity.h), with ext4 or btrfs on it. */
extern const char *const sv_initrd_integrity[];

/* How a guest reaches its host's vsock. */
extern const char *const sv_initrd_vsock[];

/* Adds the modules of the lists, a NULL behind the last, with what they need, unpacked (the agent
 * hands them to the kernel as they are), and /etc/secure-vm/modules: their paths, in the order in
 * which to load them. dir NULL: a kernel that has everything built in; that file is then empty. */
int sv_modules_add(const struct sv_folder *dir, const char *const *const *lists,
                   struct sv_cpio *tree, struct sv_err *err);
