/* SPDX-License-Identifier: Apache-2.0 */
/* All guests of a host go to others: hosts and guests are a table that several processes see, and a
 * migration or a move changes a row of it, fails, dies, or waits until it is asked to end. */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/keeper/drain.h"
#include "launcher/keeper/keeper.h"
#include "tests/unit/unit.h"

#define MIB      (1ll << 20)
#define N_GUESTS 20

struct guest {
        char name[16];
        int at; /* 0: the host that is drained */
        bool other, sealed, off, own_disks;
        bool fails, dies, waits; /* on its way */
        int64_t memory;
        int asked; /* to end */
        char how;  /* it went: 'l', 'c'opied, 'm'oved */
};

static struct world {
        struct guest guests[N_GUESTS];
        int64_t room[4]; /* of a host's memory; 0: it does not say */
        bool gone[4];    /* the host does not answer */
        bool dead;       /* who drains */
        bool own;        /* this host's supervisor has a guest */
        int at_work, children, most;
        int fail_fork; /* this one; 0: none */
        int looks;     /* of who drains */
        int brokers;
        char answer[1 << 16];
        struct sv_err err;
} * w;

static const char *const hosts[] = {"from", "to1", "to2", "to3"};

int __wrap_sv_migrate_guest(const struct sv_migrate *m, struct sv_json *result, struct sv_err *err);
int __wrap_sv_move_guest(const struct sv_move *mv, struct sv_json *result, struct sv_err *err);
int __wrap_sv_migrate_check_pair(const char *from, const char *to, struct sv_err *err);
const struct sv_keeper *__wrap_sv_keeper_choose(const char *uri);
bool __wrap_sv_uri_is_here(const char *uri);
pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __real_waitpid(pid_t pid, int *status, int flags);
pid_t __wrap_waitpid(pid_t pid, int *status, int flags);
int __real_sv_run_interrupted(void);
int __wrap_sv_run_interrupted(void);

static bool counting; /* in the process that drains */

pid_t __wrap_fork(void)
{
        pid_t pid;

        if (counting && w->fail_fork && --w->fail_fork == 0) {
                errno = EAGAIN;
                return -1;
        }
        pid = __real_fork();
        if (!counting || pid <= 0)
                return pid;
        w->children++;
        w->most = w->children > w->most ? w->children : w->most;
        return pid;
}

int __wrap_sv_run_interrupted(void)
{
        w->looks += counting;
        return __real_sv_run_interrupted();
}

pid_t __wrap_waitpid(pid_t pid, int *status, int flags)
{
        pid_t r = __real_waitpid(pid, status, flags);

        if (counting && r > 0)
                w->children--;
        return r;
}

static int find_host(const char *uri)
{
        for (int i = 0; i < 4; i++)
                if (!strcmp(hosts[i], uri))
                        return i;
        return -1;
}

static struct guest *find_guest(const char *name)
{
        for (size_t i = 0; i < N_GUESTS; i++)
                if (!strcmp(w->guests[i].name, name))
                        return &w->guests[i];
        return NULL;
}

bool __wrap_sv_uri_is_here(const char *uri)
{
        return !strcmp(uri, "from");
}

int __wrap_sv_migrate_check_pair(const char *from, const char *to, struct sv_err *err)
{
        return w->gone[find_host(to)]
                       ? sv_fail(err, SV_SYSTEM, "virt.open", "%s does not answer", to)
                       : 0;
}

static void put_memory(const struct guest *g, int host, struct sv_json *result)
{
        int64_t free = w->room[host];

        for (size_t i = 0; i < N_GUESTS; i++)
                if (*w->guests[i].name && w->guests[i].at == host && !w->guests[i].off)
                        free -= w->guests[i].memory;
        sv_json_set_int(result, "memory", g->off ? 0 : g->memory);
        if (w->room[host])
                sv_json_set_int(result, "memory_free", free);
}

static volatile sig_atomic_t asked;

static void note_asked(int number)
{
        asked = 1;
}

