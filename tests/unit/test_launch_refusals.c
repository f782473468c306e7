/* SPDX-License-Identifier: Apache-2.0 */
/* What a launch is refused for by the part that follows it, asks it and keeps its folder; the
 * supervisor is a socket here. */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/host/labels.h"
#include "launcher/keeper/client.h"
#include "launcher/keeper/embed.h"
#include "launcher/keeper/follow.h"
#include "launcher/keeper/worker-int.h"
#include "tests/unit/unit.h"

static char base[32];

static void told_by_events(void **state)
{
        static const struct {
                const char *line, *check; /* NULL: the other side is closed */
                enum sv_class class;
                bool agent;
        } t[] = {
                {"{\"event\":\"failed\"}", "agent.failed", SV_SYSTEM, false},
                {"{\"event\":\"failed\",\"class\":\"policy\",\"check\":\"policy.pcr.4\"}",
                 "policy.pcr.4", SV_POLICY, false},
                {"{\"event\":\"ended\"}", "launch.ended", SV_SYSTEM, false},
                {"{\"event\":", "control.event.json", SV_FORMAT, false},
                {NULL, "launch.ended", SV_SYSTEM, true},
                {"{\"event\":\"failed\",\"class\":\"policy\",\"check\":\"policy.pcr.4\"}",
                 "policy.pcr.4", SV_POLICY, true},
                {NULL, "launch.supervisor", SV_SYSTEM, false},
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                struct sv_reader reader = SV_READER_NONE;
                struct sv_follow f = {.quiet = true, .timeout = 60};
                int pair[2];

                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
                f.fd = pair[0];
                if (t[i].agent) {
                        f.reader = &reader;
                        OK(sv_reader_start(&reader, 0, &err));
                        OK(sv_reader_give(&reader, pair[0], &err));
                }
                if (t[i].line)
                        dprintf(pair[1], "%s\n", t[i].line);
                else
                        close(pair[1]);
                FAILS(sv_follow_events(&f, &err), t[i].class, t[i].check);
                sv_reader_end(&reader);
                close(pair[0]);
                if (t[i].line)
                        close(pair[1]);
        }
}

