/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/fetch/form.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/net/http.h"
#include "base/core/text.h"
#include "base/crypto/x509.h"

#define PEM_BEGIN "-----BEGIN "
#define WEEK      (7 * 24 * 60 * 60)

static const char *get_row_text(const struct sv_json *row, const char *member)
{
        return sv_json_str(sv_json_get(row, member));
}

/* --- addresses --- */

/* "[HOST=]URL": the URL when it is for this host. */
static const char *match_mirror(const char *mirror, const char *host)
{
        const char *equals = strchr(mirror, '=');
        const char *scheme = strstr(mirror, "://");

        if (!equals || (scheme && scheme < equals))
                return mirror;
        return !host || (strlen(host) == (size_t)(equals - mirror) &&
                         !strncmp(host, mirror, strlen(host)))
                       ? equals + 1
                       : NULL;
}

/* The host of an https URL; returns what follows it (path and query), NULL when it is none. */
static const char *split_https_url(const char *url, char host[256])
{
        const char *at = url;
        size_t n;

        if (!url || strncmp(url, "https://", 8))
                return NULL;
        at += 8;
        n = strcspn(at, "/?@\\");
        if (!n || n >= 256 || at[n] != '/' || strpbrk(at, " \t\r\n#"))
                return NULL;
        memcpy(host, at, n);
        host[n] = '\0';
        return at + n;
}

static char *make_mirrored_url(const char *mirror, const char *path, struct sv_err *err)
{
        size_t n = strlen(mirror);
        struct sv_url u;

        if (sv_url_parse(mirror, true, &u, err) < 0) {
                sv_wrap(err, "the mirror %.200s", mirror);
                if (err)
                        snprintf(err->check, sizeof(err->check), "collateral.mirror");
                return NULL;
        }
        while (n && mirror[n - 1] == '/')
                n--;
        return sv_asprintf("%.*s%s", (int)n, mirror, path);
}

char *sv_fetch_url(const struct sv_json *row, const char *const *mirrors, bool *mirrored,
                   struct sv_err *err)
{
        const char *url = get_row_text(row, "url");
        const char *other = get_row_text(row, "mirror_path");
        char host[256];
        const char *path = split_https_url(url, host);

        if (!path || (other && other[0] != '/')) {
                sv_fail(err, SV_FORMAT, "collateral.needs",
                        "\"%.200s\" is no https URL with a path", url ? url : "");
                return NULL;
        }
        *mirrored = false;
        for (; mirrors && *mirrors; mirrors++) {
                const char *mirror = match_mirror(*mirrors, host);

                if (!mirror)
                        continue;
                *mirrored = true;
                return make_mirrored_url(mirror, other ? other : path, err);
        }
        return sv_asprintf("%s", url);
}

char *sv_fetch_about(const char *url)
{
        size_t n = strcspn(url, "?");

        return strstr(url + n, "SPL=") ? sv_asprintf("%.*s", (int)n, url) : sv_asprintf("%s", url);
}

char *sv_fetch_origin(const char *url)
{
        const char *host = strstr(url, "://");

        return sv_asprintf("%.*s",
                           host ? (int)((size_t)(host - url) + 3 + strcspn(host + 3, "/"))
                                : (int)strlen(url),
                           url);
}

/* --- forms --- */

static int form_certs(const struct sv_json *row, struct sv_entry *e, size_t max, struct sv_err *err)
{
        SV_CERTS certs = {0};

        if (sv_certs_parse(sv_buf_bytes(&e->body), &certs, "collateral.form", err) < 0)
                return -1;
        if (certs.n > max)
                return sv_fail(err, SV_FORMAT, "collateral.form", "%zu certificates, expected %zu",
                               certs.n, max);
        return 0;
}

static int form_cert(const struct sv_json *row, struct sv_entry *e, struct sv_err *err)
{
        return form_certs(row, e, 1, err);
}

static int form_chain(const struct sv_json *row, struct sv_entry *e, struct sv_err *err)
{
        return form_certs(row, e, SIZE_MAX, err);
}

/* Intel's service answers PEM when it is not asked for DER, a PCCS answers hexadecimal text. DER
 * cannot be taken for either: its second byte has the highest bit. */
static int form_crl(const struct sv_json *row, struct sv_entry *e, struct sv_err *err)
{
        SV_BUF der = SV_BUF_NULL;
        struct sv_bytes text = sv_buf_bytes(&e->body);

        while (text.n && isspace(text.p[text.n - 1]))
                text.n--;
        if (memmem(text.p, text.n, PEM_BEGIN, strlen(PEM_BEGIN))) {
                if (sv_crl_from_pem(text, &der, "collateral.form", err) < 0)
                        return -1;
        } else if (text.n && sv_unhex(text, &der, "collateral.form", NULL) < 0) {
                sv_buf_clear(&der);
        }
        if (der.n) {
                sv_buf_clear(&e->body);
                sv_buf_put(&e->body, sv_buf_bytes(&der));
        }
        return sv_crl_next_update(sv_buf_bytes(&e->body), &e->until, "collateral.form", err);
}

