/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups that must succeed: every failure names the member, what was expected and what was found.
 */
#include "base/core/encoding.h"
#include "base/json/json.h"

#include <stdio.h>

static int fail_json_member(const struct sv_json *o, const char *member, const char *expected,
                            const char *check, struct sv_err *err)
{
        const struct sv_json *found = sv_json_get(o, member);
        char name[64];

        snprintf(name, sizeof(name), "%s.member", check);
        return sv_fail(err, SV_FORMAT, name, "member \"%s\": expected %s, found %s", member,
                       expected, found ? sv_json_type_name(sv_json_type(found)) : "nothing");
}

int sv_json_need_str(const struct sv_json *o, const char *member, const char **out,
                     const char *check, struct sv_err *err)
{
        const char *s = sv_json_str(sv_json_get(o, member));

        if (!s)
                return fail_json_member(o, member, "a string (without NUL)", check, err);
        *out = s;
        return 0;
}

int sv_json_need_obj(const struct sv_json *o, const char *member, struct sv_json **out,
                     const char *check, struct sv_err *err)
{
        struct sv_json *v = sv_json_get(o, member);

        if (sv_json_type(v) != SV_JSON_OBJECT)
                return fail_json_member(o, member, "an object", check, err);
        *out = v;
        return 0;
}

int sv_json_need_array(const struct sv_json *o, const char *member, struct sv_json **out,
                       const char *check, struct sv_err *err)
{
        struct sv_json *v = sv_json_get(o, member);

        if (sv_json_type(v) != SV_JSON_ARRAY)
                return fail_json_member(o, member, "an array", check, err);
        *out = v;
        return 0;
}

int sv_json_need_int(const struct sv_json *o, const char *member, int64_t min, int64_t max,
                     int64_t *out, const char *check, struct sv_err *err)
{
        const struct sv_json *v = sv_json_get(o, member);
        char expected[80];

        snprintf(expected, sizeof(expected), "a whole number from %lld to %lld", (long long)min,
                 (long long)max);
        if (sv_json_type(v) != SV_JSON_INT)
                return fail_json_member(o, member, expected, check, err);
        if (sv_json_int(v, 0) < min || sv_json_int(v, 0) > max) {
                char name[64];

                snprintf(name, sizeof(name), "%s.member", check);
                return sv_fail(err, SV_FORMAT, name, "member \"%s\": expected %s, found %lld",
                               member, expected, (long long)sv_json_int(v, 0));
        }
        *out = sv_json_int(v, 0);
        return 0;
}

static int decode_member(const struct sv_json *o, const char *member, struct sv_buf *out,
                         const char *check, struct sv_err *err,
                         int (*decode)(struct sv_bytes, struct sv_buf *, const char *,
                                       struct sv_err *))
{
        const char *s = NULL;
        char name[64];

        if (sv_json_need_str(o, member, &s, check, err) < 0)
                return -1;
        snprintf(name, sizeof(name), "%s.member", check);
        if (decode(sv_bytes_str(s), out, name, err) < 0)
                return sv_wrap(err, "member \"%s\"", member);
        return 0;
}

int sv_json_need_b64(const struct sv_json *o, const char *member, struct sv_buf *out,
                     const char *check, struct sv_err *err)
{
        return decode_member(o, member, out, check, err, sv_unbase64);
}

int sv_json_need_b64url(const struct sv_json *o, const char *member, struct sv_buf *out,
                        const char *check, struct sv_err *err)
{
        return decode_member(o, member, out, check, err, sv_unbase64url);
}

int sv_json_need_hex(const struct sv_json *o, const char *member, struct sv_buf *out,
                     const char *check, struct sv_err *err)
{
        return decode_member(o, member, out, check, err, sv_unhex);
}

struct only {
        const char *const *names;
        const char *check;
};

static int check_member_known(void *arg, const char *name, struct sv_json *value,
                              struct sv_err *err)
{
        const struct only *o = arg;
        char check[64];

        for (size_t i = 0; o->names[i]; i++)
                if (!strcmp(o->names[i], name))
                        return 0;
        snprintf(check, sizeof(check), "%s.unknown", o->check);
        return sv_fail(err, SV_FORMAT, check, "member \"%.64s\" is not known here", name);
}

int sv_json_only(const struct sv_json *o, const char *const *names, const char *check,
                 struct sv_err *err)
{
        struct only arg = {names, check};

        return sv_json_each(o, check_member_known, &arg, err);
}
