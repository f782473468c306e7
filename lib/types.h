/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind the opaque types of include/secure-vm/securevm.h, and the frame of each call.
 */
#pragma once

#include "attest/appraise.h"
#include "attest/files.h"
#include "include/secure-vm/securevm.h"

#define SECUREVM_API __attribute__((visibility("default")))

struct securevm_error {
        struct sv_err e;
};
struct securevm_evidence {
        const struct sv_tee_verify *tee;
        struct sv_evidence *evidence;
};
struct securevm_collateral {
        struct sv_files files;
};
/* As text: json-c counts references without locks, so that each appraisal reads one of its own. */
struct securevm_policy {
        struct sv_buf text;
};
struct securevm_result {
        const struct sv_tee_verify *tee;
        struct sv_json *claims;
        struct sv_verdict verdict;
};
struct securevm_files {
        struct sv_given {
                char *path; /* absolute: relative names are relative to / */
                struct sv_bytes data;
        } * list;
        size_t n;
};

/* Nothing of an earlier call of this thread counts. */
void sv_call_begin(void);
/* The status to return; *err (may be NULL) becomes what `why` says, or as new when r is 0. */
int sv_call_end(int r, const struct sv_err *why, securevm_error *err);
/* SV_USAGE "lib.argument": `what` was expected. */
int sv_call_refuse(struct sv_err *why, const char *what);
/* The JSON's text, the caller's. SV_SYSTEM "base.memory". */
int sv_call_print(const struct sv_json *json, char **out, struct sv_err *why);
/* A copy of at most `max` bytes. SV_FORMAT `check`, SV_USAGE "lib.argument". */
int sv_call_copy(const void *data, size_t size, size_t max, const char *check, struct sv_buf *out,
                 struct sv_err *why);
/* By name, NULL: none. SV_USAGE "tee.name". */
int sv_call_find_tee(const char *name, const struct sv_tee_verify **out, struct sv_err *why);
