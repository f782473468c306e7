/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's address as people write it. */
#include <stdio.h>

#include "base/core/url.h"
#include "base/core/text.h"

static bool is_url_host(const char *s)
{
        for (; *s; s++)
                if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:",
                            *s))
                        return false;
        return true;
}

static int copy_url_part(char *out, size_t size, const char *from, size_t n, const char *what,
                         struct sv_err *err)
{
        if (!n || n >= size)
                return sv_fail(err, SV_USAGE, "http.url",
                               "the %s of the URL has %zu characters, expected 1 to %zu", what, n,
                               size - 1);
        memcpy(out, from, n);
        out[n] = '\0';
        return 0;
}

/* host, [v6 address]; returns what follows, or NULL. */
static const char *read_url_host(const char *at, struct sv_url *u, struct sv_err *err)
{
        bool v6 = *at == '[';
        const char *start = v6 ? at + 1 : at;
        size_t n = strcspn(start, v6 ? "]" : ":/");

        if (copy_url_part(u->host, sizeof(u->host), start, n, "host", err) < 0)
                return NULL;
        if (v6 && start[n] != ']') {
                sv_fail(err, SV_USAGE, "http.url", "the IPv6 address in the URL has no ']'");
                return NULL;
        }
        if (!is_url_host(u->host)) {
                sv_fail(err, SV_USAGE, "http.url",
                        "the host of the URL holds a character that no host name has");
                return NULL;
        }
        return start + n + v6;
}

int sv_url_parse(const char *text, bool allow_plain, struct sv_url *out, struct sv_err *err)
{
        struct sv_url u = {0};
        const char *at;
        uint64_t port;
        size_t n;

        if (!strncmp(text, "https://", 8)) {
                u.tls = true;
        } else if (strncmp(text, "http://", 7) || !allow_plain) {
                return sv_fail(err, SV_USAGE, "http.url",
                               "expected https://HOST[:PORT][/PREFIX], found '%.80s'", text);
        }
        at = read_url_host(text + (u.tls ? 8 : 7), &u, err);
        if (!at)
                return -1;
        snprintf(u.port, sizeof(u.port), "%s", u.tls ? "443" : "80");
        if (*at == ':') {
                at++;
                n = strcspn(at, "/");
                if (copy_url_part(u.port, sizeof(u.port), at, n, "port", err) < 0 ||
                    sv_parse_u64(u.port, 65535, &port, "http.url", err) < 0)
                        return -1;
                if (!port || strspn(u.port, "0123456789") != n)
                        return sv_fail(err, SV_USAGE, "http.url",
                                       "port '%s' of the URL is not between 1 and 65535", u.port);
                at += n;
        }
        if (*at && *at != '/')
                return sv_fail(err, SV_USAGE, "http.url", "'%.40s' follows the host of the URL",
                               at);
        n = strlen(at);
        while (n && at[n - 1] == '/')
                n--;
        if (n && copy_url_part(u.prefix, sizeof(u.prefix), at, n, "prefix", err) < 0)
                return -1;
        for (const char *c = u.prefix; *c; c++)
                if (*c <= ' ' || *c > '~' || *c == '#' || *c == '?')
                        return sv_fail(err, SV_USAGE, "http.url",
                                       "the prefix of the URL holds a character that does not "
                                       "belong there");
        *out = u;
        return 0;
}
