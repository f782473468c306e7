/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/corim/corim.h"

#include <stdlib.h>
#include <string.h>

#include "attest/corim/sign1.h"
#include "base/core/cbor.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "policy/reference.h"

enum { TAG_URI = 32, TAG_UUID = 37, TAG_OID = 111, TAG_CORIM = 501, TAG_COMID = 506 };
enum { CORIM_TAGS = 1, CORIM_PROFILE = 3, CORIM_VALIDITY = 4 };
enum { COMID_IDENTITY = 1, COMID_TRIPLES = 4 };
enum { VALUE_VERSION = 0, VALUE_SVN = 1, VALUE_DIGESTS = 2, VALUE_NAME = 11, VALUE_REGISTERS = 14 };

struct reading {
        const struct sv_corim_in *in;
        struct sv_json *ignored;
        struct sv_json *tuples;
        char *tee;      /* as ours say it, or the caller */
        bool ours;      /* our profile */
        bool versioned; /* each tuple has a version of its own, so far */
        struct sv_json *values;
};

static void free_reading(struct reading *r)
{
        sv_json_free(r->tuples);
        sv_json_free(r->values);
        free(r->tee);
}

static char *copy_cbor_text(const struct sv_cbor *item)
{
        return sv_asprintf("%.*s", (int)item->data.n, (const char *)item->data.p);
}

static void note_ignored(struct reading *r, const char *what, const char *claim)
{
        SV_STR text = sv_asprintf("%s of %s", what, claim);

        sv_json_add(r->ignored, sv_json_new_str(text));
}

/* --- measurements --- */

/* A digest of one known algorithm (IANA's Named Information registry) and of its size. */
static int read_corim_digest(const struct sv_cbor *list, const char *claim, char hex[129],
                             struct sv_err *err)
{
        static const struct {
                int64_t number;
                const char *name;
                size_t size;
        } algorithms[] = {{1, "sha-256", 32}, {7, "sha-384", 48}, {8, "sha-512", 64}};
        struct sv_bytes rest = list->data;
        struct sv_cbor pair, alg, digest;
        size_t known = 0;

        while (list->kind == SV_CBOR_LIST && sv_cbor_next(&rest, &pair)) {
                struct sv_bytes parts = pair.data;
                int64_t n = 0;

                if (pair.kind != SV_CBOR_LIST || pair.value != 2 || !sv_cbor_next(&parts, &alg) ||
                    !sv_cbor_next(&parts, &digest) || digest.kind != SV_CBOR_BYTES)
                        return sv_fail(err, SV_FORMAT, "corim.digest",
                                       "expected [algorithm, bytes] as digest of %s", claim);
                for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++) {
                        SV_STR name = alg.kind == SV_CBOR_TEXT ? copy_cbor_text(&alg) : NULL;

                        if (name ? strcmp(name, algorithms[i].name) != 0
                                 : !sv_cbor_int(&alg, &n) || n != algorithms[i].number)
                                continue;
                        if (digest.data.n != algorithms[i].size)
                                return sv_fail(err, SV_FORMAT, "corim.digest",
                                               "expected %zu bytes as %s of %s, found %zu",
                                               algorithms[i].size, algorithms[i].name, claim,
                                               digest.data.n);
                        known++;
                        sv_hex(digest.data, hex);
                }
        }
        if (known == 1)
                return 0;
        return sv_fail(err, SV_FORMAT, "corim.digest",
                       "expected one digest of SHA-256, SHA-384 or SHA-512 for %s, found %zu",
                       claim, known);
}

/* Takes `value`. */
static int add_claim(struct reading *r, const char *claim, struct sv_json *value,
                     struct sv_err *err)
{
        if (!sv_json_get(r->values, claim)) {
                sv_json_set(r->values, claim, value);
                return 0;
        }
        sv_json_free(value);
        return sv_fail(err, SV_FORMAT, "corim.mkey.twice",
                       "%s has two measurements in one CoMID: a guest shows one", claim);
}

