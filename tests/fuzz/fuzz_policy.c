/* SPDX-License-Identifier: Apache-2.0 */
/* Parses a reference set, and a policy document; a good one is written, read again and evaluated
 * over its own text as claims. */
#include "policy/evaluate.h"
#include "policy/reference.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        SV_POLICY_DOC *p = NULL;
        SV_JSON *claims = NULL;
        SV_JSON *set = NULL;
        SV_VERDICT v = {0};
        SV_JSON *told = NULL;

        if (sv_reference_parse(sv_bytes(data, size), &set, &err) < 0 &&
            (!err.class || !err.check[0]))
                abort();
        err = (struct sv_err)SV_ERR_NULL;
        if (sv_policy_parse(sv_bytes(data, size), &p, &err) < 0) {
                if (!err.class || !err.check[0])
                        abort();
                return 0;
        }
        if (sv_json_parse(sv_bytes(data, size), "fuzz", &claims, &err) < 0)
                abort();
        sv_policy_check_warn(p, (const char *const[]){"/version", NULL},
                             (const char *const[]){"/measurement", NULL}, NULL);
        if (sv_policy_reference(p) || sv_policy_sets(p)) {
                if (sv_policy_evaluate(p, claims, &v, &err) == 0)
                        abort();
                return 0;
        }
        sv_policy_evaluate(p, claims, &v, &err);
        if (sv_json_len(v.reasons) < sv_json_len(sv_policy_rules(p)))
                abort();
        told = sv_verdict_json(&v);
        return 0;
}
