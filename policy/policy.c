/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "policy/rule.h"
#include "policy/set-form.h"

#include <stdlib.h>

struct sv_policy {
        struct sv_json *doc; /* owns all that the rest points to */
        const char *guest;
        const char *tee;
        const char *resource;
        struct sv_json *trust;
        struct sv_json *rules;
        const struct sv_json *allow; /* NULL: nothing */
        const struct sv_json *warn;  /* checks that only warn; NULL: none */
        const struct sv_json *sets;  /* NULL: none */
        /* One for each set: this policy with the set's rules behind its own, and no sets. Their
         * documents are this one's. */
        struct sv_policy *with_set;
        struct sv_json *own_rules; /* of a policy with a set: the list that was made for it */
        int64_t lease;
        const char *reference; /* NULL: it names no reference set */
};

static int read_policy_head(struct sv_policy *p, struct sv_err *err)
{
        static const char *const members[] = {"version", "guest",         "tee",   "resource",
                                              "trust",   "rules",         "allow", "lease",
                                              "sets",    "reference_set", "warn",  NULL};
        int64_t version;

        if (sv_json_type(p->doc) != SV_JSON_OBJECT)
                return sv_fail(err, SV_FORMAT, "policy.member",
                               "expected an object as policy, found %s",
                               sv_json_type_name(sv_json_type(p->doc)));
        if (sv_json_only(p->doc, members, "policy", err) < 0)
                return -1;
        if (sv_json_need_int(p->doc, "version", INT64_MIN, INT64_MAX, &version, "policy", err) < 0)
                return -1;
        if (version != 1)
                return sv_fail(err, SV_FORMAT, "policy.version",
                               "expected version 1, found %lld: write the policy anew",
                               (long long)version);
        if (sv_json_need_str(p->doc, "guest", &p->guest, "policy", err) < 0 ||
            sv_json_need_str(p->doc, "tee", &p->tee, "policy", err) < 0 ||
            sv_json_need_str(p->doc, "resource", &p->resource, "policy", err) < 0 ||
            sv_json_need_obj(p->doc, "trust", &p->trust, "policy", err) < 0 ||
            sv_json_need_array(p->doc, "rules", &p->rules, "policy", err) < 0)
                return -1;
        if (!sv_name_ok(p->guest))
                return sv_fail(err, SV_FORMAT, "policy.guest",
                               "expected a guest's name, found \"%.80s\"", p->guest);
        if (!sv_name_ok(p->tee))
                return sv_fail(err, SV_FORMAT, "policy.tee",
                               "expected the name of a TEE, found \"%.80s\"", p->tee);
        if (!sv_resource_ok(sv_bytes_str(p->resource)))
                return sv_fail(err, SV_FORMAT, "policy.resource",
                               "expected \"repository/type/tag\", found \"%.200s\"", p->resource);
        return 0;
}

static int check_trust_kind(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        (void)arg;
        if (sv_json_type(value) != SV_JSON_ARRAY)
                return sv_fail(err, SV_FORMAT, "policy.trust",
                               "expected an array as trust.%s, found %s", name,
                               sv_json_type_name(sv_json_type(value)));
        for (size_t i = 0; i < sv_json_len(value); i++) {
                const char *text = sv_json_str(sv_json_at(value, i));

                if (!text || !*text)
                        return sv_fail(
                                err, SV_FORMAT, "policy.trust",
                                "expected a text as trust.%s[%zu], found %s", name, i,
                                text ? "an empty one"
                                     : sv_json_type_name(sv_json_type(sv_json_at(value, i))));
        }
        return 0;
}

static bool names_before(const struct sv_json *list, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (!strcmp(sv_json_str(sv_json_at(list, i)), name))
                        return true;
        return false;
}

