/* SPDX-License-Identifier: Apache-2.0 */
/* proves: the list of ACPI files of a measured image is read within its bytes: each file has a name
 *         of 1 to 55 characters that no other has, 1 to SV_FW_CFG_SIZE_MAX bytes, and content that
 *         lies in the input and is no longer; a refusal adds nothing.
 * for:    every head of 15 to 17 bytes; every file of up to 4 bytes, as many as it says or fewer,
 *         behind one or none of one character
 * stubs:  texts of errors
 * unwind: 57
 * loops:  sv_bundle_read.0:2 sv_bundle_find.0:3
 * fault:  `stored > f.size` => `0`
 * fault:  `n == 0 || n == field.n` => `n == 0`
 * fault:  `f.size == 0 ||` => ``
 * fault:  `if (sv_bundle_find(b, f.name))` => `if (0)`
 * fault:  `flags & ~SV_BUNDLE_REFUSE` => `0`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/limits.h"

#include "base/core/rd.c"
#include "stub/bundle.c"

/* No file has room in these. */
static void read_head(size_t n)
{
        struct sv_bytes in = any_exactly(n);
        struct sv_bundle b = {.n = 99};

        if (sv_bundle_read(in, &b, NULL) < 0) {
                PROVE(failed_check && b.n == 99);
                return;
        }
        PROVE(n == 16 && b.n == 0);
        PROVE(memcmp(in.p, "SVACPI1", 8) == 0 && in.p[8] <= 1 && b.refuse == in.p[8]);
        PROVE(!in.p[9] && !in.p[10] && !in.p[11] && !in.p[12]);
}

static void read_one(size_t n)
{
        struct sv_bytes in = any_exactly(n);
        struct sv_rd r = sv_rd(in);
        struct sv_bundle b = {.n = nondet_bool()};
        const struct sv_bundle_file *f = &b.files[b.n];
        size_t before = b.n;

        b.files[0].name = sv_bytes("a", 1);
        if (read_bundle_file(&r, &b, NULL) < 0) {
                PROVE(failed_check && b.n == before);
                return;
        }
        PROVE(b.n == before + 1 && r.pos == 64 + f->content.n && r.pos <= n);
        PROVE(f->name.p == in.p && f->name.n >= 1 && f->name.n <= 55);
        PROVE(in.p[f->name.n - 1] && !in.p[f->name.n] && !in.p[55]);
        PROVE(!before || f->name.n != 1 || in.p[0] != 'a');
        PROVE(f->size >= 1 && f->size <= SV_FW_CFG_SIZE_MAX && f->content.n <= f->size);
        PROVE(f->content.n == 0 || f->content.p == in.p + 64);
        PROVE(!f->memory);
}

void prove(void)
{
        switch (nondet_u8()) {
        case 0:
                read_head(15);
                break;
        case 1:
                read_head(16);
                break;
        case 2:
                read_head(17);
                break;
        case 3:
                read_one(63);
                break;
        default:
                read_one(68);
        }
}
