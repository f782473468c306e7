/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier keeps of TDX platforms: the answers of test_tdx_tee.c are the same with it; here,
 * what is kept, when, and for whom. */
#include <malloc.h>

#include "tests/unit/evidence.h"
#include "base/core/text.h"
#include "tdx/verify/cached.h"
#include "tdx/tee.h"
#include "tdx/verify/tee.h"
#include "tests/unit/tdx_vectors.h"

#define REAL "quotes/gtg-cos113.bin"
#define THEN "2025-07-22T00:00:00Z"

/* One verification and whether it found what it needed. */
static bool warm(struct sv_trust_cache *m, const struct sv_json *evidence,
                 const struct collateral *c, const char *at, const char *check)
{
        struct sv_verify_in in = {.collateral = {c->blobs, c->n}, .cache = m};
        uint64_t before = sv_trust_cache_hits(m);
        SV_JSON *claims = NULL;

        OK(sv_parse_time(at, &in.time, "test.time", &err));
        if (check)
                FAILS(verify_json(&sv_tee_verify_tdx, evidence, &in, &claims, &err), SV_PROOF,
                      check);
        else
                OK(verify_json(&sv_tee_verify_tdx, evidence, &in, &claims, &err));
        return sv_trust_cache_hits(m) > before;
}

static void kept_by_its_bytes(void **state)
{
        struct collateral a = {.n = 0}, b = {.n = 0};
        SV_TRUST_CACHE *m = sv_trust_cache_new();
        SV_JSON *evidence = evidence_of(REAL);
        SV_BUF lesson = SV_BUF_NULL;

        add_folder(&a, "collateral/00806f-2025-07");
        add_folder(&b, "collateral/00806f-2025-02");
        /* What does not hold is not kept; what does is, and refuses by the same names. */
        assert_false(warm(m, evidence, &a, "2035-01-01T00:00:00Z", "tdx.pck.crl"));
        assert_false(sv_trust_cache_share(m, &lesson));
        assert_false(warm(m, evidence, &a, THEN, NULL));
        assert_true(warm(m, evidence, &a, THEN, NULL));
        assert_true(warm(m, evidence, &a, "2035-01-01T00:00:00Z", "tdx.pck.crl"));
        assert_true(warm(m, evidence, &a, THEN, NULL));
        /* Each part changed in one bit is something else, and is refused as it is without a memory.
         */
        for (size_t i = 0; i < a.n; i++) {
                struct sv_verify_in in = {.collateral = {a.blobs, a.n}};
                struct sv_err cold = SV_ERR_NULL;
                SV_JSON *claims = NULL;

                a.raw[i].p[a.raw[i].n / 2] ^= 1;
                OK(sv_parse_time(THEN, &in.time, "test.time", &err));
                if (verify_json(&sv_tee_verify_tdx, evidence, &in, &claims, &cold) < 0) {
                        in.cache = m;
                        FAILS(verify_json(&sv_tee_verify_tdx, evidence, &in, &claims, &err),
                              cold.class, cold.check);
                } else {
                        fail_msg("%s with a bit flipped was accepted", a.blobs[i].kind);
                }
                a.raw[i].p[a.raw[i].n / 2] ^= 1;
                assert_true(warm(m, evidence, &a, THEN, NULL));
        }
        /* Other collateral takes this platform's place. */
        assert_false(warm(m, evidence, &b, THEN, "tdx.pck.crl"));
        assert_true(warm(m, evidence, &a, THEN, NULL));
        assert_false(warm(m, evidence, &b, "2025-02-28T03:44:50Z", NULL));
        assert_false(warm(m, evidence, &a, THEN, NULL));
        /* An anchor more is another question. */
        add(&a, "sgx-root", "../tdx/collateral/00806f-2025-07/tcb_info_chain.pem");
        assert_false(warm(m, evidence, &a, THEN, NULL));
        drop(&a);
        drop(&b);
}

/* A guest may put certificates of its own into its chain. They prove nothing, and nobody keeps
 * them. */
