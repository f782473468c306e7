/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/host/policy-gap.h"

#include <stddef.h>

#include "base/core/file.h"
#include "launcher/host/selinux.h"

#define CURE ": \"semodule -i /usr/share/secure-vm/secure-vm.cil\""

struct gap {
        const char *source, *target, *class, *permission;
        const char *what;
};

static const struct gap gaps[] = {
        {SV_SELINUX_LIBVIRTD, SV_SELINUX_LIBVIRTD, "bpf", "map_create",
         "this policy does not let libvirtd keep a guest's list of devices (BPF), so libvirt 11 "
         "starts no guest" CURE},
        {SV_SELINUX_GUEST, SV_SELINUX_GUEST, "unix_stream_socket", "connectto",
         "this policy lets no QEMU connect to its vTPM, so a guest with one does not start" CURE},
        {SV_SELINUX_GUEST, SV_SELINUX_GUEST, "anon_inode", "create",
         "this policy lets no QEMU have an io_uring, so a guest whose disks use one does not "
         "start" CURE},
};

/* May swtpm be started under a guest's label? -1 where it is not here. */
static int may_start_vtpm(const char *sysroot)
{
        SV_STR path = sv_asprintf("%s/usr/bin/swtpm", sysroot);
        char label[SV_LABEL_MAX + 1];

        return sv_selinux_read_label(path, label)
                       ? sv_selinux_allows(sysroot, SV_SELINUX_GUEST, label, "file", "entrypoint")
                       : -1;
}

/* Guests that we start have our own role: a label that the policy does not know, it refuses. */
static bool may_start_guests(const char *sysroot)
{
        SV_STR path = sv_asprintf("%s/proc/self/attr/current", sysroot);
        SV_BUF own = SV_BUF_NULL;
        SV_STR guest = NULL;

        if (sv_file_read(path, SV_LABEL_MAX, &own, "selinux", NULL) < 0 ||
            sv_selinux_allows(sysroot, SV_SELINUX_GUEST, SV_SELINUX_GUEST, "process", "signal") < 0)
                return true;
        guest = sv_selinux_guest_of(sv_buf_str(&own));
        return !guest ||
               sv_selinux_allows(sysroot, sv_buf_str(&own), guest, "process", "transition") == 1;
}

const char *sv_policy_find_gap(const char *sysroot)
{
        for (size_t i = 0; i < sizeof(gaps) / sizeof(*gaps); i++) {
                const struct gap *g = &gaps[i];

                if (sv_selinux_allows(sysroot, g->source, g->target, g->class, g->permission) == 0)
                        return g->what;
        }
        if (may_start_vtpm(sysroot) == 0)
                return "this policy lets no vTPM (swtpm) start under its guest's label, so a guest "
                       "with one does not start" CURE;
        if (!may_start_guests(sysroot))
                return "this policy lets nobody with this shell's label start a guest" CURE;
        return NULL;
}