/* NULL (and *err): nobody says which claim this is. */
static const char *find_claim(const struct reading *r, const char *mkey, struct sv_err *err)
{
        const char *claim = sv_json_text(r->in->claims, mkey, NULL);

        if (claim || (r->ours && *mkey == '/'))
                return claim ? claim : mkey;
        sv_fail(err, SV_FORMAT, "corim.mkey",
                "nothing says which claim measurement \"%s\" is: name it (--claim "
                "'%s=/measurement')",
                mkey, mkey);
        return NULL;
}

static char *describe_mkey(const struct sv_cbor *mkey)
{
        struct sv_cbor inside;
        SV_STR hex = NULL;

        if (mkey->kind == SV_CBOR_TEXT)
                return copy_cbor_text(mkey);
        if (mkey->kind == SV_CBOR_UINT)
                return sv_asprintf("%llu", (unsigned long long)mkey->value);
        if ((sv_cbor_untag(mkey, TAG_UUID, &inside) || sv_cbor_untag(mkey, TAG_OID, &inside)) &&
            inside.kind == SV_CBOR_BYTES && inside.data.n && inside.data.n <= 64) {
                char text[129];

                return sv_asprintf("%s:%s", mkey->value == TAG_UUID ? "uuid" : "oid",
                                   sv_hex(inside.data, text));
        }
        return NULL;
}

static int read_registers(struct reading *r, const struct sv_cbor *map, struct sv_err *err)
{
        struct sv_bytes rest = map->data;
        struct sv_cbor id, digests;

        if (map->kind != SV_CBOR_MAP || !map->value)
                return sv_fail(err, SV_FORMAT, "corim.value",
                               "expected a map of at least one register as integrity-registers");
        while (sv_cbor_next(&rest, &id) && sv_cbor_next(&rest, &digests)) {
                SV_STR own = id.kind <= SV_CBOR_UINT || id.kind == SV_CBOR_TEXT ? describe_mkey(&id)
                                                                                : NULL;
                SV_STR name = own ? sv_asprintf("ir:%s", own) : NULL;
                const char *claim = name ? find_claim(r, name, err) : NULL;
                char hex[129];

                if (!name)
                        return sv_fail(err, SV_FORMAT, "corim.value",
                                       "expected a number or a text as name of a register");
                if (!claim || read_corim_digest(&digests, claim, hex, err) < 0 ||
                    add_claim(r, claim, sv_json_new_str(hex), err) < 0)
                        return -1;
        }
        return 0;
}

/* What else the values say would be lost, and the tuple say less: but for what people call it. */
static int check_value_members(struct reading *r, const struct sv_cbor *values, const char *claim,
                               struct sv_err *err)
{
        struct sv_bytes rest = values->data;
        struct sv_cbor name, value, digests;
        bool digest = sv_cbor_get(values, VALUE_DIGESTS, &digests);
        int64_t n;

        while (sv_cbor_next(&rest, &name) && sv_cbor_next(&rest, &value)) {
                if (!sv_cbor_int(&name, &n))
                        n = INT64_MIN;
                if (n == VALUE_VERSION)
                        note_ignored(r, "the version", claim);
                else if (n == VALUE_NAME && digest)
                        note_ignored(r, "the name", claim);
                else if (n != VALUE_DIGESTS && (digest || (n != VALUE_SVN && n != VALUE_NAME)))
                        return sv_fail(err, SV_FORMAT, "corim.value",
                                       "measurement %s has a value (%lld) that a reference set "
                                       "does not say",
                                       claim, (long long)n);
        }
        return 0;
}

static int read_values(struct reading *r, const struct sv_cbor *values, const char *claim,
                       struct sv_err *err)
{
        struct sv_cbor value;
        char hex[129];
        int64_t n;

