/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM structures: valid ones round-trip, one changed field gives one check, every truncation is
 * an error. */
#include "base/core/limits.h"
#include "tests/unit/unit.h"
#include "base/core/encoding.h"
#include "vtpm/verify/challenge.h"
#include "vtpm/verify/credential.h"
#include "vtpm/verify/ek.h"
#include "vtpm/verify/quote.h"
#include "vtpm/verify/shown.h"
#include "vtpm/verify/template.h"
#include "vtpm/verify/verify.h"

static void put_2b(struct sv_buf *b, const char *text, size_t n)
{
        sv_buf_u16be(b, (uint16_t)n);
        for (size_t i = 0; i < n; i++)
                sv_buf_u8(b, (uint8_t)text[i % strlen(text)]);
}

/* A quote over all PCRs of the sha256 bank. */
static void make_quote(struct sv_buf *b, struct sv_bytes pcr_digest, const char *extra)
{
        sv_buf_u32be(b, SV_TPM_GENERATED);       /* 0 */
        sv_buf_u16be(b, SV_TPM_ST_ATTEST_QUOTE); /* 4 */
        put_2b(b, "signer", 34);                 /* 6 */
        put_2b(b, extra, 32);                    /* 42 */
        sv_buf_u64be(b, 1234);                   /* 76: clock */
        sv_buf_u32be(b, 2);
        sv_buf_u32be(b, 3);
        sv_buf_u8(b, 1);                            /* 92: safe */
        sv_buf_u64be(b, 0x2019102300163636);        /* 93 */
        sv_buf_u32be(b, 1);                         /* 101: selections */
        sv_buf_u16be(b, SV_TPM_ALG_SHA256);         /* 105 */
        sv_buf_u8(b, 3);                            /* 107 */
        sv_buf_put(b, sv_bytes("\xff\xff\xff", 3)); /* 108 */
        sv_buf_u16be(b, (uint16_t)pcr_digest.n);    /* 111 */
        sv_buf_put(b, pcr_digest);
}

static void quote_fields(void **state)
{
        SV_BUF b = SV_BUF_NULL;
        struct sv_tpm_quote q;
        struct sv_err err;

        make_quote(&b, sv_bytes_str("0123456789abcdef0123456789abcdef"), "nonce");
        OK(sv_tpm_read_quote(sv_buf_bytes(&b), &q, &err));
        assert_int_equal(q.signer.n, 34);
        assert_memory_equal(q.extra_data.p, "noncenonce", 10);
        assert_int_equal(q.clock, 1234);
        assert_int_equal(q.reset_count, 2);
        assert_int_equal(q.restart_count, 3);
        assert_true(q.safe);
        assert_int_equal(q.n_select, 1);
        assert_int_equal(q.select[0].hash, SV_TPM_ALG_SHA256);
        assert_int_equal(q.pcr_digest.n, 32);
        for (size_t n = 0; n < b.n; n++)
                FAILS(sv_tpm_read_quote(sv_bytes(b.p, n), &q, &err), SV_FORMAT, "vtpm.quote.size");
}

static void quote_malformed(void **state)
{
        static const struct {
                size_t at;
                uint8_t value;
                const char *check;
        } cases[] = {
                /* certify */
                {0, 0x00, "vtpm.quote.magic"},  {3, 0x48, "vtpm.quote.magic"},
                {5, 0x17, "vtpm.quote.type"},   {6, 0xff, "vtpm.quote.size"},
                {7, 33, "vtpm.quote.size"},     {43, 33, "vtpm.quote.banks"},
                {92, 2, "vtpm.quote.safe"},     {101, 1, "vtpm.quote.banks"},
                {104, 9, "vtpm.quote.banks"},   {104, 0, "vtpm.quote.size"},
                {107, 0xff, "vtpm.quote.size"}, {112, 31, "vtpm.quote.size"},
                {112, 33, "vtpm.quote.size"},
        };
        SV_BUF b = SV_BUF_NULL;
        struct sv_tpm_quote q;
        struct sv_err err;

        make_quote(&b, sv_bytes_str("0123456789abcdef0123456789abcdef"), "nonce");
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                uint8_t old = b.p[cases[i].at];

                b.p[cases[i].at] = cases[i].value;
                FAILS(sv_tpm_read_quote(sv_buf_bytes(&b), &q, &err), SV_FORMAT, cases[i].check);
                b.p[cases[i].at] = old;
        }
        sv_buf_u8(&b, 0);
        FAILS(sv_tpm_read_quote(sv_buf_bytes(&b), &q, &err), SV_FORMAT, "vtpm.quote.size");
}

