/* SPDX-License-Identifier: Apache-2.0 */
/* Two results of measure side by side: which input differs, and which step only one of them has. */
#include "base/json/json.h"
#include "launcher/cli/diff.h"
#include "tests/unit/unit.h"

static struct sv_err err;

static struct sv_json *json(const char *text)
{
        struct sv_json *j = NULL;

        OK(sv_json_parse(sv_bytes_str(text), "test", &j, &err));
        return j;
}

#define STEP(what, inputs)                                                     \
        "{\"register\":\"launch_digest\",\"type\":\"NORMAL\",\"what\":\"" what \
        "\",\"inputs\":{" inputs "}}"
#define RESULT(value, steps)                                                            \
        "{\"ok\":true,\"tee\":\"sev-snp\",\"measurements\":{\"launch_digest\":\"" value \
        "\"},\"steps\":[" steps "]}"
#define EVENT(type, what, digest)                                                                 \
        "{\"register\":\"pcr9\",\"type\":\"" type "\",\"what\":\"" what "\",\"sha256\":\"" digest \
        "\"}"
#define PCRS(value, steps)                                                                        \
        "{\"tee\":\"vtpm\",\"measurements\":{\"sha256\":{\"9\":\"" value "\"}},\"steps\":[" steps \
        "]}"

/* expect: the lines, NULL at the end; none: the same. */
static void differ(const char *a, const char *b, const char *const *expect)
{
        SV_JSON *ja = json(a), *jb = json(b), *rows = sv_json_array();
        size_t n = 0;

        while (expect[n])
                n++;
        if (n)
                FAILS(sv_measure_diff(ja, jb, rows, &err), SV_PROOF, "measure.differs");
        else
                OK(sv_measure_diff(ja, jb, rows, &err));
        for (size_t i = 0; i < n; i++)
                assert_string_equal(sv_json_str(sv_json_get(sv_json_at(rows, i), "text")),
                                    expect[i]);
        assert_int_equal(sv_json_len(rows), n);
        if (n)
                assert_non_null(strstr(err.msg, expect[0]));
}
#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void inputs(void **state)
{
        static const char base[] = RESULT(
                "1", STEP("firmware", "\"pages 0 to 9\":\"aa\",\"pages 10 to 19\":\"bb\"") "," STEP(
                             "hashes", "\"kernel\":\"11\""));

        differ(base, base, LINES(NULL)); /* the same */
        /* One input; the running digests of all later steps differ and say nothing. */
        differ(base,
               RESULT("2", STEP("firmware", "\"pages 0 to 9\":\"aa\",\"pages 10 to "
                                            "19\":\"cc\"") "," STEP("hashes", "\"kernel\":\"11\"")),
               LINES("launch_digest: firmware: pages 10 to 19: bb -> cc"));
        differ(base,
               RESULT("2", STEP("firmware", "\"pages 0 to 9\":\"aa\",\"pages 10 to "
                                            "19\":\"bb\"") "," STEP("hashes", "\"kernel\":\"12\","
                                                                              "\"initrd\":\"7\"")),
               LINES("launch_digest: hashes: kernel: 11 -> 12",
                     "launch_digest: hashes: initrd: nothing -> 7"));
        differ(RESULT("1", STEP("hashes", "\"kernel\":\"00112233445566778899aabbccddeeff\"")),
               RESULT("2", STEP("hashes", "")),
               LINES("launch_digest: hashes: kernel: 0011223344556677… -> nothing"));
}

/* More vCPUs, a step more or fewer, in the middle and at the end. */
static void steps(void **state)
{
        static const char one[] =
                RESULT("1", STEP("first", "") "," STEP("1 page: further", "\"rdx\":\"1\""));

        differ(one, RESULT("2", STEP("first", "") "," STEP("3 pages: further", "\"rdx\":\"1\"")),
               LINES("launch_digest: 1 page: further -> 3 pages: further"));
        differ(one, RESULT("2", STEP("first", "")),
               LINES("launch_digest: only the first has: 1 page: further"));
        differ(one,
               RESULT("2", STEP("first", "") "," STEP("between", "") "," STEP("1 page: further",
                                                                              "\"rdx\":\"2\"")),
               LINES("launch_digest: only the second has: between",
                     "launch_digest: 1 page: further: rdx: 1 -> 2"));
        differ(RESULT("2", STEP("first", "") "," STEP("between", "") "," STEP("1 page: further",
                                                                              "\"rdx\":\"2\"")),
               one,
               LINES("launch_digest: only the first has: between",
                     "launch_digest: 1 page: further: rdx: 2 -> 1"));
}

/* The same steps and other values: say so, and not that all is well. */
static void steps_silent(void **state)
{
        SV_JSON *a = json(RESULT("1", STEP("first", ""))),
                *b = json(RESULT("2", STEP("first", ""))), *rows = sv_json_array();

        FAILS(sv_measure_diff(a, b, rows, &err), SV_PROOF, "measure.differs");
        assert_non_null(strstr(err.msg, "nothing that the steps show"));
}

/* Events whose digest is their own. */
static void events(void **state)
{
        static const char base[] = PCRS(
                "1", EVENT("A", "loader", "11") "," EVENT("B", "command line \\\"x\\\"", "22"));

        differ(base,
               PCRS("2", EVENT("A", "loader", "11") "," EVENT("B", "command line \\\"y\\\"", "33")),
               LINES("pcr9: command line \"x\" -> command line \"y\""));
        differ(base,
               PCRS("2", EVENT("A", "loader", "44") "," EVENT("B", "command line \\\"x\\\"", "22")),
               LINES("pcr9: loader: digest: 11 -> 44"));
}

static void refused(void **state)
{
        SV_JSON *snp = json(RESULT("1", STEP("first", ""))),
                *pcrs = json(PCRS("1", EVENT("A", "x", "1"))), *rows = sv_json_array();
        SV_JSON *bare = json("{\"tee\":\"sev-snp\",\"measurements\":{\"launch_digest\":\"2\"}}"),
                *none = json("{\"tee\":\"sev-snp\"}");

        FAILS(sv_measure_diff(snp, pcrs, rows, &err), SV_USAGE, "measure.diff");
        FAILS(sv_measure_diff(snp, bare, rows, &err), SV_USAGE, "measure.diff");
        assert_non_null(strstr(err.msg, "--explain"));
        FAILS(sv_measure_diff(snp, none, rows, &err), SV_FORMAT, "measure.diff.member");
        assert_int_equal(sv_json_len(rows), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(inputs), cmocka_unit_test(steps),   cmocka_unit_test(steps_silent),
                cmocka_unit_test(events), cmocka_unit_test(refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
