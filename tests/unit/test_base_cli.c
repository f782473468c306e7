/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "base/program/cli.h"
#include "base/json/json.h"
#include "base/program/terminal.h"
#include "tests/unit/unit.h"

static struct sv_args seen;

static int remember(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        seen = *args;
        *result = sv_json_object();
        sv_json_set_str(*result, "name", args->n ? args->pos[0] : "");
        if (sv_has(args, "fail"))
                return sv_fail(err, SV_PROOF, "t.proof", "it was asked not to hold");
        return 0;
}

static const struct sv_opt opts[] = {
        {"out", "FILE", "where", 'o', false},
        {"fail", NULL, "fail", 0, false},
        {"with", "X", "more", 0, true},
        {NULL, NULL, NULL, 0, false},
};
static const struct sv_cmd cmds[] = {
        {"one", "FILE", "takes one", opts, remember, .heading = "First:"},
        {"group sub", "[FILE]", "takes none or one", opts, remember, .heading = "\nSecond:"},
        {"many", "FILE...", "takes more", NULL, remember},
        {"fly", .absent = "cannot fly; walk"},
        {NULL, NULL, NULL, NULL, NULL},
};

/* Runs with standard output in a file whose text is returned; the words live until the next run.
 * Errors are looked at as --json has them. */
static const char *run(int expect, const char *words)
{
        static char text[8192], copy[1024];
        char *argv[3 * SV_ARGS_MAX] = {(char *)"prog"}, path[] = "/tmp/sv-cli-XXXXXX", *save = NULL;
        int argc = 1, saved = dup(1), fd = mkstemp(path);
        ssize_t n;

        snprintf(copy, sizeof(copy), "%s", words);
        for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
                argv[argc++] = w;
        memset(&seen, 0, sizeof(seen));
        fflush(stdout);
        dup2(fd, 1);
        n = sv_cli_main("prog", "about", cmds, argc, argv);
        fflush(stdout);
        dup2(saved, 1);
        close(saved);
        unlink(path);
        assert_int_equal(n, expect);
        n = pread(fd, text, sizeof(text) - 1, 0);
        text[n < 0 ? 0 : n] = 0;
        close(fd);
        return text;
}

static void options(void **state)
{
        run(0, "one a --out b --with x --with=y -v");
        assert_string_equal(sv_opt(&seen, "out"), "b");
        assert_string_equal(sv_opt_nth(&seen, "with", 1), "y");
        assert_null(sv_opt_nth(&seen, "with", 2));
        assert_true(sv_has(&seen, "verbose"));
        run(0, "one -o b -- --not-an-option");
        assert_string_equal(seen.pos[0], "--not-an-option");
        run(0, "group sub");
        assert_string_equal(seen.cmd->name, "group sub");
        run(0, "many a b c");
        assert_int_equal(seen.n, 3);
}

static void usage_errors(void **state)
{
        static const char *const bad[] = {
                "",
                "none",
                "one",
                "one a b",
                "one a --none",
                "one a --out",
                "one a --fail=x",
                "one a --out b --out c",
                "one a -x",
                "group",
                "group none",
                "group sub a b",
                "many",
                "one a -oo",
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                run(2, bad[i]);
        assert_non_null(strstr(run(2, "one a b --json"), "\"check\":\"cli.arguments\""));
        assert_non_null(strstr(run(2, "none --json"), "\"ok\":false"));
}

/* What was typed, what was meant; a name that nothing is near to. */
static void did_you_mean(void **state)
{
        static const char *const near[][2] = {
                {"onne a", "\\\"onne\\\" is not a command; did you mean \\\"prog one\\\"?"},
                {"group sbu",
                 "\\\"group sbu\\\" is not a command; did you mean \\\"prog group sub\\\"?"},
                {"gorup sub x", "did you mean \\\"prog group sub\\\"?"},
                {"one a --otu b",
                 "--otu is not an option of \\\"prog one\\\"; did you mean --out?"},
                {"one a --vebrose=1", "did you mean --verbose?"},
        };
        static const char *const far[] = {"x",
                                          "group",
                                          "group -x",
                                          "wholly-other a",
                                          "one a --unlike",
                                          "one a -x",
                                          "one a --"
                                          "a-name-that-is-longer-than-any-that-is-known"};
        char words[128];

        for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
                snprintf(words, sizeof(words), "%s --json", near[i][0]);
                if (!strstr(run(2, words), near[i][1]))
                        fail_msg("%s: expected %s, found %s", near[i][0], near[i][1],
                                 run(2, words));
        }
        for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
                snprintf(words, sizeof(words), "%s --json", far[i]);
                assert_null(strstr(run(2, words), "did you mean"));
        }
}

