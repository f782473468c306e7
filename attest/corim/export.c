/* SPDX-License-Identifier: Apache-2.0 */
/* A reference set as CoRIM, in our profile. */
#include "attest/corim/corim.h"

#include <string.h>

#include "attest/corim/sign1.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "policy/reference.h"
#include "policy/set-form.h"

enum { TAG_URI = 32, TAG_CORIM = 501, TAG_COMID = 506 };

static bool is_wanted(const struct sv_json *tuple, const struct sv_corim_out *o)
{
        return o->generation ? sv_set_generation(tuple) == o->generation
                             : !sv_set_is_retired(tuple);
}

/* A digest where it is one in hex; a text; a number. */
static int put_corim_value(const char *claim, const struct sv_json *value, struct sv_buf *out,
                           struct sv_err *err)
{
        const char *text = sv_json_str(value);
        size_t n = text ? strlen(text) : 0;
        int64_t number = sv_json_int(value, -1);
        SV_BUF digest = SV_BUF_NULL;

        sv_cbor_put(out, SV_CBOR_MAP, 1);
        if ((n == 64 || n == 96 || n == 128) && strspn(text, "0123456789abcdef") == n &&
            sv_unhex(sv_bytes_str(text), &digest, "corim.export.value", NULL) == 0) {
                sv_cbor_put_int(out, 2);
                sv_cbor_put(out, SV_CBOR_LIST, 1);
                sv_cbor_put(out, SV_CBOR_LIST, 2);
                sv_cbor_put_int(out, n == 64 ? 1 : n == 96 ? 7 : 8);
                sv_cbor_put_bytes(out, sv_buf_bytes(&digest));
                return 0;
        }
        if (text) {
                sv_cbor_put_int(out, 11);
                sv_cbor_put_text(out, text);
                return 0;
        }
        if (sv_json_type(value) != SV_JSON_INT || number < 0)
                return sv_fail(err, SV_USAGE, "corim.export.value",
                               "%s is neither text nor a number from 0 on: CoRIM has no value for "
                               "it",
                               claim);
        sv_cbor_put_int(out, 1);
        sv_cbor_put_int(out, number);
        return 0;
}

static int put_corim_measurement(void *arg, const char *claim, struct sv_json *value,
                                 struct sv_err *err)
{
        struct sv_buf *out = arg;

        sv_cbor_put(out, SV_CBOR_MAP, 2);
        sv_cbor_put_int(out, 0);
        sv_cbor_put_text(out, claim);
        sv_cbor_put_int(out, 1);
        return put_corim_value(claim, value, out, err);
}

static int put_comid(const struct sv_json *set, const struct sv_json *tuple, struct sv_buf *out,
                     struct sv_err *err)
{
        const struct sv_json *values = sv_json_get(tuple, "values");
        SV_BUF comid = SV_BUF_NULL;

        sv_cbor_put(&comid, SV_CBOR_MAP, 2);
        sv_cbor_put_int(&comid, 1);
        sv_cbor_put(&comid, SV_CBOR_MAP, 2);
        sv_cbor_put_int(&comid, 0);
        sv_cbor_put_text(&comid, sv_json_text(tuple, "image", ""));
        sv_cbor_put_int(&comid, 1);
        sv_cbor_put_int(&comid, sv_set_generation(tuple));
        sv_cbor_put_int(&comid, 4);
        sv_cbor_put(&comid, SV_CBOR_MAP, 1);
        sv_cbor_put_int(&comid, 0);
        sv_cbor_put(&comid, SV_CBOR_LIST, 1); /* reference triples */
        sv_cbor_put(&comid, SV_CBOR_LIST, 2);
        sv_cbor_put(&comid, SV_CBOR_MAP, 1); /* environment: class: model */
        sv_cbor_put_int(&comid, 0);
        sv_cbor_put(&comid, SV_CBOR_MAP, 1);
        sv_cbor_put_int(&comid, 2);
        sv_cbor_put_text(&comid, sv_reference_tee(set));
        sv_cbor_put(&comid, SV_CBOR_LIST, sv_json_len(values));
        if (sv_json_each(values, put_corim_measurement, &comid, err) < 0 ||
            sv_buf_ok(&comid, "a CoMID", err) < 0)
                return -1;
        sv_cbor_put(out, SV_CBOR_TAG, TAG_COMID);
        sv_cbor_put_bytes(out, sv_buf_bytes(&comid));
        return 0;
}

