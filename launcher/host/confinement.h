/* SPDX-License-Identifier: Apache-2.0 */
/* What of this machine confines a QEMU beside its user: SELinux or AppArmor. `sysroot` as
 * launcher/host/host.h has it. */
#pragma once

#include <stdbool.h>

struct sv_confinement {
        const char *model; /* "selinux", "apparmor"; NULL: neither */
        const char *why;   /* when neither: what the machine has instead */
        bool none;         /* libvirt would begin with AppArmor and fail: it is told to use none */
};

/* Only what libvirt, in this process, gives QEMU a label or profile of. */
void sv_host_confinement(const char *sysroot, struct sv_confinement *out);
