/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/xml-read.h"

#include <stdlib.h>

#include "base/core/buf.h"
#include "base/core/file.h"

enum token { END_OF_TEXT, OPENS, CLOSES, WHOLE };

struct tag {
        enum token token;
        struct sv_bytes name, attributes;
        size_t begin, end; /* in the text */
};

static bool starts_at(struct sv_bytes t, size_t at, const char *with)
{
        size_t n = strlen(with);

        return t.n - at >= n && !memcmp(t.p + at, with, n);
}

/* Past the next `end`; the text's length when there is none. */
static size_t skip_past(struct sv_bytes t, size_t at, const char *end)
{
        const uint8_t *found = memmem(t.p + at, t.n - at, end, strlen(end));

        return found ? (size_t)(found - t.p) + strlen(end) : t.n;
}

/* The '>' of a tag, which may stand in the value of an attribute, too. */
static size_t find_tag_end(struct sv_bytes t, size_t at)
{
        uint8_t quote = 0;

        for (; at < t.n; at++) {
                uint8_t c = t.p[at];

                if (quote)
                        quote = c == quote ? 0 : quote;
                else if (c == '"' || c == '\'')
                        quote = c;
                else if (c == '>')
                        return at;
        }
        return t.n;
}

static bool is_xml_space(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct tag read_tag(struct sv_bytes t, size_t at)
{
        struct tag tag = {.begin = at};
        bool closes = starts_at(t, at, "</");
        size_t name = at + (closes ? 2 : 1), end = find_tag_end(t, name), rest = name;

        if (end == t.n)
                return tag;
        while (rest < end && !is_xml_space(t.p[rest]) && t.p[rest] != '/')
                rest++;
        tag.name = sv_bytes(t.p + name, rest - name);
        tag.attributes = sv_bytes(t.p + rest, end - rest);
        tag.end = end + 1;
        tag.token = closes ? CLOSES : t.p[end - 1] == '/' ? WHOLE : OPENS;
        return tag;
}

static struct tag read_next_tag(struct sv_bytes t, size_t at)
{
        while (at < t.n) {
                if (t.p[at] != '<')
                        at++;
                else if (starts_at(t, at, "<!--"))
                        at = skip_past(t, at + 4, "-->");
                else if (starts_at(t, at, "<?"))
                        at = skip_past(t, at + 2, "?>");
                else if (starts_at(t, at, "<!"))
                        break;
                else
                        return read_tag(t, at);
        }
        return (struct tag){.token = END_OF_TEXT};
}

static bool has_xml_name(struct sv_bytes name, const char *as)
{
        return name.n == strlen(as) && !memcmp(name.p, as, name.n);
}

bool sv_xml_next(struct sv_bytes parent, const char *name, size_t *at, struct sv_xml *out)
{
        struct tag first = {0};
        size_t depth = 0;

        while (*at < parent.n) {
                struct tag tag = read_next_tag(parent, *at);

                if (tag.token == END_OF_TEXT || (tag.token == CLOSES && depth == 0))
                        break;
                *at = tag.end;
                if (tag.token != CLOSES && depth == 0)
                        first = tag;
                depth += tag.token == OPENS;
                depth -= tag.token == CLOSES;
                if (depth || !has_xml_name(first.name, name))
                        continue;
                out->attributes = first.attributes;
                out->inner = tag.token == WHOLE
                                     ? sv_bytes(parent.p + tag.end, 0)
                                     : sv_bytes(parent.p + first.end, tag.begin - first.end);
                return true;
        }
        *at = parent.n;
        return false;
}

bool sv_xml_find(struct sv_bytes parent, const char *path, struct sv_xml *out)
{
        struct sv_xml e = {.inner = parent};

        for (;;) {
                size_t n = strcspn(path, "/"), at = 0;
                SV_STR name = sv_asprintf("%.*s", (int)n, path);

                if (!sv_xml_next(e.inner, name, &at, &e))
                        return false;
                if (!path[n])
                        break;
                path += n + 1;
        }
        *out = e;
        return true;
}

/* What a reference stands for, 0 for one that is not known; *n: its length. */
static unsigned long read_reference(struct sv_bytes t, size_t *n)
{
        static const struct {
                const char *text;
                char is;
        } named[] = {
                {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
        char digits[12];
        const uint8_t *end = memchr(t.p, ';', t.n < sizeof(digits) ? t.n : sizeof(digits));
        char *rest;
        unsigned long v;

        for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
                if (starts_at(t, 0, named[i].text)) {
                        *n = strlen(named[i].text);
                        return (unsigned char)named[i].is;
                }
        *n = 1;
        if (!end || !starts_at(t, 0, "&#"))
                return 0;
        memcpy(digits, t.p + 2, (size_t)(end - t.p) - 2);
        digits[end - t.p - 2] = 0;
        v = digits[0] == 'x' ? strtoul(digits + 1, &rest, 16) : strtoul(digits, &rest, 10);
        if (*rest || v == 0 || v > 0x7f) /* libvirt prints all else as UTF-8 */
                return 0;
        *n = (size_t)(end - t.p) + 1;
        return v;
}

static char *unescape(struct sv_bytes t)
{
        SV_BUF out = SV_BUF_NULL;

        for (size_t at = 0; at < t.n;) {
                size_t n = 1;
                unsigned long c = t.p[at];

                if (c == '&')
                        c = read_reference(sv_bytes(t.p + at, t.n - at), &n);
                sv_buf_u8(&out, (uint8_t)(c ? c : '&'));
                at += n;
        }
        return sv_asprintf("%s", sv_buf_str(&out));
}

char *sv_xml_attribute(const struct sv_xml *e, const char *name)
{
        struct sv_bytes t = e->attributes;
        size_t at = 0;

        while (at < t.n) {
                size_t begin, end, value, last;
                const uint8_t *close;

                while (at < t.n && is_xml_space(t.p[at]))
                        at++;
                for (begin = at; at < t.n && t.p[at] != '=' && !is_xml_space(t.p[at]);)
                        at++;
                end = at;
                while (at < t.n && (is_xml_space(t.p[at]) || t.p[at] == '='))
                        at++;
                if (at >= t.n || (t.p[at] != '"' && t.p[at] != '\''))
                        return NULL;
                value = at + 1;
                close = memchr(t.p + value, t.p[at], t.n - value);
                if (!close)
                        return NULL;
                last = (size_t)(close - t.p);
                if (has_xml_name(sv_bytes(t.p + begin, end - begin), name))
                        return unescape(sv_bytes(t.p + value, last - value));
                at = last + 1;
        }
        return NULL;
}

char *sv_xml_text(const struct sv_xml *e)
{
        const uint8_t *tag = memchr(e->inner.p, '<', e->inner.n);

        return unescape(sv_bytes(e->inner.p, tag ? (size_t)(tag - e->inner.p) : e->inner.n));
}
