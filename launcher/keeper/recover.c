/* SPDX-License-Identifier: Apache-2.0 */
/* Cleaning up after a worker and a guard that were killed together: one of them alone leaves
 * nothing. */
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/log.h"
#include "launcher/keeper/device.h"
#include "launcher/keeper/fabric.h"
#include "launcher/keeper/functions.h"
#include "launcher/keeper/ids.h"
#include "launcher/keeper/processes.h"
#include "launcher/keeper/relabel.h"
#include "launcher/keeper/state.h"

/* Does process `pid` name a file below `dir` on its command line, and is its program one that
 * serves guests? */
static bool serves_guest(const char *pid, const void *arg)
{
        const char *dir = arg;
        SV_STR exe_path = sv_asprintf("/proc/%s/exe", pid);
        SV_STR cmd_path = sv_asprintf("/proc/%s/cmdline", pid);
        SV_STR below = sv_asprintf("%s/", dir);
        static const char *const programs[] = {"qemu-", "swtpm", "passt", "dnsmasq", "slirp"};
        SV_BUF cmd = SV_BUF_NULL;
        char exe[4096];
        const char *base;
        bool serves = false;
        ssize_t n;

        if (sv_file_read(cmd_path, SV_PROC_SIZE_MAX, &cmd, "proc", NULL) < 0 || !cmd.n ||
            !memmem(cmd.p, cmd.n, below, strlen(below)))
                return false;
        /* asked of whoever names the guest alone: a stranger's is refused under AppArmor */
        n = readlink(exe_path, exe, sizeof(exe) - 1);
        if (n <= 0)
                return false;
        exe[n] = 0;
        base = sv_path_name(exe);
        for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
                serves |= !strncmp(base, programs[i], strlen(programs[i]));
        /* Scripts of swtpm's run under an interpreter; the path is then the only sign. */
        return serves || strstr((char *)cmd.p, "swtpm");
}

unsigned sv_state_kill_leftovers(const struct sv_state *s)
{
        return sv_end_processes(serves_guest, s->dir);
}

/* Removes files only: empty cgroups that libvirt made for this root's QEMU are left to the system.
 */
int sv_state_recover(const struct sv_state *s, unsigned *killed, struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;
        static const char *const transient[] = {"control.sock", "console.sock", "agent.sock",
                                                "qga.sock",     "boot",         "run",
                                                "etc",          "lib/qemu",     "lib/libvirt-doms"};

        *killed = sv_state_kill_leftovers(s);
        /* Whoever took QEMU or swtpm over may have changed how the process looks, its user not. */
        if (sv_ids_visit(s->dir, sv_end_ids, err) < 0)
                return -1;
        for (size_t i = 0; i < sizeof(transient) / sizeof(transient[0]); i++) {
                SV_STR path = sv_state_path(s, transient[i]);

                if (sv_remove_tree(path, err) < 0)
                        return -1;
        }
        /* a label that cannot be given back now is noted still, and keeps nobody from going on */
        if (sv_relabel_restore(s, &why) < 0)
                sv_log_err(&why);
        sv_device_remove_nodes(s);
        if (sv_fabric_release("", s, &why) < 0)
                sv_log_err(&why);
        if (sv_functions_release("", s, &why) < 0)
                sv_log_err(&why);
        return 0;
}
