/* SPDX-License-Identifier: Apache-2.0 */
/* The process that reads what a guest's agent says: what it understands, the form in which it
 * passes that on, and hostile code in its place, with all that it has. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/core/file.h"
#include "launcher/keeper/agent-event.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/reader.h"
#include "launcher/keeper/worker-int.h"
#include "launcher/virt/virt-int.h"
#include "tests/unit/hostile.h"
#include "tests/unit/unit.h"

static struct sv_err err;

/* --- what is an event --- */

static struct sv_json *event_of(const char *line)
{
        struct sv_agent_event e;

        OK(sv_agent_event_parse(sv_bytes_str(line), &e, &err));
        return sv_agent_event_json(&e);
}

static void no_events(void **state)
{
        static const struct {
                const char *line, *check;
        } bad[] = {
                {"hello", "control.agent.json"},
                {"{\"event\":\"ended\"}", "control.agent"},
                {"{\"event\":7}", "control.agent.member"},
                {"{\"event\":\"failed\",\"class\":\"policy\"}", "control.agent"},
                {"{\"event\":\"step\",\"step\":5}", "control.agent"},
                {"{\"event\":\"committed\"}", "control.agent"},
        };
        struct sv_agent_event e;
        char flood[SV_LINE_MAX + 2];

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                FAILS(sv_agent_event_parse(sv_bytes_str(bad[i].line), &e, &err), SV_FORMAT,
                      bad[i].check);
        memset(flood, ' ', sizeof(flood));
        memcpy(flood, "{\"event\":\"unlocked\"}", 20);
        OK(sv_agent_event_parse(sv_bytes(flood, SV_LINE_MAX), &e, &err));
        FAILS(sv_agent_event_parse(sv_bytes(flood, SV_LINE_MAX + 1), &e, &err), SV_FORMAT,
              "control.agent");
}

static void agent_events(void **state)
{
        SV_JSON *failed = event_of("{\"event\":\"failed\",\"class\":\"policy\",\"check\":\"policy."
                                   "pcr.4\",\"message\":\"a\\u001b[2Jb\",\"ok\":true}");
        SV_JSON *unlocked = event_of(
                "{\"event\":\"unlocked\",\"ms\":12,\"grounds\":\"because\",\"instance\":\"0f\"}");
        SV_JSON *timed = event_of("{\"event\":\"unlocked\",\"timings\":{\"kernel\":4000,\"open\":7,"
                                  "\"a\\u001b[2J\":1,\"b\":-1,\"c\":\"9\",\"d\":{},"
                                  "\"a-name-longer-than-any-of-ours\":1,\"\":2}}");
        SV_JSON *list = event_of("{\"event\":\"unlocked\",\"timings\":[1,2]}");
        SV_JSON *step = event_of("{\"event\":\"step\",\"step\":\"network\",\"state\":\"done\","
                                 "\"says\":\"eth0 \\u001b]0;10.0.2.15\"}");

        assert_string_equal(sv_json_str(sv_json_get(failed, "check")), "policy.pcr.4");
        /* no way to steer the terminal */
        assert_string_equal(sv_json_str(sv_json_get(failed, "message")), "a?[2Jb");
        assert_string_equal(sv_json_str(sv_json_get(step, "says")), "eth0 ?]0;10.0.2.15");
        assert_null(sv_json_get(failed, "ok"));
        assert_int_equal(sv_json_int(sv_json_get(unlocked, "ms"), 0), 12);
        assert_string_equal(sv_json_str(sv_json_get(unlocked, "instance")), "0f");
        assert_null(sv_json_get(unlocked, "timings"));
        /* names of ours, times that can be */
        assert_int_equal(sv_json_len(sv_json_get(timed, "timings")), 2);
        assert_int_equal(sv_json_int(sv_json_pointer(timed, "/timings/kernel"), 0), 4000);
        assert_null(sv_json_get(list, "timings"));
}

