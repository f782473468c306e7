/* SPDX-License-Identifier: Apache-2.0 */
#include "stub/tables.h"

const uint8_t *sv_bundle_view(const struct sv_memory_view *m, uint64_t address, size_t n)
{
        const struct sv_bundle *b = m->context;

        for (size_t i = 0; i < b->n; i++) {
                const struct sv_bundle_file *f = &b->files[i];

                if (f->memory && address >= f->address && address - f->address <= f->size &&
                    n <= f->size - (address - f->address))
                        return f->memory + (address - f->address);
        }
        return NULL;
}
