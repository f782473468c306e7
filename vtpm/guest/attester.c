/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's half: an attestation key in the TPM, its proof of origin, quotes over all PCRs, the
 * firmware's event log. */
#include <stdlib.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/crypto/x509.h"
#include "vtpm/verify/challenge.h"
#include "vtpm/guest/attester.h"
#include "vtpm/tee.h"
#include "vtpm/verify/template.h"
#include "vtpm/guest/tpm.h"

#define DEVICE     "/dev/tpmrm0"
#define EVENT_LOG  "/sys/kernel/security/tpm0/binary_bios_measurements"
#define EXTRA_DATA 32 /* of the binding's 48 bytes (docs/FORMATS.md, "vTPM evidence") */
#define SEAL_PCR   11
#define ALL_PCRS   0xffffffu
#define TRIES      4

/* Where a TPM's maker leaves EK certificates and keys (EK Credential Profile 2.5, section 2.2.1.4
 * and table 2), best first. */
static const struct {
        uint32_t cert;
        uint32_t key;
} ek_places[] = {
        {0x01c00002, 0x81010001}, /* RSA 2048 */
        {0x01c0000a, 0x8101000a}, /* ECC P-256 */
        {0x01c00016, 0x81010016}, /* ECC P-384 */
};

struct attester {
        struct sv_tpm *tpm;
        char *event_log;
        struct sv_buf ek_cert; /* DER; empty when the TPM holds none */
        sv_tpm_handle ek;
        struct sv_buf ak_tpm2b;
        sv_tpm_handle ak;
};

static void close_tpm_attester(void *state)
{
        struct attester *a = state;

        if (!a)
                return;
        sv_tpm_close(a->tpm);
        sv_buf_free(&a->ek_cert);
        sv_buf_free(&a->ak_tpm2b);
        free(a->event_log);
        free(a);
}

static void close_attester(struct attester **a)
{
        close_tpm_attester(*a);
}

/* Some TPMs pad the index behind the certificate: keep what its outer DER length says. */
static void trim_der(struct sv_buf *b)
{
        size_t n = b->n >= 4 && b->p[0] == 0x30 && b->p[1] == 0x82
                           ? 4u + ((size_t)b->p[2] << 8 | b->p[3])
                           : b->n;

        if (n < b->n)
                b->n = n;
}

static bool same_key(struct sv_bytes tpm2b, const struct sv_key *key)
{
        struct sv_tpm_public pub;
        SV_KEY *other =
                sv_tpm_read_public2b(tpm2b, &pub, NULL) == 0 ? sv_tpm_public_key(&pub, NULL) : NULL;
        SV_BUF a = SV_BUF_NULL, b = SV_BUF_NULL;

        return other && sv_key_spki(other, &a, NULL) == 0 && sv_key_spki(key, &b, NULL) == 0 &&
               sv_bytes_eq(sv_buf_bytes(&a), sv_buf_bytes(&b));
}

/* The certificate's key: from where the maker stored it, otherwise created from the TCG's template.
 */
static int open_ek_key(struct attester *a, uint32_t persistent, struct sv_err *err)
{
        SV_CERT *cert = sv_cert_from_der(sv_buf_bytes(&a->ek_cert), "tpm.ek", err);
        SV_KEY *key = cert ? sv_cert_key(cert, err) : NULL;
        SV_BUF template = SV_BUF_NULL, pub = SV_BUF_NULL;
        bool found;

        if (!key || sv_tpm_persistent(a->tpm, persistent, &a->ek, &pub, &found, err) < 0)
                return -1;
        if (found && same_key(sv_buf_bytes(&pub), key))
                return 0;
        if (found)
                sv_tpm_flush(a->tpm, a->ek);
        sv_buf_clear(&pub);
        if (sv_tpm_put_ek(&template, key, false, err) < 0 ||
            sv_buf_ok(&template, "EK template", err) < 0 ||
            sv_tpm_create_primary(a->tpm, sv_buf_bytes(&template), &a->ek, &pub, err) < 0)
                return -1;
        if (!same_key(sv_buf_bytes(&pub), key))
                return sv_fail(err, SV_SYSTEM, "tpm.ek",
                               "the TPM's endorsement key is not the one in its EK certificate");
        return 0;
}

static int open_ek(struct attester *a, struct sv_err *err)
{
        for (size_t i = 0; i < sizeof(ek_places) / sizeof(*ek_places); i++) {
                bool found;

                if (sv_tpm_nv_read(a->tpm, ek_places[i].cert, &a->ek_cert, &found, err) < 0)
                        return -1;
                if (!found)
                        continue;
                trim_der(&a->ek_cert);
                return open_ek_key(a, ek_places[i].key, err);
        }
        /* no certificate: this project's broker refuses and says why, Trustee has a list of keys */
        return 0;
}

