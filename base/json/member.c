/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json/member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/core/visible.h"

int sv_member_fail(const struct sv_member_reader *r, const char *pointer, const char *check,
                   struct sv_err *err, const char *fmt, ...)
{
        char where[512], text[768];
        unsigned line;
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        snprintf(where, sizeof(where), "%s", pointer);
        while (!(line = sv_json_line(r->text, where)) && *where)
                *strrchr(where, '/') = 0;
        return sv_fail(err, SV_USAGE, check, "%s:%u: %s: %s", r->file, line ? line : 1,
                       *pointer ? pointer : "/", text);
}

/* "found …" for messages: short, printable. */
static void describe_json(const struct sv_json *j, char *out, size_t n)
{
        const char *s = sv_json_str(j);
        char clean[64];

        switch (sv_json_type(j)) {
        case SV_JSON_STRING:
                snprintf(clean, sizeof(clean), "%s", s ? s : "");
                sv_make_visible(clean, strlen(clean), false);
                snprintf(out, n, s ? "\"%s\"" : "a text with a zero byte", clean);
                break;
        case SV_JSON_INT:
                snprintf(out, n, "%lld", (long long)sv_json_int(j, 0));
                break;
        case SV_JSON_BOOL:
                snprintf(out, n, "%s", sv_json_bool(j, false) ? "true" : "false");
                break;
        default:
                snprintf(out, n, "%s", sv_json_type_name(sv_json_type(j)));
        }
}

struct place {
        const struct sv_member_reader *r;
        const struct sv_member *rows;
        const char *pointer;
        const char *check;
        void *base;
};

static int fail_found(const struct place *p, const char *pointer, const struct sv_member *row,
                      const char *expected, const struct sv_json *j, const char *advice,
                      struct sv_err *err)
{
        char found[96], check[64];

        describe_json(j, found, sizeof(found));
        snprintf(check, sizeof(check), "%s.%s", p->check, row->name);
        return sv_member_fail(p->r, pointer, check, err, "expected %s, found %s; correct it%s",
                              expected, found, advice);
}

/* What has no default is not to be removed, and what the file itself needs has no parent. */
static int fail_member_value(const struct place *p, const char *pointer,
                             const struct sv_member *row, const struct sv_json *j,
                             struct sv_err *err)
{
        char advice[96] = "";

        if (!row->no_default && (!row->need || *p->pointer))
                snprintf(advice, sizeof(advice), " or remove \"%s\"%s", row->name,
                         row->need ? " with its parent" : " for the default");
        return fail_found(p, pointer, row, row->expected, j, advice, err);
}

static int fail_unknown_member(const struct place *p, const char *name, const char *pointer,
                               struct sv_err *err)
{
        const char *nearest = NULL;
        unsigned best = SV_NEAR_EDITS;
        char check[64], list[256] = "";

        for (const struct sv_member *row = p->rows; row->name; row++) {
                size_t n = strlen(list);

                sv_keep_nearer(name, row->name, &nearest, &best);
                snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", row->name);
        }
        snprintf(check, sizeof(check), "%s.unknown", p->check);
        if (nearest)
                return sv_member_fail(p->r, pointer, check, err,
                                      "no member has this name; did you mean \"%s\"?", nearest);
        return sv_member_fail(p->r, pointer, check, err,
                              "no member has this name; expected one of %s", list);
}

/* --- values --- */

static char *make_absolute_path(const struct place *p, const char *path)
{
        return *path == '/' ? sv_asprintf("%s", path) : sv_asprintf("%s/%s", p->r->dir, path);
}

static bool is_plain_path(const char *s)
{
        return s && *s && sv_m_line(s) && strlen(s) <= SV_PATH_MAX;
}

static int read_member_set(const struct place *p, const struct sv_member *row,
                           const struct sv_json *j, const char *pointer, struct sv_err *err)
{
        unsigned *out = (unsigned *)((char *)p->base + row->at), set = 0;

        if (sv_json_type(j) != SV_JSON_ARRAY)
                return fail_member_value(p, pointer, row, j, err);
        for (size_t i = 0; i < sv_json_len(j); i++) {
                const char *name = sv_json_str(sv_json_at(j, i));
                unsigned n = 0;

                while (row->names[n] && (!name || strcmp(name, row->names[n]) != 0))
                        n++;
                if (!row->names[n] || set & 1u << n) {
                        SV_STR at = sv_asprintf("%s/%zu", pointer, i);

                        return fail_member_value(p, at, row, sv_json_at(j, i), err);
                }
                set |= 1u << n;
        }
        *out = set;
        return 0;
}

