/* SPDX-License-Identifier: Apache-2.0 */
/* All guests of a fleet boot at once, after a loss of power, and from one address, as behind a NAT:
 * each gets its key. A guest asks again when it is told to, as the agent does.
 *
 *      storm [GUESTS]
 */
#pragma GCC diagnostic ignored "-Wunused-function"
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/conformance/floods.h"

#define GUESTS 300
#define ALONE  50
#define TRIES  12 /* of the agent, unless its guest file says otherwise */

static int guests = GUESTS;

/* What the guests saw, all of them. */
static struct seen {
        volatile bool begin;
        int asked_again, refused;
        int64_t took_ms[4096];
} * seen;

/* 0: it has its key, 1: it may ask again, 2: it was refused. */
static int boot_once(void)
{
        SV_KBS_CLIENT *c = NULL;
        SV_JSON *evidence = NULL;
        SV_SECRET *s = NULL;
        uint8_t binding[48];
        struct sv_err err = SV_ERR_NULL;

        if (sv_kbs_client_new(url, tls, &c, &err) == 0 && sv_kbs_auth(c, "snp", NULL, &err) == 0 &&
            sv_kbs_binding(c, binding, &err) == 0) {
                evidence = platform_evidence(binding);
                if (sv_kbs_attest(c, evidence, &err) == 0)
                        s = sv_kbs_resource(c, PATH, NULL, &err);
        }
        if (s && sv_secret_size(s) == strlen(SECRET) &&
            !memcmp(sv_secret_reveal(s), SECRET, strlen(SECRET)))
                return sv_kbs_outcome(c, PATH, NULL, &err) == 0 || sv_kbs_retryable(c) ? 0 : 2;
        if (c && sv_kbs_retryable(c)) {
                sleep(sv_kbs_retry_after(c) ? sv_kbs_retry_after(c) : 1);
                return 1;
        }
        fprintf(stderr, "%s [%s]\n", err.msg, err.check);
        return 2;
}

static void boot_guest(int i)
{
        int rc = 1;
        int64_t began;

        while (!seen->begin)
                usleep(1000);
        began = sv_clock_ms();
        for (int tries = 0; rc == 1 && tries < TRIES; tries++) {
                rc = boot_once();
                __atomic_fetch_add(&seen->asked_again, rc == 1, __ATOMIC_RELAXED);
        }
        __atomic_fetch_add(&seen->refused, rc != 0, __ATOMIC_RELAXED);
        seen->took_ms[i] = sv_clock_ms() - began;
        _exit(0);
}

static int compare_ms(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

static void all_at_once(void **state)
{
        int64_t began;

        seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(seen, MAP_FAILED);
        start_with("");
        release();
        for (int i = 0; i < guests; i++) {
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0)
                        boot_guest(i);
        }
        began = sv_clock_ms();
        seen->begin = true;
        for (int i = 0; i < guests; i++) {
                int status;

                assert_true(wait(&status) > 0);
                assert_int_equal(status, 0);
        }
        qsort(seen->took_ms, (size_t)guests, sizeof(int64_t), compare_ms);
        print_message("%d guests: %lld ms in all, half of them by %lld ms, the last by %lld ms; "
                      "asked again: %d\n",
                      guests, (long long)(sv_clock_ms() - began),
                      (long long)seen->took_ms[guests / 2], (long long)seen->took_ms[guests - 1],
                      seen->asked_again);
        assert_int_equal(seen->refused, 0);
}

/* --- what a guest costs the disk --- */

static _Atomic long *synced; /* by all processes of the broker, of whichever file */

/* In place of libc's, for SQLite too. */
int fdatasync(int fd)
{
        if (synced)
                (*synced)++;
        return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
        if (synced)
                (*synced)++;
        return (int)syscall(SYS_fsync, fd);
}

/* One for a guest, which is the release's: what it says of it in the end goes with the next one's,
 * or by itself when there is none for a second. SQLite copies its log now and then. */
static void one_sync_each(void **state)
{
        long before, n;
        int64_t began;

        synced = mmap(NULL, sizeof(*synced), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        assert_ptr_not_equal(synced, MAP_FAILED);
        start_with("");
        release();
        before = *synced;
        began = sv_clock_ms();
        for (int i = 0; i < ALONE; i++)
                release();
        n = *synced - before;
        began = sv_clock_ms() - began;
        print_message("%d releases, one after the other: %ld syncs in %lld ms\n", ALONE, n,
                      (long long)began);
        assert_in_range(n, ALONE, ALONE + ALONE / 10 + 2 * (began / 1000 + 1));
        before = *synced;
        release();
        WAIT_UNTIL(*synced - before >= 2, PATIENCE, "%s", "the last report stays in memory");
        assert_int_equal(stop(NULL), 0);
        munmap((void *)(uintptr_t)synced, sizeof(*synced));
        synced = NULL;
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(one_sync_each, stop),
                cmocka_unit_test_teardown(all_at_once, stop),
        };

        if (argc > 1)
                guests = atoi(argv[1]);
        if (guests < 1 || guests > 4096)
                return 2;
        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
