/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/encoding.h"
#include "base/crypto/crypto.h"
#include "tests/unit/unit.h"

static void hex_is(const uint8_t *p, size_t n, const char *want)
{
        char text[2 * 256 + 1];

        assert_true(n <= 256);
        assert_string_equal(sv_hex(sv_bytes(p, n), text), want);
}

static size_t unhex(const char *text, uint8_t *out)
{
        SV_BUF b = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_unhex(sv_bytes_str(text), &b, "test", &err));
        memcpy(out, b.p, b.n);
        return b.n;
}

static void digests(void **state)
{
        /* FIPS 180-4 examples: "abc" */
        static const struct {
                enum sv_digest alg;
                const char *name, *abc;
        } cases[] = {
                {SV_SHA1, "sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"},
                {SV_SHA256, "sha256",
                 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
                {SV_SHA384, "sha384",
                 "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc235"
                 "8baeca134c825a7"},
                {SV_SHA512, "sha512",
                 "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a83"
                 "6ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
        };
        struct sv_err err;
        uint8_t out[SV_DIGEST_MAX];

        for (size_t i = 0; i < 4; i++) {
                SV_HASH *h = sv_hash_new(cases[i].alg, &err);

                OK(sv_digest(cases[i].alg, sv_bytes_str("abc"), out, &err));
                hex_is(out, sv_digest_size(cases[i].alg), cases[i].abc);
                assert_int_equal(sv_digest_by_name(cases[i].name), cases[i].alg);
                assert_string_equal(sv_digest_name(cases[i].alg), cases[i].name);
                for (int round = 0; round < 2; round++) {
                        OK(sv_hash_put(h, sv_bytes_str("a"), &err));
                        OK(sv_hash_put(h, SV_BYTES_NULL, &err));
                        OK(sv_hash_put(h, sv_bytes_str("bc"), &err));
                        OK(sv_hash_end(h, out, &err));
                        hex_is(out, sv_digest_size(cases[i].alg), cases[i].abc);
                }
        }
        assert_int_equal(sv_digest_by_name("md5"), 0);
        assert_int_equal(sv_digest_size(0), 0);
        FAILS(sv_digest(99, sv_bytes_str("abc"), out, &err), SV_SYSTEM, "crypto.digest");
        FAILS(sv_digest_file(SV_SHA256, "/nonexistent", out, NULL, &err), SV_SYSTEM, "file.open");
        /* RFC 4231 test case 2 */
        OK(sv_hmac(SV_SHA256, sv_bytes_str("Jefe"), sv_bytes_str("what do ya want for nothing?"),
                   out, &err));
        hex_is(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        OK(sv_hmac(SV_SHA256, SV_BYTES_NULL, SV_BYTES_NULL, out, &err));
        hex_is(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* Each of many is the one that the key and both parts have by themselves. */
static void macs_of_one_key(void **state)
{
        static const char text[] = "what do ya want for nothing?";
        struct sv_err err = SV_ERR_NULL;
        struct sv_mac *m = sv_mac_new(SV_SHA256, sv_bytes_str("Jefe"), &err);
        uint8_t want[32], out[32];

        assert_non_null(m);
        for (size_t n = 0; n <= strlen(text); n++) {
                OK(sv_mac_make(m, sv_bytes(text, n), sv_bytes_str(text + n), out, &err));
                OK(sv_hmac(SV_SHA256, sv_bytes_str("Jefe"), sv_bytes_str(text), want, &err));
                assert_memory_equal(out, want, sizeof(want));
        }
        sv_mac_free(m);
        assert_null(sv_mac_new(SV_SHA256, SV_BYTES_NULL, &err));
        assert_string_equal(err.check, "crypto.hmac");
}

static void concat_kdf_of_rfc7518_appendix_c(void **state)
{
        static const uint8_t z[] = {158, 86,  217, 29,  129, 113, 53,  211, 114, 131, 66,
                                    131, 191, 132, 38,  156, 251, 49,  110, 163, 218, 128,
                                    106, 72,  246, 218, 167, 121, 140, 254, 144, 196};
        SV_BUF info = SV_BUF_NULL;
        struct sv_err err;
        uint8_t out[48];

        sv_buf_u32be(&info, 7);
        sv_buf_puts(&info, "A128GCM");
        sv_buf_u32be(&info, 5);
        sv_buf_puts(&info, "Alice");
        sv_buf_u32be(&info, 3);
        sv_buf_puts(&info, "Bob");
        sv_buf_u32be(&info, 128);
        OK(sv_kdf_concat(sv_bytes(z, 32), sv_buf_bytes(&info), out, 16, &err));
        hex_is(out, 16, "56aa8deaf8236d205c2228cd71a7101a");
        /* two rounds begin alike */
        OK(sv_kdf_concat(sv_bytes(z, 32), sv_buf_bytes(&info), out, 48, &err));
        hex_is(out, 16, "56aa8deaf8236d205c2228cd71a7101a");
        FAILS(sv_kdf_concat(sv_bytes(z, 32), sv_buf_bytes(&info), out, 0, &err), SV_FORMAT,
              "crypto.kdf");
}

/* Against the formulas of TPM 2.0 part 1 section 11.4.10, put together here by hand from HMAC and
 * digest. */
static void tpm_kdfs(void **state)
{
        static const uint8_t key[] = {1, 2, 3}, u[] = {4, 5}, v[] = {6};
        SV_BUF msg = SV_BUF_NULL;
        struct sv_err err;
        uint8_t want[64], out[40];

        for (uint32_t i = 1; i <= 2; i++) {
                sv_buf_clear(&msg);
                sv_buf_u32be(&msg, i);
                sv_buf_put(&msg, sv_bytes("STORAGE", 8)); /* with its terminator */
                sv_buf_put(&msg, sv_bytes(u, 2));
                sv_buf_put(&msg, sv_bytes(v, 1));
                sv_buf_u32be(&msg, 320);
                OK(sv_hmac(SV_SHA256, sv_bytes(key, 3), sv_buf_bytes(&msg), want + 32 * (i - 1),
                           &err));
        }
        OK(sv_kdfa(SV_SHA256, sv_bytes(key, 3), "STORAGE", sv_bytes(u, 2), sv_bytes(v, 1), out, 40,
                   &err));
        assert_memory_equal(out, want, 40);
        for (uint32_t i = 1; i <= 2; i++) {
                sv_buf_clear(&msg);
                sv_buf_u32be(&msg, i);
                sv_buf_put(&msg, sv_bytes(key, 3));
                sv_buf_put(&msg, sv_bytes("IDENTITY", 9));
                sv_buf_put(&msg, sv_bytes(u, 2));
                sv_buf_put(&msg, sv_bytes(v, 1));
                OK(sv_digest(SV_SHA256, sv_buf_bytes(&msg), want + 32 * (i - 1), &err));
        }
        OK(sv_kdfe(SV_SHA256, sv_bytes(key, 3), "IDENTITY", sv_bytes(u, 2), sv_bytes(v, 1), out, 40,
                   &err));
        assert_memory_equal(out, want, 40);
}

static void key_wrap_of_rfc3394(void **state)
{
        uint8_t kek[32], key[32], wrapped[40];
        SV_BUF out = SV_BUF_NULL;
        SV_SECRET *back = NULL;
        struct sv_err err;

        /* section 4.6: 256 bits of key data with a 256-bit key */
        unhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", kek);
        unhex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f", key);
        unhex("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
              wrapped);
        OK(sv_kw_wrap(sv_bytes(kek, 32), sv_bytes(key, 32), &out, &err));
        assert_int_equal(out.n, 40);
        assert_memory_equal(out.p, wrapped, 40);
        back = sv_kw_unwrap(sv_bytes(kek, 32), sv_bytes(wrapped, 40), &err);
        assert_non_null(back);
        assert_int_equal(sv_secret_size(back), 32);
        assert_memory_equal(sv_secret_reveal(back), key, 32);
        for (size_t i = 0; i < 40; i++) {
                wrapped[i] ^= 1;
                assert_null(sv_kw_unwrap(sv_bytes(kek, 32), sv_bytes(wrapped, 40), &err));
                assert_string_equal(err.check, "crypto.kw");
                assert_int_equal(err.class, SV_PROOF);
                wrapped[i] ^= 1;
        }
        for (size_t n = 0; n < 40; n++) {
                assert_null(sv_kw_unwrap(sv_bytes(kek, 32), sv_bytes(wrapped, n), &err));
                assert_string_equal(err.check, n >= 24 && n % 8 == 0 ? "crypto.kw" : "crypto.size");
        }
        FAILS(sv_kw_wrap(sv_bytes(kek, 31), sv_bytes(key, 32), &out, &err), SV_FORMAT,
              "crypto.size");
        FAILS(sv_kw_wrap(sv_bytes(kek, 32), sv_bytes(key, 31), &out, &err), SV_FORMAT,
              "crypto.size");
}

static void gcm(void **state)
{
        /* NIST GCM specification, test case 16 */
        uint8_t key[32], iv[12], aad[20], plain[60], want[60], tag[16];
        SV_BUF out = SV_BUF_NULL;
        struct sv_err err;
        SV_SECRET *back = NULL;
        SV_SECRET *empty = NULL;
        struct sv_bytes k = {key, 32}, i = {iv, 12}, a = {aad, 20};

        unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key);
        unhex("cafebabefacedbaddecaf888", iv);
        unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad);
        unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf"
              "0e2449a6b525b16aedf5aa0de657ba637b39",
              plain);
        unhex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b0"
              "8b1056828838c5f61e6393ba7a0abcc9f662",
              want);
        OK(sv_gcm_seal(k, i, a, sv_bytes(plain, 60), &out, tag, &err));
        assert_memory_equal(out.p, want, 60);
        hex_is(tag, 16, "76fc6ece0f4e1768cddf8853bb2d551b");
        back = sv_gcm_open(k, i, a, sv_buf_bytes(&out), sv_bytes(tag, 16), &err);
        assert_non_null(back);
        assert_memory_equal(sv_secret_reveal(back), plain, 60);
        struct {
                uint8_t *p;
                size_t n;
        } parts[] = {{key, 32}, {iv, 12}, {aad, 20}, {out.p, 60}, {tag, 16}};
        for (size_t part = 0; part < 5; part++)
                for (size_t at = 0; at < parts[part].n; at++) {
                        parts[part].p[at] ^= 0x10;
                        assert_null(
                                sv_gcm_open(k, i, a, sv_buf_bytes(&out), sv_bytes(tag, 16), &err));
                        assert_string_equal(err.check, "crypto.gcm.tag");
                        assert_int_equal(err.class, SV_PROOF);
                        parts[part].p[at] ^= 0x10;
                }
        for (size_t n = 0; n < 16; n++) {
                assert_null(sv_gcm_open(k, i, a, sv_buf_bytes(&out), sv_bytes(tag, n), &err));
                assert_string_equal(err.check, "crypto.size");
        }
        sv_buf_clear(&out);
        OK(sv_gcm_seal(k, i, SV_BYTES_NULL, SV_BYTES_NULL, &out, tag, &err));
        empty = sv_gcm_open(k, i, SV_BYTES_NULL, SV_BYTES_NULL, sv_bytes(tag, 16), &err);
        assert_non_null(empty);
        assert_int_equal(sv_secret_size(empty), 0);
        assert_null(sv_gcm_open(sv_bytes(key, 16), i, SV_BYTES_NULL, SV_BYTES_NULL,
                                sv_bytes(tag, 16), &err));
        assert_string_equal(err.check, "crypto.size");
}

static void cfb(void **state)
{
        /* SP 800-38A F.3.13 and F.3.17, first two blocks */
        static const struct {
                const char *key, *cipher;
        } cases[] = {
                {"2b7e151628aed2a6abf7158809cf4f3c",
                 "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"},
                {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                 "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"},
        };
        uint8_t key[32], iv[16], data[32];
        struct sv_err err;

        unhex("000102030405060708090a0b0c0d0e0f", iv);
        for (size_t i = 0; i < 2; i++) {
                size_t n = unhex(cases[i].key, key);

                unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51", data);
                OK(sv_aes_cfb(sv_bytes(key, n), sv_bytes(iv, 16), true, data, 32, &err));
                hex_is(data, 32, cases[i].cipher);
                OK(sv_aes_cfb(sv_bytes(key, n), sv_bytes(iv, 16), false, data, 32, &err));
                hex_is(data, 32,
                       "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
        }
        FAILS(sv_aes_cfb(sv_bytes(key, 24), sv_bytes(iv, 16), true, data, 32, &err), SV_FORMAT,
              "crypto.size");
        FAILS(sv_aes_cfb(sv_bytes(key, 16), sv_bytes(iv, 15), true, data, 32, &err), SV_FORMAT,
              "crypto.size");
}

static const struct {
        enum sv_key_type type;
        enum sv_scheme scheme;
        size_t size;
} schemes[] = {
        {SV_KEY_RSA, SV_RSASSA_SHA256, 256}, {SV_KEY_RSA, SV_RSASSA_SHA384, 256},
        {SV_KEY_RSA, SV_RSASSA_SHA512, 256}, {SV_KEY_RSA, SV_RSAPSS_SHA256, 256},
        {SV_KEY_RSA, SV_RSAPSS_SHA384, 256}, {SV_KEY_RSA, SV_RSAPSS_SHA512, 256},
        {SV_KEY_P256, SV_ECDSA_SHA256, 64},  {SV_KEY_P384, SV_ECDSA_SHA384, 96},
        {SV_KEY_P521, SV_ECDSA_SHA512, 132}, {SV_KEY_ED25519, SV_EDDSA, 64},
};

static void signatures(void **state)
{
        struct sv_bytes msg = sv_bytes_str("message"), other = sv_bytes_str("massage");
        struct sv_err err;

        for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
                SV_KEY *k = sv_key_generate(schemes[i].type, 2048, &err);
                SV_KEY *pub = NULL;
                SV_BUF sig = SV_BUF_NULL;
                SV_BUF spki = SV_BUF_NULL;
                enum sv_scheme next = schemes[(i + 1) % 10].scheme;

                assert_non_null(k);
                OK(sv_key_spki(k, &spki, &err));
                pub = sv_key_from_spki(sv_buf_bytes(&spki), &err);
                assert_non_null(pub);
                OK(sv_sign(k, schemes[i].scheme, msg, &sig, &err));
                assert_int_equal(sig.n, schemes[i].size);
                OK(sv_verify_sig(pub, schemes[i].scheme, msg, sv_buf_bytes(&sig), "t.sig", &err));
                FAILS(sv_verify_sig(pub, schemes[i].scheme, other, sv_buf_bytes(&sig), "t.sig",
                                    &err),
                      SV_PROOF, "t.sig");
                assert_int_equal(sv_verify_sig(pub, next, msg, sv_buf_bytes(&sig), "t.sig", &err),
                                 -1);
                FAILS(sv_sign(pub, schemes[i].scheme, msg, &sig, &err), SV_FORMAT,
                      "crypto.key.private");
                for (size_t n = 0; n < sig.n; n += 7)
                        FAILS(sv_verify_sig(pub, schemes[i].scheme, msg, sv_bytes(sig.p, n),
                                            "t.sig", &err),
                              SV_PROOF, "t.sig");
                for (size_t at = 0; at < sig.n; at += 5) {
                        sig.p[at] ^= 0x20;
                        FAILS(sv_verify_sig(pub, schemes[i].scheme, msg, sv_buf_bytes(&sig),
                                            "t.sig", &err),
                              SV_PROOF, "t.sig");
                        sig.p[at] ^= 0x20;
                }
                memset(sig.p, 0, sig.n);
                FAILS(sv_verify_sig(pub, schemes[i].scheme, msg, sv_buf_bytes(&sig), "t.sig", &err),
                      SV_PROOF, "t.sig");
                FAILS(sv_sign(k, schemes[i].type == SV_KEY_RSA ? SV_ECDSA_SHA256 : SV_RSASSA_SHA256,
                              msg, &sig, &err),
                      SV_FORMAT, "crypto.scheme");
        }
}

static void keys_in_and_out(void **state)
{
        static const enum sv_key_type types[] = {SV_KEY_RSA, SV_KEY_P256, SV_KEY_P384, SV_KEY_P521};
        struct sv_err err;

        for (size_t i = 0; i < 4; i++) {
                SV_KEY *k = sv_key_generate(types[i], 2048, &err);
                SV_KEY *again = NULL;
                SV_KEY *private = NULL;
                SV_KEY *public = NULL;
                SV_SECRET *pem = NULL;
                SV_BUF a = SV_BUF_NULL;
                SV_BUF b = SV_BUF_NULL;
                SV_BUF spki = SV_BUF_NULL;
                SV_BUF spki2 = SV_BUF_NULL;
                SV_BUF text = SV_BUF_NULL;

                OK(types[i] == SV_KEY_RSA ? sv_key_rsa(k, &a, &b, &err)
                                          : sv_key_ec(k, &a, &b, &err));
                again = types[i] == SV_KEY_RSA
                                ? sv_key_from_rsa(sv_buf_bytes(&a), sv_buf_bytes(&b), &err)
                                : sv_key_from_ec(types[i], sv_buf_bytes(&a), sv_buf_bytes(&b),
                                                 &err);
                assert_non_null(again);
                assert_int_equal(sv_key_type(again), types[i]);
                OK(sv_key_spki(k, &spki, &err));
                OK(sv_key_spki(again, &spki2, &err));
                assert_true(sv_bytes_eq(sv_buf_bytes(&spki), sv_buf_bytes(&spki2)));
                OK(sv_key_private_pem(k, &pem, &err));
                private = sv_key_from_pem(sv_bytes(sv_secret_reveal(pem), sv_secret_size(pem)),
                                          true, &err);
                assert_non_null(private);
                assert_int_equal(sv_key_bits(private), sv_key_bits(k));
                OK(sv_key_public_pem(k, &text, &err));
                public = sv_key_from_pem(sv_buf_bytes(&text), false, &err);
                assert_non_null(public);
                FAILS(sv_key_private_pem(public, &pem, &err), SV_FORMAT, "crypto.key.private");
                assert_null(sv_key_from_pem(sv_buf_bytes(&text), true, &err));
                assert_string_equal(err.check, "crypto.key.pem");
                for (size_t n = 0; n < spki.n; n++) {
                        assert_null(sv_key_from_spki(sv_bytes(spki.p, n), &err));
                        assert_string_equal(err.check, "crypto.key.form");
                }
                sv_buf_u8(&spki, 0);
                assert_null(sv_key_from_spki(sv_buf_bytes(&spki), &err));
                assert_string_equal(err.check, "crypto.key.form");
                if (types[i] != SV_KEY_RSA) {
                        b.p[b.n - 1] ^= 1;
                        assert_null(
                                sv_key_from_ec(types[i], sv_buf_bytes(&a), sv_buf_bytes(&b), &err));
                        assert_string_equal(err.check, "crypto.key.point");
                        assert_null(sv_key_from_ec(types[i], sv_buf_bytes(&a),
                                                   sv_bytes(b.p, b.n - 1), &err));
                        assert_string_equal(err.check, "crypto.key.point");
                }
        }
}

static void weak_rsa_keys(void **state)
{
        static const struct {
                size_t n;
                uint8_t last;
                const char *e;
        } cases[] = {{128, 1, "010001"}, {255, 1, "010001"}, {256, 2, "010001"},
                     {256, 1, "03"},     {256, 1, "010002"}, {256, 1, "01000000000000000001"},
                     {1025, 1, "010001"}};
        uint8_t n[1200], e[16];
        struct sv_err err;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                size_t en = unhex(cases[i].e, e);

                memset(n, 0xa5, sizeof(n));
                n[cases[i].n - 1] = cases[i].last;
                assert_null(sv_key_from_rsa(sv_bytes(n, cases[i].n), sv_bytes(e, en), &err));
                assert_string_equal(err.check, "crypto.key.weak");
        }
        assert_null(sv_key_generate(SV_KEY_RSA, 1024, &err));
        assert_string_equal(err.check, "crypto.key.generate");
}

