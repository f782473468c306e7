/* SPDX-License-Identifier: Apache-2.0 */
/* What the files around TDX say, for `secure-vm inspect`. */
#include "base/core/limits.h"
#include "base/core/rd.h"
#include "base/core/text.h"
#include "tdx/verify/ccel.h"
#include "tdx/verify/evidence.h"
#include "tdx/verify/report.h"
#include "tdx/measure/measure.h"
#include "tdx/verify/tee.h"

static struct sv_json *set_kind(struct sv_json *j, const char *kind)
{
        sv_json_set_str(j, "kind", kind);
        return j;
}

static void add_chain(struct sv_json *j, struct sv_bytes pem)
{
        struct sv_json *list = sv_json_set(j, "certificates", sv_json_array());
        SV_CERTS certs = {0};
        char cn[256], text[32];
        int64_t from, to;

        if (sv_certs_parse(pem, &certs, "tdx.pck.chain", NULL) < 0)
                return;
        for (size_t i = 0; i < certs.n; i++) {
                struct sv_json *row = sv_json_add(list, sv_json_object());

                sv_cert_subject_cn(certs.list[i], cn);
                sv_json_set_str(row, "subject", cn);
                sv_cert_validity(certs.list[i], &from, &to);
                sv_json_set_str(row, "not_before", sv_format_time(from, text));
                sv_json_set_str(row, "not_after", sv_format_time(to, text));
        }
}

/* Version 4 or 5, key type 2 or 3, TEE type 0x81. */
static bool starts_with_quote(struct sv_bytes file)
{
        struct sv_rd r = sv_rd(file);
        uint16_t version = sv_rd_u16le(&r);

        sv_rd_skip(&r, 2);
        return (version == 4 || version == 5) && sv_rd_u32le(&r) == 0x81;
}

static int inspect_quote(struct sv_bytes file, struct sv_json **out, struct sv_err *err)
{
        struct sv_quote q;
        struct sv_json *j;
        struct sv_pck pck;
        bool processor;

        if (sv_quote_parse(file, &q, err) < 0)
                return -1;
        j = set_kind(sv_td_claims(&q.td), "td-quote");
        sv_json_set_int(j, "quote_version", q.version);
        sv_json_set_int(j, "trailing_bytes", (int64_t)q.trailing);
        sv_json_set_int(j, "qe_isvsvn", q.qe.isvsvn);
        if (sv_tdx_platform(&q, &pck, &processor, NULL) == 0) {
                sv_json_set_hex(j, "fmspc", sv_bytes(pck.fmspc, 6));
                sv_json_set_hex(j, "pceid", sv_bytes(pck.pceid, 2));
                sv_json_set_int(j, "pcesvn", pck.pcesvn);
        }
        add_chain(j, q.pck_chain);
        *out = j;
        return 0;
}

static int inspect_tdreport(struct sv_bytes file, struct sv_json **out, struct sv_err *err)
{
        struct sv_tdreport t;

        if (sv_tdreport_parse(file, &t, err) < 0)
                return -1;
        *out = set_kind(sv_td_claims(&t.td), "td-report");
        sv_json_set_hex(*out, "cpusvn", sv_bytes(t.cpusvn, 16));
        return 0;
}

/* --- Intel's documents --- */

static void add_levels(struct sv_json *j, const struct sv_json *from)
{
        static const char *const members[] = {"tcbDate", "tcbStatus", "tcb", "advisoryIDs", NULL};
        struct sv_json *list = sv_json_set(j, "levels", sv_json_array());

        for (size_t i = 0; i < sv_json_len(from); i++) {
                struct sv_json *row = sv_json_add(list, sv_json_object());

                for (size_t k = 0; members[k]; k++)
                        if (sv_json_get(sv_json_at(from, i), members[k]))
                                sv_json_set(
                                        row, members[k],
                                        sv_json_ref(sv_json_get(sv_json_at(from, i), members[k])));
        }
}

static struct sv_json *inspect_document(const struct sv_json *body, const char *kind)
{
        static const char *const members[] = {"id",
                                              "version",
                                              "issueDate",
                                              "nextUpdate",
                                              "fmspc",
                                              "pceId",
                                              "tcbEvaluationDataNumber",
                                              "mrsigner",
                                              "isvprodid",
                                              "tdxModuleIdentities",
                                              NULL};
        struct sv_json *j = set_kind(sv_json_object(), kind);

