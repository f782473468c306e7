/* SPDX-License-Identifier: Apache-2.0 */
/* base/core/source: a file with holes, from a place in it on, and spans that end within a block. */
#include "unit.h"

#include "base/core/bytes.h"
#include "base/core/file.h"
#include "base/core/source.h"

#define BLOCK SV_SOURCE_BLOCK

static struct sv_err err;

static int make_file(void)
{
        char path[] = "/tmp/secure-vm-source-XXXXXX";
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        unlink(path);
        return fd;
}

static void expect_span(const struct sv_source *s, uint64_t at, enum sv_span kind, uint64_t end)
{
        enum sv_span found;
        uint64_t stop;

        OK(sv_source_span(s, at, &found, &stop, &err));
        assert_int_equal(found, kind);
        assert_int_equal(stop, end);
}

static void test_file(void **state)
{
        SV_FD fd = make_file();
        struct sv_source s = sv_source_file(fd, 0, 64 * BLOCK);
        uint8_t p[2 * BLOCK];

        assert_int_equal(pwrite(fd, "x", 1, 16 * BLOCK), 1);
        expect_span(&s, 0, SV_SPAN_ZERO, 16 * BLOCK);
        expect_span(&s, 16 * BLOCK, SV_SPAN_DATA, 17 * BLOCK); /* the file ends in it */
        expect_span(&s, 17 * BLOCK, SV_SPAN_ZERO, 64 * BLOCK);
        OK(s.read(&s, 16 * BLOCK, p, sizeof(p), &err));
        assert_int_equal(p[0], 'x');
        assert_true(sv_bytes_are_zero(sv_bytes(p + 1, sizeof(p) - 1)));
        s = sv_source_file(fd, 16 * BLOCK - 512, 8 * BLOCK);
        expect_span(&s, 0, SV_SPAN_DATA, BLOCK); /* its first 512 bytes are a hole */
        OK(s.read(&s, 512, p, 1, &err));
        assert_int_equal(p[0], 'x');
        s = sv_source_file(-1, 0, BLOCK);
        FAILS(s.read(&s, 0, p, 1, &err), SV_SYSTEM, "source.read");
}

/* Spans by a table, as (end, kind). */
struct row {
        uint64_t end;
        enum sv_span kind;
};

static int span_row(const struct sv_source *s, uint64_t at, enum sv_span *kind, uint64_t *end,
                    struct sv_err *e)
{
        const struct row *r = s->arg;

        while (r->end <= at)
                r++;
        *kind = r->kind;
        *end = r->end;
        return 0;
}

static void test_blocks(void **state)
{
        struct row rows[] = {{BLOCK + 1, SV_SPAN_FREE},
                             {3 * BLOCK + 5, SV_SPAN_DATA},
                             {4 * BLOCK + 9, SV_SPAN_ZERO},
                             {8 * BLOCK, SV_SPAN_FREE}};
        struct sv_source s = {.size = 8 * BLOCK, .span = span_row, .arg = rows};

        expect_span(&s, 0, SV_SPAN_FREE, BLOCK);
        expect_span(&s, BLOCK, SV_SPAN_DATA, 2 * BLOCK); /* free ends in it */
        expect_span(&s, 2 * BLOCK, SV_SPAN_DATA, 4 * BLOCK);
        expect_span(&s, 4 * BLOCK, SV_SPAN_DATA, 5 * BLOCK);
        expect_span(&s, 5 * BLOCK, SV_SPAN_FREE, 8 * BLOCK);
        s.span = NULL;
        expect_span(&s, 0, SV_SPAN_DATA, 8 * BLOCK);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_file),
                cmocka_unit_test(test_blocks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
