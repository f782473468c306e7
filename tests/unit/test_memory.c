/* SPDX-License-Identifier: Apache-2.0 */
/* What verifiers keep: found by all its bytes, one place for each platform, bounded; and what goes
 * from process to process. */
#include "tests/unit/unit.h"

#include "base/core/limits.h"
#include "tee/trust-cache.h"

static struct sv_err err;
static int alive; /* states that were made and not dropped */

static void drop(void *state)
{
        alive -= *(int *)state;
}

static struct sv_blob blob(const char *kind, const char *data)
{
        struct sv_blob b = {.data = sv_bytes_str(data)};

        memcpy(b.kind, kind, strlen(kind));
        return b;
}

static struct sv_cached *make(const char *tee, const struct sv_blob *list, size_t n)
{
        const struct sv_collateral what = {list, n};
        struct sv_cached *k = sv_cached_new(tee, &what, sizeof(int), drop, &err);

        assert_non_null(k);
        *(int *)k->state = 1;
        alive++;
        return k;
}

static void keep(struct sv_trust_cache *m, const char *tee, const struct sv_blob *list, size_t n,
                 unsigned platform)
{
        uint8_t id[32] = {(uint8_t)platform, (uint8_t)(platform >> 8)};

        sv_trust_cache_keep(m, make(tee, list, n), id);
}

static bool has(struct sv_trust_cache *m, const char *tee, const struct sv_blob *list, size_t n)
{
        const struct sv_collateral what = {list, n};

        return sv_trust_cache_find(m, tee, &what) != NULL;
}

static void by_all_its_bytes(void **state)
{
        const struct sv_blob a[] = {blob("chain", "one"), blob("list", "two"),
                                    blob("root", "three")};
        SV_TRUST_CACHE *m = sv_trust_cache_new();
        char text[] = "one";
        struct sv_blob b[3];

        (void)state;
        memcpy(b, a, sizeof(b));
        b[0].data = sv_bytes(text, 3);
        keep(m, "x", b, 3, 1);
        text[0] = '?'; /* it has a copy */
        assert_true(has(m, "x", a, 3));
        assert_false(has(m, "y", a, 3));
        assert_false(has(m, "x", a, 2));
        for (int i = 0; i < 3; i++) {
                memcpy(b, a, sizeof(b));
                b[i] = blob(a[i].kind, "One");
                assert_false(has(m, "x", b, 3));
                b[i] = blob("other", (const char *)a[i].data.p);
                assert_false(has(m, "x", b, 3));
                memcpy(b, a, sizeof(b)); /* the same bytes under another cut */
                b[i].data.n--;
                assert_false(has(m, "x", b, 3));
                memcpy(b, a, sizeof(b)); /* another order */
                b[i] = a[(i + 1) % 3];
                b[(i + 1) % 3] = a[i];
                assert_false(has(m, "x", b, 3));
        }
        assert_int_equal(sv_trust_cache_hits(m), 1);
        assert_int_equal(sv_trust_cache_hits(NULL), 0);
        assert_false(has(NULL, "x", a, 3));
}

static void one_place_for_a_platform(void **state)
{
        const struct sv_blob a = blob("chain", "a"), b = blob("chain", "b"), c = blob("chain", "c");
        SV_TRUST_CACHE *m = sv_trust_cache_new();

        (void)state;
        keep(m, "x", &a, 1, 1);
        keep(m, "x", &b, 1, 2);
        keep(m, "y", &a, 1, 1); /* another TEE's */
        keep(m, "x", &c, 1, 1);
        assert_false(has(m, "x", &a, 1));
        assert_true(has(m, "x", &b, 1) && has(m, "x", &c, 1) && has(m, "y", &a, 1));
        assert_int_equal(alive, 3);
}

/* However many come, those in use stay, and all that went was dropped. */
static void bounded(void **state)
{
        const struct sv_blob mine = blob("chain", "mine");
        SV_TRUST_CACHE *m = sv_trust_cache_new();

        (void)state;
        keep(m, "x", &mine, 1, 0xffff);
        for (unsigned i = 0; i < 10000; i++) {
                char text[16];
                struct sv_blob other;

                snprintf(text, sizeof(text), "%u", i);
                other = blob("chain", text);
                keep(m, "x", &other, 1, i);
                assert_true(has(m, "x", &mine, 1));
                assert_true(has(m, "x", &other, 1));
        }
        assert_int_equal(alive, SV_TRUST_CACHE_ENTRIES_MAX);
        sv_trust_cache_freep(&m);
        assert_int_equal(alive, 0);
}