/* A text and a number of timings at the limit, and one past it. */
static void bounded_events(void **state)
{
        for (int past = 0; past < 2; past++) {
                SV_BUF line = SV_BUF_NULL;
                SV_JSON *j = NULL;

                sv_buf_puts(&line, "{\"event\":\"unlocked\",\"grounds\":\"");
                for (int i = 0; i < SV_EVENT_TEXT_MAX + past; i++)
                        sv_buf_puts(&line, "x");
                sv_buf_puts(&line, "\",\"timings\":{\"t0\":0");
                for (int i = 1; i < SV_TIMINGS_MAX + past; i++)
                        sv_buf_printf(&line, ",\"t%d\":%d", i, i);
                sv_buf_puts(&line, "}}");
                j = event_of(sv_buf_str(&line));
                assert_int_equal(strlen(sv_json_str(sv_json_get(j, "grounds"))), SV_EVENT_TEXT_MAX);
                assert_int_equal(sv_json_len(sv_json_get(j, "timings")), SV_TIMINGS_MAX);
        }
}

/* --- the form in which it leaves the reader --- */

static void refuse_form(const void *form, size_t n)
{
        struct sv_agent_event e;

        FAILS(sv_agent_event_read(sv_bytes(form, n), &e, &err), SV_FORMAT, "launch.reader");
}

static void every_length(void **state)
{
        struct sv_agent_event e, back;
        SV_BUF form = SV_BUF_NULL;
        SV_JSON *sent = NULL;
        SV_JSON *got = NULL;

        OK(sv_agent_event_parse(sv_bytes_str("{\"event\":\"failed\",\"class\":\"proof\",\"check\":"
                                             "\"a.b\",\"message\":\"\\u00e4\",\"ms\":7,"
                                             "\"timings\":{\"kernel\":1}}"),
                                &e, &err));
        sv_agent_event_put(&e, &form);
        for (size_t n = 0; n < form.n; n++)
                refuse_form(form.p, n);
        OK(sv_agent_event_read(sv_buf_bytes(&form), &back, &err));
        sent = sv_agent_event_json(&e);
        got = sv_agent_event_json(&back);
        assert_true(sv_json_equal(sent, got));
        sv_buf_u8(&form, 0);
        refuse_form(form.p, form.n);
}

#define NO_MS "\xff\xff\xff\xff\xff\xff\xff\xff"

static void forms_that_are_none(void **state)
{
        static const struct {
                const char *form;
                size_t n;
        } bad[] = {
#define FORM(x) {x, sizeof(x) - 1}
                FORM("\x00"),
                FORM("\x05\x00\x00" NO_MS "\x00"),                 /* no such kind */
                FORM("\x04\x01\x00\x1b\x00\x00" NO_MS "\x00"),     /* an escape */
                FORM("\x04\x01\x00\x00\x00\x00" NO_MS "\x00"),     /* NUL */
                FORM("\x04\x02\x00\xc3\x28\x00\x00" NO_MS "\x00"), /* no UTF-8 */
                FORM("\x04\x59\x02" NO_MS "\x00"),                 /* SV_EVENT_TEXT_MAX + 1 */
                FORM("\x04\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x80\x00"),
                FORM("\x04\x00\x00\x00\x00" NO_MS "\x21"), /* SV_TIMINGS_MAX + 1 */
                FORM("\x04\x00\x00\x00\x00" NO_MS "\x01\x00\x01\0\0\0\0\0\0\0"), /* no name */
                FORM("\x04\x00\x00\x00\x00" NO_MS "\x01\x01.\x01\0\0\0\0\0\0\0"),
                FORM("\x04\x00\x00\x00\x00" NO_MS "\x01\x01"
                     "a" NO_MS),
                FORM("\x04\x00\x00\x00\x00" NO_MS "\x01\x19"
                     "aaaaaaaaaaaaaaaaaaaaaaaaa\x01\0\0\0\0\0\0\0"),
                FORM("\x01\x00\x00\x00\x00\x00\x00" NO_MS "\x00"), /* a step without its name */
        };
        struct sv_agent_event e;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                refuse_form(bad[i].form, bad[i].n);
        OK(sv_agent_event_read(sv_bytes("\x04\x00\x00\x00\x00" NO_MS "\x00", 14), &e, &err));
        OK(sv_agent_event_read(sv_bytes("\x04\x00\x00\x00\x00" NO_MS "\x01\x01"
                                        "a\x01\0\0\0\0\0\0\0",
                                        24),
                               &e, &err));
}

