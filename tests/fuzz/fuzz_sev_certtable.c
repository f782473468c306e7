/* SPDX-License-Identifier: Apache-2.0 */
/* What was read and is written again reads the same. */
#include <stdlib.h>

#include "sev/verify/certtable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_cert_table t, again;
        SV_BUF raw = SV_BUF_NULL;

        if (sv_cert_table_parse(sv_bytes(data, size), &t, NULL) < 0)
                return 0;
        for (size_t i = 0; i < t.n; i++)
                if (t.list[i].data.p < data || t.list[i].data.p + t.list[i].data.n > data + size)
                        abort();
        /* Entries may overlap: what is written can be larger than a table may be. */
        if (sv_cert_table_write(&t, &raw, NULL) < 0 ||
            sv_cert_table_parse(sv_buf_bytes(&raw), &again, NULL) < 0)
                return 0;
        if (again.n != t.n)
                abort();
        for (size_t i = 0; i < t.n; i++)
                if (again.list[i].kind != t.list[i].kind ||
                    !sv_bytes_eq(again.list[i].data, t.list[i].data))
                        abort();
        return 0;
}
