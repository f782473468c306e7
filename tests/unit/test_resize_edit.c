/* SPDX-License-Identifier: Apache-2.0 */
/* The guest file of another size: its two numbers, and nothing else of its text. */
#include "base/core/file.h"
#include "launcher/cli/resize-edit.h"
#include "tests/unit/unit.h"

static void edits(void **state)
{
        static const struct {
                const char *text, *vcpus, *memory, *after;
        } t[] = {
                {"{\"name\": \"g\", \"vcpus\": 2,\n \"memory\": \"1GiB\"}", "4", NULL,
                 "{\"name\": \"g\", \"vcpus\": 4,\n \"memory\": \"1GiB\"}"},
                {"{\"name\": \"g\", \"vcpus\": 2,\n \"memory\": \"1GiB\"}", NULL, "2GiB",
                 "{\"name\": \"g\", \"vcpus\": 2,\n \"memory\": \"2GiB\"}"},
                {"{\"memory\":1073741824}", NULL, "2GiB", "{\"memory\":\"2GiB\"}"},
                {"{\n  \"name\": \"g\"\n}", "4", "2GiB",
                 "{\n  \"memory\": \"2GiB\",\n  \"vcpus\": 4,\n  \"name\": \"g\"\n}"},
                {"{\"name\":\"g\"}", "4", NULL, "{\"vcpus\": 4, \"name\":\"g\"}"},
                /* only its own, not one of the same name below */
                {"{\"tees\": {\"memory\": 1}, \"name\": \"{\"}", NULL, "1GiB",
                 "{\"memory\": \"1GiB\", \"tees\": {\"memory\": 1}, \"name\": \"{\"}"},
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_guest g = {.text = (char *)t[i].text};
                SV_BUF out = SV_BUF_NULL;

                OK(sv_resize_edit(&g, t[i].vcpus, t[i].memory, &out, &err));
                assert_string_equal(sv_buf_str(&out), t[i].after);
        }
}

static void values(void **state)
{
        static const struct {
                const char *vcpus, *memory;
        } t[] = {{"0", NULL},          {"none", NULL}, {"2,\"tee\":1", NULL}, {"-1", NULL},
                 {"4294967296", NULL}, {NULL, "much"}, {NULL, "1GB,"},        {NULL, ""}};
        struct sv_guest g = {.text = (char *)"{}"};
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF out = SV_BUF_NULL;

                FAILS(sv_resize_edit(&g, t[i].vcpus, t[i].memory, &out, &err), SV_USAGE,
                      "resize.value");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(edits), cmocka_unit_test(values)};

        return cmocka_run_group_tests_name("resize-edit", tests, NULL, NULL);
}