        if (check_value_members(r, values, claim, err) < 0)
                return -1;
        if (sv_cbor_get(values, VALUE_DIGESTS, &value))
                return read_corim_digest(&value, claim, hex, err) < 0
                               ? -1
                               : add_claim(r, claim, sv_json_new_str(hex), err);
        if (sv_cbor_get(values, VALUE_SVN, &value) && value.kind == SV_CBOR_UINT &&
            sv_cbor_int(&value, &n)) {
                SV_JSON *holder = sv_json_object();

                sv_json_set_int(holder, "n", n);
                return add_claim(r, claim, sv_json_ref(sv_json_get(holder, "n")), err);
        }
        if (sv_cbor_get(values, VALUE_NAME, &value) && value.kind == SV_CBOR_TEXT) {
                SV_STR text = copy_cbor_text(&value);

                return add_claim(r, claim, sv_json_new_str(text), err);
        }
        return sv_fail(err, SV_FORMAT, "corim.value",
                       "measurement %s has neither digest, number nor text", claim);
}

static int read_measurement(struct reading *r, const struct sv_cbor *m, struct sv_err *err)
{
        struct sv_cbor mkey, values, registers;
        bool named = sv_cbor_get(m, 0, &mkey);
        SV_STR name = named ? describe_mkey(&mkey) : sv_asprintf("%s", "");
        const char *claim;

        if (m->kind != SV_CBOR_MAP || !sv_cbor_get(m, 1, &values) || values.kind != SV_CBOR_MAP ||
            m->value != 1u + named || !name)
                return sv_fail(err, SV_FORMAT, "corim.measurement",
                               "expected a measurement of mkey and values, and no condition on who "
                               "says it");
        if (!named && values.value == 1 && sv_cbor_get(&values, VALUE_REGISTERS, &registers))
                return read_registers(r, &registers, err);
        claim = find_claim(r, name, err);
        return claim ? read_values(r, &values, claim, err) : -1;
}

/* --- the environment, and what is around it --- */

/* In our profile the class' model is the TEE. */
static int read_environment(struct reading *r, const struct sv_cbor *env, struct sv_err *err)
{
        struct sv_cbor class, model;
        SV_STR tee = NULL;

        if (env->kind != SV_CBOR_MAP)
                return sv_fail(err, SV_FORMAT, "corim.triples", "expected a map as environment");
        if (r->ours && sv_cbor_get(env, 0, &class) && sv_cbor_get(&class, 2, &model) &&
            model.kind == SV_CBOR_TEXT)
                tee = copy_cbor_text(&model);
        if (!tee && r->tee)
                return 0;
        if (!tee)
                return sv_fail(err, SV_USAGE, "corim.tee",
                               "the CoRIM does not say for which TEE it is: say it (--tee)");
        if (r->tee && strcmp(r->tee, tee))
                return sv_fail(err, SV_USAGE, "corim.tee", "the CoRIM is for %s, expected %s", tee,
                               r->tee);
        if (!r->tee)
                r->tee = sv_asprintf("%s", tee);
        return 0;
}

static int read_triple(struct reading *r, const struct sv_cbor *triples, struct sv_err *err)
{
        struct sv_bytes list, parts, rest;
        struct sv_cbor reference, triple, env, claims, m;

        if (triples->kind != SV_CBOR_MAP || triples->value != 1 ||
            !sv_cbor_get(triples, 0, &reference) || reference.kind != SV_CBOR_LIST ||
            reference.value != 1)
                return sv_fail(err, SV_FORMAT, "corim.triples",
                               "expected one reference triple and no other in a CoMID: it is one "
                               "tuple");
        list = reference.data;
        if (!sv_cbor_next(&list, &triple) || triple.kind != SV_CBOR_LIST || triple.value != 2)
                return sv_fail(err, SV_FORMAT, "corim.triples",
                               "expected [environment, [measurements]] as reference triple");
        parts = triple.data;
        if (!sv_cbor_next(&parts, &env) || !sv_cbor_next(&parts, &claims) ||
            claims.kind != SV_CBOR_LIST || !claims.value)
                return sv_fail(err, SV_FORMAT, "corim.triples",
                               "expected a list of measurements in a reference triple");
        if (read_environment(r, &env, err) < 0)
                return -1;
        for (rest = claims.data; sv_cbor_next(&rest, &m);)
                if (read_measurement(r, &m, err) < 0)
                        return -1;
        return 0;
}

