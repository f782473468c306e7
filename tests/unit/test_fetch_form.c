/* SPDX-License-Identifier: Apache-2.0 */
/* The pure half of fetching, and folders that were filled elsewhere. */
#include <sys/stat.h>

#include "base/core/encoding.h"
#include "tests/unit/pki.h"
#include "tests/unit/unit.h"

#include "attest/fetch/fetch.h"
#include "attest/fetch/form.h"
#include "attest/fetch/offline.h"
#include "base/core/file.h"

static struct sv_err err;
static char dir[64];
static struct sv_buf pem, der, crl;

static struct sv_json *parse(const char *text)
{
        struct sv_json *j;

        OK(sv_json_parse(sv_bytes_str(text), "test", &j, &err));
        return j;
}

/* --- addresses --- */

static void addresses(void **state)
{
        static const struct {
                const char *url, *path, *mirror, *want;
        } t[] = {
                {"https://a.example/x/y?z=1&b=02", NULL, NULL, "https://a.example/x/y?z=1&b=02"},
                {"https://a.example/x?z", NULL, "http://127.0.0.1:80", "http://127.0.0.1:80/x?z"},
                {"https://a.example/x?z", NULL, "https://m.example:8081/",
                 "https://m.example:8081/x?z"},
                {"https://a.example/x?z", NULL, "https://m.example/deep/er//",
                 "https://m.example/deep/er/x?z"},
                {"https://a.example/x", "/y/rootcrl", "https://[::1]:8081/p",
                 "https://[::1]:8081/p/y/rootcrl"},
                {"https://a.example/x", "/y/rootcrl", NULL, "https://a.example/x"},
                {"https://a.example/x", NULL, "a.example=https://m.example", "https://m.example/x"},
                {"https://b.example/x", NULL, "a.example=https://m.example", "https://b.example/x"},
                {"https://a.example:8443/x", NULL, "a.example:8443=https://m.example",
                 "https://m.example/x"},
                {"https://a.example/x", NULL, "https://m.example/p=q", "https://m.example/p=q/x"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                const char *const mirrors[] = {t[i].mirror, NULL};
                SV_JSON *row = sv_json_object();
                bool mirrored;
                SV_STR url = NULL;

                sv_json_set_str(row, "url", t[i].url);
                if (t[i].path)
                        sv_json_set_str(row, "mirror_path", t[i].path);
                url = sv_fetch_url(row, mirrors, &mirrored, &err);
                assert_string_equal(url, t[i].want);
                assert_int_equal(mirrored, strcmp(t[i].want, t[i].url) != 0);
        }
}

static void bad_addresses(void **state)
{
        static const char *const urls[] = {"http://a.example/x",
                                           "https://a.example",
                                           "https:///x",
                                           "ftp://a/x",
                                           "",
                                           "https://a.example/x y",
                                           "https://a.example/x#f",
                                           "https://a.example?x/"};
        static const char *const mirrors[] = {"m.example",
                                              "ftp://m.example",
                                              "http://",
                                              "https://user:word@m.example",
                                              "https://m.example/?q",
                                              "a.example=",
                                              "a.example=m.example",
                                              "https://m.example:99999",
                                              "file:///etc"};
        struct sv_fetch f = {0};

        for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
                SV_JSON *row = sv_json_object();
                bool mirrored;

                sv_json_set_str(row, "url", urls[i]);
                FAILS(sv_fetch_url(row, NULL, &mirrored, &err) ? 0 : -1, SV_FORMAT,
                      "collateral.needs");
        }
        for (size_t i = 0; i < sizeof(mirrors) / sizeof(mirrors[0]); i++) {
                const char *const list[] = {"https://fine.example", mirrors[i], NULL};

                f.mirrors = list;
                FAILS(sv_fetch_check(&f, &err), SV_USAGE, "collateral.mirror");
        }
        f.mirrors = (const char *const[]){"https://fine.example/p", "h.example=http://127.0.0.1:1",
                                          NULL};
        OK(sv_fetch_check(&f, &err));
}

