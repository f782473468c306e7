/* SPDX-License-Identifier: Apache-2.0 */
/* A cold move between two hosts that are a table here: killed before each thing that it changes,
 * with each of them failing, and with the target gone from there on, at most one host can start the
 * guest, nothing that it wrote is lost, and the next command ends the move, or takes it back. */
#include "launcher/keeper/move-way.h"
#include "tests/unit/move_keeper.h"

/* No post-copy broke. */
int __wrap_sv_facts_check_whole(struct sv_virt *v, const char *name, struct sv_err *err);
int __wrap_sv_facts_check_whole(struct sv_virt *v, const char *name, struct sv_err *err)
{
        return 0;
}

/* --- a move --- */

enum kind { COPIED, SHARED, WAS_OFF };

static void begin(enum kind kind)
{
        memset(w, 0, sizeof(*w));
        *here() = (struct host){.uri = "qemu:///here", .name = "a", .autostart = true, .room = 1};
        *there() = (struct host){.uri = "to", .name = "b", .room = BYTES};
        memcpy(here()->xml, definition, sizeof(definition));
        here()->state = kind == WAS_OFF ? SV_VIRT_OFF : SV_VIRT_RUNNING;
        here()->unlocked = kind != WAS_OFF;
        here()->files[0] = (struct file){ROOT, "ag", BYTES};
        w->last = 'g';
        w->one_storage = kind == SHARED;
}

static int run_command_for(bool recover, struct sv_json *result, struct sv_err *err)
{
        const struct sv_move mv = {.name = NAME,
                                   .from = here()->uri,
                                   .to = "to",
                                   .down_seconds = 1,
                                   .boot_seconds = 60,
                                   .recover = recover,
                                   .cold = true,
                                   .quiet = true,
                                   .end_lease = count_lease};

        return sv_move_guest(&mv, result, err);
}

static int run_command(bool recover, struct sv_err *err)
{
        SV_JSON *result = sv_json_object();

        return run_command_for(recover, result, err);
}

/* In a process of its own: exit status, KILLED or 0 and 1. */
static int run_child(bool recover)
{
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                struct sv_err err = SV_ERR_NULL;

                if (run_command(recover, &err) == 0)
                        _exit(0);
                print_message("%s [%s]\n", err.msg, err.check);
                _exit(1);
        }
        waitpid(pid, &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 99);
        return WEXITSTATUS(status);
}

static void assert_one_place(void)
{
        bool runs_here = here()->state == SV_VIRT_RUNNING,
             runs_there = there()->state == SV_VIRT_RUNNING;

        assert_false(runs_here && runs_there);
        assert_false(can_start(here()) && can_start(there()));
        assert_false(runs_here && can_start(there()));
        assert_false(runs_there && can_start(here()));
        assert_non_null(find_path(here(), ROOT)); /* the source's file is never touched */
        assert_int_equal(find_path(here(), ROOT)->text[0], 'a');
}

static void assert_at(struct host *h, bool runs)
{
        struct host *other = h == here() ? there() : here();

        assert_one_place();
        assert_true(can_start(h));
        assert_int_equal(h->state, runs ? SV_VIRT_RUNNING : SV_VIRT_OFF);
        assert_int_equal(find_path(h, ROOT)->text[0], 'a');
        assert_int_equal(find_path(h, ROOT)->text[1], w->last);
        assert_string_equal(other->xml, "");
        assert_non_null(strstr(h->xml, "<move></move>"));
        if (h == there())
                assert_true(h->autostart);
        else if (!w->one_storage)
                assert_null(find_path(there(), ROOT));
}

static void rest(void)
{
        w->steps = w->kill_at = w->fail_at = w->cut_at = 0;
        w->cut = false;
}

static void goes_over(void **state)
{
        struct sv_err err;

        for (enum kind k = COPIED; k <= WAS_OFF; k++) {
                begin(k);
                OK(run_command(false, &err));
                assert_at(there(), k != WAS_OFF);
                assert_int_equal(w->leases, k != WAS_OFF);
                assert_int_equal(there()->unlocked, k != WAS_OFF);
        }
}

