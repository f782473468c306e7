/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/host/profile.h"

#include <ctype.h>
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "launcher/host/host.h"
#include "tee/host/apparmor.h"

/* "libvirt-UUID (enforce)", of a process's first thread: QEMU's others have the same. */
static bool has_profile(const char *sysroot, const char *pid, const char *profile)
{
        SV_STR path = sv_asprintf("%s/proc/%s/attr/current", sysroot, pid);
        SV_BUF label = SV_BUF_NULL;
        size_t n = strlen(profile);

        return sv_file_read(path, SV_LABEL_MAX, &label, "launch.profile", NULL) == 0 &&
               !strncmp(sv_buf_str(&label), profile, n) && !isxdigit(sv_buf_str(&label)[n]);
}

static bool is_in_use(const char *sysroot, const char *profile)
{
        SV_STR path = sv_asprintf("%s/proc", sysroot);
        DIR *dir = opendir(path);
        bool used = !dir; /* who cannot look leaves it */

        for (struct dirent *e; !used && dir && (e = readdir(dir));)
                if (isdigit(e->d_name[0]))
                        used = has_profile(sysroot, e->d_name, profile);
        if (dir)
                closedir(dir);
        return used;
}

/* Only libvirt's own helper may write there: not its daemon, nor this program. */
int sv_profile_forget(const char *sysroot, const uint8_t uuid[16], struct sv_err *err)
{
        char id[37];
        SV_STR profile = sv_asprintf("libvirt-%s", sv_format_uuid(uuid, id));
        SV_STR file = sv_asprintf("%s/etc/apparmor.d/libvirt/%s", sysroot, profile);
        SV_STR helper = sv_apparmor_find_helper(sysroot);
        const char *const argv[] = {helper, "-D", "-u", profile, NULL};

        if (!helper || access(file, F_OK) < 0 || is_in_use(sysroot, profile))
                return 0;
        return sv_host_run(argv, NULL, "launch.profile", err);
}
