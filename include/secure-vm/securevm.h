/* SPDX-License-Identifier: Apache-2.0 */
/* libsecurevm: from a guest's evidence (AMD SEV-SNP, Intel TDX, a vTPM) to a verdict, in a program
 * of your own. Manual page: libsecurevm(3). C99 and C++.
 *
 *     open evidence -> what it needs -> collateral -> verify -> appraise by a policy -> explain
 *
 * The library opens no file, device or socket, asks no clock, reads no environment, writes nothing
 * and never ends its caller: bytes and a time come in, values and texts go out. (OpenSSL, which it
 * uses, reads its own configuration when a process uses it first.)
 *
 * THREADS. There is no state between calls. Different objects may be used by different threads at
 * the same time. Collateral and policies may be used by several threads at once as long as none
 * adds to them; evidence, a result and an error belong to one thread at a time.
 *
 * ERRORS. A function that can fail returns SECUREVM_OK (0) or one of enum securevm_status; outputs
 * are written on success only, but for securevm_appraise. `err` may be NULL; otherwise it then says
 * more, and is as new after a success. Without memory the answer is SECUREVM_SYSTEM, mostly
 * with the check "base.memory".
 *
 * OWNERSHIP. What has a function named _free is the caller's. Bytes that go in are copied, unless
 * it says otherwise. Texts that come out through `char **` are UTF-8, end with NUL, and go to
 * securevm_free. Texts that are returned belong to their object. Every _free takes NULL.
 *
 * SIZES. Evidence, and each piece of collateral: at most 8 MiB, a policy: 1 MiB. */
#ifndef SECUREVM_H
#define SECUREVM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are those of the programs' exit status. */
enum securevm_status {
        SECUREVM_OK = 0,
        SECUREVM_USAGE = 2,  /* an argument is none */
        SECUREVM_SYSTEM = 3, /* no memory, or OpenSSL did not do its part */
        SECUREVM_FORMAT = 4, /* malformed input */
        SECUREVM_PROOF = 5,  /* the proof does not hold */
        SECUREVM_POLICY = 6  /* the proof holds, the policy says no */
};

typedef struct securevm_error securevm_error;
typedef struct securevm_evidence securevm_evidence;
typedef struct securevm_collateral securevm_collateral;
typedef struct securevm_policy securevm_policy;
typedef struct securevm_result securevm_result;
typedef struct securevm_files securevm_files;

/* The library's version, "0.1.0". */
const char *securevm_version(void);
/* Whose evidence it knows: the i-th name, from 0; NULL past the last. */
const char *securevm_tee(size_t i);
/* For texts that came out of this library. */
void securevm_free(void *text);

/* --- errors --- */

/* NULL: no memory, which every function takes. */
securevm_error *securevm_error_new(void);
void securevm_error_free(securevm_error *err);
/* As the function returned it. */
int securevm_error_status(const securevm_error *err);
/* The first failed check, a stable name ("snp.report.signature"; docs/CHECKS.md); "" when there is
 * none. */
const char *securevm_error_check(const securevm_error *err);
/* One line for people: what was expected, what was found. */
const char *securevm_error_message(const securevm_error *err);

/* --- evidence --- */

/* Evidence in JSON, as the KBS protocol carries it, or what hardware or kernel give (a report, a
 * quote), also as hexadecimal text, base64 or PEM. `tee` says whose it is (securevm_tee); NULL: it
 * is found by the form. SECUREVM_FORMAT, SECUREVM_USAGE "tee.name". */
int securevm_evidence_open(const void *data, size_t size, const char *tee, securevm_evidence **out,
                           securevm_error *err);
void securevm_evidence_free(securevm_evidence *evidence);
/* Whose it is. */
const char *securevm_evidence_tee(const securevm_evidence *evidence);
/* What its verification needs beside it and where its maker has that, from the evidence alone: a
 * JSON array of {"kind":…,"url":…,…} (docs/FORMATS.md). Fetching is the caller's; nothing that
 * comes has to be trusted. */
int securevm_evidence_needs(const securevm_evidence *evidence, char **json, securevm_error *err);

/* --- collateral --- */

