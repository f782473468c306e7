/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tpm/tpm-seal.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#include "base/crypto/crypto.h"
#include "base/tpm/tpm-device.h"

#define SRK 0x81000001u /* where the TCG's provisioning guidance puts the storage key */

/* Part 2, section 6.6: what a command answers, without which parameter or session it is of. */
#define RC_FORMAT_1 0x80u
#define RC_ERROR    0xbfu

struct sealing {
        struct sv_tpm_device device;
        ESYS_CONTEXT *esys;
        uint32_t handle; /* of the parent; 0: made anew */
        ESYS_TR parent, session, object;
};

static void end_sealing(struct sealing *s)
{
        if (s->object != ESYS_TR_NONE)
                Esys_FlushContext(s->esys, s->object);
        if (s->session != ESYS_TR_NONE)
                Esys_FlushContext(s->esys, s->session);
        if (s->parent != ESYS_TR_NONE && s->handle)
                Esys_TR_Close(s->esys, &s->parent);
        else if (s->parent != ESYS_TR_NONE)
                Esys_FlushContext(s->esys, s->parent);
        sv_tpm_device_close(&s->device);
}
#define SEALING __attribute__((cleanup(end_sealing))) struct sealing
#define SEALING_NULL                                                                     \
        {                                                                                \
                .parent = ESYS_TR_NONE, .session = ESYS_TR_NONE, .object = ESYS_TR_NONE, \
        }

void sv_tpm_sealed_free(struct sv_tpm_sealed *s)
{
        sv_buf_free(&s->parent_name);
        sv_buf_free(&s->public2b);
        sv_buf_free(&s->private2b);
}

static bool is_error(TSS2_RC rc, TSS2_RC error)
{
        return (rc & ~0xfffu) == 0 && (rc & RC_FORMAT_1) && (rc & RC_ERROR) == error;
}

static int fail_unseal(struct sv_err *err, const char *what, TSS2_RC rc)
{
        if (rc == TPM2_RC_LOCKOUT)
                return sv_fail(err, SV_SYSTEM, "tpm.seal.lockout",
                               "the TPM answers nobody who says a password: it was guessed too "
                               "often; wait, or end it with the TPM's lockout password "
                               "(tpm2_dictionarylockout --clear-lockout)");
        if (is_error(rc, TPM2_RC_AUTH_FAIL) || is_error(rc, TPM2_RC_BAD_AUTH))
                return sv_fail(err, SV_USAGE, "tpm.seal.auth",
                               "the TPM refuses the password of the sealed object: it was sealed "
                               "with another, or with one and none is given");
        if (is_error(rc, TPM2_RC_INTEGRITY) || is_error(rc, TPM2_RC_SIZE))
                return sv_fail(err, SV_PROOF, "tpm.seal.other",
                               "the TPM did not seal this object, or it was changed (0x%08x)", rc);
        return sv_tpm_fail(err, "tpm.seal", what, rc);
}

/* --- the storage key --- */

/* The TCG's template for one of P-256 (Provisioning Guidance 7.5.1; EK Credential Profile, L-2,
 * with the SRK's attributes): what systemd and tpm2-tools make, too. */
