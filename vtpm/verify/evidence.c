/* SPDX-License-Identifier: Apache-2.0 */
#include "vtpm/verify/evidence.h"

#include "base/core/encoding.h"
#include "base/core/limits.h"

static const char *const members[] = {"ak_public", "ak_tpm2b",   "tpm_quote",  "tpm_quote_sha384",
                                      "ek_certs",  "activation", "event_logs", NULL};
static const char *const quote_members[] = {"message", "signature", "pcrs", NULL};
static const char *const log_members[] = {"type", "data", NULL};

void sv_vtpm_evidence_free(struct sv_vtpm_evidence *e)
{
        sv_buf_free(&e->ak_spki);
        sv_buf_free(&e->ak_tpm2b);
        sv_buf_free(&e->activation);
        sv_cert_free(e->ek);
        sv_certs_free(&e->issuers);
        for (size_t i = 0; i < SV_VTPM_LOGS_MAX; i++)
                sv_buf_free(&e->logs[i]);
        for (size_t i = 0; i < SV_VTPM_BANKS; i++) {
                sv_buf_free(&e->banks[i].message);
                sv_buf_free(&e->banks[i].signature);
        }
        *e = (struct sv_vtpm_evidence){0};
}

static int read_blob(const struct sv_json *obj, const char *member, struct sv_buf *out,
                     struct sv_err *err)
{
        out->max = SV_TPM_BLOB_MAX;
        if (sv_json_need_b64(obj, member, out, "vtpm.evidence", err) < 0)
                return -1;
        if (!out->n)
                return sv_fail(err, SV_FORMAT, "vtpm.evidence.member", "\"%s\" is empty", member);
        return 0;
}

static int read_pcrs(const struct sv_json *quote, struct sv_vtpm_bank *bank, struct sv_err *err)
{
        size_t size = sv_digest_size(bank->bank);
        struct sv_json *pcrs;

        if (sv_json_need_array(quote, "pcrs", &pcrs, "vtpm.evidence", err) < 0)
                return -1;
        if (sv_json_len(pcrs) != SV_TPM_PCRS)
                return sv_fail(err, SV_FORMAT, "vtpm.evidence.pcrs",
                               "expected %d PCR values of the %s bank, found %zu", SV_TPM_PCRS,
                               sv_digest_name(bank->bank), sv_json_len(pcrs));
        for (size_t i = 0; i < SV_TPM_PCRS; i++) {
                const char *hex = sv_json_str(sv_json_at(pcrs, i));
                SV_BUF value = SV_BUF_NULL;

                if (!hex || strlen(hex) != 2 * size)
                        return sv_fail(err, SV_FORMAT, "vtpm.evidence.pcrs",
                                       "expected %zu hex digits as value of PCR %zu in the %s bank",
                                       2 * size, i, sv_digest_name(bank->bank));
                if (sv_unhex(sv_bytes_str(hex), &value, "vtpm.evidence.pcrs", err) < 0)
                        return -1;
                memcpy(bank->pcrs[i], value.p, size);
        }
        return 0;
}

static int read_quote(const struct sv_json *evidence, const char *member, struct sv_vtpm_bank *bank,
                      struct sv_err *err)
{
        struct sv_json *quote;

        if (sv_json_need_obj(evidence, member, &quote, "vtpm.evidence", err) < 0 ||
            sv_json_only(quote, quote_members, "vtpm.evidence", err) < 0 ||
            read_blob(quote, "message", &bank->message, err) < 0 ||
            read_blob(quote, "signature", &bank->signature, err) < 0 ||
            read_pcrs(quote, bank, err) < 0)
                return -1;
        bank->present = true;
        return 0;
}

int sv_vtpm_read_certs(const struct sv_json *array, struct sv_cert **leaf, struct sv_certs *issuers,
                       struct sv_err *err)
{
        SV_CERT *first = NULL;
        SV_CERTS rest = {0};
        size_t n = sv_json_len(array);

