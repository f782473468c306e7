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
/* USER:ROLE:TYPE:RANGE: the range, which has a guest's two categories; "" where there is none. */
const char *sv_selinux_range(const char *label);
/* The label of a guest whose launcher has the label `own`: USER:ROLE:svirt_t:s0, which the caller
 * frees; NULL where `own` is no label of SELinux's. */
char *sv_selinux_guest_of(const char *own);
/* Gives a file or a folder of ours the type `type` and the range `range` ("s0": for all guests).
 * Where the policy does not know that type the range alone. Nothing where the kernel has no
 * SELinux. */
void sv_selinux_mark(const char *path, const char *type, const char *range);
/* The next sockets of this thread have this process's label with the range that the socket file at
 * `path` has, until sv_selinux_leave(): the kernel gives a connection the range of who makes it,
 * and a guest's process may read from none that has more categories than itself. Does nothing
 * where that file has no categories. */
void sv_selinux_join(const char *path);
void sv_selinux_leave(void);
