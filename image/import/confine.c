/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/confine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/program/landlock.h"
#include "base/program/seccomp.h"
#include "image/run.h"

#define CHECK "import.nbd"

static const int harmful[] = {SYS_ptrace,
                              SYS_process_vm_readv,
                              SYS_process_vm_writev,
                              SYS_pidfd_getfd,
                              SYS_io_uring_setup,
                              SYS_bpf,
                              SYS_mount,
                              SYS_umount2,
                              SYS_unshare,
                              SYS_setns,
                              SYS_keyctl,
                              SYS_open_by_handle_at,
                              SYS_perf_event_open,
                              -1};
static const int local[] = {AF_UNIX, -1};

static const int *const calls[] = {harmful, NULL};
static const struct sv_filter_choice choices[] = {{SYS_socket, 0, local, true}, {0}};
static const struct sv_filter filter = {calls, false, choices};

/* As execvp finds it. The caller frees; NULL: nowhere. */
static char *find_in_path(const char *name)
{
        const char *path = getenv("PATH");
        SV_STR list = sv_asprintf("%s", path ? path : "");
        char *save = NULL;

        if (strchr(name, '/'))
                return sv_asprintf("%s", name);
        for (char *dir = strtok_r(list, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
                SV_STR whole = sv_asprintf("%s/%s", dir, name);

                if (access(whole, X_OK) == 0)
                        return sv_asprintf("%s", whole);
        }
        return NULL;
}

int sv_confine_enter(void *arg, struct sv_err *err)
{
        const struct sv_confine *c = arg;
        SV_STR program = find_in_path(c->program);
        /* Where programs, their libraries and their parts are; what a library asks for. */
        const char *const read[] = {SV_RUN_FILE,
                                    "/usr",
                                    "/lib",
                                    "/lib64",
                                    "/bin",
                                    "/nix/store",
                                    "/gnu/store",
                                    "/etc/ld.so.cache",
                                    "/dev/urandom",
                                    "/proc/self",
                                    "/sys/devices/system/cpu",
                                    program ? program : "/usr",
                                    NULL};
        const char *const write[] = {c->dir, "/dev/null", NULL};
        const struct sv_landlock only = {
                .read = read, .programs = true, .write = write, .sockets = true};
        bool partly;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return sv_fail_errno(err, CHECK, "cannot give up new privileges");
        if (sv_landlock_enter(&only, &partly, CHECK, err) < 0)
                return -1;
        return sv_filter_enter(&filter, CHECK, err);
}