static int check_allow_form(struct sv_policy *p, struct sv_err *err)
{
        p->allow = sv_json_get(p->doc, "allow");
        if (p->allow && (sv_json_type(p->allow) != SV_JSON_ARRAY || !sv_json_len(p->allow)))
                return sv_fail(err, SV_FORMAT, "policy.allow",
                               "expected names like \"debug\" in an array as allow, or no such "
                               "member");
        for (size_t i = 0; i < sv_json_len(p->allow); i++) {
                const char *name = sv_json_str(sv_json_at(p->allow, i));

                if (!name || names_before(p->allow, i, name))
                        return sv_fail(err, SV_FORMAT, "policy.allow",
                                       "expected a name like \"debug\", once, as allow[%zu]", i);
        }
        return 0;
}

/* Which of them may, each TEE says (attest/appraise.h). */
static int check_warn_form(struct sv_policy *p, struct sv_err *err)
{
        size_t n;

        p->warn = sv_json_get(p->doc, "warn");
        n = sv_json_len(p->warn);
        if (p->warn && (sv_json_type(p->warn) != SV_JSON_ARRAY || !n || n > SV_POLICY_RULES_MAX))
                return sv_fail(err, SV_FORMAT, "policy.warn",
                               "expected 1 to %d checks like \"policy.tcb.status\" in an array as "
                               "warn, or no such member",
                               SV_POLICY_RULES_MAX);
        for (size_t i = 0; i < n; i++) {
                const char *name = sv_json_str(sv_json_at(p->warn, i));

                if (!name || names_before(p->warn, i, name))
                        return sv_fail(err, SV_FORMAT, "policy.warn",
                                       "expected a check like \"policy.tcb.status\", once, as "
                                       "warn[%zu]",
                                       i);
        }
        return 0;
}

static int read_reference_name(struct sv_policy *p, struct sv_err *err)
{
        const struct sv_json *name = sv_json_get(p->doc, "reference_set");

        if (!name)
                return 0;
        p->reference = sv_json_str(name);
        if (!p->reference || !sv_resource_ok(sv_bytes_str(p->reference)))
                return sv_fail(err, SV_FORMAT, "policy.reference",
                               "expected repository/type/tag of a reference set as reference_set");
        if (sv_json_get(p->doc, "sets"))
                return sv_fail(err, SV_FORMAT, "policy.reference",
                               "the policy has sets of its own and names a reference set: one of "
                               "both was expected");
        return 0;
}

static int read_lease(struct sv_policy *p, struct sv_err *err)
{
        p->lease = SV_LEASE_S;
        if (!sv_json_get(p->doc, "lease"))
                return 0;
        if (sv_json_need_int(p->doc, "lease", 0, SV_LEASE_MAX_S, &p->lease, "policy", err) < 0)
                return -1;
        if (p->lease == 0 || p->lease >= SV_LEASE_MIN_S)
                return 0;
        return sv_fail(err, SV_FORMAT, "policy.lease",
                       "expected a lease of 0 (none) or of at least %d seconds, found %lld",
                       SV_LEASE_MIN_S, (long long)p->lease);
}

/* A policy whose every rule is about certain guests only would ask nothing of the others. */
static int check_unconditional(const struct sv_json *rules, struct sv_err *err)
{
        if (sv_rules_have_unconditional(rules))
                return 0;
        return sv_fail(err, SV_FORMAT, "policy.rules",
                       "each rule has a \"when\": such a policy would release the resource to "
                       "everybody whom none of them is about");
}

