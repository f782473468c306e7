/* SPDX-License-Identifier: Apache-2.0 */
/* The token of a volume's header: each member changed once. */
#include "tests/unit/unit.h"

#include "base/core/file.h"
#include "luks/token/token.h"

#define PIN           "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define PREFIX        "{\"type\":\"secure-vm\",\"keyslots\":[\"1\"],"
#define GOOD_URL      "\"url\":\"https://b:8443\","
#define GOOD_PIN      "\"pin\":\"" PIN "\","
#define GOOD_RESOURCE "\"resource\":\"default/demo/data\""

static void test_good(void **state)
{
        struct sv_err err;
        struct sv_token t;

        OK(sv_token_parse(sv_bytes_str(PREFIX GOOD_URL GOOD_PIN GOOD_RESOURCE "}"), &t, &err));
        assert_string_equal(t.url, "https://b:8443");
        assert_string_equal(t.pin, PIN);
        assert_string_equal(t.resource, "default/demo/data");
}

static void test_bad(void **state)
{
        static const struct {
                const char *text, *check;
        } cases[] = {
                {"{", "luks.token.json"},
                {"[]", "luks.token.member"},
                {PREFIX GOOD_URL GOOD_PIN "\"other\":1}", "luks.token.unknown"},
                {"{\"type\":\"clevis\"," GOOD_URL GOOD_PIN GOOD_RESOURCE "}", "luks.token.type"},
                {PREFIX "\"url\":7," GOOD_PIN GOOD_RESOURCE "}", "luks.token.member"},
                {PREFIX "\"url\":\"http://b\"," GOOD_PIN GOOD_RESOURCE "}", "luks.token.url"},
                {PREFIX "\"url\":\"https://\"," GOOD_PIN GOOD_RESOURCE "}", "luks.token.url"},
                {PREFIX "\"url\":\"https://b \"," GOOD_PIN GOOD_RESOURCE "}", "luks.token.url"},
                {PREFIX "\"url\":\"https://b\\n\"," GOOD_PIN GOOD_RESOURCE "}", "luks.token.url"},
                {PREFIX GOOD_URL "\"pin\":\"sha256:00\"," GOOD_RESOURCE "}", "luks.token.pin"},
                {PREFIX GOOD_URL "\"pin\":\"md5:00\"," GOOD_RESOURCE "}", "luks.token.pin"},
                {PREFIX GOOD_URL GOOD_RESOURCE "}", "luks.token.member"},
                {PREFIX GOOD_URL GOOD_PIN "\"resource\":\"a/b\"}", "luks.token.resource"},
                {PREFIX GOOD_URL GOOD_PIN "\"resource\":\"--out=x/b/c\"}", "luks.token.resource"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sv_err err;
                struct sv_token t;

                FAILS(sv_token_parse(sv_bytes_str(cases[i].text), &t, &err), SV_FORMAT,
                      cases[i].check);
        }
}

/* As long as may be, and one byte longer. */
static void test_sizes(void **state)
{
        struct sv_err err;
        struct sv_token t;

        for (size_t more = 0; more < 2; more++) {
                size_t digits = sizeof(t.url) - 1 - strlen("https://") + more;
                SV_STR text =
                        sv_asprintf(PREFIX "\"url\":\"https://%0*d\"," GOOD_PIN GOOD_RESOURCE "}",
                                    (int)digits, 0);

                if (more)
                        FAILS(sv_token_parse(sv_bytes_str(text), &t, &err), SV_FORMAT,
                              "luks.token.member");
                else
                        OK(sv_token_parse(sv_bytes_str(text), &t, &err));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_sizes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
