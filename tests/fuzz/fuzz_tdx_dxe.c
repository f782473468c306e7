/* SPDX-License-Identifier: Apache-2.0 */
/* The volume of drivers of a TD's firmware: files by their names, and their titles. */
#include "tdx/measure/firmware.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const files[] = {"462caa21-7614-4503-836e-8ab6f4662331",
                                            "eec25bdc-67f2-4d95-b1d5-f81b2039d11d"};
        struct sv_tdx_firmware f = {.readable = true};
        struct sv_err err = SV_ERR_NULL;
        char title[64];

        if (sv_fv_parse(sv_bytes(data, size), &f.dxe, &err) < 0)
                return 0;
        for (size_t i = 0; i < 2; i++) {
                sv_tdx_firmware_file(&f, files[i], title);
                sv_tdx_firmware_file(&f, files[i], NULL);
        }
        return 0;
}
