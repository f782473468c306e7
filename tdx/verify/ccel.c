/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/verify/ccel.h"

#include "base/core/encoding.h"

#include <stdio.h>

static int replay_ccel(const struct sv_tcg_log *log, struct sv_tdx_ccel *out, struct sv_err *err)
{
        uint8_t values[SV_TCG_PCRS][SV_DIGEST_MAX];
        struct sv_tdx_ccel c = {.events = log->n};
        uint32_t seen;

        if (sv_tcg_log_replay(log, SV_SHA384, values, &seen, err) < 0)
                return -1;
        for (unsigned i = 0; i < SV_TDX_RTMRS; i++) {
                memcpy(c.rtmr[i], values[i + sv_registers_rtmr.first], sizeof(c.rtmr[i]));
                c.logged[i] = seen >> (i + sv_registers_rtmr.first) & 1;
        }
        *out = c;
        return 0;
}

int sv_tdx_ccel_replay(struct sv_bytes log, struct sv_tdx_ccel *out, struct sv_err *err)
{
        SV_TCG_LOG l = {0};

        return sv_tcg_log_parse(log, &sv_registers_rtmr, &l, err) < 0 ? -1
                                                                      : replay_ccel(&l, out, err);
}

int sv_tdx_ccel_check(struct sv_bytes log, const uint8_t rtmr[SV_TDX_RTMRS][48], bool *rtmr3,
                      struct sv_err *err)
{
        struct sv_tdx_ccel c;
        char want[97], got[97];

        if (sv_tdx_ccel_replay(log, &c, err) < 0)
                return -1;
        for (unsigned i = 0; i < 3; i++)
                if (!sv_bytes_eq(sv_bytes(c.rtmr[i], 48), sv_bytes(rtmr[i], 48)))
                        return sv_fail(err, SV_PROOF, "tdx.ccel.replay",
                                       "the event log leads to %s in RTMR%u, the quote says %s",
                                       sv_hex(sv_bytes(c.rtmr[i], 48), want), i,
                                       sv_hex(sv_bytes(rtmr[i], 48), got));
        *rtmr3 = sv_bytes_eq(sv_bytes(c.rtmr[3], 48), sv_bytes(rtmr[3], 48));
        return 0;
}

bool sv_tdx_ccel_here(struct sv_bytes file)
{
        struct sv_rd r = sv_rd(file);
        uint32_t reg = sv_rd_u32le(&r);
        const uint8_t *signature;

        sv_rd_seek(&r, 32);
        signature = sv_rd_take(&r, 16);
        return signature && reg == sv_registers_rtmr.first &&
               sv_bytes_eq(sv_bytes(signature, 16), sv_bytes("Spec ID Event03", 16));
}

int sv_tdx_ccel_inspect(struct sv_bytes file, struct sv_json **out, struct sv_err *err)
{
        SV_TCG_LOG log = {0};
        SV_JSON *j = NULL;
        struct sv_json *list;
        struct sv_tdx_ccel c;
        char text[192], name[16];

        if (!sv_tdx_ccel_here(file))
                return 0;
        if (sv_tcg_log_parse(file, &sv_registers_rtmr, &log, err) < 0 ||
            replay_ccel(&log, &c, err) < 0)
                return -1;
        j = sv_json_object();
        sv_json_set_str(j, "kind", "cc-event-log");
        list = sv_json_set(j, "events", sv_json_array());
        for (size_t i = 0; i < log.n; i++) {
                const struct sv_tcg_event *e = &log.events[i];
                struct sv_json *row = sv_json_add(list, sv_json_object());

                snprintf(name, sizeof(name), "rtmr%u", e->reg - 1u);
                sv_json_set_str(row, "register", e->reg ? name : "none");
                sv_json_set_str(row, "type", sv_tcg_type_name(e->type));
                sv_json_set_str(row, "what", sv_tcg_describe(e, text));
                sv_json_set_hex(row, "sha384", sv_tcg_digest(&log, e, SV_SHA384));
        }
        list = sv_json_set(j, "rtmrs", sv_json_object());
        for (unsigned i = 0; i < SV_TDX_RTMRS; i++) {
                snprintf(name, sizeof(name), "rtmr%u", i);
                if (c.logged[i])
                        sv_json_set_hex(list, name, sv_bytes(c.rtmr[i], 48));
        }
        *out = sv_json_ref(j);
        return 0;
}
