/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/corim/sign1.h"

#include <string.h>

#include "base/core/encoding.h"

enum { TAG_TIME = 1, TAG_SIGN1 = 18 };
enum { HEADER_ALG = 1, HEADER_CRIT = 2, HEADER_TYPE = 3, HEADER_META = 8 };

#define ES256        (-7)
#define CONTENT_TYPE "application/rim+cbor"

int sv_corim_read_time(const struct sv_cbor *item, int64_t *seconds, struct sv_err *err)
{
        struct sv_cbor number;

        /* up to the year 9999, which RFC 3339 can write */
        if (sv_cbor_untag(item, TAG_TIME, &number) && sv_cbor_int(&number, seconds) &&
            *seconds >= 0 && *seconds <= INT64_C(253402300799))
                return 0;
        return sv_fail(err, SV_FORMAT, "corim.time",
                       "expected whole seconds since 1970 (tag 1) as time in a CoRIM");
}

int sv_corim_check_validity(const struct sv_cbor *validity, struct sv_err *err)
{
        struct sv_cbor item;

        if (sv_cbor_get(validity, 0, &item) || sv_cbor_get(validity, 1, &item))
                return 0;
        return sv_fail(err, SV_FORMAT, "corim.time",
                       "expected a map with not-before (0) or not-after (1) as validity");
}

void sv_corim_put_time(struct sv_buf *out, int64_t seconds)
{
        sv_cbor_put(out, SV_CBOR_TAG, TAG_TIME);
        sv_cbor_put_int(out, seconds);
}

/* Signer, and from when to when the signature counts. */
static int check_meta(const struct sv_cbor *header, int64_t time, struct sv_err *err)
{
        struct sv_cbor wrapped, meta, validity, item;
        int64_t from = INT64_MIN, to = INT64_MAX;

        if (!sv_cbor_get(header, HEADER_META, &wrapped))
                return 0;
        if (wrapped.kind != SV_CBOR_BYTES)
                return sv_fail(err, SV_FORMAT, "corim.form", "expected bytes as corim-meta");
        if (sv_cbor_parse(wrapped.data, &meta, "corim.cbor", err) < 0)
                return -1;
        if (!sv_cbor_get(&meta, 1, &validity))
                return 0;
        if (sv_corim_check_validity(&validity, err) < 0 ||
            (sv_cbor_get(&validity, 0, &item) && sv_corim_read_time(&item, &from, err) < 0) ||
            (sv_cbor_get(&validity, 1, &item) && sv_corim_read_time(&item, &to, err) < 0))
                return -1;
        if (time >= from && time <= to)
                return 0;
        return sv_fail(err, SV_PROOF, "corim.validity",
                       "the CoRIM's signature counts from %lld to %lld (seconds since 1970), and "
                       "the time is %lld",
                       (long long)from, (long long)to, (long long)time);
}

static int check_corim_header(struct sv_bytes text, int64_t time, struct sv_err *err)
{
        struct sv_cbor header, item;
        int64_t alg;

        if (sv_cbor_parse(text, &header, "corim.cbor", err) < 0)
                return -1;
        if (!sv_cbor_get(&header, HEADER_ALG, &item) || !sv_cbor_int(&item, &alg) || alg != ES256)
                return sv_fail(err, SV_FORMAT, "corim.alg",
                               "the CoRIM is not signed with ES256 (alg %d)", ES256);
        if (sv_cbor_get(&header, HEADER_CRIT, &item))
                return sv_fail(err, SV_FORMAT, "corim.crit",
                               "the CoRIM's signature has critical headers, which are not known "
                               "here");
        if (!sv_cbor_get(&header, HEADER_TYPE, &item) || item.kind != SV_CBOR_TEXT ||
            item.data.n != strlen(CONTENT_TYPE) || memcmp(item.data.p, CONTENT_TYPE, item.data.n))
                return sv_fail(err, SV_FORMAT, "corim.form",
                               "what is signed is not said to be " CONTENT_TYPE);
        return check_meta(&header, time, err);
}

/* RFC 9052 section 4.4. */
static void write_signed_part(struct sv_bytes header, struct sv_bytes payload, struct sv_buf *out)
{
        sv_cbor_put(out, SV_CBOR_LIST, 4);
        sv_cbor_put_text(out, "Signature1");
        sv_cbor_put_bytes(out, header);
        sv_cbor_put_bytes(out, SV_BYTES_NULL);
        sv_cbor_put_bytes(out, payload);
}

