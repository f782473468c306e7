/* SPDX-License-Identifier: Apache-2.0 */
/* Guests under their names: a copy that names its folder, found by its name wherever a file is
 * taken, and what is refused leaves all as it was. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/cli/defined.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/sv-defined-XXXXXX";
static struct sv_err err;

#define NOBODY 65534

static int make_folder(void **state)
{
        return mkdtemp(dir) && chdir(dir) == 0 ? setenv("SECURE_VM_DIR", dir, 1) : -1;
}

static int remove_folder(void **state)
{
        return chdir("/") == 0 ? sv_remove_tree(dir, NULL) : -1;
}

static void put(const char *name, const char *text)
{
        OK(sv_file_write(name, 0600, sv_bytes_str(text), &err));
}

static void define(const char *text, bool replace)
{
        SV_GUEST g = {0};

        put("g.json", text);
        OK(sv_guest_read("g.json", &g, &err));
        OK(sv_defined_write(&g, replace, &err));
}

/* The defined file; `before` stands in front of the folder's name and `after` behind it. */
static void assert_file(const char *name, const char *before, const char *folder, const char *after)
{
        SV_STR path = sv_asprintf(".guests/%s.json", name);
        SV_STR expected = sv_asprintf("%s%s%s", before, folder, after);
        SV_BUF text = SV_BUF_NULL;

        OK(sv_file_read(path, 4096, &text, "test", &err));
        assert_string_equal(sv_buf_str(&text), expected);
}

static void assert_defined(const char *expected)
{
        SV_JSON *names = NULL;
        SV_BUF text = SV_BUF_NULL;

        OK(sv_defined_list(&names, &err));
        sv_json_print(names, &text);
        assert_string_equal(sv_buf_str(&text), expected);
}

static void come_and_go(void **state)
{
        SV_STR kernel = sv_asprintf("%s/k", dir);
        SV_GUEST g = {0};
        SV_GUEST other = {0};
        struct stat st;

        assert_defined("[]");
        FAILS(sv_defined_read("web", &g, &err), SV_USAGE, "defined.name");
        assert_non_null(strstr(err.msg, "(defined: none)"));
        define("{\"name\":\"web\",\"kernel\":\"k\"}", false);
        assert_int_equal(stat(".guests/web.json", &st), 0);
        assert_int_equal(st.st_mode & 0777, 0644);
        OK(sv_defined_read("web", &g, &err));
        assert_string_equal(g.kernel, kernel);
        put("g.json", "{\"name\":\"web\",\"kernel\":\"other\"}");
        OK(sv_guest_read("g.json", &other, &err));
        FAILS(sv_defined_write(&other, false, &err), SV_USAGE, "defined.exists");
        assert_file("web", "{\"folder\": \"", dir, "\", \"name\":\"web\",\"kernel\":\"k\"}");
        OK(sv_defined_write(&other, true, &err));
        assert_file("web", "{\"folder\": \"", dir, "\", \"name\":\"web\",\"kernel\":\"other\"}");
        define("{\"name\":\"db\",\"kernel\":\"k\"}", false);
        assert_defined("[\"db\",\"web\"]");
        OK(sv_defined_remove("web", &err));
        FAILS(sv_defined_remove("web", &err), SV_USAGE, "defined.name");
        assert_non_null(strstr(err.msg, "(defined: db)"));
        OK(sv_defined_remove("db", &err));
}

/* Is that process kept waiting for a lock? */
static bool waits(pid_t pid)
{
        FILE *f = fopen("/proc/locks", "r");
        char line[256], number[16];
        bool found = false;

        assert_non_null(f);
        snprintf(number, sizeof(number), " %d ", pid);
        while (fgets(line, sizeof(line), f))
                found |= strstr(line, "->") && strstr(line, number);
        fclose(f);
        return found;
}

/* Somebody changes it while another is about to. */
static void none_is_lost(void **state)
{
        SV_GUEST before = {0};
        int lock, status = 0;
        pid_t pid, ended;

        define("{\"name\":\"web\",\"kernel\":\"k\"}", false);
        OK(sv_defined_read("web", &before, &err));
        lock = open(".guests", O_RDONLY | O_CLOEXEC);
        assert_int_equal(flock(lock, LOCK_EX), 0);
        pid = fork();
        if (pid == 0) {
                close(lock);
                _exit(sv_defined_change(&before, &before, &err) == 0 ? 0
                      : strcmp(err.check, "edit.changed")            ? 1
                                                                     : 2);
        }
        do
                ended = waitpid(pid, &status, WNOHANG);
        while (!ended && !waits(pid));
        put(".guests/web.json", "{\"name\":\"web\",\"kernel\":\"other\"}");
        close(lock);
        if (!ended)
                assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WEXITSTATUS(status), 2);
        assert_file("web", "{\"name\":\"web\",\"kernel\":\"other\"}", "", "");
        OK(sv_defined_remove("web", &err));
}

static bool folder_synced;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
        struct stat st;

        folder_synced |= fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
        return __real_fsync(fd);
}

static void is_there_after_a_cut(void **state)
{
        folder_synced = false;
        define("{\"name\":\"web\",\"kernel\":\"k\"}", false);
        assert_true(folder_synced);
        OK(sv_defined_remove("web", &err));
}

/* What refused edits have left goes with the name; another guest's stays. */
static void drafts(void **state)
{
        static const char *const others[] = {".guests/.db.a1B2c3.json",
                                             ".guests/.web.x.a1B2c3.json",
                                             ".guests/.web.a1B2c3.text", ".guests/web.a1B2c3.json"};

        define("{\"name\":\"web\",\"kernel\":\"k\"}", false);
        put(".guests/.web.a1B2c3.json", "{");
        put(".guests/.web.XXXXXX.json", "{");
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
                put(others[i], "{");
        OK(sv_defined_remove("web", &err));
        assert_int_equal(access(".guests/.web.a1B2c3.json", F_OK), -1);
        assert_int_equal(access(".guests/.web.XXXXXX.json", F_OK), -1);
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
                assert_int_equal(unlink(others[i]), 0);
}

