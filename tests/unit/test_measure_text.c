/* SPDX-License-Identifier: Apache-2.0 */
/* What measure prints for people: short, whole, and as a tree. */

#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/cli/measure-text.h"
#include "tests/unit/unit.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char values[] = "{\"measurements\":{\"sha256\":{\"0\":\"" HEX
                             "\",\"8\":\"0000\"},\"sha384\":{\"0\":\"ab\"}},"
                             "\"unpredicted\":[]%s}";
static const char steps[] =
        ",\"steps\":[{\"register\":\"pcr0\",\"type\":\"T1\",\"what\":\"one\",\"sha256\":\"" HEX
        "\"},{\"register\":\"pcr4\",\"type\":\"T2\",\"what\":\"two\",\"sha384\":\"" HEX
        "\"},{\"register\":\"pcr0\",\"type\":\"T3\",\"what\":\"three\",\"sha256\":\"cd\","
        "\"inputs\":{%s}}]";

/* What the function writes to standard output. */
static void print_to(struct sv_buf *out, const char *text, bool all)
{
        struct sv_err err = SV_ERR_NULL;
        char name[] = "/tmp/svt-XXXXXX";
        SV_FD file = mkstemp(name), kept = -1;
        SV_JSON *j = NULL;

        OK(sv_json_parse(sv_bytes_str(text), "test", &j, &err));
        fflush(stdout);
        kept = dup(1);
        assert_int_equal(dup2(file, 1), 1);
        sv_measure_print(j, all);
        fflush(stdout);
        assert_int_equal(dup2(kept, 1), 1);
        lseek(file, 0, SEEK_SET);
        OK(sv_fd_read(file, name, 1u << 20, out, "test", &err));
        unlink(name);
}

static void prints(const char *text, bool all, const char *expected)
{
        SV_BUF out = SV_BUF_NULL;

        print_to(&out, text, all);
        assert_string_equal(sv_buf_str(&out), expected);
}

static void short_and_whole(void **state)
{
        SV_STR text = sv_asprintf(values, "");

        prints(text, false, "sha256.0 " HEX "\n");
        prints(text, true, "sha256.0 " HEX "\nsha256.8 0000\nsha384.0 ab\n");
}

#define FIRST "0123456789abcdef…"

static void a_tree(void **state)
{
        SV_STR few = sv_asprintf(steps, "\"a\":\"1\",\"b\":\"" HEX "\"");
        SV_STR text = sv_asprintf(values, few);

        prints(text, false,
               "pcr0 " FIRST "\n"
               "├─ one " FIRST " T1\n"
               "└─ three cd T3\n"
               "   ├─ a 1\n"
               "   └─ b " FIRST "\n"
               "pcr4 (not predicted)\n"
               "└─ two " FIRST " T2\n");
        prints(text, true,
               "pcr0 " HEX "\n"
               "├─ one " HEX " T1\n"
               "└─ three cd T3\n"
               "   ├─ a 1\n"
               "   └─ b " HEX "\n"
               "pcr4 (not predicted)\n"
               "└─ two " HEX " T2\n"
               "sha256.0 " HEX "\nsha256.8 0000\nsha384.0 ab\n");
}

static void many_inputs(void **state)
{
        static const struct {
                unsigned n;
                const char *last, *not ;
        } t[] = {{9, "   └─ i9 x\n", "more"}, {10, "   ├─ i8 x\n   └─ … 2 more (--all)\n", "i9"}};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF inputs = SV_BUF_NULL;
                SV_BUF out = SV_BUF_NULL;
                SV_STR with = NULL;
                SV_STR text = NULL;

                for (unsigned k = 1; k <= t[i].n; k++)
                        sv_buf_printf(&inputs, "%s\"i%u\":\"x\"", k > 1 ? "," : "", k);
                with = sv_asprintf(steps, sv_buf_str(&inputs));
                text = sv_asprintf(values, with);
                print_to(&out, text, false);
                assert_non_null(strstr(sv_buf_str(&out), t[i].last));
                assert_null(strstr(sv_buf_str(&out), t[i].not ));
                sv_buf_clear(&out);
                print_to(&out, text, true);
                assert_non_null(strstr(sv_buf_str(&out), "└─ i"));
                assert_null(strstr(sv_buf_str(&out), "more"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(short_and_whole),
                cmocka_unit_test(a_tree),
                cmocka_unit_test(many_inputs),
        };

        sv_log_init("test", -1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
