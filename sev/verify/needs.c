/* SPDX-License-Identifier: Apache-2.0 */
/* Which collateral a report needs, as URLs of AMD's key server (AMD 57230, chapter 4), and as paths
 * of the offline store that Trustee reads. */
#include <stdio.h>

#include "base/core/encoding.h"
#include "sev/verify/certs.h"
#include "sev/verify/opened.h"
#include "sev/verify/tee.h"

#define KDS "https://kdsintf.amd.com"
#define DAY (24 * 60 * 60)

/* One VCEK for ever: (product, key type, hardware id, REPORTED_TCB) are the URL. */
static void add_vcek(struct sv_json *out, const struct sv_report *r)
{
        bool fmc = r->product == SV_SEV_TURIN || r->product == SV_SEV_VENICE;
        const struct sv_tcb *t = &r->reported_tcb;
        char hwid[129], first[16] = "", last[16] = "", url[320], path[256];

        sv_hex(sv_bytes(r->chip_id, fmc ? 8 : 64), hwid);
        if (fmc) {
                snprintf(first, sizeof(first), "fmcSPL=%02u&", t->fmc);
                snprintf(last, sizeof(last), "_fmc%02u", t->fmc);
        }
        snprintf(url, sizeof(url),
                 KDS "/vcek/v1/%s/%s?%sblSPL=%02u&teeSPL=%02u&snpSPL=%02u&ucodeSPL=%02u",
                 sv_sev_product_name(r->product), hwid, first, t->bootloader, t->tee, t->snp,
                 t->microcode);
        snprintf(path, sizeof(path), "vcek/%s/bl%02u_tee%02u_snp%02u_ucode%02u%s_vcek.der", hwid,
                 t->bootloader, t->tee, t->snp, t->microcode, last);
        sv_needs_add(out, "vek", url, "cert", path);
}

static bool is_chain_builtin(const struct sv_report *r)
{
        struct sv_bytes issuer, ark;

        return sv_sev_builtin(r->product, sv_report_signing_key(r), &issuer, &ark);
}

int sv_snp_needs(const struct sv_evidence *evidence, struct sv_json *out, struct sv_err *err)
{
        const struct sv_snp_opened *o = (const struct sv_snp_opened *)evidence;
        const struct sv_report *r = &o->report;
        struct sv_json *row;
        const char *key;
        char url[128], path[128];

        key = sv_report_signing_key(r) == SV_SEV_VLEK ? "vlek" : "vcek";
        /* A VLEK is its cloud provider's to give out; one that came with the evidence need not be
         * fetched; with a masked CHIP_ID nobody knows which one to ask for. */
        if (sv_report_signing_key(r) == SV_SEV_VCEK &&
            !sv_bytes_are_zero(sv_bytes(r->chip_id, sizeof(r->chip_id))) &&
            !sv_cert_table_find(&o->e.certs, SV_CERT_VCEK))
                add_vcek(out, r);
        if (!sv_cert_table_find(&o->e.certs, SV_CERT_ASK) ||
            !sv_cert_table_find(&o->e.certs, SV_CERT_ARK)) {
                snprintf(url, sizeof(url), KDS "/%s/v1/%s/cert_chain", key,
                         sv_sev_product_name(r->product));
                snprintf(path, sizeof(path), "%s/%s/cert_chain.pem", key,
                         sv_sev_product_name(r->product));
                row = sv_needs_add(out, "ca", url, "certs", path);
                sv_json_set_bool(row, "optional", is_chain_builtin(r));
        }
        snprintf(url, sizeof(url), KDS "/%s/v1/%s/crl", key, sv_sev_product_name(r->product));
        snprintf(path, sizeof(path), "%s/%s/crl.der", key, sv_sev_product_name(r->product));
        row = sv_needs_add(out, "crl", url, "crl", path);
        sv_json_set_int(row, "max_age", DAY);
        sv_json_set_bool(row, "optional", true);
        return 0;
}
