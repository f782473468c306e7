/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/verdict.h"

static const char *const slot_names[SV_SLOTS] = {
        [SV_SLOT_INSTANCE_IDENTITY] = "instance-identity",
        [SV_SLOT_CONFIGURATION] = "configuration",
        [SV_SLOT_EXECUTABLES] = "executables",
        [SV_SLOT_FILE_SYSTEM] = "file-system",
        [SV_SLOT_HARDWARE] = "hardware",
        [SV_SLOT_RUNTIME_OPAQUE] = "runtime-opaque",
        [SV_SLOT_STORAGE_OPAQUE] = "storage-opaque",
        [SV_SLOT_SOURCED_DATA] = "sourced-data",
};

static const char *const tier_names[] = {
        [SV_TIER_NONE] = "none",
        [SV_TIER_AFFIRMING] = "affirming",
        [SV_TIER_WARNING] = "warning",
        [SV_TIER_CONTRAINDICATED] = "contraindicated",
};

const char *sv_slot_name(enum sv_slot slot)
{
        return slot_names[slot];
}

enum sv_slot sv_slot_by_name(const char *name)
{
        enum sv_slot slot = 0;

        while (slot < SV_SLOTS && strcmp(slot_names[slot], name))
                slot++;
        return slot;
}

/* AR4SI section 2.3.2: tiers are ranges of the claim's value, mirrored for values private to a
 * verifier. */
enum sv_tier sv_tier_of(int8_t claim)
{
        if (claim >= -1 && claim <= 1)
                return SV_TIER_NONE;
        if (claim >= -32 && claim <= 31)
                return SV_TIER_AFFIRMING;
        if (claim >= -96 && claim <= 95)
                return SV_TIER_WARNING;
        return SV_TIER_CONTRAINDICATED;
}

const char *sv_tier_name(enum sv_tier tier)
{
        return tier_names[tier];
}

bool sv_tier_by_name(const char *name, enum sv_tier *out)
{
        for (enum sv_tier t = SV_TIER_NONE; t <= SV_TIER_CONTRAINDICATED; t++) {
                if (!strcmp(tier_names[t], name)) {
                        *out = t;
                        return true;
                }
        }
        return false;
}

void sv_verdict_free(struct sv_verdict *v)
{
        sv_json_free(v->reasons);
        v->reasons = NULL;
}

enum sv_tier sv_verdict_status(const struct sv_verdict *v)
{
        enum sv_tier worst = SV_TIER_NONE;

        for (int i = 0; i < SV_SLOTS; i++) {
                enum sv_tier tier = sv_tier_of(v->vector[i]);

                if (tier > worst)
                        worst = tier;
        }
        return worst;
}

struct sv_json *sv_verdict_reason(struct sv_verdict *v, const char *check, enum sv_slot slot,
                                  bool held, const char *reason)
{
        struct sv_json *row;

        if (!v->reasons)
                v->reasons = sv_json_array();
        row = sv_json_add(v->reasons, sv_json_object());
        sv_json_set_str(row, "check", check);
        sv_json_set_str(row, "slot", sv_slot_name(slot));
        sv_json_set_bool(row, "held", held);
        sv_json_set_str(row, "reason", reason);
        return row;
}

struct sv_json *sv_verdict_json(const struct sv_verdict *v)
{
        struct sv_json *j = sv_json_object();
        struct sv_json *vector;

        sv_json_set_str(j, "status", sv_tier_name(sv_verdict_status(v)));
        vector = sv_json_set(j, "vector", sv_json_object());
        for (int i = 0; i < SV_SLOTS; i++)
                sv_json_set_int(vector, slot_names[i], v->vector[i]);
        sv_json_set(j, "reasons", v->reasons ? sv_json_ref(v->reasons) : sv_json_array());
        return j;
}

static int check_claim_member(void *arg, const char *name, struct sv_json *value,
                              struct sv_err *err)
{
        struct sv_verdict *v = arg;
        enum sv_slot slot = sv_slot_by_name(name);
        int64_t claim = sv_json_int(value, INT64_MIN);

        if (slot == SV_SLOTS)
                return sv_fail(err, SV_FORMAT, "verdict.vector",
                               "expected the claims of AR4SI in the vector, found \"%.64s\"", name);
        if (claim < INT8_MIN || claim > INT8_MAX)
                return sv_fail(err, SV_FORMAT, "verdict.vector",
                               "expected an integer from -128 to 127 as \"%s\", found %s", name,
                               sv_json_type(value) == SV_JSON_INT
                                       ? "a larger number"
                                       : sv_json_type_name(sv_json_type(value)));
        v->vector[slot] = (int8_t)claim;
        return 0;
}

int sv_verdict_check(const struct sv_json *vector, const char *status, struct sv_verdict *out,
                     struct sv_err *err)
{
        struct sv_verdict v = {0};
        enum sv_tier claimed;

        if (sv_json_type(vector) != SV_JSON_OBJECT)
                return sv_fail(err, SV_FORMAT, "verdict.vector",
                               "expected an object as vector, found %s",
                               sv_json_type_name(sv_json_type(vector)));
        if (sv_json_each(vector, check_claim_member, &v, err) < 0)
                return -1;
        if (!sv_tier_by_name(status, &claimed))
                return sv_fail(
                        err, SV_FORMAT, "verdict.vector",
                        "expected none, affirming, warning or contraindicated, found \"%.32s\"",
                        status);
        /* EAR section 3.2: the status is the worst claim. Who only reads the status must not be
         * told better than the vector says. */
        if (claimed != sv_verdict_status(&v))
                return sv_fail(err, SV_PROOF, "verdict.status",
                               "the vector says %s, the status says %s",
                               sv_tier_name(sv_verdict_status(&v)), sv_tier_name(claimed));
        *out = v;
        return 0;
}
