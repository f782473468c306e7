/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/ha/check.h"

/* In the child; never returns. The cluster's programs lie where a user's PATH may not look. */
static _Noreturn void become_tool(const char *const argv[], int out)
{
        const char *path = getenv("PATH");
        SV_STR full = sv_asprintf("%s:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        setenv("PATH", full, 1);
        setenv("LC_ALL", "C", 1);
        dup2(null, 0);
        dup2(out, 1);
        dup2(null, 2);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
}

int sv_ha_ask(const char *const argv[], struct sv_buf *out, struct sv_err *err)
{
        int ends[2], status = 0, r;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return sv_fail_errno(err, "ha.cluster", "starting %s", argv[0]);
        pid = fork();
        if (pid == 0)
                become_tool(argv, ends[1]);
        close(ends[1]);
        r = pid < 0 ? sv_fail_errno(err, "ha.cluster", "%s", argv[0])
                    : sv_fd_read(ends[0], argv[0], SIZE_MAX, out, "ha.cluster", err);
        close(ends[0]);
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (r < 0)
                return -1;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
                return sv_fail(err, SV_SYSTEM, "ha.cluster",
                               "%s is not there; this asks a cluster at one of its nodes, where "
                               "Pacemaker is installed",
                               argv[0]);
        if (!WIFEXITED(status) || WEXITSTATUS(status))
                return sv_fail(err, SV_SYSTEM, "ha.cluster",
                               "%s ended with status %d; \"crm_mon -1\" says whether the cluster "
                               "runs at this node",
                               argv[0], WIFEXITED(status) ? WEXITSTATUS(status) : -1);
        return 0;
}
