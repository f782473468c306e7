/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict: what an appraisal says about each aspect of a guest, as the trustworthiness vector
 * of AR4SI (draft-ietf-rats-ar4si section 2.3), with its reasons. The same structure goes into the
 * attestation token (EAR), the audit record and `verify --json`. */
#pragma once

#include "base/json/json.h"

/* The eight claims of the vector, in the order of the draft. */
enum sv_slot {
        SV_SLOT_INSTANCE_IDENTITY,
        SV_SLOT_CONFIGURATION,
        SV_SLOT_EXECUTABLES,
        SV_SLOT_FILE_SYSTEM,
        SV_SLOT_HARDWARE,
        SV_SLOT_RUNTIME_OPAQUE,
        SV_SLOT_STORAGE_OPAQUE,
        SV_SLOT_SOURCED_DATA,
        SV_SLOTS
};

const char *sv_slot_name(enum sv_slot slot); /* "instance-identity", ... */
/* SV_SLOTS when there is none of that name. */
enum sv_slot sv_slot_by_name(const char *name);

/* Tiers of AR4SI section 2.3.2; a claim of -1..1 says nothing. Ordered: the larger, the worse for
 * the relying party. */
enum sv_tier { SV_TIER_NONE, SV_TIER_AFFIRMING, SV_TIER_WARNING, SV_TIER_CONTRAINDICATED };

enum sv_tier sv_tier_of(int8_t claim);
const char *sv_tier_name(enum sv_tier tier); /* "none", "affirming", "warning", "contraindicated" */
/* False when there is no tier of that name. */
bool sv_tier_by_name(const char *name, enum sv_tier *out);

struct sv_verdict {
        int8_t vector[SV_SLOTS];
        struct sv_json *reasons; /* array; see sv_verdict_json. NULL means empty */
};

void sv_verdict_free(struct sv_verdict *v);
#define SV_VERDICT __attribute__((cleanup(sv_verdict_free))) struct sv_verdict

/* The worst claim of the vector. */
enum sv_tier sv_verdict_status(const struct sv_verdict *v);
/* Adds {"check":check,"slot":slot,"held":held,"reason":reason}; returns the new reason (borrowed)
 * for more members. */
struct sv_json *sv_verdict_reason(struct sv_verdict *v, const char *check, enum sv_slot slot,
                                  bool held, const char *reason);
/* {"status":"affirming","vector":{"instance-identity":0,...},"reasons":[...]}; the caller frees.
 * Each reason is
 * {"check":…,"slot":…,"held":bool,"reason":…} and, where a rule was evaluated, "claim", "expected"
 * and "found" (texts). */
struct sv_json *sv_verdict_json(const struct sv_verdict *v);
/* The vector of such an object (also of an EAR submod: "ear.trustworthiness-vector" given as
 * `vector`) and its status, with the status recomputed: a token that claims better than its vector
 * is refused. SV_FORMAT "verdict.vector", SV_PROOF "verdict.status". */
int sv_verdict_check(const struct sv_json *vector, const char *status, struct sv_verdict *out,
                     struct sv_err *err);