static void count_asked(struct guest *g)
{
        if (!asked)
                return;
        asked = 0;
        __sync_fetch_and_add(&g->asked, 1);
}

/* The way from here to there: either it is there, or it is where it was. */
static int travel(struct guest *g, const char *to, char how, struct sv_err *err)
{
        if (g->dies)
                raise(SIGKILL);
        signal(SIGTERM, note_asked);
        __sync_fetch_and_add(&w->at_work, 1);
        while (g->waits && !g->asked) {
                usleep(1000);
                count_asked(g);
        }
        for (int looks = w->looks; g->asked && !w->dead && w->looks < looks + 20; usleep(1000))
                count_asked(g); /* a way back takes a while */
        __sync_fetch_and_sub(&w->at_work, 1);
        if (g->asked)
                return sv_fail(err, SV_SYSTEM, "migrate.interrupted", "cancelled");
        if (g->fails)
                return sv_fail(err, SV_SYSTEM, "virt.operation", "this one failed");
        g->at = find_host(to);
        g->how = how;
        return 0;
}

int __wrap_sv_migrate_guest(const struct sv_migrate *m, struct sv_json *result, struct sv_err *err)
{
        struct guest *g = find_guest(m->name);

        if (g->other)
                return sv_fail(err, SV_USAGE, "state.other", "%s is somebody else's", m->name);
        if (g->sealed)
                return sv_fail(err, SV_USAGE, "migrate.tee", "%s is sealed", m->name);
        if (g->off)
                return sv_fail(err, SV_SYSTEM, "migrate.state", "%s is off", m->name);
        if (g->own_disks && !m->copy_storage)
                return sv_fail(err, SV_USAGE, "migrate.storage", "%s has disks here", m->name);
        if (!g->own_disks && m->copy_storage)
                return sv_fail(err, SV_SYSTEM, "migrate.disk", "%s is there", m->name);
        put_memory(g, find_host(m->to), result);
        return m->check ? 0 : travel(g, m->to, m->copy_storage ? 'c' : 'l', err);
}

int __wrap_sv_move_guest(const struct sv_move *mv, struct sv_json *result, struct sv_err *err)
{
        struct guest *g = find_guest(mv->name);

        assert_true(mv->cold);
        if (g->other)
                return sv_fail(err, SV_USAGE, "state.other", "%s is somebody else's", mv->name);
        put_memory(g, find_host(mv->to), result);
        return mv->check ? 0 : travel(g, mv->to, 'm', err);
}

static void list_row(struct sv_json *rows, const char *name, const char *state)
{
        struct sv_json *row = sv_json_add(rows, sv_json_object());

        sv_json_set_str(row, "name", name);
        sv_json_set_str(row, "state", state);
}

static int fake_list(const char *uri, struct sv_json *rows, struct sv_err *err)
{
        if (!uri && w->own) {
                list_row(rows, "own", "unlocked");
                list_row(rows, "over", "stopped");
        }
        for (size_t i = 0; uri && i < N_GUESTS; i++)
                if (*w->guests[i].name && w->guests[i].at == find_host(uri))
                        list_row(rows, w->guests[i].name, w->guests[i].off ? "stopped" : "running");
        return 0;
}

static const struct sv_keeper fake_keeper = {.list = fake_list};

const struct sv_keeper *__wrap_sv_keeper_choose(const char *uri)
{
        return &fake_keeper;
}

static int count_broker(void *arg, struct sv_move *mv, struct sv_err *err)
{
        __sync_fetch_and_add(&w->brokers, 1);
        return 0;
}

/* --- a drain --- */

struct how {
        unsigned jobs;
        bool partial, check;
        size_t n_to;
};

static _Noreturn void run_drain(const struct how *how)
{
        const struct sv_drain d = {.from = "from",
                                   .to = hosts + 1,
                                   .n_to = how->n_to ? how->n_to : 1,
                                   .jobs = how->jobs ? how->jobs : 2,
                                   .partial = how->partial,
                                   .check = how->check,
                                   .quiet = true,
                                   .open_broker = count_broker};
        SV_JSON *result = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        int r;

        counting = true;
        memset(&w->err, 0, sizeof(w->err));
        r = sv_drain_host(&d, result, &w->err);
        sv_json_print(result, &text);
        snprintf(w->answer, sizeof(w->answer), "%s", sv_buf_str(&text));
        _exit(r < 0);
}

