/* SPDX-License-Identifier: Apache-2.0 */
/* Through tpm2-tss's ESYS (base/tpm/tpm-device.h). */
#include "vtpm/guest/tpm.h"

#include <stdlib.h>
#include <tss2/tss2_mu.h>

#include "base/core/limits.h"
#include "base/tpm/tpm-device.h"

#define KEYS_MAX     8
/* every TPM reads so much at once (PC Client profile: TPM_PT_NV_BUFFER_MAX) */
#define NV_CHUNK     512
#define PCR_TRIES    8
#define PCRS_AT_ONCE 8 /* TPML_DIGEST holds eight */

struct sv_tpm {
        struct sv_tpm_device device;
        struct {
                ESYS_TR tr;
                bool persistent;
        } keys[KEYS_MAX];
        size_t n_keys;
};

struct sv_tpm *sv_tpm_open(const char *device, struct sv_err *err)
{
        struct sv_tpm *t = calloc(1, sizeof(*t));

        if (!t) {
                sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the way to the TPM");
                return NULL;
        }
        if (sv_tpm_device_open(device, &t->device, err) == 0)
                return t;
        free(t);
        return NULL;
}

void sv_tpm_close(struct sv_tpm *t)
{
        if (!t)
                return;
        while (t->n_keys)
                sv_tpm_flush(t, t->keys[t->n_keys - 1].tr);
        sv_tpm_device_close(&t->device);
        free(t);
}

void sv_tpm_closep(struct sv_tpm **t)
{
        sv_tpm_close(*t);
}

/* --- handles --- */

static int keep_key(struct sv_tpm *t, ESYS_TR tr, bool persistent, struct sv_err *err)
{
        if (t->n_keys == KEYS_MAX)
                return sv_fail(err, SV_SYSTEM, "tpm.keys", "more than %d keys at once", KEYS_MAX);
        t->keys[t->n_keys].tr = tr;
        t->keys[t->n_keys++].persistent = persistent;
        return 0;
}

void sv_tpm_flush(struct sv_tpm *t, sv_tpm_handle key)
{
        for (size_t i = 0; i < t->n_keys; i++) {
                ESYS_TR tr = t->keys[i].tr;

                if (tr != key)
                        continue;
                if (t->keys[i].persistent)
                        Esys_TR_Close(t->device.esys, &tr);
                else
                        Esys_FlushContext(t->device.esys, tr);
                t->keys[i] = t->keys[--t->n_keys];
                return;
        }
}

/* --- NV --- */

int sv_tpm_nv_read(struct sv_tpm *t, uint32_t index, struct sv_buf *out, bool *found,
                   struct sv_err *err)
{
        SV_ESYS TPM2B_NV_PUBLIC *pub = NULL;
        SV_ESYS TPM2B_NAME *name = NULL;
        ESYS_TR tr = ESYS_TR_NONE;
        SV_BUF data = {.max = SV_TPM_BLOB_MAX};
        TSS2_RC rc;

        if (sv_tpm_has_handle(t->device.esys, index, found, err) < 0)
                return -1;
        if (!*found)
                return 0;
        rc = Esys_TR_FromTPMPublic(t->device.esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                   &tr);
        if (rc == TSS2_RC_SUCCESS)
                rc = Esys_NV_ReadPublic(t->device.esys, tr, ESYS_TR_NONE, ESYS_TR_NONE,
                                        ESYS_TR_NONE, &pub, &name);
        for (uint16_t at = 0; rc == TSS2_RC_SUCCESS && at < pub->nvPublic.dataSize;) {
                uint16_t n = pub->nvPublic.dataSize - at > NV_CHUNK
                                     ? NV_CHUNK
                                     : (uint16_t)(pub->nvPublic.dataSize - at);
                SV_ESYS TPM2B_MAX_NV_BUFFER *chunk = NULL;

                rc = Esys_NV_Read(t->device.esys, tr, tr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                  ESYS_TR_NONE, n, at, &chunk);
                if (rc == TSS2_RC_SUCCESS)
                        sv_buf_put(&data, sv_bytes(chunk->buffer, chunk->size));
                at = (uint16_t)(at + n);
        }
        if (tr != ESYS_TR_NONE)
                Esys_TR_Close(t->device.esys, &tr);
        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.nv", "reading an NV index", rc);
        sv_buf_put(out, sv_buf_bytes(&data));
        if (sv_buf_ok(&data, "NV index", err) < 0)
                return -1;
        return sv_buf_ok(out, "NV index", err);
}

