/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/machine.h"

#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/core/file.h"

static int mount_here(const char *source, const char *target, const char *type, unsigned long flags,
                      const char *options)
{
        return mount(source, target, type, flags, options);
}

static int load_here(int fd)
{
        return (int)syscall(SYS_finit_module, fd, "", 0);
}

static void pause_here(unsigned ms)
{
        nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static const struct sv_machine here = {.files = "",
                                       .mount = mount_here,
                                       .load_module = load_here,
                                       .reboot = reboot,
                                       .sync = sync,
                                       .chroot = chroot,
                                       .exec = execve,
                                       .pause = pause_here};

const struct sv_machine *sv_machine_of(const struct sv_machine *m)
{
        return m ? m : &here;
}

char *sv_machine_path(const struct sv_machine *m, const char *path)
{
        return sv_asprintf("%s%s", m->files, path);
}