        for (size_t k = 0; members[k]; k++)
                if (sv_json_get(body, members[k]))
                        sv_json_set(j, members[k], sv_json_ref(sv_json_get(body, members[k])));
        add_levels(j, sv_json_get(body, "tcbLevels"));
        return j;
}

static struct sv_json *inspect_collection(const struct sv_json *collaterals)
{
        struct sv_json *j = set_kind(sv_json_object(), "pcs-collateral");
        struct sv_json *list = sv_json_set(j, "platforms", sv_json_array());
        const struct sv_json *infos = sv_json_get(collaterals, "tcbinfos");

        for (size_t i = 0; i < sv_json_len(infos); i++) {
                const struct sv_json *body =
                        sv_json_pointer(sv_json_at(infos, i), "/tdx_tcbinfo/tcbInfo");

                if (body)
                        sv_json_add(list, inspect_document(body, "tcb-info"));
        }
        return j;
}

/* The collateral of one quote, as dcap-qvl writes it: documents as texts. */
static struct sv_json *inspect_quote_collateral(const struct sv_json *root)
{
        static const struct {
                const char *member, *kind;
        } documents[] = {{"tcb_info", "tcb-info"}, {"qe_identity", "qe-identity"}};
        struct sv_json *j = set_kind(sv_json_object(), "quote-collateral");
        struct sv_json *list = sv_json_set(j, "documents", sv_json_array());

        for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
                const char *text = sv_json_str(sv_json_get(root, documents[i].member));
                SV_JSON *body = NULL;

                if (text && sv_json_parse(sv_bytes_str(text), "tdx.bundle", &body, NULL) == 0)
                        sv_json_add(list, inspect_document(body, documents[i].kind));
        }
        return j;
}

static int inspect_td_evidence(const struct sv_json *j, struct sv_json **out, struct sv_err *err)
{
        SV_TDX_EVIDENCE e = {0};
        struct sv_tdx_ccel c;

        if (sv_tdx_evidence_read(j, &e, err) < 0 ||
            inspect_quote(sv_buf_bytes(&e.quote), out, err) < 0)
                return -1;
        set_kind(*out, "tdx-evidence");
        if (e.event_log.n && sv_tdx_ccel_replay(sv_buf_bytes(&e.event_log), &c, NULL) == 0)
                sv_json_set_int(*out, "events", (int64_t)c.events);
        return 0;
}

/* JSON of another kind is no error: it is left to the other TEEs. */
static int inspect_json(struct sv_bytes file, struct sv_json **out, struct sv_err *err)
{
        SV_JSON *j = NULL;

        if (file.n > SV_JSON_SIZE_MAX || sv_json_parse(file, "tdx.bundle", &j, NULL) < 0)
                return 0;
        if (sv_json_str(sv_json_get(j, "quote")) && sv_json_len(j) <= 2)
                return inspect_td_evidence(j, out, err);
        if (sv_json_type(sv_json_get(j, "tcbInfo")) == SV_JSON_OBJECT)
                *out = inspect_document(sv_json_get(j, "tcbInfo"), "tcb-info");
        else if (sv_json_type(sv_json_get(j, "enclaveIdentity")) == SV_JSON_OBJECT)
                *out = inspect_document(sv_json_get(j, "enclaveIdentity"), "qe-identity");
        else if (sv_json_type(sv_json_get(j, "collaterals")) == SV_JSON_OBJECT)
                *out = inspect_collection(sv_json_get(j, "collaterals"));
        else if (sv_json_str(sv_json_get(j, "tcb_info")))
                *out = inspect_quote_collateral(j);
        return 0;
}

int sv_tdx_inspect(struct sv_bytes file, struct sv_json **out, struct sv_err *err)
{
        if (starts_with_quote(file))
                return inspect_quote(file, out, err);
        if (file.n == SV_TDREPORT_SIZE && file.p[0] == 0x81)
                return inspect_tdreport(file, out, err);
        if (sv_tdx_ccel_here(file))
                return sv_tdx_ccel_inspect(file, out, err);
        if (file.n && file.p[0] == '{')
                return inspect_json(file, out, err);
        return 0;
}
