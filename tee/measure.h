/* SPDX-License-Identifier: Apache-2.0 */
/* What a TEE will measure of a guest, from files alone; and what follows from it: the policy, and
 * the identity that the platform compares. */
#pragma once

#include "base/crypto/crypto.h"
#include "base/json/json.h"
#include "ovmf/measurement.h"
#include "tee/tee.h"

struct sv_opt; /* base/program/cli.h */

/* A guest's identity, signed beforehand; the platform compares it when it launches (id_block). */
struct sv_id_in {
        const struct sv_guest *guest;  /* NULL: launch_digest says what is launched */
        struct sv_bytes launch_digest; /* n == 0: predicted from the guest */
        /* texts: "policy", "svn", "family-id", "image-id"; one that is absent has its default */
        const struct sv_json *members;
        /* key NULL: the signature is one that no private key made. author NULL: no author key
         * certifies the key */
        const struct sv_key *key, *author;
};
struct sv_id_out {
        struct sv_buf block, auth; /* as the platform takes them */
        struct sv_json *values;    /* what they say */
};
void sv_id_out_free(struct sv_id_out *out);

struct sv_tee_measure {
        const struct sv_tee *id;
        /* Options of `secure-vm measure` that describe a guest of this TEE, ending with name NULL:
         * "page-order" becomes the member "page_order" of the TEE's object in the guest file. May
         * be NULL. */
        const struct sv_opt *options;
        /* Pure but for reading the files that the guest file names. */
        int (*measure)(const struct sv_guest *guest, struct sv_measurement *out,
                       struct sv_err *err);
        /* Compares a prediction with what a boot logged, event by event: adds
         * {"register":…,"same":bool,"text":…} to *rows (array, in order; may be NULL). SV_PROOF
         * "measure.differs" naming the first event that differs. NULL: this TEE has no log of its
         * own. Pure. */
        int (*compare)(const struct sv_measurement *m, struct sv_bytes event_log,
                       struct sv_json *rows, struct sv_err *err);
        /* Makes and signs what the platform shall compare at launch. NULL: this TEE has no such
         * thing. Pure but for files, as measure. */
        int (*id_block)(const struct sv_id_in *in, struct sv_id_out *out, struct sv_err *err);
        /* Adds to *rules (array) the policy rules for this measurement and guest (policy/policy.h);
         * to *trust (object) its anchors. */
        int (*policy)(const struct sv_guest *guest, const struct sv_measurement *m,
                      struct sv_json *rules, struct sv_json *trust, struct sv_err *err);
        /* Claims (JSON pointers, NULL ends) whose values by the policy's rules say which image
         * runs, and not which guest or which platform: what a reference set of this TEE has
         * (policy/reference-make.h). */
        const char *const *image_claims;
        /* Adds to *allow (array) what the guest file lifts of the TEE's floor
         * (sv_tee_verify.floor). NULL: nothing ever is. */
        int (*allow)(const struct sv_guest *guest, struct sv_json *allow, struct sv_err *err);
        /* What this guest file leaves to the host as it says itself: *left, one sentence with the
         * command that cures it, or NULL. SV_USAGE "guest.<tee>.…" when it does not say so. May be
         * NULL. Pure but for files, as measure. */
        int (*exposure)(const struct sv_guest *guest, const char **left, struct sv_err *err);
        /* What a file of this TEE's formats says, with "kind" and nothing verified; *out stays NULL
         * when it is none of them. Pure; may be NULL. */
        int (*inspect)(struct sv_bytes file, struct sv_json **out, struct sv_err *err);
        /* The formats that `inspect` knows, for a message; NULL without it. */
        const char *formats;
};

extern const struct sv_tee_measure
        *const sv_tees_measure[]; /* launcher/tees-measure.c; NULL ends */

/* What a prediction says, as an object of "tee", "measurements" and "unpredicted"; the caller
 * frees. */
struct sv_json *sv_measurement_json(const struct sv_tee *tee, const struct sv_measurement *m);

/* Why a register of this name was not predicted. */
const char *sv_why_unpredicted(const struct sv_measurement *m, const char *name);

/* A new policy rule without its operator, added to `rules` (array); borrowed. The members are those
 * of policy/policy.h. */
struct sv_json *sv_rule_add(struct sv_json *rules, const char *check, const char *claim,
                            const char *covers, const char *reason);

/* The rule about the root of a platform's key, as a TEE says it. */
struct sv_root_rule {
        const char *own;     /* the claim that the root is the maker's own */
        const char *reason;  /* the rule's */
        const char *anchors; /* the member of a policy's trust for other roots */
        const char *check;   /* for a file that is no certificate */
};

/* The maker's own root or, with a `path` (PEM), that one only, which `trust` (object) then names.
 * SV_SYSTEM or SV_FORMAT under the rule's check name. */
int sv_rule_add_root(const struct sv_root_rule *root, const char *path, struct sv_json *rules,
                     struct sv_json *trust, struct sv_err *err);
