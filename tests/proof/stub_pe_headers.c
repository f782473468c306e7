/* SPDX-License-Identifier: Apache-2.0 */
/* proves: the headers of an image are read within its bytes, wherever it says that they are; what
 *         is accepted has its headers in the file and in memory, its table of sections in them, and
 *         its entry in memory; a refusal writes nothing.
 * for:    every file of 0, 63, 200 and 240 bytes: the smallest headers with two sections
 * stubs:  texts of errors
 * unwind: 6
 * fault:  `pe.headers > image.n ||` => ``
 * fault:  `pe.headers > pe.size ||` => ``
 * fault:  `pe.entry >= pe.size` => `0`
 * fault:  `pe.headers < r.pos ||` => ``
 * fault:  `optional_size < 112 ||` => ``
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "stub/pe-load.c"

static uint32_t number_at(struct sv_bytes file, size_t at, unsigned n)
{
        uint32_t v = 0;

        for (unsigned i = 0; i < n; i++)
                v |= (uint32_t)file.p[at + i] << (8 * i);
        return v;
}

static void read_image(size_t n)
{
        struct sv_bytes file = any_exactly(n);
        struct sv_pe_load pe = {.n_sections = 77};
        size_t at;

        if (sv_pe_load_read(file, &pe, NULL) < 0) {
                PROVE(failed_check && pe.n_sections == 77 && !pe.size);
                return;
        }
        PROVE(n >= 64 + 24 + 112);
        at = number_at(file, 0x3c, 4);
        PROVE(at <= n - 24 - 112 && number_at(file, at, 4) == 0x4550);
        PROVE(number_at(file, at + 4, 2) == 0x8664 && number_at(file, at + 24, 2) == 0x20b);
        PROVE(number_at(file, at + 20, 2) >= 112);
        PROVE(pe.sections == at + 24 + number_at(file, at + 20, 2));
        PROVE(pe.n_sections == number_at(file, at + 6, 2));
        PROVE(pe.sections + 40 * (size_t)pe.n_sections <= pe.headers);
        PROVE(pe.headers <= n && pe.headers <= pe.size && pe.size <= 1u << 30);
        PROVE(pe.entry < pe.size);
}

void prove(void)
{
        switch (nondet_u8()) {
        case 0:
                read_image(0);
                break;
        case 1:
                read_image(63);
                break;
        case 2:
                read_image(200);
                break;
        default:
                read_image(240);
        }
}
