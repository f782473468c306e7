/* SPDX-License-Identifier: Apache-2.0 */
/* Verification, appraisal, and what is said of both. */
#include "base/json/error.h"
#include "lib/types.h"

#include <stdlib.h>

SECUREVM_API void securevm_result_free(securevm_result *result)
{
        if (result) {
                sv_json_free(result->claims);
                sv_verdict_free(&result->verdict);
        }
        free(result);
}

/* `result` is zeroed; its claims are there once the proof holds. */
static int fill_result(const securevm_evidence *evidence, const struct sv_verify_in *in,
                       const struct sv_buf *policy_text, securevm_result *result,
                       struct sv_err *why)
{
        SV_POLICY_DOC *policy = NULL;

        result->tee = evidence->tee;
        if (policy_text && sv_policy_parse(sv_buf_bytes(policy_text), &policy, why) < 0)
                return -1;
        return sv_appraise(evidence->evidence, in, policy, &result->claims, &result->verdict, why);
}

static int appraise_copy(const securevm_evidence *evidence, const securevm_collateral *collateral,
                         const struct sv_buf *policy_text, struct sv_verify_in *in,
                         securevm_result **out, struct sv_err *why)
{
        securevm_result *result;
        SV_BLOBS blobs = {0};
        int r;

        if (!evidence || !out || (in->report_data.n && !in->report_data.p))
                return sv_call_refuse(why, !evidence ? "evidence"
                                           : !out    ? "a place for the result"
                                                     : "report data");
        sv_watch_memory();
        for (size_t i = 0; collateral && i < collateral->files.n; i++)
                sv_blobs_add(&blobs, collateral->files.list[i].kind,
                             sv_buf_bytes(&collateral->files.list[i].data));
        result = calloc(1, sizeof(*result));
        if (sv_check_memory(0, why) < 0) {
                free(result);
                return -1;
        }
        in->collateral = (struct sv_collateral){blobs.list, blobs.n, NULL};
        r = sv_check_memory(fill_result(evidence, in, policy_text, result, why), why);
        if (r < 0 && why->class != SV_POLICY) {
                securevm_result_free(result);
                return -1;
        }
        /* A policy for another TEE says no before anything is proven. */
        if (!result->claims) {
                securevm_result_free(result);
                result = NULL;
        }
        *out = result;
        return r;
}

SECUREVM_API int securevm_appraise(const securevm_evidence *evidence,
                                   const securevm_collateral *collateral,
                                   const securevm_policy *policy, int64_t time,
                                   const void *report_data, size_t size, securevm_result **out,
                                   securevm_error *err)
{
        struct sv_verify_in in = {.report_data = sv_bytes(report_data, size), .time = time};
        struct sv_err why = SV_ERR_NULL;

        sv_call_begin();
        if (!policy)
                return sv_call_end(sv_call_refuse(&why, "a policy"), &why, err);
        return sv_call_end(appraise_copy(evidence, collateral, &policy->text, &in, out, &why), &why,
                           err);
}

SECUREVM_API int securevm_verify(const securevm_evidence *evidence,
                                 const securevm_collateral *collateral, int64_t time,
                                 const void *report_data, size_t size, securevm_result **out,
                                 securevm_error *err)
{
        struct sv_verify_in in = {.report_data = sv_bytes(report_data, size), .time = time};
        struct sv_err why = SV_ERR_NULL;

        sv_call_begin();
        return sv_call_end(appraise_copy(evidence, collateral, NULL, &in, out, &why), &why, err);
}

SECUREVM_API const char *securevm_result_status(const securevm_result *result)
{
        return result ? sv_tier_name(sv_verdict_status(&result->verdict)) : NULL;
}

SECUREVM_API int securevm_result_claims(const securevm_result *result, char **json,
                                        securevm_error *err)
{
        struct sv_err why = SV_ERR_NULL;

        sv_call_begin();
        if (!result || !json)
                return sv_call_end(
                        sv_call_refuse(&why, result ? "a place for the text" : "a result"), &why,
                        err);
        return sv_call_end(sv_call_print(result->claims, json, &why), &why, err);
}

SECUREVM_API int securevm_result_verdict(const securevm_result *result, char **json,
                                         securevm_error *err)
{
        struct sv_err why = SV_ERR_NULL;
        SV_JSON *verdict = NULL;

        sv_call_begin();
        if (!result || !json)
                return sv_call_end(
                        sv_call_refuse(&why, result ? "a place for the text" : "a result"), &why,
                        err);
        verdict = sv_verdict_json(&result->verdict);
        return sv_call_end(sv_call_print(verdict, json, &why), &why, err);
}

static struct sv_json *make_explanation(const securevm_result *result,
                                        const securevm_error *outcome)
{
        struct sv_json *all = sv_json_object();

        sv_json_set_bool(all, "ok", result && !securevm_error_status(outcome));
        if (result) {
                sv_json_set_str(all, "tee", result->tee->id->name);
                sv_json_set(all, "claims", sv_json_ref(result->claims));
                sv_json_set(all, "appraisal", sv_verdict_json(&result->verdict));
        }
        if (securevm_error_status(outcome))
                sv_put_error(sv_json_set(all, "error", sv_json_object()), &outcome->e);
        return all;
}

SECUREVM_API int securevm_explain(const securevm_result *result, const securevm_error *outcome,
                                  char **json, securevm_error *err)
{
        struct sv_err why = SV_ERR_NULL;
        SV_JSON *all = NULL;

        sv_call_begin();
        if (!json)
                return sv_call_end(sv_call_refuse(&why, "a place for the text"), &why, err);
        all = make_explanation(result, outcome);
        return sv_call_end(sv_call_print(all, json, &why), &why, err);
}
