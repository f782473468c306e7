/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiler and the pure files take from a C library. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Eight bytes at a time: emulation takes each repetition as a step of its own. */
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
        size_t words = n / 8, rest = n % 8;
        void *at = to;

        __asm__ volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
        __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest) : : "memory");
        return to;
}

void *memset(void *to, int value, size_t n)
{
        uint64_t bytes = (uint8_t)value * 0x0101010101010101ull;
        size_t words = n / 8, rest = n % 8;
        void *at = to;

        __asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(bytes) : "memory");
        __asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(bytes) : "memory");
        return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
        const uint8_t *x = a, *y = b;

        for (size_t i = 0; i < n; i++)
                if (x[i] != y[i])
                        return x[i] < y[i] ? -1 : 1;
        return 0;
}

size_t strlen(const char *s)
{
        size_t n = 0;

        while (s[n])
                n++;
        return n;
}
