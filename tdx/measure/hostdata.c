/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/encoding.h"
#include "guest/init-data.h"
#include "tdx/options.h"

static int read_id(const char *hex, uint8_t out[48], bool *given, struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;

        if (!hex)
                return 0;
        if (sv_unhex(sv_bytes_str(hex), &raw, "guest.tdx.id", err) < 0)
                return -1;
        memcpy(out, raw.p, raw.n < 48 ? raw.n : 48);
        *given = true;
        return 0;
}

int sv_tdx_ids(const struct sv_tdx_options *o, struct sv_tdx_ids *out, struct sv_err *err)
{
        struct sv_tdx_ids ids = {.has_mrconfigid = o->init_data};

        if (o->init_data && sv_init_data(o->init_data, SV_SHA384, ids.mrconfigid,
                                         sizeof(ids.mrconfigid), "tdx.init_data", err) < 0)
                return -1;
        if (read_id(o->mrconfigid, ids.mrconfigid, &ids.has_mrconfigid, err) < 0 ||
            read_id(o->mrowner, ids.mrowner, &ids.has_mrowner, err) < 0 ||
            read_id(o->mrownerconfig, ids.mrownerconfig, &ids.has_mrownerconfig, err) < 0)
                return -1;
        *out = ids;
        return 0;
}