/* After its end only what it has written to is looked at; all, when nobody knows where, and that is
 * said. Either way nothing is lost. */
static void little_is_left_to_look_at(void **state)
{
        for (int notes = NOTED; notes <= NOT_READ; notes++)
                for (unsigned busy = 0; busy < 3; busy++) {
                        SV_JSON *result = sv_json_object();
                        struct sv_err err;

                        begin(COPIED);
                        w->notes = notes;
                        w->busy = busy;
                        OK(run_command_for(false, result, &err));
                        assert_at(there(), true);
                        assert_null(track);
                        assert_int_equal(w->read_off, notes == NOTED ? 4096 : BYTES);
                        assert_int_equal(sv_json_int(sv_json_get(result, "rest_read_bytes"), 0),
                                         w->read_off);
                        assert_int_equal(sv_json_int(sv_json_get(result, "rest_bytes"), 0), 4096);
                        assert_int_equal(!sv_json_get(result, "rest_whole"), notes == NOTED);
                }
}

/* No descriptor goes to another host, and libvirt ends a connection over which one is sent. */
static void nobody_notes_elsewhere(void **state)
{
        SV_JSON *result = sv_json_object();
        struct sv_err err;

        begin(COPIED);
        here()->uri = "qemu+tcp://a/system";
        OK(run_command_for(false, result, &err));
        assert_at(there(), true);
        assert_int_equal(w->read_off, BYTES);
        assert_non_null(strstr(sv_json_text(result, "rest_whole", ""), "another host"));
}

static void killed_then_again(void **state)
{
        for (enum kind k = COPIED; k <= WAS_OFF; k++) {
                long n = 1;

                for (;; n++) {
                        begin(k);
                        w->kill_at = n;
                        if (run_child(false) != KILLED)
                                break;
                        assert_one_place();
                        rest();
                        assert_int_equal(run_child(false), 0);
                        assert_at(there(), k != WAS_OFF);
                }
                assert_true(n > 8);
        }
}

/* Both killed, wherever: the third ends it. */
static void killed_twice(void **state)
{
        for (long n = 2; n < 16; n += 3)
                for (long k = 1; k < 16; k += 2) {
                        begin(COPIED);
                        w->kill_at = n;
                        run_child(false);
                        rest();
                        w->kill_at = k;
                        run_child(k % 4 == 1);
                        assert_one_place();
                        rest();
                        run_child(false);
                        assert_at(there(), true);
                }
}

/* Back, unless it has written there. */
static void killed_then_back(void **state)
{
        bool seen[2] = {false, false};

        for (enum kind k = COPIED; k <= WAS_OFF; k++)
                for (long n = 2;; n++) {
                        bool wrote, gone;

                        begin(k);
                        w->kill_at = n;
                        if (run_child(false) != KILLED)
                                break;
                        wrote = w->last == 't';
                        gone = !*here()->xml;
                        rest();
                        if (!gone && !strstr(here()->xml, "<move></move>"))
                                assert_int_equal(run_child(true), 0);
                        if (gone)
                                assert_int_equal(run_child(false), 0);
                        seen[wrote || gone] = true;
                        if (gone || (wrote && (k == COPIED || there()->unlocked)))
                                assert_at(there(), k != WAS_OFF);
                        else
                                assert_at(here(), k != WAS_OFF);
                }
        assert_true(seen[0] && seen[1]);
}

/* The two ways in which it shows, and neither is undone. */
static void written_there(void **state)
{
        for (int unlocked = 0; unlocked < 2; unlocked++) {
                struct sv_move mv = {.name = NAME, .from = here()->uri, .to = "to", .quiet = true};
                struct sv_move_run m = {.mv = &mv, .as = {.name = NAME, .to = "to"}};
                struct sv_err err;

                begin(COPIED);
                for (w->kill_at = 1; w->last != 't';) {
                        long n = w->kill_at + 1;

                        begin(COPIED);
                        w->kill_at = n;
                        assert_int_equal(run_child(false), KILLED);
                }
                rest();
                there()->unlocked = unlocked;
                m.r.m = &m.as;
                OK(sv_move_open(&m, &err));
                FAILS(sv_move_go_back(&m, &err), SV_SYSTEM, "move.written");
                assert_int_equal(there()->state, SV_VIRT_RUNNING);
                assert_one_place();
                sv_json_free(m.facts);
                sv_json_free(m.mark);
                sv_migrate_free_run(&m.r);
        }
}