static void agreement_and_oaep(void **state)
{
        static const enum sv_key_type types[] = {SV_KEY_P256, SV_KEY_P384, SV_KEY_P521};
        struct sv_err err;
        SV_KEY *rsa = sv_key_generate(SV_KEY_RSA, 2048, &err);
        SV_KEY *rsa2 = sv_key_generate(SV_KEY_RSA, 2048, &err);
        SV_BUF c = SV_BUF_NULL;
        SV_SECRET *plain = NULL;
        uint8_t big[191] = {0};
        struct sv_bytes label = sv_bytes("DUPLICATE", 10);

        for (size_t i = 0; i < 3; i++) {
                SV_KEY *a = sv_key_generate(types[i], 0, &err);
                SV_KEY *b = sv_key_generate(types[i], 0, &err);
                SV_KEY *other = sv_key_generate(types[(i + 1) % 3], 0, &err);
                SV_SECRET *ab = sv_ecdh(a, b, &err);
                SV_SECRET *ba = sv_ecdh(b, a, &err);

                assert_non_null(ab);
                assert_int_equal(sv_secret_size(ab), types[i] == SV_KEY_P256   ? 32
                                                     : types[i] == SV_KEY_P384 ? 48
                                                                               : 66);
                assert_memory_equal(sv_secret_reveal(ab), sv_secret_reveal(ba), sv_secret_size(ab));
                assert_null(sv_ecdh(a, other, &err));
                assert_string_equal(err.check, "crypto.ecdh");
        }
        OK(sv_oaep_encrypt(rsa, SV_SHA256, label, sv_bytes_str("seed"), &c, &err));
        assert_int_equal(c.n, 256);
        plain = sv_oaep_decrypt(rsa, SV_SHA256, label, sv_buf_bytes(&c), &err);
        assert_non_null(plain);
        assert_int_equal(sv_secret_size(plain), 4);
        assert_memory_equal(sv_secret_reveal(plain), "seed", 4);
        assert_null(sv_oaep_decrypt(rsa2, SV_SHA256, label, sv_buf_bytes(&c), &err));
        assert_string_equal(err.check, "crypto.oaep");
        assert_null(sv_oaep_decrypt(rsa, SV_SHA256, SV_BYTES_NULL, sv_buf_bytes(&c), &err));
        assert_string_equal(err.check, "crypto.oaep");
        assert_null(sv_oaep_decrypt(rsa, SV_SHA1, label, sv_buf_bytes(&c), &err));
        assert_null(sv_oaep_decrypt(rsa, SV_SHA256, label, sv_bytes(c.p, 255), &err));
        assert_string_equal(err.check, "crypto.oaep");
        FAILS(sv_oaep_encrypt(rsa, SV_SHA256, label, sv_bytes(big, 191), &c, &err), SV_FORMAT,
              "crypto.size");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(digests),
                cmocka_unit_test(macs_of_one_key),
                cmocka_unit_test(concat_kdf_of_rfc7518_appendix_c),
                cmocka_unit_test(tpm_kdfs),
                cmocka_unit_test(key_wrap_of_rfc3394),
                cmocka_unit_test(gcm),
                cmocka_unit_test(cfb),
                cmocka_unit_test(signatures),
                cmocka_unit_test(keys_in_and_out),
                cmocka_unit_test(weak_rsa_keys),
                cmocka_unit_test(agreement_and_oaep),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
