/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence from files, for the commands that take it. */
#pragma once

#include "attest/tees.h"
#include "base/program/cli.h"

/* The TEE that --tee names; NULL without it: the evidence says it. SV_USAGE "tee.name". */
int sv_evidence_tee(const struct sv_args *args, const struct sv_tee_verify **out,
                    struct sv_err *err);
/* The positional arguments, each folder replaced by the files in it (in the order of names, hidden
 * ones left out). SV_SYSTEM / SV_USAGE "verify.evidence" when one is not there, or a folder is
 * empty. *out must be zeroed. */
struct sv_evidence_paths {
        char **list;
        size_t n;
};
int sv_evidence_paths(const struct sv_args *args, struct sv_evidence_paths *out,
                      struct sv_err *err);
void sv_evidence_paths_free(struct sv_evidence_paths *p);
#define SV_EVIDENCE_PATHS __attribute__((cleanup(sv_evidence_paths_free))) struct sv_evidence_paths
/* JSON as the KBS protocol carries it, or what hardware or kernel give, when the TEE knows to wrap
 * that. A TEE that is NULL is found by the evidence's form. The caller frees. SV_SYSTEM / SV_FORMAT
 * "verify.evidence", SV_USAGE "tee.name" when it is no TEE's, and the TEE's own. */
int sv_evidence_read(const char *path, const struct sv_tee_verify **tee, struct sv_evidence **out,
                     struct sv_err *err);
