/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of the C library that CBMC has no model of, as C11 and POSIX define them for the "C"
 * locale. */
#pragma once

#include <stddef.h>
#include <string.h>
#include <strings.h>

size_t strspn(const char *s, const char *accept)
{
        size_t n = 0;

        while (s[n] && strchr(accept, s[n]))
                n++;
        return n;
}

size_t strcspn(const char *s, const char *reject)
{
        size_t n = 0;

        while (s[n] && !strchr(reject, s[n]))
                n++;
        return n;
}

size_t strnlen(const char *s, size_t max)
{
        size_t n = 0;

        while (n < max && s[n])
                n++;
        return n;
}

void *memchr(const void *s, int c, size_t n)
{
        const unsigned char *p = s;

        for (size_t i = 0; i < n; i++)
                if (p[i] == (unsigned char)c)
                        return (void *)(p + i);
        return NULL;
}
