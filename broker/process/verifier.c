/* SPDX-License-Identifier: Apache-2.0 */
/* In the verifier's process. Whatever happens here is a stranger's doing, and the keeper takes it
 * so. */
#include "broker/process/verifier.h"

#include "attest/appraise.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/rd.h"
#include "broker/process/channel.h"
#include "broker/process/wire.h"

/* --- a request --- */

static int answer_hello(int fd, const struct sv_kbs_request *req, struct sv_err *err)
{
        SV_BUF out = SV_BUF_NULL;

        sv_put_part(&out, sv_bytes_str(req->version));
        sv_put_part(&out, sv_bytes_str(req->tee));
        if (sv_buf_ok(&out, "an answer", err) < 0)
                return -1;
        return sv_channel_send(fd, FRAME_HELLO, sv_buf_bytes(&out), err);
}

static int serve_hello(int fd, struct sv_bytes body, struct sv_err *err)
{
        SV_KBS_REQUEST req = {{0}};
        SV_BUF said = SV_BUF_NULL;
        const struct sv_tee_verify *tee;

        if (sv_kbs_parse_request(body, &req, err) < 0 || answer_hello(fd, &req, err) < 0)
                return -1;
        tee = sv_tee_find_verify_kbs(req.tee);
        if (tee && tee->hello && sv_json_type(req.params) == SV_JSON_OBJECT &&
            tee->hello(req.params, &said, err) < 0)
                return -1;
        return sv_channel_send(fd, FRAME_CHALLENGE, sv_buf_bytes(&said), err);
}

/* --- an attestation --- */

static int list_name(void *names, const char *name, struct sv_json *evidence, struct sv_err *err)
{
        (void)evidence;
        (void)err;
        sv_buf_printf(names, "%s\n", name);
        return 0;
}

static int write_presented(const struct sv_kbs_attestation *m, const struct sv_json *additional,
                           struct sv_buf *out, struct sv_err *err)
{
        const char *const texts[] = {m->nonce, m->key.kty, m->key.alg,   m->key.crv,
                                     m->key.a, m->key.b,   m->additional};
        SV_BUF names = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                sv_put_part(out, sv_bytes_str(texts[i] ? texts[i] : ""));
        if (additional && sv_json_each(additional, list_name, &names, err) < 0)
                return -1;
        sv_put_part(out, sv_buf_bytes(&names));
        sv_buf_u8(out, m->init_data != NULL);
        sv_put_part(out, sv_bytes_str(m->init_data ? m->init_data : ""));
        return sv_buf_ok(out, "an answer", err);
}

static int write_needs(const struct sv_evidence *e, bool wanted, struct sv_buf *out,
                       struct sv_err *err)
{
        SV_JSON *needs = sv_json_array();

        if (wanted && e->tee->needs(e, needs, err) < 0)
                return -1;
        sv_json_print(needs, out);
        if (sv_json_ok(err) < 0)
                return -1;
        return sv_buf_ok(out, "what evidence needs", err);
}

static int appraise_evidence(struct sv_broker *b, const struct sv_evidence *e, struct sv_rd *r,
                             const struct sv_shared *given, struct sv_json **claims,
                             struct sv_buf *proof, struct sv_err *err)
{
        struct sv_collateral fetched = given->what;
        SV_BLOBS blobs = {0};
        SV_VERDICT verdict = {{0}};
        struct sv_verify_in in = {.time = (int64_t)sv_rd_u64le(r),
                                  .any_root = true,
                                  .cache = b->memory,
                                  .proof = proof};
        struct sv_bytes secret;

        in.report_data = sv_rd_part(r);
        secret = sv_rd_part(r);
        if (sv_rd_done(r, "broker.process", "what to verify", err) < 0)
                return -1;
        if (secret.n && e->tee->secret_kind)
                sv_blobs_add(&blobs, e->tee->secret_kind, secret);
        in.collateral = (struct sv_collateral){blobs.list, blobs.n, given->list ? &fetched : NULL};
        return sv_appraise(e, &in, NULL, claims, &verdict, err);
}

static int answer_claims(int fd, const struct sv_json *claims, bool known, struct sv_bytes proof,
                         struct sv_err *err)
{
        SV_BUF out = SV_BUF_NULL;

        sv_buf_u8(&out, known);
        sv_put_part(&out, proof);
        if (sv_put_tree(&out, claims, err) < 0 || sv_buf_ok(&out, "the claims", err) < 0)
                return -1;
        return sv_channel_send(fd, FRAME_CLAIMS, sv_buf_bytes(&out), err);
}

static int verify_once(struct sv_broker *b, int fd, const struct sv_evidence *e,
                       struct sv_bytes what, struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL, proof = SV_BUF_NULL;
        SV_SHARED_ENTRY given = {.list = NULL};
        SV_JSON *claims = NULL;
        struct sv_rd r = sv_rd(what);
        uint64_t hits = sv_trust_cache_hits(b->memory);

        if (sv_channel_expect(fd, ANSWER_MS, FRAME_BLOBS, SV_BLOBS_SIZE_MAX, &raw, err) < 0)
                return -1;
        if (raw.n && sv_shared_read(sv_buf_bytes(&raw), &given, err) < 0)
                return -1;
        if (appraise_evidence(b, e, &r, &given, &claims, &proof, err) < 0)
                return -1;
        return answer_claims(fd, claims, sv_trust_cache_hits(b->memory) > hits,
                             sv_buf_bytes(&proof), err);
}

