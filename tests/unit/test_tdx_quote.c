/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes of the simulator's platform with one thing wrong: each field of the form has its check,
 * each part that is signed has its signature's, and each length its error. */
#include "base/core/file.h"
#include "tdx/verify/verify.h"
#include "tests/teesim/intelpki.h"
#include "tests/teesim/td_state.h"
#include "tests/unit/unit.h"

#define JUNE_2026 1780272000

static const char state_text[] = TD_STATE("0000000010000000");
static const uint8_t rtmr[4][INTEL_MR] = {{0x10}, {0x11}, {0x12}, {0x13}};

static char dir[32];
static struct sv_json *state_json;
static struct intel_signer signer;
static struct sv_buf parts[7];
static struct sv_certs roots;
static struct sv_tdx_in in;

static void sign(unsigned version, unsigned type, struct sv_buf *out)
{
        struct intel_quote q = {.version = version,
                                .type = type,
                                .state = state_json,
                                .rtmr = rtmr,
                                .report_data = "report data"};

        intel_quote(&signer, &q, out);
}

static int verify(struct sv_bytes quote, struct sv_err *err)
{
        struct sv_tdx_out out = {0};
        int r;

        in.quote = quote;
        r = sv_tdx_verify(&in, &out, err);
        sv_tdx_out_free(&out);
        return r;
}

/* Offsets of version 4 (Intel TDX DCAP Quoting Library API, appendix A.3); a body of another type
 * moves what is behind it. */
#define BODY  48
#define SIG4  (48 + 584) /* length of the signature data */
#define OUTER (SIG4 + 4 + 128)
#define AUTH  (OUTER + 6 + 384 + 64)
#define INNER (AUTH + 2 + 32)

