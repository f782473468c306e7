/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/challenge.h"

#include "base/core/encoding.h"
#include "base/core/rd.h"

#define LABEL    "secure-vm challenge v1"
#define TAG_SIZE 16

#define PROTOCOL_SHIFT 6 /* 0, the newest, is what brokers of before there were others wrote */
#define TEE_MASK       0x3f

static const uint8_t zero_iv[12];

void sv_challenge_free(struct sv_challenge *c)
{
        sv_secret_freep(&c->secret);
        sv_wipe(c, sizeof(*c));
}

static int fail_unknown(struct sv_err *err)
{
        return sv_fail(err, SV_PROOF, "broker.session.unknown",
                       "no such session: it has expired or never was; begin again");
}

static int name_session(struct sv_challenge *c, struct sv_err *err)
{
        return sv_sha256_hex(sv_bytes(c->nonce, sizeof(c->nonce)), c->id, err);
}

int sv_challenge_new(struct sv_challenge *c, struct sv_err *err)
{
        return sv_random(c->nonce, sizeof(c->nonce), err) < 0 ? -1 : name_session(c, err);
}

static struct sv_secret *make_challenge_key(const struct sv_broker *b, const struct sv_challenge *c,
                                            struct sv_err *err)
{
        SV_SECRET *key = sv_secret_new(32, err);
        struct sv_secret *made = key;
        SV_BUF label = SV_BUF_NULL;

        sv_buf_puts(&label, LABEL);
        sv_buf_put(&label, sv_bytes(c->nonce, sizeof(c->nonce)));
        if (!key || sv_buf_ok(&label, "a label", err) < 0 ||
            sv_hmac(SV_SHA256, sv_bytes(sv_secret_reveal(b->kek), sv_secret_size(b->kek)),
                    sv_buf_bytes(&label), sv_secret_reveal(key), err) < 0)
                return NULL;
        key = NULL;
        return made;
}

static int write_challenge(const struct sv_challenge *c, struct sv_buf *plain, struct sv_err *err)
{
        if (c->secret && sv_secret_size(c->secret) > SV_CHALLENGE_SECRET_MAX)
                return sv_fail(err, SV_SYSTEM, "broker.session.secret",
                               "the challenge of this TEE has a secret of %zu bytes, expected at "
                               "most %d",
                               sv_secret_size(c->secret), SV_CHALLENGE_SECRET_MAX);
        sv_buf_u64be(plain, (uint64_t)c->expires);
        sv_buf_u8(plain, (uint8_t)((unsigned)c->protocol << PROTOCOL_SHIFT | strlen(c->tee)));
        sv_buf_puts(plain, c->tee);
        if (c->secret)
                sv_buf_put(plain, sv_bytes(sv_secret_reveal(c->secret), sv_secret_size(c->secret)));
        return sv_buf_ok(plain, "a challenge", err);
}

int sv_challenge_seal(const struct sv_broker *b, const struct sv_challenge *c,
                      struct sv_buf *cookie, struct sv_err *err)
{
        SV_SECRET *key = make_challenge_key(b, c, err);
        SV_BUF plain = {.locked = true};
        SV_BUF cipher = SV_BUF_NULL, raw = SV_BUF_NULL;
        uint8_t tag[TAG_SIZE];

        if (!key || write_challenge(c, &plain, err) < 0 ||
            sv_gcm_seal(sv_bytes(sv_secret_reveal(key), 32), sv_bytes(zero_iv, sizeof(zero_iv)),
                        SV_BYTES_NULL, sv_buf_bytes(&plain), &cipher, tag, err) < 0)
                return -1;
        sv_buf_put(&raw, sv_bytes(c->nonce, sizeof(c->nonce)));
        sv_buf_put(&raw, sv_bytes(tag, sizeof(tag)));
        sv_buf_put(&raw, sv_buf_bytes(&cipher));
        if (sv_buf_ok(&raw, "a cookie", err) < 0)
                return -1;
        sv_put_base64url(cookie, sv_buf_bytes(&raw));
        return sv_buf_ok(cookie, "a cookie", err);
}

/* What the tag has shown to be ours. */
static int read_challenge(struct sv_secret *plain, struct sv_challenge *c, struct sv_err *err)
{
        struct sv_rd r = sv_rd(sv_bytes(sv_secret_reveal(plain), sv_secret_size(plain)));
        struct sv_bytes tee, secret;
        uint8_t what;

        c->expires = (int64_t)sv_rd_u64be(&r);
        what = sv_rd_u8(&r);
        tee = sv_rd_bytes(&r, what & TEE_MASK);
        secret = sv_rd_rest(&r);
        if (sv_rd_ok(&r, "broker.session.unknown", "the session's cookie", NULL) < 0 ||
            tee.n > SV_CHALLENGE_TEE_MAX || what >> PROTOCOL_SHIFT >= SV_N_KBS_PROTOCOLS)
                return fail_unknown(err);
        c->protocol = (enum sv_kbs_protocol)(what >> PROTOCOL_SHIFT);
        memcpy(c->tee, tee.p, tee.n);
        c->secret = secret.n ? sv_secret_copy(secret, err) : NULL;
        return secret.n && !c->secret ? -1 : 0;
}

int sv_challenge_open(const struct sv_broker *b, struct sv_bytes cookie, int64_t now,
                      struct sv_challenge *out, struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;
        SV_CHALLENGE c = {{0}};
        SV_SECRET *key = NULL;
        SV_SECRET *plain = NULL;
        struct sv_bytes tag, cipher;
        struct sv_rd r;

        if (sv_unbase64url(cookie, &raw, "broker.session.unknown", NULL) < 0)
                return fail_unknown(err);
        r = sv_rd(sv_buf_bytes(&raw));
        sv_rd_copy(&r, c.nonce, sizeof(c.nonce));
        tag = sv_rd_bytes(&r, TAG_SIZE);
        cipher = sv_rd_rest(&r);
        if (sv_rd_ok(&r, "broker.session.unknown", "the session's cookie", NULL) < 0)
                return fail_unknown(err);
        key = make_challenge_key(b, &c, err);
        if (!key)
                return -1;
        plain = sv_gcm_open(sv_bytes(sv_secret_reveal(key), 32), sv_bytes(zero_iv, sizeof(zero_iv)),
                            SV_BYTES_NULL, cipher, tag, NULL);
        if (!plain)
                return fail_unknown(err);
        if (read_challenge(plain, &c, err) < 0 || name_session(&c, err) < 0)
                return -1;
        if (c.expires <= now)
                return fail_unknown(err);
        *out = c;
        memset(&c, 0, sizeof(c));
        return 0;
}
