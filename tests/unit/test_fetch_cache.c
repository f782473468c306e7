/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of collateral: its locks, its size, and what is asked before a server is. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/fetch_world.h"

#include "attest/fetch/form.h"
#include "base/crypto/crypto.h"

/* The linker sends the calls of flock here. */
int __real_flock(int fd, int op);
int __wrap_flock(int fd, int op);
static char gone[256]; /* this file goes before the next lock is taken */

int __wrap_flock(int fd, int op)
{
        if (*gone)
                unlink(gone);
        *gone = '\0';
        return __real_flock(fd, op);
}

/* Whoever held the lock has removed its file between this process's open and its flock: what it has
 * locked then is nobody's lock. */
static void lock_that_moved(void **state)
{
        SV_CACHE_LOCK lock = SV_CACHE_LOCK_NULL;
        uint8_t digest[SV_DIGEST_MAX];
        struct stat ours, there;
        char hex[65];
        struct sv_err err;

        OK(sv_digest(SV_SHA256, sv_bytes_str(URL), digest, &err));
        snprintf(gone, sizeof(gone), "%s/%s.lock", dir, sv_hex(sv_bytes(digest, 32), hex));
        OK(sv_cache_take_lock(dir, URL, &lock, &err));
        assert_string_equal(gone, "");
        assert_int_equal(fstat(lock.fd, &ours), 0);
        assert_int_equal(stat(lock.path, &there), 0);
        assert_int_equal(ours.st_ino, there.st_ino);
}

/* Eight processes add to a number in a file, each with the lock, whose file comes and goes. */
static void lock_excludes(void **state)
{
        SV_STR path = sv_asprintf("%s/number", dir);
        int fd = open(path, O_RDWR | O_CREAT, 0600);
        int number = 0, status;

        assert_int_equal(write(fd, &number, sizeof(number)), sizeof(number));
        for (int i = 0; i < 8; i++) {
                if (fork())
                        continue;
                for (int k = 0; k < 200;) {
                        SV_CACHE_LOCK lock = SV_CACHE_LOCK_NULL;

                        if (sv_cache_take_lock(dir, URL, &lock, NULL) < 0)
                                _exit(1);
                        if (lock.fd < 0)
                                continue;
                        if (pread(fd, &number, sizeof(number), 0) != sizeof(number))
                                _exit(2);
                        number++;
                        if (pwrite(fd, &number, sizeof(number), 0) != sizeof(number))
                                _exit(3);
                        k++;
                }
                _exit(0);
        }
        for (int i = 0; i < 8; i++) {
                assert_true(wait(&status) > 0);
                assert_int_equal(status, 0);
        }
        assert_int_equal(pread(fd, &number, sizeof(number), 0), sizeof(number));
        assert_int_equal(number, 8 * 200);
        assert_int_equal(files_with(".lock"), 0);
        close(fd);
}

/* A folder that is full keeps no more, and what was fetched is used all the same. */
static void full(void **state)
{
        static const struct answer fine[] = {{200}};
        struct world w = {.now_ms = NOW * 1000LL, .answers = fine, .n = 1};
        SV_FETCHED got = {0};
        struct sv_err err;

        for (int i = 0; i < SV_CACHE_ENTRIES_MAX; i++) {
                SV_STR path = sv_asprintf("%s/%064x.entry", dir, i);

                assert_int_equal(mknod(path, S_IFREG | 0600, 0), 0);
        }
        OK(fetch(&w, TIMED, &got, &err));
        assert_non_null(strstr(got.list[0].note, "could not be kept"));
        FAILS(sv_cache_put(dir, &got.list[0].entry, &err), SV_SYSTEM, "collateral.full");
}

/* --- who may ask --- */

static int allowed_known, allowed_unknown;
static bool allow_unknown;

static int count_allowed(void *arg, bool known, struct sv_err *err)
{
        *(known ? &allowed_known : &allowed_unknown) += 1;
        return known || allow_unknown
                       ? 0
                       : sv_fail(err, SV_SYSTEM, "test.budget", "nothing is left for this");
}

/* Nobody is asked without leave, and a chip is known whatever its TCB is. */
static void leave_to_ask(void **state)
{
        static const struct answer fine[] = {{200}};
        struct world w = {.now_ms = NOW * 1000LL, .answers = fine, .n = 1};
        struct sv_fetch f = world_fetch(&w);
        SV_JSON *chip = needs_of("[{\"kind\":\"doc\",\"form\":\"json\",\"url\":"
                                 "\"https://maker.example/chip?blSPL=1&snpSPL=2\"}]");
        SV_JSON *other = needs_of("[{\"kind\":\"doc\",\"form\":\"json\",\"url\":"
                                  "\"https://maker.example/chip?id=2\"}]");
        SV_FETCHED none = {0}, got = {0}, again = {0}, last = {0};
        struct sv_err err;

        f.allow = count_allowed;
        allowed_known = allowed_unknown = 0;
        allow_unknown = false;
        FAILS(sv_fetch_needs(&f, chip, NULL, &none, &err), SV_SYSTEM, "test.budget");
        assert_int_equal(w.asked, 0);
        assert_int_equal(files_with(".lock"), 0);
        sv_cache_mark_known(dir, "https://maker.example/chip");
        OK(sv_fetch_needs(&f, chip, NULL, &got, &err));
        assert_int_equal(w.asked, 1);
        assert_int_equal(allowed_known, 1);
        OK(sv_fetch_needs(&f, chip, NULL, &again, &err)); /* from the cache: nobody is asked */
        assert_int_equal(allowed_known + allowed_unknown, 2);
        FAILS(sv_fetch_needs(&f, other, NULL, &last, &err), SV_SYSTEM, "test.budget");
}

static void about(void **state)
{
        static const char *const rows[][2] = {
                {"https://a.example/vcek/v1/Milan/00ff?blSPL=02&teeSPL=00",
                 "https://a.example/vcek/v1/Milan/00ff"},
                {"https://a.example/tcb?fmspc=00A067110000",
                 "https://a.example/tcb?fmspc=00A067110000"},
                {"https://a.example/SPL=/x", "https://a.example/SPL=/x"}};

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                SV_STR found = sv_fetch_about(rows[i][0]);

                assert_string_equal(found, rows[i][1]);
        }
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_DIR(lock_that_moved), IN_DIR(lock_excludes),   IN_DIR(full),
                IN_DIR(leave_to_ask),    cmocka_unit_test(about),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