static void origins(void **state)
{
        SV_STR a = sv_fetch_origin("https://a.example:8443/x/y");
        SV_STR b = sv_fetch_origin("http://b.example");

        assert_string_equal(a, "https://a.example:8443");
        assert_string_equal(b, "http://b.example");
}

/* --- forms --- */

static int form(const char *row_text, struct sv_bytes body, struct sv_entry *e)
{
        SV_JSON *row = parse(row_text);

        e->url = sv_asprintf("https://a.example/x");
        snprintf(e->kind, sizeof(e->kind), "thing");
        sv_buf_put(&e->body, body);
        return sv_fetch_form(row, e, &err);
}

/* As Intel's service answers. */
static void put_crl_pem(struct sv_buf *out)
{
        SV_BUF digits = SV_BUF_NULL;

        sv_put_base64(&digits, sv_buf_bytes(&crl));
        sv_buf_puts(out, "-----BEGIN X509 CRL-----\n");
        for (size_t i = 0; i < digits.n; i += 64) {
                size_t n = digits.n - i < 64 ? digits.n - i : 64;

                sv_buf_put(out, sv_bytes(digits.p + i, n));
                sv_buf_puts(out, "\n");
        }
        sv_buf_puts(out, "-----END X509 CRL-----\n");
}

static void forms(void **state)
{
        SV_BUF two = SV_BUF_NULL;
        SV_BUF hex = SV_BUF_NULL;
        SV_BUF hex_line = SV_BUF_NULL;
        SV_BUF crl_pem = SV_BUF_NULL;
        SV_BUF two_crls = SV_BUF_NULL;

        sv_buf_put(&two, sv_buf_bytes(&pem));
        sv_buf_put(&two, sv_buf_bytes(&pem));
        sv_put_hex(&hex, sv_buf_bytes(&crl));
        sv_buf_put(&hex_line, sv_buf_bytes(&hex));
        sv_buf_puts(&hex_line, "\r\n");
        put_crl_pem(&crl_pem);
        put_crl_pem(&two_crls);
        put_crl_pem(&two_crls);
        const struct {
                const char *row;
                struct sv_bytes body;
                int64_t until; /* 0: refused */
        } t[] = {
                {"{}", sv_bytes_str("anything"), SV_NEVER},
                {"{\"form\":\"cert\"}", sv_buf_bytes(&pem), SV_NEVER},
                {"{\"form\":\"cert\"}", sv_buf_bytes(&der), SV_NEVER},
                {"{\"form\":\"cert\"}", sv_buf_bytes(&two), 0},
                {"{\"form\":\"cert\"}", sv_buf_bytes(&crl), 0},
                {"{\"form\":\"cert\"}", sv_bytes(der.p, der.n - 1), 0},
                {"{\"form\":\"certs\"}", sv_buf_bytes(&two), SV_NEVER},
                {"{\"form\":\"certs\"}", sv_bytes_str("<html>"), 0},
                {"{\"form\":\"certs\"}", sv_bytes_str(""), 0},
                {"{\"form\":\"crl\"}", sv_buf_bytes(&crl), PKI_TO},
                {"{\"form\":\"crl\"}", sv_buf_bytes(&hex), PKI_TO},
                {"{\"form\":\"crl\"}", sv_buf_bytes(&hex_line), PKI_TO},
                {"{\"form\":\"crl\"}", sv_buf_bytes(&crl_pem), PKI_TO},
                {"{\"form\":\"crl\"}", sv_bytes(crl_pem.p, crl_pem.n - 20), 0},
                {"{\"form\":\"crl\"}", sv_buf_bytes(&two_crls), 0},
                {"{\"form\":\"crl\"}", sv_buf_bytes(&pem), 0},
                {"{\"form\":\"crl\"}", sv_bytes(hex.p, hex.n - 1), 0},
                {"{\"form\":\"crl\"}", sv_bytes(hex.p, hex.n - 2), 0},
                {"{\"form\":\"crl\"}", sv_bytes(crl.p, crl.n - 1), 0},
                {"{\"form\":\"crl\"}", sv_buf_bytes(&der), 0},
                {"{\"form\":\"json\"}", sv_bytes_str("{\"a\":1}"), SV_NEVER},
                {"{\"form\":\"json\"}", sv_bytes_str("{\"a\":1"), 0},
                {"{\"form\":\"json\",\"next_update\":\"/t/n\"}",
                 sv_bytes_str("{\"t\":{\"n\":\"2026-01-01T00:00:00Z\"}}"), 1767225600},
                {"{\"form\":\"json\",\"next_update\":\"/t/n\"}",
                 sv_bytes_str("{\"t\":{\"n\":\"now\"}}"), 0},
                {"{\"form\":\"json\",\"next_update\":\"/t/n\"}", sv_bytes_str("{\"t\":{\"n\":7}}"),
                 0},
                {"{\"form\":\"json\",\"next_update\":\"/t/n\"}", sv_bytes_str("{\"t\":{}}"), 0},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_ENTRY e = {0};

                print_message("form %zu\n", i);
                if (!t[i].until) {
                        FAILS(form(t[i].row, t[i].body, &e), SV_FORMAT, "collateral.form");
                        continue;
                }
                OK(form(t[i].row, t[i].body, &e));
                assert_true(e.until == t[i].until);
                if (strstr(t[i].row, "crl"))
                        assert_true(sv_bytes_eq(sv_buf_bytes(&e.body), sv_buf_bytes(&crl)));
        }
        SV_ENTRY e = {0};

        FAILS(form("{\"form\":\"odd\"}", sv_bytes_str("x"), &e), SV_FORMAT, "collateral.needs");
}