/* --- keys --- */

static int marshal_public(const TPM2B_PUBLIC *pub, struct sv_buf *out, struct sv_err *err)
{
        uint8_t bytes[sizeof(*pub)];
        size_t n = 0;
        TSS2_RC rc = Tss2_MU_TPM2B_PUBLIC_Marshal(pub, bytes, sizeof(bytes), &n);

        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.key", "writing a public area", rc);
        sv_buf_put(out, sv_bytes(bytes, n));
        return sv_buf_ok(out, "public area", err);
}

int sv_tpm_create_primary(struct sv_tpm *t, struct sv_bytes template2b, sv_tpm_handle *key,
                          struct sv_buf *public2b, struct sv_err *err)
{
        TPM2B_SENSITIVE_CREATE sensitive = {0};
        TPM2B_DATA outside = {0};
        TPML_PCR_SELECTION none = {0};
        TPM2B_PUBLIC template = {0};
        SV_ESYS TPM2B_PUBLIC *pub = NULL;
        ESYS_TR tr;
        size_t at = 0;
        TSS2_RC rc = Tss2_MU_TPM2B_PUBLIC_Unmarshal(template2b.p, template2b.n, &at, &template);

        if (rc == TSS2_RC_SUCCESS)
                rc = Esys_CreatePrimary(t->device.esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD,
                                        ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template, &outside,
                                        &none, &tr, &pub, NULL, NULL, NULL);
        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.key", "creating a primary key", rc);
        if (keep_key(t, tr, false, err) < 0) {
                Esys_FlushContext(t->device.esys, tr);
                return -1;
        }
        *key = tr;
        return marshal_public(pub, public2b, err);
}

int sv_tpm_persistent(struct sv_tpm *t, uint32_t handle, sv_tpm_handle *key,
                      struct sv_buf *public2b, bool *found, struct sv_err *err)
{
        SV_ESYS TPM2B_PUBLIC *pub = NULL;
        ESYS_TR tr;
        TSS2_RC rc;

        if (sv_tpm_has_handle(t->device.esys, handle, found, err) < 0)
                return -1;
        if (!*found)
                return 0;
        rc = Esys_TR_FromTPMPublic(t->device.esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                   &tr);
        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.key", "opening a persistent key", rc);
        if (keep_key(t, tr, true, err) < 0) {
                Esys_TR_Close(t->device.esys, &tr);
                return -1;
        }
        rc = Esys_ReadPublic(t->device.esys, tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub,
                             NULL, NULL);
        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.key", "reading a persistent key", rc);
        *key = tr;
        return marshal_public(pub, public2b, err);
}

/* --- PCRs --- */

static TPML_PCR_SELECTION select_pcrs(enum sv_digest bank, uint32_t mask)
{
        return (TPML_PCR_SELECTION){
                .count = 1,
                .pcrSelections = {{
                        .hash = sv_tpm_alg(bank),
                        .sizeofSelect = SV_TPM_PCRS / 8,
                        .pcrSelect = {(uint8_t)mask, (uint8_t)(mask >> 8), (uint8_t)(mask >> 16)},
                }},
        };
}

int sv_tpm_bank_active(struct sv_tpm *t, enum sv_digest bank, bool *active, struct sv_err *err)
{
        SV_ESYS TPMS_CAPABILITY_DATA *data = NULL;
        TPMI_YES_NO more;
        TSS2_RC rc = Esys_GetCapability(t->device.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                        TPM2_CAP_PCRS, 0, 1, &more, &data);

        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.capability", "listing PCR banks", rc);
        *active = false;
        for (uint32_t i = 0; i < data->data.assignedPCR.count; i++) {
                const TPMS_PCR_SELECTION *s = &data->data.assignedPCR.pcrSelections[i];

                if (s->hash == sv_tpm_alg(bank) && s->sizeofSelect >= 3 &&
                    (s->pcrSelect[0] & s->pcrSelect[1] & s->pcrSelect[2]) == 0xff)
                        *active = true;
        }
        return 0;
}

