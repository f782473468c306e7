/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tdx/verify/ccel.h"
#include "tdx/measure/measure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A TD's log: replayed, shown, and held beside a prediction of three events. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const regs[] = {"rtmr0", "rtmr1", "rtmr1"};
        struct sv_measurement m = {.values = sv_json_object()};
        SV_JSON *shown = NULL;
        SV_JSON *rows = sv_json_array();
        struct sv_err err = SV_ERR_NULL;
        struct sv_tdx_ccel c;

        if (sv_tdx_ccel_replay(sv_bytes(data, size), &c, &err) == 0) {
                for (size_t i = 0; i < 3; i++) {
                        struct sv_measure_step *s = sv_measurement_step(&m);

                        memcpy(s->reg, regs[i], sizeof("rtmr0"));
                        s->digest_size[1] = i == 1 ? 0 : 48;
                }
                sv_json_set_str(m.values, "rtmr1", "");
                sv_tdx_compare(&m, sv_bytes(data, size), rows, &err);
                sv_tdx_ccel_inspect(sv_bytes(data, size), &shown, &err);
        }
        sv_measurement_free(&m);
        return 0;
}
