/* SPDX-License-Identifier: Apache-2.0 */
/* docs/guest.schema.json names the TEEs of the tables, and no others. */
#include "tests/unit/unit.h"

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/json/json.h"
#include "launcher/tees.h"

static struct sv_err err;

static void test_schema_names_the_tees(void **state)
{
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *schema = NULL;
        const struct sv_json *names;
        char path[1024];
        size_t n = 0;

        (void)state;
        snprintf(path, sizeof(path), "%s/docs/guest.schema.json", getenv("SV_SOURCE"));
        OK(sv_file_read(path, SV_JSON_SIZE_MAX, &text, "test", &err));
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &schema, &err));
        names = sv_json_pointer(schema, "/properties/tee/enum");
        assert_string_equal(sv_json_str(sv_json_at(names, 0)), "auto");
        for (; sv_tees_host[n]; n++)
                assert_string_equal(sv_json_str(sv_json_at(names, n + 1)),
                                    sv_tees_host[n]->id->name);
        assert_int_equal(sv_json_len(names), n + 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_schema_names_the_tees)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
