/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/host/apparmor.h"

#include <glob.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"

bool sv_apparmor_confines(const char *sysroot, bool daemon)
{
        SV_STR path = sv_asprintf("%s/sys/kernel/security/apparmor/profiles", sysroot);
        SV_BUF loaded = SV_BUF_NULL;

        if (sv_file_read(path, SV_PROC_SIZE_MAX, &loaded, "apparmor", NULL) < 0)
                return false;
        return strstr(sv_buf_str(&loaded), "libvirtd (") ||
               strstr(sv_buf_str(&loaded), "secure-vm (") ||
               (daemon && strstr(sv_buf_str(&loaded), "virtqemud ("));
}

bool sv_apparmor_has_helper(const char *sysroot)
{
        static const char *const places[] = {"/usr/lib/libvirt", "/usr/libexec/libvirt",
                                             "/usr/lib64/libvirt", "/usr/libexec"};

        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                SV_STR path = sv_asprintf("%s%s/virt-aa-helper", sysroot, places[i]);

                if (access(path, X_OK) == 0)
                        return true;
        }
        return false;
}

static bool file_allows(const char *path, bool (*allows)(const char *rules))
{
        SV_BUF text = SV_BUF_NULL;

        return sv_file_read(path, SV_PROC_SIZE_MAX, &text, "apparmor", NULL) == 0 &&
               allows(sv_buf_str(&text));
}

bool sv_apparmor_forbids(const char *sysroot, bool (*allows)(const char *rules))
{
        static const char *const files[] = {"/etc/apparmor.d/abstractions/libvirt-qemu",
                                            "/etc/apparmor.d/local/abstractions/libvirt-qemu",
                                            "/etc/apparmor.d/abstractions/libvirt-qemu.d/*"};
        bool allowed = false;

        if (!sv_apparmor_confines(sysroot, true))
                return false;
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                SV_STR pattern = sv_asprintf("%s%s", sysroot, files[i]);
                glob_t g = {0};

                if (glob(pattern, 0, NULL, &g) == 0)
                        for (size_t k = 0; k < g.gl_pathc; k++)
                                allowed |= file_allows(g.gl_pathv[k], allows);
                globfree(&g);
        }
        return !allowed;
}
