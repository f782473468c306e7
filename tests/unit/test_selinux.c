/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to SELinux's policy: the numbers of its words, and the kernel's answers. The file
 * "access" is a socket here, whose other end answers as selinuxfs does. And labels that are given
 * to files and to sockets, on a machine that seems to have SELinux. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/host/policy-gap.h"
#include "launcher/host/selinux.h"
#include "launcher/keeper/marks.h"
#include "tests/unit/unit.h"

#define CONTEXT "system_u:system_r:virtd_t:s0"

static char base[32];
static int kernel = -1; /* the other end */
static char asked[256];
static const char *answer;
static const char *refused; /* the one question that is answered no, where `answer` is "yes but" */
static bool enabled;        /* does this machine seem to have SELinux? */
static char given[4096];    /* the labels of files, each after its path */
static const char *file_label;

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __wrap_lsetxattr(const char *path, const char *name, const void *p, size_t n, int flags);
ssize_t __wrap_getxattr(const char *path, const char *name, void *p, size_t n);

int __wrap_open64(const char *path, int flags, ...)
{
        int pair[2], mode;
        va_list list;

        va_start(list, flags);
        mode = va_arg(list, int);
        va_end(list);
        if (enabled && !strncmp(path, "/proc/", strlen("/proc/"))) {
                SV_STR other = sv_asprintf("%s%s", base, path);

                return __real_open64(other, flags, mode);
        }
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
        if (refused)
                answer = !strcmp(asked, refused) ? "0" : "ffffffff";
        if (*answer)
                assert_true(__real_write(kernel, answer, strlen(answer)) > 0);
        close(kernel);
        kernel = -1;
        return (ssize_t)n;
}

int __wrap_access(const char *path, int mode)
{
        return enabled && !strcmp(path, "/sys/fs/selinux/enforce") ? 0 : __real_access(path, mode);
}

int __wrap_lsetxattr(const char *path, const char *name, const void *p, size_t n, int flags)
{
        assert_string_equal(name, "security.selinux");
        if (strstr(p, "unknown_t")) {
                errno = EINVAL;
                return -1;
        }
        assert_int_equal(n, strlen(p) + 1);
        snprintf(given + strlen(given), sizeof(given) - strlen(given), "%s %s\n", path,
                 (const char *)p);
        return 0;
}

ssize_t __wrap_getxattr(const char *path, const char *name, void *p, size_t n)
{
        if (!file_label) {
                errno = ENODATA;
                return -1;
        }
        strcpy(p, file_label);
        return (ssize_t)strlen(file_label) + 1;
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

static void parts_of_labels(void **state)
{
        static const char *const none[] = {"", "a", "a:b", "a:b:c", "libvirt-1 (enforce)"};

        for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
                assert_string_equal(sv_selinux_range(none[i]), "");
        assert_string_equal(sv_selinux_range("u:r:t:s0"), "s0");
        assert_string_equal(sv_selinux_range("u:r:t:s0-s0:c0.c1023"), "s0-s0:c0.c1023");
        assert_null(sv_selinux_guest_of("libvirt-1 (enforce)"));
        assert_null(sv_selinux_guest_of("a:b"));
        for (size_t i = 0; i < 2; i++) {
                SV_STR guest = sv_selinux_guest_of(i ? "me:mine:t:s0-s0:c0.c1023" : "me:mine:t");

                assert_string_equal(guest, "me:mine:svirt_t:s0");
        }
}

static void put_host(const char *path, const char *text)
{
        SV_STR full = sv_asprintf("%s/%s", base, path);
        SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(full, '/') - full), full);
        struct sv_err err;

        OK(sv_mkdirs(folder, 0755, &err));
        OK(sv_file_write(full, 0644, sv_bytes_str(text), &err));
}

/* Each is asked for, and the first that is refused is what `host` names, with the cure. */
static void gaps_of_a_policy(void **state)
{
#define LIBVIRTD "system_u:system_r:virtd_t:s0 system_u:system_r:virtd_t:s0"
#define GUEST    "system_u:system_r:svirt_t:s0"
        static const struct {
                const char *question, *says;
        } t[] = {
                {LIBVIRTD " 1", "libvirt 11 starts no guest"},
                {GUEST " " GUEST " 2", "connect to its vTPM"},
                {GUEST " " GUEST " 3", "io_uring"},
                {GUEST " a:b:bin_t:s0 4", "swtpm"},
                {"me:mine:t:s0-s0:c0.c1023 me:mine:svirt_t:s0 5", "this shell's label"},
        };

        assert_null(sv_policy_find_gap(base)); /* no SELinux */
        put_host("proc/self/attr/current", "me:mine:t:s0-s0:c0.c1023");
        put_host("sys/fs/selinux/class/bpf/index", "1");
        put_host("sys/fs/selinux/class/bpf/perms/map_create", "1");
        put_host("sys/fs/selinux/class/unix_stream_socket/index", "2");
        put_host("sys/fs/selinux/class/unix_stream_socket/perms/connectto", "1");
        put_host("sys/fs/selinux/class/anon_inode/index", "3");
        put_host("sys/fs/selinux/class/anon_inode/perms/create", "1");
        put_host("sys/fs/selinux/class/file/index", "4");
        put_host("sys/fs/selinux/class/file/perms/entrypoint", "1");
        put_host("sys/fs/selinux/class/process/index", "5");
        put_host("sys/fs/selinux/class/process/perms/transition", "1");
        put_host("sys/fs/selinux/class/process/perms/signal", "2");
        file_label = "a:b:bin_t:s0";
        answer = "";
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                const char *gap;

                refused = t[i].question;
                gap = sv_policy_find_gap(base);
                assert_non_null(gap);
                assert_non_null(strstr(gap, t[i].says));
                assert_non_null(strstr(gap, "semodule -i"));
        }
        refused = "nothing";
        assert_null(sv_policy_find_gap(base));
        refused = t[3].question; /* where there is no swtpm, it may be refused */
        file_label = NULL;
        assert_null(sv_policy_find_gap(base));
        refused = NULL;
}

