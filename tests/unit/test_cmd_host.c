/* SPDX-License-Identifier: Apache-2.0 */
/* `secure-vm host config` with two platforms that have options: the command takes those of both,
 * a platform only its own. The table of TEEs is this file's. */
#include "base/json/json.h"
#include "launcher/cli/commands.h"
#include "launcher/tees.h"
#include "tests/unit/unit.h"

static const struct sv_opt options_one[] = {{.name = "both", .arg = "X"},
                                            {.name = "only-one", .arg = "X"},
                                            {0}},
                           options_two[] = {{.name = "both", .arg = "X"},
                                            {.name = "only-two", .arg = "X"},
                                            {0}};
static char asked[256];

static int note_op(const char *op, const struct sv_json *options, bool dry, struct sv_json *plan,
                   struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        sv_json_print(options, &text);
        snprintf(asked, sizeof(asked), "%s %s", op, sv_buf_str(&text));
        return 0;
}

static const struct sv_tee tee_one = {.name = "one"}, tee_two = {.name = "two"};
static const struct sv_tee_host one = {.id = &tee_one,
                                       .host_op = note_op,
                                       .config_options = options_one},
                                two = {.id = &tee_two,
                                       .host_op = note_op,
                                       .config_options = options_two};
const struct sv_tee_host *const sv_tees_host[] = {&one, &two, NULL};

static int run_config(const struct sv_opt *opt, const char *tee, struct sv_err *err)
{
        static const struct sv_opt choose = {.name = "tee", .arg = "T"};
        const struct sv_args args = {
                .cmd = &sv_cmd_host_config, .n_opts = 2, .opts = {{&choose, tee}, {opt, "v"}}};
        SV_JSON *result = NULL;

        *asked = 0;
        return sv_cmd_host_config.run(&args, &result, err);
}

static void takes_its_own_options(void **state)
{
        struct sv_err err;

        OK(run_config(&options_one[1], "one", &err));
        assert_non_null(strstr(asked, "config {"));
        assert_non_null(strstr(asked, "only-one"));
        OK(run_config(&options_two[0], "one", &err));
        assert_non_null(strstr(asked, "both"));
        OK(run_config(&options_two[1], "two", &err));
        assert_non_null(strstr(asked, "only-two"));
}

static void refuses_those_of_others(void **state)
{
        struct sv_err err;

        FAILS(run_config(&options_two[1], "one", &err), SV_USAGE, "host.option");
        assert_non_null(strstr(err.msg, "--only-two"));
        FAILS(run_config(&options_one[1], "two", &err), SV_USAGE, "host.option");
        assert_string_equal(asked, "");
        FAILS(run_config(&options_one[1], "three", &err), SV_USAGE, "host.tee");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_its_own_options),
                cmocka_unit_test(refuses_those_of_others),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
