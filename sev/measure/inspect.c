/* SPDX-License-Identifier: Apache-2.0 */
/* What files of SEV-SNP say, by their beginning; nothing is verified. */
#include "sev/measure/measure.h"
#include "sev/verify/certs.h"

#include <stdio.h>

#include "base/core/rd.h"
#include "base/core/text.h"
#include "ovmf/inspect.h"
#include "sev/verify/evidence.h"
#include "sev/verify/hcl.h"
#include "sev/measure/idblock.h"
#include "sev/measure/igvm.h"

static uint32_t read_word(struct sv_bytes file, size_t at)
{
        struct sv_rd rd = sv_rd(file);

        sv_rd_seek(&rd, at);
        return sv_rd_u32le(&rd);
}

/* --- certificates --- */

static const char *get_vek_kind(enum sv_sev_key key)
{
        return key == SV_SEV_VCEK ? "VCEK" : "VLEK";
}

static void describe_vek(struct sv_json *row, const struct sv_cert *cert)
{
        struct sv_json *j;
        struct sv_vek v;

        if (sv_vek_parse(cert, &v, NULL) < 0)
                return;
        j = sv_json_set(row, "vek", sv_json_object());
        sv_json_set_str(j, "key", get_vek_kind(v.key));
        sv_json_set_str(j, "product", sv_sev_product_name(v.product));
        sv_json_set(j, "tcb", sv_tcb_json(&v.tcb, v.product));
        if (v.hwid_size)
                sv_json_set_hex(j, "hwid", sv_bytes(v.hwid, v.hwid_size));
        if (*v.csp_id)
                sv_json_set_str(j, "csp_id", v.csp_id);
}

static void describe_cert(struct sv_json *row, const struct sv_cert *cert)
{
        sv_inspect_certificate(cert, row);
        describe_vek(row, cert);
}

/* The host may have put anything under such a GUID: what is no certificate is said to be none. */
static void add_table(struct sv_json *out, const struct sv_cert_table *t)
{
        struct sv_json *list = sv_json_set(out, "certificates", sv_json_array());

        for (size_t i = 0; i < t->n; i++) {
                struct sv_json *row = sv_json_add(list, sv_json_object());
                SV_CERTS certs = {0};
                char guid[37];

                sv_json_set_str(row, "kind", sv_cert_kind_name(t->list[i].kind));
                sv_json_set_str(row, "guid", sv_format_uuid(t->list[i].guid, guid));
                sv_json_set_int(row, "size", (int64_t)t->list[i].data.n);
                if (t->list[i].kind <= SV_CERT_VLEK &&
                    sv_certs_parse(t->list[i].data, &certs, "snp.certtable", NULL) == 0)
                        describe_cert(row, certs.list[0]);
                else if (t->list[i].kind <= SV_CERT_VLEK)
                        sv_json_set_str(row, "error", "not an X.509 certificate");
        }
}

/* A table with a GUID that we know first, or one that is whole. */
static int inspect_cert_table(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        struct sv_cert_table t;
        struct sv_cert_table first = {.n = 0};
        bool known = false;

        if (file.n < 48)
                return 0;
        for (enum sv_cert_kind k = SV_CERT_ARK; k < SV_CERT_OTHER; k++) {
                SV_BUF head = SV_BUF_NULL;

                first.list[0] = (struct sv_cert_entry){.kind = k, .data = sv_bytes("x", 1)};
                first.n = 1;
                if (sv_cert_table_write(&first, &head, err) < 0)
                        return -1;
                known |= sv_bytes_eq(sv_bytes(head.p, 16), sv_bytes(file.p, 16));
        }
        if (sv_cert_table_parse(file, &t, known ? err : NULL) < 0)
                return known ? -1 : 0;
        if (!t.n)
                return 0;
        sv_json_set_str(out, "kind", "certificate-table");
        add_table(out, &t);
        return 0;
}

/* PEM or DER. Certificates of other makers are not described. */
static int inspect_vek(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        SV_CERTS certs = {0};
        struct sv_vek v;
        char name[256];

        if (sv_certs_parse(file, &certs, "snp.vek", NULL) < 0)
                return 0;
        sv_cert_subject_cn(certs.list[0], name);
        if (strcmp(name, "SEV-VCEK") && strcmp(name, "SEV-VLEK"))
                return 0;
        if (sv_vek_parse(certs.list[0], &v, err) < 0)
                return -1;
        sv_json_set_str(out, "kind", "vek-certificate");
        describe_cert(out, certs.list[0]);
        return 0;
}

/* --- reports --- */

static int add_report(struct sv_bytes raw, struct sv_json *out, struct sv_err *err)
{
        struct sv_report r;

        if (sv_report_parse(raw, &r, err) < 0)
                return -1;
        sv_json_set(out, "report", sv_report_claims(&r));
        return 0;
}