static int read_identity(struct reading *r, const struct sv_cbor *comid, struct sv_json *tuple,
                         struct sv_err *err)
{
        struct sv_cbor identity, id, version;
        char hex[129];
        int64_t n = 0;

        if (!sv_cbor_get(comid, COMID_IDENTITY, &identity) || !sv_cbor_get(&identity, 0, &id) ||
            (id.kind != SV_CBOR_TEXT && (id.kind != SV_CBOR_BYTES || id.data.n != 16)))
                return sv_fail(err, SV_FORMAT, "corim.comid",
                               "expected a CoMID with a text or a UUID as tag-id");
        if (id.kind == SV_CBOR_TEXT) {
                SV_STR text = copy_cbor_text(&id);

                sv_json_set_str(tuple, "image", text);
        } else {
                sv_json_set_str(tuple, "image", sv_hex(id.data, hex));
        }
        if (sv_cbor_get(&identity, 1, &version) &&
            (version.kind != SV_CBOR_UINT || !sv_cbor_int(&version, &n)))
                return sv_fail(err, SV_FORMAT, "corim.comid", "expected a number as tag-version");
        for (size_t i = 0; i < sv_json_len(r->tuples); i++)
                r->versioned &=
                        sv_json_int(sv_json_get(sv_json_at(r->tuples, i), "generation"), 0) != n;
        r->versioned &= n > 0;
        sv_json_set_int(tuple, "generation", n);
        return 0;
}

static int read_comid(struct reading *r, const struct sv_cbor *tag, struct sv_err *err)
{
        SV_JSON *tuple = sv_json_object();
        struct sv_cbor inside, comid, triples;

        if (!sv_cbor_untag(tag, TAG_COMID, &inside) || inside.kind != SV_CBOR_BYTES)
                return sv_fail(err, SV_FORMAT, "corim.tags",
                               "expected CoMIDs (tag 506) only as tags of the CoRIM");
        if (sv_cbor_parse(inside.data, &comid, "corim.cbor", err) < 0)
                return -1;
        if (comid.kind != SV_CBOR_MAP || !sv_cbor_get(&comid, COMID_TRIPLES, &triples))
                return sv_fail(err, SV_FORMAT, "corim.comid", "expected a CoMID with triples");
        sv_json_free(r->values);
        r->values = sv_json_object();
        if (read_identity(r, &comid, tuple, err) < 0 || read_triple(r, &triples, err) < 0)
                return -1;
        sv_json_set(tuple, "values", sv_json_ref(r->values));
        sv_json_add(r->tuples, sv_json_ref(tuple));
        return 0;
}

/* Of the CoRIM, so of each tuple. */
static int read_validity(struct reading *r, const struct sv_cbor *corim, struct sv_err *err)
{
        static const char *const names[] = {"not_before", "not_after"};
        struct sv_cbor validity;
        bool has = sv_cbor_get(corim, CORIM_VALIDITY, &validity);

        if (has && sv_corim_check_validity(&validity, err) < 0)
                return -1;
        for (int64_t i = 0; has && i < 2; i++) {
                struct sv_cbor item;
                char text[32];
                int64_t seconds;

                if (!sv_cbor_get(&validity, i, &item))
                        continue;
                if (sv_corim_read_time(&item, &seconds, err) < 0)
                        return -1;
                for (size_t k = 0; k < sv_json_len(r->tuples); k++)
                        sv_json_set_str(sv_json_at(r->tuples, k), names[i],
                                        sv_format_time(seconds, text));
        }
        return 0;
}