static void guests_certificates(void **state)
{
        struct collateral c = {.n = 0};
        SV_TRUST_CACHE *m = sv_trust_cache_new();
        SV_JSON *evidence = sv_json_object();
        SV_BUF raw = SV_BUF_NULL, more = SV_BUF_NULL, chain = SV_BUF_NULL;
        struct sv_quote q;
        size_t at, n;

        assert_true(load(REAL, &raw));
        assert_true(load("collateral/00806f-2025-07/tcb_info_chain.pem", &chain));
        add_folder(&c, "collateral/00806f-2025-07");
        OK(sv_quote_parse(sv_buf_bytes(&raw), &q, &err));
        at = (size_t)(q.pck_chain.p - raw.p);
        n = chain.n;
        /* Behind the chain; the sizes around it grow: certification data of type 5, and what holds
         * it of type 6. */
        sv_buf_put(&more, sv_bytes(raw.p, at + q.pck_chain.n));
        sv_buf_put(&more, sv_buf_bytes(&chain));
        for (size_t k = 0; k < 3; k++) {
                /* signature data; its certification data; the inner one */
                const size_t places[3] = {636 - 4, 636 + 128 + 2, at - 4};
                uint8_t *p = more.p + places[k];
                uint32_t size = (uint32_t)(p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24) +
                                (uint32_t)n;

                for (int i = 0; i < 4; i++)
                        p[i] = (uint8_t)(size >> 8 * i);
        }
        if (q.pck_chain.p + q.pck_chain.n < raw.p + raw.n && !raw.p[at + q.pck_chain.n])
                sv_buf_u8(&more, 0);
        sv_json_set_b64(evidence, "quote", sv_buf_bytes(&more));
        assert_false(warm(m, evidence, &c, THEN, NULL));
        assert_false(warm(m, evidence, &c, THEN, NULL));
        assert_false(sv_trust_cache_share(m, &chain));
        drop(&c);
}

/* What one memory tells, another proves anew, at its own time, and then knows. */
static void learned(void **state)
{
        struct collateral c = {.n = 0};
        SV_TRUST_CACHE *m = sv_trust_cache_new(), *other = sv_trust_cache_new();
        SV_JSON *evidence = evidence_of(REAL);
        SV_BUF raw = SV_BUF_NULL;
        SV_SHARED_ENTRY l = {.list = NULL};
        int64_t time;

        add_folder(&c, "collateral/00806f-2025-07");
        assert_false(warm(m, evidence, &c, THEN, NULL));
        assert_true(sv_trust_cache_share(m, &raw));
        OK(sv_shared_read(sv_buf_bytes(&raw), &l, &err));
        assert_string_equal(l.tee, sv_tee_tdx.name);
        OK(sv_parse_time("2035-01-01T00:00:00Z", &time, "test.time", &err));
        FAILS(sv_tdx_cache_accept(other, &l.what, time, &err), SV_PROOF, "tdx.pck.crl");
        assert_false(warm(other, evidence, &c, "2035-01-01T00:00:00Z", "tdx.pck.crl"));
        OK(sv_parse_time(THEN, &time, "test.time", &err));
        for (size_t i = 0; i < l.what.n; i++) { /* one part changed: not learned, whoever says so */
                uint8_t *p = (uint8_t *)(uintptr_t)l.list[i].data.p + l.list[i].data.n / 2;

                *p ^= 1;
                assert_int_equal(sv_tdx_cache_accept(other, &l.what, time, &err), -1);
                *p ^= 1;
        }
        sv_buf_clear(&raw);
        assert_false(sv_trust_cache_share(other, &raw));
        sv_buf_clear(&raw);
        sv_shared_free(&l);
        assert_false(warm(other, evidence, &c, THEN, NULL));
        assert_true(sv_trust_cache_share(other, &raw));
        OK(sv_shared_read(sv_buf_bytes(&raw), &l, &err));
        sv_trust_cache_freep(&m);
        m = sv_trust_cache_new();
        OK(sv_tdx_cache_accept(m, &l.what, time, &err));
        assert_true(warm(m, evidence, &c, THEN, NULL));
        drop(&c);
}

static size_t in_use(void)
{
        struct mallinfo2 i = mallinfo2();

        return i.uordblks + i.hblkhd;
}

static void ten_thousand(void **state)
{
        struct collateral c = {.n = 0};
        SV_TRUST_CACHE *m = sv_trust_cache_new();
        SV_JSON *evidence = evidence_of(REAL);
        size_t before = 0;

        add_folder(&c, "collateral/00806f-2025-07");
        for (int i = 0; i < 10000; i++) {
                warm(m, evidence, &c, i % 100 ? THEN : "2035-01-01T00:00:00Z",
                     i % 100 ? NULL : "tdx.pck.crl");
                if (i == 200)
                        before = in_use();
        }
        /* for each half of the least that malloc gives; what it keeps at hand itself varies */
        if (in_use() > before + 16 * 9800)
                fail_msg("%zu bytes were in use, now %zu", before, in_use());
        /* but for the first that holds, and the refusal before it */
        assert_int_equal(sv_trust_cache_hits(m), 10000 - 2);
        drop(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(kept_by_its_bytes),
                cmocka_unit_test(guests_certificates),
                cmocka_unit_test(learned),
                cmocka_unit_test(ten_thousand),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
