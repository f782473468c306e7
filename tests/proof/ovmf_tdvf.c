/* SPDX-License-Identifier: Apache-2.0 */
/* proves: what a TDVF section that is accepted copies lies within the image, also where it has more
 *         memory than contents; it is whole pages that do not wrap, overlaps no other, and has
 *         contents exactly when its type has; there is one HOB list, never measured.
 * for:    every two sections, in an image of up to 80 bytes
 * stubs:  texts of errors
 * unwind: 9
 * loops:  check_tdvf_section.0:3
 * fault:  `s.raw.n && s.size > image.n - offset` => `0`
 * fault:  `s->size > UINT64_MAX - s->gpa` => `0`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "ovmf/tdvf.c"

void prove(void)
{
        struct sv_bytes image = any_bytes(80), table = any_bytes(64);
        struct sv_rd r = sv_rd(table);
        static struct sv_tdvf t;
        const struct sv_tdvf_section *s = t.sections;

        t.n = 0;
        for (int i = 0; i < 2; i++) {
                size_t before = t.n;

                if (read_tdvf_section(image, &r, &t, NULL) < 0) {
                        PROVE(t.n == before && failed_check);
                        return;
                }
        }
        for (int i = 0; i < 2; i++) {
                bool filled = s[i].type == SV_TDVF_BFV || s[i].type == SV_TDVF_CFV;

                PROVE(s[i].gpa % 4096 == 0 && s[i].size % 4096 == 0 && s[i].size);
                PROVE(s[i].gpa + s[i].size > s[i].gpa || s[i].gpa + s[i].size == 0);
                PROVE(filled == (s[i].raw.n > 0) && s[i].raw.n <= s[i].size);
                PROVE(!filled || (lies_within(s[i].raw, image) && lies_within(s[i].memory, image)));
                PROVE(s[i].type != SV_TDVF_TD_HOB || !(s[i].attributes & 1));
        }
        PROVE(s[0].gpa + s[0].size <= s[1].gpa || s[1].gpa + s[1].size <= s[0].gpa);
        PROVE(s[0].type != SV_TDVF_TD_HOB || s[1].type != SV_TDVF_TD_HOB);
}