/* As often as the keeper asks: with collateral that was fetched anew, when it did not hold. */
static int verify_all(struct sv_broker *b, int fd, const struct sv_evidence *e, struct sv_err *err)
{
        for (;;) {
                SV_BUF what = SV_BUF_NULL;
                struct sv_err why = SV_ERR_NULL;
                bool closed;
                uint8_t type = 0;

                what.locked = true;
                if (sv_channel_recv(fd, -1, SV_TPM_BLOB_MAX, &type, &what, &closed, err) < 0)
                        return -1;
                if (closed)
                        return 0;
                if (type == FRAME_HELD) {
                        sv_broker_offer_share(b);
                        return 0;
                }
                if (type != FRAME_VERIFY)
                        return sv_fail(err, SV_SYSTEM, "broker.process",
                                       "a message %u came, expected what to verify", type);
                if (verify_once(b, fd, e, sv_buf_bytes(&what), &why) < 0 &&
                    sv_channel_send_error(fd, &why, err) < 0)
                        return -1;
        }
}

/* What was asked for: the primary evidence, or this TEE's among the others. */
static int open_presented(const struct sv_tee_verify *tee, const struct sv_kbs_attestation *m,
                          const struct sv_json *additional, struct sv_evidence **out,
                          struct sv_err *err)
{
        const struct sv_json *evidence =
                additional ? sv_json_get(additional, tee->id->kbs_name) : m->evidence;

        if (!evidence)
                return sv_fail(err, SV_FORMAT, "kbs.additional",
                               "additional_evidence has none of %s", tee->id->kbs_name);
        return sv_evidence_open(tee, evidence, out, err);
}

/* The head of a message: whose evidence is asked for, and how. */
struct present {
        const struct sv_tee_verify *tee;
        bool wanted, old, additional;
};

static int read_present(struct sv_bytes head, struct present *p, struct sv_err *err)
{
        struct sv_rd r = sv_rd(head);
        char name[SV_KBS_NAME_SIZE];

        if (!sv_rd_text(&r, name, sizeof(name)))
                return sv_fail(err, SV_SYSTEM, "broker.process", "a message names no TEE");
        p->wanted = sv_rd_u8(&r);
        p->old = sv_rd_u8(&r);
        p->additional = sv_rd_u8(&r);
        p->tee = sv_tee_find_verify_kbs(name);
        if (!p->tee)
                return sv_fail(err, SV_SYSTEM, "broker.auth.tee",
                               "this broker no longer verifies evidence of \"%s\"", name);
        return 0;
}

/* Who presented it is said of evidence that does not open, too. */
static int answer_present(int fd, const struct present *p, const struct sv_kbs_attestation *m,
                          const struct sv_json *additional, struct sv_evidence **evidence,
                          struct sv_err *err)
{
        SV_BUF presented = SV_BUF_NULL, needs = SV_BUF_NULL;

        if (write_presented(m, additional, &presented, err) < 0)
                return -1;
        if (open_presented(p->tee, m, p->additional ? additional : NULL, evidence, err) < 0 ||
            write_needs(*evidence, p->wanted, &needs, err) < 0) {
                (void)!sv_channel_send(fd, FRAME_PRESENTED, sv_buf_bytes(&presented), NULL);
                return -1;
        }
        return sv_channel_send_both(fd, FRAME_PRESENTED, sv_buf_bytes(&presented), FRAME_NEEDS,
                                    sv_buf_bytes(&needs), err);
}

static int serve_present(struct sv_broker *b, int fd, struct sv_bytes head, struct sv_err *err)
{
        SV_KBS_ATTESTATION m = {{0}};
        SV_EVIDENCE *evidence = NULL;
        SV_JSON *additional = NULL;
        SV_BUF body = SV_BUF_NULL;
        struct present p = {NULL};

        if (read_present(head, &p, err) < 0 ||
            sv_channel_expect(fd, ANSWER_MS, FRAME_BODY, SV_EVIDENCE_SIZE_MAX, &body, err) < 0)
                return -1;
        if ((p.old ? sv_kbs_parse_old_attestation(sv_buf_bytes(&body), &m, err)
                   : sv_kbs_parse_attestation(sv_buf_bytes(&body), &m, err)) < 0 ||
            sv_kbs_parse_additional(m.additional, &additional, err) < 0 ||
            answer_present(fd, &p, &m, additional, &evidence, err) < 0)
                return -1;
        return verify_all(b, fd, evidence, err);
}

/* --- the process --- */

static int serve_message(struct sv_broker *b, int fd, struct sv_err *err)
{
        SV_BUF body = SV_BUF_NULL;
        uint8_t type = 0;

        if (sv_channel_recv(fd, ANSWER_MS, SV_EVIDENCE_SIZE_MAX, &type, &body, NULL, err) < 0)
                return -1;
        switch (type) {
        case FRAME_HELLO:
                return serve_hello(fd, sv_buf_bytes(&body), err);
        case FRAME_PRESENT:
                return serve_present(b, fd, sv_buf_bytes(&body), err);
        default:
                return sv_fail(err, SV_SYSTEM, "broker.process", "a message %u was not expected",
                               type);
        }
}

void sv_verifier_serve(struct sv_broker *b, int fd)
{
        struct sv_err err = SV_ERR_NULL;

        if (serve_message(b, fd, &err) < 0)
                sv_channel_send_error(fd, &err, NULL);
}
