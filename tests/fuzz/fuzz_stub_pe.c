/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel as the stub loads it, and the stub itself in memory. */
#include <stdlib.h>

#include "stub/pe-load.h"

#define MEMORY_MAX (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_bytes file = sv_bytes(data, size), section;
        struct sv_err err = SV_ERR_NULL;
        struct sv_pe_load pe;
        uint8_t *memory;

        if (sv_pe_load_read(file, &pe, &err) < 0)
                return 0;
        if (sv_pe_load_find(&pe, file, ".linux\0", &section, &err) > 0 && section.n) {
                volatile uint8_t last = section.p[section.n - 1];

                (void)last;
        }
        if (sv_pe_load_check(&pe, file, &err) < 0 || pe.size > MEMORY_MAX)
                return 0;
        memory = malloc(pe.size ? pe.size : 1);
        if (memory)
                sv_pe_load_place(&pe, file, memory);
        free(memory);
        return 0;
}
