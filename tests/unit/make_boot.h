/* SPDX-License-Identifier: Apache-2.0 */
/* Boot files made by the tests: a small kernel that is both bzImage and PE image, variable stores.
 */
#pragma once

#include <stdio.h>
#include <string.h>

#include "base/core/buf.h"

/* headers and setup (0x600), one section (0x200), data behind it (0x80), certificates (0x80) */
#define KERNEL_SIZE  0x900
#define KERNEL_PE    0x80 /* offset of the PE header */
#define KERNEL_CERTS 0x880

static inline void put16(uint8_t *p, size_t at, unsigned v)
{
        p[at] = (uint8_t)v;
        p[at + 1] = (uint8_t)(v >> 8);
}

static inline void put32(uint8_t *p, size_t at, uint32_t v)
{
        put16(p, at, v & 0xffff);
        put16(p, at + 2, v >> 16);
}

/* Version "6.1.0-test", boot protocol 2.15, may be loaded above 4 GiB. */
static inline void make_kernel(uint8_t k[KERNEL_SIZE])
{
        size_t opt = KERNEL_PE + 24, table = opt + 160;

        for (size_t i = 0; i < KERNEL_SIZE; i++)
                k[i] = 0;
        memcpy(k, "MZ", 2);
        put32(k, 0x3c, KERNEL_PE);
        memcpy(k + KERNEL_PE, "PE\0\0", 4);
        put16(k, KERNEL_PE + 6, 1);    /* sections */
        put16(k, KERNEL_PE + 20, 160); /* size of the optional header */
        put16(k, opt, 0x20b);
        put32(k, opt + 60, 0x600);      /* SizeOfHeaders */
        put32(k, opt + 64, 0xdeadbeef); /* checksum */
        put32(k, opt + 108, 6);         /* data directories */
        put32(k, opt + 144, KERNEL_CERTS);
        put32(k, opt + 148, 0x80);
        memcpy(k + table, ".text", 5);
        put32(k, table + 16, 0x200);
        put32(k, table + 20, 0x600);
        k[0x1f1] = 2; /* setup sectors */
        memcpy(k + 0x202, "HdrS", 4);
        put16(k, 0x206, 0x20f);
        put16(k, 0x20e, 0x100);
        k[0x211] = 1;
        put32(k, 0x22c, 0x7fffffff);
        put16(k, 0x236, 3);
        memcpy(k + 0x300, "6.1.0-test", 11);
        for (size_t i = 0x600; i < KERNEL_SIZE; i++)
                k[i] = (uint8_t)(i * 7);
        /* one entry, in no form of a signature that there is */
        put32(k, KERNEL_CERTS, 0x80);
        put32(k, KERNEL_CERTS + 4, 0x00020200);
}

#define LOADABLE_OPTIONAL (KERNEL_PE + 24)
#define LOADABLE_SIZE     0x2000u

/* As EFI loads it: one section at 0x1000 of 0x180 bytes, of which the file has 0x200. */
static inline void make_loadable(uint8_t k[KERNEL_SIZE])
{
        make_kernel(k);
        put16(k, KERNEL_PE + 4, 0x8664);
        put32(k, LOADABLE_OPTIONAL + 16, 0x1010);
        put32(k, LOADABLE_OPTIONAL + 56, LOADABLE_SIZE);
        put32(k, LOADABLE_OPTIONAL + 160 + 8, 0x180);
        put32(k, LOADABLE_OPTIONAL + 160 + 12, 0x1000);
}

/* The same without certificates, as a stub is; what follows its KERNEL_CERTS bytes is not its. */
static inline void make_stub(uint8_t k[KERNEL_SIZE])
{
        make_loadable(k);
        put32(k, LOADABLE_OPTIONAL + 144, 0);
        put32(k, LOADABLE_OPTIONAL + 148, 0);
}

#define UKI_PE      0x80 /* offset of the PE header */
#define UKI_HEADERS 0x400
#define UKI_SIZE    (UKI_HEADERS + 0x200 * 16)

/* The headers of a PE image of n sections, into zeros; where their table is to be. */
static inline size_t put_pe_head(uint8_t *k, size_t n)
{
        size_t opt = UKI_PE + 24;

        memcpy(k, "MZ", 2);
        put32(k, 0x3c, UKI_PE);
        memcpy(k + UKI_PE, "PE\0\0", 4);
        put16(k, UKI_PE + 6, (unsigned)n);
        put16(k, UKI_PE + 20, 160);
        put16(k, opt, 0x20b);
        put32(k, opt + 60, UKI_HEADERS);
        put32(k, opt + 108, 6);
        return opt + 160;
}

/* A PE image of sections by name and contents (NULL: the kernel), each filled up to 512 bytes; its
 * size. */