/* Versions of the CoMIDs where each has another; otherwise in their order, the first the newest. */
static int number_tuples(struct reading *r, int64_t *whole, struct sv_err *err)
{
        int64_t n = (int64_t)sv_json_len(r->tuples), newest = 0;

        for (int64_t i = 0; i < n; i++) {
                struct sv_json *tuple = sv_json_at(r->tuples, (size_t)i);
                int64_t generation = sv_json_int(sv_json_get(tuple, "generation"), 0);

                if (!r->versioned) {
                        generation = (r->in->generation ? r->in->generation : n) - i;
                        sv_json_set_int(tuple, "generation", generation);
                }
                newest = generation > newest ? generation : newest;
        }
        *whole = r->in->generation ? r->in->generation : newest;
        if (*whole >= newest && (r->versioned || *whole >= n))
                return 0;
        return sv_fail(err, SV_USAGE, "corim.generation",
                       "the CoRIM has %lld tuples up to generation %lld: the whole needs at least "
                       "that one",
                       (long long)n, (long long)(r->versioned ? newest : n));
}

static int write_read_set(struct reading *r, struct sv_buf *set, struct sv_err *err)
{
        SV_JSON *doc = sv_json_object();
        SV_JSON *parsed = NULL;
        SV_BUF text = SV_BUF_NULL;
        int64_t generation;

        if (number_tuples(r, &generation, err) < 0)
                return -1;
        sv_json_set_int(doc, "version", 1);
        sv_json_set_str(doc, "name", r->in->name);
        sv_json_set_str(doc, "tee", r->tee ? r->tee : "");
        sv_json_set_int(doc, "generation", generation);
        sv_json_set(doc, "any_of", sv_json_ref(r->tuples));
        sv_json_pretty(doc, &text);
        if (sv_json_ok(err) < 0 || sv_buf_ok(&text, "a reference set", err) < 0 ||
            sv_reference_parse(sv_buf_bytes(&text), &parsed, err) < 0)
                return -1;
        sv_buf_put(set, sv_buf_bytes(&text));
        return sv_buf_ok(set, "a reference set", err);
}

static int read_corim(struct reading *r, struct sv_bytes text, struct sv_buf *set,
                      struct sv_err *err)
{
        struct sv_cbor item, corim, tags, tag, profile, uri;
        struct sv_bytes rest;

        if (sv_cbor_parse(text, &item, "corim.cbor", err) < 0)
                return -1;
        if (!sv_cbor_untag(&item, TAG_CORIM, &corim) || corim.kind != SV_CBOR_MAP ||
            !sv_cbor_get(&corim, CORIM_TAGS, &tags) || tags.kind != SV_CBOR_LIST || !tags.value)
                return sv_fail(err, SV_FORMAT, "corim.form",
                               "expected a CoRIM (tag 501) with a list of tags");
        r->ours = sv_cbor_get(&corim, CORIM_PROFILE, &profile) &&
                  sv_cbor_untag(&profile, TAG_URI, &uri) && uri.kind == SV_CBOR_TEXT &&
                  uri.data.n == strlen(SV_CORIM_PROFILE) &&
                  !memcmp(uri.data.p, SV_CORIM_PROFILE, uri.data.n);
        for (rest = tags.data; sv_cbor_next(&rest, &tag);)
                if (read_comid(r, &tag, err) < 0)
                        return -1;
        if (read_validity(r, &corim, err) < 0)
                return -1;
        return write_read_set(r, set, err);
}

int sv_corim_read(struct sv_bytes text, const struct sv_corim_in *in, struct sv_json *ignored,
                  struct sv_buf *set, struct sv_err *err)
{
        __attribute__((cleanup(free_reading))) struct reading r = {
                .in = in,
                .ignored = ignored,
                .tuples = sv_json_array(),
                .tee = in->tee ? sv_asprintf("%s", in->tee) : NULL,
                .versioned = true};
        struct sv_bytes payload;

        if (text.n > SV_CORIM_SIZE_MAX)
                return sv_fail(err, SV_FORMAT, "corim.size",
                               "expected at most %u bytes of CoRIM, found %zu", SV_CORIM_SIZE_MAX,
                               text.n);
        if (sv_corim_open(text, in->key, in->time, &payload, err) < 0)
                return -1;
        return read_corim(&r, payload, set, err);
}