static int check_policy_rules(const struct sv_json *rules, bool may_be_empty, struct sv_err *err)
{
        size_t n = sv_json_len(rules);

        if (n == 0 && !may_be_empty)
                return sv_fail(err, SV_FORMAT, "policy.rules",
                               "the list of rules is empty: such a policy would release the "
                               "resource to everybody");
        if (n > SV_POLICY_RULES_MAX)
                return sv_fail(err, SV_FORMAT, "policy.rules",
                               "expected at most %d rules, found %zu", SV_POLICY_RULES_MAX, n);
        for (size_t i = 0; i < n; i++) {
                if (sv_rule_check(sv_json_at(rules, i), i, err) < 0)
                        return -1;
                for (size_t k = 0; k < i; k++) {
                        const char *name = sv_json_str(sv_json_get(sv_json_at(rules, i), "check"));

                        if (!strcmp(name, sv_json_str(sv_json_get(sv_json_at(rules, k), "check"))))
                                return sv_fail(err, SV_FORMAT, "policy.rule.duplicate",
                                               "rules %zu and %zu are both called \"%s\": a "
                                               "refusal must name one rule",
                                               k, i, name);
                }
        }
        return may_be_empty ? 0 : check_unconditional(rules, err);
}

/* The policy's own rules and those of one set, as one list. */
static int join_rules(const struct sv_policy *p, const struct sv_json *set, struct sv_policy *out,
                      struct sv_err *err)
{
        const struct sv_json *more = sv_json_get(set, "rules");

        *out = *p;
        out->sets = NULL;
        out->with_set = NULL;
        out->own_rules = out->rules = sv_json_array();
        sv_json_add_all(out->rules, p->rules);
        sv_json_add_all(out->rules, more);
        if (sv_json_ok(err) < 0)
                return -1;
        return check_policy_rules(out->rules, false, err);
}

static int read_sets(struct sv_policy *p, struct sv_err *err)
{
        p->sets = sv_json_get(p->doc, "sets");
        if (!p->sets)
                return 0;
        if (sv_sets_check(p->sets, err) < 0)
                return -1;
        p->with_set = calloc(sv_json_len(p->sets), sizeof(*p->with_set));
        if (!p->with_set)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a policy");
        for (size_t i = 0; i < sv_json_len(p->sets); i++)
                if (join_rules(p, sv_json_at(p->sets, i), &p->with_set[i], err) < 0)
                        return sv_wrap(err, "sets[%zu]", i);
        return 0;
}

/* Takes ownership of doc, also on failure. */
static int make_policy_from_json(struct sv_json *doc, struct sv_policy **out, struct sv_err *err)
{
        struct sv_policy *p = calloc(1, sizeof(*p));

        if (!p) {
                sv_json_free(doc);
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a policy");
        }
        p->doc = doc;
        if (read_policy_head(p, err) < 0 ||
            sv_json_each(p->trust, check_trust_kind, NULL, err) < 0 ||
            check_allow_form(p, err) < 0 || check_warn_form(p, err) < 0 || read_lease(p, err) < 0 ||
            read_reference_name(p, err) < 0 ||
            check_policy_rules(p->rules, p->reference || sv_json_get(p->doc, "sets"), err) < 0 ||
            read_sets(p, err) < 0) {
                sv_policy_free(p);
                return -1;
        }
        *out = p;
        return 0;
}

int sv_policy_check_trust(const struct sv_policy *p, const char *const *kinds, struct sv_err *err)
{
        return sv_json_only(p->trust, kinds, "policy.trust", err);
}

bool sv_policy_allows(const struct sv_policy *p, const char *name)
{
        return p->allow && names_before(p->allow, sv_json_len(p->allow), name);
}

const struct sv_json *sv_policy_allowed(const struct sv_policy *p)
{
        return p->allow;
}

const struct sv_json *sv_policy_warned(const struct sv_policy *p)
{
        return p->warn;
}

bool sv_policy_warns(const struct sv_policy *p, const char *check)
{
        return p->warn && names_before(p->warn, sv_json_len(p->warn), check);
}

bool sv_claim_is_below(const char *claim, const char *const *claims)
{
        for (; *claims; claims++) {
                size_t n = strlen(*claims);

                if (!strncmp(claim, *claims, n) && (!claim[n] || claim[n] == '/'))
                        return true;
        }
        return false;
}

