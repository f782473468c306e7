/* SPDX-License-Identifier: Apache-2.0 */
/* Both names of each function are defined here: the headers must not make one of the other, nor of
 * an inline check. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/teesim/teesim.h"

#define FDS 65536
static unsigned char kinds[FDS];

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);

#define NEXT(name, type) ((type)dlsym(RTLD_NEXT, name))

void mark(int fd, int kind)
{
        if (fd >= 0 && fd < FDS)
                kinds[fd] = (unsigned char)kind;
}

int real_ioctl(int fd, unsigned long request, void *arg)
{
        static int (*next)(int, unsigned long, ...);

        if (!next)
                next = NEXT("ioctl", int (*)(int, unsigned long, ...));
        return next(fd, request, arg);
}

/* TEESIM_REFUSE: the number of a call that this kernel does not have. */
static bool is_refused(unsigned request)
{
        const char *number = getenv("TEESIM_REFUSE");

        return number && request == (unsigned)strtoul(number, NULL, 0);
}

int ioctl(int fd, unsigned long request, ...)
{
        static int (*const table[])(int, unsigned, void *) = {
                [FD_KVM] = on_kvm, [FD_VM] = on_vm, [FD_VCPU] = on_vcpu, [FD_SEV] = on_sev};
        int kind = fd >= 0 && fd < FDS ? kinds[fd] : FD_OTHER;
        va_list ap;
        void *arg;

        va_start(ap, request);
        arg = va_arg(ap, void *);
        va_end(ap);
        if (kind != FD_OTHER && is_refused((unsigned)request)) {
                errno = EINVAL;
                return -1;
        }
        return kind == FD_OTHER ? real_ioctl(fd, request, arg)
                                : table[kind](fd, (unsigned)request, arg);
}

/* Below the root, or below a folder that stands for it (then the file must be there). */
static bool names(const char *path, const char *device)
{
        size_t n = strlen(path), m = strlen(device);

        return n >= m && !strcmp(path + n - m, device);
}

/* The devices of a machine with SNP and TDX; everything else is the machine's. */
static int kind_of(const char *path)
{
        static const struct {
                const char *name;
                int kind;
        } devices[] = {{"/dev/kvm", FD_KVM}, {"/dev/sev", FD_SEV}};

        for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
                if (names(path, devices[i].name) &&
                    (!strcmp(path, devices[i].name) || access(path, F_OK) == 0))
                        return devices[i].kind;
        return FD_OTHER;
}

/* A played device keeps how it was opened: on_sev asks whether it may write. */
static int opened(int dir, const char *path, int flags, mode_t mode)
{
        static int (*next)(int, const char *, int, ...);
        int kind = kind_of(path), fd;

        if (!next)
                next = NEXT("openat64", int (*)(int, const char *, int, ...));
        fd = kind == FD_OTHER ? next(dir, path, flags, mode)
                              : next(AT_FDCWD, "/dev/null", flags & (O_ACCMODE | O_CLOEXEC));
        mark(fd, kind);
        return fd;
}

static mode_t mode_of(int flags, va_list ap)
{
        return flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name)                                          \
        int name(const char *path, int flags, ...)          \
        {                                                   \
                va_list ap;                                 \
                mode_t mode;                                \
                                                            \
                va_start(ap, flags);                        \
                mode = mode_of(flags, ap);                  \
                va_end(ap);                                 \
                return opened(AT_FDCWD, path, flags, mode); \
        }
#define OPENAT(name)                                        \
        int name(int dir, const char *path, int flags, ...) \
        {                                                   \
                va_list ap;                                 \
                mode_t mode;                                \
                                                            \
                va_start(ap, flags);                        \
                mode = mode_of(flags, ap);                  \
                va_end(ap);                                 \
                return opened(dir, path, flags, mode);      \
        }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int __open_2(const char *path, int flags)
{
        return opened(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
        return opened(AT_FDCWD, path, flags, 0);
}

int close(int fd)
{
        static int (*next)(int);

        if (!next)
                next = NEXT("close", int (*)(int));
        mark(fd, FD_OTHER);
        return next(fd);
}