/* The tuples that are written, and the time that they have in common. */
struct choice {
        size_t n;
        int64_t from, to; /* INT64_MIN, INT64_MAX: without */
};

static int choose_tuples(const struct sv_json *tuples, const struct sv_corim_out *o,
                         struct choice *c, struct sv_err *err)
{
        for (size_t i = 0; i < sv_json_len(tuples); i++) {
                const struct sv_json *tuple = sv_json_at(tuples, i);
                int64_t from = INT64_MIN, to = INT64_MAX;

                if (!is_wanted(tuple, o))
                        continue;
                if (sv_set_read_time(tuple, "not_before", &from, err) < 0 ||
                    sv_set_read_time(tuple, "not_after", &to, err) < 0)
                        return -1;
                if (c->n++ && (from != c->from || to != c->to))
                        return sv_fail(err, SV_USAGE, "corim.export.validity",
                                       "the tuples have different times, and a CoRIM has one: "
                                       "write each by itself (--generation)");
                c->from = from;
                c->to = to;
        }
        if (c->n && (c->from == INT64_MIN || c->to != INT64_MAX))
                return 0;
        return c->n ? sv_fail(err, SV_USAGE, "corim.export.validity",
                              "a tuple with not_before and without not_after: a CoRIM's validity "
                              "has an end")
                    : sv_fail(err, SV_USAGE, "corim.export.none",
                              "the set has no tuple that is accepted, or none of that generation");
}

static void put_validity(const struct choice *c, struct sv_buf *out)
{
        sv_cbor_put_int(out, 4);
        sv_cbor_put(out, SV_CBOR_MAP, c->from != INT64_MIN ? 2 : 1);
        if (c->from != INT64_MIN) {
                sv_cbor_put_int(out, 0);
                sv_corim_put_time(out, c->from);
        }
        sv_cbor_put_int(out, 1);
        sv_corim_put_time(out, c->to);
}

int sv_corim_write(const struct sv_json *set, const struct sv_corim_out *o, struct sv_buf *out,
                   struct sv_err *err)
{
        const struct sv_json *tuples = sv_json_get(set, "any_of");
        struct choice c = {0, INT64_MIN, INT64_MAX};
        SV_BUF corim = SV_BUF_NULL;

        if (choose_tuples(tuples, o, &c, err) < 0)
                return -1;
        sv_cbor_put(&corim, SV_CBOR_TAG, TAG_CORIM);
        sv_cbor_put(&corim, SV_CBOR_MAP, c.to != INT64_MAX ? 4 : 3);
        sv_cbor_put_int(&corim, 0);
        sv_cbor_put_text(&corim, sv_reference_name(set));
        sv_cbor_put_int(&corim, 1);
        sv_cbor_put(&corim, SV_CBOR_LIST, c.n);
        for (size_t i = 0; i < sv_json_len(tuples); i++)
                if (is_wanted(sv_json_at(tuples, i), o) &&
                    put_comid(set, sv_json_at(tuples, i), &corim, err) < 0)
                        return -1;
        sv_cbor_put_int(&corim, 3);
        sv_cbor_put(&corim, SV_CBOR_TAG, TAG_URI);
        sv_cbor_put_text(&corim, SV_CORIM_PROFILE);
        if (c.to != INT64_MAX)
                put_validity(&c, &corim);
        if (sv_buf_ok(&corim, "a CoRIM", err) < 0)
                return -1;
        if (o->key)
                return sv_corim_seal(sv_buf_bytes(&corim), o->key, o->signer, out, err);
        sv_buf_put(out, sv_buf_bytes(&corim));
        return sv_buf_ok(out, "a CoRIM", err);
}
