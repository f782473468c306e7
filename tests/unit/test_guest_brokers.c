/* SPDX-License-Identifier: Apache-2.0 */
/* Brokers beside the first: what a guest file may say of them, and the words that they become. */
#include "base/core/file.h"
#include "base/core/limits.h"
#include "guest/guest.h"
#include "tests/unit/limits.h"
#include "tests/unit/unit.h"

#define PIN   "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "sha256:1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct sv_err err;

/* A guest whose first broker is https://b: known by its pin, with these fallbacks. */
static int parse(const char *more, const char *fallbacks, struct sv_guest *g)
{
        SV_STR text = sv_asprintf("{\"name\":\"a\",\"kernel\":\"k\",\"attestation\":{\"url\":"
                                  "\"https://b\",%s,\"fallbacks\":[%s]}}",
                                  more, fallbacks);

        return sv_guest_parse(sv_bytes_str(text), "g.json", "/dir", g, &err);
}

static void read_words(const char *more, const char *fallbacks, const char *expected)
{
        SV_BUF line = SV_BUF_NULL;
        SV_GUEST g = {0};

        OK(parse(more, fallbacks, &g));
        OK(sv_guest_cmdline(&g, &line, &err));
        assert_string_equal(sv_buf_str(&line), expected);
}

/* Each URL with what is about it, in the order in which they are asked. */
static void words(void **state)
{
        read_words("\"pin\":\"" PIN "\"", "{\"url\":\"https://c\"}",
                   "securevm.url=https://b securevm.pin=" PIN
                   " securevm.url=https://c securevm.pin=" PIN " securevm.resource=default/a/root");
        read_words("\"pin\":\"" PIN "\",\"lease\":0",
                   "{\"url\":\"https://d\",\"pin\":\"" OTHER "\",\"owner\":\"them\"},"
                   "{\"url\":\"https://c\",\"pin\":\"" OTHER "\"}",
                   "securevm.url=https://b securevm.pin=" PIN
                   " securevm.url=https://d securevm.pin=" OTHER " securevm.owner=them"
                   " securevm.url=https://c securevm.pin=" OTHER
                   " securevm.resource=default/a/root");
        read_words(
                "\"ca\":\"ca.pem\"", "{\"url\":\"https://c\"}",
                "securevm.url=https://b securevm.url=https://c securevm.resource=default/a/root");
}

static void refusals(void **state)
{
        static const struct {
                const char *fallbacks, *check, *says;
        } t[] = {
                {"{}", "guest.attestation.fallbacks.url", "missing"},
                {"1", "guest.attestation.fallbacks", "an object"},
                {"{\"url\":\"http://c\"}", "guest.attestation.fallbacks.url", "https"},
                {"{\"url\":\"https://b\"}", "guest.attestation.fallbacks.url", "/fallbacks/0"},
                {"{\"url\":\"https://c\"},{\"url\":\"https://c\"}",
                 "guest.attestation.fallbacks.url", "/fallbacks/1"},
                {"{\"url\":\"https://c\",\"pin\":\"sha256:00\"}", "guest.attestation.fallbacks.pin",
                 "64"},
                {"{\"url\":\"https://c\",\"owner\":\"a b\"}", "guest.attestation.fallbacks.owner",
                 "a name"},
                /* the first one's pin is not another owner's */
                {"{\"url\":\"https://c\",\"owner\":\"them\"}", "guest.attestation.fallbacks.pin",
                 "this broker"},
                /* who has the disk is not known to them */
                {"{\"url\":\"https://c\",\"owner\":\"them\",\"pin\":\"" OTHER "\"}",
                 "guest.attestation.fallbacks.owner", "\"lease\" of 0"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_GUEST g = {0};

                FAILS(parse("\"pin\":\"" PIN "\"", t[i].fallbacks, &g), SV_USAGE, t[i].check);
                if (!strstr(err.msg, t[i].says))
                        fail_msg("%s: expected \"%s\" in \"%s\"", t[i].fallbacks, t[i].says,
                                 err.msg);
        }
}

static int take_fallbacks(size_t n, struct sv_err *failed)
{
        SV_BUF list = SV_BUF_NULL;
        SV_GUEST g = {0};
        int rc;

        for (size_t i = 0; i < n; i++)
                sv_buf_printf(&list, "%s{\"url\":\"https://b%zu\"}", i ? "," : "", i);
        rc = parse("\"pin\":\"" PIN "\"", sv_buf_str(&list), &g);
        *failed = err;
        return rc;
}

static void limit(void **state)
{
        static const struct limit_case cases[] = {
                LIMIT(SV_FALLBACKS_MAX, 1, take_fallbacks, SV_USAGE, "guest.attestation.fallbacks"),
        };

        assert_int_equal(SV_FALLBACKS_MAX + 1, SV_BROKERS_MAX);
        try_limits(cases, 1);
}

/* The command line is measured: who adds the words there has them refused. */
static void not_by_hand(void **state)
{
        SV_GUEST g = {0};

        FAILS(sv_guest_parse(sv_bytes_str("{\"name\":\"a\",\"kernel\":\"k\",\"cmdline\":"
                                          "\"securevm.owner=x\"}"),
                             "g.json", "/dir", &g, &err),
              SV_USAGE, "guest.cmdline");
        assert_non_null(strstr(err.msg, "written by secure-vm itself"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words),
                cmocka_unit_test(refusals),
                cmocka_unit_test(limit),
                cmocka_unit_test(not_by_hand),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
