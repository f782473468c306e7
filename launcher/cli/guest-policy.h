/* SPDX-License-Identifier: Apache-2.0 */
/* The policy for exactly one guest, and what another policy would say to that guest. */
#pragma once

#include "base/program/cli.h"
#include "guest/guest.h"
#include "tee/tee.h"

/* Measures the guest, lets its TEE say what such a guest must show, and appends the document
 * (policy/policy.h) to `out`. SV_USAGE "guest.attestation" when the guest asks for nothing. */
int sv_guest_write_policy(const struct sv_guest *guest, const struct sv_tee *id, struct sv_buf *out,
                          struct sv_err *err);

struct sv_policy_for {
        const char *resource; /* NULL: the guest's own */
        const char
                *reference; /* the set that says which images run; NULL: the policy's own rules */
        const struct sv_json *warn; /* checks that are to warn only (array); NULL: none */
        bool warn_only;             /* all that may */
};
/* The same for another resource, or with the name of a reference set in place of the rules about
 * the image. SV_USAGE "reference.make.values" when there are none. */
int sv_guest_write_policy_for(const struct sv_guest *guest, const struct sv_tee *id,
                              const struct sv_policy_for *what, struct sv_buf *out,
                              struct sv_err *err);
/* Of the same measurement what a reference set says of the image: claims and values, into `values`
 * (object). */
int sv_guest_image_values(const struct sv_guest *guest, const struct sv_tee *id,
                          struct sv_json *values, struct sv_err *err);

/* The policy to be asked: --policy FILE, or the one that the broker has (--broker, --admin-key). */
#define SV_POLICY_OPT                                     \
        {                                                 \
                .name = "policy", .arg = "FILE",          \
                .help = "a policy from a file instead of" \
                        " the one that the broker has"    \
        }

/* Has one of these options been given? */
bool sv_policy_is_asked(const struct sv_args *args);

/* Would that policy release the guest's resource to it, as far as files can tell? Adds the rows of
 * policy/foresee.h to *rows (array) and ends as it does; the guest is measured from its files as
 * they are now. A reference set that the policy names comes from --reference FILE, or from the
 * broker. SV_USAGE "policy.check.source" when none of the options was given, or both. */
int sv_guest_ask_policy(const struct sv_args *args, const struct sv_guest *guest,
                        const struct sv_tee *id, struct sv_json *rows, struct sv_err *err);
/* Says in one line how many rules hold and how many are not predicted. */
void sv_guest_report_rows(const struct sv_json *rows);
