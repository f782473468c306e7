/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/reference.h"

#include <string.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "policy/set-form.h"

#define GENERATION_MAX ((INT64_C(1) << 53) - 1)

const char *sv_reference_name(const struct sv_json *reference)
{
        return sv_json_text(reference, "name", "");
}

const char *sv_reference_tee(const struct sv_json *reference)
{
        return sv_json_text(reference, "tee", "");
}

int64_t sv_reference_generation(const struct sv_json *reference)
{
        return sv_json_int(sv_json_get(reference, "generation"), 0);
}

/* --- form --- */

static int check_reference_head(const struct sv_json *j, struct sv_err *err)
{
        static const char *const members[] = {"version",    "name",   "tee",
                                              "generation", "any_of", NULL};
        const char *name, *tee;
        int64_t version, generation;
        struct sv_json *tuples;

        if (sv_json_type(j) != SV_JSON_OBJECT)
                return sv_fail(err, SV_FORMAT, "reference.member",
                               "expected an object as reference set, found %s",
                               sv_json_type_name(sv_json_type(j)));
        if (sv_json_only(j, members, "reference", err) < 0 ||
            sv_json_need_int(j, "version", INT64_MIN, INT64_MAX, &version, "reference", err) < 0 ||
            sv_json_need_str(j, "name", &name, "reference", err) < 0 ||
            sv_json_need_str(j, "tee", &tee, "reference", err) < 0 ||
            sv_json_need_int(j, "generation", 1, GENERATION_MAX, &generation, "reference", err) <
                    0 ||
            sv_json_need_array(j, "any_of", &tuples, "reference", err) < 0)
                return -1;
        if (version != 1)
                return sv_fail(err, SV_FORMAT, "reference.version",
                               "expected version 1, found %lld", (long long)version);
        if (!sv_resource_ok(sv_bytes_str(name)))
                return sv_fail(err, SV_FORMAT, "reference.name",
                               "expected repository/type/tag as name, found \"%.200s\"", name);
        if (!sv_name_ok(tee))
                return sv_fail(err, SV_FORMAT, "reference.tee",
                               "expected the name of a TEE, found \"%.80s\"", tee);
        return 0;
}

struct comparison {
        const struct sv_json *others;
        const char *missing;
};

static int find_in_others(void *arg, const char *claim, struct sv_json *value, struct sv_err *err)
{
        struct comparison *c = arg;

        if (!sv_json_get(c->others, claim))
                c->missing = claim;
        return 0;
}

/* Two that say as many things, and each of one is in the other. */
static int compare_claims(const struct sv_json *first, const struct sv_json *values, size_t i,
                          struct sv_err *err)
{
        struct comparison c = {.others = first};

        sv_json_each(values, find_in_others, &c, NULL);
        if (!c.missing && sv_json_len(first) == sv_json_len(values))
                return 0;
        return sv_fail(err, SV_FORMAT, "reference.values",
                       "any_of[%zu] has not the same claims as the first%s%.100s: a guest could "
                       "be of the one that says less",
                       i, c.missing ? ", which has no " : "", c.missing ? c.missing : "");
}

static int check_tuple(const struct sv_json *j, size_t i, struct sv_err *err)
{
        static const char *const members[] = {"image",   "generation", "not_before", "not_after",
                                              "retired", "values",     NULL};
        const struct sv_json *tuples = sv_json_get(j, "any_of");
        const struct sv_json *tuple = sv_json_at(tuples, i);
        struct sv_json *values;
        const char *image;
        int64_t generation;

        if (sv_json_type(tuple) != SV_JSON_OBJECT)
                return sv_fail(err, SV_FORMAT, "reference.member",
                               "expected an object as any_of[%zu], found %s", i,
                               sv_json_type_name(sv_json_type(tuple)));
        if (sv_json_only(tuple, members, "reference", err) < 0 ||
            sv_json_need_str(tuple, "image", &image, "reference", err) < 0 ||
            sv_json_need_int(tuple, "generation", 1, sv_reference_generation(j), &generation,
                             "reference", err) < 0 ||
            sv_json_need_obj(tuple, "values", &values, "reference", err) < 0)
                return sv_wrap(err, "any_of[%zu]", i);
        return compare_claims(sv_json_get(sv_json_at(tuples, 0), "values"), values, i, err);
}

/* --- as sets of a policy --- */

char *sv_reference_check_name(const char *claim)
{
        char *name = sv_asprintf("policy.reference.%s", claim + (*claim == '/'));

        for (char *p = name; *p; p++)
                if (*p == '/')
                        *p = '.';
                else if (*p >= 'A' && *p <= 'Z')
                        *p += 'a' - 'A';
        return name;
}

struct tuple {
        const struct sv_json *reference;
        const char *image;
        struct sv_json *rules;
};

