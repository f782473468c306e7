/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's side of the verifier. What comes back is read with the bounded reader and never
 * believed further than the handler says. */
#include <stdlib.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "broker/process/channel.h"
#include "broker/process/service.h"
#include "broker/process/verifier.h"
#include "broker/process/wire.h"

static int fail_answer(struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "broker.process",
                       "the verifier's answer has another form than expected");
}

void sv_shown_free(struct sv_shown *s)
{
        sv_json_free(s->claims);
        sv_buf_free(&s->proof);
        *s = (struct sv_shown){NULL};
}

void sv_presented_free(struct sv_presented *p)
{
        sv_kbs_pubkey_free(&p->key);
        free(p->additional);
        free(p->init_data);
        *p = (struct sv_presented){{0}};
}

int sv_verifier_hello(const struct sv_broker *b, struct sv_bytes body, int *channel,
                      struct sv_hello *out, struct sv_err *err)
{
        SV_BUF answer = SV_BUF_NULL;
        struct sv_rd r;

        if (sv_service_call(&b->verifier, channel, err) < 0 ||
            sv_channel_send(*channel, FRAME_HELLO, body, err) < 0 ||
            sv_channel_expect(*channel, ANSWER_MS, FRAME_HELLO, SV_LINE_MAX, &answer, err) < 0)
                return -1;
        r = sv_rd(sv_buf_bytes(&answer));
        if (!sv_rd_text(&r, out->version, sizeof(out->version)) ||
            !sv_rd_text(&r, out->tee, sizeof(out->tee)) || sv_rd_left(&r))
                return fail_answer(err);
        return 0;
}

int sv_verifier_challenge(int channel, struct sv_buf *said, struct sv_err *err)
{
        return sv_channel_expect(channel, ANSWER_MS, FRAME_CHALLENGE, SV_CHALLENGE_SIZE_MAX, said,
                                 err);
}

static int start_present(const struct sv_broker *b, const struct sv_to_present *what, int *channel,
                         struct sv_err *err)
{
        SV_BUF head = SV_BUF_NULL;

        sv_put_part(&head, sv_bytes_str(what->tee));
        sv_buf_u8(&head, what->want_needs);
        sv_buf_u8(&head, what->old);
        sv_buf_u8(&head, what->additional);
        if (sv_buf_ok(&head, "a message", err) < 0 ||
            sv_service_call(&b->verifier, channel, err) < 0)
                return -1;
        return sv_channel_send_both(*channel, FRAME_PRESENT, sv_buf_bytes(&head), FRAME_BODY,
                                    what->body, err);
}

static char *read_owned_text(struct sv_rd *r)
{
        char text[SV_KEY_TEXT_MAX];

        return sv_rd_text(r, text, sizeof(text)) ? sv_asprintf("%s", text) : NULL;
}

/* As long as the message may be. */
static char *read_owned_part(struct sv_rd *r)
{
        struct sv_bytes part = sv_rd_part(r);

        if (r->bad || (part.n && memchr(part.p, 0, part.n)))
                return NULL;
        return sv_asprintf("%.*s", (int)part.n, part.n ? (const char *)part.p : "");
}

static int read_presented(struct sv_bytes answer, struct sv_presented *p, struct sv_err *err)
{
        struct sv_rd r = sv_rd(answer);
        bool has_init_data;

        if (!sv_rd_text(&r, p->nonce, sizeof(p->nonce)) ||
            !sv_rd_text(&r, p->key.kty, sizeof(p->key.kty)) ||
            !sv_rd_text(&r, p->key.alg, sizeof(p->key.alg)) ||
            !sv_rd_text(&r, p->key.crv, sizeof(p->key.crv)))
                return fail_answer(err);
        p->key.a = read_owned_text(&r);
        p->key.b = read_owned_text(&r);
        p->additional = p->key.b ? read_owned_part(&r) : NULL;
        if (!p->key.a || !p->additional || !sv_rd_text(&r, p->names, sizeof(p->names)))
                return fail_answer(err);
        has_init_data = sv_rd_u8(&r) == 1;
        p->init_data = read_owned_part(&r);
        if (!p->init_data || strlen(p->init_data) > SV_INIT_DATA_MAX || sv_rd_left(&r))
                return fail_answer(err);
        if (!has_init_data) {
                free(p->init_data);
                p->init_data = NULL;
        }
        return 0;
}

int sv_verifier_present(const struct sv_broker *b, const struct sv_to_present *what, int *channel,
                        struct sv_presented *out, struct sv_err *err)
{
        SV_BUF answer = SV_BUF_NULL;
        SV_PRESENTED p = {{0}};

        if (start_present(b, what, channel, err) < 0 ||
            sv_channel_expect(*channel, ANSWER_MS, FRAME_PRESENTED, SV_EVIDENCE_SIZE_MAX, &answer,
                              err) < 0 ||
            read_presented(sv_buf_bytes(&answer), &p, err) < 0)
                return -1;
        *out = p;
        p = (struct sv_presented){{0}};
        return 0;
}

int sv_verifier_needs(int channel, struct sv_buf *needs, struct sv_err *err)
{
        return sv_channel_expect(channel, ANSWER_MS, FRAME_NEEDS, SV_LINE_MAX, needs, err);
}

static int send_what(int channel, const struct sv_to_verify *in, struct sv_err *err)
{
        SV_BUF what = SV_BUF_NULL;

        what.locked = true;
        sv_buf_u64le(&what, (uint64_t)in->time);
        sv_put_part(&what, in->report_data);
        sv_put_part(&what, in->secret);
        if (sv_buf_ok(&what, "what to verify", err) < 0)
                return -1;
        return sv_channel_send_both(channel, FRAME_VERIFY, sv_buf_bytes(&what), FRAME_BLOBS,
                                    in->blobs, err);
}

int sv_verifier_verify(int channel, const struct sv_to_verify *in, struct sv_shown *out,
                       struct sv_err *err)
{
        SV_BUF answer = SV_BUF_NULL;
        SV_JSON *claims = NULL;
        struct sv_bytes proof;
        struct sv_rd r;
        bool known;

        if (send_what(channel, in, err) < 0 ||
            sv_channel_expect(channel, ANSWER_MS, FRAME_CLAIMS, SV_CLAIMS_SIZE_MAX, &answer, err) <
                    0)
                return -1;
        r = sv_rd(sv_buf_bytes(&answer));
        known = sv_rd_u8(&r) == 1;
        proof = sv_rd_part(&r);
        if (sv_rd_tree(&r, &claims, err) < 0)
                return -1;
        if (sv_rd_left(&r) || sv_json_type(claims) != SV_JSON_OBJECT)
                return fail_answer(err);
        sv_buf_put(&out->proof, proof);
        out->claims = sv_json_ref(claims);
        out->known = known;
        return sv_buf_ok(&out->proof, "the proof", err);
}

void sv_verifier_held(int channel)
{
        (void)!sv_channel_send(channel, FRAME_HELD, SV_BYTES_NULL, NULL);
}
