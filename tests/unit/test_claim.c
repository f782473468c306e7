/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that start at once: what one takes of the host, the next one sees. */
#include <sys/wait.h>

#include "launcher/keeper/claim.h"
#include "launcher/keeper/life.h"
#include "tee/host.h"
#include "tests/unit/host_tree.h"

#define GUESTS 8
#define VCPUS  4

static struct sv_err err;
static const struct sv_tee id = {.name = "plain"};
static const struct sv_tee_host plain = {.id = &id};

static void name_guest(unsigned i, struct sv_guest *g)
{
        SV_STR text = sv_asprintf("{\"name\":\"g%u\",\"kernel\":\"k\",\"vcpus\":%d,\"memory\":"
                                  "\"1GiB\",\"tuning\":{\"cpus\":{\"pin\":\"auto\"}}}",
                                  i, VCPUS);

        OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/d", g, &err));
}

/* --- a process each guest, which begins and ends when the test says --- */

/* *started: how many said yes; all stay until the last has said something. */
static void run_guests(int (*start)(unsigned i), unsigned *started)
{
        int go[2], done[2], stay[2], status;
        pid_t pids[GUESTS];
        char byte;

        assert_int_equal(pipe(go), 0);
        assert_int_equal(pipe(done), 0);
        assert_int_equal(pipe(stay), 0);
        for (unsigned i = 0; i < GUESTS; i++) {
                pids[i] = fork();
                if (pids[i])
                        continue;
                close(go[1]);
                close(stay[1]);
                if (read(go[0], &byte, 1) != 0)
                        _exit(2);
                byte = start(i) == 0 ? 'y' : 'n';
                if (write(done[1], &byte, 1) != 1 || read(stay[0], &byte, 1) != 0)
                        _exit(2);
                _exit(0);
        }
        close(go[1]); /* all at once */
        *started = 0;
        for (unsigned i = 0; i < GUESTS; i++) {
                assert_int_equal(read(done[0], &byte, 1), 1);
                *started += byte == 'y';
        }
        close(stay[1]);
        for (unsigned i = 0; i < GUESTS; i++) {
                assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
                assert_int_equal(status, 0);
        }
        close(go[0]);
        close(done[0]);
        close(done[1]);
        close(stay[0]);
}

static int lock_guest(unsigned i, struct sv_guest *g, struct sv_state *s)
{
        name_guest(i, g);
        return sv_state_init(s, g->name, NULL) < 0 ? -1 : sv_state_lock(s, 0, NULL);
}

/* The guest's lock stays with the process. */
static int start_pinned(unsigned i)
{
        SV_JSON *status = NULL;
        SV_TUNED tuned = {0};
        SV_GUEST g = {0};
        struct sv_state s;

        if (lock_guest(i, &g, &s) < 0)
                return -1;
        status = sv_json_object();
        sv_json_set_str(status, "name", g.name);
        sv_json_set_str(status, "state", sv_life_word(SV_LIFE_STARTING));
        return sv_claim_cpus(base, &s, &g, false, status, &tuned, NULL);
}

static void pins_at_once(void **state)
{
        struct sv_bitset all = {0};
        unsigned started;

        run_guests(start_pinned, &started);
        assert_int_equal(started, GUESTS);
        for (unsigned i = 0; i < GUESTS; i++) {
                SV_STATE s = {.lock = -1};
                SV_JSON *status = NULL;
                SV_GUEST g = {0};

                name_guest(i, &g);
                OK(sv_state_init(&s, g.name, &err));
                OK(sv_state_read_status(&s, &status, &err));
                for (unsigned k = 0; k < VCPUS; k++) {
                        const struct sv_json *list = sv_json_pointer(status, "/tuning/vcpus");
                        struct sv_bitset one = {0};

                        OK(sv_bitset_parse(sv_json_str(sv_json_at(list, k)), SV_CPUS_MAX, &one, "x",
                                           "x", &err));
                        assert_int_equal(sv_bitset_count(&one), 1);
                        if (sv_bitset_count_both(&one, &all))
                                fail_msg("guest %u has the CPU %s of another", i,
                                         sv_json_str(sv_json_at(list, k)));
                        sv_bitset_join(&all, &one);
                }
        }
}

/* --- memory, as a budget counts it --- */

static int add_memory(void *arg, const struct sv_state *s, const struct sv_json *status,
                      struct sv_err *e)
{
        if (sv_state_is_locked(s))
                *(int64_t *)arg += sv_json_int(sv_json_get(status, "memory"), 0);
        return 0;
}

static int fits_three(const struct sv_launch *l, struct sv_err *e)
{
        int64_t taken = 0;

        sv_state_for_each(add_memory, &taken, NULL);
        usleep(2000); /* for who does not wait */
        return taken + (int64_t)l->guest->memory <= (int64_t)(3 * GIB) ? 0 : -1;
}

static int start_small(unsigned i)
{
        struct sv_launch l = {.tee = &plain, .fits = fits_three};
        SV_GUEST g = {0};
        struct sv_state s;

        if (lock_guest(i, &g, &s) < 0)
                return -1;
        l.guest = &g;
        return sv_claim_place(&l, &s, NULL);
}

static void memory_at_once(void **state)
{
        unsigned started;

        run_guests(start_small, &started);
        assert_int_equal(started, 3);
}

/* --- who counts --- */

static void counted(void **state)
{
        static const struct {
                const char *state, *vcpu;
                bool locked;
                const char *taken;
        } t[] = {
                {"starting", "7", true, "7"},      {"running", "7", true, "7"},
                {"rebooting", "7", true, "7"},     {"stopped", "7", true, ""},
                {"running", "7", false, ""},       {"running", "7-8", true, ""},
                {"running", "nonsense", true, ""},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STATE s = {.lock = -1};
                SV_JSON *status = sv_json_object();
                struct sv_bitset taken = {0}, own = {0};
                SV_BUF list = SV_BUF_NULL;

                print_message("%s %s\n", t[i].state, t[i].vcpu);
                OK(sv_state_init(&s, "counted", &err));
                OK(sv_state_lock(&s, 0, &err));
                sv_json_set_str(status, "name", "counted");
                sv_json_set_str(status, "state", t[i].state);
                sv_json_add(sv_json_set(sv_json_set(status, "tuning", sv_json_object()), "vcpus",
                                        sv_json_array()),
                            sv_json_new_str(t[i].vcpu));
                OK(sv_state_write_status(&s, status, &err));
                if (!t[i].locked) {
                        close(s.lock);
                        s.lock = -1;
                }
                sv_claims_find_cpus("other", &taken);
                sv_bitset_put(&taken, &list);
                assert_string_equal(sv_buf_str(&list), t[i].taken);
                sv_claims_find_cpus("counted", &own);
                assert_int_equal(sv_bitset_count(&own), 0);
        }
}

static void held_too_long(void **state)
{
        SV_FD lock = sv_claims_lock("slow", 0, &err);

        assert_true(lock >= 0);
        FAILS(sv_claims_lock("web", 20, &err), SV_SYSTEM, "state.host");
        assert_non_null(strstr(err.msg, "guest slow (process "));
}

static int make_machine(void **state)
{
        SV_STR dir = NULL;

        if (make_base(state) < 0)
                return -1;
        put_host(base, &hosts[3]);
        dir = sv_asprintf("%s/guests", base);
        return setenv("SECURE_VM_DIR", dir, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pins_at_once),
                cmocka_unit_test(memory_at_once),
                cmocka_unit_test(counted),
                cmocka_unit_test(held_too_long),
        };

        return cmocka_run_group_tests(tests, make_machine, remove_base);
}
