/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/varstore.h"

#include "ovmf/fv.h"

#define STORE_HEADER     28
#define START_ID         0x55aa
#define FORMATTED        0x5a
#define HEALTHY          0xfe
#define STATE_ADDED      0x3f /* bits are cleared as a variable grows older */
#define STATE_IN_DELETED 0x3e /* its successor is not complete: still the valid one */

/* EFI_SYSTEM_NV_DATA_FV_GUID, EFI_AUTHENTICATED_VARIABLE_GUID */
static const uint8_t nv_format[16] = {0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
                                      0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50};
static const uint8_t authenticated[16] = {0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43,
                                          0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92};

bool sv_varstore_here(struct sv_bytes image)
{
        return sv_fv_here(image) && memcmp(image.p + 16, nv_format, 16) == 0;
}

/* 1: a variable (maybe a deleted one: *valid says), 0: the end. */
static int read_next_variable(struct sv_rd *r, struct sv_variable *out, bool *valid,
                              struct sv_err *err)
{
        struct sv_variable v = {0};
        uint32_t name, data;
        uint8_t state;

        sv_rd_seek(r, (r->pos + 3) & ~(size_t)3);
        if (sv_rd_left(r) < 2 || sv_rd_u16le(r) != START_ID)
                return 0;
        state = sv_rd_u8(r);
        sv_rd_skip(r, 1);
        v.attributes = sv_rd_u32le(r);
        sv_rd_skip(r, 8 + 16 + 4); /* monotonic count, time stamp, index of a key */
        name = sv_rd_u32le(r);
        data = sv_rd_u32le(r);
        sv_rd_copy(r, v.guid, 16);
        v.name = sv_rd_bytes(r, name);
        v.data = sv_rd_bytes(r, data);
        if (sv_rd_ok(r, "ovmf.varstore.variable", "a variable", err) < 0)
                return -1;
        if (name < 2 || name % 2 || v.name.p[name - 1] || v.name.p[name - 2])
                return sv_fail(err, SV_FORMAT, "ovmf.varstore.variable",
                               "a variable's name is not a UTF-16 text with its terminator");
        v.name.n -= 2;
        *valid = state == STATE_ADDED || state == STATE_IN_DELETED;
        *out = v;
        return 1;
}

static bool is_same_variable(const struct sv_variable *a, const struct sv_variable *b)
{
        return memcmp(a->guid, b->guid, 16) == 0 && a->name.n == b->name.n &&
               memcmp(a->name.p, b->name.p, a->name.n) == 0;
}

/* A variable whose successor is complete is replaced by it. */
static int keep_variable(struct sv_varstore *s, const struct sv_variable *v, struct sv_err *err)
{
        for (size_t i = 0; i < s->n; i++)
                if (is_same_variable(&s->list[i], v)) {
                        s->list[i] = *v;
                        return 0;
                }
        if (s->n == SV_VARIABLES_MAX)
                return sv_fail(err, SV_FORMAT, "ovmf.varstore.variable", "more than %d variables",
                               SV_VARIABLES_MAX);
        s->list[s->n++] = *v;
        return 0;
}

int sv_varstore_parse(struct sv_bytes image, struct sv_varstore *out, struct sv_err *err)
{
        struct sv_rd r = sv_rd(image), body;
        struct sv_variable v;
        const uint8_t *kind;
        uint32_t size;
        uint8_t format, health;
        bool valid;
        int more;

        if (!sv_varstore_here(image))
                return sv_fail(err, SV_FORMAT, "ovmf.varstore.header",
                               "not a variable store: no volume of that format");
        sv_rd_seek(&r, 48);
        sv_rd_seek(&r, sv_rd_u16le(&r)); /* behind the volume's header */
        kind = sv_rd_take(&r, 16);
        size = sv_rd_u32le(&r);
        format = sv_rd_u8(&r);
        health = sv_rd_u8(&r);
        sv_rd_skip(&r, 6);
        if (!kind || r.bad || memcmp(kind, authenticated, 16) != 0 || format != FORMATTED ||
            health != HEALTHY)
                return sv_fail(err, SV_FORMAT, "ovmf.varstore.header",
                               "the variable store is not formatted, or not one of authenticated "
                               "variables");
        if (size < STORE_HEADER || size - STORE_HEADER > sv_rd_left(&r))
                return sv_fail(err, SV_FORMAT, "ovmf.varstore.header",
                               "a variable store of %u bytes does not lie in the file", size);
        body = sv_rd_sub(&r, size - STORE_HEADER);
        out->n = 0;
        while ((more = read_next_variable(&body, &v, &valid, err)) > 0)
                if (valid && keep_variable(out, &v, err) < 0)
                        return -1;
        return more;
}

const struct sv_variable *sv_varstore_get(const struct sv_varstore *s, const uint8_t guid[16],
                                          const char *name)
{
        size_t n = strlen(name);

        for (size_t i = 0; i < s->n; i++) {
                const struct sv_variable *v = &s->list[i];
                size_t k = 0;

                if (memcmp(v->guid, guid, 16) != 0 || v->name.n != 2 * n)
                        continue;
                while (k < n && v->name.p[2 * k] == (uint8_t)name[k] && !v->name.p[2 * k + 1])
                        k++;
                if (k == n)
                        return v;
        }
        return NULL;
}
