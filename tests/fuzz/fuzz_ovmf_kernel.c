/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel image as the prediction reads it: setup header, QEMU's changes, what the digest covers.
 */
#include <stdlib.h>

#include "ovmf/linux.h"
#include "ovmf/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_linux_boot boot = {
                .memory = 1u << 30, .initrd_size = size, .cmdline = "quiet vga=ask"};
        struct sv_err err = SV_ERR_NULL;
        uint8_t *copy = malloc(size ? size : 1), digest[SV_DIGEST_MAX];
        struct sv_linux image;
        struct sv_bytes section;
        struct sv_pe pe;

        if (!copy)
                return 0;
        memcpy(copy, data, size);
        if (sv_linux_parse(sv_bytes(copy, size), &image, &err) == 0)
                sv_linux_qemu(&image, copy, &boot, &err);
        if (sv_pe_parse(sv_bytes(copy, size), &pe, &err) == 0)
                sv_pe_digest(&pe, SV_SHA256, digest, &err);
        if (sv_pe_section(sv_bytes(copy, size), ".text", &section, &err) > 0)
                sv_digest(SV_SHA256, section, digest, &err);
        free(copy);
        return 0;
}
