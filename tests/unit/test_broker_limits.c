/* SPDX-License-Identifier: Apache-2.0 */
/* Who is one source, what it may take, and which connection is served next: without a network. */
#include <arpa/inet.h>
#include <fcntl.h>

#include "tests/unit/unit.h"

#include "attest/kbs/kbs.h"
#include "base/net/http.h"
#include "broker/known.h"
#include "broker/serve/later.h"
#include "broker/serve/queue.h"
#include "broker/serve/source.h"

static uint64_t source4(const char *text)
{
        struct sockaddr_storage a = {.ss_family = AF_INET};

        assert_int_equal(inet_pton(AF_INET, text, &((struct sockaddr_in *)&a)->sin_addr), 1);
        return sv_source_of(&a);
}

static uint64_t source6(const char *text)
{
        struct sockaddr_storage a = {.ss_family = AF_INET6};

        assert_int_equal(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&a)->sin6_addr), 1);
        return sv_source_of(&a);
}

static void sources(void **state)
{
        struct sockaddr_storage local = {.ss_family = AF_UNIX};

        assert_true(source4("127.0.0.1") != source4("127.0.0.2"));
        assert_true(source6("2001:db8:1:2::1") == source6("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_true(source6("2001:db8:1:2::1") != source6("2001:db8:1:3::1"));
        assert_true(source6("::ffff:192.0.2.7") == source4("192.0.2.7"));
        assert_true(source6("::ffff:192.0.2.7") != source6("::ffff:192.0.2.8"));
        assert_true(source6("2000::1") != source4("32.0.0.0"));
        assert_true(sv_source_of(&local) == UINT64_MAX);
}

#define SECOND INT64_C(1000000)

/* Five at once and one more a second for each, eight and two a second for all. */
static void budgets(void **state)
{
        static const struct sv_rate all = {SECOND / 2, 8}, each = {SECOND, 5}, any = {0, 1};
        static struct sv_budget b, free_one;
        int64_t now = 1000 * SECOND;

        for (int i = 0; i < 5; i++)
                assert_true(sv_budget_take(&b, &all, &each, 1, now));
        assert_false(sv_budget_take(&b, &all, &each, 1, now));
        for (int i = 0; i < 3; i++)
                assert_true(sv_budget_take(&b, &all, &each, 2, now));
        assert_false(sv_budget_has(&b, &all, &each, 2, now)); /* nothing is left for anybody */
        assert_false(sv_budget_take(&b, &all, &each, 3, now));
        assert_false(sv_budget_take(&b, &all, &each, 1, now + SECOND - 1));
        assert_true(sv_budget_take(&b, &all, &each, 1, now + SECOND));
        assert_false(sv_budget_take(&b, &all, &each, 1, now + SECOND));
        assert_true(sv_budget_take(&b, &all, &each, 3, now + SECOND));
        for (int i = 0; i < 1000; i++)
                assert_true(sv_budget_take(&free_one, &any, &any, 1, now));
}

/* A source that spends is not forgotten for others that come and go, as long as there are fewer. */
static void budget_of_many(void **state)
{
        static const struct sv_rate all = {0, 1}, each = {SECOND, 2};
        static struct sv_budget b;
        int64_t now = 1000 * SECOND;

        for (int i = 0; i < 2; i++)
                assert_true(sv_budget_take(&b, &all, &each, 7, now));
        for (uint64_t i = 100; i < 100 + SV_BUDGET_SOURCES - 1; i++)
                assert_true(sv_budget_take(&b, &all, &each, i, now));
        assert_false(sv_budget_take(&b, &all, &each, 7, now));
        for (uint64_t i = 1000; i < 1000 + SV_BUDGET_SOURCES / 2; i++)
                assert_true(sv_budget_take(&b, &all, &each, i, now));
        assert_false(sv_budget_take(&b, &all, &each, 7, now));
}

/* --- the queue --- */

#define BEGUN true

static struct sv_queue q;

/* Eight may wait; four places, of which a source has two; two processes, of which it has one. */
static int setup(void **state)
{
        struct sv_err err;

        q = (struct sv_queue){.waiting = {8, 8},
                              .held = {4, 2},
                              .served = {2, 1},
                              .silent_ms = 5000,
                              .all = {0, 1},
                              .each = {0, 1}};
        OK(sv_queue_open(&q, &err));
        return 0;
}

static int drain(void **state)
{
        sv_queue_close(&q);
        return 0;
}

static struct sv_conn *add(uint64_t source, bool begun, int64_t now)
{
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct sv_conn *c;

        assert_true(fd >= 0);
        c = sv_queue_add(&q, fd, source, false, now);
        if (!c)
                assert_int_equal(fcntl(fd, F_GETFD), -1);
        else if (begun)
                sv_queue_move(&q, c, SV_CONN_BEGUN, now);
        return c;
}

static size_t count_waiting(void)
{
        return q.lines[SV_CONN_SILENT].n + q.lines[SV_CONN_BEGUN].n;
}

/* The next one with a place is of this source. */
static struct sv_conn *takes(uint64_t source, int64_t now)
{
        struct sv_conn *c = sv_queue_take(&q, now);

        assert_non_null(c);
        assert_true(c->source == source);
        close(c->fd);
        sv_queue_move(&q, c, SV_CONN_IDLE, now);
        return c;
}

static void leaves(struct sv_conn *c)
{
        sv_queue_move(&q, c, SV_CONN_FREE, 0);
}

static void fewest_places_first(void **state)
{
        struct sv_conn *third, *silent;

        add(1, BEGUN, 0);
        add(1, BEGUN, 1);
        third = add(1, BEGUN, 2);
        add(2, BEGUN, 3);
        silent = add(3, false, 4); /* has said nothing */
        takes(1, 10);
        takes(2, 10);
        takes(1, 10);
        assert_null(sv_queue_take(&q, 10)); /* 1 has its share */
        sv_queue_move(&q, silent, SV_CONN_BEGUN, 10);
        takes(3, 10);
        sv_queue_drop(&q, third);
        add(4, BEGUN, 11);
        assert_null(sv_queue_take(&q, 11)); /* all places are taken */
        leaves(silent);
        takes(4, 12);
        assert_int_equal(sv_queue_held(&q), 4);
}

/* A source that comes too often waits, and nobody behind it. */
static void too_often(void **state)
{
        q.each = (struct sv_rate){SECOND, 1};
        add(1, BEGUN, 0);
        leaves(takes(1, 0));
        add(1, BEGUN, 1);
        add(2, BEGUN, 1);
        takes(2, 1);
        assert_null(sv_queue_take(&q, 999));
        takes(1, 1000);
}

static void silence_ends(void **state)
{
        add(1, false, 0);
        add(2, BEGUN, 0);
        add(3, false, 1);
        sv_queue_expire(&q, 4999);
        assert_int_equal(count_waiting(), 3);
        sv_queue_expire(&q, 5000);
        assert_int_equal(count_waiting(), 2);
        assert_true(sv_queue_next(&q, SV_CONN_BEGUN, NULL)->source == 2);
        sv_queue_expire(&q, SV_WAIT_MS);
        assert_int_equal(count_waiting(), 0);
}

/* Who has the most loses the newest, whoever comes. */
static void crowded(void **state)
{
        struct sv_conn *last = NULL, *other;

        for (int i = 0; i < 7; i++)
                last = add(1, i % 2, i);
        other = add(2, BEGUN, 7);
        assert_null(add(1, BEGUN, 8));
        assert_int_equal(count_waiting(), 8);
        assert_non_null(add(3, BEGUN, 9));
        assert_int_equal(count_waiting(), 8);
        assert_int_equal(last->stage, SV_CONN_FREE);
        assert_int_equal(other->stage, SV_CONN_BEGUN);
        assert_int_equal(q.dropped, 2);
        while (q.lines[SV_CONN_SILENT].n)
                sv_queue_drop(&q, sv_queue_next(&q, SV_CONN_SILENT, NULL));
        while (q.lines[SV_CONN_BEGUN].n)
                sv_queue_drop(&q, sv_queue_next(&q, SV_CONN_BEGUN, NULL));
        for (uint64_t i = 1; i <= 8; i++)
                add(i, BEGUN, 0);
        assert_null(add(9, BEGUN, 1)); /* nobody has more than this one would */
        assert_int_equal(count_waiting(), 8);
}

static void who_gives_a_place_up(void **state)
{
        struct sv_conn *old, *young;

        add(1, BEGUN, 0);
        add(1, BEGUN, 0);
        old = takes(1, 0);
        young = takes(1, 500);
        assert_null(sv_queue_yield(&q, 9000)); /* nobody waits */
        add(2, false, 8000);
        assert_null(sv_queue_yield(&q, 9000));
        add(1, BEGUN, 8000); /* 1 has its share */
        assert_null(sv_queue_yield(&q, 1999));
        assert_true(sv_queue_yield(&q, 2000) == old);
        sv_queue_move(&q, old, SV_CONN_SERVED, 2000); /* what is idle goes before it */
        assert_true(sv_queue_yield(&q, 2499) == old);
        assert_true(sv_queue_yield(&q, 2500) == young);
        leaves(young);
        assert_null(sv_queue_yield(&q, 9000)); /* there is room for another */
        takes(1, 9000);
        add(1, BEGUN, 9000);
        assert_true(sv_queue_yield(&q, 9000) == old);
        old->asked = true;
        assert_null(sv_queue_yield(&q, 9000));
}

/* Everything is taken: the source with the most. */
static void who_makes_room(void **state)
{
        for (uint64_t i = 1; i <= 3; i++)
                add(i, BEGUN, 0);
        takes(1, 0);
        takes(2, 0);
        takes(3, 0);
        add(2, BEGUN, 1);
        takes(2, 1);
        add(4, BEGUN, 9000);
        assert_true(sv_queue_yield(&q, 9000)->source == 2);
        q.held.all = 5;
        assert_null(sv_queue_yield(&q, 9000));
}

/* Those that are served are asked to end by as many as wait. */
static void no_more_are_asked_than_wait(void **state)
{
        struct sv_conn *c[4];

        q.served = (struct sv_limit){4, 4};
        for (uint64_t i = 0; i < 4; i++) {
                add(1 + i, BEGUN, 0);
                c[i] = takes(1 + i, 0);
                sv_queue_move(&q, c[i], SV_CONN_SERVED, (int64_t)i);
        }
        add(7, BEGUN, 9000);
        assert_true(sv_queue_yield(&q, 9000) == c[0]);
        c[0]->asked = true;
        assert_null(sv_queue_yield(&q, 9000));
        sv_queue_move(&q, c[1], SV_CONN_RESTS, 9000); /* which is not asked, but ends at once */
        assert_true(sv_queue_yield(&q, 9000) == c[1]);
        sv_queue_move(&q, c[1], SV_CONN_SERVED, 9000);
        add(8, BEGUN, 9000);
        assert_non_null(sv_queue_yield(&q, 9000));
}

/* Who waits for its rate alone needs nobody's place: who is idle is not looked at. */
static void idle_ones_cost_nothing(void **state)
{
        uint32_t first;

        q.each = (struct sv_rate){SECOND, 1};
        add(1, BEGUN, 0);
        takes(1, 0);
        add(1, BEGUN, 1);
        first = q.lines[SV_CONN_IDLE].first;
        q.lines[SV_CONN_IDLE].first = (uint32_t)1 << 30; /* to look there ends the test */
        assert_null(sv_queue_yield(&q, 9000));
        q.lines[SV_CONN_IDLE].first = first;
}

static void fewest_processes_first(void **state)
{
        struct sv_conn *a, *b, *c, *other;

        q.served.all = 3;
        q.served.each = 2;
        q.held.each = 3;
        add(1, BEGUN, 0);
        add(1, BEGUN, 0);
        add(1, BEGUN, 0);
        add(2, BEGUN, 0);
        a = takes(1, 0);
        other = takes(2, 0);
        b = takes(1, 0);
        c = takes(1, 0);
        assert_null(sv_queue_call(&q)); /* nobody asks */
        sv_queue_move(&q, a, SV_CONN_ASKS, 1);
        assert_true(sv_queue_call(&q) == a);
        sv_queue_move(&q, a, SV_CONN_SERVED, 1);
        sv_queue_move(&q, b, SV_CONN_ASKS, 2);
        sv_queue_move(&q, other, SV_CONN_ASKS, 3);
        assert_true(sv_queue_call(&q) == other);
        sv_queue_move(&q, other, SV_CONN_SERVED, 3);
        assert_true(sv_queue_call(&q) == b);
        sv_queue_move(&q, b, SV_CONN_SERVED, 3);
        assert_int_equal(sv_queue_served(&q, 1), 2);
        assert_int_equal(sv_queue_served(&q, 7), 0);
        sv_queue_move(&q, c, SV_CONN_ASKS, 4);
        assert_null(sv_queue_call(&q));  /* all are taken */
        assert_null(sv_queue_spare(&q)); /* and work */
        sv_queue_move(&q, other, SV_CONN_RESTS, 5);
        assert_true(sv_queue_spare(&q) == other);
        q.served.all = 4;
        assert_null(sv_queue_call(&q)); /* 1 has its share, which no other's end helps */
        assert_null(sv_queue_spare(&q));
        sv_queue_move(&q, b, SV_CONN_RESTS, 6);
        assert_true(sv_queue_spare(&q) == b);
        sv_queue_move(&q, b, SV_CONN_IDLE, 6);
        assert_true(sv_queue_call(&q) == c);
}

/* Whose peer has gone has no place, but its process, which is its source's. */
static void left_behind(void **state)
{
        struct sv_conn *a, *b, *other;

        q.served = (struct sv_limit){2, 1};
        add(1, BEGUN, 0);
        add(1, BEGUN, 0);
        add(2, BEGUN, 0);
        a = takes(1, 0);
        other = takes(2, 0);
        b = takes(1, 0);
        sv_queue_move(&q, a, SV_CONN_SERVED, 1);
        sv_queue_move(&q, a, SV_CONN_LEFT, 2);
        assert_int_equal(sv_queue_held(&q), 2);
        assert_int_equal(sv_queue_served(&q, 1), 1);
        sv_queue_move(&q, b, SV_CONN_ASKS, 3);
        assert_null(sv_queue_call(&q));
        sv_queue_move(&q, other, SV_CONN_ASKS, 4);
        assert_true(sv_queue_call(&q) == other);
        sv_queue_move(&q, other, SV_CONN_SERVED, 4);
        sv_queue_move(&q, other, SV_CONN_LEFT, 5);
        for (uint64_t i = 3; i < 8; i++) /* there is room for all that may wait and have a place */
                add(i, BEGUN, 6);
        for (uint64_t i = 3; i < 6; i++)
                takes(i, 6);
        while (count_waiting() < 8)
                assert_non_null(add(9, BEGUN, 7));
        assert_int_equal(sv_queue_held(&q), 4);
        leaves(a);
        assert_true(sv_queue_call(&q) == b);
}

/* --- sources that were released to --- */

static struct sv_known *make_known(void)
{
        struct sv_known *k = NULL;
        struct sv_err err;

        OK(sv_known_open(&k, &err));
        assert_false(sv_known_has(k, 1, 0)); /* before it is mapped, too */
        sv_known_note(k, 1, 0);
        OK(sv_known_map(k, true, &err));
        return k;
}

static void known_sources(void **state)
{
        struct sv_known *k = make_known();
        size_t kept = 0;

        assert_false(sv_known_has(NULL, 1, 0));
        sv_known_note(NULL, 1, 0);
        assert_false(sv_known_has(k, 1, 0));
        assert_false(sv_known_has(k, 0, 0)); /* as what is empty */
        sv_known_note(k, 1, 5);
        assert_true(sv_known_has(k, 1, 5));
        assert_false(sv_known_has(k, 2, 5));
        assert_true(sv_known_has(k, 1, 5 + SV_KNOWN_MS - 1));
        assert_false(sv_known_has(k, 1, 5 + SV_KNOWN_MS));
        for (uint64_t i = 0; i < 100; i++) /* once, not again and again */
                sv_known_note(k, 1, 6 + (int64_t)i);
        for (uint64_t i = 100; i < 300; i++)
                sv_known_note(k, i, 200);
        assert_true(sv_known_has(k, 1, 200));
        for (uint64_t i = 1000; i < 1000 + 4 * SV_KNOWN_SOURCES; i++) /* the oldest go */
                sv_known_note(k, i, 300);
        for (uint64_t i = 0; i < 1000 + 4 * SV_KNOWN_SOURCES; i++)
                kept += sv_known_has(k, i, 300);
        assert_in_range(kept, SV_KNOWN_SOURCES / 2, SV_KNOWN_SOURCES);
        assert_false(sv_known_has(k, 1, 300));
        sv_known_free(k);
}

/* Three times of four, so that strangers are served too. */
static void known_go_first(void **state)
{
        struct sv_known *k = make_known();

        q.known = k;
        q.held = (struct sv_limit){4, 4};
        sv_known_note(k, 7, 0);
        add(1, BEGUN, 1);
        add(2, BEGUN, 1);
        for (int i = 0; i < 4; i++)
                add(7, BEGUN, 2);
        takes(7, 3); /* although it came last, and has more than the others */
        takes(7, 3);
        takes(7, 3);
        takes(1, 3);
        assert_null(sv_queue_take(&q, 3));
        sv_known_free(k);
}

/* A queue that strangers have filled, one from each source, has room for one that is known. */
static void known_find_room(void **state)
{
        struct sv_known *k = make_known();
        struct sv_conn *own;

        q.known = k;
        sv_known_note(k, 7, 0);
        sv_known_note(k, 8, 0);
        for (uint64_t i = 0; i < 8; i++)
                assert_non_null(add(100 + i, BEGUN, (int64_t)i));
        assert_null(add(200, BEGUN, 9));
        for (int i = 0; i < 5; i++) { /* up to one more than half of it */
                own = add(7, BEGUN, 10);
                assert_non_null(own);
                assert_true(own->known);
        }
        assert_null(add(7, BEGUN, 10));
        assert_int_equal(count_waiting(), 8);
        for (int i = 0; i < 3; i++)
                assert_non_null(add(8, BEGUN, 11));
        assert_int_equal(count_waiting(), 8); /* all of them known now: as always */
        assert_non_null(add(8, BEGUN, 12));
        assert_null(add(8, BEGUN, 12));
        sv_known_free(k);
}

/* A request of an exchange that has begun goes before a first one, and after the known. */
static void begun_go_before_new(void **state)
{
        struct sv_known *k = make_known();
        struct sv_conn *stranger, *begun, *known;

        q.known = k;
        q.served = (struct sv_limit){4, 4};
        sv_known_note(k, 7, 0);
        add(1, BEGUN, 0);
        stranger = takes(1, 0);
        add(2, BEGUN, 0);
        begun = takes(2, 0);
        add(7, BEGUN, 0);
        known = takes(7, 0);
        begun->answers = 1;
        sv_queue_move(&q, stranger, SV_CONN_ASKS, 1);
        sv_queue_move(&q, begun, SV_CONN_ASKS, 2);
        sv_queue_move(&q, known, SV_CONN_ASKS, 3);
        q.turns = 0;
        assert_true(sv_queue_call(&q) == known);
        sv_queue_move(&q, known, SV_CONN_SERVED, 3);
        assert_true(sv_queue_call(&q) == begun);
        sv_queue_move(&q, begun, SV_CONN_SERVED, 3);
        sv_queue_move(&q, known, SV_CONN_ASKS, 4);
        q.turns = 3; /* its turn: the oldest of the source with the fewest */
        assert_true(sv_queue_call(&q) == stranger);
        sv_known_free(k);
}

/* --- when to come again --- */

static void later(void **state)
{
        struct sv_pace p = {0};
        SV_BUF text = SV_BUF_NULL;

        assert_int_equal(sv_pace_left(&p, 0, 100000), SV_LATER_MAX); /* nothing goes at all */
        for (int i = 0; i < 50; i++)                                 /* ten a second */
                sv_pace_note(&p, 100000 + i * 100);
        assert_int_equal(sv_pace_left(&p, 0, 105000), 1);
        assert_int_equal(sv_pace_left(&p, 10, 105000), 1);
        assert_int_equal(sv_pace_left(&p, 11, 105000), 2);
        assert_int_equal(sv_pace_left(&p, 100, 105000), 10);
        assert_int_equal(sv_pace_left(&p, SIZE_MAX / 8, 105000), SV_LATER_MAX);
        sv_pace_note(&p, 105100); /* of the next period; the one before counts still */
        assert_int_equal(sv_pace_left(&p, 100, 105200), 10);
        assert_int_equal(sv_pace_left(&p, 100, 115200), SV_LATER_MAX);
        sv_pace_note(&p, 200000);
        assert_int_equal(p.last, 0);

        for (uint32_t chance = 0; chance < 8; chance++) {
                SV_HTTP m = {0};
                struct sv_kbs_error e;
                struct sv_err err;
                size_t head;

                sv_buf_clear(&text);
                sv_later_write(3, chance, &text);
                head = (size_t)(strstr(sv_buf_str(&text), "\r\n\r\n") + 4 - sv_buf_str(&text));
                OK(sv_http_parse_head(sv_bytes(text.p, head), false, &m, &err));
                assert_int_equal(m.status, 503);
                assert_int_equal(atoi(sv_http_field(&m, "Retry-After")), 3 + chance % 4);
                assert_int_equal(atoi(sv_http_field(&m, "Content-Length")), text.n - head);
                OK(sv_kbs_parse_error(sv_bytes(text.p + head, text.n - head), &e, &err));
                assert_string_equal(e.check, "broker.busy");
                assert_int_equal(e.class, SV_SYSTEM);
        }
}

/* As many sources as connections, over and over: none is forgotten, none stays. */
static void sources_come_and_go(void **state)
{
        struct sv_conn *c[8];

        for (uint64_t round = 0; round < 100; round++) {
                for (uint64_t i = 0; i < 8; i++)
                        c[i] = add(round * 5 + i * 12, i % 2, (int64_t)round);
                for (size_t i = 0; i < 8; i++)
                        sv_queue_drop(&q, c[(i * 3 + round) % 8]);
        }
        assert_int_equal(count_waiting(), 0);
        for (uint64_t i = 0; i < 12; i++) /* all that there is room for */
                if (add(i, BEGUN, 0) && i < 4)
                        takes(i, 0);
        assert_int_equal(count_waiting(), 8);
        assert_int_equal(sv_queue_held(&q), 4);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sources),
                cmocka_unit_test(budgets),
                cmocka_unit_test(budget_of_many),
                cmocka_unit_test_setup_teardown(fewest_places_first, setup, drain),
                cmocka_unit_test_setup_teardown(too_often, setup, drain),
                cmocka_unit_test_setup_teardown(silence_ends, setup, drain),
                cmocka_unit_test_setup_teardown(crowded, setup, drain),
                cmocka_unit_test_setup_teardown(who_gives_a_place_up, setup, drain),
                cmocka_unit_test_setup_teardown(who_makes_room, setup, drain),
                cmocka_unit_test_setup_teardown(no_more_are_asked_than_wait, setup, drain),
                cmocka_unit_test_setup_teardown(idle_ones_cost_nothing, setup, drain),
                cmocka_unit_test_setup_teardown(fewest_processes_first, setup, drain),
                cmocka_unit_test(known_sources),
                cmocka_unit_test_setup_teardown(known_go_first, setup, drain),
                cmocka_unit_test_setup_teardown(known_find_room, setup, drain),
                cmocka_unit_test_setup_teardown(begun_go_before_new, setup, drain),
                cmocka_unit_test(later),
                cmocka_unit_test_setup_teardown(left_behind, setup, drain),
                cmocka_unit_test_setup_teardown(sources_come_and_go, setup, drain),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