static void wrapping(void **state)
{
        static const struct {
                const char *text;
                size_t at, indent, width;
                const char *out;
        } t[] = {
                {"one two three", 0, 2, 0, "one two three"},
                {"one two three", 0, 2, 9, "one two\n  three"},
                {"one two three", 0, 2, 8, "one two\n  three"},
                {"one two three", 0, 2, 7, "one\n  two\n  three"},
                {"one two", 20, 4, 24, "one\n    two"},
                {"a word-that-is-too-long b", 0, 1, 10, "a\n word-that-is-too-long\n b"},
                {"\u00e9\u00e9 \u00e9\u00e9", 0, 0, 6, "\u00e9\u00e9 \u00e9\u00e9"},
                {"two  blanks\nstay so", 0, 0, 40, "two  blanks\nstay so"},
                {"", 5, 5, 5, ""},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF out = SV_BUF_NULL;

                sv_wrap_text(&out, t[i].text, t[i].at, t[i].indent, t[i].width);
                assert_string_equal(sv_buf_str(&out), t[i].out);
        }
}

static void one_more_than_a_line_takes(void **state)
{
        char words[1024] = "many", with[1024] = "one a";

        for (int i = 0; i < SV_ARGS_MAX; i++) {
                strcat(words, " a");
                strcat(with, " --with=x");
        }
        run(0, words);
        assert_int_equal(seen.n, SV_ARGS_MAX);
        run(0, with);
        assert_non_null(sv_opt_nth(&seen, "with", SV_ARGS_MAX - 1));
        strcat(words, " a --json");
        strcat(with, " --with=x --json");
        assert_non_null(strstr(run(2, words), "cli.arguments"));
        assert_non_null(strstr(run(2, with), "cli.option"));
        assert_non_null(strstr(run(2, "one a --none --json"), "cli.option"));
        assert_non_null(strstr(run(2, "none --json"), "cli.command"));
        assert_non_null(strstr(run(2, "--json one a"), "options come after the command"));
}

/* Results go nowhere: a full device. */
static void full_output(void **state)
{
        char *argv[] = {(char *)"prog", (char *)"one", (char *)"a", (char *)"--json", NULL};
        int saved = dup(1), full = open("/dev/full", O_WRONLY | O_CLOEXEC), n, class = 0;
        char text[512] = "", path[] = "/tmp/sv-cli-XXXXXX";
        int saved_err = dup(2), fd = mkstemp(path);

        fflush(NULL);
        dup2(full, 1);
        dup2(fd, 2);
        class = sv_cli_main("prog", "about", cmds, 4, argv);
        fflush(NULL);
        clearerr(stdout);
        dup2(saved, 1);
        dup2(saved_err, 2);
        n = (int)pread(fd, text, sizeof(text) - 1, 0);
        unlink(path);
        close(fd);
        close(full);
        close(saved);
        close(saved_err);
        assert_int_equal(class, SV_SYSTEM);
        assert_true(n > 0 && strstr(text, "[cli.stdout]"));
}

/* Said by name, whatever stands behind it; listed nowhere. */
static void absent(void **state)
{
        assert_string_equal(run(2, "fly x --far --json"),
                            "{\"ok\":false,\"error\":{\"class\":\"usage\",\"check\":\"cli.absent\","
                            "\"message\":\"fly: cannot fly; walk\"}}\n");
        assert_string_equal(run(2, "help fly"), "fly: cannot fly; walk\n");
        assert_null(strstr(run(0, "--help"), "fly"));
        assert_null(strstr(run(0, "--table"), "fly"));
}

static void results(void **state)
{
        assert_string_equal(run(0, "one a --json"), "{\"name\":\"a\",\"ok\":true}\n");
        assert_string_equal(run(5, "one a --fail --json"),
                            "{\"ok\":false,\"error\":{\"class\":\"proof\",\"check\":\"t.proof\","
                            "\"message\":\"it was asked not to hold\"},\"name\":\"a\"}\n");
        assert_non_null(strstr(run(0, "one --help"), "--out FILE"));
        assert_non_null(strstr(run(0, "--help"), "First:\n  one FILE                         takes "
                                                 "one\n\nSecond:\n  group sub"));
        assert_null(strstr(run(2, "group"), "Second:"));
        assert_non_null(strstr(run(0, "--table"), "\"argument\":\"FILE\""));
        assert_non_null(strstr(run(0, "help one"), "usage: prog one FILE"));
}

/* The version alone, for people and for programs. */
static void tells_version(void **state)
{
        assert_string_equal(run(0, "--version"), "prog " SV_VERSION "\n");
        assert_string_equal(run(0, "--version --json"),
                            "{\"program\":\"prog\",\"version\":\"" SV_VERSION "\",\"ok\":true}\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tells_version), cmocka_unit_test(options),
                cmocka_unit_test(usage_errors),  cmocka_unit_test(did_you_mean),
                cmocka_unit_test(wrapping),      cmocka_unit_test(one_more_than_a_line_takes),
                cmocka_unit_test(full_output),   cmocka_unit_test(absent),
                cmocka_unit_test(results)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