static bool is_listed_text(const struct sv_member *row, const char *s)
{
        return row->kind == SV_M_PATHS ? is_plain_path(s) : s && row->ok(s);
}

static char *copy_listed_text(const struct place *p, const struct sv_member *row, const char *s)
{
        return row->kind == SV_M_PATHS ? make_absolute_path(p, s) : sv_asprintf("%s", s);
}

static int read_text_list(const struct place *p, const struct sv_member *row,
                          const struct sv_json *j, const char *pointer, struct sv_err *err)
{
        char ***list = (char ***)((char *)p->base + row->at);
        size_t *count = (size_t *)((char *)p->base + row->count);
        bool one = row->kind == SV_M_TEXTS && sv_json_str(j);
        size_t n = one ? 1 : sv_json_len(j);

        if ((!one && sv_json_type(j) != SV_JSON_ARRAY) ||
            n > (row->kind == SV_M_TEXTS ? row->max : SV_PATHS_MAX))
                return fail_member_value(p, pointer, row, j, err);
        *list = calloc(n + 1, sizeof(**list));
        if (!*list)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        for (size_t i = 0; i < n; i++) {
                SV_STR at = one ? sv_asprintf("%s", pointer) : sv_asprintf("%s/%zu", pointer, i);
                const struct sv_json *text = one ? j : sv_json_at(j, i);
                const char *s = sv_json_str(text);

                if (!is_listed_text(row, s))
                        return fail_member_value(p, at, row, text, err);
                (*list)[(*count)++] = copy_listed_text(p, row, s);
        }
        return 0;
}

static int read_object_list(const struct place *p, const struct sv_member *row,
                            const struct sv_json *j, const char *pointer, struct sv_err *err)
{
        void **list = (void **)((char *)p->base + row->at);
        size_t *count = (size_t *)((char *)p->base + row->count);
        size_t n = sv_json_len(j);
        char check[64];

        if (sv_json_type(j) != SV_JSON_ARRAY || n > row->max)
                return fail_member_value(p, pointer, row, j, err);
        snprintf(check, sizeof(check), "%s.%s", p->check, row->name);
        *list = calloc(n + 1, row->size);
        if (!*list)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        for (size_t i = 0; i < n; i++) {
                SV_STR at = sv_asprintf("%s/%zu", pointer, i);

                (*count)++;
                if (sv_json_type(sv_json_at(j, i)) != SV_JSON_OBJECT)
                        return fail_found(p, at, row, row->element, sv_json_at(j, i), "", err);
                if (sv_member_read(p->r, sv_json_at(j, i), at, check, row->part,
                                   (char *)*list + i * row->size, err) < 0)
                        return -1;
        }
        return 0;
}

static int read_member_size(const struct place *p, const struct sv_member *row,
                            const struct sv_json *j, const char *pointer, struct sv_err *err)
{
        uint64_t v = 0;

        if (sv_json_type(j) == SV_JSON_INT && sv_json_int(j, 0) > 0)
                v = (uint64_t)sv_json_int(j, 0);
        else if (!sv_json_str(j) || sv_parse_size(sv_json_str(j), &v, "guest.size", NULL) < 0)
                return fail_member_value(p, pointer, row, j, err);
        if (v < row->min || v > row->max || v % (1u << 20))
                return fail_member_value(p, pointer, row, j, err);
        *(uint64_t *)((char *)p->base + row->at) = v;
        return 0;
}

/* Bit masks are written in hexadecimal, which JSON has only as text. */
static int read_member_u64(const struct place *p, const struct sv_member *row,
                           const struct sv_json *j, const char *pointer, struct sv_err *err)
{
        uint64_t v = 0;
        bool ok = true;

        if (sv_json_type(j) == SV_JSON_INT && sv_json_int(j, -1) >= 0)
                v = (uint64_t)sv_json_int(j, 0);
        else
                ok = sv_json_str(j) &&
                     sv_parse_u64(sv_json_str(j), UINT64_MAX, &v, "guest.number", NULL) == 0;
        if (!ok || v < row->min || v > row->max)
                return fail_member_value(p, pointer, row, j, err);
        *(uint64_t *)((char *)p->base + row->at) = v;
        return 0;
}

