/* SPDX-License-Identifier: Apache-2.0 */
/* AppArmor as libvirt uses it: a profile for each QEMU, when libvirt itself has one. */
#pragma once

#include <stdbool.h>

/* Does libvirt give its QEMUs a profile? It looks for one of its own by the program's name, and
 * else for the one of libvirtd; `daemon`: also for virtqemud's. `sysroot` as launcher/host/host.h
 * has it. */
bool sv_apparmor_confines(const char *sysroot, bool daemon);
/* The program with which libvirt makes a guest's profile is there: the library alone has none, and
 * yet takes a profile of its caller's for a sign that it can. */
bool sv_apparmor_has_helper(const char *sysroot);
/* It does, and no rule file that the profiles include is one that `allows` says yes to. */
bool sv_apparmor_forbids(const char *sysroot, bool (*allows)(const char *rules));
