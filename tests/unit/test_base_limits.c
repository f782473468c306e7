/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of base/, each at its value and one past it. */
#include <sys/socket.h>

#include "base/core/buf.h"
#include "base/core/file.h"
#include "base/core/secret.h"
#include "base/core/text.h"
#include "base/crypto/x509.h"
#include "base/json/json.h"
#include "base/net/http.h"
#include "tests/unit/limits.h"

/* n times the same text. */
static void repeat(struct sv_buf *b, const char *text, size_t n)
{
        while (n--)
                sv_buf_puts(b, text);
}

static int take_buf(size_t n, struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        sv_buf_room(&b, n); /* else the buffer doubles, and has twice the memory to wipe */
        sv_buf_grow(&b, n);
        return sv_buf_ok(&b, "a buffer", err);
}

static int take_secret(size_t n, struct sv_err *err)
{
        SV_SECRET *s = sv_secret_new(n, err);

        return s ? 0 : -1;
}

static int parse(struct sv_bytes text, struct sv_err *err)
{
        SV_JSON *j = NULL;

        return sv_json_parse(text, "t", &j, err);
}

static int take_json_depth(size_t n, struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        repeat(&b, "[", n);
        repeat(&b, "]", n);
        return parse(sv_buf_bytes(&b), err);
}

static int take_json_size(size_t n, struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        sv_buf_puts(&b, "1");
        memset(sv_buf_grow(&b, n - 1), ' ', n - 1);
        return parse(sv_buf_bytes(&b), err);
}

/* The array is a value as well. */
static int take_json_values(size_t n, struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        sv_buf_puts(&b, "[0");
        repeat(&b, ",0", n - 2);
        sv_buf_puts(&b, "]");
        return parse(sv_buf_bytes(&b), err);
}

static int take_name(size_t n, struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        repeat(&b, "a", n);
        return sv_name_ok(sv_buf_str(&b)) ? 0
                                          : sv_fail(err, SV_USAGE, "t.name", "this is not a name");
}

static int take_pem(size_t n, struct sv_err *err)
{
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, err);
        SV_CERT *cert = sv_cert_self_signed(key, "limit", NULL, 0, 2000000000, err);
        SV_CERTS list = {0};
        SV_BUF pem = SV_BUF_NULL;

        assert_non_null(cert);
        assert_int_equal(sv_cert_pem(cert, &pem, err), 0);
        n -= pem.n;
        memset(sv_buf_grow(&pem, n), '\n', n);
        return sv_certs_parse(sv_buf_bytes(&pem), &list, "t.pem", err);
}