static int form_json(const struct sv_json *row, struct sv_entry *e, struct sv_err *err)
{
        const char *pointer = get_row_text(row, "next_update");
        const char *time;
        SV_JSON *j = NULL;

        if (sv_json_parse(sv_buf_bytes(&e->body), "collateral.form", &j, err) < 0)
                return -1;
        if (!pointer)
                return 0;
        time = sv_json_str(sv_json_pointer(j, pointer));
        if (!time || !strcmp(time, "now") ||
            sv_parse_time(time, &e->until, "collateral.form", NULL) < 0)
                return sv_fail(err, SV_FORMAT, "collateral.form", "the document has no time at %s",
                               pointer);
        return 0;
}

int sv_fetch_form(const struct sv_json *row, struct sv_entry *e, struct sv_err *err)
{
        static const struct {
                const char *name;
                int (*check)(const struct sv_json *row, struct sv_entry *e, struct sv_err *err);
        } forms[] = {
                {"cert", form_cert}, {"certs", form_chain}, {"crl", form_crl}, {"json", form_json}};
        const char *form = get_row_text(row, "form");

        e->until = SV_NEVER;
        if (!form)
                return 0;
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
                if (strcmp(forms[i].name, form))
                        continue;
                if (forms[i].check(row, e, err) < 0) {
                        if (err)
                                snprintf(err->check, sizeof(err->check), "collateral.form");
                        return sv_wrap(err, "what %s answers is no %s", e->url, e->kind);
                }
                return 0;
        }
        return sv_fail(err, SV_FORMAT, "collateral.needs", "\"%.40s\" is no form of collateral",
                       form);
}

/* --- headers --- */

struct wanted {
        const struct sv_json *headers;
        struct sv_entry *e;
};

static int keep_chain_header(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        struct wanted *w = arg;
        const char *kind = sv_json_str(value);
        const char *text;
        char lower[64];
        SV_BUF pem = SV_BUF_NULL;
        SV_CERTS certs = {0};
        size_t i;

        if (!kind || strlen(kind) >= sizeof(w->e->kind) || strlen(name) >= sizeof(lower))
                return sv_fail(err, SV_FORMAT, "collateral.needs",
                               "the header %.60s becomes no kind", name);
        for (i = 0; name[i]; i++)
                lower[i] = (char)tolower((unsigned char)name[i]);
        lower[i] = '\0';
        text = sv_json_str(sv_json_get(w->headers, lower));
        if (!text)
                return sv_fail(err, SV_FORMAT, "collateral.header",
                               "%s answers without the header %s", w->e->url, name);
        if (sv_unpercent(text, &pem, "collateral.header", err) < 0 ||
            sv_certs_parse(sv_buf_bytes(&pem), &certs, "collateral.header", err) < 0) {
                if (err)
                        snprintf(err->check, sizeof(err->check), "collateral.header");
                return sv_wrap(err, "header %s of %s", name, w->e->url);
        }
        sv_json_set_str(w->e->headers, kind, sv_buf_str(&pem));
        return 0;
}

int sv_fetch_headers(const struct sv_json *row, const struct sv_json *headers, struct sv_entry *e,
                     struct sv_err *err)
{
        const struct sv_json *want = sv_json_get(row, "headers");
        struct wanted w = {headers, e};

        if (!want)
                return 0;
        e->headers = sv_json_object();
        return sv_json_each(want, keep_chain_header, &w, err);
}

/* --- times --- */

bool sv_fetch_retry_after(const char *value, int64_t now, int64_t *until)
{
        struct tm tm = {0};
        const char *end;
        uint64_t seconds;
        int64_t t;

        if (!value || !*value)
                return false;
        if (strspn(value, "0123456789") == strlen(value)) {
                if (strlen(value) > 9 ||
                    sv_parse_u64(value, WEEK, &seconds, "collateral.busy", NULL) < 0)
                        seconds = WEEK;
                *until = now + (int64_t)seconds;
                return true;
        }
        /* IMF-fixdate (RFC 9110 section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". */
        end = strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        if (!end || *end)
                return false;
        t = (int64_t)timegm(&tm);
        *until = t < now ? now : t > now + WEEK ? now + WEEK : t;
        return true;
}
