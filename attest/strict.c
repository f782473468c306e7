/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/strict.h"

#include "base/core/encoding.h"
#include "tee/measure.h"

#define MEASUREMENT_SIZE 48 /* SHA-384, of both makers */
#define PREFIX           "policy."

static int add_measurement_rule(const struct sv_tee_verify *tee, const char *hex,
                                struct sv_json *rules, struct sv_err *err)
{
        SV_BUF digest = SV_BUF_NULL;

        if (!hex)
                return 0;
        if (!tee->measurement)
                return sv_fail(err, SV_USAGE, "verify.measurement",
                               "evidence on %s has no single measurement: its registers are rules "
                               "of a policy (--policy)",
                               tee->id->name);
        if (sv_unhex(sv_bytes_str(hex), &digest, "verify.measurement", NULL) < 0 ||
            digest.n != MEASUREMENT_SIZE)
                return sv_fail(
                        err, SV_USAGE, "verify.measurement",
                        "expected %d hexadecimal digits with --measurement, found \"%.100s\"",
                        2 * MEASUREMENT_SIZE, hex);
        sv_json_set_hex(sv_rule_add(rules, "policy.measurement", tee->measurement,
                                    tee->measurement_covers, tee->measurement_says),
                        "equals", sv_buf_bytes(&digest));
        return 0;
}

static bool is_rule_called(const struct sv_json *rule, const char *name)
{
        const char *check = sv_json_text(rule, "check", "");

        return !strncmp(check, PREFIX, strlen(PREFIX)) && !strcmp(check + strlen(PREFIX), name);
}

/* What `allow` names: a rule of the built-in policy goes ("policy." and the name), another is the
 * TEE's floor's, which stays in the verdict as lifted. */
static void lift_by_name(const char *name, struct sv_json **rules, struct sv_json *allow)
{
        struct sv_json *left = sv_json_array();
        SV_JSON *all = *rules;

        for (size_t i = 0; i < sv_json_len(all); i++)
                if (!is_rule_called(sv_json_at(all, i), name))
                        sv_json_add(left, sv_json_ref(sv_json_at(all, i)));
        if (sv_json_len(left) == sv_json_len(all))
                sv_json_add(allow, sv_json_new_str(name));
        *rules = left;
}

int sv_policy_write_strict(const struct sv_tee_verify *tee, const struct sv_json *allow,
                           const char *measurement, struct sv_buf *out, struct sv_err *err)
{
        SV_JSON *lifted = sv_json_array();
        SV_JSON *trust = sv_json_object();
        SV_JSON *rules = NULL;

        if (!tee->strict)
                return 0;
        if (sv_json_parse(sv_bytes_str(tee->strict), "policy", &rules, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(allow); i++)
                lift_by_name(sv_json_str(sv_json_at(allow, i)), &rules, lifted);
        if (add_measurement_rule(tee, measurement, rules, err) < 0 || sv_json_ok(err) < 0)
                return -1;
        return sv_policy_write_allowing("any", tee->id->name, "built-in/policy/strict", rules,
                                        trust, lifted, out, err);
}

int sv_policy_make_strict(const struct sv_tee_verify *tee, const struct sv_json *allow,
                          const char *measurement, struct sv_policy **out, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (sv_policy_write_strict(tee, allow, measurement, &text, err) < 0)
                return -1;
        return text.n ? sv_policy_parse(sv_buf_bytes(&text), out, err) : 0;
}