/* --- headers --- */

static void escape(struct sv_bytes in, struct sv_buf *out)
{
        for (size_t i = 0; i < in.n; i++)
                sv_buf_printf(out, strchr("+=/ \n-", in.p[i]) ? "%%%02X" : "%c", in.p[i]);
}

static void headers(void **state)
{
        SV_JSON *row = parse("{\"headers\":{\"TCB-Info-Issuer-Chain\":\"tcb-info-chain\"}}");
        SV_JSON *none = parse("{}");
        SV_BUF escaped = SV_BUF_NULL;

        escape(sv_buf_bytes(&pem), &escaped);
        const struct {
                const char *value, *check;
        } t[] = {
                {sv_buf_str(&escaped), NULL},      {sv_buf_str(&pem), NULL},
                {NULL, "collateral.header"},       {"", "collateral.header"},
                {"%2", "collateral.header"},       {"%", "collateral.header"},
                {"%zz", "collateral.header"},      {"%00", "collateral.header"},
                {"no chain", "collateral.header"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *got = sv_json_object();
                SV_ENTRY e = {.url = sv_asprintf("https://a.example/x")};

                if (t[i].value)
                        sv_json_set_str(got, "tcb-info-issuer-chain", t[i].value);
                if (t[i].check) {
                        FAILS(sv_fetch_headers(row, got, &e, &err), SV_FORMAT, t[i].check);
                        continue;
                }
                OK(sv_fetch_headers(row, got, &e, &err));
                assert_string_equal(sv_json_str(sv_json_get(e.headers, "tcb-info-chain")),
                                    sv_buf_str(&pem));
        }
        SV_ENTRY e = {0};

        OK(sv_fetch_headers(none, none, &e, &err));
        assert_null(e.headers);
}

/* --- times --- */

static void retry_after(void **state)
{
        static const int64_t now = 1767225600; /* 2026-01-01, a Thursday */
        static const struct {
                const char *value;
                int64_t later; /* -1: no such value */
        } t[] = {
                {"0", 0},
                {"120", 120},
                {"604800", 604800},
                {"604801", 604800},
                {"99999999999999999999999", 604800},
                {"0x10", -1},
                {"-1", -1},
                {"1.5", -1},
                {"", -1},
                {NULL, -1},
                {" 3", -1},
                {"Thu, 01 Jan 2026 00:01:00 GMT", 60},
                {"Wed, 31 Dec 2025 00:00:00 GMT", 0},
                {"Thu, 01 Jan 2099 00:01:00 GMT", 604800},
                {"Thu, 01 Jan 2026 00:01:00", -1},
                {"Thu, 01 Jan 2026 00:01:00 GMT+1", -1},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                int64_t until = -1;

                assert_int_equal(sv_fetch_retry_after(t[i].value, now, &until), t[i].later >= 0);
                if (t[i].later >= 0)
                        assert_int_equal(until - now, t[i].later);
        }
}

/* --- entries --- */

static void entries(void **state)
{
        static const char body[] = "line\n\0more";
        SV_ENTRY e = {.url = sv_asprintf("https://a.example/x?y"),
                      .kind = "crl",
                      .fetched = 7,
                      .refresh = 9,
                      .until = SV_NEVER,
                      .verified = true};
        SV_ENTRY back = {0};
        SV_BUF file = SV_BUF_NULL;

        sv_buf_put(&e.body, sv_bytes(body, sizeof(body)));
        e.headers = parse("{\"k\":\"v\\n\"}");
        OK(sv_entry_write(&e, &file, &err));
        OK(sv_entry_parse(sv_buf_bytes(&file), &back, &err));
        assert_string_equal(back.url, e.url);
        assert_string_equal(back.kind, "crl");
        assert_true(back.fetched == 7 && back.refresh == 9 && back.until == SV_NEVER &&
                    back.verified);
        assert_string_equal(sv_json_str(sv_json_get(back.headers, "k")), "v\n");
        assert_true(sv_bytes_eq(sv_buf_bytes(&back.body), sv_buf_bytes(&e.body)));
        for (size_t cut = 0; cut < file.n; cut++) {
                SV_ENTRY none = {0};

                FAILS(sv_entry_parse(sv_bytes(file.p, cut), &none, &err), SV_FORMAT,
                      "collateral.cache");
        }
}

/* Times that are not known, and ends that never come, are left out. */
static void times_shown(void **state)
{
        struct sv_fetched_item item = {.entry = {.kind = "crl", .fetched = 0, .refresh = 9}};
        const struct sv_fetched f = {.list = &item, .n = 1};
        SV_JSON *list = NULL;
        struct sv_json *row;

        item.entry.until = SV_NEVER;
        list = sv_fetched_json(&f);
        row = sv_json_at(list, 0);
        assert_null(sv_json_get(row, "fetched"));
        assert_string_equal(sv_json_str(sv_json_get(row, "refresh")), "1970-01-01T00:00:09Z");
        assert_null(sv_json_get(row, "until"));
}

static int64_t no_time(void *arg)
{
        return 0;
}

/* What says neither what it is nor where, or of a kind with a name that is too long. */
static void rows_malformed(void **state)
{
        static const char *const rows[] = {
                "[{\"url\":\"https://maker.example/doc\"}]", "[{\"kind\":\"doc\"}]",
                "[{\"kind\":\"doc\",\"url\":7}]",
                "[{\"kind\":\"0123456789012345678901234567890123456789\","
                "\"url\":\"https://maker.example/doc\"}]"};
        const struct sv_fetch f = {.now_ms = no_time}; /* nobody is asked */
        SV_FETCHED got = {0};

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                SV_JSON *needs = parse(rows[i]);

                FAILS(sv_fetch_needs(&f, needs, NULL, &got, &err), SV_FORMAT, "collateral.needs");
        }
}