static void fields(void **state)
{
        static const struct {
                unsigned version, type;
                size_t at;
                uint8_t value;
                const char *check;
        } t[] = {
                {4, 2, 0, 3, "tdx.quote.version"},
                {4, 2, 0, 6, "tdx.quote.version"},
                {4, 2, 1, 1, "tdx.quote.version"},
                {4, 2, 2, 3, "tdx.quote.type"}, /* ECDSA P-384: reserved */
                {4, 2, 4, 0, "tdx.quote.type"}, /* SGX */
                {4, 2, 12, 0, "tdx.quote.type"},
                {4, 2, 27, 0, "tdx.quote.type"},
                {5, 2, BODY, 1, "tdx.quote.body"}, /* an enclave's body */
                {5, 2, BODY, 3, "tdx.quote.body"},
                {5, 3, BODY, 2, "tdx.quote.body"},
                {5, 3, BODY + 2, 0x87, "tdx.quote.body"},
                {4, 2, SIG4 + 2, 1, "tdx.quote.signature"}, /* longer than the quote */
                {4, 2, SIG4 + 1, 1, "tdx.quote.signature"},
                {4, 2, OUTER, 5, "tdx.quote.signature"},
                {4, 2, OUTER + 3, 0, "tdx.quote.signature"},
                {4, 2, OUTER + 4, 1, "tdx.quote.signature"},
                {4, 2, AUTH, 31, "tdx.quote.signature"},
                {4, 2, AUTH + 1, 0xff, "tdx.quote.signature"},
                {4, 2, INNER, 3, "tdx.quote.certification"},
                {4, 2, INNER, 6, "tdx.quote.certification"},
                {4, 2, INNER + 4, 1, "tdx.quote.signature"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF raw = SV_BUF_NULL;
                struct sv_quote q;
                struct sv_err err;

                sign(t[i].version, t[i].type, &raw);
                OK(sv_quote_parse(sv_buf_bytes(&raw), &q, &err));
                assert_int_not_equal(raw.p[t[i].at], t[i].value);
                raw.p[t[i].at] = t[i].value;
                print_message("version %u type %u, byte %zu is %u\n", t[i].version, t[i].type,
                              t[i].at, t[i].value);
                FAILS(sv_quote_parse(sv_buf_bytes(&raw), &q, &err), SV_FORMAT, t[i].check);
        }
}

static void lengths(void **state)
{
        static const unsigned forms[4][2] = {{4, 2}, {5, 2}, {5, 3}, {5, 4}};

        for (size_t i = 0; i < 4; i++) {
                size_t head = (size_t[]){SIG4, SIG4 + 6, SIG4 + 6 + 64, SIG4 + 6 + 301}[i];
                SV_BUF raw = SV_BUF_NULL;
                struct sv_quote q;
                struct sv_err err;

                sign(forms[i][0], forms[i][1], &raw);
                for (size_t n = 0; n < raw.n; n++)
                        FAILS(sv_quote_parse(sv_bytes(raw.p, n), &q, &err), SV_FORMAT,
                              n < head ? "tdx.quote.size" : "tdx.quote.signature");
                sv_buf_put(&raw, sv_bytes_str("behind"));
                OK(sv_quote_parse(sv_buf_bytes(&raw), &q, &err));
                assert_int_equal(q.trailing, 6);
                memset(sv_buf_grow(&raw, SV_QUOTE_SIZE_MAX), 0, SV_QUOTE_SIZE_MAX);
                FAILS(sv_quote_parse(sv_buf_bytes(&raw), &q, &err), SV_FORMAT, "tdx.quote.size");
        }
}

/* One bit of each byte of a part. What the form cannot take is refused before its signature is
 * looked at. */
static void bits(void **state)
{
        static const struct {
                const char *part;
                size_t from, n;
                const char *check;
        } t[] = {
                {"reserved", 8, 4, "tdx.signature"},
                {"user data", 28, 20, "tdx.signature"},
                {"TD report", BODY, 584, "tdx.signature"},
                {"signature", SIG4 + 4, 64, "tdx.signature"},
                {"attestation key", SIG4 + 4 + 64, 64, "tdx.qe.report_data"},
                {"enclave's report", OUTER + 6, 384, "tdx.qe.signature"},
                {"its signature", OUTER + 6 + 384, 64, "tdx.qe.signature"},
                {"authentication data", AUTH + 2, 32, "tdx.qe.report_data"},
        };
        SV_BUF raw = SV_BUF_NULL;
        struct sv_err err;

        sign(4, 2, &raw);
        OK(verify(sv_buf_bytes(&raw), &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
                for (size_t k = t[i].from; k < t[i].from + t[i].n; k++) {
                        raw.p[k] ^= 1 << k % 8;
                        FAILS(verify(sv_buf_bytes(&raw), &err), SV_PROOF, t[i].check);
                        raw.p[k] ^= 1 << k % 8;
                }
        OK(verify(sv_buf_bytes(&raw), &err));
}

/* The documents: one bit of each signature, and of every seventh byte of what is signed. */
static void documents(void **state)
{
        static const char *const checks[] = {"tdx.tcb_info.", "tdx.qe_identity."};
        struct sv_buf *docs[] = {&parts[0], &parts[2]};
        SV_BUF raw = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;

        sign(4, 2, &raw);
        for (size_t d = 0; d < 2; d++)
                for (size_t i = 2; i + 3 < docs[d]->n; i += 7) {
                        docs[d]->p[i] ^= 1;
                        if (verify(sv_buf_bytes(&raw), &err) == 0)
                                fail_msg("%s: byte %zu changed, and believed", checks[d], i);
                        if (strncmp(err.check, checks[d], strlen(checks[d])))
                                fail_msg("%s: byte %zu changed: %s [%s]", checks[d], i, err.msg,
                                         err.check);
                        docs[d]->p[i] ^= 1;
                }
        OK(verify(sv_buf_bytes(&raw), &err));
}

/* The extension of the PCK certificate, as its value: each length, and each element twice or not at
 * all. */
static void extension(void **state)
{
        SV_CERTS chain = {0};
        struct sv_pck p = {0};
        struct sv_bytes ext;
        struct sv_err err;
        uint8_t copy[1024];
        unsigned members = 0;

        OK(sv_certs_parse(sv_bytes_str(signer.chain), &chain, "test.chain", &err));
        assert_true(sv_cert_ext(chain.list[0], "1.2.840.113741.1.13.1", &ext));
        assert_true(ext.n < sizeof(copy));
        assert_true(sv_pck_extension(ext, &p));
        assert_int_equal(p.fmspc[0], 0x50);
        assert_int_equal(p.pcesvn, INTEL_PCESVN);
        for (size_t n = 0; n < ext.n; n++)
                assert_false(sv_pck_extension(sv_bytes(ext.p, n), &p));
        memcpy(copy, ext.p, ext.n);
        copy[ext.n] = 0;
        assert_false(sv_pck_extension(sv_bytes(copy, ext.n + 1), &p));
        for (size_t i = 0; i + 12 < ext.n; i++)
                if (copy[i] == 6 && copy[i + 1] == 10 && copy[i + 11] >= 1 &&
                    copy[i + 11] <= 4) { /* an OID of ours becomes another's */
                        copy[i + 11] += 100;
                        assert_false(sv_pck_extension(sv_bytes(copy, ext.n), &p));
                        /* and one that is there already */
                        copy[i + 11] = copy[i + 11] == 104 ? 3 : 4;
                        assert_false(sv_pck_extension(sv_bytes(copy, ext.n), &p));
                        copy[i + 11] = ext.p[i + 11];
                }
        for (size_t i = 0; i + 13 < ext.n; i++) {
                size_t value = i + 2 + copy[i + 1]; /* behind the OID of a member that is read */

                if (copy[i] != 6 || (copy[i + 1] != 11 && (copy[i + 1] != 10 || copy[i + 11] > 4)))
                        continue;
                copy[value] ^= 1; /* a value of another type */
                assert_false(sv_pck_extension(sv_bytes(copy, ext.n), &p));
                copy[value] ^= 1;
                members++;
        }
        assert_int_equal(members, 4 + 18);
        assert_true(sv_pck_extension(sv_bytes(copy, ext.n), &p));
}

/* A number of the extension is one of two bytes; its sign takes a third. */
static void largest_numbers(void **state)
{
        static const unsigned t[] = {0x8000, UINT16_MAX, UINT16_MAX + 1};

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                struct intel_options o = {.fmspc = {0x50, 0x80, 0x6f}, .pcesvn = t[i]};
                struct intel_pki pki = {0};
                struct sv_pck p = {0};
                struct sv_bytes ext;
                struct sv_err err;
                uint8_t *der = NULL;
                int n;

                intel_pki_make(&o, &pki);
                n = i2d_X509(pki.pck, &der);
                assert_true(n > 0);
                SV_CERT *c = sv_cert_from_der(sv_bytes(der, (size_t)n), "test.pck", &err);
                assert_non_null(c);
                assert_true(sv_cert_ext(c, "1.2.840.113741.1.13.1", &ext));
                assert_int_equal(sv_pck_extension(ext, &p), t[i] <= UINT16_MAX);
                if (t[i] <= UINT16_MAX)
                        assert_int_equal(p.pcesvn, t[i]);
                OPENSSL_free(der);
                intel_pki_free(&pki);
        }
}

static int begin(void **state)
{
        static const char *const names[] = {
                "tcb_info.json", "tcb_info_chain.pem", "qe_identity.json", "qe_identity_chain.pem",
                "pck_crl.der",   "root_ca_crl.der",    "root.pem"};
        struct intel_options o = {.fmspc = {0x50, 0x80, 0x6f}};
        struct intel_pki pki = {0};

        snprintf(dir, sizeof(dir), "/tmp/tdx-quote.XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        intel_pki_make(&o, &pki);
        intel_pki_save(&pki, &o, dir);
        intel_pki_free(&pki);
        intel_signer_load(dir, &signer);
        for (size_t i = 0; i < 7; i++) {
                SV_STR path = sv_asprintf("%s/%s", dir, names[i]);

                if (sv_file_read(path, 1 << 16, &parts[i], "test.file", NULL) < 0)
                        return -1;
        }
        in = (struct sv_tdx_in){.tcb_info = sv_buf_bytes(&parts[0]),
                                .tcb_info_chain = sv_buf_bytes(&parts[1]),
                                .qe_identity = sv_buf_bytes(&parts[2]),
                                .qe_identity_chain = sv_buf_bytes(&parts[3]),
                                .pck_crl = sv_buf_bytes(&parts[4]),
                                .root_ca_crl = sv_buf_bytes(&parts[5]),
                                .test_roots = &roots,
                                .time = JUNE_2026};
        return sv_certs_parse(sv_buf_bytes(&parts[6]), &roots, "test.root", NULL) < 0 ||
               sv_json_parse(sv_bytes_str(state_text), "state", &state_json, NULL) < 0;
}

static int end(void **state)
{
        for (size_t i = 0; i < 7; i++)
                sv_buf_free(&parts[i]);
        sv_certs_free(&roots);
        intel_signer_free(&signer);
        sv_json_free(state_json);
        return sv_remove_tree(dir, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fields),    cmocka_unit_test(lengths),
                cmocka_unit_test(bits),      cmocka_unit_test(documents),
                cmocka_unit_test(extension), cmocka_unit_test(largest_numbers),
        };

        return cmocka_run_group_tests(tests, begin, end);
}
