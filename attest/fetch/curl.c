/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/fetch/curl.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/core/library.h"
#include "base/core/limits.h"

#define CONNECT_MS 10000

/* libcurl brings thirty libraries along, and few commands fetch: base/core/library.h. Below is all
 * of it that is called, as curl.easy_init() for curl_easy_init(). */
/* clang-format off */
#define CALLS(X) X(easy_cleanup) X(easy_getinfo) X(easy_init) X(easy_perform) X(easy_setopt) X(easy_strerror) X(global_cleanup) X(global_init)
/* clang-format on */

static struct calls {
#define CALL(name) typeof(curl_##name) *name;
        CALLS(CALL)
#undef CALL
} curl;

static const struct sv_library_call rows[] = {
#define CALL(name) {"curl_" #name, offsetof(struct calls, name)},
        CALLS(CALL)
#undef CALL
};

static struct sv_library library = {
        .sonames = {"libcurl.so.4", "libcurl-gnutls.so.4"},
        .check = "collateral.library",
        .advice = "libcurl 7.85 or newer fetches; install libcurl4, or take an offline folder",
        .calls = rows,
        .n = sizeof(rows) / sizeof(rows[0]),
        .table = &curl,
        .lock = PTHREAD_MUTEX_INITIALIZER,
};

void sv_got_free(struct sv_got *g)
{
        sv_buf_free(&g->body);
        sv_json_free(g->headers);
        *g = (struct sv_got){0};
}

struct sink {
        struct sv_got *got;
        size_t max, head;
        bool large;
};

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
        struct sink *s = arg;

        if (size * n > s->max - s->got->body.n) {
                s->large = true;
                return 0;
        }
        sv_buf_put(&s->got->body, sv_bytes(data, size * n));
        return s->got->body.bad ? 0 : size * n;
}

static void add_answer_header(struct sv_json *headers, const char *line, size_t n)
{
        const char *colon = memchr(line, ':', n);
        const char *end = line + n;
        char name[64];
        size_t len = colon ? (size_t)(colon - line) : 0;
        SV_BUF value = SV_BUF_NULL;

        if (!len || len >= sizeof(name) || memchr(line, '\0', n) ||
            sv_json_len(headers) >= SV_FETCH_HEADERS_MAX)
                return;
        for (size_t i = 0; i <= len; i++)
                name[i] = i < len ? (char)tolower((unsigned char)line[i]) : '\0';
        for (colon++; colon < end && strchr(" \t", *colon); colon++)
                ;
        while (end > colon && strchr(" \t\r\n", end[-1]))
                end--;
        sv_buf_put(&value, sv_bytes(colon, (size_t)(end - colon)));
        if (!sv_json_get(headers, name))
                sv_json_set_str(headers, name, sv_buf_str(&value));
}

/* One line at a time; a new status line (after a redirect) starts a new list of headers. */
static size_t read_answer_header(char *data, size_t size, size_t n, void *arg)
{
        struct sink *s = arg;

        n *= size;
        s->head += n;
        if (s->head > SV_HTTP_HEAD_MAX) {
                s->large = true;
                return 0;
        }
        if (n >= 5 && !strncmp(data, "HTTP/", 5)) {
                sv_json_free(s->got->headers);
                s->got->headers = sv_json_object();
                sv_buf_clear(&s->got->body);
        } else if (s->got->headers) {
                add_answer_header(s->got->headers, data, n);
        }
        return n;
}

static int fail_code(const struct sv_get *get, const struct sink *s, CURLcode code,
                     const char *text, struct sv_err *err)
{
        const char *why = *text ? text : curl.easy_strerror(code);

        if (s->large)
                return sv_fail(err, SV_FORMAT, "collateral.size",
                               "%s answers with more than %zu bytes", get->url, s->max);
        switch (code) {
        case CURLE_PARTIAL_FILE:
        case CURLE_GOT_NOTHING:
        case CURLE_RECV_ERROR:
                return sv_fail(err, SV_SYSTEM, "collateral.truncated",
                               "the answer of %s ended early: %s", get->url, why);
        case CURLE_TOO_MANY_REDIRECTS:
        case CURLE_UNSUPPORTED_PROTOCOL:
                return sv_fail(err, SV_SYSTEM, "collateral.redirect",
                               "%s redirects more than %d times or not to https: %s", get->url,
                               SV_FETCH_REDIRECTS, why);
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_ISSUER_ERROR:
                return sv_fail(err, SV_SYSTEM, "collateral.tls",
                               "the server of %s cannot be trusted: %s; for a mirror with a CA of "
                               "its own, give that CA",
                               get->url, why);
        default:
                return sv_fail(err, SV_SYSTEM, "collateral.connect",
                               "no answer from %s: %s; without a network, take a mirror or an "
                               "offline folder",
                               get->url, why);
        }
}

#define SET(option, value)                                      \
        do {                                                    \
                if (!r)                                         \
                        r = curl.easy_setopt(c, option, value); \
        } while (0)

static CURLcode set_up(CURL *c, const struct sv_get *get, struct sink *s, char *text)
{
        CURLcode r = CURLE_OK;

        SET(CURLOPT_URL, get->url);
        SET(CURLOPT_PROTOCOLS_STR, get->plain ? "http,https" : "https");
        SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");
        SET(CURLOPT_FOLLOWLOCATION, 1L);
        SET(CURLOPT_MAXREDIRS, (long)SV_FETCH_REDIRECTS);
        SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        if (get->ca_file) {
                SET(CURLOPT_CAINFO, get->ca_file);
                SET(CURLOPT_CAPATH, NULL);
        }
        SET(CURLOPT_NOSIGNAL, 1L);
        SET(CURLOPT_CONNECTTIMEOUT_MS,
            (long)(get->timeout_ms < CONNECT_MS ? get->timeout_ms : CONNECT_MS));
        SET(CURLOPT_TIMEOUT_MS, (long)get->timeout_ms);
        SET(CURLOPT_USERAGENT, "secure-vm/" SV_VERSION);
        SET(CURLOPT_WRITEFUNCTION, take_body);
        SET(CURLOPT_WRITEDATA, s);
        SET(CURLOPT_HEADERFUNCTION, read_answer_header);
        SET(CURLOPT_HEADERDATA, s);
        SET(CURLOPT_ERRORBUFFER, text);
        return r;
}

int sv_curl_get(const struct sv_get *get, struct sv_got *out, struct sv_err *err)
{
        SV_GOT got = {0};
        struct sink s = {.got = &got, .max = get->max};
        char text[CURL_ERROR_SIZE] = "";
        long status = 0;
        CURLcode r;
        CURL *c;

        if (sv_library_load(&library, err) < 0)
                return -1;
        if (curl.global_init(CURL_GLOBAL_DEFAULT))
                return sv_fail(err, SV_SYSTEM, "collateral.connect", "libcurl cannot be used");
        c = curl.easy_init();
        r = c ? set_up(c, get, &s, text) : CURLE_OUT_OF_MEMORY;
        if (!r)
                r = curl.easy_perform(c);
        if (!r)
                r = curl.easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        if (c)
                curl.easy_cleanup(c);
        curl.global_cleanup();
        if (r)
                return fail_code(get, &s, r, text, err);
        if (!got.headers)
                got.headers = sv_json_object();
        got.status = (int)status;
        *out = got;
        got = (struct sv_got){0};
        return 0;
}