/* --- the process --- */

enum place { NOWHERE, HOSTILE, DEAF };

/* What hostile code reports; shared with the process. */
static struct report {
        volatile enum place place;
        volatile bool go_on, done;
        volatile int tries, opened, changed, sockets, peeked, started, others, memory;
} * report;

static char dir[64];
static pid_t neighbour; /* of the user that this test runs as */

static char *in_dir(const char *name)
{
        return sv_asprintf("%s/%s", dir, name);
}

static void try_paths(void)
{
        SV_STR secret = in_dir("secret");
        SV_STR other = in_dir("other");
        const char *const paths[] = {secret,        "/etc/passwd", "/etc/shadow", "/proc/self/mem",
                                     "/proc/1/mem", "/dev/kvm",    dir,           "/"};

        for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
                report->tries += 2;
                report->opened += open(paths[i], O_RDONLY) >= 0;
                report->opened += open(paths[i], O_RDWR) >= 0;
        }
        report->tries += 9;
        report->opened += open(other, O_WRONLY | O_CREAT, 0600) >= 0;
        report->opened += syscall(SYS_memfd_create, "x", 0) >= 0;
        report->changed += unlink(secret) == 0;
        report->changed += rename(secret, other) == 0;
        report->changed += symlink("/etc/shadow", other) == 0;
        report->changed += link(secret, other) == 0;
        report->changed += chmod(secret, 0666) == 0;
        report->changed += truncate(secret, 0) == 0;
        report->changed += mkdir(other, 0700) == 0;
}

