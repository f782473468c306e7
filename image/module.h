/* SPDX-License-Identifier: Apache-2.0 */
/* The file of one kernel module, as distributions ship them: plain (Debian 12), gzip (Alpine), xz
 * (Debian 13, Fedora) or zstd (Ubuntu, SUSE, Arch). */
#pragma once

#include "image/folder.h"

/* Appends the module, unpacked. SV_FORMAT "image.modules.file": larger than SV_MODULE_SIZE_MAX;
 * "ovmf.xz", "image.gzip", "image.zstd": not what its name says; "image.elf.*": no whole module for
 * x86-64. Each names the file. */
int sv_module_read(const struct sv_folder *dir, const char *path, struct sv_buf *out,
                   struct sv_err *err);
/* The same of a file that was read: `suffix` as sv_module_suffix gives it. */
int sv_module_unpack(const char *suffix, struct sv_bytes file, struct sv_buf *out,
                     struct sv_err *err);
