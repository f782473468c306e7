/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/verify/evidence.h"

#include "base/core/limits.h"
#include "base/core/rd.h"
#include "base/core/text.h"
#include "sev/verify/evidence-form.h"
#include "sev/verify/hcl.h"

#define RESPONSE_RESERVED 24
#define RESPONSE_HEAD     (8 + RESPONSE_RESERVED)

void sv_snp_evidence_free(struct sv_snp_evidence *e)
{
        sv_buf_free(&e->data);
        sv_buf_free(&e->runtime_data);
        *e = (struct sv_snp_evidence){0};
}

/* --- certificates --- */

static int read_cert_kind(const struct sv_json *type, struct sv_cert_entry *e, struct sv_err *err)
{
        static const char *const other[] = {"OTHER", NULL};
        const char *name = sv_json_str(type), *uuid;

        for (e->kind = SV_CERT_ARK; name && e->kind < SV_CERT_OTHER; e->kind++)
                if (!strcmp(name, sv_cert_kind_name(e->kind)))
                        return 0;
        e->kind = SV_CERT_OTHER;
        if (name && !strcmp(name, "Empty"))
                return 0;
        if (sv_json_type(type) == SV_JSON_OBJECT &&
            sv_json_only(type, other, "snp.evidence", err) == 0 &&
            sv_json_need_str(type, "OTHER", &uuid, "snp.evidence", err) == 0)
                return sv_parse_uuid(uuid, e->guid, "snp.evidence.cert_chain", NULL) == 0
                               ? 0
                               : sv_fail(err, SV_FORMAT, "snp.evidence.cert_chain",
                                         "\"OTHER\" is no UUID");
        return sv_fail(err, SV_FORMAT, "snp.evidence.cert_chain",
                       "cert_type is none of ARK, ASK, VCEK, VLEK, CRL, Empty, {\"OTHER\":UUID}");
}

/* Two certificates of a kind would leave it to us which one is meant. */
static int check_cert_once(const struct sv_cert_table *t, const struct sv_cert_entry *e,
                           struct sv_err *err)
{
        if (e->kind != SV_CERT_OTHER && sv_cert_table_find(t, e->kind))
                return sv_fail(err, SV_FORMAT, "snp.evidence.cert_chain",
                               "cert_chain has two entries %s", sv_cert_kind_name(e->kind));
        return 0;
}

static int read_cert_entry(const struct sv_json *row, struct sv_snp_evidence *out,
                           struct sv_err *err)
{
        static const char *const members[] = {"cert_type", "data", NULL};
        struct sv_cert_entry e = {0};
        struct sv_json *data;
        size_t at = out->data.n;

        if (sv_json_only(row, members, "snp.evidence", err) < 0 ||
            sv_json_need_array(row, "data", &data, "snp.evidence", err) < 0 ||
            read_cert_kind(sv_json_get(row, "cert_type"), &e, err) < 0 ||
            check_cert_once(&out->certs, &e, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(data); i++) {
                int64_t v = sv_json_int(sv_json_at(data, i), -1);

                if (v < 0 || v > 255)
                        return sv_fail(err, SV_FORMAT, "snp.evidence.bytes", "data[%zu] is no byte",
                                       i);
                sv_buf_u8(&out->data, (uint8_t)v);
        }
        /* the address comes when the buffer has stopped growing */
        e.data = sv_bytes(NULL, out->data.n - at);
        out->certs.list[out->certs.n++] = e;
        return sv_buf_ok(&out->data, "certificates", err);
}

static int read_cert_chain(const struct sv_json *evidence, struct sv_snp_evidence *out,
                           struct sv_err *err)
{
        const struct sv_json *chain = sv_json_get(evidence, "cert_chain");
        size_t at = 0;

        if (sv_json_type(chain) == SV_JSON_NULL)
                return 0;
        if (sv_json_type(chain) != SV_JSON_ARRAY || sv_json_len(chain) > SV_SNP_CERTS_MAX)
                return sv_fail(
                        err, SV_FORMAT, "snp.evidence.cert_chain",
                        "null or an array of at most %d certificates was expected as cert_chain",
                        SV_SNP_CERTS_MAX);
        for (size_t i = 0; i < sv_json_len(chain); i++)
                if (read_cert_entry(sv_json_at(chain, i), out, err) < 0)
                        return sv_wrap(err, "cert_chain[%zu]", i);
        for (size_t i = 0; i < out->certs.n; at += out->certs.list[i++].data.n)
                out->certs.list[i].data.p = out->data.p + at;
        return 0;
}

static int read_snp_parts(const struct sv_json *evidence, struct sv_snp_evidence *out,
                          struct sv_err *err)
{
        static const char *const members[] = {"attestation_report", "cert_chain",
                                              "hcl_runtime_data", NULL};
        struct sv_json *report;