static inline size_t make_uki(uint8_t k[UKI_SIZE], const char *const parts[][2], size_t n)
{
        size_t table, at = UKI_HEADERS;

        memset(k, 0, UKI_SIZE);
        table = put_pe_head(k, n);
        for (size_t i = 0; i < n; i++) {
                size_t size = parts[i][1] ? strlen(parts[i][1]) : KERNEL_SIZE;

                memcpy(k + table, parts[i][0], strlen(parts[i][0]));
                put32(k, table + 8, (uint32_t)size);
                put32(k, table + 16, (uint32_t)((size + 0x1ff) & ~0x1ffu));
                put32(k, table + 20, (uint32_t)at);
                if (parts[i][1])
                        memcpy(k + at, parts[i][1], size);
                else
                        make_kernel(k + at);
                at += (size + 0x1ff) & ~(size_t)0x1ff;
                table += 40;
        }
        return at;
}

/* A PE image of named sections; the names may be longer than the table has room for. */
static inline void make_sections(struct sv_buf *out, const char *const names[],
                                 const struct sv_bytes *data, size_t n)
{
        uint8_t k[0x2000] = {0};
        size_t table = put_pe_head(k, n), at = UKI_HEADERS, strings = 4;
        char text[256] = {0};

        for (size_t i = 0; i < n; i++, table += 40) {
                char field[16];

                snprintf(field, sizeof(field), strlen(names[i]) > 8 ? "/%zu" : "%zu", strings);
                memcpy(k + table, strlen(names[i]) > 8 ? field : names[i],
                       strlen(names[i]) > 8 ? strlen(field) : strlen(names[i]));
                if (strlen(names[i]) > 8)
                        strings += (size_t)sprintf(text + strings, "%s", names[i]) + 1;
                put32(k, table + 8, (uint32_t)data[i].n);
                put32(k, table + 16, (uint32_t)data[i].n);
                put32(k, table + 20, (uint32_t)at);
                memcpy(k + at, data[i].p, data[i].n);
                at += data[i].n;
        }
        put32(k, UKI_PE + 12, (uint32_t)at); /* no symbols; behind them the strings */
        memcpy(k + at, text, strings);
        sv_buf_clear(out);
        sv_buf_put(out, sv_bytes(k, at + strings));
}

#define SHIM_IDENT "UEFI SHIM\n$Version: 16.1 $\n"
#define SHIM_LEVEL "\0\0\0\0\x08\0\0\0\x1c\0\0\0sbat,1,2025\nshim\0latest"

/* `keys` is the section .vendor_cert; `level` is as long as SHIM_LEVEL. */
static inline void make_shim(struct sv_buf *out, const char *version, const char *level,
                             const char *keys, size_t n)
{
        static const char *const names[] = {".sbatlevel", ".data.ident", ".vendor_cert"};
        const struct sv_bytes data[] = {sv_bytes(level, sizeof(SHIM_LEVEL) - 1),
                                        sv_bytes_str(version), sv_bytes(keys, n)};

        make_sections(out, names, data, 3);
}

#define STORE_SIZE 0x400

static inline void add_variable(uint8_t *s, size_t *at, uint8_t state, const uint8_t guid[16],
                                const char *name, const void *data, size_t n)
{
        size_t chars = strlen(name) + 1, p = *at;

        put16(s, p, 0x55aa);
        s[p + 2] = state;
        s[p + 3] = 0;
        memset(s + p + 4, 0, 56);
        put32(s, p + 4, 7);
        put32(s, p + 36, (uint32_t)(2 * chars));
        put32(s, p + 40, (uint32_t)n);
        memcpy(s + p + 44, guid, 16);
        for (size_t i = 0; i < chars; i++)
                put16(s, p + 60 + 2 * i, (uint8_t)name[i]);
        memcpy(s + p + 60 + 2 * chars, data, n);
        *at = (p + 60 + 2 * chars + n + 3) & ~(size_t)3;
}

/* An empty store; the first variable goes to STORE_FIRST. */
#define STORE_FIRST 100
static inline void make_store(uint8_t s[STORE_SIZE])
{
        static const uint8_t format[16] = {0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
                                           0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50};
        static const uint8_t kind[16] = {0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43,
                                         0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92};

        memset(s, 0xff, STORE_SIZE);
        memset(s, 0, 72);
        memcpy(s + 16, format, 16);
        put32(s, 32, STORE_SIZE);
        memcpy(s + 40, "_FVH", 4);
        put16(s, 48, 72);
        memcpy(s + 72, kind, 16);
        put32(s, 88, STORE_SIZE - 72);
        s[92] = 0x5a;
        s[93] = 0xfe;
        memset(s + 94, 0, 6);
}
