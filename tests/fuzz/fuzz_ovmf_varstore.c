/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/varstore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct sv_varstore s;
        struct sv_err err = SV_ERR_NULL;
        volatile size_t sum = 0;

        if (sv_varstore_parse(sv_bytes(data, size), &s, &err) < 0)
                return 0;
        for (size_t i = 0; i < s.n; i++) {
                sum += s.list[i].data.n ? s.list[i].data.p[s.list[i].data.n - 1] : 0;
                sv_varstore_get(&s, s.list[i].guid, "PK");
        }
        return 0;
}