static pid_t begin_drain(const struct how *how)
{
        pid_t pid;

        w->children = w->most = 0;
        pid = __real_fork();
        if (pid == 0)
                run_drain(how);
        return pid;
}

/* The rows. */
static struct sv_json *end_drain(pid_t pid, const char *check)
{
        struct sv_json *result = NULL;
        struct sv_err err = SV_ERR_NULL;
        int status;

        assert_int_equal(__real_waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_string_equal(w->err.check, check);
        assert_int_equal(WEXITSTATUS(status), *check != 0);
        OK(sv_json_parse(sv_bytes_str(w->answer), "test", &result, &err));
        return result;
}

static struct sv_json *drain(const struct how *how, const char *check)
{
        return end_drain(begin_drain(how), check);
}

static const struct sv_json *find_row(const struct sv_json *result, const char *name)
{
        const struct sv_json *rows = sv_json_get(result, "guests");

        for (size_t i = 0; i < sv_json_len(rows); i++)
                if (!strcmp(sv_json_text(sv_json_at(rows, i), "name", ""), name))
                        return sv_json_at(rows, i);
        fail_msg("no row for %s", name);
        return NULL;
}

static const char *get_outcome(const struct sv_json *result, const char *name)
{
        return sv_json_text(find_row(result, name), "outcome", "");
}

static bool has_reason(const struct sv_json *result, const char *name, const char *way,
                       const char *check)
{
        const struct sv_json *why = sv_json_get(find_row(result, name), "why");

        for (size_t i = 0; i < sv_json_len(why); i++)
                if (!strcmp(sv_json_text(sv_json_at(why, i), "way", ""), way) &&
                    !strcmp(sv_json_text(sv_json_at(why, i), "check", ""), check))
                        return true;
        return false;
}

static struct guest *add_guest(const char *name)
{
        struct guest *g = find_guest("");

