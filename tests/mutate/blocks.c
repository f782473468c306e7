/* SPDX-License-Identifier: Apache-2.0 */
/* Linked into every program and library of the build that mutate.py tries (compiled with
 * -fsanitize-coverage=trace-pc): which basic blocks ran. The compiler calls the function below at
 * the start of each block. A byte of a shared file is set for it, so that nothing is lost when the
 * program is killed, replaces itself, leaves its root or may not open files any more. The file is
 * named by the module's build id, in the folder that the environment names; a process without its
 * parent's environment writes into the folder BLOCKS_ANY. Without a folder nothing is recorded.
 * Calls the kernel itself: tests replace functions of the C library. */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define FOLDER    "SV_MUTATE_BLOCKS="
#define PATH_SIZE 1024

void __sanitizer_cov_trace_pc(void) __attribute__((visibility("hidden")));

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static unsigned char *ran;
static size_t size;

static long call_kernel(long number, long a, long b, long c, long d, long e, long f)
{
        register long r10 __asm__("r10") = d;
        register long r8 __asm__("r8") = e;
        register long r9 __asm__("r9") = f;
        long r;

        __asm__ volatile("syscall"
                         : "=a"(r)
                         : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                         : "rcx", "r11", "memory");
        return r;
}

/* Appends text to a path; the new end, or NULL when there is no room. */
static char *append_text(char *at, const char *end, const char *text)
{
        for (; at && *text; text++) {
                if (at + 1 >= end)
                        return NULL;
                *at++ = *text;
        }
        return at;
}

/* The build id among a segment's notes, as hex text. */
static void read_build_id(const char *at, const char *end, char *out, size_t room)
{
        while (at + sizeof(ElfW(Nhdr)) < end) {
                const ElfW(Nhdr) *n = (const ElfW(Nhdr) *)at;
                const unsigned char *id =
                        (const unsigned char *)(n + 1) + ((n->n_namesz + 3) & ~3u);

                at = (const char *)id + ((n->n_descsz + 3) & ~3u);
                if (n->n_type != NT_GNU_BUILD_ID || 2 * n->n_descsz >= room)
                        continue;
                for (size_t k = 0; k < n->n_descsz; k++) {
                        *out++ = "0123456789abcdef"[id[k] >> 4];
                        *out++ = "0123456789abcdef"[id[k] & 15];
                }
                *out = '\0';
                return;
        }
}

/* The module's build id, and where its code ends. */
static void read_module(char *id, size_t room)
{
        const char *start = (const char *)&__ehdr_start;
        const ElfW(Phdr) *p = (const ElfW(Phdr) *)(start + __ehdr_start.e_phoff);

        if (__ehdr_start.e_type != ET_DYN)
                return;
        for (int i = 0; i < __ehdr_start.e_phnum; i++) {
                const char *at = start + p[i].p_vaddr, *end = at + p[i].p_memsz;

                if (p[i].p_type == PT_NOTE && !*id)
                        read_build_id(at, end, id, room);
                if (p[i].p_type == PT_LOAD && (p[i].p_flags & PF_X))
                        size = (size_t)(end - start);
        }
}

static const char *find_folder(char **env)
{
        const char *want;

        for (; env && *env; env++) {
                const char *have = *env;

                for (want = FOLDER; *want && *want == *have; want++)
                        have++;
                if (!*want)
                        return have;
        }
        return BLOCKS_ANY;
}

__attribute__((constructor)) static void open_blocks(int argc, char **argv, char **env)
{
        char id[130] = "", path[PATH_SIZE], *at;
        long fd, map;

        (void)argc;
        (void)argv;
        read_module(id, sizeof(id));
        if (!*id || !size)
                return;
        at = append_text(path, path + sizeof(path), find_folder(env));
        at = append_text(at, path + sizeof(path), "/");
        at = append_text(at, path + sizeof(path), id);
        if (!at)
                return;
        *at = '\0';
        fd = call_kernel(SYS_open, (long)path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666, 0,
                         0, 0);
        if (fd < 0)
                return;
        map = -1;
        call_kernel(SYS_fchmod, fd, 0666, 0, 0, 0, 0); /* whoever it runs as */
        if (call_kernel(SYS_ftruncate, fd, (long)size, 0, 0, 0, 0) == 0)
                map = call_kernel(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                                  0);
        call_kernel(SYS_close, fd, 0, 0, 0, 0, 0);
        if (map > 0 || map < -4095)
                ran = (unsigned char *)map;
}

void __sanitizer_cov_trace_pc(void)
{
        size_t at =
                (size_t)((const char *)__builtin_return_address(0) - (const char *)&__ehdr_start);

        if (ran && at < size)
                ran[at] = 1;
}