/* Bound and listening as a guest's control socket. */
static int listen_as_supervisor(const struct sv_state *s)
{
        SV_STR path = sv_state_path(s, "control.sock");
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
        unlink(path);
        assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

/* A supervisor that answers one request with that text and ends. */
static pid_t start_supervisor(const struct sv_state *s, const char *answer)
{
        int fd = listen_as_supervisor(s);
        char request[256];
        pid_t pid = fork();

        if (pid == 0) {
                int c = accept(fd, NULL, NULL);

                _exit(c < 0 || read(c, request, sizeof(request)) <= 0 ||
                      dprintf(c, "%s", answer) < 0);
        }
        close(fd);
        return pid;
}

static void told_by_a_supervisor(void **state)
{
        static const struct {
                const char *answer, *check;
                enum sv_class class;
        } t[] = {
                {"", "state.silent", SV_SYSTEM},
                {"ok\n", "control.answer.json", SV_FORMAT},
                {"{\"error\":{}}\n", "control.answer", SV_SYSTEM},
                {"{\"error\":{\"class\":\"usage\",\"check\":\"launch.busy\"}}\n", "launch.busy",
                 SV_USAGE},
        };
        SV_STATE s = {.lock = -1};
        struct sv_json *status = NULL;
        struct sv_err err;

        OK(sv_state_init(&s, "told", &err));
        OK(sv_mkdirs(s.dir, 0711, &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                pid_t pid = start_supervisor(&s, t[i].answer);

                FAILS(sv_client_ask(&s, SV_CONTROL_STATUS, &status, &err), t[i].class, t[i].check);
                assert_int_equal(waitpid(pid, NULL, 0), pid);
        }
}

/* A guest that is up from the press after `deaf` lost ones on: its supervisor answers each, and
 * ends with the one that is heard. */
static pid_t start_deaf_guest(struct sv_state *s, int deaf)
{
        int fd = listen_as_supervisor(s);
        char request[256] = "";
        pid_t pid = fork();

        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (sv_state_lock(s, 0, NULL) < 0)
                        _exit(1);
                for (int i = 0; i <= deaf; i++) {
                        int c = accept(fd, NULL, NULL);

                        if (c < 0 || read(c, request, sizeof(request) - 1) <= 0 ||
                            !strstr(request, "stop") || dprintf(c, "{\"ok\":true}\n") < 0)
                                _exit(1);
                        close(c);
                }
                _exit(0);
        }
        close(fd);
        return pid;
}

/* While a guest boots its power button is pressed for nothing. */
static void stopped_by_a_later_press(void **state)
{
        SV_STATE s = {.lock = -1};
        struct sv_err err;
        int status;
        pid_t pid;

        OK(sv_state_init(&s, "deaf", &err));
        OK(sv_mkdirs(s.dir, 0711, &err));
        for (int deaf = 0; deaf < 4; deaf++) {
                pid = start_deaf_guest(&s, deaf);
                assert_int_equal(sv_client_stop(&s, 10000, 20, &err), 0);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(status, 0);
        }
        pid = start_deaf_guest(&s, 1 << 20);
        assert_int_equal(sv_client_stop(&s, 100, 20, &err), 1);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        FAILS(sv_client_stop(&s, 100, 20, &err), SV_SYSTEM, "state.off");
}

static void folders(void **state)
{
        SV_STATE s = {.lock = -1};
        SV_STATE none = {.lock = -1};
        SV_STR lock = NULL;
        SV_STR status = NULL;
        SV_STR deep = sv_asprintf("%s/%060d", base, 0);
        struct sv_json *j = NULL;
        struct sv_err err;

        FAILS(sv_state_init(&none, "../x", &err), SV_USAGE, "state.name");
        FAILS(sv_state_init_daemon(&none, "../x", &err), SV_USAGE, "state.name");
        OK(sv_state_init(&s, "folders", &err));
        lock = sv_state_path(&s, "lock");
        status = sv_state_path(&s, "status.json");
        FAILS(sv_state_read_status(&s, &j, &err), SV_SYSTEM, "state.status");
        OK(sv_mkdirs(lock, 0700, &err));
        FAILS(sv_state_lock(&s, 0, &err), SV_SYSTEM, "state.lock");
        OK(sv_file_write(status, 0600, sv_bytes_str("{"), &err));
        FAILS(sv_state_read_status(&s, &j, &err), SV_FORMAT, "state.status.json");
        setenv("SECURE_VM_DIR", deep, 1);
        FAILS(sv_state_init(&none, "x", &err), SV_USAGE, "state.path");
        setenv("SECURE_VM_DIR", base, 1);
}

/* Each of them needs a place that is a folder, or is not there, where it expects a file. */
static void a_worker(void **state)
{
        SV_STATE s = {.lock = -1};
        struct sv_work work = {.state = &s};
        char missing[] = "/nonexistent/kernel";
        struct sv_worker w = {.work = &work, .reader = SV_READER_NONE, .control = -1};
        const struct sv_labels labels = {
                .root = "", .uuid = (const uint8_t[16]){0}, .qemu = getpid()};
        struct sv_err err;

        OK(sv_state_init(&s, "worker", &err));
        FAILS(sv_worker_open_control(&w, &err), SV_SYSTEM, "launch.control");
        OK(sv_mkdirs(s.dir, 0711, &err));
        OK(sv_worker_open_control(&w, &err));
        close(w.control);
        w.stage.kernel = missing;
        if (geteuid() == 0)
                FAILS(sv_stage_take_back(&w.stage, &err), SV_SYSTEM, "launch.boot");
        w.stage.kernel = NULL;
        w.stage.nvram = s.dir;
        FAILS(sv_worker_restart(&w, &err), SV_SYSTEM, "launch.nvram");
        /* no libvirt put a label on this program */
        FAILS(sv_labels_check(&labels, &err), SV_SYSTEM, "launch.confinement");
}

static int count_piece(void *arg, struct sv_bytes piece, struct sv_err *err)
{
        sv_buf_put(arg, piece);
        return 0;
}

/* As QEMU writes: at the end, whatever was done to the file. */
static void print_lines(int fd, struct sv_console_log *l, unsigned from, unsigned n)
{
        for (unsigned i = from; i < from + n; i++) {
                dprintf(fd, "%09u\n", i);
                if (l)
                        sv_console_log_look(l);
        }
}

static void a_console_log_is_bounded(void **state)
{
        SV_STATE s = {.lock = -1};
        SV_BUF all = SV_BUF_NULL;
        struct sv_console_log l = {.watch = -1};
        struct sv_err err;
        struct stat st;
        SV_FD fd = -1;

        OK(sv_state_init(&s, "log", &err));
        FAILS(sv_console_log_begin(&l, &s, 1000, &err), SV_SYSTEM, "launch.console");
        sv_console_log_free(&l);
        OK(sv_mkdirs(s.dir, 0711, &err));
        OK(sv_console_log_begin(&l, &s, 1000, &err));
        fd = open(l.path, O_WRONLY | O_APPEND | O_CLOEXEC);
        /* half of the limit: all is there */
        print_lines(fd, &l, 0, 50);
        OK(sv_console_log_print(&s, count_piece, &all, &err));
        assert_int_equal(all.n, 500);
        print_lines(fd, &l, 50, 950);
        sv_buf_clear(&all);
        OK(sv_console_log_print(&s, count_piece, &all, &err));
        assert_in_range(all.n, 500, 1010);
        /* the last lines, none of them lost, in their order */
        for (size_t i = 0; i < all.n / 10; i++)
                assert_int_equal(strtoul((char *)all.p + i * 10, NULL, 10), 1000 - all.n / 10 + i);
        /* a flood between two looks */
        print_lines(fd, NULL, 0, 100000);
        sv_console_log_look(&l);
        assert_int_equal(stat(l.path, &st), 0);
        assert_int_equal(st.st_size, 0);
        assert_int_equal(stat(l.older, &st), 0);
        assert_int_equal(st.st_size, 500);
        assert_int_equal(st.st_mode & 0777, 0600);
        /* another start of the guest begins anew */
        sv_console_log_free(&l);
        OK(sv_console_log_begin(&l, &s, 1000, &err));
        sv_buf_clear(&all);
        OK(sv_console_log_print(&s, count_piece, &all, &err));
        assert_int_equal(all.n, 0);
        sv_console_log_free(&l);
}

static int set_up(void **state)
{
        snprintf(base, sizeof(base), "/tmp/svr-XXXXXX");
        return mkdtemp(base) ? setenv("SECURE_VM_DIR", base, 1) : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(base, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(told_by_events),
                cmocka_unit_test(told_by_a_supervisor),
                cmocka_unit_test(stopped_by_a_later_press),
                cmocka_unit_test(folders),
                cmocka_unit_test(a_worker),
                cmocka_unit_test(a_console_log_is_bounded),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