static void try_sockets(void)
{
        SV_STR path = in_dir("other.sock");
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
        report->tries += 3;
        report->sockets += fd >= 0;
        report->sockets += connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
        report->sockets += socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static void try_processes(void)
{
        report->tries += HOSTILE_PROCESS_TRIES + HOSTILE_PROGRAM_TRIES + 8;
        report->peeked += reach_process(neighbour);
        report->peeked += kill(-1, 0) == 0;
        report->peeked += prctl(PR_SET_DUMPABLE, 1) == 0 || prctl(PR_SET_PDEATHSIG, 0) == 0;
        report->peeked += fcntl(0, F_SETOWN, neighbour) == 0;
        report->peeked += setuid(0) == 0 || setresuid(0, 0, 0) == 0;
        report->peeked += syscall(SYS_unshare, 0x10000000) == 0; /* a user namespace */
        report->started += start_program();
        report->started += syscall(SYS_clone3, NULL, 0) >= 0 || errno != EPERM;
}

/* What is open beside /dev/null and the way back, and how much memory there is. */
static void try_what_there_is(int control)
{
        struct stat null, st;

        if (fstat(0, &null) < 0 || !S_ISCHR(null.st_mode))
                report->others++;
        for (int fd = 0; fd < 1024; fd++) {
                report->tries++;
                if (fd != control && fstat(fd, &st) == 0 && st.st_rdev != null.st_rdev)
                        report->others++;
        }
        report->memory += mmap(NULL, 2 * SV_READER_MEMORY, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

void __real_sv_reader_serve(int control);
void __wrap_sv_reader_serve(int control);
void __wrap_sv_reader_serve(int control)
{
        if (report->place == NOWHERE) {
                __real_sv_reader_serve(control);
                return;
        }
        if (report->place == HOSTILE) {
                try_paths();
                try_sockets();
                try_processes();
                try_what_there_is(control);
                /* what the guest could have said, then what it could not */
                (void)!send(control, "\x04\x00\x00\x00\x00" NO_MS "\x00", 14, 0);
                (void)!send(control, "\x04\x01\x00\x1b\x00\x00" NO_MS "\x00", 15, 0);
        }
        report->done = true;
        while (!report->go_on)
                usleep(1000);
}

static struct sv_json *next_event(struct sv_reader *r)
{
        struct sv_json *e = NULL;
        int n = 0;

        WAIT_UNTIL((n = sv_reader_next(r, &e, &err)) != 0, PATIENCE, "%s", "nothing is read");
        assert_int_equal(n, 1);
        return e;
}

static void reads_a_port(void **state)
{
        struct sv_reader r;
        int a[2], b[2];
        SV_JSON *first = NULL;
        SV_JSON *second = NULL;
        struct sv_json *none = NULL;

        report->place = NOWHERE;
        OK(sv_reader_start(&r, 0, &err));
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
        OK(sv_reader_give(&r, a[0], &err));
        dprintf(a[1], "noise\n{\"event\":\"step\",\"step\":\"one\"}\n{\"event\":\"step\",");
        first = next_event(&r);
        assert_string_equal(sv_json_str(sv_json_get(first, "step")), "one");
        /* of another run: what was begun on the port before does not go on */
        OK(sv_reader_give(&r, b[0], &err));
        dprintf(b[1], "\"step\":\"x\"}\n{\"event\":\"step\",\"step\":\"two\"}\n");
        second = next_event(&r);
        assert_string_equal(sv_json_str(sv_json_get(second, "step")), "two");
        assert_true(r.reading);
        close(b[0]);
        close(b[1]);
        WAIT_UNTIL(sv_reader_next(&r, &none, &err) == 0 && !r.reading, PATIENCE, "%s",
                   "the port's end is not seen");
        close(a[0]);
        close(a[1]);
        sv_reader_end(&r);
        assert_int_equal(r.fd, -1);
}

static int64_t last_written(const struct sv_state *s)
{
        SV_STR path = sv_state_path(s, "status.json");
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        return st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec;
}

/* Each is passed on to the launcher. */
static void say_steps(struct sv_worker *w, int port, int launcher, int n)
{
        char line[256];

        for (int i = 0; i < n; i++) {
                dprintf(port, "{\"event\":\"step\",\"step\":\"%d\"}\n", i);
                WAIT_UNTIL((sv_worker_read_agent(w),
                            recv(launcher, line, sizeof(line), MSG_DONTWAIT) > 0),
                           PATIENCE, "%s", "a step is not passed on");
        }
}

/* A guest that is to reboot is asked again, as one that is to stop; no other. */
static void asked_again(void **state)
{
        struct sv_worker w = {.life = SV_LIFE_GOING_DOWN, .pressed = 1000};
        const int64_t next = 1000 + SV_PRESS_SECONDS * 1000;

        assert_int_equal(sv_worker_find_press(&w, 1000), next - 1000);
        assert_int_equal(sv_worker_find_press(&w, next - 1), 1);
        assert_int_equal(sv_worker_find_press(&w, next), 0);
        assert_int_equal(sv_worker_find_press(&w, next + 9), 0);
        for (enum sv_life life = 0; life < SV_LIFE_GOING_DOWN; life++) {
                w.life = life;
                assert_int_equal(sv_worker_find_press(&w, next), -1);
        }
        w.life = SV_LIFE_REBOOTING;
        assert_int_equal(sv_worker_find_press(&w, next), -1);
}

/* Its time begins when its guest is off, and only then. */
static void late_qemu(void **state)
{
        struct sv_worker w = {.life = SV_LIFE_UNLOCKED, .off = 1000};
        const int64_t end = 1000 + SV_QEMU_END_SECONDS * 1000;

        assert_int_equal(sv_worker_find_end(&w, 1000), end - 1000);
        assert_int_equal(sv_worker_find_end(&w, end - 1), 1);
        assert_int_equal(sv_worker_find_end(&w, end), 0);
        assert_int_equal(sv_worker_find_end(&w, end + 9), 0);
        w.off = 0;
        assert_int_equal(sv_worker_find_end(&w, end), -1);
        assert_int_equal(sv_virt_map_event(VIR_DOMAIN_EVENT_SHUTDOWN, 0), SV_VIRT_WENT_OFF);
        assert_int_equal(sv_virt_map_event(VIR_DOMAIN_EVENT_STOPPED, 0), SV_VIRT_STOPPED);
}

static void a_talkative_guest_writes_no_more(void **state)
{
        struct sv_state s = {.dir = dir, .lock = -1};
        struct sv_work work = {.state = &s};
        struct sv_worker w = {.work = &work, .life = SV_LIFE_RUNNING, .status = sv_json_object()};
        int port[2], launch[2];
        int64_t full;

        report->place = NOWHERE;
        for (size_t i = 0; i < SV_CONTROL_CLIENTS_MAX; i++)
                w.clients[i].fd = -1;
        sv_json_set(w.status, "steps", sv_json_array());
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, port), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, launch), 0);
        w.launch = launch[0];
        OK(sv_reader_start(&w.reader, 0, &err));
        OK(sv_reader_give(&w.reader, port[0], &err));
        say_steps(&w, port[1], launch[1], SV_STEPS_MAX);
        full = last_written(&s);
        usleep(20000); /* a file system's clock is not finer than that */
        say_steps(&w, port[1], launch[1], 3);
        assert_int_equal(last_written(&s), full);
        /* what changes its life is kept all the same */
        dprintf(port[1], "{\"event\":\"unlocked\",\"grounds\":\"g\"}\n");
        WAIT_UNTIL((sv_worker_read_agent(&w), w.life == SV_LIFE_UNLOCKED), PATIENCE, "%s",
                   "the unlock is not heard");
        assert_int_not_equal(last_written(&s), full);
        sv_reader_end(&w.reader);
        sv_json_free(w.status);
        for (size_t i = 0; i < 2; i++) {
                close(port[i]);
                close(launch[i]);
        }
}