int sv_corim_open(struct sv_bytes text, const struct sv_key *key, int64_t time,
                  struct sv_bytes *payload, struct sv_err *err)
{
        struct sv_cbor whole, list, part[4];
        struct sv_bytes rest;
        SV_BUF signed_part = SV_BUF_NULL;

        if (sv_cbor_parse(text, &whole, "corim.cbor", err) < 0)
                return -1;
        if (!sv_cbor_untag(&whole, TAG_SIGN1, &list)) {
                if (key)
                        return sv_fail(err, SV_USAGE, "corim.unsigned",
                                       "a signer's key was given, and nobody has signed the CoRIM");
                *payload = text;
                return 0;
        }
        if (!key)
                return sv_fail(err, SV_USAGE, "corim.key",
                               "the CoRIM is signed, and no key says by whom (--key)");
        rest = list.data;
        if (list.kind != SV_CBOR_LIST || list.value != 4)
                return sv_fail(err, SV_FORMAT, "corim.form",
                               "expected four parts in the CoRIM's signature");
        for (size_t i = 0; i < 4; i++)
                if (!sv_cbor_next(&rest, &part[i]) || (i != 1 && part[i].kind != SV_CBOR_BYTES))
                        return sv_fail(err, SV_FORMAT, "corim.form",
                                       "expected bytes as header, CoRIM and signature");
        write_signed_part(part[0].data, part[2].data, &signed_part);
        if (sv_buf_ok(&signed_part, "a signature", err) < 0)
                return -1;
        if (sv_key_type(key) != SV_KEY_P256 || part[3].data.n != 64)
                return sv_fail(err, SV_FORMAT, "corim.alg",
                               "expected a key of P-256 and a signature of 64 bytes");
        if (sv_verify_sig(key, SV_ECDSA_SHA256, sv_buf_bytes(&signed_part), part[3].data,
                          "corim.signature", err) < 0)
                return -1;
        *payload = part[2].data;
        return check_corim_header(part[0].data, time, err);
}

int sv_corim_seal(struct sv_bytes payload, const struct sv_key *key, const char *signer,
                  struct sv_buf *out, struct sv_err *err)
{
        SV_BUF header = SV_BUF_NULL, meta = SV_BUF_NULL, text = SV_BUF_NULL, sig = SV_BUF_NULL;

        if (sv_key_type(key) != SV_KEY_P256)
                return sv_fail(err, SV_FORMAT, "corim.alg", "expected a key of P-256 to sign with");
        sv_cbor_put(&meta, SV_CBOR_MAP, 1);
        sv_cbor_put_int(&meta, 0);
        sv_cbor_put(&meta, SV_CBOR_MAP, 1);
        sv_cbor_put_int(&meta, 0);
        sv_cbor_put_text(&meta, signer);
        sv_cbor_put(&header, SV_CBOR_MAP, 3);
        sv_cbor_put_int(&header, HEADER_ALG);
        sv_cbor_put_int(&header, ES256);
        sv_cbor_put_int(&header, HEADER_TYPE);
        sv_cbor_put_text(&header, CONTENT_TYPE);
        sv_cbor_put_int(&header, HEADER_META);
        sv_cbor_put_bytes(&header, sv_buf_bytes(&meta));
        write_signed_part(sv_buf_bytes(&header), payload, &text);
        if (sv_buf_ok(&header, "a CoRIM", err) < 0 || sv_buf_ok(&text, "a CoRIM", err) < 0 ||
            sv_sign(key, SV_ECDSA_SHA256, sv_buf_bytes(&text), &sig, err) < 0)
                return -1;
        sv_cbor_put(out, SV_CBOR_TAG, TAG_SIGN1);
        sv_cbor_put(out, SV_CBOR_LIST, 4);
        sv_cbor_put_bytes(out, sv_buf_bytes(&header));
        sv_cbor_put(out, SV_CBOR_MAP, 0);
        sv_cbor_put_bytes(out, payload);
        sv_cbor_put_bytes(out, sv_buf_bytes(&sig));
        return sv_buf_ok(out, "a CoRIM", err);
}
