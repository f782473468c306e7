/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/guest-policy.h"

#include <string.h>
#include <time.h>

#include "attest/appraise.h"
#include "attest/jose/reference.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/log.h"
#include "launcher/choose.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/reference-file.h"
#include "policy/foresee.h"
#include "policy/reference-make.h"

/* What a TEE says such a guest must show. */
struct parts {
        const struct sv_tee_measure *tee;
        struct sv_json *rules, *trust, *allow;
};

static void free_policy_parts(struct parts *p)
{
        sv_json_free(p->rules);
        sv_json_free(p->trust);
        sv_json_free(p->allow);
}

#define PARTS __attribute__((cleanup(free_policy_parts))) struct parts

static int make_policy_parts(const struct sv_guest *guest, const struct sv_tee *id, struct parts *p,
                             struct sv_err *err)
{
        struct sv_measurement m = {0};
        int r;

        p->rules = sv_json_array();
        p->trust = sv_json_object();
        p->allow = sv_json_array();
        if (sv_tee_choose_measure(id, &p->tee, err) < 0)
                return -1;
        if (!guest->attestation.resource)
                return sv_fail(err, SV_USAGE, "guest.attestation",
                               "%s names no attestation, so there is nothing to release",
                               guest->file);
        if (sv_tee_takes(id, guest, err) < 0 || sv_tee_predict(p->tee, guest, &m, err) < 0)
                return -1;
        r = p->tee->policy(guest, &m, p->rules, p->trust, err);
        if (r == 0 && p->tee->allow)
                r = p->tee->allow(guest, p->allow, err);
        sv_measurement_free(&m);
        return r;
}

/* The checks that the policy is to say of that they warn only. */
static int list_warnings(const struct parts *p, const struct sv_policy_for *what,
                         const struct sv_json *values, struct sv_json *warn, struct sv_err *err)
{
        const struct sv_tee_verify *tee = sv_tee_find_verify(p->tee->id->name);

        for (size_t i = 0; i < sv_json_len(what->warn); i++)
                sv_json_add(warn, sv_json_ref(sv_json_at(what->warn, i)));
        for (size_t i = 0; what->warn_only && i < sv_json_len(p->rules); i++) {
                const struct sv_json *rule = sv_json_at(p->rules, i);
                const char *claim = sv_json_text(rule, "claim", "");
                SV_STR named = sv_reference_check_name(claim);

                if (tee && tee->may_warn && sv_claim_is_below(claim, tee->may_warn))
                        sv_json_add(warn,
                                    sv_json_new_str(what->reference && sv_json_get(values, claim)
                                                            ? named
                                                            : sv_json_text(rule, "check", "")));
        }
        return sv_json_ok(err);
}

/* What a broker would refuse is refused here. */
static int check_warnings(const struct sv_tee *id, struct sv_bytes text, struct sv_err *err)
{
        const struct sv_tee_verify *tee = sv_tee_find_verify(id->name);
        SV_POLICY_DOC *policy = NULL;

        if (sv_policy_parse(text, &policy, err) < 0)
                return -1;
        return tee ? sv_tee_check_warn(tee, policy, err) : 0;
}

int sv_guest_write_policy_for(const struct sv_guest *guest, const struct sv_tee *id,
                              const struct sv_policy_for *what, struct sv_buf *out,
                              struct sv_err *err)
{
        PARTS p = {0};
        SV_JSON *left = sv_json_array(), *values = sv_json_object(), *warn = sv_json_array();
        SV_BUF text = SV_BUF_NULL;

        if (make_policy_parts(guest, id, &p, err) < 0 ||
            (what->reference &&
             sv_reference_split(p.rules, p.tee->image_claims, left, values, err) < 0) ||
            list_warnings(&p, what, values, warn, err) < 0)
                return -1;
        if (sv_policy_write_parts(
                    &(struct sv_policy_parts){guest->name, id->name,
                                              what->resource ? what->resource
                                                             : guest->attestation.resource,
                                              what->reference ? left : p.rules, p.trust, p.allow,
                                              guest->attestation.lease, what->reference, warn},
                    &text, err) < 0 ||
            check_warnings(id, sv_buf_bytes(&text), err) < 0)
                return -1;
        sv_buf_put(out, sv_buf_bytes(&text));
        return sv_buf_ok(out, "the policy", err);
}

int sv_guest_write_policy(const struct sv_guest *guest, const struct sv_tee *id, struct sv_buf *out,
                          struct sv_err *err)
{
        return sv_guest_write_policy_for(guest, id, &(struct sv_policy_for){0}, out, err);
}

