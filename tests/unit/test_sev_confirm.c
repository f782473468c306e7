/* SPDX-License-Identifier: Apache-2.0 */
/* A report's claims, told by somebody who may lie, against its bytes. */
#include <time.h>
#include <unistd.h>

#include "tests/unit/confirm.h"
#include "tests/unit/snp_platform.h"

#include "base/core/rd.h"

static const char *const unproven[] = {"crl_checked", NULL};
static const uint8_t binding[48] = {1, 2, 3};
static char dir[64];
static struct sv_buf vek, ca, proof;
static struct sv_blob blobs[2] = {{"vek", SV_BYTES_NULL}, {"ca", SV_BYTES_NULL}};
static struct sv_verify_in in = {.report_data = {binding, 48}, .any_root = true};
static struct sv_json *claims;
static struct lies lies = {&sv_tee_verify_sev_snp, &in, {NULL, 0}, NULL, unproven, 0};

static int group_setup(void **state)
{
        SV_JSON *evidence = NULL;

        snprintf(dir, sizeof(dir), "/tmp/sv-confirm-XXXXXX");
        assert_non_null(mkdtemp(dir));
        platform_make(dir);
        platform_read("vcek.der", &vek);
        platform_read("chain.pem", &ca);
        blobs[0].data = sv_buf_bytes(&vek);
        blobs[1].data = sv_buf_bytes(&ca);
        in.collateral = (struct sv_collateral){blobs, 2, NULL};
        in.time = time(NULL);
        evidence = platform_evidence(binding);
        make_lies(&lies, evidence, &claims, &proof);
        return 0;
}

static int group_teardown(void **state)
{
        sv_buf_free(&vek);
        sv_buf_free(&ca);
        sv_buf_free(&proof);
        sv_json_free(claims);
        platform_free();
        return sv_remove_tree(dir, NULL);
}

static void what_is_claimed(void **state)
{
        claims_are_held(&lies);
        assert_true(lies.n >= 30);
        session_is_held(&lies, "snp.report_data");
}

/* The report, and the VEK, whose digest is claimed. */
static void what_is_signed(void **state)
{
        proof_is_held(&lies, AMD_REPORT + 4 + vek.n, 5);
}

/* The same report with the certificates of `order`. */
static void refuses_chain(const char *order, const char *check)
{
        struct sv_rd r = sv_rd(lies.proof);
        SV_BUF out = SV_BUF_NULL;
        struct sv_bytes certs[3];
        struct sv_err err = SV_ERR_NULL;

        sv_buf_put(&out, sv_rd_bytes(&r, AMD_REPORT));
        for (int i = 0; i < 3; i++)
                certs[i] = sv_rd_part(&r);
        for (; *order; order++)
                sv_put_part(&out, certs[*order - '0']);
        assert_int_equal(lies.tee->confirm(sv_buf_bytes(&out), &in, claims, &err), -1);
        assert_string_equal(err.check, check);
}

/* A report that is none is refused for that, not for what was left of another in its place. */
static void what_is_no_report(void **state)
{
        SV_BUF copy = SV_BUF_NULL;
        struct sv_err err;

        sv_buf_put(&copy, sv_buf_bytes(&proof));
        memset(copy.p, 0xff, 4); /* its version */
        FAILS(sv_tee_verify_sev_snp.confirm(sv_buf_bytes(&copy), &in, claims, &err), SV_FORMAT,
              "snp.report.version");
}

/* Who is no CA issues nothing, and nobody stands for another. */
static void chains(void **state)
{
        refuses_chain("021", "snp.chain.chain");
        refuses_chain("002", "snp.chain.chain");
        refuses_chain("100", "snp.chain.chain");
        refuses_chain("122", "snp.vek.extension"); /* a CA's certificate in the VEK's place */
        refuses_chain("011", "snp.chain.chain");
        refuses_chain("01", "tee.proof");
        refuses_chain("0122", "tee.proof");
        /* a root that is named, and not the one above */
        refuses_chain("000", "snp.chain.chain");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_claimed),
                cmocka_unit_test(what_is_signed),
                cmocka_unit_test(what_is_no_report),
                cmocka_unit_test(chains),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
