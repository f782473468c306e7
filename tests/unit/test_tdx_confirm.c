/* SPDX-License-Identifier: Apache-2.0 */
/* A quote's claims, told by somebody who may lie, against its bytes: a real TD's. */
#include "tests/unit/confirm.h"
#include "tests/unit/tdx_vectors.h"

#include "base/core/rd.h"
#include "base/core/text.h"
#include "tdx/tee.h"

#define HEADER 48
#define BODY   584
/* signature, attestation key, type and size, the quoting enclave's report and its signature */
#define SIGNED (4 + HEADER + BODY + 4 + 64 + 64 + 6 + 384 + 64)

static const char *const unproven[] = {"tcb", "event_log", NULL};
static struct collateral c;
static struct sv_verify_in in;
static struct sv_buf proof;
static struct sv_json *claims;
static struct lies lies = {&sv_tee_verify_tdx, &in, {NULL, 0}, NULL, unproven, 0};

static int group_setup(void **state)
{
        SV_JSON *evidence = evidence_of("quotes/gtg-cos113.bin");

        add_folder(&c, "collateral/00806f-2025-07");
        in.collateral = (struct sv_collateral){c.blobs, c.n, NULL};
        OK(sv_parse_time("2025-07-22T00:00:00Z", &in.time, "test.time", &err));
        make_lies(&lies, evidence, &claims, &proof);
        return 0;
}

static int group_teardown(void **state)
{
        drop(&c);
        sv_buf_free(&proof);
        sv_json_free(claims);
        return 0;
}

static void what_is_claimed(void **state)
{
        claims_are_held(&lies);
        assert_true(lies.n >= 20);
        session_is_held(&lies, "tdx.report_data");
}

static void what_is_signed(void **state)
{
        proof_is_held(&lies, SIGNED, 3);
}

/* The chain of certificates: each byte of what is signed counts, and its order. */
static void chains(void **state)
{
        struct sv_rd r = sv_rd(lies.proof);
        struct sv_bytes quote = sv_rd_part(&r), certs[3];
        static const char *const orders[] = {"021", "002", "122", "011", "01", "0122", "000"};

        for (int i = 0; i < 3; i++)
                certs[i] = sv_rd_part(&r);
        for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
                SV_BUF out = SV_BUF_NULL;

                sv_put_part(&out, quote);
                for (const char *o = orders[i]; *o; o++)
                        sv_put_part(&out, certs[*o - '0']);
                if (lies.tee->confirm(sv_buf_bytes(&out), &in, claims, &err) == 0)
                        fail_msg("the certificates %s lead to the root", orders[i]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_claimed),
                cmocka_unit_test(what_is_signed),
                cmocka_unit_test(chains),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