static void check_status(pid_t pid, unsigned user)
{
        static const char *const lines[] = {"\nCapEff:\t0000000000000000\n",
                                            "\nCapPrm:\t0000000000000000\n", "\nNoNewPrivs:\t1\n",
                                            "\nSeccomp:\t2\n"};
        SV_STR uid = sv_asprintf("\nUid:\t%1$u\t%1$u\t%1$u\t%1$u\n", user);
        SV_STR gid = sv_asprintf("\nGid:\t%1$u\t%1$u\t%1$u\t%1$u\n", user);
        const char *const of_root[] = {uid, gid, "\nGroups:\t \n"};
        SV_STR path = sv_asprintf("/proc/%d/status", (int)pid);
        SV_BUF text = SV_BUF_NULL;

        OK(sv_file_read(path, 65536, &text, "test", &err));
        for (size_t i = 0; i < 4; i++)
                if (!strstr(sv_buf_str(&text), lines[i]))
                        fail_msg("%s is not in %s", lines[i], sv_buf_str(&text));
        for (size_t i = 0; geteuid() == 0 && i < 3; i++)
                if (!strstr(sv_buf_str(&text), of_root[i]))
                        fail_msg("%s is not in %s", of_root[i], sv_buf_str(&text));
}

static void hostile_code_gets_nothing(void **state)
{
        SV_STR secret = in_dir("secret");
        struct sv_json *e = NULL;
        struct sv_reader r;
        struct stat st;

        report->place = HOSTILE;
        OK(sv_reader_start(&r, 70001, &err));
        WAIT_UNTIL(report->done, PATIENCE, "the hostile code has not come to its end: %d tries",
                   report->tries);
        check_status(r.pid, 70001);
        assert_int_equal(report->opened, 0);
        assert_int_equal(report->changed, 0);
        assert_int_equal(report->sockets, 0);
        assert_int_equal(report->peeked, 0);
        assert_int_equal(report->started, 0);
        assert_int_equal(report->others, 0);
        assert_int_equal(report->memory, 0);
        assert_true(report->tries > 1050);
        assert_int_equal(stat(secret, &st), 0);
        assert_int_equal(st.st_size, 6);
        e = next_event(&r);
        assert_string_equal(sv_json_str(sv_json_get(e, "event")), "unlocked");
        sv_json_free(e);
        FAILS(sv_reader_next(&r, &e, &err), SV_FORMAT, "launch.reader");
        report->go_on = true;
        sv_reader_end(&r);
}

