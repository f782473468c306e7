/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to SELinux's policy: the numbers of its words, and the kernel's answers. The file
 * "access" is a socket here, whose other end answers as selinuxfs does. */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "base/core/file.h"
#include "launcher/host/selinux.h"
#include "tests/unit/unit.h"

#define CONTEXT "system_u:system_r:virtd_t:s0"

static char base[32];
static int kernel = -1; /* the other end */
static char asked[256];
static const char *answer;

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);

int __wrap_open64(const char *path, int flags, ...)
{
        int pair[2], mode;
        va_list list;

        va_start(list, flags);
        mode = va_arg(list, int);
        va_end(list);
        if (!strstr(path, "/sys/fs/selinux/access"))
                return __real_open64(path, flags, mode);
        if (!answer)
                return -1;
        assert_int_equal(flags & O_ACCMODE, O_RDWR);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
        kernel = pair[1];
        return pair[0];
}

/* The kernel has its answer ready when a question has been written. */
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
        ssize_t r = __real_write(fd, p, n);

        if (kernel < 0)
                return r;
        r = read(kernel, asked, sizeof(asked) - 1);
        assert_true(r > 0);
        asked[r] = 0;
        if (*answer)
                assert_true(__real_write(kernel, answer, strlen(answer)) > 0);
        close(kernel);
        kernel = -1;
        return (ssize_t)n;
}

static void put(const char *name, const char *text)
{
        SV_STR path = sv_asprintf("%s/sys/fs/selinux/class/bpf/%s", base, name);
        SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);
        struct sv_err err;

        OK(sv_mkdirs(folder, 0755, &err));
        OK(sv_file_write(path, 0644, sv_bytes_str(text), &err));
}

static int ask(const char *permission)
{
        return sv_selinux_allows(base, CONTEXT, CONTEXT, "bpf", permission);
}

static void answers(void **state)
{
        answer = "1 ffffffff 0 ffffffff 4 0";
        assert_int_equal(ask("map_create"), -1); /* no such class: no SELinux */
        put("index", "77");
        assert_int_equal(ask("map_create"), -1); /* the policy does not know the word */
        put("perms/map_create", "1");
        put("perms/prog_run", "5");
        assert_int_equal(ask("map_create"), 1);
        assert_string_equal(asked, CONTEXT " " CONTEXT " 77");
        assert_int_equal(ask("prog_run"), 0);
        answer = "10 ffffffff 0 ffffffff 4 0";
        assert_int_equal(ask("map_create"), 0);
        assert_int_equal(ask("prog_run"), 1);
        answer = "ffffffff ffffffff 0 0 4 0";
        assert_int_equal(ask("map_create"), 1);
}

/* What is no answer is none: neither yes nor no. */
static void no_answers(void **state)
{
        static const char *const texts[] = {NULL, "", "words"};

        for (size_t i = 0; i < 3; i++) {
                answer = texts[i];
                assert_int_equal(ask("map_create"), -1);
        }
        answer = "1";
        put("perms/map_create", "33");
        assert_int_equal(ask("map_create"), -1);
        put("perms/map_create", "32");
        answer = "80000000";
        assert_int_equal(ask("map_create"), 1);
}

static int setup(void **state)
{
        strcpy(base, "/tmp/svselXXXXXX");
        return mkdtemp(base) ? 0 : -1;
}

static int teardown(void **state)
{
        return sv_remove_tree(base, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(answers),
                cmocka_unit_test(no_answers),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
