/* SPDX-License-Identifier: Apache-2.0 */
/* A report's claims, told by somebody who may lie, against its bytes. */
#include <time.h>
#include <unistd.h>

#include "tests/unit/confirm.h"
#include "tests/unit/snp_platform.h"

#include "base/core/rd.h"
#include "base/crypto/x509.h"
#include "tee/trust-cache.h"

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

/* A chain that has held stands for itself alone, byte for byte, and for the kind of key that it was
 * shown as: the same lies are seen, and the same chains refused. */
static void chains_that_held(void **state)
{
        SV_TRUST_CACHE *cache = sv_trust_cache_new();
        SV_BUF vlek = SV_BUF_NULL;
        struct sv_err err;

        in.cache = cache;
        OK(lies.tee->confirm(lies.proof, &in, claims, &err));
        assert_int_equal(sv_trust_cache_hits(cache), 0);
        OK(lies.tee->confirm(lies.proof, &in, claims, &err));
        assert_int_equal(sv_trust_cache_hits(cache), 1);
        what_is_claimed(state);
        proof_is_held(&lies, AMD_REPORT + 4 + vek.n, 61);
        chains(state);
        sv_buf_put(&vlek, lies.proof);
        vlek.p[0x48] ^= 1 << 2; /* SIGNING_KEY of the report */
        assert_int_equal(lies.tee->confirm(sv_buf_bytes(&vlek), &in, claims, &err), -1);
        assert_string_equal(err.check, "snp.vek.extension");
        in.cache = NULL;
}

/* What does not hold leaves nothing. */
static void what_is_kept(void **state)
{
        SV_TRUST_CACHE *cache = sv_trust_cache_new();
        SV_BUF copy = SV_BUF_NULL;
        struct sv_err err;

        in.cache = cache;
        sv_buf_put(&copy, lies.proof);
        copy.p[0x50] ^= 1; /* of the report data */
        for (int i = 0; i < 2; i++)
                assert_int_equal(lies.tee->confirm(sv_buf_bytes(&copy), &in, claims, &err), -1);
        assert_int_equal(sv_trust_cache_hits(cache), 0);
        in.cache = NULL;
}

/* A root by its digest, in PEM and in DER; nothing is read of others. */
static void roots_by_name(void **state)
{
        SV_CERTS chain = {0};
        SV_BUF der = SV_BUF_NULL;
        char root[65], leaf[65];
        bool found = false;
        struct sv_err err;

        OK(sv_certs_parse(sv_buf_bytes(&ca), &chain, "test", &err));
        OK(sv_cert_der(chain.list[1], &der, &err));
        OK(sv_sha256_hex(sv_buf_bytes(&der), root, &err));
        OK(sv_sha256_hex(sv_buf_bytes(&vek), leaf, &err));
        OK(sv_certs_name(sv_buf_bytes(&ca), leaf, &found, "test", &err));
        OK(sv_certs_name(sv_buf_bytes(&ca), NULL, &found, "test", &err));
        assert_false(found);
        OK(sv_certs_name(sv_buf_bytes(&ca), root, &found, "test", &err));
        assert_true(found);
        OK(sv_certs_name(sv_buf_bytes(&ca), leaf, &found, "test", &err));
        assert_true(found); /* it stays */
        found = false;
        OK(sv_certs_name(sv_buf_bytes(&der), root, &found, "test", &err));
        assert_true(found);
        FAILS(sv_certs_name(sv_bytes_str("no certificate"), root, &found, "test", &err), SV_FORMAT,
              "test");
        FAILS(sv_certs_name(SV_BYTES_NULL, root, &found, "test", &err), SV_FORMAT, "test");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(chains_that_held), cmocka_unit_test(roots_by_name),
                cmocka_unit_test(what_is_kept),     cmocka_unit_test(what_is_claimed),
                cmocka_unit_test(what_is_signed),   cmocka_unit_test(what_is_no_report),
                cmocka_unit_test(chains),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
