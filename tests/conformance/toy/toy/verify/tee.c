/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/crypto/crypto.h"
#include "tee/confirm.h"
#include "tee/verify.h"
#include "toy/tee.h"

/* {"launch":hex,"report_data":hex,"signature":base64}: over the bytes of both, 32 and 48. */
struct opened {
        struct sv_evidence head;
        struct sv_buf message, signature;
};

static void close_evidence(struct sv_evidence *e)
{
        struct opened *o = (struct opened *)e;

        sv_buf_free(&o->message);
        sv_buf_free(&o->signature);
        free(o);
}

static int open_evidence(const struct sv_json *json, struct sv_evidence **out, struct sv_err *err)
{
        static const char *const members[] = {"launch", "report_data", "signature", NULL};
        struct opened *o = calloc(1, sizeof(*o));

        if (!o)
                return sv_fail_errno(err, "base.memory", "no memory for evidence");
        if (sv_json_only(json, members, "toy.evidence", err) < 0 ||
            sv_json_need_hex(json, "launch", &o->message, "toy.evidence", err) < 0 ||
            sv_json_need_hex(json, "report_data", &o->message, "toy.evidence", err) < 0 ||
            sv_json_need_b64(json, "signature", &o->signature, "toy.evidence", err) < 0 ||
            (o->message.n != 32 + 48 &&
             sv_fail(err, SV_FORMAT, "toy.evidence.size", "expected 80 bytes"))) {
                close_evidence(&o->head);
                return -1;
        }
        *out = &o->head;
        return 0;
}

static int needs(const struct sv_evidence *e, struct sv_json *out, struct sv_err *err)
{
        (void)e, (void)out, (void)err;
        return 0;
}

/* SV_PROOF unless the signature is of this key; *both are the bytes signed. */
static int check_signature(struct sv_bytes pem, struct sv_bytes both, struct sv_bytes signature,
                           struct sv_err *err)
{
        SV_KEY *key = sv_key_from_pem(pem, false, err);

        return key ? sv_verify_sig(key, SV_ECDSA_SHA256, both, signature, "toy.signature", err)
                   : -1;
}

/* Toy evidence does not bring the key: all is left to this. */
static int confirm_root(struct sv_json *claims, const struct sv_collateral *anchors, int64_t time,
                        struct sv_err *err)
{
        SV_BUF both = SV_BUF_NULL, signature = SV_BUF_NULL;
        struct sv_bytes pem;

        (void)time;
        if (!sv_collateral_get(anchors, "toy-key", 0, &pem))
                return sv_fail(err, SV_PROOF, "toy.key", "no key of a toy machine is trusted");
        if (sv_json_need_hex(claims, "signed", &both, "toy.claims", err) < 0 ||
            sv_json_need_hex(claims, "signature", &signature, "toy.claims", err) < 0)
                return -1;
        return check_signature(pem, sv_buf_bytes(&both), sv_buf_bytes(&signature), err);
}

static int check_anchor(const char *kind, struct sv_bytes data, struct sv_err *err)
{
        SV_KEY *key = sv_key_from_pem(data, false, err);

        (void)kind;
        return key ? 0 : -1;
}

static int verify(const struct sv_evidence *e, const struct sv_verify_in *in,
                  struct sv_json **claims, struct sv_err *err)
{
        const struct opened *o = (const struct opened *)e;
        struct sv_bytes pem, data = sv_bytes(o->message.p + 32, 48);

        if (!in->any_root && !sv_collateral_get(&in->collateral, "toy-key", 0, &pem))
                return sv_fail(err, SV_PROOF, "toy.key", "no key of a toy machine is trusted");
        if (!in->any_root && !in->skip_signatures &&
            check_signature(pem, sv_buf_bytes(&o->message), sv_buf_bytes(&o->signature), err) < 0)
                return -1;
        if (in->report_data.n && !sv_bytes_eq(data, in->report_data))
                return sv_fail(err, SV_PROOF, "toy.report_data", "it is of another exchange");
        if (in->proof)
                sv_buf_put(in->proof, sv_buf_bytes(&o->message));
        *claims = sv_json_object();
        sv_json_set_hex(*claims, "launch", sv_bytes(o->message.p, 32));
        sv_json_set_hex(*claims, "signed", sv_buf_bytes(&o->message));
        sv_json_set_hex(*claims, "signature", sv_buf_bytes(&o->signature));
        return 0;
}

/* The bytes signed; whose signature that is, confirm_root asks. */
static int confirm(struct sv_bytes proof, const struct sv_verify_in *in,
                   const struct sv_json *claims, struct sv_err *err)
{
        static const char *const unproven[] = {"signature", NULL};
        SV_JSON *own = sv_json_object();

        if (proof.n != 32 + 48)
                return sv_fail(err, SV_FORMAT, "toy.evidence.size", "expected 80 bytes");
        if (in->report_data.n && !sv_bytes_eq(sv_bytes(proof.p + 32, 48), in->report_data))
                return sv_fail(err, SV_PROOF, "toy.report_data", "it is of another exchange");
        sv_json_set_hex(own, "launch", sv_bytes(proof.p, 32));
        sv_json_set_hex(own, "signed", proof);
        return sv_claims_confirm(own, unproven, claims, err);
}

static const struct sv_trust_kind trust[] = {{"toy_keys", "toy-key"}, {NULL, NULL}};

const struct sv_tee_verify sv_tee_verify_toy = {
        .id = &sv_tee_toy,
        .open = open_evidence,
        .close = close_evidence,
        .needs = needs,
        .verify = verify,
        .confirm = confirm,
        .confirm_root = confirm_root,
        .check_anchor = check_anchor,
        .trust = trust,
        .strict = "[{\"check\":\"policy.toy.launch\",\"claim\":\"/launch\",\"present\":true,"
                  "\"covers\":\"executables\",\"reason\":\"it says what it booted\"}]",
};
