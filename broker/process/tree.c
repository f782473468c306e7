/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a message. A value of JSON is a u8 type (enum sv_json_type) and
 *      bool     u8 0 or 1
 *      integer  u64le, two's complement
 *      string   u32le size, bytes
 *      array    u32le number, values
 *      object   u32le number, each a string and a value
 */
#include "base/core/limits.h"
#include "broker/process/channel.h"

bool sv_rd_text(struct sv_rd *r, char *out, size_t size)
{
        struct sv_bytes b = sv_rd_part(r);

        if (r->bad || b.n >= size || (b.n && memchr(b.p, 0, b.n)))
                return false;
        if (b.n)
                memcpy(out, b.p, b.n);
        out[b.n] = '\0';
        return true;
}

static int fail_tree(struct sv_err *err)
{
        return sv_fail(err, SV_FORMAT, "broker.process",
                       "claims hold texts, integers, truth values, arrays and objects, nothing "
                       "else was expected");
}

/* --- writing --- */

static int put_tree_member(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        sv_put_part(arg, sv_bytes_str(name));
        return sv_put_tree(arg, value, err);
}

int sv_put_tree(struct sv_buf *out, const struct sv_json *j, struct sv_err *err)
{
        enum sv_json_type type = sv_json_type(j);
        const char *text;

        sv_buf_u8(out, (uint8_t)type);
        switch (type) {
        case SV_JSON_NULL:
                return 0;
        case SV_JSON_BOOL:
                sv_buf_u8(out, sv_json_bool(j, false));
                return 0;
        case SV_JSON_INT:
                sv_buf_u64le(out, (uint64_t)sv_json_int(j, 0));
                return 0;
        case SV_JSON_STRING:
                text = sv_json_str(j);
                if (!text)
                        return fail_tree(err);
                sv_put_part(out, sv_bytes_str(text));
                return 0;
        case SV_JSON_ARRAY:
                sv_buf_u32le(out, (uint32_t)sv_json_len(j));
                for (size_t i = 0; i < sv_json_len(j); i++)
                        if (sv_put_tree(out, sv_json_at(j, i), err) < 0)
                                return -1;
                return 0;
        case SV_JSON_OBJECT:
                sv_buf_u32le(out, (uint32_t)sv_json_len(j));
                return sv_json_each(j, put_tree_member, out, err);
        default:
                return fail_tree(err);
        }
}

/* --- reading --- */

struct reading {
        struct sv_rd *r;
        size_t left;  /* values that may still come */
        unsigned max; /* how deep it may go on */
};

static struct sv_json *read_value(struct reading *t, bool *ok);

/* A text is copied for its terminator: what follows it in the frame is something else. */
static struct sv_json *read_tree_text(struct reading *t, bool *ok)
{
        struct sv_bytes b = sv_rd_part(t->r);
        SV_BUF copy = SV_BUF_NULL;

        *ok = !t->r->bad && !(b.n && memchr(b.p, 0, b.n));
        if (!*ok)
                return NULL;
        sv_buf_put(&copy, b);
        return sv_json_new_str(sv_buf_str(&copy));
}

static struct sv_json *read_array(struct reading *t, bool *ok)
{
        struct sv_json *list = sv_json_array();
        uint32_t n = sv_rd_u32le(t->r);

        for (uint32_t i = 0; *ok && i < n; i++)
                sv_json_add(list, read_value(t, ok));
        return list;
}

static struct sv_json *read_object(struct reading *t, bool *ok)
{
        struct sv_json *object = sv_json_object();
        uint32_t n = sv_rd_u32le(t->r);
        char name[256];

        for (uint32_t i = 0; *ok && i < n; i++) {
                *ok = sv_rd_text(t->r, name, sizeof(name));
                if (*ok)
                        sv_json_set(object, name, read_value(t, ok));
                *ok = *ok && sv_json_len(object) == i + 1; /* no name twice */
        }
        return object;
}

static struct sv_json *read_value(struct reading *t, bool *ok)
{
        struct reading below = {t->r, 0, t->max - 1};
        uint8_t type = sv_rd_u8(t->r), b;
        struct sv_json *j = NULL;

        *ok = !t->r->bad && t->left && t->max;
        if (!*ok)
                return NULL;
        below.left = --t->left;
        switch (type) {
        case SV_JSON_NULL:
                return NULL;
        case SV_JSON_BOOL:
                b = sv_rd_u8(t->r);
                *ok = b <= 1;
                return sv_json_new_bool(b);
        case SV_JSON_INT:
                return sv_json_new_int((int64_t)sv_rd_u64le(t->r));
        case SV_JSON_STRING:
                return read_tree_text(t, ok);
        case SV_JSON_ARRAY:
        case SV_JSON_OBJECT:
                j = type == SV_JSON_ARRAY ? read_array(&below, ok) : read_object(&below, ok);
                t->left = below.left;
                return j;
        default:
                *ok = false;
                return NULL;
        }
}

int sv_rd_tree(struct sv_rd *r, struct sv_json **out, struct sv_err *err)
{
        struct reading t = {r, SV_JSON_MEMBERS_MAX, SV_JSON_DEPTH_MAX};
        bool ok = true;
        SV_JSON *j = read_value(&t, &ok);

        if (!ok || r->bad)
                return fail_tree(err);
        if (sv_json_ok(err) < 0)
                return -1;
        *out = sv_json_ref(j);
        return 0;
}