/* Started by a command that was killed; what its agent said was heard by nobody. */
static void unheard(void **state)
{
        for (int wrote = 0; wrote < 2; wrote++) {
                begin(COPIED);
                for (w->kill_at = 1; w->last != 't' && !(wrote == 0 && there()->state);) {
                        long n = w->kill_at + 1;

                        begin(COPIED);
                        w->kill_at = n;
                        assert_int_equal(run_child(false), KILLED);
                }
                rest();
                w->missed = wrote ? 1 : 2; /* then it has its disk, and is heard */
                assert_int_equal(run_child(false), 0);
                assert_int_equal(w->missed, 0);
                assert_at(there(), true);
                assert_true(there()->unlocked); /* and "show" says so */
        }
}

/* What fails is told, and takes the guest back by itself where it can. */
static void each_step_fails(void **state)
{
        for (int late = 0; late < 2; late++)
                for (enum kind k = COPIED; k <= WAS_OFF; k++) {
                        long n = 1, total = LONG_MAX;

                        for (; n <= total; n++) {
                                begin(k);
                                w->fail_at = n;
                                w->late = late;
                                if (run_child(false) == 0)
                                        total = w->steps < total ? w->steps : total;
                                assert_one_place();
                                rest();
                                if (*here()->xml)
                                        assert_int_equal(run_child(false), 0);
                                else
                                        run_child(false);
                                assert_at(there(), k != WAS_OFF);
                        }
                        assert_true(n > 8);
                }
}

static void target_goes_away(void **state)
{
        long n;

        for (n = 2;; n++) {
                struct sv_err err;
                bool runs;

                begin(COPIED);
                w->cut_at = n;
                if (run_child(false) == 0)
                        break;
                assert_one_place();
                runs = here()->state == SV_VIRT_RUNNING || there()->state == SV_VIRT_RUNNING;
                if (!runs && strstr(here()->xml, "arriving")) {
                        FAILS(run_command(true, &err), SV_SYSTEM, "move.target");
                        assert_one_place();
                }
                rest();
                /* a part that could not be removed is somebody's file */
                if (strstr(here()->xml, "<move></move>") && find_path(there(), ROOT)) {
                        FAILS(run_command(false, &err), SV_SYSTEM, "move.disk");
                        memset(find_path(there(), ROOT), 0, sizeof(struct file));
                }
                assert_int_equal(run_child(false), 0);
                assert_at(there(), true);
        }
        assert_true(n > 8);
}

static void refused_there(void **state)
{
        struct sv_err err;

        for (enum kind k = COPIED; k <= SHARED; k++) {
                begin(k);
                there()->refuses = true;
                FAILS(run_command(false, &err), SV_POLICY, "policy.no-match");
                assert_non_null(strstr(err.msg, "running where it was"));
                assert_at(here(), true);
        }
}

static void interrupted(void **state)
{
        /* its catcher is set by the command itself, so it is one of a child's */
        pid_t pid;
        int status;

        begin(COPIED);
        pid = fork();
        if (pid == 0) {
                struct sv_err err = SV_ERR_NULL;

                sv_run_catch_signals();
                raise(SIGINT);
                _exit(run_command(false, &err) == 0 || strcmp(err.check, "move.interrupted"));
        }
        waitpid(pid, &status, 0);
        assert_int_equal(status, 0);
        assert_at(here(), true);
}