static void labels_of_files(void **state)
{
        sv_selinux_mark("/f", "virt_log_t", "s0");
        assert_string_equal(given, ""); /* no SELinux: no label */
        enabled = true;
        sv_selinux_mark("/f", "virt_log_t", "s0:c1,c2");
        assert_string_equal(given, "/f system_u:object_r:virt_log_t:s0:c1,c2\n");
        *given = 0;
        file_label = "me:mine:var_lib_t:s0";
        sv_selinux_mark("/f", "unknown_t", "s0:c1,c2"); /* it keeps the type that it has */
        assert_string_equal(given, "/f me:mine:var_lib_t:s0:c1,c2\n");
        *given = 0;
        file_label = "me:mine";
        sv_selinux_mark("/f", "unknown_t", "s0:c1,c2");
        assert_string_equal(given, "");
        enabled = false;
}

/* Whatever of the folder QEMU or swtpm have open or pass through, and nothing else. */
static void labels_of_a_folder(void **state)
{
        static const struct {
                const char *name, *type;
        } t[] = {
                {"boot/kernel", "virt_content_t"}, {"boot/firmware", "virt_content_t"},
                {"run/qemu", "svirt_runtime_t"},   {"run/swtpm/1-g.pid", "svirt_runtime_t"},
                {"run/swtpm", "svirt_runtime_t"},  {"run/qemu/g.pid", "svirt_runtime_t"},
                {"log/qemu/g.log", "virt_log_t"},
        };
        SV_STR image = sv_asprintf("%s/boot/kernel", base);
        SV_STR firmware = sv_asprintf("%s/boot/firmware", base);
        const struct sv_stage stage = {.kernel = image, .firmware = firmware};
        struct sv_state s = {.dir = base, .name = (char *)"g"};
        unsigned lines = 0;

        put_host("run/swtpm/1-g.pid", "7");
        put_host("run/swtpm/1-g.sock", "");
        put_host("run/qemu/g.pid", "6");
        put_host("run/qemu/g.xml", "");
        enabled = true;
        *given = 0;
        sv_marks_give(&s, &stage, "s0:c1,c2");
        enabled = false;
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR line = sv_asprintf("%s/%s system_u:object_r:%s:s0:c1,c2\n", base, t[i].name,
                                          t[i].type);

                assert_non_null(strstr(given, line));
        }
        for (const char *p = given; (p = strchr(p, '\n')); p++)
                lines++;
        assert_int_equal(lines, sizeof(t) / sizeof(*t));
}

static void must_create_sockets_as(const char *label)
{
        SV_STR path = sv_asprintf("%s/proc/thread-self/attr/sockcreate", base);
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_file_read(path, 256, &text, "test", &err));
        assert_string_equal(sv_buf_str(&text), label);
        OK(sv_file_write(path, 0600, sv_bytes_str(""), &err));
}

/* The range is the guest's, all else this process's. */
static void labels_of_sockets(void **state)
{
        put_host("proc/self/attr/current", "me:mine:t:s0-s0:c0.c1023");
        put_host("proc/thread-self/attr/sockcreate", "");
        file_label = "a:b:svirt_image_t:s0:c1,c2";
        sv_selinux_join("/socket"); /* no SELinux */
        must_create_sockets_as("");
        enabled = true;
        sv_selinux_join("/socket");
        must_create_sockets_as("me:mine:t:s0:c1,c2");
        file_label = "a:b:var_lib_t:s0"; /* nobody's alone */
        sv_selinux_join("/socket");
        must_create_sockets_as("");
        file_label = NULL;
        sv_selinux_join("/socket");
        must_create_sockets_as("");
        file_label = "a:b:svirt_image_t:s0:c1,c2";
        put_host("proc/self/attr/current", "libvirt-1 (enforce)");
        sv_selinux_join("/socket");
        must_create_sockets_as("");
        enabled = false;
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
                cmocka_unit_test(parts_of_labels),
                cmocka_unit_test(gaps_of_a_policy),
                cmocka_unit_test(labels_of_files),
                cmocka_unit_test(labels_of_sockets),
                cmocka_unit_test(labels_of_a_folder),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
