/* SPDX-License-Identifier: Apache-2.0 */
/* A firmware image of two pages at most is enough for every table; larger ones only cost time. */
#include <string.h>

#include "sev/measure/launch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct sv_boot_hashes hashes;
        static uint8_t image[2 * 4096];
        struct sv_sev_launch in = {.vcpus = 2,
                                   .cpu_sig = 0x800f12,
                                   .features = 1,
                                   .hashes = size % 2 ? &hashes : NULL};
        struct sv_footer footer;
        struct sv_sev_meta meta;
        struct sv_err err = SV_ERR_NULL;
        uint8_t digest[SV_SNP_DIGEST];

        if (size > sizeof(image))
                return 0;
        /* the input is the end of the image, where the tables are */
        memset(image, 0, sizeof(image));
        memcpy(image + sizeof(image) - size, data, size);
        in.firmware = sv_bytes(image, sizeof(image));
        if (sv_footer_parse(in.firmware, &footer, &err) == 0 &&
            sv_sev_meta_parse(&footer, &meta, &err) == 0) {
                uint64_t pages = 0;

                for (size_t i = 0; i < meta.n; i++)
                        pages += meta.sections[i].len / 4096;
                if (pages < 4096)
                        sv_sev_launch_digest(&in, digest, NULL, &err);
        }
        return 0;
}
