/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is asked for, each module comes once, and behind what it needs. */
#include <stdlib.h>

#include "image/softdeps.h"

#define MODULES 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char dep[] = "a.ko: b.ko\nb.ko:\nc.ko: d.ko\nd.ko: b.ko\ne.ko:\n";
        const struct sv_moddep *order[MODULES];
        struct sv_err err = SV_ERR_NULL;
        SV_MODDEPS m = SV_MODDEPS_NULL;
        size_t n = 0, place[MODULES];

        if (sv_moddeps_parse(sv_bytes_str(dep), &m, &err) < 0 ||
            sv_softdeps_add(sv_bytes(data, size), sv_bytes(data, size), &m, &err) < 0)
                abort();
        for (size_t i = 0; i < m.n; i++)
                if (sv_moddeps_order(&m, &m.list[i], order, &n, &err) < 0)
                        abort();
        if (n != MODULES)
                abort();
        for (size_t i = 0; i < n; i++)
                place[order[i] - m.list] = i;
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < m.list[i].n_deps; k++)
                        if (place[m.list[i].deps[k]] >= place[i])
                                abort();
        return 0;
}