/* Our two EK templates and the AK's, and a filled ECC key: written, read, cut. */
static void publics(void **state)
{
        static const enum sv_key_type types[] = {SV_KEY_RSA, SV_KEY_P256, SV_KEY_P384};
        struct sv_err err;

        for (size_t i = 0; i < 6; i++) {
                SV_KEY *key = sv_key_generate(types[i % 3], 2048, &err);
                SV_BUF b = SV_BUF_NULL, again = SV_BUF_NULL;
                struct sv_tpm_public p;

                assert_non_null(key);
                OK(sv_tpm_put_ek(&b, key, i >= 3, &err));
                OK(sv_tpm_read_public2b(sv_buf_bytes(&b), &p, &err));
                sv_tpm_put_public2b(&again, &p);
                assert_true(sv_bytes_eq(sv_buf_bytes(&b), sv_buf_bytes(&again)));
                for (size_t n = 0; n < b.n; n++)
                        FAILS(sv_tpm_read_public2b(sv_bytes(b.p, n), &p, &err), SV_FORMAT,
                              "vtpm.public.size");
                sv_buf_u8(&b, 0);
                FAILS(sv_tpm_read_public2b(sv_buf_bytes(&b), &p, &err), SV_FORMAT,
                      "vtpm.public.size");
                b.n--;
                b.p[3] = 0x08; /* TPM_ALG_KEYEDHASH */
                FAILS(sv_tpm_read_public2b(sv_buf_bytes(&b), &p, &err), SV_FORMAT,
                      "vtpm.public.type");
        }
}

static void names(void **state)
{
        SV_BUF b = SV_BUF_NULL;
        struct sv_tpm_name name;
        struct sv_err err;
        uint8_t digest[32];

        sv_tpm_put_ak(&b);
        OK(sv_tpm_name(sv_buf_bytes(&b), &name, &err));
        assert_int_equal(name.n, 34);
        assert_memory_equal(name.p, "\x00\x0b", 2);
        OK(sv_digest(SV_SHA256, sv_bytes(b.p + 2, b.n - 2), digest, &err));
        assert_memory_equal(name.p + 2, digest, 32);
        b.p[5] = 0x99;
        FAILS(sv_tpm_name(sv_buf_bytes(&b), &name, &err), SV_FORMAT, "vtpm.public.name-alg");
}

static void signatures(void **state)
{
        struct sv_tpm_signature s;
        struct sv_err err;

        for (int ecdsa = 0; ecdsa < 2; ecdsa++) {
                SV_BUF b = SV_BUF_NULL;

                sv_buf_u16be(&b, ecdsa ? SV_TPM_ALG_ECDSA : SV_TPM_ALG_RSASSA);
                sv_buf_u16be(&b, SV_TPM_ALG_SHA256);
                put_2b(&b, "r", 32);
                if (ecdsa)
                        put_2b(&b, "s", 32);
                OK(sv_tpm_read_signature(sv_buf_bytes(&b), &s, &err));
                assert_int_equal(s.s.n, ecdsa ? 32 : 0);
                for (size_t n = 0; n < b.n; n++)
                        FAILS(sv_tpm_read_signature(sv_bytes(b.p, n), &s, &err), SV_FORMAT,
                              "vtpm.signature.size");
                sv_buf_u8(&b, 0);
                FAILS(sv_tpm_read_signature(sv_buf_bytes(&b), &s, &err), SV_FORMAT,
                      "vtpm.signature.size");
                b.p[1] = 0x05; /* TPM_ALG_HMAC */
                FAILS(sv_tpm_read_signature(sv_buf_bytes(&b), &s, &err), SV_FORMAT,
                      "vtpm.signature.scheme");
        }
}

static void sign_quote(const struct sv_key *key, const struct sv_buf *message, struct sv_buf *tpmt)
{
        SV_BUF raw = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_sign(key, SV_ECDSA_SHA256, sv_buf_bytes(message), &raw, &err));
        sv_buf_u16be(tpmt, SV_TPM_ALG_ECDSA);
        sv_buf_u16be(tpmt, SV_TPM_ALG_SHA256);
        sv_buf_u16be(tpmt, 32);
        sv_buf_put(tpmt, sv_bytes(raw.p, 32));
        sv_buf_u16be(tpmt, 32);
        sv_buf_put(tpmt, sv_bytes(raw.p + 32, 32));
}

