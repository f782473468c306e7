/* SPDX-License-Identifier: Apache-2.0 */
/* Claims, and what a process that did not read their evidence finds again in its proof. */
#pragma once

#include "tests/unit/evidence.h"
#include "tests/unit/unit.h"

static inline int open_proof(const struct sv_tee_verify *tee, const struct sv_json *json,
                             const struct sv_verify_in *in, struct sv_json **claims,
                             struct sv_buf *proof, struct sv_err *err)
{
        struct sv_verify_in with = *in;

        if (!in->skip_signatures)
                with.proof = proof;
        return verify_json(tee, json, &with, claims, err);
}

/* As verify_json. All that is claimed is found again, but for a paravisor's data, which no session
 * of a broker's is bound to; what does not hold fails here or there, and for the same reason. */
static inline int verify_and_confirm(const struct sv_tee_verify *tee, const struct sv_json *json,
                                     const struct sv_verify_in *in, struct sv_json **claims,
                                     struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;
        SV_BUF proof = SV_BUF_NULL;
        SV_JSON *again = NULL;
        int r = verify_json(tee, json, in, claims, err), opened, confirmed;
        bool paravisor = r == 0 && sv_json_get(*claims, "hcl_runtime_data");

        if (in->skip_signatures)
                return r;
        opened = open_proof(tee, json, in, &again, &proof, &why);
        confirmed = opened < 0 ? -1 : tee->confirm(sv_buf_bytes(&proof), in, again, &why);
        if (confirmed != (paravisor ? -1 : r) || (r < 0 && strcmp(why.check, err->check)))
                fail_msg("%s [%s], but with a proof %s [%s]", r < 0 ? err->msg : "it holds",
                         r < 0 ? err->check : "", why.msg, why.check);
        return r;
}

struct lies {
        const struct sv_tee_verify *tee;
        const struct sv_verify_in *in;
        struct sv_bytes proof;
        const struct sv_json *claims;
        const char *const *unproven; /* ends with NULL */
        unsigned n;
};

/* Fills what is claimed of true evidence, and its proof; both are the caller's to free. */
static inline void make_lies(struct lies *l, const struct sv_json *evidence,
                             struct sv_json **claims, struct sv_buf *proof)
{
        struct sv_err err;

        OK(open_proof(l->tee, evidence, l->in, claims, proof, &err));
        l->proof = sv_buf_bytes(proof);
        l->claims = *claims;
}

static inline struct sv_json *copy_claims(const struct sv_json *claims)
{
        struct sv_json *j = NULL;
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        sv_json_print(claims, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &j, &err));
        return j;
}

static inline int tell_lie(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        struct lies *l = arg;
        SV_JSON *claims = copy_claims(l->claims);
        struct sv_err why = SV_ERR_NULL;

        for (const char *const *u = l->unproven; *u; u++)
                if (!strcmp(*u, name))
                        return 0;
        sv_json_set_str(claims, name, "another guest's");
        if (l->tee->confirm(l->proof, l->in, claims, &why) == 0)
                fail_msg("a lie about \"%s\" is not seen", name);
        assert_string_equal(why.check, "tee.claims");
        l->n++;
        return 0;
}

/* Each claim but the unproven ones changed; one left out; one that no evidence makes. */
static inline void claims_are_held(struct lies *l)
{
        SV_JSON *more = copy_claims(l->claims), *none = sv_json_object();
        struct sv_err err = SV_ERR_NULL;

        OK(l->tee->confirm(l->proof, l->in, l->claims, &err));
        OK(sv_json_each(l->claims, tell_lie, l, &err));
        sv_json_set_bool(more, "more", true);
        FAILS(l->tee->confirm(l->proof, l->in, more, &err), SV_PROOF, "tee.claims");
        FAILS(l->tee->confirm(l->proof, l->in, none, &err), SV_PROOF, "tee.claims");
        print_message("%u lies are seen\n", l->n);
}

/* The first n bytes of the proof count, each of them; and its length. */
static inline void proof_is_held(const struct lies *l, size_t n, size_t step)
{
        SV_BUF copy = SV_BUF_NULL;
        struct sv_err err;
        size_t at;

        sv_buf_put(&copy, l->proof);
        for (at = 0; at < n; at += step) {
                copy.p[at] ^= 0x11;
                if (l->tee->confirm(sv_buf_bytes(&copy), l->in, l->claims, &err) == 0)
                        fail_msg("byte %zu of the proof does not count", at);
                copy.p[at] ^= 0x11;
        }
        OK(l->tee->confirm(sv_buf_bytes(&copy), l->in, l->claims, &err));
        for (at = 0; at < copy.n; at += 1 + copy.n / 200)
                if (l->tee->confirm(sv_bytes(copy.p, at), l->in, l->claims, &err) == 0)
                        fail_msg("%zu bytes are a whole proof", at);
        sv_buf_u8(&copy, 0);
        assert_int_equal(l->tee->confirm(sv_buf_bytes(&copy), l->in, l->claims, &err), -1);
}

/* It is of this exchange: `check` is the TEE's. */
static inline void session_is_held(const struct lies *l, const char *check)
{
        struct sv_verify_in other = *l->in;
        uint8_t data[48] = {7};
        struct sv_err err;

        other.report_data = sv_bytes(data, sizeof(data));
        FAILS(l->tee->confirm(l->proof, &other, l->claims, &err), SV_PROOF, check);
}
