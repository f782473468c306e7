/* SPDX-License-Identifier: Apache-2.0 */
/* proves: name and data of a variable that is accepted lie within the store, its name is UTF-16
 *         with a terminator behind it, and the reader goes on behind the variable: the walk ends.
 * for:    every store of up to 76 bytes, every place in it
 * stubs:  texts of errors
 * unwind: 9
 * fault:  `name < 2 ||` => ``
 * fault:  `v.name.p[name - 1] ||` => ``
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "ovmf/varstore.c"

void prove(void)
{
        struct sv_bytes store = any_bytes(76);
        struct sv_rd r = sv_rd(store);
        struct sv_variable v = {0};
        bool valid = false;
        size_t before = nondet_size();
        int more;

        ASSUME(before <= store.n);
        sv_rd_seek(&r, before);
        more = read_next_variable(&r, &v, &valid, NULL);
        PROVE(more <= 1 && (more >= 0 || failed_check));
        if (more <= 0) {
                PROVE(!v.name.p && !valid);
                return;
        }
        PROVE(lies_within(v.name, store) && v.name.n % 2 == 0);
        PROVE(!v.name.p[v.name.n] && !v.name.p[v.name.n + 1]);
        PROVE(v.data.p == v.name.p + v.name.n + 2 && v.data.n <= store.n);
        PROVE(v.data.p + v.data.n == store.p + r.pos);
        PROVE(r.pos >= before + 60 + v.name.n + v.data.n);
}
