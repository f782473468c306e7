/* SPDX-License-Identifier: Apache-2.0 */
/* What our module for SELinux's policy (launcher/selinux/) would add to the policy that is loaded.
 */
#pragma once

/* The first thing that guests need and the policy refuses, and what to do; NULL: nothing that is
 * known, or no SELinux. By the kernel's own answers, for a launcher with the label of this
 * process. `sysroot` as launcher/host/host.h has it. The text is static. */
const char *sv_policy_find_gap(const char *sysroot);