        *g = (struct guest){.memory = 60 * MIB};
        snprintf(g->name, sizeof(g->name), "%s", name);
        return g;
}

static void begin_world(void)
{
        memset(w, 0, sizeof(*w));
}

static void wait_at_work(int n)
{
        WAIT_UNTIL(w->at_work == n, PATIENCE, "%d at work, expected %d", w->at_work, n);
}

/* Live where it can be, cold where it must; the reason of each. */
static void each_way(void **state)
{
        SV_JSON *r = NULL;

        begin_world();
        add_guest("cold")->sealed = true;
        add_guest("off")->off = true;
        add_guest("copied")->own_disks = true;
        add_guest("live");
        r = drain(&(struct how){.check = true}, "");
        for (int i = 0; i < 4; i++)
                assert_int_equal(w->guests[i].at, 0);
        assert_true(has_reason(r, "cold", "live", "migrate.tee"));
        assert_true(has_reason(r, "off", "live", "migrate.state"));
        assert_true(has_reason(r, "copied", "live", "migrate.storage"));
        assert_int_equal(sv_json_len(sv_json_get(find_row(r, "live"), "why")), 0);
        assert_string_equal(get_outcome(r, "live"), "planned");
        /* those that are down come last */
        assert_string_equal(sv_json_text(sv_json_at(sv_json_get(r, "guests"), 0), "name", ""),
                            "copied");
        sv_json_freep(&r);
        r = drain(&(struct how){0}, "");
        assert_int_equal(find_guest("cold")->how, 'm');
        assert_int_equal(find_guest("off")->how, 'm');
        assert_int_equal(find_guest("copied")->how, 'c');
        assert_int_equal(find_guest("live")->how, 'l');
        for (int i = 0; i < 4; i++) {
                assert_int_equal(w->guests[i].at, 1);
                assert_string_equal(get_outcome(r, w->guests[i].name), "gone");
        }
        assert_int_equal(w->brokers, 2 + 2 + 2); /* each look, and each move */
}

static void one_stays(void **state)
{
        SV_JSON *r = NULL;

        begin_world();
        add_guest("a");
        add_guest("b")->other = true;
        r = drain(&(struct how){0}, "drain.stays");
        assert_non_null(strstr(w->err.msg, "(b), so nothing was moved"));
        assert_true(has_reason(r, "b", "live", "state.other"));
        assert_true(has_reason(r, "b", "cold", "state.other"));
        assert_int_equal(find_guest("a")->at, 0);
        sv_json_freep(&r);
        r = drain(&(struct how){.check = true}, "drain.stays");
        assert_int_equal(find_guest("a")->at, 0);
        sv_json_freep(&r);
        r = drain(&(struct how){.partial = true}, "drain.stays");
        assert_int_equal(find_guest("a")->at, 1);
        assert_string_equal(get_outcome(r, "b"), "stays");
}

/* Of this host's own supervisor: only those that run. */
static void own_guests(void **state)
{
        SV_JSON *r = NULL;

        begin_world();
        w->own = true;
        r = drain(&(struct how){0}, "drain.stays");
        assert_true(has_reason(r, "own", "none", "drain.keeper"));
        assert_int_equal(sv_json_len(sv_json_get(r, "guests")), 1);
}

/* None of them is there yet when the plan is made. */
static void memory(void **state)
{
        SV_JSON *r = NULL;

        begin_world();
        w->room[1] = w->room[2] = 100 * MIB;
        add_guest("a");
        add_guest("b");
        add_guest("off")->off = true;
        add_guest("c");
        r = drain(&(struct how){.n_to = 2, .check = true}, "drain.stays");
        assert_string_equal(sv_json_text(find_row(r, "a"), "to", ""), "to1");
        assert_string_equal(sv_json_text(find_row(r, "b"), "to", ""), "to2");
        assert_true(has_reason(r, "c", "live", "drain.memory"));
        assert_true(has_reason(r, "c", "cold", "drain.memory"));
        assert_string_equal(get_outcome(r, "off"), "planned");
        sv_json_freep(&r);
        find_guest("c")->memory = 40 * MIB + 1; /* one byte too much */
        r = drain(&(struct how){.n_to = 2, .check = true}, "drain.stays");
        sv_json_freep(&r);
        find_guest("c")->memory--;
        r = drain(&(struct how){.n_to = 2}, "");
        assert_int_equal(find_guest("c")->at, 1);
}

static void as_many_at_once(void **state)
{
        for (unsigned jobs = 1; jobs <= SV_DRAIN_JOBS_MAX; jobs += 5) {
                SV_JSON *r = NULL;

                begin_world();
                for (int i = 0; i < N_GUESTS - 1; i++) {
                        SV_STR name = sv_asprintf("g%d", i);

                        add_guest(name);
                }
                r = drain(&(struct how){.jobs = jobs}, "");
                for (int i = 0; i < N_GUESTS - 1; i++)
                        assert_int_equal(w->guests[i].at, 1);
                assert_int_equal(w->most, jobs);
                assert_int_equal(w->children, 0);
        }
}

/* It is where it was, is named, and the same command goes on with it. */
static void one_fails(void **state)
{
        for (int dies = 0; dies < 2; dies++) {
                SV_JSON *r = NULL;

                begin_world();
                add_guest("a");
                add_guest("b")->fails = !dies;
                find_guest("b")->dies = dies;
                add_guest("c")->sealed = true;
                r = drain(&(struct how){.jobs = 1}, "drain.failed");
                assert_non_null(strstr(w->err.msg, "1 of 3 guests did not go (b)"));
                assert_string_equal(
                        sv_json_text(sv_json_get(find_row(r, "b"), "error"), "check", ""),
                        dies ? "drain.ended" : "virt.operation");
                assert_string_equal(get_outcome(r, "b"), "failed");
                assert_int_equal(find_guest("b")->at, 0);
                assert_int_equal(find_guest("a")->at + find_guest("c")->at, 2);
                find_guest("b")->fails = find_guest("b")->dies = false;
                sv_json_freep(&r);
                r = drain(&(struct how){0}, "");
                assert_int_equal(sv_json_len(sv_json_get(r, "guests")), 1);
                assert_int_equal(find_guest("b")->at, 1);
        }
}

static void add_three_that_wait(void)
{
        begin_world();
        add_guest("a")->waits = true;
        add_guest("b")->waits = true;
        add_guest("c")->waits = true;
}

/* Those on their way are asked once, whatever is typed, and none begins any more. */
static void interrupted(void **state)
{
        SV_JSON *r = NULL;
        pid_t pid;

        add_three_that_wait();
        pid = begin_drain(&(struct how){0});
        wait_at_work(2);
        kill(pid, SIGINT);
        kill(pid, SIGINT);
        r = end_drain(pid, "drain.interrupted");
        assert_non_null(strstr(w->err.msg, "2 did not go (a, b), 1 had not begun (c)"));
        assert_int_equal(find_guest("a")->asked, 1);
        assert_int_equal(find_guest("b")->asked, 1);
        assert_string_equal(get_outcome(r, "c"), "planned");
        for (int i = 0; i < 3; i++)
                assert_int_equal(w->guests[i].at, 0);
}

static void killed(void **state)
{
        int status;
        pid_t pid;

        add_three_that_wait();
        pid = begin_drain(&(struct how){0});
        wait_at_work(2);
        kill(pid, SIGKILL);
        __real_waitpid(pid, &status, 0);
        w->dead = true;
        wait_at_work(0);
        assert_int_equal(find_guest("a")->asked + find_guest("b")->asked, 2);
        for (int i = 0; i < 3; i++)
                assert_int_equal(w->guests[i].at, 0);
}

static void no_more_processes(void **state)
{
        SV_JSON *r = NULL;

        begin_world();
        add_guest("a");
        add_guest("b");
        w->fail_fork = 1;
        r = drain(&(struct how){0}, "drain.process");
        sv_json_freep(&r);
        w->fail_fork = 2;
        r = drain(&(struct how){0}, "drain.failed");
        assert_string_equal(sv_json_text(sv_json_get(find_row(r, "a"), "error"), "check", ""),
                            "drain.process");
        assert_int_equal(find_guest("a")->at, 0);
        assert_int_equal(find_guest("b")->at, 1);
}

static void target_gone(void **state)
{
        SV_JSON *r = NULL;

        begin_world();
        add_guest("a");
        w->gone[2] = true;
        r = drain(&(struct how){.n_to = 2}, "virt.open");
        assert_int_equal(find_guest("a")->at, 0);
        w->gone[1] = true;
        w->gone[2] = false;
        sv_json_freep(&r);
        r = drain(&(struct how){.n_to = 1}, "virt.open");
}

/* As many as a message has room for, and one more. */
static void many_names(void **state)
{
        for (int n = SV_DRAIN_NAMES; n <= SV_DRAIN_NAMES + 1; n++) {
                SV_JSON *r = NULL;

                begin_world();
                for (int i = 0; i < n; i++) {
                        SV_STR name = sv_asprintf("g%d", i);

                        add_guest(name)->other = true;
                }
                r = drain(&(struct how){0}, "drain.stays");
                assert_int_equal(strstr(w->err.msg, "…") != NULL, n > SV_DRAIN_NAMES);
        }
}

static int map_world(void **state)
{
        w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        return w == MAP_FAILED ? -1 : 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_way),          cmocka_unit_test(one_stays),
                cmocka_unit_test(own_guests),        cmocka_unit_test(memory),
                cmocka_unit_test(as_many_at_once),   cmocka_unit_test(one_fails),
                cmocka_unit_test(interrupted),       cmocka_unit_test(killed),
                cmocka_unit_test(target_gone),       cmocka_unit_test(many_names),
                cmocka_unit_test(no_more_processes),
        };

        return cmocka_run_group_tests(tests, map_world, NULL);
}
