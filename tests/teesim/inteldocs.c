/* SPDX-License-Identifier: Apache-2.0 */
/* Intel's reference values for the test platform, as the PCS serves them: compact JSON, signed over
 * the inner value's bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/buf.h"
#include "tests/teesim/intelpki.h"

const uint8_t intel_module_svn[16] = {5, 1, 2};
const uint8_t intel_qe_signer[32] = "the TD quoting enclave's signer";

#define DATES   "\"issueDate\":\"2020-01-02T00:00:00Z\",\"nextUpdate\":\"2049-12-31T00:00:00Z\""
#define NO_MASK "\"attributes\":\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\""
#define ZEROS                                                                                      \
        "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" \
        "00000000"

static const char *date_or(const char *date, const char *fixed)
{
        return date ? date : fixed;
}

static const char *or_good(const char *status)
{
        return status ? status : "UpToDate";
}

static void put_hex(struct sv_buf *b, const uint8_t *p, size_t n)
{
        while (n--)
                sv_buf_printf(b, "%02X", *p++);
}

static void put_status(struct sv_buf *b, const char *date, const char *status)
{
        sv_buf_printf(b, "\"tcbDate\":\"%s\",\"tcbStatus\":\"%s\"", date, status);
        if (!sv_bytes_eq(sv_bytes_str(status), sv_bytes_str("UpToDate")))
                sv_buf_puts(b, ",\"advisoryIDs\":[\"INTEL-SA-00001\"]");
        sv_buf_puts(b, "}");
}

static void put_components(struct sv_buf *b, const char *name, const uint8_t svn[16])
{
        sv_buf_printf(b, "\"%s\":[", name);
        for (unsigned i = 0; i < 16; i++)
                sv_buf_printf(b, "%s{\"svn\":%u}", i ? "," : "", svn[i]);
        sv_buf_puts(b, "]");
}

/* The level of a platform with these numbers. */
static void put_level(struct sv_buf *b, const uint8_t sgx[16], unsigned pcesvn,
                      const uint8_t tdx[16], const char *date, const char *status)
{
        sv_buf_puts(b, "{\"tcb\":{");
        put_components(b, "sgxtcbcomponents", sgx);
        sv_buf_printf(b, ",\"pcesvn\":%u,", pcesvn);
        put_components(b, "tdxtcbcomponents", tdx);
        sv_buf_puts(b, "},");
        put_status(b, date, status);
}

/* The first place that says `edit[0]` says `edit[1]`. */
static void apply(const char *const edit[2], struct sv_buf *body)
{
        struct sv_buf old = *body;
        const char *at = edit[0] ? strstr(sv_buf_str(&old), edit[0]) : NULL;

        if (!edit[0])
                return;
        if (!at) {
                fprintf(stderr, "inteldocs: the document does not say %s\n", edit[0]);
                exit(1);
        }
        *body = (struct sv_buf)SV_BUF_NULL;
        sv_buf_put(body, sv_bytes(old.p, (size_t)(at - (const char *)old.p)));
        sv_buf_puts(body, edit[1]);
        sv_buf_puts(body, at + strlen(edit[0]));
        sv_buf_free(&old);
}

static void put_signed(const struct intel_pki *pki, const char *name, const char *const edit[2],
                       struct sv_buf *body, struct sv_buf *out)
{
        uint8_t signature[64];

        apply(edit, body);

        intel_sign(pki->tcb_key, body->p, body->n, signature);
        sv_buf_printf(out, "{\"%s\":", name);
        sv_buf_put(out, sv_buf_bytes(body));
        sv_buf_puts(out, ",\"signature\":\"");
        put_hex(out, signature, sizeof(signature));
        sv_buf_puts(out, "\"}");
}

void intel_tcb_info(const struct intel_pki *pki, const struct intel_options *o, struct sv_buf *out)
{
        static const uint8_t older_sgx[16] = {5, 5, 2, 2, 3, 1, 0, 3}, older_tdx[16] = {3, 0, 1},
                             platform_tdx[16] = {5, 0, 2};
        SV_BUF b = SV_BUF_NULL;

        sv_buf_puts(&b, "{\"id\":\"TDX\",\"version\":3," DATES ",\"fmspc\":\"");
        put_hex(&b, o->fmspc, sizeof(o->fmspc));
        sv_buf_puts(&b, "\",\"pceId\":\"0000\",\"tcbType\":0,\"tcbEvaluationDataNumber\":17,"
                        "\"tdxModule\":{\"mrsigner\":\"" ZEROS "\"," NO_MASK "},"
                        "\"tdxModuleIdentities\":[{\"id\":\"TDX_01\",\"mrsigner\":\"" ZEROS
                        "\"," NO_MASK ",\"tcbLevels\":[");
        sv_buf_printf(&b, "{\"tcb\":{\"isvsvn\":%u},", intel_module_svn[0]);
        put_status(&b, date_or(o->date, "2025-03-12T00:00:00Z"), or_good(o->module));
        sv_buf_puts(&b, ",{\"tcb\":{\"isvsvn\":2},");
        put_status(&b, "2023-08-09T00:00:00Z", "OutOfDate");
        sv_buf_puts(&b, "]}],\"tcbLevels\":[");
        put_level(&b, intel_components, INTEL_PCESVN, platform_tdx,
                  date_or(o->date, "2025-05-14T00:00:00Z"), or_good(o->platform));
        sv_buf_puts(&b, ",");
        put_level(&b, older_sgx, 5, older_tdx, "2023-02-15T00:00:00Z", "OutOfDate");
        sv_buf_puts(&b, "]}");
        put_signed(pki, "tcbInfo", o->info, &b, out);
}

void intel_qe_identity(const struct intel_pki *pki, const struct intel_options *o,
                       struct sv_buf *out)
{
        SV_BUF b = SV_BUF_NULL;

        sv_buf_puts(&b, "{\"id\":\"TD_QE\",\"version\":2," DATES
                        ",\"tcbEvaluationDataNumber\":17,\"miscselect\":\"00000000\","
                        "\"miscselectMask\":\"FFFFFFFF\",\"attributes\":"
                        "\"11000000000000000000000000000000\","
                        "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":\"");
        put_hex(&b, intel_qe_signer, sizeof(intel_qe_signer));
        sv_buf_printf(&b, "\",\"isvprodid\":2,\"tcbLevels\":[{\"tcb\":{\"isvsvn\":%u},",
                      INTEL_QE_SVN);
        put_status(&b, date_or(o->date, "2025-03-12T00:00:00Z"), or_good(o->qe));
        sv_buf_puts(&b, "]}");
        put_signed(pki, "enclaveIdentity", o->identity, &b, out);
}
