/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence as text: what is taken for bytes, and what is left alone. */
#include "tests/unit/unit.h"

#include "base/core/encoding.h"
#include "attest/armor.h"

static struct sv_err err;

#define HEX    "000102030405060708090a0b0c0d0e0f"
#define BASE64 "AAECAwQFBgcICQoLDA0ODw=="
#define CERT   "-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----"
#define LINES  "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

static const struct {
        const char *text, *form, *hex; /* hex NULL: the text itself */
} rows[] = {
        {HEX, "hexadecimal text", HEX},
        {HEX "\n", "hexadecimal text", HEX},
        {"0x" HEX, "hexadecimal text", HEX},
        {"00010203 04050607\r\n08090A0B 0C0D0E0F\n", "hexadecimal text", HEX},
        {BASE64, "base64 text", HEX},
        {"AAECAwQFBgcI\nCQoLDA0ODw==\n", "base64 text", HEX},
        {"AAECAwQFBgcICQoLDA0ODw", "base64 text", HEX},
        {"--__AAAAAAAAAAAAAAAAAAAA", "base64 text", "fbefff000000000000000000000000000000"},
        {"++//AAAAAAAAAAAAAAAAAAAA", "base64 text", "fbefff000000000000000000000000000000"},
        {"-----BEGIN X509 CRL-----\nAAECAwQFBgcICQoL\nDA0ODw==\n-----END X509 CRL-----\n",
         "a PEM block", HEX},
        {"{\"quote\":\"AAECAwQFBgcICQoLDA0ODw\"}", "JSON", HEX},
        /* Not all of it, or not one of them: as it is. */
        {HEX "0", NULL, NULL},
        {HEX "x1", NULL, NULL},
        {"AAECAwQFBgcICQoLDA0ODw==AAAA", NULL, NULL},
        {"AAECAwQFBgcICQoLDA0ODx==", NULL, NULL}, /* padding bits that are set */
        {"--//AAAAAAAAAAAAAAAAAAAA", NULL, NULL},
        {"000102030405", NULL, NULL},
        {"{\"quote\":\"AAECAwQFBgcICQoLDA0ODw\",\"cc_eventlog\":null}", NULL, NULL},
        {"{\"attestation_report\":{},\"cert_chain\":null}", NULL, NULL},
        {"{\"pck_crl_issuer_chain\":\"" CERT "\"}", NULL, NULL},
        {LINES, NULL, NULL},
        {"-----BEGIN X509 CRL-----\nAAECAwQFBgcICQoLDA0ODw==\n", NULL, NULL},
        {"", NULL, NULL},
};

static void test_forms(void **state)
{
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                SV_BUF file = SV_BUF_NULL;
                SV_BUF want = SV_BUF_NULL;
                const char *form;

                sv_buf_puts(&file, rows[i].text);
                if (rows[i].hex)
                        OK(sv_unhex(sv_bytes_str(rows[i].hex), &want, "test", &err));
                else
                        sv_buf_puts(&want, rows[i].text);
                OK(sv_armor_remove(&file, &form, &err));
                if (!rows[i].form)
                        assert_null(form);
                else
                        assert_string_equal(form, rows[i].form);
                assert_int_equal(file.n, want.n);
                if (want.n)
                        assert_memory_equal(file.p, want.p, want.n);
        }
}

/* Long text that is nearly hexadecimal is meant to be: said, and never read as base64. */
static void test_wrong_digits(void **state)
{
        static const struct {
                const char *tail, *says; /* NULL: taken */
        } t[] = {
                {"", NULL},
                {"0", "this one has 257: one is missing"},
                {"0g", "its character 258 is \"g\""},
                {"gg", "its character 257 is \"g\""},
                {"ggg", NULL}, /* base64 */
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF file = SV_BUF_NULL;
                const char *form;

                for (size_t n = 0; n < 256; n += strlen(HEX))
                        sv_buf_puts(&file, HEX);
                sv_buf_puts(&file, t[i].tail);
                if (t[i].says) {
                        FAILS(sv_armor_remove(&file, &form, &err), SV_FORMAT, "verify.evidence");
                        assert_non_null(strstr(err.msg, t[i].says));
                } else {
                        OK(sv_armor_remove(&file, &form, &err));
                        assert_string_equal(form, i ? "base64 text" : "hexadecimal text");
                }
        }
}

/* What has a zero byte is no text, whatever stands before it. */
static void test_bytes_are_left_alone(void **state)
{
        SV_BUF file = SV_BUF_NULL;
        const char *form;

        sv_buf_puts(&file, HEX);
        sv_buf_u8(&file, 0);
        OK(sv_armor_remove(&file, &form, &err));
        assert_null(form);
        assert_int_equal(file.n, strlen(HEX) + 1);
}

static void test_certificates(void **state)
{
        SV_BUF file = SV_BUF_NULL;
        SV_BUF rest = SV_BUF_NULL;
        const char *form;

        sv_buf_puts(&file, "{\"vcekCert\":\"" CERT "\",\"tcbm\":\"00\",\"certificateChain\":\"" CERT
                           "\"}");
        OK(sv_armor_remove(&file, &form, &err));
        assert_string_equal(form, "JSON");
        assert_string_equal(sv_buf_str(&file), LINES LINES);
        sv_armor_split(&file, &rest);
        assert_string_equal(sv_buf_str(&file), LINES);
        assert_string_equal(sv_buf_str(&rest), LINES);
        sv_buf_clear(&rest);
        sv_armor_split(&file, &rest);
        assert_string_equal(sv_buf_str(&file), LINES);
        assert_int_equal(rest.n, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_forms),
                cmocka_unit_test(test_wrong_digits),
                cmocka_unit_test(test_bytes_are_left_alone),
                cmocka_unit_test(test_certificates),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
