/* SPDX-License-Identifier: Apache-2.0 */
/* What a cluster is told of a guest, of each status that a keeper shows. */
#include "launcher/ha/state.h"
#include "tests/unit/unit.h"

static struct sv_err err;

#define POLICY "\"error\":{\"class\":\"policy\",\"check\":\"policy.pcr.4\",\"message\":\"no\"}"
#define PROOF  "\"error\":{\"class\":\"proof\",\"check\":\"disk.in-use\",\"message\":\"in use\"}"
#define SYSTEM "\"error\":{\"class\":\"system\",\"check\":\"launch.ended\",\"message\":\"gone\"}"

static const struct {
        const char *status, *word, *reason;
} cases[] = {
        {"{\"state\":\"starting\"}", "runs", ""},
        {"{\"state\":\"running\"}", "runs", ""},
        {"{\"state\":\"unlocked\"}", "runs", ""},
        {"{\"state\":\"running\"," SYSTEM "}", "runs", "gone [launch.ended]"},
        {"{\"state\":\"running\"," POLICY "}", "refused", "no [policy.pcr.4]"},
        {"{\"state\":\"failed\"," POLICY "}", "refused", "no [policy.pcr.4]"},
        {"{\"state\":\"failed\"," PROOF "}", "refused", "in use [disk.in-use]"},
        {"{\"state\":\"failed\"," SYSTEM "}", "off", "gone [launch.ended]"},
        {"{\"state\":\"failed\"}", "off", "failed"},
        {"{\"state\":\"killed\"}", "off", "killed"},
        {"{\"state\":\"stopped\"}", "off", "stopped"},
        {"{\"state\":\"paused\",\"paused_for\":\"asked\"}", "runs", "paused: asked"},
        {"{\"state\":\"paused\",\"paused_for\":\"other\"}", "runs", "paused: other"},
        {"{\"state\":\"paused\"}", "runs", "paused: asked"},
        {"{\"state\":\"paused\",\"paused_for\":\"disk\"}", "stuck", "paused: disk"},
        {"{\"state\":\"paused\",\"paused_for\":\"watchdog\"}", "stuck", "paused: watchdog"},
        {"{\"state\":\"of a newer version\"}", "off", "of a newer version"},
        {"{}", "off", ""},
};

static void each_status(void **state)
{
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                SV_JSON *status = NULL;
                SV_BUF reason = SV_BUF_NULL;

                OK(sv_json_parse(sv_bytes_str(cases[i].status), "test", &status, &err));
                print_message("%s\n", cases[i].status);
                assert_string_equal(sv_ha_state_word(sv_ha_judge(status, &reason)), cases[i].word);
                assert_string_equal(sv_buf_str(&reason), cases[i].reason);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(each_status)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