/* One pass over all PCRs; *steady tells whether none was extended meanwhile. */
static int read_pcrs_once(struct sv_tpm *t, enum sv_digest bank,
                          uint8_t pcrs[SV_TPM_PCRS][SV_DIGEST_MAX], bool *steady,
                          struct sv_err *err)
{
        uint32_t first = 0, counter = 0;

        for (unsigned at = 0; at < SV_TPM_PCRS; at += PCRS_AT_ONCE) {
                TPML_PCR_SELECTION in = select_pcrs(bank, 0xffu << at);
                SV_ESYS TPML_PCR_SELECTION *selected = NULL;
                SV_ESYS TPML_DIGEST *values = NULL;
                TSS2_RC rc = Esys_PCR_Read(t->device.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                           &in, &counter, &selected, &values);

                if (rc != TSS2_RC_SUCCESS)
                        return sv_tpm_fail(err, "tpm.pcrs", "reading PCRs", rc);
                if (values->count != PCRS_AT_ONCE)
                        return sv_fail(err, SV_SYSTEM, "tpm.pcrs",
                                       "the TPM gave %u of %d PCRs: is the %s bank active?",
                                       values->count, PCRS_AT_ONCE, sv_digest_name(bank));
                for (unsigned i = 0; i < PCRS_AT_ONCE; i++) {
                        if (values->digests[i].size != sv_digest_size(bank))
                                return sv_fail(err, SV_SYSTEM, "tpm.pcrs", "PCR %u has %u bytes",
                                               at + i, values->digests[i].size);
                        memcpy(pcrs[at + i], values->digests[i].buffer, values->digests[i].size);
                }
                if (at == 0)
                        first = counter;
        }
        *steady = first == counter;
        return 0;
}

int sv_tpm_pcr_read(struct sv_tpm *t, enum sv_digest bank, uint8_t pcrs[SV_TPM_PCRS][SV_DIGEST_MAX],
                    struct sv_err *err)
{
        bool steady = false;

        for (int i = 0; i < PCR_TRIES && !steady; i++)
                if (read_pcrs_once(t, bank, pcrs, &steady, err) < 0)
                        return -1;
        return steady ? 0
                      : sv_fail(err, SV_SYSTEM, "tpm.pcrs",
                                "the PCRs changed during each of %d readings", PCR_TRIES);
}

int sv_tpm_pcr_event(struct sv_tpm *t, unsigned pcr, struct sv_bytes data, struct sv_err *err)
{
        TPM2B_EVENT event = {0};
        SV_ESYS TPML_DIGEST_VALUES *digests = NULL;
        TSS2_RC rc;

        if (pcr >= SV_TPM_PCRS || data.n > sizeof(event.buffer))
                return sv_fail(err, SV_USAGE, "tpm.extend", "PCR %u, %zu bytes: out of range", pcr,
                               data.n);
        event.size = (uint16_t)data.n;
        memcpy(event.buffer, data.p, data.n);
        rc = Esys_PCR_Event(t->device.esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                            ESYS_TR_NONE, &event, &digests);
        return rc == TSS2_RC_SUCCESS ? 0 : sv_tpm_fail(err, "tpm.extend", "extending a PCR", rc);
}

/* --- proofs --- */

int sv_tpm_quote(struct sv_tpm *t, sv_tpm_handle key, enum sv_digest bank, uint32_t pcr_mask,
                 struct sv_bytes extra_data, struct sv_buf *message, struct sv_buf *signature,
                 struct sv_err *err)
{
        TPML_PCR_SELECTION selection = select_pcrs(bank, pcr_mask);
        TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL};
        TPM2B_DATA data = {0};
        SV_ESYS TPM2B_ATTEST *attest = NULL;
        SV_ESYS TPMT_SIGNATURE *sig = NULL;
        uint8_t bytes[sizeof(*sig)];
        size_t n = 0;
        TSS2_RC rc;

        if (extra_data.n > sizeof(data.buffer))
                return sv_fail(err, SV_USAGE, "tpm.quote", "extraData of %zu bytes is too long",
                               extra_data.n);
        data.size = (uint16_t)extra_data.n;
        memcpy(data.buffer, extra_data.p, extra_data.n);
        rc = Esys_Quote(t->device.esys, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data,
                        &scheme, &selection, &attest, &sig);
        if (rc == TSS2_RC_SUCCESS)
                rc = Tss2_MU_TPMT_SIGNATURE_Marshal(sig, bytes, sizeof(bytes), &n);
        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.quote", "quoting", rc);
        sv_buf_put(message, sv_bytes(attest->attestationData, attest->size));
        sv_buf_put(signature, sv_bytes(bytes, n));
        return sv_buf_ok(message, "quote", err) < 0 ? -1 : sv_buf_ok(signature, "quote", err);
}

