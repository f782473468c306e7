/* SPDX-License-Identifier: Apache-2.0 */
/* Who is one source, what it may take, and which connection is served next: without a network. */
#include <arpa/inet.h>
#include <fcntl.h>

#include "tests/unit/unit.h"

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

static struct sv_waiting waiting[8];
static struct sv_child children[4];
static struct sv_queue q;
static struct sv_served s;

static int setup(void **state)
{
        q = (struct sv_queue){
                .list = waiting, .max = 8, .silent_ms = 5000, .all = {0, 1}, .each = {0, 1}};
        s = (struct sv_served){.list = children, .max = 4, .per_source = 2};
        return 0;
}

static int add(uint64_t source, bool ready, int64_t now)
{
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        sv_queue_add(&q, fd, source, false, now);
        if (q.n && q.list[q.n - 1].fd == fd)
                q.list[q.n - 1].ready = ready;
        return fd;
}

static void serves(uint64_t source, int64_t now)
{
        struct sv_waiting w;

        assert_true(sv_queue_take(&q, &s, now, &w));
        assert_true(w.source == source);
        close(w.fd);
        children[s.n] = (struct sv_child){.pid = 100 + (int)s.n, .source = source, .since_ms = now};
        s.n++;
}

static int drain(void **state)
{
        while (q.n)
                sv_queue_drop(&q, 0);
        return 0;
}

static void fewest_processes_first(void **state)
{
        struct sv_waiting w;

        add(1, true, 0);
        add(1, true, 1);
        add(1, true, 2);
        add(2, true, 3);
        add(3, false, 4); /* has said nothing */
        serves(1, 10);
        serves(2, 10);
        serves(1, 10);
        assert_false(sv_queue_take(&q, &s, 10, &w)); /* 1 has its share */
        q.list[q.n - 1].ready = true;
        serves(3, 10);
        add(4, true, 11);
        assert_false(sv_queue_take(&q, &s, 11, &w)); /* all processes are taken */
        s.n = 3;
        serves(4, 12);
}

/* A source that comes too often waits, and nobody behind it. */
static void too_often(void **state)
{
        struct sv_waiting w;

        q.each = (struct sv_rate){SECOND, 1};
        add(1, true, 0);
        serves(1, 0);
        s.n = 0;
        add(1, true, 1);
        add(2, true, 1);
        serves(2, 1);
        assert_false(sv_queue_take(&q, &s, 999, &w));
        serves(1, 1000);
        memset(&q.begun, 0, sizeof(q.begun));
}

static void silence_ends(void **state)
{
        add(1, false, 0);
        add(2, true, 0);
        add(3, false, 1);
        sv_queue_expire(&q, 4999);
        assert_int_equal(q.n, 3);
        sv_queue_expire(&q, 5000);
        assert_int_equal(q.n, 2);
        assert_true(q.list[0].source == 2);
        sv_queue_expire(&q, SV_WAIT_MS);
        assert_int_equal(q.n, 0);
}

/* Who has the most loses the newest, whoever comes. */
static void crowded(void **state)
{
        int fd, last = -1;

        for (int i = 0; i < 7; i++)
                last = add(1, true, i);
        add(2, true, 7);
        fd = add(1, true, 8);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        assert_int_equal(q.n, 8);
        fd = add(3, true, 9);
        assert_int_equal(q.n, 8);
        assert_true(q.list[7].source == 3 && q.list[6].source == 2 && q.list[5].source == 1);
        assert_true(q.list[5].fd != last && fcntl(fd, F_GETFD) >= 0);
        drain(NULL);
        for (uint64_t i = 1; i <= 8; i++)
                add(i, true, 0);
        fd = add(9, true, 1); /* nobody has more than this one would */
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        assert_int_equal(q.n, 8);
}

static void who_is_asked_to_end(void **state)
{
        add(1, true, 0);
        add(1, true, 0);
        serves(1, 0);
        serves(1, 500);
        assert_null(sv_queue_oldest(&q, &s, 9000)); /* nobody waits */
        add(2, false, 8000);
        assert_null(sv_queue_oldest(&q, &s, 9000));
        add(1, true, 8000); /* 1 has its share */
        assert_null(sv_queue_oldest(&q, &s, 1999));
        assert_int_equal(sv_queue_oldest(&q, &s, 2000)->pid, 100);
        s.list[0].asked = true;
        assert_int_equal(sv_queue_oldest(&q, &s, 9000)->pid, 101);
        s.list[1].source = 3; /* neither is at its share, and there is room */
        assert_null(sv_queue_oldest(&q, &s, 9000));
        s.max = 2;
        assert_int_equal(sv_queue_oldest(&q, &s, 9000)->pid, 101);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sources),
                cmocka_unit_test(budgets),
                cmocka_unit_test(budget_of_many),
                cmocka_unit_test_setup_teardown(fewest_processes_first, setup, drain),
                cmocka_unit_test_setup_teardown(too_often, setup, drain),
                cmocka_unit_test_setup_teardown(silence_ends, setup, drain),
                cmocka_unit_test_setup_teardown(crowded, setup, drain),
                cmocka_unit_test_setup_teardown(who_is_asked_to_end, setup, drain),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
