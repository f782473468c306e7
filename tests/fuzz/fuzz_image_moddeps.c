/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "image/moddeps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        SV_MODDEPS m = SV_MODDEPS_NULL;
        const struct sv_moddep **order;
        size_t n = 0;

        if (sv_moddeps_parse(sv_bytes(data, size), &m, &err) < 0 || m.n == 0)
                return 0;
        order = calloc(m.n, sizeof(*order));
        for (size_t i = 0; order && i < m.n; i++)
                if (sv_moddeps_order(&m, &m.list[i], order, &n, &err) < 0)
                        break;
        free(order);
        return 0;
}
