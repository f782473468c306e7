/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/encoding.h"
#include "sev/measure/measure.h"

#include "guest/init-data.h"

int sv_sev_host_data(const struct sv_sev_options *o, uint8_t out[32], bool *given,
                     struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;

        *given = o->host_data || o->init_data;
        memset(out, 0, 32);
        if (o->init_data)
                return sv_init_data(o->init_data, SV_SHA256, out, 32, "sev.init_data", err);
        if (o->host_data) {
                if (sv_unhex(sv_bytes_str(o->host_data), &raw, "guest.sev-snp.host_data", err) < 0)
                        return -1;
                memcpy(out, raw.p, raw.n < 32 ? raw.n : 32);
        }
        return 0;
}