/* A selection may have more bytes than there are PCRs; nothing is selected in them. */
static void wide_selection(void **state)
{
        static const struct {
                uint8_t bytes, last;
                enum sv_class class;
                const char *check;
        } cases[] = {
                {4, 0, SV_OK, NULL},
                {4, 0x01, SV_PROOF, "vtpm.quote.selection"},
                {4, 0x80, SV_PROOF, "vtpm.quote.selection"},
                {2, 0, SV_FORMAT, "vtpm.quote.selection"},
        };
        const uint8_t pcrs[SV_TPM_PCRS][SV_DIGEST_MAX] = {{0}};
        uint8_t digest[32], zeros[SV_TPM_PCRS * 32] = {0};
        SV_BUF message = SV_BUF_NULL, signer = SV_BUF_NULL;
        struct sv_tpm_name name = {.n = 34};
        struct sv_err err;
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, &err);

        OK(sv_digest(SV_SHA256, sv_bytes(zeros, sizeof(zeros)), digest, &err));
        make_quote(&message, sv_bytes(digest, 32), "nonce");
        put_2b(&signer, "signer", 34);
        memcpy(name.p, signer.p + 2, 34);
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                SV_BUF wide = SV_BUF_NULL, tpmt = SV_BUF_NULL;
                struct sv_tpm_quote_in in = {
                        .ak = key,
                        .signers = &name,
                        .n_signers = 1,
                        .bank = SV_SHA256,
                        .pcrs = pcrs,
                        .report_data = sv_bytes_str("noncenoncenoncenoncenoncenoncenorest")};
                struct sv_tpm_quote q;

                sv_buf_put(&wide, sv_bytes(message.p, 108 + (cases[i].bytes < 3 ? 2 : 3)));
                if (cases[i].bytes > 3)
                        sv_buf_u8(&wide, cases[i].last);
                sv_buf_put(&wide, sv_bytes(message.p + 111, message.n - 111));
                wide.p[107] = cases[i].bytes;
                sign_quote(key, &wide, &tpmt);
                in.message = sv_buf_bytes(&wide);
                in.signature = sv_buf_bytes(&tpmt);
                if (cases[i].check)
                        FAILS(sv_tpm_quote_verify(&in, &q, &err), cases[i].class, cases[i].check);
                else
                        OK(sv_tpm_quote_verify(&in, &q, &err));
        }
}

/* Without an EK the signer has two names, and none that is empty. */
static void no_signer(void **state)
{
        struct sv_vtpm_bank banks[SV_VTPM_BANKS] = {{.bank = SV_SHA256, .present = true}};
        uint8_t digest[32], zeros[SV_TPM_PCRS * 32] = {0};
        struct sv_vtpm_shown s = {.banks = banks};
        const struct sv_verify_in in = {0};
        SV_BUF ak = SV_BUF_NULL, message = SV_BUF_NULL;
        struct sv_tpm_name owner;
        struct sv_err err;
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, &err);

        s.ak = key;
        sv_tpm_put_ak(&ak);
        OK(sv_tpm_name(sv_buf_bytes(&ak), &s.ak_name, &err));
        OK(sv_tpm_qualified_name(sv_bytes("\x40\x00\x00\x01", 4), &s.ak_name, &owner, &err));
        OK(sv_digest(SV_SHA256, sv_bytes(zeros, sizeof(zeros)), digest, &err));
        make_quote(&message, sv_bytes(digest, 32), "nonce");
        for (size_t i = 0; i < 3; i++) {
                const struct sv_bytes signers[] = {sv_tpm_name_bytes(&owner), SV_BYTES_NULL,
                                                   sv_bytes_str("x")};
                SV_BUF changed = SV_BUF_NULL, tpmt = SV_BUF_NULL;

                sv_buf_put(&changed, sv_bytes(message.p, 6));
                sv_buf_u16be(&changed, (uint16_t)signers[i].n);
                sv_buf_put(&changed, signers[i]);
                sv_buf_put(&changed, sv_bytes(message.p + 42, message.n - 42));
                sign_quote(key, &changed, &tpmt);
                banks[0].message = changed;
                banks[0].signature = tpmt;
                if (i == 0)
                        OK(sv_vtpm_check_quotes(&s, &in, &err));
                else
                        FAILS(sv_vtpm_check_quotes(&s, &in, &err), SV_PROOF, "vtpm.quote.signer");
        }
}

