/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/host/confinement.h"

#include "base/core/file.h"
#include "tee/host/apparmor.h"

/* The first byte of a file of the kernel's; 0 when it is not there. */
static char read_switch(const char *sysroot, const char *path)
{
        SV_STR full = sv_asprintf("%s%s", sysroot, path);
        SV_BUF text = SV_BUF_NULL;

        return sv_file_read(full, 64, &text, "proc", NULL) < 0 ? 0 : *sv_buf_str(&text);
}

void sv_host_confinement(const char *sysroot, struct sv_confinement *out)
{
        char selinux = read_switch(sysroot, "/sys/fs/selinux/enforce");
        char apparmor = read_switch(sysroot, "/sys/module/apparmor/parameters/enabled");

        *out = (struct sv_confinement){0};
        if (selinux == '1')
                out->model = "selinux";
        else if (sv_apparmor_confines(sysroot, false)) {
                out->none = !sv_apparmor_has_helper(sysroot);
                if (out->none)
                        out->why = "AppArmor is on, and virt-aa-helper, which makes the profile of "
                                   "a guest and comes with libvirt-daemon, is not installed";
                else
                        out->model = "apparmor";
        } else if (selinux)
                out->why = "SELinux is permissive";
        else if (apparmor == 'Y')
                out->why = "AppArmor is on, and libvirtd's profile, which comes with "
                           "libvirt-daemon, is not loaded";
        else
                out->why = "the kernel has neither SELinux nor AppArmor switched on";
}
