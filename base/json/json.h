/* SPDX-License-Identifier: Apache-2.0 */
/* JSON, read strictly: RFC 8259 to the letter, UTF-8 checked, duplicate member names refused,
 * depth, size and number of members bounded (base/core/limits.h), nothing after the value. The only
 * file pair that sees json-c (and base/jsonscan the only other that reads JSON text). Numbers are
 * 64-bit integers or doubles. Values are reference counted; "borrowed" pointers live as long as
 * their parent. */
#pragma once

#include "base/core/buf.h"

struct sv_json; /* a json-c object, opaque */

/* --- reading --- */

/* The caller frees *out. Class SV_FORMAT; check is "<check>.json" for syntax, and the message names
 * line and column. */
int sv_json_parse(struct sv_bytes text, const char *check, struct sv_json **out,
                  struct sv_err *err);
void sv_json_free(struct sv_json *j);
void sv_json_freep(struct sv_json **j);
#define SV_JSON __attribute__((cleanup(sv_json_freep))) struct sv_json
struct sv_json *sv_json_ref(struct sv_json *j);

enum sv_json_type {
        SV_JSON_NULL,
        SV_JSON_BOOL,
        SV_JSON_INT,
        SV_JSON_DOUBLE,
        SV_JSON_STRING,
        SV_JSON_ARRAY,
        SV_JSON_OBJECT
};
enum sv_json_type sv_json_type(const struct sv_json *j); /* NULL pointer is SV_JSON_NULL */
const char *sv_json_type_name(enum sv_json_type type);   /* "a string", "an object", ... */

/* Plain look-ups: borrowed, NULL when absent or not of that type. */
struct sv_json *sv_json_get(const struct sv_json *obj, const char *member);
struct sv_json *sv_json_at(const struct sv_json *array, size_t i);
size_t sv_json_len(const struct sv_json *array_or_object);
/* NULL when not a string or when it holds a NUL byte */
const char *sv_json_str(const struct sv_json *j);
int64_t sv_json_int(const struct sv_json *j, int64_t otherwise);
/* The text of an object's member; `otherwise` when it has none. */
const char *sv_json_text(const struct sv_json *o, const char *member, const char *otherwise);
bool sv_json_bool(const struct sv_json *j, bool otherwise);
/* By RFC 6901 pointer ("/pcrs/sha256/0"); NULL when absent. "" is the whole. */
struct sv_json *sv_json_pointer(const struct sv_json *j, const char *pointer);
/* In the order of the text. fn returns 0 to go on. */
int sv_json_each(const struct sv_json *obj,
                 int (*fn)(void *arg, const char *name, struct sv_json *value, struct sv_err *err),
                 void *arg, struct sv_err *err);
bool sv_json_equal(const struct sv_json *a, const struct sv_json *b);
/* Is one of the array's values equal to this one? */
bool sv_json_contains(const struct sv_json *array, const struct sv_json *value);

/* Checked look-ups for messages: SV_FORMAT "<check>.member" naming the member, what was expected
 * and what was found. */
int sv_json_need_str(const struct sv_json *obj, const char *member, const char **out,
                     const char *check, struct sv_err *err);
int sv_json_need_obj(const struct sv_json *obj, const char *member, struct sv_json **out,
                     const char *check, struct sv_err *err);
int sv_json_need_array(const struct sv_json *obj, const char *member, struct sv_json **out,
                       const char *check, struct sv_err *err);
int sv_json_need_int(const struct sv_json *obj, const char *member, int64_t min, int64_t max,
                     int64_t *out, const char *check, struct sv_err *err);
/* The member's base64 text, decoded, appended to out. */
int sv_json_need_b64(const struct sv_json *obj, const char *member, struct sv_buf *out,
                     const char *check, struct sv_err *err);
int sv_json_need_b64url(const struct sv_json *obj, const char *member, struct sv_buf *out,
                        const char *check, struct sv_err *err);
int sv_json_need_hex(const struct sv_json *obj, const char *member, struct sv_buf *out,
                     const char *check, struct sv_err *err);
/* Every member's name must be in the NULL-terminated list: SV_FORMAT "<check>.unknown" otherwise.
 */
int sv_json_only(const struct sv_json *obj, const char *const *names, const char *check,
                 struct sv_err *err);

/* Line (from 1) at which the value at `pointer` begins in `text`; 0 when it is not there. For
 * messages about files that are written by hand. */
unsigned sv_json_line(struct sv_bytes text, const char *pointer);

/* The raw bytes of the value at `pointer` as they stand in `text`; empty when it is not there. */
struct sv_bytes sv_json_raw(struct sv_bytes text, const char *pointer);

/* --- writing --- */
/* set/add take ownership of `value` and return it (borrowed). When memory runs out, the value is
 * NULL and is missing from its parent: call sv_json_ok before handing JSON on. */
struct sv_json *sv_json_object(void);
struct sv_json *sv_json_array(void);
struct sv_json *sv_json_new_str(const char *s);
struct sv_json *sv_json_new_int(int64_t v);
struct sv_json *sv_json_new_bool(bool v);
struct sv_json *sv_json_set(struct sv_json *obj, const char *member, struct sv_json *value);
struct sv_json *sv_json_add(struct sv_json *array, struct sv_json *value);
/* Each of `from`, by reference. */
void sv_json_add_all(struct sv_json *array, const struct sv_json *from);
/* Each member of `from` (none unless it is an object), by reference. */
void sv_json_set_all(struct sv_json *obj, const struct sv_json *from);
void sv_json_set_str(struct sv_json *obj, const char *member, const char *s); /* NULL s sets null */
void sv_json_set_int(struct sv_json *obj, const char *member, int64_t v);
void sv_json_set_bool(struct sv_json *obj, const char *member, bool v);
void sv_json_set_hex(struct sv_json *obj, const char *member, struct sv_bytes b);
void sv_json_set_b64(struct sv_json *obj, const char *member, struct sv_bytes b);
void sv_json_set_b64url(struct sv_json *obj, const char *member, struct sv_bytes b);

/* One line, members in order of insertion, "/" not escaped. */
void sv_json_print(const struct sv_json *j, struct sv_buf *out);
/* Indented, for files that are read by humans. */
void sv_json_pretty(const struct sv_json *j, struct sv_buf *out);
/* RFC 8785 (JCS) canonical form; members sorted. Doubles are refused: SV_FORMAT "json.canonical".
 */
int sv_json_canonical(const struct sv_json *j, struct sv_buf *out, struct sv_err *err);
/* 0, or SV_SYSTEM "base.memory": this thread could not make a value since it was last asked. */
int sv_json_ok(struct sv_err *err);