/* What a quote says, each field changed and signed anew by a key of ours. */
static void quote_claims(void **state)
{
        static const struct {
                size_t at;
                uint8_t value;
                enum sv_class class;
                const char *check;
        } cases[] = {
                {44, 'N', SV_PROOF, "vtpm.quote.nonce"},
                {0, 0, SV_FORMAT, "vtpm.quote.magic"},
                {5, 0x17, SV_FORMAT, "vtpm.quote.type"},
                {106, SV_TPM_ALG_SHA384, SV_PROOF, "vtpm.quote.bank"},
                {106, SV_TPM_ALG_SHA1, SV_PROOF, "vtpm.quote.bank"},
                {108, 0xfe, SV_PROOF, "vtpm.quote.selection"},
                {110, 0x7f, SV_PROOF, "vtpm.quote.selection"},
                {113, 0, SV_PROOF, "vtpm.quote.digest"},
                {10, 'x', SV_PROOF, "vtpm.quote.signer"},
        };
        uint8_t pcrs[SV_TPM_PCRS][SV_DIGEST_MAX] = {{1}}, digest[32];
        SV_BUF values = SV_BUF_NULL, message = SV_BUF_NULL, signer = SV_BUF_NULL;
        struct sv_tpm_name name = {.n = 34};
        struct sv_err err;
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, &err);

        for (size_t i = 0; i < SV_TPM_PCRS; i++)
                sv_buf_put(&values, sv_bytes(pcrs[i], 32));
        OK(sv_digest(SV_SHA256, sv_buf_bytes(&values), digest, &err));
        make_quote(&message, sv_bytes(digest, 32), "nonce");
        put_2b(&signer, "signer", 34);
        memcpy(name.p, signer.p + 2, 34);
        for (size_t i = 0; i <= sizeof(cases) / sizeof(*cases); i++) {
                SV_BUF changed = SV_BUF_NULL, tpmt = SV_BUF_NULL;
                struct sv_tpm_quote_in in = {
                        .ak = key,
                        .signers = &name,
                        .n_signers = 1,
                        .bank = SV_SHA256,
                        .pcrs = (const uint8_t(*)[SV_DIGEST_MAX])pcrs,
                        .report_data = sv_bytes_str("noncenoncenoncenoncenoncenoncenorest")};
                struct sv_tpm_quote q;
                bool last = i == sizeof(cases) / sizeof(*cases);

                sv_buf_put(&changed, sv_buf_bytes(&message));
                if (!last)
                        changed.p[cases[i].at] = cases[i].value;
                sign_quote(key, &changed, &tpmt);
                in.message = sv_buf_bytes(&changed);
                in.signature = sv_buf_bytes(&tpmt);
                if (last) {
                        OK(sv_tpm_quote_verify(&in, &q, &err));
                        in.report_data.n = 31;
                        FAILS(sv_tpm_quote_verify(&in, &q, &err), SV_USAGE, "vtpm.report-data");
                        tpmt.p[3] = SV_TPM_ALG_SHA1;
                        FAILS(sv_tpm_quote_verify(&in, &q, &err), SV_PROOF, "vtpm.signature.hash");
                        tpmt.p[3] = SV_TPM_ALG_SHA384;
                        FAILS(sv_tpm_quote_verify(&in, &q, &err), SV_PROOF, "vtpm.signature");
                        tpmt.p[1] = SV_TPM_ALG_RSASSA;
                        FAILS(sv_tpm_quote_verify(&in, &q, &err), SV_FORMAT, "vtpm.signature.size");
                } else {
                        FAILS(sv_tpm_quote_verify(&in, &q, &err), cases[i].class, cases[i].check);
                }
        }
}

