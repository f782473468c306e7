/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/verify/bundle.h"

#include "base/core/encoding.h"

#include <stdio.h>
#include <strings.h>

#define CHECK "tdx.bundle"

static const char *const kinds[SV_TDX_PARTS] = {
        "tcb-info", "tcb-info-chain", "qe-identity", "qe-identity-chain", "pck-crl", "root-ca-crl"};

const char *sv_tdx_part_kind(enum sv_tdx_part part)
{
        return kinds[part];
}

void sv_tdx_bundle_free(struct sv_tdx_bundle *b)
{
        for (int i = 0; i < SV_TDX_PARTS; i++)
                sv_buf_free(&b->part[i]);
        *b = (struct sv_tdx_bundle){0};
}

/* A list in hexadecimal, as PCCS and the tools around it write DER; absent or "": not in there. */
static int read_crl(const struct sv_json *text, struct sv_buf *out, struct sv_err *err)
{
        const char *hex = sv_json_str(text);

        if (sv_json_type(text) != SV_JSON_NULL && !hex)
                return sv_fail(err, SV_FORMAT, CHECK ".member",
                               "a revocation list is %s, hexadecimal text was expected",
                               sv_json_type_name(sv_json_type(text)));
        return hex ? sv_unhex(sv_bytes_str(hex), out, CHECK ".hex", err) : 0;
}

/* A signed document: a text that holds JSON, or the object itself. What Intel signed are its bytes,
 * so the object's are taken as they stand. */
static int read_document(struct sv_bytes whole, const struct sv_json *root, const char *pointer,
                         struct sv_buf *out, struct sv_err *err)
{
        const struct sv_json *doc = sv_json_pointer(root, pointer);

        if (sv_json_type(doc) == SV_JSON_OBJECT)
                sv_buf_put(out, sv_json_raw(whole, pointer));
        else if (sv_json_str(doc))
                sv_buf_puts(out, sv_json_str(doc));
        else if (sv_json_type(doc) != SV_JSON_NULL)
                return sv_fail(err, SV_FORMAT, CHECK ".member",
                               "%s: an object, or a text that holds one, was expected", pointer);
        return 0;
}

/* --- Intel's PcsClientTool --- */

static int read_bundle_chain(const struct sv_json *collaterals, const char *name,
                             struct sv_buf *out, struct sv_err *err)
{
        const char *text = sv_json_str(sv_json_get(sv_json_get(collaterals, "certificates"), name));

        return text ? sv_unpercent(text, out, CHECK ".chain", err) : 0;
}

static int read_pcs(struct sv_bytes text, const struct sv_json *root, const struct sv_pck *pck,
                    bool processor, struct sv_tdx_bundle *out, struct sv_err *err)
{
        const struct sv_json *c = sv_json_get(root, "collaterals"),
                             *infos = sv_json_get(c, "tcbinfos");
        char fmspc[13], pointer[64];

        sv_hex(sv_bytes(pck->fmspc, 6), fmspc);
        for (size_t i = 0; i < sv_json_len(infos) && !out->part[SV_TDX_TCB_INFO].n; i++) {
                const char *of = sv_json_str(sv_json_get(sv_json_at(infos, i), "fmspc"));

                snprintf(pointer, sizeof(pointer), "/collaterals/tcbinfos/%zu/tdx_tcbinfo", i);
                if (of && !strcasecmp(of, fmspc) &&
                    read_document(text, root, pointer, &out->part[SV_TDX_TCB_INFO], err) < 0)
                        return -1;
        }
        if (read_document(text, root, "/collaterals/tdqeidentity", &out->part[SV_TDX_QE_IDENTITY],
                          err) < 0 ||
            read_bundle_chain(c, "TCB-Info-Issuer-Chain", &out->part[SV_TDX_TCB_INFO_CHAIN], err) <
                    0 ||
            read_bundle_chain(c, "SGX-Enclave-Identity-Issuer-Chain",
                              &out->part[SV_TDX_QE_IDENTITY_CHAIN], err) < 0 ||
            read_crl(sv_json_get(sv_json_get(c, "pckcacrl"),
                                 processor ? "processorCrl" : "platformCrl"),
                     &out->part[SV_TDX_PCK_CRL], err) < 0)
                return -1;
        return read_crl(sv_json_get(c, "rootcacrl"), &out->part[SV_TDX_ROOT_CA_CRL], err);
}