        if (sv_json_type(array) != SV_JSON_ARRAY || n < 1 || n > SV_CHAIN_MAX)
                return sv_fail(
                        err, SV_FORMAT, "vtpm.evidence.ek-certs",
                        "expected an array of 1 to %d certificates, the endorsement key's first",
                        SV_CHAIN_MAX);
        for (size_t i = 0; i < n; i++) {
                const char *text = sv_json_str(sv_json_at(array, i));
                SV_BUF der = {.max = SV_TPM_BLOB_MAX};
                struct sv_cert *cert;

                if (!text)
                        return sv_fail(err, SV_FORMAT, "vtpm.evidence.ek-certs",
                                       "certificate %zu: expected base64 of DER", i);
                if (sv_unbase64(sv_bytes_str(text), &der, "vtpm.evidence.ek-certs", err) < 0 ||
                    !(cert = sv_cert_from_der(sv_buf_bytes(&der), "vtpm.evidence.ek-certs", err)))
                        return -1;
                if (i == 0)
                        first = cert;
                else if (sv_certs_add(&rest, cert, err) < 0)
                        return -1;
        }
        *leaf = first;
        first = NULL;
        *issuers = rest;
        rest = (struct sv_certs){0};
        return 0;
}

static int read_logs(const struct sv_json *evidence, struct sv_vtpm_evidence *e, struct sv_err *err)
{
        struct sv_json *logs;

        if (sv_json_need_array(evidence, "event_logs", &logs, "vtpm.evidence", err) < 0)
                return -1;
        if (sv_json_len(logs) > SV_VTPM_LOGS_MAX)
                return sv_fail(err, SV_FORMAT, "vtpm.evidence.event-logs",
                               "at most %d event logs, found %zu", SV_VTPM_LOGS_MAX,
                               sv_json_len(logs));
        for (size_t i = 0; i < sv_json_len(logs); i++) {
                struct sv_json *log = sv_json_at(logs, i);
                const char *type;

                if (sv_json_need_str(log, "type", &type, "vtpm.evidence", err) < 0 ||
                    sv_json_only(log, log_members, "vtpm.evidence", err) < 0)
                        return -1;
                if (strcmp(type, "tcg2"))
                        return sv_fail(err, SV_FORMAT, "vtpm.evidence.event-logs",
                                       "event log %zu: expected the type \"tcg2\", found \"%.32s\"",
                                       i, type);
                e->logs[i].max = SV_EVENTLOG_SIZE_MAX;
                if (sv_json_need_b64(log, "data", &e->logs[i], "vtpm.evidence", err) < 0)
                        return -1;
                e->n_logs = i + 1;
        }
        return 0;
}

static int read_all(const struct sv_json *evidence, struct sv_vtpm_evidence *e, struct sv_err *err)
{
        if (sv_json_type(evidence) != SV_JSON_OBJECT)
                return sv_fail(err, SV_FORMAT, "vtpm.evidence.member",
                               "expected vTPM evidence to be an object, found %s",
                               sv_json_type_name(sv_json_type(evidence)));
        if (sv_json_only(evidence, members, "vtpm.evidence", err) < 0 ||
            read_blob(evidence, "ak_public", &e->ak_spki, err) < 0 ||
            read_quote(evidence, "tpm_quote", &e->banks[0], err) < 0)
                return -1;
        if (sv_json_get(evidence, "tpm_quote_sha384") &&
            read_quote(evidence, "tpm_quote_sha384", &e->banks[1], err) < 0)
                return -1;
        if (sv_json_get(evidence, "ak_tpm2b") &&
            read_blob(evidence, "ak_tpm2b", &e->ak_tpm2b, err) < 0)
                return -1;
        if (sv_json_get(evidence, "activation") &&
            read_blob(evidence, "activation", &e->activation, err) < 0)
                return -1;
        if (sv_json_get(evidence, "ek_certs") &&
            sv_vtpm_read_certs(sv_json_get(evidence, "ek_certs"), &e->ek, &e->issuers, err) < 0)
                return -1;
        if (sv_json_get(evidence, "event_logs") && read_logs(evidence, e, err) < 0)
                return -1;
        return 0;
}

int sv_vtpm_evidence_read(const struct sv_json *evidence, struct sv_vtpm_evidence *out,
                          struct sv_err *err)
{
        SV_VTPM_EVIDENCE e = {.banks = {{.bank = SV_SHA256}, {.bank = SV_SHA384}}};

        if (read_all(evidence, &e, err) < 0)
                return -1;
        *out = e;
        e = (struct sv_vtpm_evidence){0};
        return 0;
}
