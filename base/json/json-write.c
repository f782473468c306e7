/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/core/encoding.h"
#include "base/json/json-c.h"

/* What could not be made in this thread since sv_json_ok was last asked. */
static _Thread_local bool lost;

int sv_json_ok(struct sv_err *err)
{
        if (!lost)
                return 0;
        lost = false;
        return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a JSON value");
}

static struct sv_json *need_json_object(json_object *o)
{
        lost |= !o;
        return wrap(o);
}

struct sv_json *sv_json_object(void)
{
        return need_json_object(json_object_new_object());
}

struct sv_json *sv_json_array(void)
{
        return need_json_object(json_object_new_array());
}

struct sv_json *sv_json_new_str(const char *s)
{
        return need_json_object(json_object_new_string(s));
}

struct sv_json *sv_json_new_int(int64_t v)
{
        return need_json_object(json_object_new_int64(v));
}

struct sv_json *sv_json_new_bool(bool v)
{
        return need_json_object(json_object_new_boolean(v));
}

/* The value goes down with a container that takes nothing. */
static struct sv_json *take_json_object(struct sv_json *value)
{
        lost = true;
        sv_json_free(value);
        return NULL;
}

struct sv_json *sv_json_set(struct sv_json *o, const char *member, struct sv_json *value)
{
        return o && json_object_object_add(obj(o), member, obj(value)) == 0
                       ? value
                       : take_json_object(value);
}

struct sv_json *sv_json_add(struct sv_json *array, struct sv_json *value)
{
        return array && json_object_array_add(obj(array), obj(value)) == 0
                       ? value
                       : take_json_object(value);
}

void sv_json_add_all(struct sv_json *array, const struct sv_json *from)
{
        for (size_t i = 0; i < sv_json_len(from); i++)
                sv_json_add(array, sv_json_ref(sv_json_at(from, i)));
}

static int set_member(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        sv_json_set(arg, name, sv_json_ref(value));
        return 0;
}

void sv_json_set_all(struct sv_json *obj, const struct sv_json *from)
{
        if (sv_json_type(from) == SV_JSON_OBJECT)
                sv_json_each(from, set_member, obj, NULL);
}

void sv_json_set_str(struct sv_json *o, const char *member, const char *s)
{
        sv_json_set(o, member, s ? sv_json_new_str(s) : NULL);
}

void sv_json_set_int(struct sv_json *o, const char *member, int64_t v)
{
        sv_json_set(o, member, sv_json_new_int(v));
}

void sv_json_set_bool(struct sv_json *o, const char *member, bool v)
{
        sv_json_set(o, member, sv_json_new_bool(v));
}

static void set_encoded_member(struct sv_json *o, const char *member, struct sv_bytes b,
                               void (*encode)(struct sv_buf *, struct sv_bytes))
{
        SV_BUF text = SV_BUF_NULL;

        encode(&text, b);
        sv_json_set_str(o, member, sv_buf_str(&text));
        lost |= text.bad;
}

void sv_json_set_hex(struct sv_json *o, const char *member, struct sv_bytes b)
{
        set_encoded_member(o, member, b, sv_put_hex);
}

void sv_json_set_b64(struct sv_json *o, const char *member, struct sv_bytes b)
{
        set_encoded_member(o, member, b, sv_put_base64);
}

void sv_json_set_b64url(struct sv_json *o, const char *member, struct sv_bytes b)
{
        set_encoded_member(o, member, b, sv_put_base64url);
}

static void print_json_text(const struct sv_json *j, struct sv_buf *out, int flags)
{
        const char *s =
                json_object_to_json_string_ext(obj(j), flags | JSON_C_TO_STRING_NOSLASHESCAPE);

        if (s)
                sv_buf_puts(out, s);
        else
                out->bad = true;
}

void sv_json_print(const struct sv_json *j, struct sv_buf *out)
{
        print_json_text(j, out, JSON_C_TO_STRING_PLAIN);
}

void sv_json_pretty(const struct sv_json *j, struct sv_buf *out)
{
        print_json_text(j, out, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
        sv_buf_u8(out, '\n');
}

/* RFC 8785 section 3.2.2.2: only what must be escaped is, in its shortest form. */
static void put_canonical_str(json_object *o, struct sv_buf *out)
{
        static const char two[] = "\b\t\n\f\r\"\\", names[] = "btnfr\"\\";
        const uint8_t *s = (const uint8_t *)json_object_get_string(o);
        size_t n = (size_t)json_object_get_string_len(o);

        sv_buf_u8(out, '"');
        for (size_t i = 0; i < n; i++) {
                const char *at = s[i] ? strchr(two, s[i]) : NULL;

                if (at)
                        sv_buf_printf(out, "\\%c", names[at - two]);
                else if (s[i] < 0x20)
                        sv_buf_printf(out, "\\u%04x", s[i]);
                else
                        sv_buf_u8(out, s[i]);
        }
        sv_buf_u8(out, '"');
}

/* Member order is that of UTF-16 code units; for names in ASCII (others are refused) it is that of
 * bytes. */
static int compare_member_names(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int put_canonical(json_object *o, struct sv_buf *out, struct sv_err *err);

static int put_canonical_object(json_object *o, struct sv_buf *out, struct sv_err *err)
{
        size_t n = (size_t)json_object_object_length(o), i = 0;
        const char **names = calloc(n + 1, sizeof(*names));
        int r = 0;

        if (!names)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for canonical JSON");
        json_object_object_foreach(o, name, child)
        {
                (void)child;
                names[i++] = name;
        }
        qsort(names, n, sizeof(*names), compare_member_names);
        sv_buf_u8(out, '{');
        for (i = 0; r == 0 && i < n; i++) {
                json_object *key = json_object_new_string(names[i]);

                for (const char *c = names[i]; *c; c++)
                        if ((uint8_t)*c >= 0x80)
                                r = sv_fail(
                                        err, SV_FORMAT, "json.canonical",
                                        "a member name outside ASCII has no place in what we hash");
                sv_buf_puts(out, i ? "," : "");
                put_canonical_str(key, out);
                json_object_put(key);
                sv_buf_u8(out, ':');
                if (r == 0)
                        r = put_canonical(json_object_object_get(o, names[i]), out, err);
        }
        sv_buf_u8(out, '}');
        free(names);
        return r;
}

static int put_canonical(json_object *o, struct sv_buf *out, struct sv_err *err)
{
        switch (json_object_get_type(o)) {
        case json_type_object:
                return put_canonical_object(o, out, err);
        case json_type_array:
                sv_buf_u8(out, '[');
                for (size_t i = 0; i < json_object_array_length(o); i++) {
                        sv_buf_puts(out, i ? "," : "");
                        if (put_canonical(json_object_array_get_idx(o, i), out, err) < 0)
                                return -1;
                }
                sv_buf_u8(out, ']');
                return 0;
        case json_type_string:
                put_canonical_str(o, out);
                return 0;
        case json_type_double:
                return sv_fail(err, SV_FORMAT, "json.canonical",
                               "a number with a fraction has no place in what we hash");
        default:
                print_json_text(wrap(o), out, JSON_C_TO_STRING_PLAIN);
                return 0;
        }
}

int sv_json_canonical(const struct sv_json *j, struct sv_buf *out, struct sv_err *err)
{
        if (put_canonical(obj(j), out, err) < 0)
                return -1;
        return sv_buf_ok(out, "canonical JSON", err);
}