/* One list of rules that decides: each that warns may, and one is left that tells the guest. */
static int check_warned_rules(const struct sv_policy *p, const struct sv_json *rules,
                              const char *const *claims, const char *const *tells,
                              struct sv_err *err)
{
        bool decides = false;

        for (size_t i = 0; i < sv_json_len(rules); i++) {
                const struct sv_json *rule = sv_json_at(rules, i);
                const char *check = sv_json_text(rule, "check", "");
                const char *claim = sv_json_text(rule, "claim", "");

                if (!sv_policy_warns(p, check)) {
                        decides |= !sv_json_get(rule, "when") && sv_claim_is_below(claim, tells);
                        continue;
                }
                if (!sv_claim_is_below(claim, claims))
                        return sv_fail(err, SV_FORMAT, "policy.warn.must",
                                       "%s is about %s, which must hold where a key is released on "
                                       "%s: it cannot only warn (docs/FORMATS.md, \"Rules that "
                                       "warn\")",
                                       check, claim, p->tee);
        }
        if (decides)
                return 0;
        return sv_fail(err, SV_FORMAT, "policy.warn.nothing",
                       "no rule is left that says which guest it is: such a policy would release "
                       "the resource to anybody's guest; leave one that decides "
                       "(docs/FORMATS.md, \"Rules that warn\")");
}

static bool has_rule_of_name(const struct sv_policy *p, const char *check)
{
        size_t n = sv_json_len(p->sets);

        for (size_t i = 0; i < n + !n; i++) {
                const struct sv_json *rules = n ? p->with_set[i].rules : p->rules;

                for (size_t k = 0; k < sv_json_len(rules); k++)
                        if (!strcmp(sv_json_text(sv_json_at(rules, k), "check", ""), check))
                                return true;
        }
        n = strlen("policy.reference");
        return !strncmp(check, "policy.reference", n) && check[n] == '.';
}

int sv_policy_check_warn(const struct sv_policy *p, const char *const *claims,
                         const char *const *tells, struct sv_err *err)
{
        size_t n = sv_json_len(p->sets);

        if (!p->warn)
                return 0;
        for (size_t i = 0; i < sv_json_len(p->warn); i++) {
                const char *check = sv_json_str(sv_json_at(p->warn, i));

                if (!has_rule_of_name(p, check))
                        return sv_fail(err, SV_FORMAT, "policy.warn.unknown",
                                       "expected the check of a rule of this policy as warn[%zu], "
                                       "found \"%.80s\"",
                                       i, check);
        }
        for (size_t i = 0; i < n; i++)
                if (check_warned_rules(p, p->with_set[i].rules, claims, tells, err) < 0)
                        return sv_wrap(err, "sets[%zu]", i);
        return n ? 0 : check_warned_rules(p, p->rules, claims, tells, err);
}

int sv_policy_check_allow(const struct sv_policy *p, const char *const *names, struct sv_err *err)
{
        for (size_t i = 0; i < sv_json_len(p->allow); i++) {
                const char *name = sv_json_str(sv_json_at(p->allow, i));
                size_t k = 0;

                while (names[k] && strcmp(names[k], name))
                        k++;
                if (!names[k])
                        return sv_fail(err, SV_FORMAT, "policy.allow.unknown",
                                       "expected a name of the floor for %s as allow[%zu] "
                                       "(docs/FORMATS.md), found \"%.40s\"",
                                       p->tee, i, name);
        }
        return 0;
}

int sv_policy_parse(struct sv_bytes text, struct sv_policy **out, struct sv_err *err)
{
        struct sv_json *doc = NULL;

        if (text.n > SV_POLICY_SIZE_MAX)
                return sv_fail(err, SV_FORMAT, "policy.size",
                               "expected at most %u bytes of policy, found %zu", SV_POLICY_SIZE_MAX,
                               text.n);
        if (sv_json_parse(text, "policy", &doc, err) < 0)
                return -1;
        return make_policy_from_json(doc, out, err);
}