int sv_guest_image_values(const struct sv_guest *guest, const struct sv_tee *id,
                          struct sv_json *values, struct sv_err *err)
{
        PARTS p = {0};
        SV_JSON *left = sv_json_array();

        if (make_policy_parts(guest, id, &p, err) < 0)
                return -1;
        return sv_reference_split(p.rules, p.tee->image_claims, left, values, err);
}

bool sv_policy_is_asked(const struct sv_args *args)
{
        return sv_has(args, "policy") || sv_has(args, "broker");
}

/* The set that a policy names, in place of the name: from a file, or as the broker has it, which
 * looked at its signature when it was put. */
static int join_reference(const struct sv_args *args, struct sv_admin *admin, struct sv_bytes text,
                          struct sv_policy **policy, struct sv_err *err)
{
        const char *file = sv_opt(args, "reference"), *name = sv_policy_reference(*policy);
        struct sv_policy *joined = NULL;
        SV_BUF stored = SV_BUF_NULL;
        SV_JSON *set = NULL;

        if (!name && !file)
                return 0;
        if (!file && !admin) /* it says so itself when it is asked */
                return 0;
        if (file ? sv_reference_read(file, sv_opt(args, "reference-key"), &set, err) < 0
                 : sv_admin_get_reference(admin, name, &stored, err) < 0 ||
                            sv_reference_open(sv_buf_bytes(&stored), NULL, &set, err) < 0)
                return -1;
        if (sv_reference_join(text, set, &joined, err) < 0)
                return -1;
        sv_policy_free(*policy);
        *policy = joined;
        return 0;
}

static int read_kept_policy(const struct sv_args *args, const struct sv_guest *guest,
                            struct sv_policy **out, struct sv_err *err)
{
        const char *path = sv_opt(args, "policy");
        SV_ADMIN *admin = NULL;
        SV_BUF text = SV_BUF_NULL;

        if (path && sv_has(args, "broker"))
                return sv_fail(err, SV_USAGE, "policy.check.source",
                               "expected --policy FILE or a broker, not both: the policy that the "
                               "guest is held against");
        if (path)
                return sv_file_read(path, SV_POLICY_SIZE_MAX, &text, "policy.check.file", err) <
                                               0 ||
                                       sv_policy_parse(sv_buf_bytes(&text), out, err) < 0 ||
                                       join_reference(args, NULL, sv_buf_bytes(&text), out, err) < 0
                               ? sv_wrap(err, "%s", path)
                               : 0;
        if (sv_admin_from_args(args, guest->attestation.pin, &admin, err) < 0 ||
            sv_admin_get_policy(admin, guest->attestation.resource, &text, err) < 0 ||
            sv_policy_parse(sv_buf_bytes(&text), out, err) < 0 ||
            join_reference(args, admin, sv_buf_bytes(&text), out, err) < 0)
                return sv_wrap(err, "the broker's policy of %s", guest->attestation.resource);
        return 0;
}

int sv_guest_ask_policy(const struct sv_args *args, const struct sv_guest *guest,
                        const struct sv_tee *id, struct sv_json *rows, struct sv_err *err)
{
        SV_POLICY_DOC *kept = NULL, *predicted = NULL;
        SV_BUF text = SV_BUF_NULL;

        if (sv_guest_write_policy(guest, id, &text, err) < 0 ||
            sv_policy_parse(sv_buf_bytes(&text), &predicted, err) < 0 ||
            read_kept_policy(args, guest, &kept, err) < 0)
                return -1;
        return sv_policy_foresee(kept, predicted, time(NULL), rows, err);
}

static size_t count_outcome(const struct sv_json *rows, const char *outcome)
{
        size_t n = 0;

        for (size_t i = 0; i < sv_json_len(rows); i++)
                n += !strcmp(sv_json_str(sv_json_get(sv_json_at(rows, i), "outcome")), outcome);
        return n;
}

void sv_guest_report_rows(const struct sv_json *rows)
{
        size_t warns = count_outcome(rows, "warns");

        sv_info("of the policy's %zu rules %zu hold, %zu fail, %zu are about what files do not say",
                sv_json_len(rows), count_outcome(rows, "holds"), count_outcome(rows, "fails"),
                count_outcome(rows, "not predicted"));
        if (warns)
                sv_warn("%zu rules would refuse the guest if the policy did not say that they only "
                        "warn",
                        warns);
}
