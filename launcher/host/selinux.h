/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the policy that the kernel has loaded. */
#pragma once

#define SV_SELINUX_LIBVIRTD \
        "system_u:system_r:virtd_t:s0" /* its context, by the reference policy */

/* May a process of the context `source` do `permission` of `class` to a thing of the context
 * `target`? 1: yes; 0: no; -1: the kernel has no SELinux, or its policy does not know these words.
 * `sysroot` as launcher/host/host.h has it. */
int sv_selinux_allows(const char *sysroot, const char *source, const char *target,
                      const char *class, const char *permission);