int sv_policy_write(const char *guest, const char *tee, const char *resource, struct sv_json *rules,
                    struct sv_json *trust, struct sv_buf *out, struct sv_err *err)
{
        return sv_policy_write_allowing(guest, tee, resource, rules, trust, NULL, out, err);
}

int sv_policy_write_allowing(const char *guest, const char *tee, const char *resource,
                             struct sv_json *rules, struct sv_json *trust, struct sv_json *allow,
                             struct sv_buf *out, struct sv_err *err)
{
        return sv_policy_write_parts(&(struct sv_policy_parts){guest, tee, resource, rules, trust,
                                                               allow, SV_LEASE_S, NULL, NULL},
                                     out, err);
}

int sv_policy_write_parts(const struct sv_policy_parts *parts, struct sv_buf *out,
                          struct sv_err *err)
{
        SV_POLICY_DOC *p = NULL;
        struct sv_json *doc = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        bool ok;

        sv_json_set_int(doc, "version", 1);
        sv_json_set_str(doc, "guest", parts->guest);
        sv_json_set_str(doc, "tee", parts->tee);
        sv_json_set_str(doc, "resource", parts->resource);
        sv_json_set(doc, "trust", sv_json_ref(parts->trust));
        if (sv_json_len(parts->allow))
                sv_json_set(doc, "allow", sv_json_ref(parts->allow));
        if (sv_json_len(parts->warn))
                sv_json_set(doc, "warn", sv_json_ref(parts->warn));
        if (parts->lease != SV_LEASE_S)
                sv_json_set_int(doc, "lease", parts->lease);
        sv_json_set(doc, "rules", sv_json_ref(parts->rules));
        if (parts->reference)
                sv_json_set_str(doc, "reference_set", parts->reference);
        /* json-c leaves out what it has no memory for, which is no fault of the policy. */
        sv_watch_memory();
        sv_json_pretty(doc, &text);
        ok = sv_check_memory(sv_buf_ok(&text, "the policy", err), err) == 0 && sv_json_ok(err) == 0;
        sv_json_free(doc);
        /* What is written is what will be read: by the same function, from the same text. */
        if (!ok || sv_policy_parse(sv_buf_bytes(&text), &p, err) < 0)
                return -1;
        sv_buf_put(out, sv_buf_bytes(&text));
        return sv_buf_ok(out, "the policy", err);
}

void sv_policy_free(struct sv_policy *p)
{
        if (!p)
                return;
        for (size_t i = 0; p->with_set && i < sv_json_len(p->sets); i++)
                sv_json_free(p->with_set[i].own_rules);
        free(p->with_set);
        sv_json_free(p->doc);
        free(p);
}

void sv_policy_freep(struct sv_policy **p)
{
        sv_policy_free(*p);
}

const char *sv_policy_guest(const struct sv_policy *p)
{
        return p->guest;
}

const char *sv_policy_tee(const struct sv_policy *p)
{
        return p->tee;
}

const char *sv_policy_resource(const struct sv_policy *p)
{
        return p->resource;
}

const char *sv_policy_trust(const struct sv_policy *p, const char *kind, size_t i)
{
        return sv_json_str(sv_json_at(sv_json_get(p->trust, kind), i));
}

const struct sv_json *sv_policy_anchors(const struct sv_policy *p)
{
        return p->trust;
}

int64_t sv_policy_lease(const struct sv_policy *p)
{
        return p->lease;
}

const struct sv_json *sv_policy_rules(const struct sv_policy *p)
{
        return p->rules;
}

const struct sv_json *sv_policy_sets(const struct sv_policy *p)
{
        return p->sets;
}

const char *sv_policy_reference(const struct sv_policy *p)
{
        return p->reference;
}

const struct sv_policy *sv_policy_with_set(const struct sv_policy *p, size_t i)
{
        return i < sv_json_len(p->sets) ? &p->with_set[i] : NULL;
}
