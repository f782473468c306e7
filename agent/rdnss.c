/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rdnss.h"

#include "base/core/rd.h"

#define TYPE_RESOLVERS 25

int sv_rdnss_parse(struct sv_bytes options, uint8_t out[SV_RESOLVERS_MAX][16], size_t *n,
                   struct sv_err *err)
{
        uint8_t found[SV_RESOLVERS_MAX][16];
        struct sv_rd r = sv_rd(options);
        size_t count = 0;

        while (sv_rd_left(&r)) {
                uint8_t type = sv_rd_u8(&r), units = sv_rd_u8(&r);
                struct sv_rd value = sv_rd_sub(&r, units ? units * 8u - 2 : SIZE_MAX);
                uint32_t lifetime;

                if (sv_rd_ok(&value, "agent.rdnss", "option of an announcement", err) < 0)
                        return -1;
                if (type != TYPE_RESOLVERS)
                        continue;
                sv_rd_skip(&value, 2);
                lifetime = sv_rd_u32be(&value);
                while (sv_rd_left(&value)) {
                        const uint8_t *a = sv_rd_take(&value, 16);

                        if (a && lifetime && count < SV_RESOLVERS_MAX)
                                memcpy(found[count++], a, 16);
                }
                if (sv_rd_done(&value, "agent.rdnss", "list of resolvers", err) < 0)
                        return -1;
        }
        for (size_t i = 0; i < count; i++)
                memcpy(out[i], found[i], sizeof(found[i]));
        *n = count;
        return 0;
}
