/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that is taken by QEMU's driver has all of its bytes in its own file. */
#include <stdlib.h>
#include <string.h>

#include "image/container.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_bytes head = sv_bytes(data, size);
        struct sv_container c = sv_container_of(head);
        struct sv_err err = SV_ERR_NULL;

        sv_container_table(head);
        if (c.driver && !c.name)
                abort();
        if (sv_container_check(&c, head, &err) < 0) {
                if (!c.driver || strncmp(err.check, "image.container.", 16))
                        abort();
                return 0;
        }
        if (c.driver && !strcmp(c.driver, "qcow2") && memcmp(data + 8, "\0\0\0\0\0\0\0\0", 8))
                abort();
        return 0;
}
