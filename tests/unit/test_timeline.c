/* SPDX-License-Identifier: Apache-2.0 */
/* A boot as bars: where each is, and that no number of a guest's leads out of the columns. */
#include "base/core/file.h"
#include "launcher/cli/timeline.h"
#include "tests/unit/unit.h"

static struct sv_err err;

static void draw(const char *steps, size_t width, struct sv_buf *out)
{
        SV_JSON *j = NULL;

        OK(sv_json_parse(sv_bytes_str(steps), "test", &j, &err));
        sv_buf_clear(out);
        sv_timeline_put(j, width, out);
}

#define LAUNCH(name, at, ms) \
        "{\"event\":\"launch\",\"step\":\"" name "\",\"at_ms\":" at ",\"ms\":" ms "}"
#define STEP(name, state, at, ms)                                                         \
        "{\"event\":\"step\",\"step\":\"" name "\",\"state\":\"" state "\",\"at_ms\":" at \
        ",\"ms\":" ms "}"
#define RUNNING(at) "{\"event\":\"running\",\"at_ms\":" at "}"

static void whole_boot(void **state)
{
        SV_BUF text = SV_BUF_NULL;

        draw("[" LAUNCH("copy and measure", "1000", "1000") "," LAUNCH(
                     "start", "3000",
                     "2000") "," RUNNING("3000") "," STEP("network", "start", "8000",
                                                          "0") "," STEP("network", "done", "9000",
                                                                        "1000") "," STEP("open",
                                                                                         "done",
                                                                                         "11000",
                                                                                         "1500") "]",
             12, &text);
        assert_string_equal(sv_buf_str(&text), "copy and measure         1.00 s  ##\n"
                                               "start                    2.00 s   ###\n"
                                               "firmware, kernel         5.00 s     ######\n"
                                               "network                  1.00 s          ##\n"
                                               "open                     1.50 s           ###\n");
}

/* Nothing yet, nothing of use, everything at once. */
static void little(void **state)
{
        SV_BUF text = SV_BUF_NULL;

        draw("[]", 40, &text);
        assert_int_equal(text.n, 0);
        draw("[" RUNNING("5") ",{},7,\"x\"," STEP("open", "start", "9", "1") "]", 40, &text);
        assert_int_equal(text.n, 0);
        draw("[" LAUNCH("start", "0", "0") "]", 3, &text);
        assert_string_equal(sv_buf_str(&text), "start                    0.00 s  #\n");
}

/* Each line ends within the columns, whatever a guest says. */
static void hostile_numbers(void **state)
{
        static const char *const numbers[] = {
                "-1", "0", "1", "999", "100000", "9223372036854775807", "-9223372036854775808"};
        SV_BUF text = SV_BUF_NULL;

        for (size_t i = 0; i < 49; i++) {
                SV_STR steps = sv_asprintf(
                        "[" LAUNCH("start", "100", "50") "," RUNNING(
                                "100") ",{\"event\":\"step\",\"state\":\"done\",\"step\":\"open\","
                                       "\"at_ms\":%s,\"ms\":%s}]",
                        numbers[i / 7], numbers[i % 7]);

                draw(steps, 20, &text);
                for (const char *line = sv_buf_str(&text), *end; *line; line = end + 1) {
                        end = strchr(line, '\n');
                        assert_non_null(end);
                        if (memchr(line, '#', (size_t)(end - line)) == NULL || end[-1] != '#')
                                fail_msg("no bar in %s (%s)", line, steps);
                        assert_true(strcspn(strstr(line, " s  "), "\n") <= 4 + 20);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whole_boot),
                cmocka_unit_test(little),
                cmocka_unit_test(hostile_numbers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
