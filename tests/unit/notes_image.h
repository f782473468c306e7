/* SPDX-License-Identifier: Apache-2.0 */
/* An image of sv_qcow2_make_notes as QEMU leaves it: with the bitmap "writes". */
#pragma once

#include <unistd.h>

#include "image/qcow2-bitmap.h"
#include "image/qcow2.h"
#include "tests/unit/unit.h"

#define NOTES_CLUSTER   ((uint64_t)SV_QCOW2_CLUSTER)
#define NOTES_EXTENSION 104 /* behind the header */
#define NOTES_DIRECTORY (5 * NOTES_CLUSTER)
#define NOTES_TABLE     (6 * NOTES_CLUSTER)
#define NOTES_BITS      (7 * NOTES_CLUSTER)

static inline void put_number(int fd, uint64_t at, uint64_t v, size_t n)
{
        uint8_t b[8];

        for (size_t i = 0; i < n; i++)
                b[i] = (uint8_t)(v >> 8 * (n - 1 - i));
        assert_int_equal(pwrite(fd, b, n, (off_t)at), n);
}

/* The bitmap's bytes; up to one cluster. */
static inline void put_notes(int fd, const uint8_t *bits, size_t n)
{
        put_number(fd, 88, 1, 8);                       /* autoclear: bitmaps */
        put_number(fd, NOTES_EXTENSION, 0x6803f857, 4); /* another extension comes first */
        put_number(fd, NOTES_EXTENSION + 4, 3, 4);
        put_number(fd, NOTES_EXTENSION + 16, 0x23852875, 4);
        put_number(fd, NOTES_EXTENSION + 20, 24, 4);
        put_number(fd, NOTES_EXTENSION + 24, 1, 4);
        put_number(fd, NOTES_EXTENSION + 32, 32, 8);
        put_number(fd, NOTES_EXTENSION + 40, NOTES_DIRECTORY, 8);
        put_number(fd, NOTES_EXTENSION + 48, 0, 8);
        put_number(fd, NOTES_DIRECTORY, NOTES_TABLE, 8);
        put_number(fd, NOTES_DIRECTORY + 8, 1, 4);
        put_number(fd, NOTES_DIRECTORY + 12, 2, 4); /* flags: auto */
        put_number(fd, NOTES_DIRECTORY + 16, 1, 1);
        put_number(fd, NOTES_DIRECTORY + 17, 20, 1);
        put_number(fd, NOTES_DIRECTORY + 18, 6, 2);
        assert_int_equal(pwrite(fd, "writes\0", 8, (off_t)NOTES_DIRECTORY + 24), 8);
        put_number(fd, NOTES_TABLE, NOTES_BITS, 8);
        assert_int_equal(pwrite(fd, bits, n, (off_t)NOTES_BITS), n);
        assert_int_equal(ftruncate(fd, (off_t)(8 * NOTES_CLUSTER)), 0);
}