/* --- a folder that was filled elsewhere --- */

static void put(const char *name, struct sv_bytes data)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);

        OK(sv_file_write(path, 0600, data, &err));
}

#define CHAINED                                                                                \
        "{\"kind\":\"tcb-info\",\"url\":\"https://a/x\",\"form\":\"json\",\"offline\":\"deep/" \
        "t.json\",\"headers\":{\"H\":\"tcb-info-chain\"}}"

static int offline(const char *text, struct sv_entry *e, bool *absent)
{
        SV_JSON *row = parse(text);

        *absent = false;
        return sv_fetch_offline(dir, row, e, absent, &err);
}

static void folder(void **state)
{
        static const char *const outside[] = {"../t.json", "deep/../../t.json", "/etc/passwd", "",
                                              "deep/.."};
        SV_STR deep = sv_asprintf("%s/deep", dir);
        SV_ENTRY plain = {0};
        SV_ENTRY own = {0};
        SV_ENTRY e = {0};
        bool absent;

        FAILS(offline(CHAINED, &e, &absent), SV_SYSTEM, "collateral.offline");
        put("tcb_info.json", sv_bytes_str("{\"plain\":1}"));
        /* the chain is still missing */
        FAILS(offline(CHAINED, &e, &absent), SV_SYSTEM, "collateral.offline");
        put("tcb_info_chain.pem", sv_buf_bytes(&pem));
        OK(offline(CHAINED, &plain, &absent));
        assert_string_equal(sv_buf_str(&plain.body), "{\"plain\":1}");
        assert_string_equal(sv_json_str(sv_json_get(plain.headers, "tcb-info-chain")),
                            sv_buf_str(&pem));
        assert_int_equal(mkdir(deep, 0700), 0);
        put("deep/t.json", sv_bytes_str("{\"own\":1}"));
        OK(offline(CHAINED, &own, &absent));
        assert_string_equal(sv_buf_str(&own.body), "{\"own\":1}");
        put("deep/t.json", sv_bytes_str("<html>"));
        FAILS(offline(CHAINED, &e, &absent), SV_FORMAT, "collateral.form");
        OK(offline("{\"kind\":\"crl\",\"url\":\"https://a/x\",\"optional\":true}", &e, &absent));
        assert_true(absent);
        for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
                SV_JSON *row =
                        parse("{\"kind\":\"tcb-info\",\"url\":\"https://a/x\",\"optional\":true}");

                sv_json_set_str(row, "offline", outside[i]);
                FAILS(sv_fetch_offline(dir, row, &e, &absent, &err), SV_FORMAT, "collateral.needs");
        }
}