static int inspect_hcl(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        SV_JSON *runtime = NULL;
        struct sv_report r;
        struct sv_hcl h;

        if (!sv_hcl_is(file))
                return 0;
        if (sv_hcl_parse(file, &h, err) < 0 || sv_report_parse(h.report, &r, err) < 0)
                return -1;
        sv_json_set_str(out, "kind", "hcl-report");
        sv_json_set(out, "report", sv_report_claims(&r));
        sv_json_set_bool(out, "runtime_data_bound",
                         sv_hcl_bound(r.report_data, h.runtime_data, NULL) == 0);
        if (sv_json_parse(h.runtime_data, "snp.hcl.runtime_data", &runtime, NULL) == 0)
                sv_json_set(out, "runtime_data", sv_json_ref(runtime));
        else
                sv_json_set_int(out, "runtime_data_size", (int64_t)h.runtime_data.n);
        return 0;
}

/* 1184 bytes are nothing else; more must begin with a report that holds together. */
static int inspect_snp_report(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        struct sv_cert_table t = {.n = 0};
        struct sv_bytes head;
        struct sv_report r;

        file = sv_snp_skip_response_head(file);
        head = sv_bytes(file.p, SV_REPORT_SIZE);
        if (file.n < SV_REPORT_SIZE || read_word(file, 0) < 2 || read_word(file, 0) > 15 ||
            (file.n > SV_REPORT_SIZE && sv_report_parse(head, &r, NULL) < 0))
                return 0;
        sv_json_set_str(out, "kind", "snp-report");
        if (add_report(head, out, err) < 0 ||
            sv_cert_table_parse(sv_bytes(file.p + SV_REPORT_SIZE, file.n - SV_REPORT_SIZE), &t,
                                err) < 0)
                return -1;
        if (t.n)
                add_table(out, &t);
        return 0;
}

static int inspect_snp_evidence(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        SV_SNP_EVIDENCE e = {0};
        SV_JSON *j = NULL;

        if (!file.n || file.p[0] != '{' || sv_json_parse(file, "snp.evidence", &j, NULL) < 0 ||
            !sv_json_get(j, "attestation_report"))
                return 0;
        sv_json_set_str(out, "kind", "snp-evidence");
        if (sv_snp_evidence_read(j, &e, err) < 0 ||
            add_report(sv_bytes(e.report, sizeof(e.report)), out, err) < 0)
                return -1;
        if (e.certs.n)
                add_table(out, &e.certs);
        return 0;
}

/* --- launches --- */

static int inspect_id_block(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        struct sv_id_block b;

        if (file.n != SV_ID_BLOCK_SIZE)
                return 0;
        if (sv_id_block_parse(file, &b, err) < 0)
                return -1;
        sv_json_set_str(out, "kind", "id-block");
        sv_json_set(out, "id_block", sv_id_block_json(&b, NULL));
        return 0;
}

/* Both algorithms and the ID key's curve; a page that begins so and has another fault is one with a
 * fault. */
static int inspect_id_auth(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        struct sv_id_auth a;

        if (file.n != SV_ID_AUTH_SIZE || read_word(file, 0) != 1 || read_word(file, 4) > 1 ||
            read_word(file, 0x240) != 2)
                return 0;
        if (sv_id_auth_read(file, &a, err) < 0)
                return -1;
        sv_json_set_str(out, "kind", "id-auth");
        sv_json_set(out, "id_auth", sv_id_block_json(NULL, &a));
        return 0;
}

static int inspect_igvm(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        uint8_t digest[SV_SNP_DIGEST];
        struct sv_measurement m = {0};
        struct sv_json *list;
        bool has_vmsa;

        if (file.n < 4 || !sv_bytes_eq(sv_bytes(file.p, 4), sv_bytes("IGVM", 4)))
                return 0;
        if (sv_sev_igvm_digest(file, false, digest, &has_vmsa, &m, err) < 0) {
                sv_measurement_free(&m);
                return -1;
        }
        sv_json_set_str(out, "kind", "igvm");
        sv_json_set_hex(out, "launch_digest", sv_bytes(digest, sizeof(digest)));
        sv_json_set_bool(out, "has_vmsa", has_vmsa);
        list = sv_json_set(out, "pages", sv_json_array());
        for (size_t i = 0; i < m.n_steps; i++) {
                struct sv_json *row = sv_json_add(list, sv_json_object());

                sv_json_set_str(row, "type", m.steps[i].type);
                sv_json_set_str(row, "what", m.steps[i].what);
                if (sv_json_len(m.steps[i].inputs))
                        sv_json_set(row, "inputs", sv_json_ref(m.steps[i].inputs));
        }
        sv_measurement_free(&m);
        return 0;
}

int sv_sev_inspect(struct sv_bytes file, struct sv_json **out, struct sv_err *err)
{
        static int (*const kinds[])(struct sv_bytes, struct sv_json *, struct sv_err *) = {
                inspect_hcl,      inspect_igvm,    inspect_snp_evidence, inspect_snp_report,
                inspect_id_block, inspect_id_auth, inspect_cert_table,   inspect_vek,
        };
        SV_JSON *j = sv_json_object();

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                if (kinds[i](file, j, err) < 0)
                        return -1;
                if (!sv_json_get(j, "kind"))
                        continue;
                *out = sv_json_ref(j);
                return 0;
        }
        return 0;
}
