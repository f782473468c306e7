/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/core/buf.h"
#include "base/core/encoding.h"
#include "base/core/limits.h"

int sv_parse_u64(const char *text, uint64_t max, uint64_t *value, const char *check,
                 struct sv_err *err)
{
        int base = !strncmp(text, "0x", 2) || !strncmp(text, "0X", 2) ? 16 : 10;
        const char *digits = base == 16 ? text + 2 : text;
        char *end = NULL;
        unsigned long long v;

        errno = 0;
        v = strtoull(digits, &end, base);
        if (!isxdigit((unsigned char)*digits) || errno || *end)
                return sv_fail(
                        err, SV_USAGE, check,
                        "a number was expected (decimal, or hexadecimal after 0x), found \"%s\"",
                        text);
        if (v > max)
                return sv_fail(err, SV_USAGE, check, "at most %llu was expected, found %llu",
                               (unsigned long long)max, v);
        *value = v;
        return 0;
}

int sv_parse_size(const char *text, uint64_t *bytes, const char *check, struct sv_err *err)
{
        static const struct {
                const char *unit;
                uint64_t factor;
        } units[] = {
                {"", 1},
                {"B", 1},
                {"KiB", 1ull << 10},
                {"MiB", 1ull << 20},
                {"GiB", 1ull << 30},
                {"TiB", 1ull << 40},
                {"kB", 1000},
                {"MB", 1000000},
                {"GB", 1000000000},
                {"TB", 1000000000000},
        };
        size_t n = strspn(text, "0123456789");
        char digits[24];
        uint64_t v;

        if (!n || n >= sizeof(digits))
                return sv_fail(err, SV_USAGE, check,
                               "a size was expected, such as 512MiB or 2GiB, found \"%s\"", text);
        memcpy(digits, text, n);
        digits[n] = 0;
        if (sv_parse_u64(digits, UINT64_MAX, &v, check, err) < 0)
                return -1;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                if (strcmp(text + n, units[i].unit))
                        continue;
                if (v > UINT64_MAX / units[i].factor)
                        return sv_fail(err, SV_USAGE, check, "%s is more than 64 bits can count",
                                       text);
                *bytes = v * units[i].factor;
                return 0;
        }
        return sv_fail(
                err, SV_USAGE, check,
                "\"%s\" is not a unit (KiB, MiB, GiB, TiB, kB, MB, GB, TB; whole numbers only)",
                text + n);
}

/* n digits at *p, moved on; -1 when they are not digits. */
static int read_decimal(const char **p, int n)
{
        int v = 0;

        for (int i = 0; i < n; i++, (*p)++) {
                if (!isdigit((unsigned char)**p))
                        return -1;
                v = v * 10 + (**p - '0');
        }
        return v;
}

static bool skip_char_of(const char **p, const char *set)
{
        if (!**p || !strchr(set, **p))
                return false;
        (*p)++;
        return true;
}