int sv_vtpm_attester_open(const struct sv_vtpm_attester_config *config, void **state,
                          struct sv_err *err)
{
        __attribute__((cleanup(close_attester))) struct attester *a = calloc(1, sizeof(*a));
        SV_BUF template = SV_BUF_NULL;

        if (!a)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the attester");
        a->event_log = sv_asprintf("%s", config->event_log ? config->event_log : EVENT_LOG);
        a->tpm = sv_tpm_open(config->device, err);
        if (!a->tpm || open_ek(a, err) < 0)
                return -1;
        if (config->ak_template.n)
                sv_buf_put(&template, config->ak_template);
        else
                sv_tpm_put_ak(&template);
        if (sv_buf_ok(&template, "AK template", err) < 0 ||
            sv_tpm_create_primary(a->tpm, sv_buf_bytes(&template), &a->ak, &a->ak_tpm2b, err) < 0)
                return -1;
        *state = a;
        a = NULL;
        return 0;
}

static int open_tpm_attester(void **state, struct sv_err *err)
{
        return sv_vtpm_attester_open(&(struct sv_vtpm_attester_config){0}, state, err);
}

static bool has_tpm(void)
{
        return access(DEVICE, R_OK | W_OK) == 0;
}

static void set_ek_certs(const struct attester *a, struct sv_json *obj)
{
        SV_BUF text = SV_BUF_NULL;

        sv_put_base64(&text, sv_buf_bytes(&a->ek_cert));
        sv_json_add(sv_json_set(obj, "ek_certs", sv_json_array()),
                    sv_json_new_str(sv_buf_str(&text)));
}

static int write_tpm_hello(void *state, struct sv_json **params, struct sv_err *err)
{
        const struct attester *a = state;
        struct sv_json *ours;

        if (!a->ek_cert.n)
                return 0;
        *params = sv_json_object();
        ours = sv_json_set(*params, "secure-vm", sv_json_object());
        sv_json_set_b64(ours, "ak_tpm2b", sv_buf_bytes(&a->ak_tpm2b));
        set_ek_certs(a, ours);
        return 0;
}

/* Quote and values must be of the same moment: read, quote, read again. */
static int quote_bank(struct attester *a, enum sv_digest bank, struct sv_bytes extra,
                      struct sv_json *quote, struct sv_err *err)
{
        uint8_t before[SV_TPM_PCRS][SV_DIGEST_MAX] = {{0}},
                after[SV_TPM_PCRS][SV_DIGEST_MAX] = {{0}};
        SV_BUF message = SV_BUF_NULL, signature = SV_BUF_NULL;
        struct sv_json *pcrs;

        for (int i = 0; i < TRIES; i++) {
                sv_buf_clear(&message);
                sv_buf_clear(&signature);
                if (sv_tpm_pcr_read(a->tpm, bank, before, err) < 0 ||
                    sv_tpm_quote(a->tpm, a->ak, bank, ALL_PCRS, extra, &message, &signature, err) <
                            0 ||
                    sv_tpm_pcr_read(a->tpm, bank, after, err) < 0)
                        return -1;
                if (memcmp(before, after, sizeof(before)))
                        continue;
                sv_json_set_b64(quote, "message", sv_buf_bytes(&message));
                sv_json_set_b64(quote, "signature", sv_buf_bytes(&signature));
                pcrs = sv_json_set(quote, "pcrs", sv_json_array());
                for (int pcr = 0; pcr < SV_TPM_PCRS; pcr++) {
                        char hex[2 * SV_DIGEST_MAX + 1];

                        sv_json_add(pcrs,
                                    sv_json_new_str(sv_hex(
                                            sv_bytes(before[pcr], sv_digest_size(bank)), hex)));
                }
                return 0;
        }
        return sv_fail(err, SV_SYSTEM, "tpm.pcrs",
                       "PCRs of the %s bank changed during each of %d quotes", sv_digest_name(bank),
                       TRIES);
}

static int add_quotes(struct attester *a, struct sv_bytes report_data, struct sv_json *evidence,
                      struct sv_err *err)
{
        struct sv_bytes extra = sv_bytes(report_data.p, EXTRA_DATA);
        bool sha384;

