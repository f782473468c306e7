/* SPDX-License-Identifier: Apache-2.0 */
/* An image with signatures, a shim, a unified kernel image; lists of signatures. */
#include <stdlib.h>

#include "ovmf/shim.h"
#include "ovmf/uki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static struct sv_varstore variables;
        struct sv_bytes in = sv_bytes(data, n);
        SV_SIGNED_IMAGE image = {.n = 0};
        struct sv_authority a = {.name = NULL};
        struct sv_siglist lists = sv_siglist(in);
        struct sv_signature s;
        struct sv_err err = SV_ERR_NULL;
        struct sv_shim shim;
        struct sv_uki uki;
        uint8_t digest[SV_DIGEST_MAX];
        char by[256];

        while (sv_siglist_next(&lists, &s, &err) > 0)
                ;
        variables.n = 1; /* the input as its own db */
        variables.list[0] = (struct sv_variable){.name = sv_bytes("d\0b", 4), .data = in};
        memcpy(variables.list[0].guid, sv_guid_security, 16);
        if (sv_signed_image_read(in, &image, &err) == 0) {
                sv_signed_image_by(&image, by);
                sv_firmware_authority(&variables, &image, &a, &err);
                sv_authority_free(&a);
        }
        if (sv_shim_read(in, &shim, &err) == 0) {
                sv_shim_unknown(&shim, &variables);
                if (sv_shim_authority(&shim, &variables, &image, &a, &err) > 0)
                        sv_authority_free(&a);
        }
        if (sv_uki_read(in, "fuzz", &uki, &err) == 0 && uki.stub &&
            sv_uki_initrd(&uki, SV_SHA384, digest, &err) < 0)
                abort();
        return 0;
}