/* --- what a PCCS answers, whole --- */

static char asked[8][256];
static unsigned n_asked;

static int pccs_get(void *arg, const struct sv_get *get, struct sv_got *out, struct sv_err *unused)
{
        SV_BUF escaped = SV_BUF_NULL;

        assert_false(get->plain);
        assert_string_equal(get->ca_file, "/ca.pem");
        snprintf(asked[n_asked++ % 8], sizeof(asked[0]), "%s", get->url);
        out->status = 200;
        out->headers = sv_json_object();
        escape(sv_buf_bytes(&pem), &escaped);
        if (strstr(get->url, "rootcacrl")) {
                sv_put_hex(&out->body, sv_buf_bytes(&crl));
        } else if (strstr(get->url, "pckcrl")) {
                sv_buf_put(&out->body, sv_buf_bytes(&crl));
                sv_json_set_str(out->headers, "sgx-pck-crl-issuer-chain", sv_buf_str(&escaped));
        } else {
                sv_buf_puts(&out->body, "{\"tcbInfo\":{\"nextUpdate\":\"2027-02-01T00:00:00Z\"},"
                                        "\"signature\":\"00\"}");
                sv_json_set_str(out->headers, "tcb-info-issuer-chain", sv_buf_str(&escaped));
        }
        return 0;
}

static int64_t pccs_now(void *arg)
{
        return (PKI_NOW - 10) * 1000LL;
}

/* Documents with their times, chains from the heads, a list in hexadecimal from a path of the
 * mirror's own. */