static int add_value_rule(void *arg, const char *claim, struct sv_json *value, struct sv_err *err)
{
        const struct tuple *t = arg;
        struct sv_json *rule = sv_json_add(t->rules, sv_json_object());
        SV_STR check = sv_reference_check_name(claim);
        SV_STR reason = sv_asprintf("what %s has there, by reference set %s", t->image,
                                    sv_reference_name(t->reference));

        sv_json_set_str(rule, "check", check);
        sv_json_set_str(rule, "claim", claim);
        sv_json_set(rule, "equals", sv_json_ref(value));
        sv_json_set_str(rule, "covers", "executables");
        sv_json_set_str(rule, "reason", reason);
        return 0;
}

static int add_tuple(const struct sv_json *reference, const struct sv_json *tuple,
                     struct sv_json *sets, struct sv_err *err)
{
        static const char *const kept[] = {"generation", "not_before", "not_after", "retired"};
        struct sv_json *set = sv_json_add(sets, sv_json_object());
        struct tuple t = {reference, sv_json_text(tuple, "image", ""), NULL};

        sv_json_set_str(set, "name", t.image);
        for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
                if (sv_json_get(tuple, kept[i]))
                        sv_json_set(set, kept[i], sv_json_ref(sv_json_get(tuple, kept[i])));
        t.rules = sv_json_set(set, "rules", sv_json_array());
        return sv_json_each(sv_json_get(tuple, "values"), add_value_rule, &t, err);
}

static int copy_but_reference(void *arg, const char *name, struct sv_json *value,
                              struct sv_err *err)
{
        if (strcmp(name, "reference_set"))
                sv_json_set(arg, name, sv_json_ref(value));
        return 0;
}

int sv_reference_join(struct sv_bytes text, const struct sv_json *reference, struct sv_policy **out,
                      struct sv_err *err)
{
        const struct sv_json *tuples = sv_json_get(reference, "any_of");
        SV_POLICY_DOC *named = NULL;
        SV_JSON *doc = NULL;
        SV_JSON *joined = sv_json_object();
        SV_BUF whole = SV_BUF_NULL;
        struct sv_json *sets;
        const char *name;

        if (sv_policy_parse(text, &named, err) < 0 || sv_json_parse(text, "policy", &doc, err) < 0)
                return -1;
        name = sv_policy_reference(named);
        if (!name || strcmp(name, sv_reference_name(reference)))
                return sv_fail(err, SV_FORMAT, "reference.name",
                               "the policy names %s%s, this reference set is %s",
                               name ? "reference set " : "no reference set", name ? name : "",
                               sv_reference_name(reference));
        if (strcmp(sv_policy_tee(named), sv_reference_tee(reference)))
                return sv_fail(err, SV_FORMAT, "reference.tee",
                               "the policy is for evidence of %s, reference set %s for %s",
                               sv_policy_tee(named), name, sv_reference_tee(reference));
        sv_json_each(doc, copy_but_reference, joined, NULL);
        sets = sv_json_set(joined, "sets", sv_json_array());
        for (size_t i = 0; i < sv_json_len(tuples); i++)
                if (add_tuple(reference, sv_json_at(tuples, i), sets, err) < 0)
                        return -1;
        sv_json_print(joined, &whole);
        if (sv_json_ok(err) < 0 || sv_buf_ok(&whole, "a policy", err) < 0)
                return -1;
        return sv_policy_parse(sv_buf_bytes(&whole), out, err);
}

/* In a policy that asks nothing else: what would be wrong with it there is wrong now. */
static int check_in_policy(const struct sv_json *reference, struct sv_err *err)
{
        SV_JSON *doc = sv_json_object();
        SV_POLICY_DOC *p = NULL;
        SV_BUF text = SV_BUF_NULL;

        sv_json_set_int(doc, "version", 1);
        sv_json_set_str(doc, "guest", "any");
        sv_json_set_str(doc, "tee", sv_reference_tee(reference));
        sv_json_set_str(doc, "resource", sv_reference_name(reference));
        sv_json_set(doc, "trust", sv_json_object());
        sv_json_set(doc, "rules", sv_json_array());
        sv_json_set_str(doc, "reference_set", sv_reference_name(reference));
        sv_json_print(doc, &text);
        if (sv_json_ok(err) < 0 || sv_buf_ok(&text, "a policy", err) < 0)
                return -1;
        return sv_reference_join(sv_buf_bytes(&text), reference, &p, err);
}

int sv_reference_parse(struct sv_bytes text, struct sv_json **out, struct sv_err *err)
{
        SV_JSON *j = NULL;

        if (text.n > SV_POLICY_SIZE_MAX / 2)
                return sv_fail(err, SV_FORMAT, "reference.size",
                               "expected at most %u bytes of reference set, found %zu",
                               SV_POLICY_SIZE_MAX / 2, text.n);
        if (sv_json_parse(text, "reference", &j, err) < 0 || check_reference_head(j, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(sv_json_get(j, "any_of")); i++)
                if (check_tuple(j, i, err) < 0)
                        return -1;
        if (check_in_policy(j, err) < 0)
                return -1;
        *out = j;
        j = NULL;
        return 0;
}
