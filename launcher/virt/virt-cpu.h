/* SPDX-License-Identifier: Apache-2.0 */
/* Is a CPU model known, before a guest with it starts? */
#pragma once

#include "launcher/virt/virt.h"

/* SV_SYSTEM "virt.cpuid" with the models to choose from. NULL: the host's own, which every QEMU
 * has. */
int sv_virt_check_cpu(struct sv_virt *v, const char *model, bool kvm, struct sv_err *err);
/* The same of libvirt's domain capabilities (XML); none that can be read refuse nothing. Pure. */
int sv_virt_find_cpu(const char *capabilities, const char *model, struct sv_err *err);
/* The same by the list of models that libvirt has in a folder below `sysroot`: before there is a
 * connection. */
int sv_virt_check_cpu_map(const char *sysroot, const char *model, struct sv_err *err);