static void pccs(void **state)
{
        static const char needs_text[] =
                "[{\"kind\":\"tcb-info\",\"url\":\"https://api.example/tdx/certification/v4/"
                "tcb?fmspc=00806f050000\",\"form\":\"json\",\"max_age\":86400,"
                "\"next_update\":\"/tcbInfo/"
                "nextUpdate\",\"headers\":{\"TCB-Info-Issuer-Chain\":\"tcb-info-chain\"}},"
                "{\"kind\":\"pck-crl\",\"url\":\"https://api.example/sgx/certification/v4/"
                "pckcrl?ca=platform&encoding=der\",\"form\":\"crl\","
                "\"headers\":{\"SGX-PCK-CRL-Issuer-Chain\":\"pck-crl-chain\"}},"
                "{\"kind\":\"root-ca-crl\",\"url\":\"https://certificates.example/"
                "IntelSGXRootCA.der\",\"form\":\"crl\","
                "\"mirror_path\":\"/sgx/certification/v4/rootcacrl\"}]";
        static const char *const kinds[] = {"tcb-info", "tcb-info-chain", "pck-crl",
                                            "pck-crl-chain", "root-ca-crl"};
        static const char *const urls[] = {
                "https://pccs.example:8081/deep/tdx/certification/v4/tcb?fmspc=00806f050000",
                "https://pccs.example:8081/deep/sgx/certification/v4/"
                "pckcrl?ca=platform&encoding=der",
                "https://pccs.example:8081/deep/sgx/certification/v4/rootcacrl"};
        const char *const mirrors[] = {"https://pccs.example:8081/deep/", NULL};
        SV_STR cache = sv_asprintf("%s/cache", dir);
        struct sv_fetch f = {.cache = cache,
                             .mirrors = mirrors,
                             .mirror_ca = "/ca.pem",
                             .budget_ms = 1000,
                             .now_ms = pccs_now,
                             .get = pccs_get};
        SV_JSON *needs = parse(needs_text);

        for (int again = 0; again < 2; again++) {
                SV_FETCHED got = {0};
                SV_BLOBS blobs = {0};
                struct sv_collateral c;
                struct sv_bytes data;

                OK(sv_fetch_needs(&f, needs, NULL, &got, &err));
                sv_fetched_blobs(&got, NULL, &blobs);
                c = (struct sv_collateral){blobs.list, blobs.n};
                assert_int_equal(blobs.n, 5);
                for (size_t i = 0; i < 5; i++) {
                        assert_true(sv_collateral_get(&c, kinds[i], 0, &data));
                        if (strstr(kinds[i], "chain"))
                                assert_true(sv_bytes_eq(data, sv_buf_bytes(&pem)));
                        if (strstr(kinds[i], "-crl") && !strstr(kinds[i], "chain"))
                                assert_true(sv_bytes_eq(data, sv_buf_bytes(&crl)));
                }
                /* the second time everything, heads too, is from the cache */
                assert_int_equal(n_asked, 3);
                assert_int_equal(got.list[0].from, again ? SV_FROM_CACHE : SV_FROM_NETWORK);
                assert_true(got.list[0].entry.until == 1801440000 &&
                            got.list[2].entry.until == PKI_TO);
        }
        for (size_t i = 0; i < 3; i++)
                assert_string_equal(asked[i], urls[i]);
}

static int group_setup(void **state)
{
        const struct pki_spec spec = {
                .cn = "CA", .basic = "critical,CA:TRUE", .usage = "critical,keyCertSign,cRLSign"};
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_CERT *cert = pki_cert(&spec, key, NULL, NULL);

        OK(sv_cert_pem(cert, &pem, &err));
        OK(sv_cert_der(cert, &der, &err));
        pki_crl(cert, key, NULL, PKI_TO, &crl);
        snprintf(dir, sizeof(dir), "/tmp/sv-form-XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static int group_teardown(void **state)
{
        sv_buf_free(&pem);
        sv_buf_free(&der);
        sv_buf_free(&crl);
        return sv_remove_tree(dir, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses),      cmocka_unit_test(bad_addresses),
                cmocka_unit_test(origins),        cmocka_unit_test(forms),
                cmocka_unit_test(headers),        cmocka_unit_test(retry_after),
                cmocka_unit_test(entries),        cmocka_unit_test(folder),
                cmocka_unit_test(pccs),           cmocka_unit_test(times_shown),
                cmocka_unit_test(rows_malformed),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
