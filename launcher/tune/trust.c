/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/trust.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"

static const char *const qemu_users[] = {"libvirt-qemu", "qemu"}; /* Debian's, Fedora's */

static bool is_qemu_user(const char *name)
{
        for (size_t i = 0; i < sizeof(qemu_users) / sizeof(qemu_users[0]); i++)
                if (!strcmp(name, qemu_users[i]))
                        return true;
        return false;
}

/* What the registry says of a pair is in the file of its first id; of nobody's it is empty. */
static bool is_guests_id(const char *root, uid_t uid)
{
        SV_STR path = sv_asprintf("%s/var/lib/secure-vm/.ids/%u", root, (unsigned)uid);
        struct stat st;

        return stat(path, &st) == 0 && st.st_size > 0;
}

bool sv_tune_trusts_uid(const char *root, uid_t uid)
{
        SV_STR path = sv_asprintf("%s/etc/passwd", root);
        struct passwd *user = NULL;
        FILE *users;
        bool trusted;

        if (uid == 0 || uid == geteuid())
                return true;
        users = fopen(path, "re");
        while (users && (user = fgetpwent(users)) && user->pw_uid != uid)
                ;
        trusted = user ? is_qemu_user(user->pw_name) : is_guests_id(root, uid);
        if (users)
                fclose(users);
        return trusted;
}

bool sv_tune_trusts_process(const char *root, const char *pid)
{
        SV_STR folder = sv_asprintf("%s/proc/%s", root, pid);
        struct stat st;

        return stat(folder, &st) == 0 && sv_tune_trusts_uid(root, st.st_uid);
}