static const TPM2B_PUBLIC srk_template = {
        .publicArea =
                {
                        .type = TPM2_ALG_ECC,
                        .nameAlg = TPM2_ALG_SHA256,
                        .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                            TPMA_OBJECT_SENSITIVEDATAORIGIN |
                                            TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA |
                                            TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
                        .parameters.eccDetail =
                                {
                                        .symmetric = {.algorithm = TPM2_ALG_AES,
                                                      .keyBits.aes = 128,
                                                      .mode.aes = TPM2_ALG_CFB},
                                        .scheme.scheme = TPM2_ALG_NULL,
                                        .curveID = TPM2_ECC_NIST_P256,
                                        .kdf.scheme = TPM2_ALG_NULL,
                                },
                },
};
#define SRK_MUST                                                                            \
        (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | \
         TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

static int make_parent(struct sealing *s, struct sv_err *err)
{
        TPM2B_SENSITIVE_CREATE sensitive = {0};
        TPM2B_DATA outside = {0};
        TPML_PCR_SELECTION none = {0};
        TSS2_RC rc = Esys_CreatePrimary(s->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                        ESYS_TR_NONE, &sensitive, &srk_template, &outside, &none,
                                        &s->parent, NULL, NULL, NULL, NULL);

        if (rc == TSS2_RC_SUCCESS)
                return 0;
        s->parent = ESYS_TR_NONE;
        if (is_error(rc, TPM2_RC_BAD_AUTH) || is_error(rc, TPM2_RC_AUTH_FAIL))
                return sv_fail(err, SV_SYSTEM, "tpm.seal",
                               "the TPM's owner has a password, and there is no storage key at "
                               "0x%08x: whoever has the password makes it (tpm2_createprimary, "
                               "tpm2_evictcontrol)",
                               SRK);
        return sv_tpm_fail(err, "tpm.seal", "making the storage key", rc);
}

static int take_parent(struct sealing *s, uint32_t handle, struct sv_err *err)
{
        SV_ESYS TPM2B_PUBLIC *pub = NULL;
        TSS2_RC rc = Esys_TR_FromTPMPublic(s->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE,
                                           ESYS_TR_NONE, &s->parent);

        s->handle = handle;
        if (rc == TSS2_RC_SUCCESS)
                rc = Esys_ReadPublic(s->esys, s->parent, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                     &pub, NULL, NULL);
        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.seal", "reading the storage key", rc);
        if ((pub->publicArea.objectAttributes & SRK_MUST) == SRK_MUST)
                return 0;
        return sv_fail(err, SV_PROOF, "tpm.seal.other",
                       "what the TPM has at 0x%08x is no storage key that never leaves it "
                       "(attributes 0x%08x)",
                       handle, pub->publicArea.objectAttributes);
}

static int read_parent_name(struct sealing *s, struct sv_buf *out, struct sv_err *err)
{
        SV_ESYS TPM2B_NAME *name = NULL;
        TSS2_RC rc = Esys_TR_GetName(s->esys, s->parent, &name);

        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.seal", "reading the storage key's name", rc);
        sv_buf_put(out, sv_bytes(name->name, name->size));
        return sv_buf_ok(out, "a name", err);
}

static int open_sealing(const char *device, struct sealing *s, struct sv_err *err)
{
        if (sv_tpm_device_open(device, &s->device, err) < 0)
                return -1;
        s->esys = s->device.esys;
        return 0;
}

/* --- the policy --- */

/* Its secret is encrypted to the storage key, and what goes over it with that. */
static int start_session(struct sealing *s, TPM2_SE type, TPMA_SESSION encrypts, struct sv_err *err)
{
        TPMT_SYM_DEF symmetric = {
                .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};
        TSS2_RC rc = Esys_StartAuthSession(s->esys, s->parent, ESYS_TR_NONE, ESYS_TR_NONE,
                                           ESYS_TR_NONE, ESYS_TR_NONE, NULL, type, &symmetric,
                                           TPM2_ALG_SHA256, &s->session);

        if (rc == TSS2_RC_SUCCESS)
                rc = Esys_TRSess_SetAttributes(s->esys, s->session,
                                               TPMA_SESSION_CONTINUESESSION | encrypts, 0xff);
        else
                s->session = ESYS_TR_NONE;
        return rc == TSS2_RC_SUCCESS ? 0 : sv_tpm_fail(err, "tpm.seal", "opening a session", rc);
}

static void end_session(struct sealing *s)
{
        Esys_FlushContext(s->esys, s->session);
        s->session = ESYS_TR_NONE;
}

static TPML_PCR_SELECTION choose_pcrs(uint32_t mask)
{
        return (TPML_PCR_SELECTION){
                .count = 1,
                .pcrSelections = {{.hash = TPM2_ALG_SHA256,
                                   .sizeofSelect = SV_TPM_SEAL_PCRS / 8,
                                   .pcrSelect = {(uint8_t)mask, (uint8_t)(mask >> 8),
                                                 (uint8_t)(mask >> 16)}}},
        };
}

static int read_chosen(struct sealing *s, uint32_t pcrs, uint8_t values[][32], struct sv_err *err)
{
        for (unsigned i = 0; i < SV_TPM_SEAL_PCRS; i++) {
                TPML_PCR_SELECTION in = choose_pcrs(1u << i);
                SV_ESYS TPML_PCR_SELECTION *selected = NULL;
                SV_ESYS TPML_DIGEST *got = NULL;
                uint32_t counter;
                TSS2_RC rc;

                if (!(pcrs >> i & 1))
                        continue;
                rc = Esys_PCR_Read(s->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &in, &counter,
                                   &selected, &got);
                if (rc != TSS2_RC_SUCCESS)
                        return sv_tpm_fail(err, "tpm.seal", "reading a PCR", rc);
                if (got->count != 1 || got->digests[0].size != 32)
                        return sv_fail(err, SV_SYSTEM, "tpm.seal",
                                       "the TPM has no PCR %u in a bank of SHA-256: is the bank "
                                       "active?",
                                       i);
                memcpy(values[i], got->digests[0].buffer, 32);
        }
        return 0;
}

/* Of these values, whatever the TPM's own are by now. */
static int digest_chosen(const struct sv_tpm_sealed *sealed, TPM2B_DIGEST *out, struct sv_err *err)
{
        SV_BUF all = SV_BUF_NULL;

        for (unsigned i = 0; i < SV_TPM_SEAL_PCRS; i++)
                if (sealed->pcrs >> i & 1)
                        sv_buf_put(&all, sv_bytes(sealed->values[i], 32));
        out->size = 32;
        if (sv_buf_ok(&all, "PCRs", err) < 0)
                return -1;
        return sv_digest(SV_SHA256, sv_buf_bytes(&all), out->buffer, err);
}

static TSS2_RC put_seal_policy(struct sealing *s, uint32_t pcrs, const TPM2B_DIGEST *digest)
{
        TPML_PCR_SELECTION chosen = choose_pcrs(pcrs);
        TSS2_RC rc = TSS2_RC_SUCCESS;

        if (pcrs)
                rc = Esys_PolicyPCR(s->esys, s->session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                    digest, &chosen);
        if (rc == TSS2_RC_SUCCESS)
                rc = Esys_PolicyAuthValue(s->esys, s->session, ESYS_TR_NONE, ESYS_TR_NONE,
                                          ESYS_TR_NONE);
        return rc;
}

static int make_policy(struct sealing *s, const struct sv_tpm_sealed *sealed, TPM2B_DIGEST *out,
                       struct sv_err *err)
{
        SV_ESYS TPM2B_DIGEST *policy = NULL;
        TPM2B_DIGEST digest = {0};
        TSS2_RC rc;

        if (digest_chosen(sealed, &digest, err) < 0 || start_session(s, TPM2_SE_TRIAL, 0, err) < 0)
                return -1;
        rc = put_seal_policy(s, sealed->pcrs, &digest);
        if (rc == TSS2_RC_SUCCESS)
                rc = Esys_PolicyGetDigest(s->esys, s->session, ESYS_TR_NONE, ESYS_TR_NONE,
                                          ESYS_TR_NONE, &policy);
        end_session(s);
        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.seal", "making the policy", rc);
        *out = *policy;
        return 0;
}

/* --- sealing --- */

static int keep_object(const TPM2B_PUBLIC *pub, const TPM2B_PRIVATE *private2b,
                       struct sv_tpm_sealed *out, struct sv_err *err)
{
        uint8_t bytes[sizeof(*pub) > sizeof(*private2b) ? sizeof(*pub) : sizeof(*private2b)];
        size_t n = 0;
        TSS2_RC rc = Tss2_MU_TPM2B_PUBLIC_Marshal(pub, bytes, sizeof(bytes), &n);

        sv_buf_put(&out->public2b, sv_bytes(bytes, n));
        n = 0;
        if (rc == TSS2_RC_SUCCESS)
                rc = Tss2_MU_TPM2B_PRIVATE_Marshal(private2b, bytes, sizeof(bytes), &n);
        sv_buf_put(&out->private2b, sv_bytes(bytes, n));
        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.seal", "writing the sealed object", rc);
        return sv_buf_ok(&out->public2b, "a sealed object", err) < 0
                       ? -1
                       : sv_buf_ok(&out->private2b, "a sealed object", err);
}

/* Guessing is counted where there is something to guess. */
static int create_object(struct sealing *s, const TPM2B_DIGEST *policy, struct sv_bytes auth,
                         struct sv_bytes secret, struct sv_tpm_sealed *out, struct sv_err *err)
{
        TPM2B_PUBLIC template = {
                .publicArea = {.type = TPM2_ALG_KEYEDHASH,
                               .nameAlg = TPM2_ALG_SHA256,
                               .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                                   (auth.n ? 0 : TPMA_OBJECT_NODA),
                               .authPolicy = *policy,
                               .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL}};
        TPM2B_SENSITIVE_CREATE in = {0};
        TPM2B_DATA outside = {0};
        TPML_PCR_SELECTION none = {0};
        SV_ESYS TPM2B_PUBLIC *pub = NULL;
        SV_ESYS TPM2B_PRIVATE *private2b = NULL;
        TSS2_RC rc;

        in.sensitive.userAuth.size = (uint16_t)auth.n;
        if (auth.n)
                memcpy(in.sensitive.userAuth.buffer, auth.p, auth.n);
        in.sensitive.data.size = (uint16_t)secret.n;
        memcpy(in.sensitive.data.buffer, secret.p, secret.n);
        rc = Esys_Create(s->esys, s->parent, s->session, ESYS_TR_NONE, ESYS_TR_NONE, &in, &template,
                         &outside, &none, &private2b, &pub, NULL, NULL, NULL);
        sv_wipe(&in, sizeof(in));
        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.seal", "sealing", rc);
        return keep_object(pub, private2b, out, err);
}

int sv_tpm_seal(const char *device, uint32_t pcrs, struct sv_bytes auth, struct sv_bytes secret,
                struct sv_tpm_sealed *out, struct sv_err *err)
{
        SEALING s = SEALING_NULL;
        TPM2B_DIGEST policy;
        bool found = false;

        if (!secret.n || secret.n > SV_TPM_SEAL_MAX || auth.n > 32 || pcrs >> SV_TPM_SEAL_PCRS)
                return sv_fail(err, SV_USAGE, "tpm.seal.value",
                               "a TPM seals 1 to %d bytes under a password of at most 32 bytes and "
                               "PCRs 0 to %d; found %zu, %zu and 0x%x",
                               SV_TPM_SEAL_MAX, SV_TPM_SEAL_PCRS - 1, secret.n, auth.n, pcrs);
        out->pcrs = pcrs;
        if (open_sealing(device, &s, err) < 0 || sv_tpm_has_handle(s.esys, SRK, &found, err) < 0 ||
            (found ? take_parent(&s, SRK, err) : make_parent(&s, err)) < 0)
                return -1;
        out->parent = s.handle;
        if (read_parent_name(&s, &out->parent_name, err) < 0 ||
            read_chosen(&s, pcrs, out->values, err) < 0 || make_policy(&s, out, &policy, err) < 0 ||
            start_session(&s, TPM2_SE_HMAC, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT, err) < 0)
                return -1;
        return create_object(&s, &policy, auth, secret, out, err);
}

/* --- unsealing --- */

static int find_parent(struct sealing *s, const struct sv_tpm_sealed *sealed, struct sv_err *err)
{
        SV_BUF name = SV_BUF_NULL;
        bool found = true;

        if (sealed->parent && sv_tpm_has_handle(s->esys, sealed->parent, &found, err) < 0)
                return -1;
        if (!found)
                return sv_fail(err, SV_PROOF, "tpm.seal.other",
                               "the TPM has no storage key at 0x%08x: another TPM sealed this, or "
                               "this one was cleared",
                               sealed->parent);
        if ((sealed->parent ? take_parent(s, sealed->parent, err) : make_parent(s, err)) < 0 ||
            read_parent_name(s, &name, err) < 0)
                return -1;
        if (sv_bytes_eq(sv_buf_bytes(&name), sv_buf_bytes(&sealed->parent_name)))
                return 0;
        return sv_fail(err, SV_PROOF, "tpm.seal.other",
                       "the TPM's storage key is not the one that this was sealed below: another "
                       "TPM sealed it, or this one was cleared");
}

static int load_object(struct sealing *s, const struct sv_tpm_sealed *sealed, struct sv_err *err)
{
        TPM2B_PUBLIC pub = {0};
        TPM2B_PRIVATE private2b = {0};
        size_t at = 0;
        TSS2_RC rc =
                Tss2_MU_TPM2B_PUBLIC_Unmarshal(sealed->public2b.p, sealed->public2b.n, &at, &pub);

        at = 0;
        if (rc == TSS2_RC_SUCCESS)
                rc = Tss2_MU_TPM2B_PRIVATE_Unmarshal(sealed->private2b.p, sealed->private2b.n, &at,
                                                     &private2b);
        if (rc != TSS2_RC_SUCCESS)
                return sv_fail(err, SV_FORMAT, "tpm.seal.form",
                               "the sealed object is none of a TPM's");
        rc = Esys_Load(s->esys, s->parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &private2b,
                       &pub, &s->object);
        if (rc == TSS2_RC_SUCCESS)
                return 0;
        s->object = ESYS_TR_NONE;
        return fail_unseal(err, "loading the sealed object", rc);
}

/* Says which PCRs are others than when it was sealed. */
static int fail_pcrs(struct sealing *s, const struct sv_tpm_sealed *sealed, struct sv_err *err)
{
        uint8_t now[SV_TPM_SEAL_PCRS][32] = {{0}};
        SV_BUF list = SV_BUF_NULL;

        if (read_chosen(s, sealed->pcrs, now, err) < 0)
                return -1;
        for (unsigned i = 0; i < SV_TPM_SEAL_PCRS; i++)
                if (sealed->pcrs >> i & 1 &&
                    !sv_bytes_eq(sv_bytes(now[i], 32), sv_bytes(sealed->values[i], 32)))
                        sv_buf_printf(&list, "%s%u", list.n ? ", " : "", i);
        return sv_fail(err, SV_PROOF, "tpm.seal.pcrs",
                       "what was sealed opens with the PCRs of then only, and PCR %s is another "
                       "now: something else has booted",
                       list.n ? sv_buf_str(&list) : "(which was changed and is as it was)");
}

static struct sv_secret *unseal_object(struct sealing *s, const struct sv_tpm_sealed *sealed,
                                       struct sv_bytes auth, struct sv_err *err)
{
        TPM2B_SENSITIVE_DATA *data = NULL;
        TPM2B_DIGEST none = {0};
        TPM2B_AUTH value = {.size = (uint16_t)auth.n};
        struct sv_secret *out;
        TSS2_RC rc = put_seal_policy(s, sealed->pcrs, &none);

        if (auth.n)
                memcpy(value.buffer, auth.p, auth.n);
        if (rc == TSS2_RC_SUCCESS)
                rc = Esys_TR_SetAuth(s->esys, s->object, &value);
        sv_wipe(&value, sizeof(value));
        if (rc == TSS2_RC_SUCCESS)
                rc = Esys_Unseal(s->esys, s->object, s->session, ESYS_TR_NONE, ESYS_TR_NONE, &data);
        if (is_error(rc, TPM2_RC_POLICY_FAIL) || rc == TPM2_RC_PCR_CHANGED) {
                fail_pcrs(s, sealed, err);
                return NULL;
        }
        if (rc != TSS2_RC_SUCCESS) {
                fail_unseal(err, "unsealing", rc);
                return NULL;
        }
        out = sv_secret_copy(sv_bytes(data->buffer, data->size), err);
        sv_wipe(data, sizeof(*data));
        Esys_Free(data);
        return out;
}

struct sv_secret *sv_tpm_unseal(const char *device, const struct sv_tpm_sealed *sealed,
                                struct sv_bytes auth, struct sv_err *err)
{
        SEALING s = SEALING_NULL;

        if (auth.n > 32) {
                sv_fail(err, SV_USAGE, "tpm.seal.value",
                        "the password of a sealed object has at most 32 bytes, found %zu", auth.n);
                return NULL;
        }
        if (open_sealing(device, &s, err) < 0 || find_parent(&s, sealed, err) < 0 ||
            start_session(&s, TPM2_SE_POLICY, TPMA_SESSION_ENCRYPT, err) < 0 ||
            load_object(&s, sealed, err) < 0)
                return NULL;
        return unseal_object(&s, sealed, auth, err);
}