static void refused_before(void **state)
{
        struct sv_err err;

        begin(COPIED);
        there()->room = BYTES - 1;
        FAILS(run_command(false, &err), SV_SYSTEM, "move.room");
        there()->room = BYTES;
        there()->files[0] = (struct file){ROOT, "xy", BYTES};
        FAILS(run_command(false, &err), SV_SYSTEM, "move.disk");
        assert_string_equal(there()->files[0].text, "xy");
        memset(&there()->files[0], 0, sizeof(struct file));
        snprintf(there()->xml, sizeof(there()->xml), "%s", definition);
        FAILS(run_command(false, &err), SV_SYSTEM, "migrate.name");
        there()->xml[0] = 0;
        FAILS(run_command(true, &err), SV_USAGE, "move.none");
        there()->name = "a";
        FAILS(run_command(false, &err), SV_USAGE, "migrate.same");
        there()->name = "b";
        assert_int_equal(here()->state, SV_VIRT_RUNNING);
        assert_string_equal(here()->xml, definition);
        here()->transient = true;
        FAILS(run_command(false, &err), SV_USAGE, "move.transient");
        here()->transient = false;
        here()->xml[0] = 0;
        FAILS(run_command(false, &err), SV_SYSTEM, "virt.absent");
}

/* A guest that can go while it runs is stopped only when that was asked for. */
static void could_go_live(void **state)
{
        const struct sv_move mv = {.name = NAME, .from = here()->uri, .to = "to", .quiet = true};
        SV_JSON *result = sv_json_object();
        struct sv_err err;

        begin(COPIED);
        FAILS(sv_move_guest(&mv, result, &err), SV_USAGE, "move.live");
        assert_int_equal(here()->state, SV_VIRT_RUNNING);
        here()->state = SV_VIRT_OFF;
        OK(sv_move_guest(&mv, result, &err));
}

/* A look at one that is on its way changes nothing, however far it has come; and it does not go in
 * another manner. */
static void looked_at(void **state)
{
        const struct sv_move mv = {.name = NAME,
                                   .from = here()->uri,
                                   .to = "to",
                                   .check = true,
                                   .cold = true,
                                   .quiet = true};
        const struct sv_migrate m = {.name = NAME, .from = here()->uri, .to = "to", .check = true};

        for (long n = 1;; n++) {
                SV_JSON *result = sv_json_object();
                struct sv_err err;
                struct world before;

                begin(COPIED);
                w->kill_at = n;
                if (run_child(false) != KILLED)
                        break;
                rest();
                here()->lost = there()->lost = false; /* with that process */
                before = *w;
                OK(sv_move_guest(&mv, result, &err));
                w->steps = 0; /* whether they share a folder is tried with a file */
                assert_memory_equal(&before, w, sizeof(before));
                assert_null(sv_json_get(result, "moved"));
                if (*here()->xml && !strstr(here()->xml, "<move></move>"))
                        FAILS(sv_migrate_guest(&m, result, &err), SV_SYSTEM, "move.unfinished");
        }
}

/* It has arrived here, and nobody saw the end: it is not on its way, and a look changes nothing. */
static void arrived_unheard(void **state)
{
        const struct sv_move mv = {.name = NAME,
                                   .from = here()->uri,
                                   .to = "to",
                                   .check = true,
                                   .cold = true,
                                   .quiet = true};
        SV_JSON *mark = sv_json_object(), *result = sv_json_object(), *way = NULL;
        struct sv_virt *v = (struct sv_virt *)here();
        struct sv_err err;
        struct world before;

        begin(COPIED);
        sv_json_set_str(mark, "to_host", here()->name);
        OK(sv_move_write_mark(v, mark, &err));
        w->steps = 0;
        before = *w;
        OK(sv_move_guest(&mv, result, &err));
        OK(sv_move_read_way(v, NAME, here()->name, true, &way, &err));
        assert_null(way);
        w->steps = 0;
        assert_memory_equal(&before, w, sizeof(before));
        OK(sv_move_read_way(v, NAME, "elsewhere", false, &way, &err));
        assert_non_null(way);
        sv_json_freep(&way);
        OK(sv_move_read_way(v, NAME, here()->name, false, &way, &err));
        assert_null(way);
        assert_non_null(strstr(here()->xml, "<move></move>"));
}

