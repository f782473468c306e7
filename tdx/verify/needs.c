/* SPDX-License-Identifier: Apache-2.0 */
/* Which collateral a quote needs: Intel's Provisioning Certification Service, version 4, for this
 * platform's FMSPC and its certificate's CA. */
#include <stdio.h>

#include "tdx/verify/chain.h"
#include "tdx/verify/opened.h"
#include "tdx/verify/tee.h"

#define PCS  "https://api.trustedservices.intel.com"
#define ROOT "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
#define DAY  (24 * 60 * 60)

static struct sv_json *add_for_a_day(struct sv_json *out, const char *kind, const char *url,
                                     const char *form, const char *offline)
{
        struct sv_json *row = sv_needs_add(out, kind, url, form, offline);

        sv_json_set_int(row, "max_age", DAY);
        return row;
}

/* Intel's server sends the chain of a document's signer in a header of the answer. */
static void add_document(struct sv_json *out, const char *kind, const char *url,
                         const char *offline, const char *until, const char *header)
{
        struct sv_json *row = add_for_a_day(out, kind, url, "json", offline);
        char chain[64];

        snprintf(chain, sizeof(chain), "%s-chain", kind);
        sv_json_set_str(row, "next_update", until);
        sv_json_set_str(sv_json_set(row, "headers", sv_json_object()), header, chain);
}

int sv_tdx_platform(const struct sv_quote *quote, struct sv_pck *pck, bool *processor,
                    struct sv_err *err)
{
        SV_CERTS certs = {0};
        struct sv_pck p;
        char cn[256];

        if (sv_certs_parse(quote->pck_chain, &certs, "tdx.pck.chain", err) < 0)
                return -1;
        for (size_t i = 0; i < certs.n; i++) {
                sv_cert_subject_cn(certs.list[i], cn);
                if (strcmp(cn, "Intel SGX PCK Certificate"))
                        continue;
                sv_cert_issuer_cn(certs.list[i], cn);
                *processor = !strcmp(cn, "Intel SGX PCK Processor CA");
                if (sv_pck_parse(certs.list[i], &p, err) < 0)
                        return -1;
                *pck = p;
                return 0;
        }
        return sv_fail(err, SV_PROOF, "tdx.pck.name",
                       "the quote's chain of %zu certificates has no \"Intel SGX PCK Certificate\"",
                       certs.n);
}

int sv_tdx_needs(const struct sv_evidence *evidence, struct sv_json *out, struct sv_err *err)
{
        const struct sv_tdx_opened *o = (const struct sv_tdx_opened *)evidence;
        struct sv_pck pck;
        bool processor;
        char url[160], path[64], fmspc[13];

        if (sv_tdx_platform(&o->quote, &pck, &processor, err) < 0)
                return -1;
        snprintf(fmspc, sizeof(fmspc), "%02X%02X%02X%02X%02X%02X", pck.fmspc[0], pck.fmspc[1],
                 pck.fmspc[2], pck.fmspc[3], pck.fmspc[4], pck.fmspc[5]);
        snprintf(url, sizeof(url), PCS "/tdx/certification/v4/tcb?fmspc=%s", fmspc);
        snprintf(path, sizeof(path), "tdx/%s/tcb_info.json", fmspc);
        add_document(out, "tcb-info", url, path, "/tcbInfo/nextUpdate", "TCB-Info-Issuer-Chain");
        add_document(out, "qe-identity", PCS "/tdx/certification/v4/qe/identity",
                     "tdx/qe_identity.json", "/enclaveIdentity/nextUpdate",
                     "SGX-Enclave-Identity-Issuer-Chain");
        snprintf(url, sizeof(url), PCS "/sgx/certification/v4/pckcrl?ca=%s&encoding=der",
                 processor ? "processor" : "platform");
        snprintf(path, sizeof(path), "sgx/pck_crl_%s.der", processor ? "processor" : "platform");
        add_for_a_day(out, "pck-crl", url, "crl", path);
        sv_json_set_str(add_for_a_day(out, "root-ca-crl", ROOT, "crl", "sgx/root_ca_crl.der"),
                        "mirror_path", "/sgx/certification/v4/rootcacrl");
        return 0;
}