int sv_parse_moment(const char *text, int64_t *seconds, const char *check, struct sv_err *err)
{
        const char *p = text;
        struct tm tm = {0}, back;
        int sign = 0, oh = 0, om = 0;
        bool ok;
        time_t t;

        tm.tm_year = read_decimal(&p, 4) - 1900;
        ok = skip_char_of(&p, "-") && (tm.tm_mon = read_decimal(&p, 2) - 1) >= 0;
        ok = ok && skip_char_of(&p, "-") && (tm.tm_mday = read_decimal(&p, 2)) >= 1;
        ok = ok && skip_char_of(&p, "Tt ") && (tm.tm_hour = read_decimal(&p, 2)) >= 0;
        ok = ok && skip_char_of(&p, ":") && (tm.tm_min = read_decimal(&p, 2)) >= 0;
        ok = ok && skip_char_of(&p, ":") && (tm.tm_sec = read_decimal(&p, 2)) >= 0;
        if (ok && *p == '.')
                for (p++, ok = isdigit((unsigned char)*p); isdigit((unsigned char)*p); p++)
                        ;
        if (ok && (*p == '+' || *p == '-')) {
                sign = *p++ == '+' ? 1 : -1;
                ok = (oh = read_decimal(&p, 2)) >= 0 && oh < 24 && skip_char_of(&p, ":") &&
                     (om = read_decimal(&p, 2)) >= 0 && om < 60;
        } else {
                ok = ok && skip_char_of(&p, "Zz");
        }
        back = tm;
        t = timegm(&back);
        if (!ok || *p || back.tm_mday != tm.tm_mday || back.tm_mon != tm.tm_mon ||
            tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
                return sv_fail(err, SV_USAGE, check,
                               "a time of RFC 3339 was expected, such as 2026-01-31T12:00:00Z, or "
                               "now; found \"%s\"",
                               text);
        *seconds = (int64_t)t - sign * (oh * 3600 + om * 60);
        return 0;
}

int sv_parse_time(const char *text, int64_t *seconds, const char *check, struct sv_err *err)
{
        if (strcmp(text, "now"))
                return sv_parse_moment(text, seconds, check, err);
        *seconds = time(NULL);
        return 0;
}

char *sv_format_time(int64_t seconds, char out[32])
{
        time_t t = (time_t)seconds;
        struct tm tm;

        if (!gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
                snprintf(out, 32, "@%lld", (long long)seconds);
        return out;
}

char *sv_format_size(uint64_t bytes, char out[32])
{
        static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
        double v = (double)bytes;
        size_t u = 0;

        for (; v >= 1024 && u < 4; u++)
                v /= 1024;
        snprintf(out, 32, v == (double)(uint64_t)v ? "%.0f %s" : "%.1f %s", v, units[u]);
        return out;
}

bool sv_name_ok(const char *name)
{
        size_t n = strlen(name);

        if (!n || n > SV_NAME_MAX || name[0] == '.')
                return false;
        return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") ==
               n;
}

bool sv_resource_ok(struct sv_bytes path)
{
        for (int part = 0; part < 3; part++) {
                const uint8_t *slash = path.n ? memchr(path.p, '/', path.n) : NULL;
                size_t n = slash ? (size_t)(slash - path.p) : path.n;
                size_t taken = slash ? n + 1 : n;
                char name[SV_NAME_MAX + 1];

                if (!n || n >= sizeof(name) || (part < 2) != (slash != NULL))
                        return false;
                memcpy(name, path.p, n);
                name[n] = '\0';
                if (strlen(name) != n || !sv_name_ok(name))
                        return false;
                path = sv_bytes(path.p + taken, path.n - taken);
        }
        return true;
}

char *sv_format_uuid(const uint8_t uuid[16], char out[37])
{
        char *p = out;

        for (int i = 0; i < 16; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *p++ = '-';
                p = sv_hex(sv_bytes(uuid + i, 1), p) + 2;
        }
        return out;
}

bool sv_is_hex(const char *s, size_t digits)
{
        return s && strlen(s) == digits && strspn(s, "0123456789abcdef") == digits;
}

int sv_parse_uuid(const char *text, uint8_t uuid[16], const char *check, struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;
        char plain[33];
        size_t n = 0;
        bool ok = strlen(text) == 36;

        for (size_t i = 0; ok && i < 36; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash != (text[i] == '-'))
                        ok = false;
                else if (!dash)
                        plain[n++] = text[i];
        }
        if (!ok || sv_unhex(sv_bytes(plain, n), &raw, check, NULL) < 0)
                return sv_fail(err, SV_USAGE, check,
                               "a UUID was expected (8-4-4-4-12 hex digits), found \"%s\"", text);
        memcpy(uuid, raw.p, 16);
        return 0;
}

static unsigned count_edits(const char *a, const char *b)
{
        unsigned row[32], n = (unsigned)strlen(b);

        if (n >= 32 || strlen(a) >= 32)
                return SV_NEAR_EDITS;
        for (unsigned j = 0; j <= n; j++)
                row[j] = j;
        for (unsigned i = 1; a[i - 1]; i++) {
                unsigned corner = row[0];

                row[0] = i;
                for (unsigned j = 1; j <= n; j++) {
                        unsigned best = corner + (tolower((unsigned char)a[i - 1]) != b[j - 1]);

                        if (row[j] + 1 < best)
                                best = row[j] + 1;
                        if (row[j - 1] + 1 < best)
                                best = row[j - 1] + 1;
                        corner = row[j];
                        row[j] = best;
                }
        }
        return row[n];
}

void sv_keep_nearer(const char *word, const char *known, const char **nearest, unsigned *best)
{
        unsigned edits = count_edits(word, known);

        if (edits >= *best || 2 * edits > strlen(word) + 1)
                return;
        *best = edits;
        *nearest = known;
}
