/* SPDX-License-Identifier: Apache-2.0 */
/* Reading. json-c holds the tree; base/jsonscan has checked the text before json-c sees it. Writing
 * is base/json/json-write.c. */
#include "base/json/json.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json/json-c.h"
#include "base/json/jsonscan.h"
#include "base/core/limits.h"
#include "base/core/visible.h"

void sv_json_free(struct sv_json *j)
{
        json_object_put(obj(j));
}

void sv_json_freep(struct sv_json **j)
{
        sv_json_free(*j);
        *j = NULL;
}

struct sv_json *sv_json_ref(struct sv_json *j)
{
        return wrap(json_object_get(obj(j)));
}

/* What the tree holds, as base/jsonscan counts the text. */
static void count_json(json_object *o, struct sv_jsonscan *n)
{
        n->values += o != NULL;
        if (json_object_is_type(o, json_type_object)) {
                json_object_object_foreach(o, name, child)
                {
                        n->members++;
                        n->text_bytes += strlen(name);
                        count_json(child, n);
                }
        } else if (json_object_is_type(o, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        count_json(json_object_array_get_idx(o, i), n);
        } else if (json_object_is_type(o, json_type_string)) {
                n->text_bytes += (size_t)json_object_get_string_len(o);
        }
}

static int fail_json_syntax(struct sv_bytes text, const struct sv_jsonscan *scan, const char *check,
                            struct sv_err *err)
{
        unsigned line, column;

        sv_text_position(text, scan->error_at, &line, &column);
        return sv_fail(err, SV_FORMAT, check, "this is not JSON: line %u, column %u: expected %s",
                       line, column, scan->problem);
}

static int fail_json_twice(struct sv_bytes text, size_t members, const char *check,
                           struct sv_err *err)
{
        struct sv_bytes name = sv_jsonscan_twice(text, members);
        char clean[64];
        unsigned line, column;

        if (!name.p)
                return sv_fail(err, SV_FORMAT, check,
                               "an object has two members with the same name; which one is meant "
                               "cannot be known");
        snprintf(clean, sizeof(clean), "%.*s", (int)name.n, (const char *)name.p);
        sv_make_visible(clean, strlen(clean), false);
        sv_text_position(text, (size_t)(name.p - text.p) - 1, &line, &column);
        return sv_fail(err, SV_FORMAT, check,
                       "line %u, column %u: the object has two members with the same name, \"%s\"; "
                       "which one is meant cannot be known",
                       line, column, clean);
}

/* The tree, or NULL with json-c's word for why. json-c does without what it has no memory for. */
static json_object *parse_tree(struct sv_bytes text, const char **why)
{
        json_tokener *tok = json_tokener_new_ex(SV_JSON_DEPTH_MAX + 1);
        json_object *o;

        *why = "no memory";
        if (!tok)
                return NULL;
        json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        o = json_tokener_parse_ex(tok, (const char *)text.p, (int)text.n);
        /* a bare number ends only at a terminator */
        if (!o && json_tokener_get_error(tok) == json_tokener_continue)
                o = json_tokener_parse_ex(tok, "", 1);
        *why = NULL;
        if (json_tokener_get_error(tok) != json_tokener_success) {
                *why = json_tokener_error_desc(json_tokener_get_error(tok));
                json_object_put(o);
                o = NULL;
        }
        json_tokener_free(tok);
        return o;
}

int sv_json_parse(struct sv_bytes text, const char *check, struct sv_json **out, struct sv_err *err)
{
        struct sv_jsonscan scan, tree;
        const char *why = NULL;
        char name[64];

        snprintf(name, sizeof(name), "%s.json", check);
        if (sv_jsonscan(text, NULL, &scan) < 0)
                return fail_json_syntax(text, &scan, name, err);
        /* json-c keeps the last of several members with one name: then the tree holds fewer than
         * the text. Twice, or it was for want of memory; so may a text be shorter then, or a value
         * not be there at all. */
        for (int i = 0; i < 2; i++) {
                json_object *o = parse_tree(text, &why);

                tree = (struct sv_jsonscan){0};
                count_json(o, &tree);
                if (!why && tree.members == scan.members && tree.values == scan.values &&
                    tree.text_bytes >= scan.text_bytes) {
                        *out = wrap(o);
                        return 0;
                }
                json_object_put(o);
        }
        if (why)
                return sv_fail(err, SV_FORMAT, name, "this is not JSON: %s", why);
        if (tree.members == scan.members)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory");
        return fail_json_twice(text, scan.members, name, err);
}

unsigned sv_json_line(struct sv_bytes text, const char *pointer)
{
        struct sv_jsonscan scan;
        unsigned line, column;

        sv_jsonscan(text, pointer, &scan);
        if (scan.found == SIZE_MAX)
                return 0;
        sv_text_position(text, scan.found, &line, &column);
        return line;
}

struct sv_bytes sv_json_raw(struct sv_bytes text, const char *pointer)
{
        struct sv_jsonscan scan;

        if (sv_jsonscan(text, pointer, &scan) < 0 || scan.found == SIZE_MAX)
                return SV_BYTES_NULL;
        return sv_bytes(text.p + scan.found, scan.found_end - scan.found);
}

enum sv_json_type sv_json_type(const struct sv_json *j)
{
        switch (json_object_get_type(obj(j))) {
        case json_type_boolean:
                return SV_JSON_BOOL;
        case json_type_int:
                return SV_JSON_INT;
        case json_type_double:
                return SV_JSON_DOUBLE;
        case json_type_string:
                return SV_JSON_STRING;
        case json_type_array:
                return SV_JSON_ARRAY;
        case json_type_object:
                return SV_JSON_OBJECT;
        case json_type_null:
                break;
        }
        return SV_JSON_NULL;
}

const char *sv_json_type_name(enum sv_json_type type)
{
        static const char *const names[] = {
                [SV_JSON_NULL] = "null",          [SV_JSON_BOOL] = "true or false",
                [SV_JSON_INT] = "a whole number", [SV_JSON_DOUBLE] = "a number",
                [SV_JSON_STRING] = "a string",    [SV_JSON_ARRAY] = "an array",
                [SV_JSON_OBJECT] = "an object",
        };

        return names[type];
}

struct sv_json *sv_json_get(const struct sv_json *o, const char *member)
{
        json_object *found = NULL;

        if (sv_json_type(o) != SV_JSON_OBJECT || !json_object_object_get_ex(obj(o), member, &found))
                return NULL;
        return wrap(found);
}

struct sv_json *sv_json_at(const struct sv_json *array, size_t i)
{
        if (sv_json_type(array) != SV_JSON_ARRAY || i >= json_object_array_length(obj(array)))
                return NULL;
        return wrap(json_object_array_get_idx(obj(array), i));
}

size_t sv_json_len(const struct sv_json *j)
{
        if (sv_json_type(j) == SV_JSON_ARRAY)
                return json_object_array_length(obj(j));
        return sv_json_type(j) == SV_JSON_OBJECT ? (size_t)json_object_object_length(obj(j)) : 0;
}

const char *sv_json_str(const struct sv_json *j)
{
        const char *s;

        if (sv_json_type(j) != SV_JSON_STRING)
                return NULL;
        s = json_object_get_string(obj(j));
        return strlen(s) == (size_t)json_object_get_string_len(obj(j)) ? s : NULL;
}

int64_t sv_json_int(const struct sv_json *j, int64_t otherwise)
{
        return sv_json_type(j) == SV_JSON_INT ? json_object_get_int64(obj(j)) : otherwise;
}

const char *sv_json_text(const struct sv_json *o, const char *member, const char *otherwise)
{
        const char *s = sv_json_str(sv_json_get(o, member));

        return s ? s : otherwise;
}

bool sv_json_bool(const struct sv_json *j, bool otherwise)
{
        return sv_json_type(j) == SV_JSON_BOOL ? json_object_get_boolean(obj(j)) : otherwise;
}

struct sv_json *sv_json_pointer(const struct sv_json *j, const char *pointer)
{
        json_object *found = NULL;

        if (!*pointer)
                return (struct sv_json *)j;
        if (json_pointer_get(obj(j), pointer, &found) < 0)
                return NULL;
        return wrap(found);
}

int sv_json_each(const struct sv_json *o,
                 int (*fn)(void *arg, const char *name, struct sv_json *value, struct sv_err *err),
                 void *arg, struct sv_err *err)
{
        if (sv_json_type(o) != SV_JSON_OBJECT)
                return 0;
        json_object_object_foreach(obj(o), name, child)
        {
                if (fn(arg, name, wrap(child), err) < 0)
                        return -1;
        }
        return 0;
}

bool sv_json_equal(const struct sv_json *a, const struct sv_json *b)
{
        return json_object_equal(obj(a), obj(b));
}

bool sv_json_contains(const struct sv_json *array, const struct sv_json *value)
{
        for (size_t i = 0; i < sv_json_len(array); i++)
                if (sv_json_equal(sv_json_at(array, i), value))
                        return true;
        return false;
}