static int read_member_text(const struct place *p, const struct sv_member *row,
                            const struct sv_json *j, const char *pointer, struct sv_err *err)
{
        char **out = (char **)((char *)p->base + row->at);
        const char *s = sv_json_str(j);

        if (row->kind == SV_M_PATH ? !is_plain_path(s) : !s || (row->ok && !row->ok(s)))
                return fail_member_value(p, pointer, row, j, err);
        *out = row->kind == SV_M_PATH ? make_absolute_path(p, s) : sv_asprintf("%s", s);
        return 0;
}

static int read_member_value(const struct place *p, const struct sv_member *row, struct sv_json *j,
                             const char *pointer, struct sv_err *err)
{
        char *out = (char *)p->base + row->at;
        char check[64];
        int64_t v;

        switch (row->kind) {
        case SV_M_IGNORE:
                return sv_json_str(j) ? 0 : fail_member_value(p, pointer, row, j, err);
        case SV_M_TEXT:
        case SV_M_PATH:
                return read_member_text(p, row, j, pointer, err);
        case SV_M_SET:
                return read_member_set(p, row, j, pointer, err);
        case SV_M_PATHS:
        case SV_M_TEXTS:
                return read_text_list(p, row, j, pointer, err);
        case SV_M_LIST:
                return read_object_list(p, row, j, pointer, err);
        case SV_M_U64:
                return read_member_u64(p, row, j, pointer, err);
        case SV_M_SIZE:
                return read_member_size(p, row, j, pointer, err);
        case SV_M_BOOL:
                if (sv_json_type(j) != SV_JSON_BOOL)
                        return fail_member_value(p, pointer, row, j, err);
                *(bool *)out = sv_json_bool(j, false);
                return 0;
        case SV_M_UNSIGNED:
                v = sv_json_int(j, -1);
                if (sv_json_type(j) != SV_JSON_INT || v < (int64_t)row->min ||
                    v > (int64_t)row->max)
                        return fail_member_value(p, pointer, row, j, err);
                *(unsigned *)out = (unsigned)v;
                return 0;
        case SV_M_UUID:
                if (!sv_json_str(j) ||
                    sv_parse_uuid(sv_json_str(j), (uint8_t *)out, "guest.uuid", NULL) < 0)
                        return fail_member_value(p, pointer, row, j, err);
                return 0;
        case SV_M_PART:
                if (sv_json_type(j) != SV_JSON_OBJECT)
                        return fail_member_value(p, pointer, row, j, err);
                snprintf(check, sizeof(check), "%s.%s", p->check, row->name);
                return sv_member_read(p->r, j, pointer, check, row->part, p->base, err);
        case SV_M_ANY_OBJECT:
                if (sv_json_type(j) != SV_JSON_OBJECT)
                        return fail_member_value(p, pointer, row, j, err);
                *(struct sv_json **)out = sv_json_ref(j);
                return 0;
        }
        return 0;
}

static char *make_child_pointer(const char *pointer, const char *name)
{
        SV_BUF text = SV_BUF_NULL;

        sv_buf_puts(&text, pointer);
        sv_buf_puts(&text, "/");
        for (size_t n = 0; *name && n < 64; name++, n++) { /* RFC 6901 section 3 */
                if (*name == '~' || *name == '/')
                        sv_buf_puts(&text, *name == '~' ? "~0" : "~1");
                else
                        sv_buf_u8(&text, (uint8_t)*name);
        }
        return sv_asprintf("%s", sv_buf_str(&text));
}

static int read_one_member(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        const struct place *p = arg;
        SV_STR pointer = make_child_pointer(p->pointer, name);

        for (const struct sv_member *row = p->rows; row->name; row++)
                if (!strcmp(row->name, name))
                        return read_member_value(p, row, value, pointer, err);
        return fail_unknown_member(p, name, pointer, err);
}

int sv_member_read(const struct sv_member_reader *r, const struct sv_json *obj, const char *pointer,
                   const char *check, const struct sv_member *rows, void *base, struct sv_err *err)
{
        struct place p = {r, rows, pointer, check, base};

        if (sv_json_each(obj, read_one_member, &p, err) < 0)
                return -1;
        for (; rows->name; rows++) {
                char name[64];

                if (!rows->need || sv_json_get(obj, rows->name))
                        continue;
                snprintf(name, sizeof(name), "%s.%s", check, rows->name);
                return sv_member_fail(r, pointer, name, err, "\"%s\" is missing; add it: %s",
                                      rows->name, rows->expected);
        }
        return 0;
}
