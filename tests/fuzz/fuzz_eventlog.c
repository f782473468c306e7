/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/eventlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        uint8_t values[SV_TCG_PCRS][SV_DIGEST_MAX];
        SV_TCG_LOG log = {0};
        uint32_t seen;
        char text[192];

        if (sv_tcg_log_is_sha1(sv_bytes(data, size))
                    ? sv_tcg_log_parse_sha1(sv_bytes(data, size), &log, &err) < 0
                    : sv_tcg_log_parse(sv_bytes(data, size), &sv_registers_pcr, &log, &err) < 0)
                return 0;
        for (size_t i = 0; i < log.n; i++)
                sv_tcg_describe(&log.events[i], text);
        sv_tcg_log_replay(&log, SV_SHA256, values, &seen, &err);
        sv_tcg_log_replay(&log, SV_SHA384, values, &seen, &err);
        return 0;
}