/* A session that satisfies PolicyA of the EK templates: PolicySecret(TPM_RH_ENDORSEMENT). */
static int start_ek_session(struct sv_tpm *t, ESYS_TR *session, struct sv_err *err)
{
        TPMT_SYM_DEF symmetric = {.algorithm = TPM2_ALG_NULL};
        ESYS_TR s = ESYS_TR_NONE;
        TSS2_RC rc = Esys_StartAuthSession(t->device.esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                           ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_POLICY,
                                           &symmetric, TPM2_ALG_SHA256, &s);

        if (rc == TSS2_RC_SUCCESS)
                rc = Esys_PolicySecret(t->device.esys, ESYS_TR_RH_ENDORSEMENT, s, ESYS_TR_PASSWORD,
                                       ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL);
        if (rc == TSS2_RC_SUCCESS)
                rc = Esys_TRSess_SetAttributes(t->device.esys, s, TPMA_SESSION_CONTINUESESSION,
                                               0xff); /* this function flushes it in every case */
        if (rc == TSS2_RC_SUCCESS) {
                *session = s;
                return 0;
        }
        if (s != ESYS_TR_NONE)
                Esys_FlushContext(t->device.esys, s);
        return sv_tpm_fail(err, "tpm.session", "opening the endorsement key's policy session", rc);
}

/* Templates with userWithAuth (H-3) take the key's empty password, the others only the policy. */
static int find_ek_policy(struct sv_tpm *t, sv_tpm_handle ek, bool *policy, struct sv_err *err)
{
        SV_ESYS TPM2B_PUBLIC *pub = NULL;
        TSS2_RC rc = Esys_ReadPublic(t->device.esys, ek, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                     &pub, NULL, NULL);

        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.key", "reading the endorsement key", rc);
        *policy = !(pub->publicArea.objectAttributes & TPMA_OBJECT_USERWITHAUTH);
        return 0;
}

struct sv_secret *sv_tpm_activate(struct sv_tpm *t, sv_tpm_handle key, sv_tpm_handle ek,
                                  struct sv_bytes credential_blob, struct sv_bytes encrypted_secret,
                                  struct sv_err *err)
{
        TPM2B_ID_OBJECT blob = {0};
        TPM2B_ENCRYPTED_SECRET encrypted = {0};
        TPM2B_DIGEST *plain = NULL;
        ESYS_TR session = ESYS_TR_PASSWORD;
        struct sv_secret *secret;
        size_t a = 0, b = 0;
        bool policy = true;
        TSS2_RC rc =
                Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(credential_blob.p, credential_blob.n, &a, &blob);

        if (rc == TSS2_RC_SUCCESS)
                rc = Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(encrypted_secret.p,
                                                              encrypted_secret.n, &b, &encrypted);
        if (rc != TSS2_RC_SUCCESS || a != credential_blob.n || b != encrypted_secret.n) {
                sv_fail(err, SV_FORMAT, "tpm.credential",
                        "the broker's credential is not a TPM2B_ID_OBJECT and "
                        "TPM2B_ENCRYPTED_SECRET");
                return NULL;
        }
        if (find_ek_policy(t, ek, &policy, err) < 0 ||
            (policy && start_ek_session(t, &session, err) < 0))
                return NULL;
        rc = Esys_ActivateCredential(t->device.esys, key, ek, ESYS_TR_PASSWORD, session,
                                     ESYS_TR_NONE, &blob, &encrypted, &plain);
        if (policy)
                Esys_FlushContext(t->device.esys, session);
        if (rc != TSS2_RC_SUCCESS) {
                sv_fail(err, SV_PROOF, "tpm.activate",
                        "the TPM does not open the broker's credential (0x%08x): it was made for "
                        "another "
                        "endorsement key or attestation key",
                        rc);
                return NULL;
        }
        secret = sv_secret_copy(sv_bytes(plain->buffer, plain->size), err);
        sv_wipe(plain, sizeof(*plain));
        Esys_Free(plain);
        return secret;
}