/* The copy says the folder, as the file is written; one that says it already is kept as it is. */
static void texts(void **state)
{
        SV_STR own = sv_asprintf(
                "{\"name\": \"t\", \"folder\": \"%s/a \\\"b\\\"\", \"kernel\": \"k\"}", dir);
        SV_STR kernel = sv_asprintf("%s/a \"b\"/k", dir);
        SV_GUEST g = {0};

        define("{\n        \"name\": \"t\",\n        \"kernel\": \"k\"\n}\n", false);
        assert_file("t", "{\n        \"folder\": \"", dir,
                    "\",\n        \"name\": \"t\",\n        "
                    "\"kernel\": \"k\"\n}\n");
        assert_int_equal(mkdir("a \"b\"", 0700), 0);
        define(own, true);
        assert_file("t", own, "", "");
        OK(sv_defined_read("t", &g, &err));
        assert_string_equal(g.kernel, kernel);
        OK(sv_defined_remove("t", &err));
}

/* A defined guest stands before a file, a path never means a defined guest. */
static void words(void **state)
{
        SV_GUEST named = {0};
        SV_GUEST file = {0};
        SV_GUEST none = {0};

        define("{\"name\":\"web\",\"kernel\":\"k\"}", false);
        put("web", "{\"name\":\"file\",\"kernel\":\"k\"}");
        OK(sv_guest_take("web", &named, &err));
        assert_string_equal(named.name, "web");
        OK(sv_guest_take("./web", &file, &err));
        assert_string_equal(file.name, "file");
        FAILS(sv_guest_take("wob", &none, &err), SV_SYSTEM, "guest.file");
        assert_non_null(strstr(err.msg, "(defined: web)"));
        FAILS(sv_guest_take("./wob", &none, &err), SV_SYSTEM, "guest.file");
        FAILS(sv_guest_take("", &none, &err), SV_SYSTEM, "guest.file");
        OK(sv_defined_remove("web", &err));
        sv_guest_free(&file);
        OK(sv_guest_take("web", &file, &err));
        assert_string_equal(file.name, "file");
}

/* No name leads out of the folder. */
static void wrong_names(void **state)
{
        static const char *const bad[] = {"", "..", ".", ".x", "../b", "a/b", "/b", "a b"};
        SV_GUEST g = {0};

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                FAILS(sv_defined_read(bad[i], &g, &err), SV_USAGE, "defined.name");
                FAILS(sv_defined_remove(bad[i], &err), SV_USAGE, "defined.name");
                assert_false(sv_defined_has(bad[i]));
        }
}

/* With the folder's name in it no file grows past what is read. */
static void largest(void **state)
{
        SV_BUF text = SV_BUF_NULL;
        SV_GUEST g = {0};

        sv_buf_puts(&text, "{\"name\":\"large\",\"kernel\":\"k\"}");
        while (text.n < SV_GUEST_SIZE_MAX)
                sv_buf_u8(&text, ' ');
        put("g.json", sv_buf_str(&text));
        OK(sv_guest_read("g.json", &g, &err));
        assert_int_equal(sv_defined_write(&g, false, &err), -1);
        assert_false(sv_defined_has("large"));
}

static void foreign_owner(void **state)
{
        SV_GUEST g = {0};

        put("g.json", "{\"name\":\"web\",\"kernel\":\"k\"}");
        OK(sv_guest_read("g.json", &g, &err));
        g.owner = 4711;
        if (geteuid() == 0) {
                FAILS(sv_defined_write(&g, false, &err), SV_USAGE, "defined.owner");
                assert_false(sv_defined_has("web"));
        } else {
                OK(sv_defined_write(&g, false, &err));
                OK(sv_defined_remove("web", &err));
        }
}

/* Without SECURE_VM_DIR a user's are settings, by the rules of XDG; root's are the machine's. */
static void where_they_are(void **state)
{
        SV_STR home = getenv("HOME") ? sv_asprintf("%s", getenv("HOME")) : NULL;
        SV_GUEST g = {0};
        SV_JSON *names = NULL;
        uid_t user = geteuid();

        put("g.json", "{\"name\":\"web\",\"kernel\":\"k\"}");
        OK(sv_guest_read("g.json", &g, &err));
        setenv("SECURE_VM_DIR", "relative", 1);
        if (user == 0) {
                assert_int_equal(chown(dir, NOBODY, NOBODY), 0);
                assert_int_equal(seteuid(NOBODY), 0);
        }
        setenv("XDG_CONFIG_HOME", dir, 1);
        OK(sv_defined_write(&g, false, &err));
        assert_int_equal(access("secure-vm/guests/web.json", F_OK), 0);
        unsetenv("XDG_CONFIG_HOME");
        unsetenv("HOME");
        FAILS(sv_defined_list(&names, &err), SV_SYSTEM, "defined.folder");
        if (home)
                setenv("HOME", home, 1);
        setenv("SECURE_VM_DIR", dir, 1);
        assert_int_equal(seteuid(user), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(come_and_go),
                cmocka_unit_test(none_is_lost),
                cmocka_unit_test(is_there_after_a_cut),
                cmocka_unit_test(texts),
                cmocka_unit_test(words),
                cmocka_unit_test(wrong_names),
                cmocka_unit_test(largest),
                cmocka_unit_test(drafts),
                cmocka_unit_test(foreign_owner),
                cmocka_unit_test(where_they_are),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