static void other_disks(void **state)
{
        static const struct {
                const char *from, *to;
        } t[] = {
                {"driver type='raw'", "driver type='qcow2'"},
                {"disk type='file'", "disk type='block'"},
                {"file='/d/root.img'", "dev='/dev/disk/a'"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR before = NULL;
                struct sv_err err;
                char *at;

                begin(COPIED);
                before = sv_asprintf("%s", here()->xml);
                at = strstr(here()->xml, t[i].from);
                sprintf(at, "%s%s", t[i].to, strstr(before, t[i].from) + strlen(t[i].from));
                FAILS(run_command(false, &err), SV_USAGE, "move.storage");
                assert_int_equal(w->steps, 0);
        }
}

/* Between its end and the fence somebody has started it: then it runs on. */
static void started_in_between(void **state)
{
        struct sv_err err;

        begin(COPIED);
        here()->restarted = true;
        FAILS(run_command(false, &err), SV_SYSTEM, "move.started");
        assert_at(here(), true);
}

static void another_target(void **state)
{
        struct sv_err err;

        begin(COPIED);
        w->kill_at = 5;
        assert_int_equal(run_child(false), KILLED);
        rest();
        there()->name = "c";
        FAILS(run_command(false, &err), SV_USAGE, "move.other");
        there()->name = "b";
        OK(run_command(false, &err));
        assert_at(there(), true);
}

/* Our own start and launch say why a fenced guest does not start. */
static void fenced_is_told(void **state)
{
        struct sv_virt *v = (struct sv_virt *)here();
        struct sv_err err;

        begin(COPIED);
        OK(sv_move_check_start(v, NAME, &err));
        for (w->kill_at = 1; !is_fenced_at(here()); w->kill_at++) {
                long n = w->kill_at;

                begin(COPIED);
                w->kill_at = n;
                assert_int_equal(run_child(false), KILLED);
        }
        FAILS(sv_move_check_start(v, NAME, &err), SV_SYSTEM, "move.unfinished");
        FAILS(sv_move_check_launch(v, NAME, &err), SV_SYSTEM, "move.unfinished");
        assert_non_null(strstr(err.msg, "--to to"));
}

static void fence(void **state)
{
        static const char two[] = "<domain><disk type='file'><source file='/a'/></disk><disk "
                                  "type='file'><target dev='x'/><source index='1' dev='/b'/></disk>"
                                  "<disk type='x'><source name='n'/></disk><interface><source "
                                  "dev='e'/></interface></domain>";
        SV_STR on = sv_move_fence(two, true);
        SV_STR again = sv_move_fence(on, true);
        SV_STR off = sv_move_fence(again, false);

        assert_non_null(strstr(on, "file='/a" SV_MOVE_FENCE "'"));
        assert_non_null(strstr(on, "dev='/b" SV_MOVE_FENCE "'"));
        assert_non_null(strstr(on, "dev='e'"));
        assert_true(sv_move_is_fenced(on) && !sv_move_is_fenced(two));
        assert_string_equal(on, again);
        assert_string_equal(off, two);
}

static int map_world(void **state)
{
        w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        return w == MAP_FAILED ? -1 : 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(goes_over),
                cmocka_unit_test(killed_then_again),
                cmocka_unit_test(killed_twice),
                cmocka_unit_test(killed_then_back),
                cmocka_unit_test(written_there),
                cmocka_unit_test(unheard),
                cmocka_unit_test(each_step_fails),
                cmocka_unit_test(target_goes_away),
                cmocka_unit_test(refused_there),
                cmocka_unit_test(interrupted),
                cmocka_unit_test(refused_before),
                cmocka_unit_test(another_target),
                cmocka_unit_test(fenced_is_told),
                cmocka_unit_test(could_go_live),
                cmocka_unit_test(other_disks),
                cmocka_unit_test(started_in_between),
                cmocka_unit_test(fence),
                cmocka_unit_test(looked_at),
                cmocka_unit_test(arrived_unheard),
                cmocka_unit_test(little_is_left_to_look_at),
                cmocka_unit_test(nobody_notes_elsewhere),
        };

        return cmocka_run_group_tests(tests, map_world, NULL);
}