static void its_end_is_an_error(void **state)
{
        struct sv_json *e = NULL;
        struct sv_reader r;
        int n = 0;

        report->place = NOWHERE;
        OK(sv_reader_start(&r, 0, &err));
        check_status(r.pid, 65534);
        kill(r.pid, SIGKILL);
        memset(&err, 0, sizeof(err));
        WAIT_UNTIL((n = sv_reader_next(&r, &e, &err)) != 0, PATIENCE, "%s", "its end is not seen");
        assert_int_equal(n, -1);
        assert_string_equal(err.check, "launch.reader");
        assert_int_equal(err.class, SV_SYSTEM);
        sv_reader_end(&r);
}

/* Also when it does not look at what its owner sends. */
static void ends_with_its_owner(void **state)
{
        int status, pair[2];
        pid_t owner, pid = 0;

        report->place = DEAF;
        assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        assert_int_equal(pipe(pair), 0);
        owner = fork();
        if (owner == 0) {
                struct sv_reader r;

                if (sv_reader_start(&r, 0, &err) < 0 ||
                    write(pair[1], &r.pid, sizeof(r.pid)) != sizeof(r.pid))
                        _exit(1);
                for (;;)
                        pause();
        }
        assert_int_equal(read(pair[0], &pid, sizeof(pid)), sizeof(pid));
        WAIT_UNTIL(report->done, PATIENCE, "%s", "it does not begin");
        kill(owner, SIGKILL);
        assert_int_equal(waitpid(owner, &status, 0), owner);
        WAIT_UNTIL(waitpid(pid, &status, WNOHANG) == pid, 10, "%s", "it outlives its owner");
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        report->go_on = true;
        close(pair[0]);
        close(pair[1]);
        prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* --- a world to attack --- */

static int listen_here(void)
{
        SV_STR path = in_dir("other.sock");
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
        assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
        assert_int_equal(listen(fd, 5), 0);
        assert_int_equal(chmod(path, 0777), 0);
        return fd;
}

static int group_setup(void **state)
{
        SV_STR secret = NULL;

        report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        assert_ptr_not_equal(report, MAP_FAILED);
        snprintf(dir, sizeof(dir), "/tmp/sv-reader-XXXXXX");
        assert_non_null(mkdtemp(dir));
        secret = in_dir("secret");
        OK(sv_file_write(secret, 0600, sv_bytes_str("secret"), &err));
        listen_here();
        neighbour = fork();
        if (neighbour == 0)
                for (;;)
                        pause();
        return 0;
}

static int group_teardown(void **state)
{
        kill(neighbour, SIGKILL);
        waitpid(neighbour, NULL, 0);
        return sv_remove_tree(dir, NULL);
}

static int clear_report(void **state)
{
        memset((void *)(uintptr_t)report, 0, sizeof(*report));
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_events),
                cmocka_unit_test(agent_events),
                cmocka_unit_test(bounded_events),
                cmocka_unit_test(every_length),
                cmocka_unit_test(forms_that_are_none),
                cmocka_unit_test(late_qemu),
                cmocka_unit_test(asked_again),
                cmocka_unit_test_setup(reads_a_port, clear_report),
                cmocka_unit_test_setup(a_talkative_guest_writes_no_more, clear_report),
                cmocka_unit_test_setup(hostile_code_gets_nothing, clear_report),
                cmocka_unit_test_setup(its_end_is_an_error, clear_report),
                cmocka_unit_test_setup(ends_with_its_owner, clear_report),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