static struct sv_blob number(char text[16], unsigned i)
{
        snprintf(text, 16, "%u", i);
        return blob("chain", text);
}

/* At every place of a full memory: the one that goes is the one that nobody asked for. */
static void the_oldest_goes(void **state)
{
        (void)state;
        for (unsigned at = 0; at < SV_TRUST_CACHE_ENTRIES_MAX; at++) {
                SV_TRUST_CACHE *m = sv_trust_cache_new();
                char text[16];
                struct sv_blob b;

                for (unsigned i = 0; i < SV_TRUST_CACHE_ENTRIES_MAX; i++) {
                        b = number(text, i);
                        keep(m, "x", &b, 1, i);
                }
                for (unsigned i = 0; i < SV_TRUST_CACHE_ENTRIES_MAX; i++) {
                        b = number(text, i);
                        assert_true(i == at || has(m, "x", &b, 1));
                }
                b = number(text, SV_TRUST_CACHE_ENTRIES_MAX);
                keep(m, "x", &b, 1, SV_TRUST_CACHE_ENTRIES_MAX);
                for (unsigned i = 0; i <= SV_TRUST_CACHE_ENTRIES_MAX; i++) {
                        b = number(text, i);
                        assert_int_equal(has(m, "x", &b, 1), i != at);
                }
        }
        assert_int_equal(alive, 0);
}

static void bounded_in_size(void **state)
{
        SV_TRUST_CACHE *m = sv_trust_cache_new();
        SV_BUF large = SV_BUF_NULL;
        struct sv_blob b = blob("chain", "");

        (void)state;
        assert_non_null(sv_buf_grow(&large, SV_TRUST_CACHE_ENTRY_MAX + 1));
        b.data = sv_buf_bytes(&large);
        keep(m, "x", &b, 1, 0);
        assert_false(has(m, "x", &b, 1)); /* too large: used, not kept */
        assert_int_equal(alive, 0);
        b.data.n = SV_TRUST_CACHE_ENTRY_MAX / 2;
        for (unsigned i = 0; i < 100; i++)
                keep(m, "x", &b, 1, i);
        /* each has a few bytes of its own */
        assert_int_equal(alive, SV_TRUST_CACHE_SIZE_MAX / (SV_TRUST_CACHE_ENTRY_MAX / 2) - 1);
        keep(NULL, "x", &b, 1, 0);
        sv_trust_cache_freep(&m);
        assert_int_equal(alive, 0);
}

static void lessons(void **state)
{
        const struct sv_blob a[] = {blob("chain", "one"), blob("list", "")};
        SV_TRUST_CACHE *m = sv_trust_cache_new();
        SV_BUF raw = SV_BUF_NULL;
        SV_SHARED_ENTRY l = {.list = NULL};

        (void)state;
        assert_false(sv_trust_cache_share(m, &raw));
        keep(m, "x", a, 2, 1);
        assert_true(sv_trust_cache_share(m, &raw));
        OK(sv_shared_read(sv_buf_bytes(&raw), &l, &err));
        assert_string_equal(l.tee, "x");
        assert_true(has(m, l.tee, l.what.list, l.what.n));
        for (size_t n = 0; n < raw.n; n++) {
                SV_SHARED_ENTRY cut = {.list = NULL};

                FAILS(sv_shared_read(sv_bytes(raw.p, n), &cut, &err), SV_FORMAT, "lesson.size");
                assert_null(cut.list);
        }
        sv_shared_free(&l);
        sv_buf_u8(&raw, 0);
        FAILS(sv_shared_read(sv_buf_bytes(&raw), &l, &err), SV_FORMAT, "lesson.size");
        raw.n--;
        raw.p[33] = 1; /* 258 parts */
        FAILS(sv_shared_read(sv_buf_bytes(&raw), &l, &err), SV_FORMAT, "lesson.kinds");
        raw.p[33] = 0;
        raw.p[31] = 'x';
        FAILS(sv_shared_read(sv_buf_bytes(&raw), &l, &err), SV_FORMAT, "lesson.name");
        raw.p[31] = 0;
        raw.p[36 + 31] = 'x';
        FAILS(sv_shared_read(sv_buf_bytes(&raw), &l, &err), SV_FORMAT, "lesson.name");
        sv_buf_clear(&raw);
        assert_false(sv_trust_cache_share(m, &raw)); /* told */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(by_all_its_bytes), cmocka_unit_test(one_place_for_a_platform),
                cmocka_unit_test(bounded),          cmocka_unit_test(bounded_in_size),
                cmocka_unit_test(the_oldest_goes),  cmocka_unit_test(lessons),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