/* --- dcap-qvl --- */

/* Body and signature are members of their own: put together again as Intel's service answers. */
static int join_document(const struct sv_json *root, const char *member, const char *body,
                         struct sv_buf *out, struct sv_err *err)
{
        char signature_member[64];
        const char *text, *signature;

        snprintf(signature_member, sizeof(signature_member), "%s_signature", member);
        if (sv_json_need_str(root, member, &text, CHECK, err) < 0 ||
            sv_json_need_str(root, signature_member, &signature, CHECK, err) < 0)
                return -1;
        if (strspn(signature, "0123456789abcdefABCDEF") != strlen(signature))
                return sv_fail(err, SV_FORMAT, CHECK ".hex", "%s is not hexadecimal",
                               signature_member);
        sv_buf_printf(out, "{\"%s\":", body);
        sv_buf_puts(out, text);
        sv_buf_printf(out, ",\"signature\":\"%s\"}", signature);
        return 0;
}

static int read_qvl(const struct sv_json *root, struct sv_tdx_bundle *out, struct sv_err *err)
{
        const char *info_chain, *qe_chain;

        if (join_document(root, "tcb_info", "tcbInfo", &out->part[SV_TDX_TCB_INFO], err) < 0 ||
            join_document(root, "qe_identity", "enclaveIdentity", &out->part[SV_TDX_QE_IDENTITY],
                          err) < 0 ||
            sv_json_need_str(root, "tcb_info_issuer_chain", &info_chain, CHECK, err) < 0 ||
            sv_json_need_str(root, "qe_identity_issuer_chain", &qe_chain, CHECK, err) < 0 ||
            read_crl(sv_json_get(root, "pck_crl"), &out->part[SV_TDX_PCK_CRL], err) < 0 ||
            read_crl(sv_json_get(root, "root_ca_crl"), &out->part[SV_TDX_ROOT_CA_CRL], err) < 0)
                return -1;
        sv_buf_puts(&out->part[SV_TDX_TCB_INFO_CHAIN], info_chain);
        sv_buf_puts(&out->part[SV_TDX_QE_IDENTITY_CHAIN], qe_chain);
        return 0;
}

int sv_tdx_bundle_read(struct sv_bytes text, const struct sv_pck *pck, bool processor,
                       struct sv_tdx_bundle *out, struct sv_err *err)
{
        SV_TDX_BUNDLE b = {0};
        SV_JSON *root = NULL;
        int r;

        if (sv_json_parse(text, CHECK, &root, err) < 0)
                return -1;
        if (sv_json_type(sv_json_get(root, "collaterals")) == SV_JSON_OBJECT)
                r = read_pcs(text, root, pck, processor, &b, err);
        else if (sv_json_get(root, "tcb_info"))
                r = read_qvl(root, &b, err);
        else
                r = sv_fail(err, SV_FORMAT, CHECK ".form",
                            "neither what Intel's PcsClientTool collects (\"collaterals\") nor the "
                            "collateral of a quote (\"tcb_info\"); a folder "
                            "of tcb_info.json, tcb_info_chain.pem, qe_identity.json, "
                            "qe_identity_chain.pem, pck_crl.der, root_ca_crl.der works too");
        for (int i = 0; i < SV_TDX_PARTS && r == 0; i++)
                r = sv_buf_ok(&b.part[i], kinds[i], err);
        if (r < 0)
                return -1;
        *out = b;
        b = (struct sv_tdx_bundle){0};
        return 0;
}
