/* SPDX-License-Identifier: Apache-2.0 */
/* What root does in a guest's folder, and what the guest's users could have left for it there. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/core/file.h"
#include "base/program/seccomp.h"
#include "launcher/keeper/folder.h"
#include "launcher/keeper/processes.h"
#include "tests/unit/unit.h"

static const struct sv_ids ids = {.qemu = 6101, .swtpm = 6102, .group = 6101}, none = {0};
static char base[32];
static struct sv_state folder = {.dir = base, .lock = -1};
static struct sv_err err;

/* Only root gives ids. */
#define NEEDS_ROOT()                  \
        do {                          \
                if (geteuid() != 0) { \
                        skip();       \
                        return;       \
                }                     \
        } while (0)

/* --- processes --- */

static pid_t start_as(uid_t real, uid_t effective, uid_t saved)
{
        int ready[2];
        pid_t pid;
        char byte;

        assert_int_equal(pipe(ready), 0);
        pid = fork();
        if (pid == 0) {
                if (setresuid(real, effective, saved) < 0 || write(ready[1], "", 1) < 0)
                        _exit(1);
                for (;;)
                        pause();
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        close(ready[1]);
        return pid;
}

static void *wait_for_ever(void *arg)
{
        for (;;)
                pause();
        return arg;
}

/* The main thread ends and another runs on: /proc shows a zombie without a program. */
static pid_t start_without_main(uid_t uid)
{
        pid_t pid = fork();
        SV_STR path = sv_asprintf("/proc/%d/status", (int)pid);
        SV_BUF status = SV_BUF_NULL;
        pthread_t thread;

        if (pid == 0) {
                if (setresuid(uid, uid, uid) < 0 ||
                    pthread_create(&thread, NULL, wait_for_ever, NULL))
                        _exit(1);
                syscall(SYS_exit, 0);
        }
        WAIT_UNTIL((sv_buf_clear(&status), sv_file_read(path, 65536, &status, "proc", NULL) == 0 &&
                                                   strstr(sv_buf_str(&status), "State:\tZ")),
                   PATIENCE, "%s", "its main thread has not ended");
        assert_non_null(strstr(sv_buf_str(&status), "\nThreads:\t2\n"));
        return pid;
}

static void must_be_killed(pid_t pid)
{
        int status;

        WAIT_UNTIL(waitpid(pid, &status, WNOHANG) == pid, PATIENCE, "%s", "it still runs");
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void all_of_the_ids_end(void **state)
{
        pid_t theirs[4], other;

        NEEDS_ROOT();
        theirs[0] = start_as(6101, 6101, 6101);
        theirs[1] = start_as(6102, 6102, 6102);
        theirs[2] = start_as(6101, 0, 0); /* a program with set-user-ID */
        theirs[3] = start_as(0, 0, 6102);
        other = start_as(6103, 6103, 6103);
        assert_true(sv_ids_are_running(&ids));
        OK(sv_end_ids(&none, &err));
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(waitpid(theirs[i], NULL, WNOHANG), 0);
        OK(sv_end_ids(&ids, &err));
        assert_false(sv_ids_are_running(&ids));
        for (size_t i = 0; i < 4; i++)
                must_be_killed(theirs[i]);
        assert_int_equal(waitpid(other, NULL, WNOHANG), 0);
        kill(other, SIGKILL);
        must_be_killed(other);
}

static void one_without_its_main_thread(void **state)
{
        pid_t pid;

        NEEDS_ROOT();
        pid = start_without_main(6102);
        assert_true(sv_ids_are_running(&ids));
        OK(sv_end_ids(&ids, &err));
        assert_false(sv_ids_are_running(&ids)); /* a zombie only, not waited for yet */
        must_be_killed(pid);
}

/* A process to which no signal gets, here because the caller may not send any. */
static void one_that_stays(void **state)
{
        static const int signals[] = {SYS_pidfd_send_signal, -1};
        static const int *const calls[] = {signals, NULL};
        static const struct sv_filter_choice no_choices[] = {{0}};
        static const struct sv_filter filter = {calls, false, no_choices};
        pid_t pid, theirs;
        int status;

        NEEDS_ROOT();
        theirs = start_as(6101, 6101, 6101);
        pid = fork();
        if (pid == 0) {
                if (sv_filter_enter(&filter, "test", &err) < 0 || sv_end_ids(&ids, &err) == 0)
                        _exit(1);
                _exit(err.class != SV_SYSTEM || strcmp(err.check, "launch.leftovers"));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        kill(theirs, SIGKILL);
        must_be_killed(theirs);
}

/* --- folders --- */

static char *make_folder(const char *name)
{
        char *path = sv_state_path(&folder, name);

        OK(sv_mkdirs(path, 0755, &err));
        if (geteuid() == 0)
                assert_int_equal(chown(path, ids.qemu, ids.group), 0);
        return path;
}

static void must_be(const char *path, uid_t uid, unsigned mode)
{
        struct stat st;

        assert_int_equal(lstat(path, &st), 0);
        assert_int_equal(st.st_uid, uid);
        assert_int_equal(st.st_mode & 07777, mode);
}

static void folders_are_roots_again(void **state)
{
        SV_STR save = NULL;
        SV_STR channel = NULL;
        SV_STR swtpm = NULL;
        SV_STR theirs = NULL;
        SV_STR qemu = sv_state_path(&folder, "lib/qemu");
        SV_STR link = sv_state_path(&folder, "lib/qemu/link");

        OK(sv_folder_take_back(&folder, &ids, &err)); /* none there yet */
        NEEDS_ROOT();
        save = make_folder("lib/qemu/save");
        channel = make_folder("run/qemu/channel/target");
        swtpm = make_folder("run/swtpm");
        theirs = make_folder("theirs");
        assert_int_equal(symlink(theirs, link), 0);
        OK(sv_folder_take_back(&folder, &none, &err));
        must_be(save, ids.qemu, 0755);
        OK(sv_folder_take_back(&folder, &ids, &err));
        must_be(qemu, 0, 0710);
        must_be(save, 0, 0710);
        must_be(channel, 0, 0710);
        must_be(theirs, ids.qemu, 0755);
        must_be(swtpm, ids.qemu, 0755);
        OK(sv_folder_take_swtpm(&folder, &ids, &err));
        must_be(swtpm, 0, 0710);
        /* a link in the place of the folder itself */
        OK(sv_remove_tree(qemu, &err));
        assert_int_equal(symlink(theirs, qemu), 0);
        FAILS(sv_folder_take_back(&folder, &ids, &err), SV_SYSTEM, "launch.folder");
        must_be(theirs, ids.qemu, 0755);
}

/* As file systems answer that keep no types in their folders. */
static bool no_types;

struct dirent *readdir(DIR *dir)
{
        static struct dirent *(*next)(DIR * dir);
        struct dirent *e;

        if (!next)
                next = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir64");
        e = next(dir);
        if (e && no_types)
                e->d_type = DT_UNKNOWN;
        return e;
}

static void folders_without_types(void **state)
{
        SV_STR channel = NULL;
        SV_STR theirs = NULL;
        SV_STR link = sv_state_path(&folder, "lib/qemu/a-link");
        SV_STR file = sv_state_path(&folder, "lib/qemu/a-file");
        SV_STR pipe = sv_state_path(&folder, "lib/qemu/a-pipe");
        SV_STR qemu = sv_state_path(&folder, "lib/qemu");

        NEEDS_ROOT();
        OK(sv_remove_tree(qemu, &err));
        channel = make_folder("lib/qemu/channel/target");
        theirs = make_folder("theirs");
        assert_int_equal(symlink(theirs, link), 0);
        assert_int_equal(mkfifo(pipe, 0600), 0);
        OK(sv_file_write(file, 0600, sv_bytes_str("x"), &err));
        no_types = true;
        OK(sv_folder_take_back(&folder, &ids, &err));
        no_types = false;
        must_be(channel, 0, 0710);
        must_be(file, 0, 0600);
        must_be(theirs, ids.qemu, 0755);
}

/* A number of libvirt's is as root wrote it; any other could be another guest's. */
static void no_process_id_of_the_guests(void **state)
{
        SV_STR swtpm = NULL;
        SV_STR own = NULL;
        SV_STR theirs = NULL;

        NEEDS_ROOT();
        swtpm = make_folder("run/swtpm");
        own = sv_state_path(&folder, "run/swtpm/1-g-swtpm.pid");
        theirs = sv_state_path(&folder, "run/swtpm/2-g-swtpm.pid");
        OK(sv_file_write(own, 0644, sv_bytes_str("1\n"), &err));
        OK(sv_folder_take_swtpm(&folder, &ids, &err));
        OK(sv_file_write(theirs, 0644, sv_bytes_str("1\n"), &err));
        assert_int_equal(chown(theirs, ids.swtpm, ids.group), 0);
        FAILS(sv_folder_take_swtpm(&folder, &ids, &err), SV_SYSTEM, "launch.vtpm");
        assert_int_equal(access(theirs, F_OK), -1);
        assert_int_equal(access(own, F_OK), 0);
        assert_int_equal(symlink(own, theirs), 0);
        FAILS(sv_folder_take_swtpm(&folder, &ids, &err), SV_SYSTEM, "launch.vtpm");
        assert_int_equal(link(own, theirs), 0);
        FAILS(sv_folder_take_swtpm(&folder, &ids, &err), SV_SYSTEM, "launch.vtpm");
}

static void make_socket(const char *path)
{
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        SV_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
        assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

/* Who may remove it under AppArmor is who owns it. What is no socket of QEMU's user stays. */
static void the_vtpms_socket_is_its_users(void **state)
{
        SV_STR swtpm = NULL;
        SV_STR given = sv_state_path(&folder, "run/swtpm/1-g-swtpm.sock");
        SV_STR roots = sv_state_path(&folder, "run/swtpm/roots.sock");
        SV_STR link = sv_state_path(&folder, "run/swtpm/link.sock");
        SV_STR file = sv_state_path(&folder, "run/swtpm/file.sock");
        struct stat st;

        NEEDS_ROOT();
        OK(sv_remove_tree(base, &err));
        swtpm = make_folder("run/swtpm");
        make_socket(given);
        make_socket(roots);
        assert_int_equal(symlink(roots, link), 0);
        assert_int_equal(lchown(link, ids.qemu, ids.group), 0);
        OK(sv_file_write(file, 0600, sv_bytes_str("x"), &err));
        assert_int_equal(chown(file, ids.qemu, ids.group), 0);
        assert_int_equal(chown(given, ids.qemu, ids.group), 0);
        OK(sv_folder_take_swtpm(&folder, &none, &err));
        assert_int_equal(stat(given, &st), 0);
        assert_int_equal(st.st_uid, ids.qemu);
        OK(sv_folder_take_swtpm(&folder, &ids, &err));
        assert_int_equal(stat(given, &st), 0);
        assert_int_equal(st.st_uid, ids.swtpm);
        assert_int_equal(st.st_gid, ids.group);
        assert_int_equal(stat(roots, &st), 0);
        assert_int_equal(st.st_uid, 0);
        assert_int_equal(stat(file, &st), 0);
        assert_int_equal(st.st_uid, ids.qemu);
        assert_int_equal(lstat(link, &st), 0);
        assert_int_equal(st.st_uid, ids.qemu);
}

/* What it had before is kept, and nothing else gets that owner. */
static void qemus_log_is_its_users(void **state)
{
        static const char *const others[] = {"link", "folder"};
        struct sv_state named = folder;
        SV_STR log = sv_state_path(&folder, "log/qemu/g.log");
        SV_STR theirs = sv_state_path(&folder, "theirs");
        SV_BUF text = SV_BUF_NULL;

        NEEDS_ROOT();
        named.name = (char *)"g";
        OK(sv_remove_tree(base, &err));
        OK(sv_folder_give_log(&named, &none, &err));
        assert_int_equal(access(log, F_OK), -1);
        for (int i = 0; i < 2; i++) {
                OK(sv_folder_give_log(&named, &ids, &err));
                must_be(log, ids.qemu, 0600);
                OK(sv_file_write(log, 0600, sv_bytes_str("said"), &err));
        }
        OK(sv_folder_give_log(&named, &ids, &err));
        must_be(log, ids.qemu, 0600);
        OK(sv_file_read(log, 16, &text, "test", &err));
        assert_string_equal(sv_buf_str(&text), "said");
        OK(sv_file_write(theirs, 0600, sv_bytes_str("x"), &err));
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(unlink(log), 0);
                assert_int_equal(i ? mkdir(log, 0755) : symlink(theirs, log), 0);
                print_message("%s\n", others[i]);
                FAILS(sv_folder_give_log(&named, &ids, &err), SV_SYSTEM, "launch.folder");
                must_be(theirs, 0, 0600);
        }
}

/* --- after supervisor and guard were killed together --- */

#define REGISTRY "/var/lib/secure-vm/.ids"

/* In a process of its own, with a registry of its own: what it exits with. */
static int try_recovery(const char *run)
{
        SV_STR labels = sv_state_path(&folder, "labels.json");
        unsigned killed;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("none", "/var/lib", "tmpfs", 0, NULL) < 0)
                return 77;
        /* whose it is cannot be read */
        if (sv_mkdirs(REGISTRY "/6101", 0711, &err) < 0 ||
            sv_state_recover(&folder, &killed, &err) == 0)
                return 1;
        if (err.class != SV_SYSTEM || strcmp(err.check, "launch.ids") || access(run, F_OK) < 0)
                return 2;
        /* not of the range that is set now */
        if (sv_remove_tree(REGISTRY "/6101", &err) < 0 ||
            sv_file_write(REGISTRY "/6101", 0600, sv_bytes_str(base), &err) < 0 ||
            /* labels that cannot be given back keep nobody from going on */
            sv_file_write(labels, 0600, sv_bytes_str("{"), &err) < 0 ||
            sv_state_recover(&folder, &killed, &err) < 0)
                return 3;
        return access(run, F_OK) == 0 || sv_ids_are_running(&ids) ? 4 : 0;
}

static void the_guests_users_end_whatever_the_range(void **state)
{
        SV_STR run = NULL;
        pid_t pid, theirs;
        int status;

        NEEDS_ROOT();
        run = make_folder("run");
        theirs = start_as(6102, 6102, 6102);
        pid = fork();
        if (pid == 0)
                _exit(try_recovery(run));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
                kill(theirs, SIGKILL);
                waitpid(theirs, NULL, 0);
                skip();
        }
        assert_int_equal(status, 0);
        must_be_killed(theirs);
}

/* In a process of its own: what it exits with. */
static int try_links(const char *secret, const char *within, const char *link_to)
{
        if (!sv_folder_enclose(base))
                return errno == EPERM || errno == ENOSYS || errno == EINVAL ? 77 : 1;
        if (open(within, O_RDONLY) >= 0 || errno != ELOOP)
                return 2;
        if (chown(within, 1, 1) == 0 || errno != ELOOP)
                return 3;
        if (link(secret, link_to) == 0 || errno != EXDEV)
                return 4;
        return 0;
}

static void no_link_is_followed(void **state)
{
        char outside[] = "/tmp/svo-XXXXXX";
        SV_FD fd = mkstemp(outside);
        SV_STR within = sv_state_path(&folder, "within");
        SV_STR hard = sv_state_path(&folder, "hard");
        SV_FD follows = -1;
        int status;
        pid_t pid;

        NEEDS_ROOT();
        assert_true(fd >= 0);
        assert_int_equal(symlink(outside, within), 0);
        pid = fork();
        if (pid == 0)
                _exit(try_links(outside, within, hard));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        must_be(outside, 0, 0600);
        follows = open(within, O_RDONLY); /* by others as ever */
        unlink(outside);
        assert_true(follows >= 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(status, 0);
}

static int set_up(void **state)
{
        snprintf(base, sizeof(base), "/tmp/svf-XXXXXX");
        return mkdtemp(base) ? 0 : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(base, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_of_the_ids_end),
                cmocka_unit_test(one_without_its_main_thread),
                cmocka_unit_test(one_that_stays),
                cmocka_unit_test(folders_are_roots_again),
                cmocka_unit_test(folders_without_types),
                cmocka_unit_test(the_guests_users_end_whatever_the_range),
                cmocka_unit_test(no_process_id_of_the_guests),
                cmocka_unit_test(the_vtpms_socket_is_its_users),
                cmocka_unit_test(qemus_log_is_its_users),
                cmocka_unit_test(no_link_is_followed),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
