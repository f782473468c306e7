/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt takes the groups of a QEMU from the user database (virGetGroupList: getpwuid_r, then
 * getgrouplist), and our ids have no entry there; without one QEMU could not open /dev/kvm, which
 * belongs to a group on many systems. So these two stand before the C library's, for the whole
 * process, and answer for one id themselves. */
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "launcher/keeper/ids.h"

#define USER       "secure-vm-guest"
#define GROUPS_MAX 64

static struct sv_ids guest;
static gid_t device_groups[8];
static size_t n_device_groups;

static bool is_group_of(const struct passwd *pw, gid_t gid)
{
        typeof(getgrouplist) *list = (typeof(getgrouplist) *)dlsym(RTLD_NEXT, "getgrouplist");
        gid_t groups[GROUPS_MAX];
        int n = GROUPS_MAX;

        if (list(pw->pw_name, pw->pw_gid, groups, &n) < 0)
                return false;
        for (int i = 0; i < n; i++)
                if (groups[i] == gid)
                        return true;
        return false;
}

/* The group, where it is by the group that QEMU gets there: no other than the machine has given to
 * libvirt's own QEMU. */
static void add_group_of(const char *path)
{
        static const char *const users[] = {"libvirt-qemu", "qemu"};
        const struct passwd *pw = NULL;
        struct stat st;

        if (stat(path, &st) < 0 || !st.st_gid || !(st.st_mode & 070) ||
            n_device_groups == sizeof(device_groups) / sizeof(*device_groups))
                return;
        for (size_t i = 0; i < 2 && !pw; i++)
                pw = getpwnam(users[i]);
        if (!pw || is_group_of(pw, st.st_gid))
                device_groups[n_device_groups++] = st.st_gid;
}

void sv_ids_announce(const struct sv_ids *ids, const struct sv_tee_host *tee)
{
        n_device_groups = 0;
        add_group_of("/dev/kvm");
        for (const char *const *path = tee->opens; path && *path; path++)
                add_group_of(*path);
        guest = *ids;
}

int getpwuid_r(uid_t uid, struct passwd *pw, char *buf, size_t size, struct passwd **result)
{
        typeof(getpwuid_r) *next = (typeof(getpwuid_r) *)dlsym(RTLD_NEXT, "getpwuid_r");

        if (!guest.qemu || uid != guest.qemu)
                return next(uid, pw, buf, size, result);
        *result = NULL;
        if (size < sizeof(USER))
                return ERANGE;
        memcpy(buf, USER, sizeof(USER));
        *pw = (struct passwd){.pw_name = buf,
                              .pw_passwd = buf + sizeof(USER) - 1,
                              .pw_uid = uid,
                              .pw_gid = guest.group,
                              .pw_gecos = buf + sizeof(USER) - 1,
                              .pw_dir = buf + sizeof(USER) - 1,
                              .pw_shell = buf + sizeof(USER) - 1};
        *result = pw;
        return 0;
}

int getgrouplist(const char *user, gid_t group, gid_t *groups, int *n)
{
        typeof(getgrouplist) *next = (typeof(getgrouplist) *)dlsym(RTLD_NEXT, "getgrouplist");
        int room = *n;

        if (!guest.qemu || strcmp(user, USER))
                return next(user, group, groups, n);
        *n = (int)n_device_groups + 1;
        if (room < *n)
                return -1;
        groups[0] = group;
        memcpy(groups + 1, device_groups, n_device_groups * sizeof(*groups));
        return *n;
}
