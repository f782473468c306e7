/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of a guest on the simulated SNP platform: no debugging, and the platform's root is
 * trusted; AMD's own are built in. */
#pragma once

#include "tests/unit/snp_platform.h"

#include "policy/policy.h"
#include "tee/measure.h"

static inline void write_policy(const char *tee, const char *resource, struct sv_buf *out)
{
        SV_JSON *rules = sv_json_array();
        SV_JSON *trust = sv_json_object();
        struct sv_json *rule = sv_rule_add(rules, "policy.debug", "/policy_bits/debug",
                                           "configuration", "no debugging");
        SV_BUF pem = SV_BUF_NULL;
        struct sv_err err;

        sv_json_set_bool(rule, "equals", false);
        platform_read("ark.pem", &pem);
        sv_json_add(sv_json_set(trust, "ark_roots", sv_json_array()),
                    sv_json_new_str(sv_buf_str(&pem)));
        OK(sv_policy_write("demo", tee, resource, rules, trust, out, &err));
}
