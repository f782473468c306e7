/* SPDX-License-Identifier: Apache-2.0 */
#include "vtpm/verify/challenge.h"

#include "base/core/limits.h"
#include "base/core/rd.h"
#include "base/crypto/signed-cert.h"
#include "vtpm/verify/credential.h"
#include "vtpm/verify/evidence.h"
#include "vtpm/verify/verify.h"

static const char *const params_members[] = {"ak_tpm2b", "ek_certs", NULL};

int sv_vtpm_activation_subject(const struct sv_tpm_name *ak, const uint8_t ek_sha256[32],
                               uint8_t out[32], struct sv_err *err)
{
        SV_BUF in = SV_BUF_NULL;

        sv_buf_u16be(&in, (uint16_t)ak->n);
        sv_buf_put(&in, sv_tpm_name_bytes(ak));
        sv_buf_put(&in, sv_bytes(ek_sha256, 32));
        if (sv_buf_ok(&in, "activation", err) < 0)
                return -1;
        return sv_digest(SV_SHA256, sv_buf_bytes(&in), out, err);
}

int sv_vtpm_activation_mac(struct sv_bytes secret, struct sv_bytes binding, uint8_t out[32],
                           struct sv_err *err)
{
        SV_BUF in = SV_BUF_NULL;

        sv_buf_puts(&in, "secure-vm activation v1");
        sv_buf_put(&in, binding);
        if (sv_buf_ok(&in, "activation", err) < 0)
                return -1;
        return sv_hmac(SV_SHA256, secret, sv_buf_bytes(&in), out, err);
}

/* The credential for this AK and EK over the first half of `secret`; the second half becomes their
 * digest. */
static int make_challenge(const struct sv_tpm_name *ak, struct sv_bytes ek,
                          struct sv_secret *secret, struct sv_json **challenge, struct sv_err *err)
{
        struct sv_signed_cert cert;
        SV_KEY *key = NULL;
        SV_BUF blob = SV_BUF_NULL, encrypted = SV_BUF_NULL;
        uint8_t *bytes = sv_secret_reveal(secret), digest[32];
        struct sv_json *answer;

        if (sv_signed_cert_read(ek, &cert, "vtpm.evidence.ek-certs", err) < 0 ||
            sv_digest(SV_SHA256, ek, digest, err) < 0)
                return -1;
        key = sv_signed_cert_key(&cert, "vtpm.ek.type", err);
        if (!key || sv_vtpm_activation_subject(ak, digest, bytes + SV_VTPM_SECRET_SIZE, err) < 0 ||
            sv_tpm_make_credential(key, ak, sv_bytes(bytes, SV_VTPM_SECRET_SIZE), &blob, &encrypted,
                                   err) < 0)
                return -1;
        *challenge = sv_json_object();
        answer = sv_json_set(*challenge, "secure-vm", sv_json_object());
        sv_json_set_b64(answer, "credential_blob", sv_buf_bytes(&blob));
        sv_json_set_b64(answer, "encrypted_secret", sv_buf_bytes(&encrypted));
        return 0;
}

int sv_vtpm_read_hello(const struct sv_json *params, struct sv_buf *said, struct sv_err *err)
{
        const struct sv_json *ours = sv_json_get(params, "secure-vm");
        SV_BUF tpm2b = {.max = SV_TPM_BLOB_MAX}, der = SV_BUF_NULL;
        SV_CERT *ek = NULL;
        SV_CERTS issuers = {0};
        struct sv_tpm_name name;

        if (!ours)
                return 0;
        if (sv_json_type(ours) != SV_JSON_OBJECT)
                return sv_fail(err, SV_FORMAT, "vtpm.hello.member",
                               "expected extra-params.secure-vm to be an object, found %s",
                               sv_json_type_name(sv_json_type(ours)));
        if (sv_json_only(ours, params_members, "vtpm.hello", err) < 0 ||
            sv_json_need_b64(ours, "ak_tpm2b", &tpm2b, "vtpm.hello", err) < 0 ||
            sv_tpm_name(sv_buf_bytes(&tpm2b), &name, err) < 0 ||
            sv_vtpm_read_certs(sv_json_get(ours, "ek_certs"), &ek, &issuers, err) < 0 ||
            sv_cert_der(ek, &der, err) < 0)
                return -1;
        sv_put_part(said, sv_buf_bytes(&tpm2b));
        sv_put_part(said, sv_buf_bytes(&der));
        return sv_buf_ok(said, "a request", err);
}

/* Nothing is verified yet: who sends another's EK certificate gets a credential that he cannot
 * open, and the chain and the key's attributes are judged with the evidence. */
int sv_vtpm_challenge(struct sv_bytes said, struct sv_json **challenge, struct sv_secret **secret,
                      struct sv_err *err)
{
        struct sv_rd r = sv_rd(said);
        struct sv_bytes ak = sv_rd_part(&r), ek = sv_rd_part(&r);
        SV_SECRET *s = NULL;
        struct sv_tpm_name name;

        if (sv_rd_done(&r, "tee.proof", "the request", err) < 0 || sv_tpm_name(ak, &name, err) < 0)
                return -1;
        s = sv_secret_random(SV_VTPM_ACTIVATION_SIZE, err);
        if (!s || make_challenge(&name, ek, s, challenge, err) < 0)
                return -1;
        *secret = s;
        s = NULL;
        return 0;
}
