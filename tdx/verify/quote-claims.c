/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tdx/verify/quote.h"

static void set_u64(struct sv_json *j, const char *name, uint64_t v)
{
        char text[20];

        snprintf(text, sizeof(text), "0x%016llx", (unsigned long long)v);
        sv_json_set_str(j, name, text);
}

static const struct {
        const char *name;
        uint64_t bit;
} attribute_bits[] = {
        {"debug", SV_TD_DEBUG},
        {"servtd_ext", SV_TD_SERVTD_EXT},
        {"sept_ve_disable", SV_TD_SEPT_VE_DISABLE},
        {"migratable", SV_TD_MIGRATABLE},
        {"pks", SV_TD_PKS},
        {"kl", SV_TD_KL},
        {"perfmon", SV_TD_PERFMON},
};

/* Types 3 and 4 (sgx_quote_5.h, sgx_report2_body_v1_5_t and its extension). */
static void set_fields_15(struct sv_json *j, const struct sv_td_report *td)
{
        sv_json_set_hex(j, "tee_tcb_svn2", sv_bytes(td->tee_tcb_svn2, 16));
        sv_json_set_hex(j, "mrservicetd", sv_bytes(td->mrservicetd, 48));
        if (td->type == SV_TD_15EX)
                sv_json_set_hex(j, "extension", td->ex);
}

struct sv_json *sv_td_claims(const struct sv_td_report *td)
{
        struct sv_json *j = sv_json_object(), *bits;

        sv_json_set_int(j, "body_type", td->type);
        sv_json_set_hex(j, "tee_tcb_svn", sv_bytes(td->tee_tcb_svn, 16));
        sv_json_set_hex(j, "mrseam", sv_bytes(td->mrseam, 48));
        sv_json_set_hex(j, "mrsignerseam", sv_bytes(td->mrsignerseam, 48));
        set_u64(j, "seamattributes", td->seamattributes);
        set_u64(j, "tdattributes", td->tdattributes);
        bits = sv_json_set(j, "tdattributes_bits", sv_json_object());
        for (size_t i = 0; i < sizeof(attribute_bits) / sizeof(attribute_bits[0]); i++)
                sv_json_set_bool(bits, attribute_bits[i].name,
                                 td->tdattributes & attribute_bits[i].bit);
        sv_json_set_bool(bits, "unknown",
                         td->tdattributes & ~SV_TD_KNOWN ||
                                 (td->tdattributes & SV_TD_TUD & ~SV_TD_DEBUG));
        set_u64(j, "xfam", td->xfam);
        sv_json_set_hex(j, "mrtd", sv_bytes(td->mrtd, 48));
        sv_json_set_hex(j, "mrconfigid", sv_bytes(td->mrconfigid, 48));
        sv_json_set_hex(j, "mrowner", sv_bytes(td->mrowner, 48));
        sv_json_set_hex(j, "mrownerconfig", sv_bytes(td->mrownerconfig, 48));
        for (int i = 0; i < 4; i++) {
                char name[8];

                snprintf(name, sizeof(name), "rtmr%d", i);
                sv_json_set_hex(j, name, sv_bytes(td->rtmr[i], 48));
        }
        sv_json_set_hex(j, "reportdata", sv_bytes(td->reportdata, 64));
        if (td->type != SV_TD_10)
                set_fields_15(j, td);
        return j;
}
