/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl as it is set up here, against a server on loopback that does what servers do. */
#include "tests/unit/makers.h"

#include "attest/fetch/curl.h"
#include "base/core/limits.h"

#define LATER 4102444800 /* 2100 */

static char dir[64];
static struct makers plain, good, expired, other;

static int get_from(const struct makers *m, const char *path, const char *ca, bool allow_plain,
                    struct sv_got *got, struct sv_err *err)
{
        SV_STR url = sv_asprintf("%s://127.0.0.1:%u%s", m->ca[0] ? "https" : "http", m->port, path);
        struct sv_get get = {.url = url,
                             .plain = allow_plain,
                             .ca_file = ca,
                             .max = SV_COLLATERAL_SIZE_MAX,
                             .timeout_ms = 30000};

        return sv_curl_get(&get, got, err);
}

static void answers(void **state)
{
        static const struct {
                const char *path;
                int status;
        } t[] = {{"/ok", 200}, {"/busy", 429}, {"/down", 502}, {"/nothing", 404}};
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_GOT a = {0};
                SV_GOT b = {0};

                makers_shared->asked[MAKERS_BUSY] = 0;
                OK(get_from(&plain, t[i].path, NULL, true, &a, &err));
                assert_int_equal(a.status, t[i].status);
                makers_shared->asked[MAKERS_BUSY] = 0;
                OK(get_from(&good, t[i].path, good.ca, false, &b, &err));
                assert_int_equal(b.status, t[i].status);
                if (t[i].status == 200)
                        assert_string_equal(sv_buf_str(&b.body), MAKERS_BODY);
                if (t[i].status == 429)
                        assert_string_equal(sv_json_str(sv_json_get(b.headers, "retry-after")),
                                            "7");
        }
}

/* Names in lower case, of two the first. */
static void headers(void **state)
{
        SV_GOT got = {0};
        struct sv_err err;

        OK(get_from(&plain, "/chain", NULL, true, &got, &err));
        assert_string_equal(sv_json_str(sv_json_get(got.headers, "x-chain")), "%2D%2D");
        assert_string_equal(sv_json_str(sv_json_get(got.headers, "x-empty")), "");
}

/* A redirect is followed to https, and what counts are the last answer's head and body alone. */
static void redirect(void **state)
{
        SV_GOT got = {0};
        struct sv_err err;

        OK(get_from(&good, "/hop", good.ca, false, &got, &err));
        assert_int_equal(got.status, 200);
        assert_string_equal(sv_buf_str(&got.body), MAKERS_BODY);
        assert_null(sv_json_get(got.headers, "x-chain"));
}

static void faults(void **state)
{
        const struct {
                const struct makers *at;
                const char *path, *ca;
                bool plain;
                enum sv_class class;
                const char *check;
        } t[] = {
                {&plain, "/cut", NULL, true, SV_SYSTEM, "collateral.truncated"},
                {&plain, "/huge", NULL, true, SV_FORMAT, "collateral.size"},
                {&plain, "/endless", NULL, true, SV_FORMAT, "collateral.size"},
                {&plain, "/heads", NULL, true, SV_FORMAT, "collateral.size"},
                {&good, "/huge", good.ca, false, SV_FORMAT, "collateral.size"},
                {&good, "/loop", good.ca, false, SV_SYSTEM, "collateral.redirect"},
                {&good, "/to-plain", good.ca, false, SV_SYSTEM, "collateral.redirect"},
                {&plain, "/to-plain", NULL, true, SV_SYSTEM, "collateral.redirect"},
                /* http was not allowed */
                {&plain, "/ok", NULL, false, SV_SYSTEM, "collateral.redirect"},
                /* none of the system's CAs */
                {&good, "/ok", NULL, false, SV_SYSTEM, "collateral.tls"},
                {&good, "/ok", expired.ca, false, SV_SYSTEM, "collateral.tls"}, /* another CA */
                {&expired, "/ok", expired.ca, false, SV_SYSTEM, "collateral.tls"},
                /* another host's */
                {&other, "/ok", other.ca, false, SV_SYSTEM, "collateral.tls"},
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_GOT got = {0};

                print_message("%s: %s\n", t[i].path, t[i].check);
                FAILS(get_from(t[i].at, t[i].path, t[i].ca, t[i].plain, &got, &err), t[i].class,
                      t[i].check);
                assert_null(got.headers);
                assert_int_equal(got.body.n, 0);
        }
        /* Bounded: the loop was walked three times and left. */
        assert_int_equal(makers_shared->asked[MAKERS_LOOP], 1 + SV_FETCH_REDIRECTS);
}

static void nobody(void **state)
{
        struct makers gone = makers_start(dir, NULL, 0);
        struct sv_get get = {
                .url = "file:///etc/passwd", .plain = true, .max = 100, .timeout_ms = 1000};
        SV_GOT got = {0};
        struct sv_err err;

        makers_stop(&gone);
        FAILS(get_from(&gone, "/ok", NULL, true, &got, &err), SV_SYSTEM, "collateral.connect");
        FAILS(sv_curl_get(&get, &got, &err), SV_SYSTEM, "collateral.redirect");
}

static int group_setup(void **state)
{
        /* What is on loopback is not behind a proxy. */
        setenv("no_proxy", "127.0.0.1", 1);
        snprintf(dir, sizeof(dir), "/tmp/sv-curl-XXXXXX");
        assert_non_null(mkdtemp(dir));
        plain = makers_start(dir, NULL, 0);
        good = makers_start(dir, "127.0.0.1", LATER);
        expired = makers_start(dir, "127.0.0.1", 1000000000);
        other = makers_start(dir, "example.invalid", LATER);
        return 0;
}

static int group_teardown(void **state)
{
        makers_stop(&plain);
        makers_stop(&good);
        makers_stop(&expired);
        makers_stop(&other);
        return sv_remove_tree(dir, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(answers), cmocka_unit_test(headers), cmocka_unit_test(redirect),
                cmocka_unit_test(faults),  cmocka_unit_test(nobody),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