/* Through a socket pair, as programs read. */
static int take_head(size_t n, struct sv_err *err)
{
        static const char start[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
        SV_BUF text = SV_BUF_NULL;
        SV_HTTP m = {0};
        bool closed;
        int pair[2];

        sv_buf_puts(&text, start);
        repeat(&text, "a", n - strlen(start) - 4);
        sv_buf_puts(&text, "\r\n\r\n");
        assert_int_equal(text.n, n);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        assert_int_equal(write(pair[0], text.p, n), (ssize_t)n);
        close(pair[0]);
        SV_TLS *t = sv_tls_plain(pair[1], err);

        return sv_http_read(t, true, &m, &closed, err);
}

static int parse_head(const struct sv_buf *text, struct sv_http_msg *m, struct sv_err *err)
{
        return sv_http_parse_head(sv_buf_bytes(text), true, m, err);
}

static int take_fields(size_t n, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        SV_HTTP m = {0};

        sv_buf_puts(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
        repeat(&text, "X: y\r\n", n - 1);
        sv_buf_puts(&text, "\r\n");
        return parse_head(&text, &m, err);
}

static int take_method(size_t n, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        SV_HTTP m = {0};

        repeat(&text, "G", n);
        sv_buf_puts(&text, " / HTTP/1.1\r\nHost: a\r\n\r\n");
        return parse_head(&text, &m, err);
}

static int begin_body(const char *field, struct sv_http_body *body, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        SV_HTTP m = {0};

        sv_buf_printf(&text, "PUT / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", field);
        assert_int_equal(parse_head(&text, &m, err), 0);
        return sv_http_body_begin(&m, body, err);
}

static int take_body(size_t n, struct sv_err *err)
{
        SV_STR field = sv_asprintf("Content-Length: %zu", n);
        struct sv_http_body body;

        return begin_body(field, &body, err);
}

static int take_chunk(size_t n, struct sv_err *err)
{
        SV_STR size = sv_asprintf("%zx\r\n", n);
        SV_BUF out = SV_BUF_NULL;
        struct sv_http_body body;
        size_t used;

        assert_int_equal(begin_body("Transfer-Encoding: chunked", &body, err), 0);
        return sv_http_body_feed(&body, sv_bytes_str(size), &used, &out, err);
}

static int take_url(const char *before, size_t n, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_url url;

        sv_buf_puts(&text, before);
        repeat(&text, "a", n);
        return sv_url_parse(sv_buf_str(&text), false, &url, err);
}

static int take_url_host(size_t n, struct sv_err *err)
{
        return take_url("https://", n, err);
}

static int take_url_prefix(size_t n, struct sv_err *err)
{
        return take_url("https://host/", n - 1, err);
}

/* Odd numbers of so many bits: what makes an RSA key of them is not asked. */
static int take_rsa(size_t n_bits, size_t e_bits, struct sv_err *err)
{
        uint8_t n[SV_RSA_BITS_MAX / 8 + 1], e[SV_RSA_EXPONENT_BITS_MAX / 8 + 1];
        size_t n_size = (n_bits + 7) / 8, e_size = (e_bits + 7) / 8;

        memset(n, 0xa5, sizeof(n));
        memset(e, 0, sizeof(e));
        n[0] = (uint8_t)(1u << (n_bits - 1) % 8);
        e[0] = (uint8_t)(1u << (e_bits - 1) % 8);
        n[n_size - 1] |= 1;
        e[e_size - 1] |= 1;
        SV_KEY *key = sv_key_from_rsa(sv_bytes(n, n_size), sv_bytes(e, e_size), err);

        return key ? 0 : -1;
}

static int take_rsa_bits(size_t n, struct sv_err *err)
{
        return take_rsa(n, 17, err);
}

static int take_rsa_exponent(size_t n, struct sv_err *err)
{
        return take_rsa(2048, n, err);
}

static const uint8_t zeros[SV_KEY_WRAP_MAX + 16];

static int take_wrap(size_t n, struct sv_err *err)
{
        SV_BUF out = SV_BUF_NULL;

        return sv_kw_wrap(sv_bytes(zeros, 32), sv_bytes(zeros, n), &out, err);
}

/* Zeros are no wrapped key; those of a size that is looked at fail in RFC 3394's own check. */
static int take_unwrap(size_t n, struct sv_err *err)
{
        SV_SECRET *key = sv_kw_unwrap(sv_bytes(zeros, 32), sv_bytes(zeros, n + 8), err);

        assert_null(key);
        return strcmp(err->check, "crypto.kw") ? -1 : 0;
}

static int take_kdf(size_t n, struct sv_err *err)
{
        uint8_t out[SV_KDF_SIZE_MAX + 1];

        return sv_kdf_concat(sv_bytes(zeros, 32), SV_BYTES_NULL, out, n, err);
}

static void every_limit(void **state)
{
        static const struct limit_case cases[] = {
                LIMIT(SV_BUF_MAX, 1, take_buf, SV_SYSTEM, "base.memory"),
                LIMIT(SV_SECRET_MAX, 1, take_secret, SV_FORMAT, "base.secret.size"),
                LIMIT(SV_JSON_DEPTH_MAX, 1, take_json_depth, SV_FORMAT, "t.json"),
                LIMIT(SV_JSON_SIZE_MAX, 1, take_json_size, SV_FORMAT, "t.json"),
                LIMIT(SV_JSON_MEMBERS_MAX, 1, take_json_values, SV_FORMAT, "t.json"),
                LIMIT(SV_NAME_MAX, 1, take_name, SV_USAGE, "t.name"),
                LIMIT(SV_PEM_SIZE_MAX, 1, take_pem, SV_FORMAT, "t.pem"),
                LIMIT(SV_HTTP_HEAD_MAX, 1, take_head, SV_FORMAT, "http.head"),
                LIMIT(SV_HTTP_FIELDS_MAX, 1, take_fields, SV_FORMAT, "http.head"),
                LIMIT(SV_HTTP_METHOD_MAX, 1, take_method, SV_FORMAT, "http.head"),
                LIMIT(SV_HTTP_BODY_MAX, 1, take_body, SV_FORMAT, "http.limit"),
                LIMIT(SV_HTTP_BODY_MAX, 1, take_chunk, SV_FORMAT, "http.limit"),
                LIMIT(SV_URL_PART_MAX, 1, take_url_host, SV_USAGE, "http.url"),
                LIMIT(SV_URL_PART_MAX, 1, take_url_prefix, SV_USAGE, "http.url"),
                LIMIT(SV_RSA_BITS_MAX, 1, take_rsa_bits, SV_FORMAT, "crypto.key.weak"),
                LIMIT(SV_RSA_EXPONENT_BITS_MAX, 1, take_rsa_exponent, SV_FORMAT, "crypto.key.weak"),
                LIMIT(SV_KEY_WRAP_MAX, 8, take_wrap, SV_FORMAT, "crypto.size"),
                LIMIT(SV_KEY_WRAP_MAX, 8, take_unwrap, SV_FORMAT, "crypto.size"),
                LIMIT(SV_KDF_SIZE_MAX, 1, take_kdf, SV_FORMAT, "crypto.kdf"),
        };

        try_limits(cases, sizeof(cases) / sizeof(*cases));
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(every_limit)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
