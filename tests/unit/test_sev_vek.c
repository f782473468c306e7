/* SPDX-License-Identifier: Apache-2.0 */
/* The extensions of a VCEK, one byte changed at a time: sv_vek_parse looks at what the certificate
 * says, not at who signed it. */
#include "base/core/file.h"
#include "sev/verify/certs.h"
#include "tests/unit/unit.h"

static struct sv_err err;

static void load(const char *name, struct sv_buf *out)
{
        const char *dir = getenv("SV_SOURCE");
        SV_STR path = sv_asprintf("%s/tests/fuzz/corpus/sev-vek/%s", dir ? dir : "..", name);

        OK(sv_file_read(path, 1u << 16, out, "test.file", &err));
}

static int parse(const struct sv_buf *der, struct sv_vek *v)
{
        SV_CERT *cert = sv_cert_from_der(sv_buf_bytes(der), "test", &err);

        return cert ? sv_vek_parse(cert, v, &err) : -1;
}

/* OBJECT IDENTIFIER 1.3.6.1.4.1.3704.1.…; the OCTET STRING with the value follows. */
#define AMD "\x2b\x06\x01\x04\x01\x9c\x78\x01"
#define BL  AMD "\x03\x01"
#define UC  AMD "\x03\x08"

static void good(void **state)
{
        static const struct {
                const char *name;
                enum sv_sev_product product;
                size_t hwid;
        } t[] = {{"Milan", SV_SEV_MILAN, 64}, {"Turin", SV_SEV_TURIN, 8}};

        for (size_t i = 0; i < 2; i++) {
                SV_BUF der = SV_BUF_NULL;
                struct sv_vek v;

                load(t[i].name, &der);
                OK(parse(&der, &v));
                assert_int_equal(v.key, SV_SEV_VCEK);
                assert_int_equal(v.product, t[i].product);
                assert_int_equal(v.hwid_size, t[i].hwid);
                assert_int_not_equal(v.tcb.microcode, 0);
                assert_string_equal(v.csp_id, "");
        }
}

static void one_thing_wrong(void **state)
{
        static const struct {
                const char *cert, *after; /* a text in the certificate */
                /* of the byte, from the text's end, or from its beginning when `inside` */
                size_t at;
                uint8_t value;
                bool inside;
                const char *check;
        } t[] = {
                {"Milan", "SEV-VCEK", 4, 'X', true, "snp.vek.subject"},
                /* productName: no such product, or its stepping's dash */
                {"Milan", "Milan", 0, 'B', true, "snp.vek.extension"},
                /* another OID: blSPL is missing */
                {"Milan", BL, 9, 0x7f, true, "snp.vek.extension"},
                {"Milan", UC, 9, 0x7f, true, "snp.vek.extension"},
                {"Milan", AMD "\x03\x02", 9, 0x7f, true, "snp.vek.extension"},
                {"Milan", AMD "\x03\x03", 9, 0x7f, true, "snp.vek.extension"},
                {"Milan", AMD "\x02", 8, 0x7f, true, "snp.vek.extension"},
                {"Milan", "SEV-VCEK", 5, 'L', true, "snp.vek.extension"}, /* it has no cspID */
                /* blSPL twice, no teeSPL */
                {"Milan", AMD "\x03\x02", 9, 0x01, true, "snp.vek.extension"},
                {"Milan", BL, 2, 0x03, false, "snp.vek.extension"}, /* a BIT STRING */
                /* an INTEGER of no bytes, and one behind it */
                {"Milan", BL, 3, 0x00, false, "snp.vek.extension"},
                /* of more bytes than there are */
                {"Milan", BL, 3, 0x02, false, "snp.vek.extension"},
                {"Milan", BL, 4, 0x80, false, "snp.vek.extension"}, /* negative */
                /* 213 is 00 d5: 01 d5 is above 255 */
                {"Milan", UC, 4, 0x01, false, "snp.vek.extension"},
                /* 00 05 is not DER */
                {"Milan", UC, 5, 0x05, false, "snp.vek.extension"},
                {"Milan", AMD "\x04", 8, 0x06, true, "snp.vek.extension"}, /* hwID is missing */
                /* Turin's fmcSPL is missing */
                {"Turin", AMD "\x03\x09", 9, 0x0a, true, "snp.vek.extension"},
                {"Turin", "\x16\x05Turin", 2, 'B', true, "snp.vek.extension"},
                /* a product name that is no string */
                {"Turin", "\x16\x05Turin", 0, 0x02, true, "snp.vek.extension"},
                /* or has a NUL in it */
                {"Turin", "\x16\x05Turin", 3, 0x00, true, "snp.vek.extension"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF der = SV_BUF_NULL;
                struct sv_vek v;
                uint8_t *p, *last = NULL;

                load(t[i].cert, &der);
                for (p = der.p;
                     (p = memmem(p, der.n - (size_t)(p - der.p), t[i].after, strlen(t[i].after)));
                     p++)
                        last = p; /* extensions stand behind the names */
                if (!last)
                        fail_msg("case %zu: its place is not in the certificate", i);
                last += t[i].at + (t[i].inside ? 0 : strlen(t[i].after));
                if (*last == t[i].value)
                        fail_msg("case %zu changes nothing", i);
                *last = t[i].value;
                if (parse(&der, &v) == 0)
                        fail_msg("case %zu was taken", i);
                assert_string_equal(err.check, t[i].check);
                assert_int_equal(err.class, SV_FORMAT);
        }
}

/* Turin's chip ID has 8 bytes: under the name of a product with 64 nothing is read past it. */
static void hwid_of_another_length(void **state)
{
        SV_BUF der = SV_BUF_NULL;
        struct sv_vek v;
        char *name;

        load("Turin", &der);
        name = memmem(der.p, der.n, "\x16\x05Turin", 7);
        assert_non_null(name);
        memcpy(name + 2, "Genoa", 5);
        FAILS(parse(&der, &v), SV_FORMAT, "snp.vek.extension");
        assert_non_null(strstr(err.msg, "hwID has 8 bytes"));
}

static void truncated(void **state)
{
        SV_BUF der = SV_BUF_NULL;

        load("Milan", &der);
        for (size_t n = 0; n < der.n; n++)
                assert_null(sv_cert_from_der(sv_bytes(der.p, n), "test", &err));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good), cmocka_unit_test(one_thing_wrong),
                cmocka_unit_test(hwid_of_another_length), cmocka_unit_test(truncated)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
