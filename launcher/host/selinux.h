/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the policy that the kernel has loaded, and labels of files. */
#pragma once

#include <stdbool.h>

#include "base/core/limits.h"

#define SV_SELINUX_XATTR "security.selinux"

#define SV_SELINUX_LIBVIRTD \
        "system_u:system_r:virtd_t:s0"                  /* its context, by the reference policy */
#define SV_SELINUX_GUEST "system_u:system_r:svirt_t:s0" /* a guest's, without its categories */

/* May a process of the context `source` do `permission` of `class` to a thing of the context
 * `target`? 1: yes; 0: no; -1: the kernel has no SELinux, or its policy does not know these words.
 * `sysroot` as launcher/host/host.h has it. */
int sv_selinux_allows(const char *sysroot, const char *source, const char *target,
                      const char *class, const char *permission);
/* The label of the file that the path leads to; "" and false, with errno, where it has none
 * (ERANGE: one that is longer). */
bool sv_selinux_read_label(const char *path, char out[SV_LABEL_MAX + 1]);
