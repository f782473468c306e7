/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 bodies: Content-Length or chunked, never both, never until the end of the connection.
 * Pure. */
#include "base/net/http.h"

#include <strings.h>

#include "base/core/limits.h"

enum { SIZE, SIZE_LF, DATA, DATA_CR, DATA_LF, END_CR, END_LF };

/* 1*DIGIT, and nothing that overflows or exceeds the limit. */
static int parse_content_length(const char *text, size_t max, uint64_t *out, struct sv_err *err)
{
        uint64_t v = 0;
        size_t n = 0;

        for (; text[n]; n++) {
                if (text[n] < '0' || text[n] > '9' || n >= 12)
                        return sv_fail(err, SV_FORMAT, "http.length",
                                       "Content-Length '%.40s' is not a length", text);
                v = v * 10 + (uint64_t)(text[n] - '0');
        }
        if (!n)
                return sv_fail(err, SV_FORMAT, "http.length", "Content-Length is empty");
        if (v > max)
                return sv_fail(err, SV_FORMAT, "http.limit",
                               "the body has %llu bytes, at most %zu are taken here",
                               (unsigned long long)v, max);
        *out = v;
        return 0;
}

int sv_http_body_begin(const struct sv_http_msg *head, struct sv_http_body *b, struct sv_err *err)
{
        const char *length = sv_http_field(head, "Content-Length");
        const char *coding = sv_http_field(head, "Transfer-Encoding");
        bool bodiless = head->status == 204 || head->status == 304;
        size_t max = head->body.max ? head->body.max : SV_HTTP_BODY_MAX;

        memset(b, 0, sizeof(*b));
        if (length && coding)
                return sv_fail(err, SV_FORMAT, "http.length",
                               "both Content-Length and Transfer-Encoding are given");
        if (head->status && head->status < 200)
                return sv_fail(err, SV_FORMAT, "http.head",
                               "an interim answer %d was not asked for", head->status);
        if (coding) {
                if (strcasecmp(coding, "chunked") || bodiless || head->old)
                        return sv_fail(err, SV_FORMAT, "http.length",
                                       "Transfer-Encoding '%.40s' is not understood", coding);
                b->chunked = true;
                return 0;
        }
        if (length && parse_content_length(length, max, &b->left, err) < 0)
                return -1;
        if (bodiless && b->left)
                return sv_fail(err, SV_FORMAT, "http.length", "an answer %d cannot have a body",
                               head->status);
        if (!length && head->status && !bodiless)
                return sv_fail(err, SV_FORMAT, "http.length",
                               "the answer does not say where its body ends");
        b->done = b->left == 0;
        return 0;
}

static int get_chunk_digit(uint8_t c)
{
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
}

/* One byte of the framing around the chunks. No extensions and no trailers: nothing that talks to
 * us sends them. */
static int feed_framing(struct sv_http_body *b, uint8_t c, size_t so_far, struct sv_err *err)
{
        int digit = get_chunk_digit(c);

        if (b->state == SIZE && digit >= 0 && b->digits < 8) {
                b->left = b->left * 16 + (unsigned)digit;
                b->digits++;
                return 0;
        }
        if (b->state == SIZE && c == '\r' && b->digits) {
                b->state = SIZE_LF;
                if (b->left > SV_HTTP_BODY_MAX - so_far)
                        return sv_fail(err, SV_FORMAT, "http.limit",
                                       "the chunked body has more than %u bytes", SV_HTTP_BODY_MAX);
                return 0;
        }
        if (b->state == SIZE_LF && c == '\n') {
                b->state = b->left ? DATA : END_CR;
                return 0;
        }
        if (b->state == DATA_CR && c == '\r') {
                b->state = DATA_LF;
                return 0;
        }
        if (b->state == DATA_LF && c == '\n') {
                b->state = SIZE;
                b->digits = 0;
                b->left = 0;
                return 0;
        }
        if (b->state == END_CR && c == '\r') {
                b->state = END_LF;
                return 0;
        }
        if (b->state == END_LF && c == '\n') {
                b->done = true;
                return 0;
        }
        return sv_fail(err, SV_FORMAT, "http.chunk",
                       "byte 0x%02x where the chunked body must have %s", c,
                       b->state == SIZE ? "a chunk size of at most eight hex digits" : "CR LF");
}

int sv_http_body_feed(struct sv_http_body *b, struct sv_bytes in, size_t *used, struct sv_buf *out,
                      struct sv_err *err)
{
        size_t at = 0;

        while (at < in.n && !b->done) {
                size_t n = in.n - at;

                if (b->chunked && b->state != DATA) {
                        if (feed_framing(b, in.p[at++], out->n, err) < 0)
                                return -1;
                        continue;
                }
                if (n > b->left)
                        n = (size_t)b->left;
                if (out->max && n > out->max - out->n)
                        return sv_fail(err, SV_FORMAT, "http.limit",
                                       "the body has more than the %zu bytes that are taken here",
                                       out->max);
                sv_buf_put(out, sv_bytes(in.p + at, n));
                at += n;
                b->left -= n;
                if (!b->left && b->chunked)
                        b->state = DATA_CR;
                else if (!b->left)
                        b->done = true;
        }
        *used = at;
        return sv_buf_ok(out, "an HTTP body", err);
}
