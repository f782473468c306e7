/* SPDX-License-Identifier: Apache-2.0 */
/* TDX evidence and collateral through the row of the table. */
#pragma once

#include "tests/unit/confirm.h"
#include "base/core/file.h"
#include "tee/trust-cache.h"
#include "base/core/text.h"
#include "policy/evaluate.h"
#include "policy/policy.h"
#include "tdx/verify/bundle.h"
#include "tdx/verify/evidence.h"
#include "tdx/options.h"
#include "tdx/measure/require.h"
#include "tdx/measure/measure.h"
#include "tdx/tee.h"
#include "tdx/verify/tee.h"
#include "tests/unit/tdx_vectors.h"

/* One for all of these tests, whatever order they come in. */
static struct sv_trust_cache *memory;

/* Anew, and with what the verifications before have left: the answers are the same. */
static int verify(const struct sv_json *evidence, const struct collateral *c, const char *at,
                  struct sv_bytes report_data, struct sv_json **claims)
{
        struct sv_verify_in in = {.report_data = report_data, .collateral = {c->blobs, c->n}};
        struct sv_err warm_err = SV_ERR_NULL;
        int r;

        OK(sv_parse_time(at, &in.time, "test.time", &err));
        memset(&err, 0, sizeof(err));
        r = verify_and_confirm(&sv_tee_verify_tdx, evidence, &in, claims, &err);
        in.cache = memory;
        for (int i = 0; i < 2; i++) {
                SV_JSON *warm = NULL;

                assert_int_equal(verify_json(&sv_tee_verify_tdx, evidence, &in, &warm, &warm_err),
                                 r);
                assert_string_equal(warm_err.check, err.check);
                assert_string_equal(warm_err.msg, err.msg);
                assert_int_equal(warm_err.class, err.class);
                assert_true(r < 0 ? !warm : sv_json_equal(warm, *claims));
        }
        return r;
}

static int verify_row(const struct sv_json *row, const char *bundle, struct sv_json **claims)
{
        const char *root = sv_json_str(sv_json_get(row, "root"));
        struct collateral c = {.n = 0};
        SV_JSON *evidence = evidence_of(sv_json_str(sv_json_get(row, "quote")));
        int r;

        if (bundle)
                add(&c, "bundle", bundle);
        else
                add_folder(&c, sv_json_str(sv_json_get(row, "collateral")));
        if (root && !strstr(root, "Intel_SGX_Root_CA"))
                add(&c, "sgx-root", root);
        r = verify(evidence, &c, sv_json_str(sv_json_get(row, "at")), SV_BYTES_NULL, claims);
        drop(&c);
        return r;
}

static const char *text(const struct sv_json *claims, const char *pointer)
{
        const char *s = sv_json_str(sv_json_pointer(claims, pointer));

        return s ? s : "(none)";
}

static void same_status(const char *id, const struct sv_json *want, const struct sv_json *claims)
{
        static const struct {
                const char *member, *claim;
        } t[] = {{"status", "/tcb/status"},
                 {"platform", "/tcb/platform/status"},
                 {"module", "/tcb/module/status"},
                 {"qe", "/tcb/qe/status"},
                 {"tcb_date", "/tcb/tcb_date"}};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                const char *s = sv_json_str(sv_json_get(want, t[i].member));

                if (s && strcmp(s, text(claims, t[i].claim)))
                        fail_msg("%s: %s is %s, %s was expected", id, t[i].claim,
                                 text(claims, t[i].claim), s);
        }
        if (sv_json_get(want, "advisories"))
                assert_true(sv_json_equal(sv_json_get(want, "advisories"),
                                          sv_json_pointer(claims, "/tcb/advisories")));
        if (sv_json_get(want, "debug"))
                assert_int_equal(
                        sv_json_bool(sv_json_get(want, "debug"), false),
                        sv_json_bool(sv_json_pointer(claims, "/tdattributes_bits/debug"), true));
}
