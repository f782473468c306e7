/* SPDX-License-Identifier: Apache-2.0 */
/* proves: what sv_pe_load_check lets pass is placed without a byte outside of the file or of its
 *         memory, all of which is written; a section that is found lies in the image, and so
 *         does one that is code.
 * for:    every file of 100 bytes in which the rows of up to 2 sections are, at 8; in memory up to
 *         1 GiB
 * stubs:  texts of errors; memcpy and memset: where they read and write is proven, not what
 * unwind: 9
 * fault:  `s.raw > file.n || n > file.n - s.raw` => `s.raw > file.n`
 * fault:  `in_memory > pe->size || s.address > pe->size - in_memory` => `s.address > pe->size`
 * fault:  `s.virtual_size > image.n - s.address` => `0`
 * fault:  `s.raw, count_section_bytes(&s));` => `s.raw, s.raw_size);`
 * fault:  `*n = count_memory_bytes(&s);` => `*n = s.raw_size;`
 * fault:  `memcpy(memory, file.p, pe->headers);` => `memcpy(memory, file.p, pe->size);`
 */
#include "proof.h"
#include "stub_err.h"

#define memcpy(to, from, n) check_copy(to, from, n)
#define memset(to, c, n)    check_set(to, n)
static void check_copy(uint8_t *to, const uint8_t *from, size_t n);
static void check_set(uint8_t *to, size_t n);

#include "base/core/rd.c"
#include "stub/pe-load.c"

#define FILE_SIZE 100u

static struct sv_bytes file;
static uint8_t *memory;
static uint32_t memory_size;
static bool cleared;

static bool lies_in(const uint8_t *p, size_t n, const uint8_t *whole, size_t size)
{
        size_t at = (size_t)(p - whole);

        return __CPROVER_same_object(p, whole) && at <= size && n <= size - at;
}

static void check_copy(uint8_t *to, const uint8_t *from, size_t n)
{
        PROVE(cleared && lies_in(to, n, memory, memory_size) && lies_in(from, n, file.p, file.n));
}

static void check_set(uint8_t *to, size_t n)
{
        PROVE(to == memory && n == memory_size);
        cleared = true;
}

void prove(void)
{
        struct sv_pe_load pe = {.sections = 8, .n_sections = (uint16_t)nondet_bool() + 1};
        struct sv_bytes section;
        uint32_t at, n;

        file = any_exactly(FILE_SIZE);
        pe.headers = nondet_u32();
        memory_size = pe.size = nondet_u32();
        /* as sv_pe_load_read says, which stub_pe_headers proves */
        ASSUME(pe.headers >= 88 && pe.headers <= file.n && pe.headers <= pe.size);
        ASSUME(pe.size <= SV_PE_LOAD_MAX);
        memory = malloc(SV_PE_LOAD_MAX);
        ASSUME(memory);
        if (sv_pe_load_find(&pe, file, ".linux\0", &section, NULL) > 0)
                PROVE(section.n == 0 || lies_within(section, file));
        if (sv_pe_load_check(&pe, file, NULL) == 0) {
                sv_pe_load_place(&pe, file, memory);
                PROVE(cleared);
                if (sv_pe_load_code(&pe, file, nondet_bool() && pe.n_sections > 1, &at, &n))
                        PROVE(at <= pe.size && n <= pe.size - at);
        } else {
                PROVE(failed_check);
        }
}
