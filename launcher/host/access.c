/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/host/access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUPS_MAX 64

enum { MAY, MAY_NOT, UNKNOWN };

/* In a child: with its own ids a process can ask for itself only. */
static _Noreturn void try_access(const char *path, uid_t uid, gid_t gid, const gid_t *groups,
                                 size_t n)
{
        if (setgroups(n, groups) < 0 || setresgid(gid, gid, gid) < 0 ||
            setresuid(uid, uid, uid) < 0)
                _exit(UNKNOWN);
        _exit(access(path, R_OK | W_OK) == 0 ? MAY : errno == EACCES ? MAY_NOT : UNKNOWN);
}

bool sv_access_of(const char *path, uid_t uid, gid_t gid)
{
        const struct passwd *user = getpwuid(uid);
        gid_t groups[GROUPS_MAX] = {gid};
        int n = GROUPS_MAX, status;
        pid_t child;

        if (geteuid() || (user && getgrouplist(user->pw_name, gid, groups, &n) < 0))
                return true;
        child = fork();
        if (child == 0)
                try_access(path, uid, gid, groups, user ? (size_t)n : 1);
        while (child > 0 && waitpid(child, &status, 0) < 0)
                if (errno != EINTR)
                        return true;
        return child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != MAY_NOT;
}