int securevm_collateral_new(securevm_collateral **out, securevm_error *err);
void securevm_collateral_free(securevm_collateral *collateral);
/* Adds one piece, under the kind that `needs` gave it, or a root of your own under the TEE's kind
 * of anchor ("ek-root"). Forms as for evidence. After a failure the collateral is as before. */
int securevm_collateral_add(securevm_collateral *collateral, const char *kind, const void *data,
                            size_t size, securevm_error *err);

/* --- policies --- */

/* A policy document (docs/FORMATS.md), as `secure-vm policy` writes it. */
int securevm_policy_parse(const void *text, size_t size, securevm_policy **out,
                          securevm_error *err);
/* The built-in one: what any evidence of this TEE must show. `allow`: names of what is lifted,
 * separated by commas ("debug"), or NULL. `measurement`: what must have been launched, in
 * hexadecimal (where the TEE has a single measurement), or NULL: anything may have been, and the
 * caller looks at the claims. */
int securevm_policy_strict(const char *tee, const char *allow, const char *measurement,
                           securevm_policy **out, securevm_error *err);
void securevm_policy_free(securevm_policy *policy);

/* --- verification and appraisal --- */

/* Verifies the evidence with this collateral (NULL: none, only what the evidence brings) as of
 * `time`, in seconds since 1970, down to the maker's root or an anchor of the policy's.
 * `report_data`: the bytes that the evidence must be bound to, which is what makes it fresh; size
 * 0: that is not looked at. Then holds the claims against the policy.
 *
 * SECUREVM_OK: both hold. SECUREVM_POLICY: the proof holds and the policy says no; *out is there as
 * well, but NULL when the policy is for another TEE ("policy.tee"). Otherwise *out stays. */
int securevm_appraise(const securevm_evidence *evidence, const securevm_collateral *collateral,
                      const securevm_policy *policy, int64_t time, const void *report_data,
                      size_t size, securevm_result **out, securevm_error *err);
/* The same without a policy: what the evidence proves, and nothing said of whether that is wanted.
 * Claims of a guest under debugging come back like any others. */
int securevm_verify(const securevm_evidence *evidence, const securevm_collateral *collateral,
                    int64_t time, const void *report_data, size_t size, securevm_result **out,
                    securevm_error *err);
void securevm_result_free(securevm_result *result);
/* "affirming", "warning", "contraindicated" or "none" (AR4SI). */
const char *securevm_result_status(const securevm_result *result);
/* What was proven: a JSON object, per TEE (docs/FORMATS.md). */
int securevm_result_claims(const securevm_result *result, char **json, securevm_error *err);
/* {"status":…,"vector":{…},"reasons":[…]}: each rule, whether it held, what was expected and found.
 */
int securevm_result_verdict(const securevm_result *result, char **json, securevm_error *err);

/* All that is known of an outcome, in the form of `secure-vm verify --json`: {"ok":…,"tee":…,
 * "claims":…,"appraisal":…} of `result` (NULL: there was none) and, unless `outcome` is NULL or as
 * new, "error":{"class":…,"check":…,"message":…}. `outcome` is what securevm_appraise said, `err`
 * what this call says. */
int securevm_explain(const securevm_result *result, const securevm_error *outcome, char **json,
                     securevm_error *err);

/* --- prediction --- */

int securevm_files_new(securevm_files **out, securevm_error *err);
void securevm_files_free(securevm_files *files);
/* A file that the guest file names, by that name. The bytes are NOT copied: they must be there, and
 * the same, until securevm_files_free. */
int securevm_files_add(securevm_files *files, const char *name, const void *data, size_t size,
                       securevm_error *err);
/* What a TEE will measure of the guest that this guest file describes (secure-vm-guest(5)), from
 * these files, before anything runs:
 * {"tee":…,"measurements":{…},"unpredicted":[{"name":…,"reason":…}]}. There is no other file than
 * those in `files`, so the guest file says "firmware" itself. `tee`: under which (securevm_tee);
 * NULL: the guest file says it. Several threads may use the same files at once.
 *
 * SECUREVM_USAGE: the guest file; SECUREVM_SYSTEM under a name of docs/CHECKS.md: a file is
 * missing. Where memory ends in the middle of it, what it had allocated until then is lost. */
int securevm_predict(const void *guest, size_t size, const securevm_files *files, const char *tee,
                     char **json, securevm_error *err);

#ifdef __cplusplus
}
#endif
#endif
