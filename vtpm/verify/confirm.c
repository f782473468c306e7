/* SPDX-License-Identifier: Apache-2.0 */
/* A TPM's claims again, from the bytes of its quotes. What is left to who gave the claims: what the
 * event log says of the registers, and who made the TPM, which a release asks (confirm_root). */
#include "vtpm/verify/verify.h"

#include "base/core/rd.h"
#include "base/crypto/signed-cert.h"
#include "tee/confirm.h"
#include "vtpm/verify/shown.h"

struct proof {
        struct sv_bytes ak, ek;
        struct sv_tpm_public ak_public;
        struct sv_vtpm_bank banks[SV_VTPM_BANKS];
        struct sv_key *ak_key, *ek_key;
        struct sv_vtpm_shown s;
};

static void free_vtpm_proof(struct proof *p)
{
        for (size_t i = 0; i < SV_VTPM_BANKS; i++) {
                sv_buf_free(&p->banks[i].message);
                sv_buf_free(&p->banks[i].signature);
        }
        sv_key_free(p->ak_key);
        sv_key_free(p->ek_key);
}

static int read_vtpm_proof(struct sv_bytes raw, struct proof *p, struct sv_err *err)
{
        struct sv_rd r = sv_rd(raw);

        p->ak = sv_rd_part(&r);
        p->ek = sv_rd_part(&r);
        p->s.activation = sv_rd_part(&r);
        for (size_t i = 0; i < SV_VTPM_BANKS; i++) {
                struct sv_vtpm_bank *b = &p->banks[i];

                b->bank = i ? SV_SHA384 : SV_SHA256;
                b->present = sv_rd_u8(&r);
                sv_buf_put(&b->message, sv_rd_part(&r));
                sv_buf_put(&b->signature, sv_rd_part(&r));
                sv_rd_copy(&r, b->pcrs[0], sizeof(b->pcrs));
                if (sv_buf_ok(&b->message, "the proof", err) < 0 ||
                    sv_buf_ok(&b->signature, "the proof", err) < 0)
                        return -1;
        }
        p->s.banks = p->banks;
        if (sv_rd_done(&r, "tee.proof", "the proof", err) < 0)
                return -1;
        return p->banks[0].present ? 0
                                   : sv_fail(err, SV_FORMAT, "tee.proof",
                                             "a quote of the sha256 bank was expected");
}

static int read_keys(struct proof *p, struct sv_err *err)
{
        struct sv_signed_cert cert;

        if (sv_tpm_read_public2b(p->ak, &p->ak_public, err) < 0 ||
            sv_vtpm_check_ak(&p->ak_public, err) < 0 ||
            sv_tpm_name(p->ak, &p->s.ak_name, err) < 0 ||
            sv_signed_cert_read(p->ek, &cert, "vtpm.ek.chain", err) < 0 ||
            sv_digest(SV_SHA256, p->ek, p->s.ek_sha256, err) < 0)
                return -1;
        p->s.ak_public = &p->ak_public;
        p->s.ak = p->ak_key = sv_tpm_public_key(&p->ak_public, err);
        p->s.ek = p->ek_key = sv_signed_cert_key(&cert, "vtpm.ek.type", err);
        return p->ak_key && p->ek_key ? 0 : -1;
}

/* confirm_root reads the certificate itself, and holds the other names against it. */
static int check_ek_claim(const struct proof *p, const struct sv_json *claims, struct sv_err *err)
{
        SV_JSON *own = sv_json_object();

        sv_json_set_hex(own, "sha256", sv_bytes(p->s.ek_sha256, 32));
        if (sv_json_equal(sv_json_get(own, "sha256"), sv_json_pointer(claims, "/ek/cert_sha256")))
                return 0;
        return sv_fail(err, SV_PROOF, "tee.claims",
                       "the claims are of another endorsement key than the one that was asked");
}

static int check_vtpm_proof(struct proof *p, struct sv_bytes raw, const struct sv_verify_in *in,
                            const struct sv_json *claims, struct sv_err *err)
{
        static const char *const unproven[] = {"ek", "event_log", NULL};
        SV_JSON *own = NULL;

        if (read_vtpm_proof(raw, p, err) < 0 || read_keys(p, err) < 0 ||
            sv_vtpm_check_quotes(&p->s, in, err) < 0 ||
            sv_vtpm_check_activation(&p->s, in, err) < 0 || check_ek_claim(p, claims, err) < 0)
                return -1;
        own = sv_vtpm_claims(&p->s, in->report_data.n > 0);
        return sv_claims_confirm(own, unproven, claims, err);
}

int sv_vtpm_confirm(struct sv_bytes proof, const struct sv_verify_in *in,
                    const struct sv_json *claims, struct sv_err *err)
{
        struct proof p = {.ak_key = NULL};
        int r = check_vtpm_proof(&p, proof, in, claims, err);

        free_vtpm_proof(&p);
        return r;
}