/* subjectAltName as swtpm writes it, and what a DER walk must refuse. */
static void san(void **state)
{
        static const uint8_t good[] = {
                0x30, 0x49, 0xa4, 0x47, 0x30, 0x45, 0x31, 0x16, 0x30, 0x14, 0x06, 0x05, 0x67,
                0x81, 0x05, 0x02, 0x01, 0x0c, 0x0b, 'i',  'd',  ':',  '0',  '0',  '0',  '0',
                '1',  '0',  '1',  '4',  0x31, 0x10, 0x30, 0x0e, 0x06, 0x05, 0x67, 0x81, 0x05,
                0x02, 0x02, 0x0c, 0x05, 's',  'w',  't',  'p',  'm',  0x31, 0x19, 0x30, 0x17,
                0x06, 0x05, 0x67, 0x81, 0x05, 0x02, 0x03, 0x0c, 0x0e, 'i',  'd',  ':',  '2',
                '0',  '1',  '9',  '1',  '0',  '2',  '3',  '0',  '0',  '1',
        };
        uint8_t bad[sizeof(good)];
        struct sv_vtpm_ek ek = {0};
        struct sv_err err;

        OK(sv_vtpm_ek_names(sv_bytes(good, sizeof(good)), &ek, &err));
        assert_string_equal(ek.manufacturer, "id:00001014");
        assert_string_equal(ek.model, "swtpm");
        assert_string_equal(ek.version, "id:20191023001");
        for (size_t n = 0; n < sizeof(good); n++)
                FAILS(sv_vtpm_ek_names(sv_bytes(good, n), &(struct sv_vtpm_ek){0}, &err), SV_FORMAT,
                      "vtpm.ek.san");
        memcpy(bad, good, sizeof(good));
        bad[16] = 0x04; /* no manufacturer */
        FAILS(sv_vtpm_ek_names(sv_bytes(bad, sizeof(bad)), &(struct sv_vtpm_ek){0}, &err), SV_PROOF,
              "vtpm.ek.san");
        bad[16] = 0x01;
        bad[0] = 0x31;
        FAILS(sv_vtpm_ek_names(sv_bytes(bad, sizeof(bad)), &(struct sv_vtpm_ek){0}, &err),
              SV_FORMAT, "vtpm.ek.san");
}

#define POLICY_A "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa"
#define POLICY_B                                           \
        "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4" \
        "cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12"

/* The TCG's default templates (EK Credential Profile 2.5, annex B): attributes, hash, AES, curve,
 * and how long policy and unique field are. */
static void templates(void **state)
{
        static const struct {
                enum sv_key_type type;
                uint16_t name_alg, aes, curve, bits;
                uint32_t attributes;
                size_t unique;
                const char *policy;
        } t[] = {
                {SV_KEY_RSA, 0x000b, 128, 0, 2048, 0x000300b2, 256, POLICY_A},
                {SV_KEY_P256, 0x000b, 128, 0x0003, 0, 0x000300b2, 32, POLICY_A},
                {SV_KEY_P384, 0x000c, 256, 0x0004, 0, 0x000300f2, 0, POLICY_B},
        };
        SV_BUF ak = SV_BUF_NULL;
        char hex[2 * SV_DIGEST_MAX + 1];
        struct sv_tpm_public p;
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_KEY *key = sv_key_generate(t[i].type, 2048, &err);
                SV_BUF b = SV_BUF_NULL;

                OK(sv_tpm_put_ek(&b, key, false, &err));
                OK(sv_tpm_read_public2b(sv_buf_bytes(&b), &p, &err));
                assert_int_equal(p.type, t[i].bits ? 0x0001 : 0x0023);
                assert_int_equal(p.name_alg, t[i].name_alg);
                assert_int_equal(p.attributes, t[i].attributes);
                assert_string_equal(sv_hex(p.auth_policy, hex), t[i].policy);
                assert_int_equal(p.symmetric.alg, 0x0006);
                assert_int_equal(p.symmetric.bits, t[i].aes);
                assert_int_equal(p.symmetric.mode, 0x0043);
                assert_int_equal(p.scheme.alg, 0x0010);
                assert_int_equal(p.curve, t[i].curve);
                assert_int_equal(p.bits, t[i].bits);
                assert_int_equal(p.exponent, 0);
                assert_int_equal(p.x.n, t[i].unique);
                assert_int_equal(p.y.n, t[i].curve ? t[i].unique : 0);
                for (size_t k = 0; k < p.x.n; k++)
                        assert_int_equal(p.x.p[k], 0);
        }
        sv_tpm_put_ak(&ak);
        OK(sv_tpm_read_public2b(sv_buf_bytes(&ak), &p, &err));
        assert_int_equal(p.attributes, 0x00050472);
        assert_int_equal(p.scheme.alg, 0x0014);
        assert_int_equal(p.scheme.hash, 0x000b);
        assert_int_equal(p.bits, 2048);
}

/* Endorsement keys that no default template makes; as many bytes as a credential holds, and one
 * more. */
