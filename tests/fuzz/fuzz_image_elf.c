/* SPDX-License-Identifier: Apache-2.0 */
#include "image/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_elf e;
        volatile size_t sum = 0;

        /* Walk every name, so that one without its terminator inside the file is seen. */
        if (sv_elf_parse(sv_bytes(data, size), &e, &err) == 0) {
                for (size_t i = 0; i < e.n_needed; i++)
                        sum += strlen(e.needed[i]);
                sum += (e.interp ? strlen(e.interp) : 0) + (e.soname ? strlen(e.soname) : 0);
        }
        return 0;
}
