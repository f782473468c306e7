/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program: its n-th allocation fails. The programs' allocator calls the C
 * library's under these names (base/program/memory.c), so this stands between the two.
 *   SV_OOM_AT=N      the N-th from the start of the program
 *   SV_OOM_COUNT=F   how many there were goes to the file F when the program ends
 *   SV_OOM_CHILD=F   counts in each forked child anew; N is what the file F holds at the fork, and
 *                    the child's count is a line of F.count */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

enum { UNREAD = -2, NEVER = -1 };

static long at = UNREAD, count;
static const char *child_file;
static int in_child;

static long read_number(const char *path)
{
        char text[32] = "";
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
                text[0] = 0;
        if (fd >= 0)
                close(fd);
        return text[0] ? strtol(text, NULL, 10) : NEVER;
}

static void write_count(const char *path, int flags)
{
        char text[32];
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
        int n = snprintf(text, sizeof(text), "%ld\n", count);

        if (fd < 0 && errno == EPERM)
                return; /* a process that may open no file: it is not counted */
        if (fd < 0 || write(fd, text, (size_t)n) != n)
                abort();
        close(fd);
}

static void enter_child(void)
{
        in_child = 1;
        count = 0;
        at = read_number(child_file);
}

__attribute__((constructor)) static void begin(void)
{
        child_file = getenv("SV_OOM_CHILD");
        if (child_file)
                pthread_atfork(NULL, NULL, enter_child);
}

/* _exit is how the broker's processes end: destructors do not run. */
static void tell(void)
{
        char path[4096];
        const char *file = getenv("SV_OOM_COUNT");

        if (file)
                write_count(file, O_TRUNC);
        if (in_child && child_file) {
                snprintf(path, sizeof(path), "%s.count", child_file);
                write_count(path, O_APPEND);
        }
}

__attribute__((destructor)) static void end(void)
{
        tell();
}

void _exit(int status)
{
        void (*next)(int) = (void (*)(int))dlsym(RTLD_NEXT, "_exit");

        tell();
        next(status);
        __builtin_unreachable();
}

/* Libraries allocate before the constructor above runs. */
static int is_due(void)
{
        if (at == UNREAD) {
                const char *n = getenv("SV_OOM_AT");

                at = n ? strtol(n, NULL, 10) : NEVER;
        }
        return __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST) == at;
}

#define NEXT(name)                     \
        static __typeof__(&name) next; \
        if (!next)                     \
        next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

void *__libc_malloc(size_t size)
{
        NEXT(__libc_malloc);
        return is_due() ? NULL : next(size);
}

void *__libc_calloc(size_t n, size_t size)
{
        NEXT(__libc_calloc);
        return is_due() ? NULL : next(n, size);
}

void *__libc_realloc(void *p, size_t size)
{
        NEXT(__libc_realloc);
        return is_due() ? NULL : next(p, size);
}

void *__libc_memalign(size_t alignment, size_t size)
{
        NEXT(__libc_memalign);
        return is_due() ? NULL : next(alignment, size);
}
