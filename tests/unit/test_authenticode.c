/* SPDX-License-Identifier: Apache-2.0 */
/* base/crypto/x509-authenticode.c: what a signature of an image must be of. What it signs and who
 * signed it is in test_ovmf_secureboot.c. */
#include "base/core/buf.h"
#include "base/crypto/authenticode.h"
#include "tests/unit/unit.h"

#define SHA256 "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define SHA224 "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x04"
#define OF     "\x30\x02\x05\x00" /* what the digest is of: not looked at */
#define VALUE      \
        "\x04\x20" \
        "0123456789abcdef0123456789abcdef"

/* A tag, a length below 256, and contents that are written as a text. */
static void put_der(struct sv_buf *out, uint8_t tag, struct sv_bytes contents)
{
        assert_true(contents.n < 256);
        sv_buf_u8(out, tag);
        if (contents.n > 127)
                sv_buf_u8(out, 0x81);
        sv_buf_u8(out, (uint8_t)contents.n);
        sv_buf_put(out, contents);
}

static void wrap_der(struct sv_buf *b, uint8_t tag)
{
        SV_BUF inner = *b;

        *b = (struct sv_buf){0};
        put_der(b, tag, sv_buf_bytes(&inner));
}

static void put_before(struct sv_buf *b, struct sv_bytes head)
{
        SV_BUF tail = *b;

        *b = (struct sv_buf){0};
        sv_buf_put(b, head);
        sv_buf_put(b, sv_buf_bytes(&tail));
}

#define BYTES(text) sv_bytes(text, sizeof(text) - 1)

/* SignedData without signers around `b`, the encoding of its content. */
static void make_signed_data(struct sv_buf *b, uint8_t kind)
{
        uint8_t type[] = "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x01";
        SV_BUF oid = SV_BUF_NULL;

        sv_buf_put(&oid, sv_bytes(type, sizeof(type) - 1));
        sv_buf_u8(&oid, kind);
        wrap_der(b, 0xa0);
        put_before(b, sv_buf_bytes(&oid));
        wrap_der(b, 0x30);
        put_before(b, BYTES("\x02\x01\x01\x31\x00"));
        sv_buf_put(b, BYTES("\x31\x00"));
        wrap_der(b, 0x30);
        wrap_der(b, 0xa0);
        put_before(b, BYTES("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"));
        wrap_der(b, 0x30);
}

/* SpcIndirectDataContent: what the digest is of, and DigestInfo of this algorithm and value. */
static void put_content(struct sv_buf *b, struct sv_bytes of, struct sv_bytes alg,
                        struct sv_bytes value)
{
        sv_buf_clear(b);
        sv_buf_put(b, alg);
        sv_buf_put(b, BYTES("\x05\x00"));
        wrap_der(b, 0x30);
        sv_buf_put(b, value);
        wrap_der(b, 0x30);
        put_before(b, of);
}

static void refuse(struct sv_buf *b, uint8_t kind)
{
        struct sv_err err = SV_ERR_NULL;

        make_signed_data(b, kind);
        assert_null(sv_authenticode_read(sv_buf_bytes(b), "test.signature", &err));
        assert_int_equal(err.class, SV_FORMAT);
        assert_string_equal(err.check, "test.signature");
}

static void read_digest(void **state)
{
        SV_BUF b = SV_BUF_NULL;
        struct sv_authenticode *a;
        struct sv_bytes digest;
        struct sv_err err;

        put_content(&b, BYTES(OF), BYTES(SHA256), BYTES(VALUE));
        wrap_der(&b, 0x30);
        make_signed_data(&b, 4);
        a = sv_authenticode_read(sv_buf_bytes(&b), "test.signature", &err);
        assert_non_null(a);
        assert_int_equal(sv_authenticode_digest(a, &digest), SV_SHA256);
        assert_int_equal(digest.n, 32);
        assert_memory_equal(digest.p, VALUE + 2, 32);
        sv_authenticode_free(a);
        for (size_t n = 0; n < b.n; n++) {
                assert_null(sv_authenticode_read(sv_bytes(b.p, n), "test.signature", &err));
                assert_string_equal(err.check, "test.signature");
        }
}

static void other_digests(void **state)
{
        static const struct {
                const char *of, *alg, *value;
                size_t n;
        } t[] = {
                {OF, SHA224, VALUE, 34},
                {OF, SHA256,
                 "\x04\x1f"
                 "0123456789abcdef0123456789abcde",
                 33},
                {OF, SHA256,
                 "\x04\x21"
                 "0123456789abcdef0123456789abcdef0",
                 35},
                {OF, SHA256, VALUE "\x05", 35},
                {"\x30\x7f", SHA256, VALUE, 34}, /* longer than all */
        };
        SV_BUF b = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                put_content(&b, sv_bytes(t[i].of, i == 4 ? 2 : 4), sv_bytes(t[i].alg, 11),
                            sv_bytes(t[i].value, t[i].n));
                wrap_der(&b, 0x30);
                refuse(&b, 4);
        }
}

/* The same content as a SET, as no SEQUENCE that holds anything, and without a length. */
static void other_forms(void **state)
{
        static const uint8_t tags[] = {0x31, 0x10, 0x70, 0x04};
        SV_BUF b = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(tags); i++) {
                put_content(&b, BYTES(OF), BYTES(SHA256), BYTES(VALUE));
                wrap_der(&b, tags[i]);
                refuse(&b, 4);
        }
        put_content(&b, BYTES(OF), BYTES(SHA256), BYTES(VALUE));
        put_before(&b, BYTES("\x30\x80"));
        sv_buf_put(&b, BYTES("\x00\x00"));
        refuse(&b, 4);
        put_content(&b, BYTES(OF), BYTES(SHA256), BYTES(VALUE));
        wrap_der(&b, 0x30);
        refuse(&b, 5); /* of another kind */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(read_digest),
                cmocka_unit_test(other_digests),
                cmocka_unit_test(other_forms),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
