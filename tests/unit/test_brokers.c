/* SPDX-License-Identifier: Apache-2.0 */
/* The names of brokers: one file each, found by the rules of XDG, and wrong ones refused by name.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/cli/brokers.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/sv-brokers-XXXXXX";
static const struct sv_broker_entry entry = {(char *)"https://b:1", (char *)"sha256:00",
                                             (char *)"/k.pem"};

static int make_folder(void **state)
{
        if (!mkdtemp(dir))
                return -1;
        return setenv("XDG_CONFIG_HOME", dir, 1);
}

static int remove_folder(void **state)
{
        return sv_remove_tree(dir, NULL);
}

static void put(const char *name, const char *text)
{
        SV_STR path = sv_asprintf("%s/secure-vm/brokers/%s", dir, name);
        struct sv_err err = SV_ERR_NULL;

        OK(sv_file_write(path, 0600, sv_bytes_str(text), &err));
}

static void assert_names(const char *expected)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *names = NULL;
        SV_BUF text = SV_BUF_NULL;

        OK(sv_broker_entry_list(&names, &err));
        sv_json_print(names, &text);
        assert_string_equal(sv_buf_str(&text), expected);
}

static void come_and_go(void **state)
{
        SV_STR path = sv_asprintf("%s/secure-vm/brokers/b.json", dir);
        struct sv_err err = SV_ERR_NULL;
        SV_BROKER_ENTRY e = {0};
        struct stat st;

        assert_names("[]");
        FAILS(sv_broker_entry_read("b", &e, &err), SV_USAGE, "brokers.name");
        assert_non_null(strstr(err.msg, "known: none"));
        OK(sv_broker_entry_write("b", &entry, false, &err));
        OK(sv_broker_entry_write("a.1", &entry, true, &err));
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        put(".hidden.json", "{}");
        put("readme", "");
        put(".json", "");
        assert_names("[\"a.1\",\"b\"]");
        OK(sv_broker_entry_read("b", &e, &err));
        assert_string_equal(e.url, entry.url);
        assert_string_equal(e.pin, entry.pin);
        assert_string_equal(e.admin_key, entry.admin_key);
        FAILS(sv_broker_entry_write("b", &entry, false, &err), SV_USAGE, "brokers.exists");
        OK(sv_broker_entry_write("b", &entry, true, &err));
        OK(sv_broker_entry_remove("b", &err));
        FAILS(sv_broker_entry_remove("b", &err), SV_USAGE, "brokers.name");
        assert_non_null(strstr(err.msg, "known: a.1"));
        OK(sv_broker_entry_remove("a.1", &err));
}

/* No name leads out of the folder. */
static void wrong_names(void **state)
{
        static const char *const bad[] = {"",    "..", ".",   ".x",    "../b",
                                          "a/b", "/b", "a b", "\u00e9"};

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct sv_err err = SV_ERR_NULL;
                SV_BROKER_ENTRY e = {0};

                FAILS(sv_broker_entry_read(bad[i], &e, &err), SV_USAGE, "brokers.name");
                FAILS(sv_broker_entry_write(bad[i], &entry, true, &err), SV_USAGE, "brokers.name");
                FAILS(sv_broker_entry_remove(bad[i], &err), SV_USAGE, "brokers.name");
        }
        assert_names("[]");
}

static void wrong_files(void **state)
{
        static const struct {
                const char *text, *check;
        } t[] = {
                {"", "brokers.file"},
                {"{\"url\":\"https://b\"", "brokers.file"},
                {"{\"url\":\"https://b\",\"pin\":\"p\"}", "brokers.file.member"},
                {"{\"url\":1,\"pin\":\"p\",\"admin_key\":\"k\"}", "brokers.file.member"},
                {"{\"url\":\"u\",\"pin\":\"p\",\"admin_key\":\"k\",\"key\":\"k\"}",
                 "brokers.file.unknown"},
                {"[]", "brokers.file"},
        };
        struct sv_err err = SV_ERR_NULL;
        SV_BROKER_ENTRY e = {0};
        SV_BUF large = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                put("w.json", t[i].text);
                assert_int_equal(sv_broker_entry_read("w", &e, &err), -1);
                assert_int_equal(err.class, SV_FORMAT);
                if (strncmp(err.check, t[i].check, strlen(t[i].check)) ||
                    !strstr(err.msg, "w.json"))
                        fail_msg("%s: %s [%s]", t[i].text, err.msg, err.check);
        }
        while (large.n <= 4096)
                sv_buf_u8(&large, ' ');
        put("w.json", sv_buf_str(&large));
        FAILS(sv_broker_entry_read("w", &e, &err), SV_FORMAT, "brokers.file");
}

/* A relative folder in the variable is none; without any variable nothing is guessed. */
static void where_settings_are(void **state)
{
        SV_STR config = sv_asprintf("%s/.config", dir);
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *names = NULL;
        SV_STR home = getenv("HOME") ? sv_asprintf("%s", getenv("HOME")) : NULL;

        setenv("XDG_CONFIG_HOME", "relative", 1);
        setenv("HOME", dir, 1);
        OK(sv_broker_entry_write("h", &entry, false, &err));
        assert_names("[\"h\"]");
        setenv("XDG_CONFIG_HOME", config, 1);
        assert_names("[\"h\"]");
        unsetenv("XDG_CONFIG_HOME");
        unsetenv("HOME");
        FAILS(sv_broker_entry_list(&names, &err), SV_SYSTEM, "brokers.folder");
        FAILS(sv_broker_entry_remove("h", &err), SV_SYSTEM, "brokers.folder");
        if (home)
                setenv("HOME", home, 1);
        setenv("XDG_CONFIG_HOME", dir, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(come_and_go),
                cmocka_unit_test(wrong_names),
                cmocka_unit_test(wrong_files),
                cmocka_unit_test(where_settings_are),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