        if (report_data.n < EXTRA_DATA)
                return sv_fail(err, SV_USAGE, "vtpm.report-data",
                               "expected at least %d bytes of report data, found %zu", EXTRA_DATA,
                               report_data.n);
        if (quote_bank(a, SV_SHA256, extra, sv_json_set(evidence, "tpm_quote", sv_json_object()),
                       err) < 0 ||
            sv_tpm_bank_active(a->tpm, SV_SHA384, &sha384, err) < 0)
                return -1;
        if (!sha384)
                return 0;
        return quote_bank(a, SV_SHA384, extra,
                          sv_json_set(evidence, "tpm_quote_sha384", sv_json_object()), err);
}

static int add_activation(struct attester *a, struct sv_bytes report_data,
                          const struct sv_json *challenge, struct sv_json *evidence,
                          struct sv_err *err)
{
        const struct sv_json *ours = sv_json_get(challenge, "secure-vm");
        SV_BUF blob = {.max = SV_TPM_BLOB_MAX}, encrypted = {.max = SV_TPM_BLOB_MAX};
        SV_SECRET *secret = NULL;
        uint8_t mac[32];

        if (!ours || !a->ek_cert.n)
                return 0; /* Trustee sends "" */
        if (sv_json_need_b64(ours, "credential_blob", &blob, "vtpm.challenge", err) < 0 ||
            sv_json_need_b64(ours, "encrypted_secret", &encrypted, "vtpm.challenge", err) < 0)
                return -1;
        secret = sv_tpm_activate(a->tpm, a->ak, a->ek, sv_buf_bytes(&blob),
                                 sv_buf_bytes(&encrypted), err);
        if (!secret ||
            sv_vtpm_activation_mac(sv_bytes(sv_secret_reveal(secret), sv_secret_size(secret)),
                                   report_data, mac, err) < 0)
                return -1;
        sv_json_set_b64(evidence, "activation", sv_bytes(mac, sizeof(mac)));
        return 0;
}

static int add_event_log(const struct attester *a, struct sv_json *evidence, struct sv_err *err)
{
        SV_BUF log = SV_BUF_NULL;
        struct sv_json *entry;

        if (access(a->event_log, R_OK) < 0)
                return 0;
        if (sv_file_read(a->event_log, SV_EVENTLOG_SIZE_MAX, &log, "vtpm.eventlog", err) < 0)
                return -1;
        entry = sv_json_add(sv_json_set(evidence, "event_logs", sv_json_array()), sv_json_object());
        sv_json_set_str(entry, "type", "tcg2");
        sv_json_set_b64(entry, "data", sv_buf_bytes(&log));
        return 0;
}

static int add_ak(const struct attester *a, struct sv_json *evidence, struct sv_err *err)
{
        struct sv_tpm_public pub;
        SV_KEY *key = NULL;
        SV_BUF spki = SV_BUF_NULL;

        if (sv_tpm_read_public2b(sv_buf_bytes(&a->ak_tpm2b), &pub, err) < 0 ||
            !(key = sv_tpm_public_key(&pub, err)) || sv_key_spki(key, &spki, err) < 0)
                return -1;
        sv_json_set_b64(evidence, "ak_public", sv_buf_bytes(&spki));
        sv_json_set_b64(evidence, "ak_tpm2b", sv_buf_bytes(&a->ak_tpm2b));
        if (a->ek_cert.n)
                set_ek_certs(a, evidence);
        return 0;
}

static int get_tpm_evidence(void *state, struct sv_bytes report_data,
                            const struct sv_json *challenge, struct sv_json **evidence,
                            struct sv_note *note, struct sv_err *err)
{
        struct attester *a = state;
        SV_JSON *e = sv_json_object();

        if (add_ak(a, e, err) < 0 || add_quotes(a, report_data, e, err) < 0 ||
            add_activation(a, report_data, challenge, e, err) < 0 || add_event_log(a, e, err) < 0)
                return -1;
        *evidence = e;
        e = NULL;
        return 0;
}

/* What runs after the unlock cannot show this PCR as zero again, and the policy wants it zero. */
static int seal_tpm(void *state, struct sv_note *note, struct sv_err *err)
{
        struct attester *a = state;

        return sv_tpm_pcr_event(a->tpm, SEAL_PCR, sv_bytes_str("secure-vm key released v1"), err);
}

const struct sv_attester sv_attester_vtpm = {
        .id = &sv_tee_vtpm,
        .present = has_tpm,
        .open = open_tpm_attester,
        .hello = write_tpm_hello,
        .evidence = get_tpm_evidence,
        .seal = seal_tpm,
        .close = close_tpm_attester,
};