        if (sv_json_type(evidence) != SV_JSON_OBJECT)
                return sv_fail(err, SV_FORMAT, "snp.evidence.member",
                               "an object was expected as evidence, found %s",
                               sv_json_type_name(sv_json_type(evidence)));
        if (sv_json_only(evidence, members, "snp.evidence", err) < 0 ||
            sv_json_need_obj(evidence, "attestation_report", &report, "snp.evidence", err) < 0 ||
            sv_snp_form_read(report, out->report, err) < 0 ||
            read_cert_chain(evidence, out, err) < 0)
                return -1;
        out->has_runtime_data = sv_json_get(evidence, "hcl_runtime_data") != NULL;
        return out->has_runtime_data ? sv_json_need_b64(evidence, "hcl_runtime_data",
                                                        &out->runtime_data, "snp.evidence", err)
                                     : 0;
}

int sv_snp_evidence_read(const struct sv_json *evidence, struct sv_snp_evidence *out,
                         struct sv_err *err)
{
        SV_SNP_EVIDENCE e = {0};

        e.data.max = SV_SNP_CERT_TABLE_MAX;
        if (read_snp_parts(evidence, &e, err) < 0)
                return -1;
        *out = e;
        e = (struct sv_snp_evidence){0};
        return 0;
}

/* --- writing --- */

static void add_chain_cert(struct sv_json *chain, const struct sv_cert_entry *e)
{
        struct sv_json *row = sv_json_add(chain, sv_json_object());
        struct sv_json *data;
        char uuid[37];

        if (e->kind == SV_CERT_OTHER)
                sv_json_set_str(sv_json_set(row, "cert_type", sv_json_object()), "OTHER",
                                sv_format_uuid(e->guid, uuid));
        else
                sv_json_set_str(row, "cert_type", sv_cert_kind_name(e->kind));
        data = sv_json_set(row, "data", sv_json_array());
        for (size_t i = 0; i < e->data.n; i++)
                sv_json_add(data, sv_json_new_int(e->data.p[i]));
}

int sv_snp_evidence_write(struct sv_bytes report, const struct sv_cert_table *certs,
                          struct sv_json **out, struct sv_err *err)
{
        struct sv_report r;
        struct sv_json *chain;

        if (sv_report_parse(report, &r, err) < 0)
                return -1;
        *out = sv_json_object();
        sv_json_set(*out, "attestation_report", sv_snp_form_write(report.p, &r));
        if (!certs || !certs->n) {
                sv_json_set_str(*out, "cert_chain", NULL);
                return 0;
        }
        chain = sv_json_set(*out, "cert_chain", sv_json_array());
        for (size_t i = 0; i < certs->n; i++)
                add_chain_cert(chain, &certs->list[i]);
        return 0;
}

static int wrap_hcl(struct sv_bytes raw, struct sv_json **out, struct sv_err *err)
{
        struct sv_hcl h;

        if (sv_hcl_parse(raw, &h, err) < 0 || sv_snp_evidence_write(h.report, NULL, out, err) < 0)
                return -1;
        sv_json_set_b64(*out, "hcl_runtime_data", h.runtime_data);
        return 0;
}

struct sv_bytes sv_snp_skip_response_head(struct sv_bytes raw)
{
        struct sv_rd rd = sv_rd(raw);
        struct sv_bytes report;
        uint32_t status = sv_rd_u32le(&rd), size = sv_rd_u32le(&rd);
        struct sv_bytes reserved = sv_rd_bytes(&rd, RESPONSE_RESERVED), rest;

        report = sv_rd_bytes(&rd, SV_REPORT_SIZE);
        if (rd.bad || status || size != SV_REPORT_SIZE)
                return raw;
        rest = sv_bytes(report.p + report.n, raw.n - RESPONSE_HEAD - SV_REPORT_SIZE);
        return sv_bytes_are_zero(reserved) && sv_bytes_are_zero(rest) ? report : raw;
}

int sv_snp_evidence_wrap(struct sv_bytes raw, struct sv_json **out, struct sv_err *err)
{
        struct sv_cert_table certs = {.n = 0};

        raw = sv_snp_skip_response_head(raw);

        if (sv_hcl_is(raw))
                return wrap_hcl(raw, out, err);
        if (raw.n > SV_REPORT_SIZE) {
                if (sv_cert_table_parse(sv_bytes(raw.p + SV_REPORT_SIZE, raw.n - SV_REPORT_SIZE),
                                        &certs, NULL) < 0)
                        return sv_fail(err, SV_FORMAT, "snp.report.size",
                                       "%zu bytes follow the report's %u, and they are no "
                                       "certificate table",
                                       raw.n - SV_REPORT_SIZE, SV_REPORT_SIZE);
                raw.n = SV_REPORT_SIZE;
        }
        return sv_snp_evidence_write(raw, &certs, out, err);
}