static void credentials(void **state)
{
        static const struct {
                enum sv_key_type type;
                unsigned bits;
                size_t holds; /* 0: no such template */
        } t[] = {{SV_KEY_RSA, 2048, 32}, {SV_KEY_RSA, 3072, 0}, {SV_KEY_P256, 0, 32},
                 {SV_KEY_P384, 0, 48},   {SV_KEY_P521, 0, 0},   {SV_KEY_ED25519, 0, 0}};
        const struct sv_tpm_name name = {.n = 34};
        uint8_t secret[SV_DIGEST_MAX] = {0};
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_KEY *ek = sv_key_generate(t[i].type, t[i].bits, &err);
                SV_BUF blob = SV_BUF_NULL, encrypted = SV_BUF_NULL, template = SV_BUF_NULL;

                assert_non_null(ek);
                if (t[i].holds) {
                        OK(sv_tpm_make_credential(ek, &name, sv_bytes(secret, t[i].holds), &blob,
                                                  &encrypted, &err));
                        FAILS(sv_tpm_make_credential(ek, &name, sv_bytes(secret, t[i].holds + 1),
                                                     &blob, &encrypted, &err),
                              SV_USAGE, "vtpm.credential.size");
                        continue;
                }
                FAILS(sv_tpm_make_credential(ek, &name, sv_bytes(secret, 32), &blob, &encrypted,
                                             &err),
                      SV_FORMAT, "vtpm.ek.type");
                FAILS(sv_tpm_put_ek(&template, ek, false, &err), SV_FORMAT, "vtpm.ek.type");
        }
}

/* A key on each curve that is known, and on the ones beside them. */
static void curves(void **state)
{
        static const struct {
                uint16_t curve;
                enum sv_key_type type; /* 0: not known */
        } t[] = {{0, 0},           {2, 0}, {3, SV_KEY_P256}, {4, SV_KEY_P384},
                 {5, SV_KEY_P521}, {6, 0}, {0x10, 0}};
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_KEY *key = sv_key_generate(t[i].type ? t[i].type : SV_KEY_P256, 0, &err);
                SV_KEY *again = NULL;
                SV_BUF x = SV_BUF_NULL, y = SV_BUF_NULL;
                struct sv_tpm_public p = {.type = SV_TPM_ALG_ECC, .curve = t[i].curve};

                OK(sv_key_ec(key, &x, &y, &err));
                p.x = sv_buf_bytes(&x);
                p.y = sv_buf_bytes(&y);
                again = sv_tpm_public_key(&p, &err);
                assert_int_equal(again != NULL, t[i].type != 0);
                if (again) {
                        assert_int_equal(sv_key_type(again), t[i].type);
                        continue;
                }
                assert_string_equal(err.check, "vtpm.public.curve");
                assert_int_equal(err.class, SV_FORMAT);
        }
}

/* extra-params of the first message: absent it is no vTPM's; else these two members and no more. */
static void hellos(void **state)
{
        static const struct {
                const char *text, *check;
        } t[] = {
                {"{\"secure-vm\":7}", "vtpm.hello.member"},
                {"{\"secure-vm\":[]}", "vtpm.hello.member"},
                {"{\"secure-vm\":{\"ek_certs\":[]}}", "vtpm.hello.member"},
                {"{\"secure-vm\":{\"ak_tpm2b\":7,\"ek_certs\":[]}}", "vtpm.hello.member"},
                {"{\"secure-vm\":{\"ak_tpm2b\":\"AAA=\",\"ek_certs\":[],\"more\":1}}",
                 "vtpm.hello.unknown"},
                {"{\"secure-vm\":{\"ak_tpm2b\":\"AAA=\",\"ek_certs\":[]}}", "vtpm.public.size"},
        };
        SV_JSON *none = sv_json_object();
        SV_BUF said = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_vtpm_read_hello(none, &said, &err));
        assert_int_equal(said.n, 0);
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_JSON *params = NULL;

                OK(sv_json_parse(sv_bytes_str(t[i].text), "test", &params, &err));
                FAILS(sv_vtpm_read_hello(params, &said, &err), SV_FORMAT, t[i].check);
                assert_int_equal(strstr(err.msg, "extra-params.secure-vm to be an object") != NULL,
                                 i < 2);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(quote_fields),   cmocka_unit_test(quote_malformed),
                cmocka_unit_test(publics),        cmocka_unit_test(names),
                cmocka_unit_test(signatures),     cmocka_unit_test(quote_claims),
                cmocka_unit_test(wide_selection), cmocka_unit_test(san),
                cmocka_unit_test(templates),      cmocka_unit_test(credentials),
                cmocka_unit_test(curves),         cmocka_unit_test(hellos),
                cmocka_unit_test(no_signer),
        };

        return cmocka_run_group_tests_name("vtpm-structs", tests, NULL, NULL);
}
