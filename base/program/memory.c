/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator's names in front of the C library's, for the whole process (glibc manual,
 * "Replacing malloc"): the libraries that it loads find these. Sanitizers bring their own: meson
 * leaves this file out then. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/program/memory-fail.h"

/* glibc's own functions under their other names. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static void *need_memory(void *p, size_t size)
{
        if (!p && size)
                sv_memory_fail(size);
        return p;
}

void *malloc(size_t size)
{
        return need_memory(__libc_malloc(size), size);
}

void *calloc(size_t n, size_t size)
{
        size_t bytes;

        if (__builtin_mul_overflow(n, size, &bytes))
                bytes = SIZE_MAX;
        return need_memory(__libc_calloc(n, size), bytes);
}

void *realloc(void *p, size_t size)
{
        return need_memory(__libc_realloc(p, size), size);
}

void *reallocarray(void *p, size_t n, size_t size)
{
        size_t bytes;

        if (__builtin_mul_overflow(n, size, &bytes))
                sv_memory_fail(SIZE_MAX);
        return realloc(p, bytes);
}

void *memalign(size_t alignment, size_t size)
{
        return need_memory(__libc_memalign(alignment, size), size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
        return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
        if (!alignment || alignment & (alignment - 1) || alignment % sizeof(void *))
                return EINVAL;
        *out = memalign(alignment, size);
        return 0;
}
