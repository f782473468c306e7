/* SPDX-License-Identifier: Apache-2.0 */
/* proves: the sections of SEV metadata that are accepted are whole pages below 4 GiB, of a known
 *         type, do not overlap, and those that the processor's firmware takes as one page are one.
 * for:    every image of up to 56 bytes: up to 3 sections
 * stubs:  texts of errors
 * unwind: 6
 * loops:  read_sev_sections.0:4 check_sev_section.1:4
 * fault:  `s->len > UINT32_MAX - s->gpa` => `0`
 * fault:  `if (one_page && s->len != SV_PAGE)` => `if (0)`
 * fault:  `r = sv_rd_sub(&all, size - 8);` => `r = all;`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "ovmf/sevmeta.c"

void prove(void)
{
        struct sv_bytes image = any_bytes(56);
        uint32_t from_end = nondet_u32();
        static struct sv_sev_meta m;
        const struct sv_sev_section *s, *t;
        size_t i, k;

        m.n = 0;
        if (read_sev_sections(image, from_end, &m, NULL) < 0) {
                PROVE(failed_check);
                return;
        }
        PROVE(from_end <= image.n && m.n <= 3);
        PROVE(16 + 12 * m.n <= image.p[image.n - from_end + 4]);
        if (!m.n)
                return;
        i = any_below(m.n);
        k = any_below(m.n);
        s = &m.sections[i];
        t = &m.sections[k];
        PROVE(s->gpa % 4096 == 0 && s->len % 4096 == 0 && s->len);
        PROVE((uint64_t)s->gpa + s->len <= 0x100000000);
        PROVE(s->name && (s->type < 2 || s->type > 3 || s->len == 4096));
        PROVE(i == k || s->gpa + s->len <= t->gpa || t->gpa + t->len <= s->gpa);
}
