/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching: patience, cache, locks, and what a failed proof does to the cache. The clock and the
 * sleep are ours; most answers are too, some come from a real server (tests/unit/makers.h). */
#include "tests/unit/fetch_world.h"

static struct makers server;

/* --- patience --- */

struct patience {
        const char *name;
        struct answer answers[8];
        size_t n;
        unsigned asked;
        int64_t slept_ms;
        const char *check; /* NULL: it came */
};

static void patience(void **state)
{
        static const struct patience t[] = {
                {"at once", {{200}}, 1, 1, 0, NULL},
                {"busy, seconds", {{429, "7"}, {200}}, 2, 2, 7000, NULL},
                {"busy, date", {{429, "Thu, 01 Jan 2026 00:00:09 GMT"}, {200}}, 2, 2, 9000, NULL},
                {"busy, a date gone by",
                 {{429, "Thu, 01 Jan 2015 00:00:09 GMT"}, {200}},
                 2,
                 2,
                 1000,
                 NULL},
                {"busy, now", {{429, "0"}, {200}}, 2, 2, 1000, NULL},
                {"busy, silent", {{429}, {429}, {200}}, 3, 3, 1000 + 2000, NULL},
                {"busy, nonsense", {{429, "soon"}, {200}}, 2, 2, 1000, NULL},
                {"busy for too long", {{429, "3600"}}, 1, 1, 0, "collateral.busy"},
                {"busy for ages", {{429, "99999999999999999999"}}, 1, 1, 0, "collateral.busy"},
                {"busy until next year",
                 {{429, "Fri, 01 Jan 2027 00:00:00 GMT"}},
                 1,
                 1,
                 0,
                 "collateral.busy"},
                {"busy for ever, a little each time",
                 {{429, "2"}},
                 1,
                 SV_FETCH_TRIES,
                 2000 * (SV_FETCH_TRIES - 1),
                 "collateral.busy"},
                {"three times 500", {{500}, {503}, {502}, {200}}, 4, 4, 1000 + 2000 + 4000, NULL},
                {"503 that says when", {{503, "5"}, {200}}, 2, 2, 5000, NULL},
                {"503 that says too late", {{503, "500"}}, 1, 1, 0, "collateral.status"},
                {"500 for ever",
                 {{500}},
                 1,
                 SV_FETCH_TRIES,
                 1000 + 2000 + 4000 + 8000,
                 "collateral.status"},
                {"nobody, then somebody", {{0}, {-1}, {200}}, 3, 3, 1000 + 2000, NULL},
                {"nobody", {{0}}, 1, 3, 3000, "collateral.connect"},
                {"always cut", {{-1}}, 1, 3, 3000, "collateral.truncated"},
                {"cut, then an error", {{-1}, {-1}, {500}, {500}, {200}}, 5, 5, 15000, NULL},
                {"none", {{404}}, 1, 1, 0, "collateral.none"},
                {"forbidden", {{403}}, 1, 1, 0, "collateral.status"},
                {"empty", {{204}}, 1, 1, 0, "collateral.status"},
                {"another form", {{200, NULL, "<html>"}}, 1, 1, 0, "collateral.form"},
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct world w = {.now_ms = NOW * 1000LL, .answers = t[i].answers, .n = t[i].n};
                SV_FETCHED got = {0};

                print_message("%s\n", t[i].name);
                set_up(NULL);
                if (t[i].check) {
                        FAILS(fetch(&w, ROW, &got, &err),
                              strcmp(t[i].check, "collateral.form") ? SV_SYSTEM : SV_FORMAT,
                              t[i].check);
                        assert_int_equal(got.n, 0);
                } else {
                        OK(fetch(&w, ROW, &got, &err));
                        assert_int_equal(got.list[0].from, SV_FROM_NETWORK);
                        assert_string_equal(sv_buf_str(&got.list[0].entry.body), MAKERS_BODY);
                }
                assert_int_equal(w.asked, t[i].asked);
                assert_int_equal(w.slept_ms, t[i].slept_ms);
                tear_down(NULL);
        }
}

/* A server that wants to be left alone is, also for other things of it and by whoever comes next;
 * another server is asked. */
static void left_alone(void **state)
{
        static const struct answer busy[] = {{429, "3600"}}, fine[] = {{200}};
        struct world w = {.now_ms = NOW * 1000LL, .answers = busy, .n = 1};
        struct world next = {.now_ms = (NOW + 10) * 1000LL, .answers = fine, .n = 1};
        SV_FETCHED got = {0};
        struct sv_err err;

        FAILS(fetch(&w, ROW, &got, &err), SV_SYSTEM, "collateral.busy");
        assert_non_null(strstr(err.msg, "2026-01-01T01:00:00Z"));
        FAILS(fetch(&next, "[{\"kind\":\"x\",\"url\":\"https://maker.example/other\"}]", &got,
                    &err),
              SV_SYSTEM, "collateral.busy");
        assert_int_equal(next.asked, 0);
        OK(fetch(&next, "[{\"kind\":\"x\",\"url\":\"https://other.example/doc\"}]", &got, &err));
        sv_fetched_free(&got);
        /* Half a minute before the time it is waited for; after it, asked. */
        next.now_ms = (NOW + 3570) * 1000LL;
        OK(fetch(&next, ROW, &got, &err));
        assert_int_equal(next.slept_ms, 30000);
}

/* --- the cache --- */

static void kept(void **state)
{
        static const struct answer fine[] = {{200}};
        struct world w = {.now_ms = NOW * 1000LL, .answers = fine, .n = 1};
        static const struct {
                const char *row;
                int64_t later;
                enum sv_fetch_from from;
        } t[] =
                {
                        /* no max_age: for ever */
                        {ROW, 0, SV_FROM_NETWORK},
                        {ROW, 1, SV_FROM_CACHE},
                        {ROW, 400000000, SV_FROM_CACHE},
                        {ROW, -1000, SV_FROM_CACHE},
                },
          timed[] = {
                  {TIMED, 0, SV_FROM_NETWORK},
                  {TIMED, 3599, SV_FROM_CACHE},
                  {TIMED, 3600, SV_FROM_NETWORK},
                  {TIMED, 3600 + 3599, SV_FROM_CACHE},
                  /* a clock that went back */
                  {TIMED, 3600 - 1, SV_FROM_NETWORK},
                  {TIMED, UNTIL - NOW - 60, SV_FROM_NETWORK},
                  {TIMED, UNTIL - NOW - 1, SV_FROM_CACHE},
                  /* holds no longer, though max_age is not over */
                  {TIMED, UNTIL - NOW, SV_FROM_NETWORK},
                  {TIMED, UNTIL - NOW, SV_FROM_NETWORK},
          };
        struct sv_err err;

        for (int k = 0; k < 2; k++) {
                set_up(NULL);
                for (size_t i = 0;
                     i < (k ? sizeof(timed) / sizeof(timed[0]) : sizeof(t) / sizeof(t[0])); i++) {
                        unsigned asked = w.asked;
                        SV_FETCHED got = {0};

                        w.now_ms = (NOW + (k ? timed : t)[i].later) * 1000LL;
                        OK(fetch(&w, (k ? timed : t)[i].row, &got, &err));
                        print_message("%d.%zu\n", k, i);
                        assert_int_equal(got.list[0].from, (k ? timed : t)[i].from);
                        assert_int_equal(w.asked - asked,
                                         (k ? timed : t)[i].from == SV_FROM_NETWORK);
                        assert_string_equal(sv_buf_str(&got.list[0].entry.body), MAKERS_BODY);
                }
                tear_down(NULL);
        }
}

/* --refresh asks again for what has a time, not for what holds for ever. */
static void refreshed(void **state)
{
        static const struct answer fine[] = {{200}};
        struct world w = {.now_ms = NOW * 1000LL, .answers = fine, .n = 1};
        struct sv_fetch f = world_fetch(&w);
        struct sv_err err;

        for (unsigned i = 0; i < 3; i++) {
                SV_JSON *needs = needs_of(
                        "[{\"kind\":\"a\",\"url\":\"https://m.example/"
                        "a\"},{\"kind\":\"b\",\"url\":\"https://m.example/b\",\"max_age\":9}]");
                SV_FETCHED got = {0};

                f.refresh = i == 2;
                OK(sv_fetch_needs(&f, needs, NULL, &got, &err));
                assert_int_equal(w.asked, i == 2 ? 3 : 2);
        }
}

/* What should be asked for again but cannot be is taken while it says that it holds, and that is
 * said. */
static void stale(void **state)
{
        static const struct answer fine[] = {{200}}, down[] = {{500}},
                                   page[] = {{200, NULL, "<html>"}};
        struct world w = {.now_ms = NOW * 1000LL, .answers = fine, .n = 1};
        SV_FETCHED first = {0};
        SV_FETCHED old = {0};
        SV_FETCHED none = {0};
        struct sv_err err;

        OK(fetch(&w, TIMED, &first, &err));
        w = (struct world){.now_ms = (NOW + 7200) * 1000LL, .answers = down, .n = 1};
        OK(fetch(&w, TIMED, &old, &err));
        assert_int_equal(old.list[0].from, SV_FROM_STALE);
        assert_non_null(strstr(old.list[0].note, "500"));
        w = (struct world){.now_ms = (NOW + 7200) * 1000LL, .answers = page, .n = 1};
        FAILS(fetch(&w, TIMED, &none, &err), SV_FORMAT, "collateral.form");
        w = (struct world){.now_ms = UNTIL * 1000LL, .answers = down, .n = 1};
        FAILS(fetch(&w, TIMED, &none, &err), SV_SYSTEM, "collateral.status");
}

/* Whatever is wrong with an entry's file: it counts as absent and is replaced. */
static void damaged(void **state)
{
        static const struct answer fine[] = {{200}};
        struct world w = {.now_ms = NOW * 1000LL, .answers = fine, .n = 1};
        SV_STR path = NULL;
        SV_BUF whole = SV_BUF_NULL;
        SV_FETCHED first = {0};
        struct sv_err err;
        DIR *d;
        struct dirent *e;

        OK(fetch(&w, ROW, &first, &err));
        d = opendir(dir);
        while ((e = readdir(d)))
                if (strstr(e->d_name, ".entry"))
                        path = sv_asprintf("%s/%s", dir, e->d_name);
        closedir(d);
        assert_non_null(path);
        OK(sv_file_read(path, 1 << 20, &whole, "test", &err));
        for (size_t cut = 0; cut <= whole.n; cut++) {
                SV_FETCHED got = {0};
                unsigned asked = w.asked;
                uint8_t was = cut < whole.n ? whole.p[cut] : 0;

                OK(sv_file_write(path, 0600, sv_bytes(whole.p, cut), &err));
                OK(fetch(&w, ROW, &got, &err));
                assert_int_equal(w.asked - asked, cut < whole.n);
                if (cut == whole.n)
                        break;
                whole.p[cut] ^= 1;
                OK(sv_file_write(path, 0600, sv_buf_bytes(&whole), &err));
                whole.p[cut] = was;
                sv_fetched_free(&got);
                OK(fetch(&w, ROW, &got, &err));
                assert_int_equal(w.asked - asked, 2);
                assert_string_equal(sv_buf_str(&got.list[0].entry.body), MAKERS_BODY);
        }
        print_message("%u times damaged, %u times asked for again\n", 2 * (unsigned)whole.n,
                      w.asked - 1);
        assert_int_equal(files_with(".entry"), 1);
}

/* --- several processes --- */

static int server_get(void *arg, const struct sv_get *get, struct sv_got *out, struct sv_err *err)
{
        struct sv_get real = *get;
        SV_STR url = sv_asprintf("http://127.0.0.1:%u%s", server.port, strchr(get->url + 8, '/'));

        real.url = url;
        real.plain = true;
        return sv_curl_get(&real, out, err);
}

/* Waits for another process: that is told once; the clock stands, the lock's own end is what ends
 * it. */
static void waiting_sleep(void *arg, int64_t ms)
{
        struct world *w = arg;

        if (!w->sleeps++)
                __atomic_fetch_add(&makers_shared->waiting, 1, __ATOMIC_SEQ_CST);
        usleep(1000);
}

/* Eight processes want the same at the same time: the server, which answers only when seven are
 * waiting, is asked once. */
static void together(void **state)
{
        enum { N = 8 };
        pid_t pids[N];
        int status;

        makers_shared->waiting = 0;
        makers_shared->want = N - 1;
        makers_shared->asked[MAKERS_TOGETHER] = 0;
        for (int i = 0; i < N; i++) {
                pids[i] = fork();
                if (pids[i] == 0) {
                        struct world w = {.now_ms = NOW * 1000LL};
                        struct sv_fetch f = world_fetch(&w);
                        struct sv_json *needs =
                                needs_of("[{\"kind\":\"doc\",\"url\":\"https://maker.example/"
                                         "together\",\"form\":\"json\"}]");
                        struct sv_fetched got = {0};
                        struct sv_err err;

                        f.get = server_get;
                        f.sleep_ms = waiting_sleep;
                        _exit(sv_fetch_needs(&f, needs, NULL, &got, &err) < 0
                                      ? 100
                                      : (int)got.list[0].from);
                }
        }
        int from[4] = {0};

        for (int i = 0; i < N; i++) {
                assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 4);
                from[WEXITSTATUS(status)]++;
        }
        assert_int_equal(makers_shared->asked[MAKERS_TOGETHER], 1);
        assert_int_equal(from[SV_FROM_NETWORK], 1);
        assert_int_equal(from[SV_FROM_CACHE], N - 1);
}

static int dying_get(void *arg, const struct sv_get *get, struct sv_got *out, struct sv_err *err)
{
        raise(SIGKILL);
        return -1;
}

/* A fetch that is killed while it has the lock, and one that is killed while it writes, leave
 * nothing that disturbs the next. */
static void killed(void **state)
{
        static const struct answer fine[] = {{200}};
        struct world w = {.now_ms = NOW * 1000LL, .answers = fine, .n = 1};
        SV_FETCHED first = {0};
        SV_FETCHED got = {0};
        SV_STR path = NULL;
        struct sv_err err;
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                struct sv_fetch f = world_fetch(&w);
                struct sv_json *needs = needs_of(TIMED);

                f.get = dying_get;
                (void)sv_fetch_needs(&f, needs, NULL, &first, &err);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(files_with(".lock"), 1);
        OK(fetch(&w, TIMED, &first, &err));
        assert_int_equal(files_with(".lock"), 0); /* of whom it was, and its own */
        assert_int_equal(w.slept_ms, 0);
        /* The half of a file beside the entry, as sv_file_write calls it. */
        uint8_t digest[SV_DIGEST_MAX];
        char hex[65];

        OK(sv_digest(SV_SHA256, sv_bytes_str(URL), digest, &err));
        path = sv_asprintf("%s/%s.entry.AbCdEf", dir, sv_hex(sv_bytes(digest, 32), hex));
        OK(sv_file_write(path, 0600, sv_bytes_str("half"), &err));
        w.now_ms += 7200 * 1000;
        OK(fetch(&w, TIMED, &got, &err));
        assert_int_equal(files_with("AbCdEf"), 0);
        assert_int_equal(files_with(".entry"), 1);
}

static void lock_is_held(void **state)
{
        static const struct answer fine[] = {{200}};
        struct world w = {.now_ms = NOW * 1000LL, .answers = fine, .n = 1};
        SV_FETCHED got = {0};
        SV_CACHE_LOCK lock = SV_CACHE_LOCK_NULL;
        struct sv_err err;

        OK(sv_cache_take_lock(dir, URL, &lock, &err));
        assert_true(lock.fd >= 0);
        FAILS(fetch(&w, ROW, &got, &err), SV_SYSTEM, "collateral.lock");
        assert_int_equal(w.asked, 0);
        assert_true(w.slept_ms <= 60050);
}

/* --- what a failed proof does to the cache --- */

static unsigned verified_times;

struct fake_evidence {
        struct sv_evidence head;
        bool good;
};

static bool needs_fail;

static int fake_needs(const struct sv_evidence *evidence, struct sv_json *out, struct sv_err *err)
{
        if (needs_fail)
                return sv_fail(err, SV_FORMAT, "test.needs", "the evidence names nothing");

        SV_JSON *row = needs_of(DOC "}");

        sv_json_add(out, sv_json_ref(row));
        return 0;
}

static int fake_verify(const struct sv_evidence *e, const struct sv_verify_in *in,
                       struct sv_json **claims, struct sv_err *err)
{
        struct sv_bytes doc;

        verified_times++;
        if (!sv_collateral_get(&in->collateral, "doc", 0, &doc))
                return sv_fail(err, SV_PROOF, "test.missing", "there is no document");
        if (!sv_bytes_eq(doc, sv_bytes_str(MAKERS_BODY)))
                return sv_fail(err, SV_PROOF, "test.doc", "the document is not the right one");
        if (!((const struct fake_evidence *)e)->good)
                return sv_fail(err, SV_PROOF, "test.evidence", "the evidence is not good");
        *claims = sv_json_object();
        return 0;
}

static const struct sv_tee fake_id = {.name = "fake"};
static const struct sv_tee_verify fake = {
        .id = &fake_id, .needs = fake_needs, .verify = fake_verify};

static void proof(void **state)
{
        static const struct answer fine[] = {{200}}, wrong[] = {{200, NULL, "{}"}},
                                   wrong_then_fine[] = {{200, NULL, "{}"}, {200}}, down[] = {{500}};
        /* What is in the cache before, how old, whether it was part of a proof that held; what the
         * server says; how it ends. */
        static const struct {
                const char *cached;
                int64_t age;
                bool verified;
                const struct answer *answers;
                size_t n;
                bool bad_evidence;
                unsigned asked, times;
                const char *check;
                bool in_cache, marked; /* afterwards */
        } t[] = {
                {NULL, 0, false, fine, 1, false, 1, 1, NULL, true, true},
                {MAKERS_BODY, 5, false, down, 1, false, 0, 1, NULL, true, true},
                /* dropped, fetched once more */
                {"{}", 3600, false, fine, 1, false, 1, 2, NULL, true, true},
                /* once, then the error */
                {"{}", 3600, false, wrong, 1, false, 1, 2, "test.doc", true, false},
                {"{}", 3600, false, down, 1, false, SV_FETCH_TRIES, 1, "test.doc", false, false},
                /* fetched a moment ago */
                {"{}", 5, false, fine, 1, false, 0, 1, "test.doc", true, false},
                {NULL, 0, false, wrong_then_fine, 2, false, 1, 1, "test.doc", true, false},
                /* bad evidence costs no question */
                {MAKERS_BODY, 3600, true, fine, 1, true, 0, 1, "test.evidence", true, true},
                {MAKERS_BODY, 3600, false, fine, 1, true, 1, 2, "test.evidence", true, false},
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct world w = {.now_ms = NOW * 1000LL, .answers = t[i].answers, .n = t[i].n};
                struct sv_fetch f = world_fetch(&w);
                struct fake_evidence e = {{&fake}, !t[i].bad_evidence};
                struct sv_verify_in in = {.time = NOW};
                SV_JSON *claims = NULL;
                SV_VERDICT verdict = {0};
                SV_FETCHED used = {0};
                SV_ENTRY after = {0};
                bool there;

                print_message("proof %zu\n", i);
                set_up(NULL);
                if (t[i].cached) {
                        SV_ENTRY kept = {.url = sv_asprintf(URL),
                                         .kind = "doc",
                                         .fetched = NOW - t[i].age,
                                         .refresh = SV_NEVER,
                                         .until = SV_NEVER,
                                         .verified = t[i].verified};

                        sv_buf_puts(&kept.body, t[i].cached);
                        OK(sv_cache_put(dir, &kept, &err));
                }
                verified_times = 0;
                if (t[i].check)
                        FAILS(sv_fetch_appraise(&f, &e.head, &in, NULL, &claims, &verdict, &used,
                                                &err),
                              SV_PROOF, t[i].check);
                else
                        OK(sv_fetch_appraise(&f, &e.head, &in, NULL, &claims, &verdict, &used,
                                             &err));
                assert_int_equal(w.asked, t[i].asked);
                assert_int_equal(verified_times, t[i].times);
                OK(sv_cache_get(dir, URL, &after, &there, &err));
                assert_int_equal(there, t[i].in_cache);
                assert_int_equal(after.verified, t[i].marked);
                tear_down(NULL);
        }
}

/* What the caller has is not asked for. */
static void given(void **state)
{
        static const struct answer down[] = {{500}};
        struct world w = {.now_ms = NOW * 1000LL, .answers = down, .n = 1};
        struct sv_fetch f = world_fetch(&w);
        const struct sv_blob doc = {"doc", sv_bytes_str(MAKERS_BODY)};
        struct fake_evidence e = {{&fake}, true};
        struct sv_verify_in in = {.collateral = {&doc, 1}};
        SV_JSON *claims = NULL;
        SV_VERDICT verdict = {0};
        struct sv_err err;

        OK(sv_fetch_appraise(&f, &e.head, &in, NULL, &claims, &verdict, NULL, &err));
        assert_int_equal(w.asked, 0);
        /* and evidence that does not say what it needs is not appraised */
        needs_fail = true;
        FAILS(sv_fetch_appraise(&f, &e.head, &in, NULL, &claims, &verdict, NULL, &err), SV_FORMAT,
              "test.needs");
        needs_fail = false;
}

static int is_cached(const struct dirent *d)
{
        return strstr(d->d_name, ".entry") != NULL;
}

/* No time is left; what the cache has cannot be removed. */
static void not_fetched(void **state)
{
        static const struct answer fine[] = {{.status = 200}};
        struct world w = {.now_ms = NOW * 1000LL, .answers = fine, .n = 1};
        struct sv_fetch f = world_fetch(&w);
        SV_JSON *needs = needs_of(ROW);
        SV_FETCHED got = {0};
        struct sv_entry e = {.url = strdup(URL), .kind = "doc", .refresh = 1}, back;
        bool there = true;
        struct dirent **names;
        struct sv_err err;
        int n;

        f.budget_ms = 0;
        FAILS(sv_fetch_needs(&f, needs, NULL, &got, &err), SV_SYSTEM, "collateral.budget");
        assert_int_equal(w.asked, 0);
        /* a folder stands where the entry was */
        OK(sv_cache_put(dir, &e, &err));
        n = scandir(dir, &names, is_cached, alphasort);
        assert_int_equal(n, 1);
        SV_STR path = sv_asprintf("%s/%s", dir, names[0]->d_name);
        free(names[0]);
        free(names);
        assert_int_equal(unlink(path), 0);
        OK(sv_mkdirs(path, 0700, &err));
        FAILS(sv_cache_drop(dir, URL, &err), SV_SYSTEM, "collateral.drop");
        FAILS(sv_cache_get(dir, URL, &back, &there, &err), SV_SYSTEM, "collateral.cache");
        assert_false(there);
        sv_entry_free(&e);
}

static int group_setup(void **state)
{
        setenv("no_proxy", "127.0.0.1", 1);
        server = makers_start("/tmp", NULL, 0);
        return 0;
}

static int group_teardown(void **state)
{
        makers_stop(&server);
        return 0;
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(patience), IN_DIR(left_alone), cmocka_unit_test(kept),
                IN_DIR(refreshed),          IN_DIR(stale),      IN_DIR(damaged),
                IN_DIR(together),           IN_DIR(killed),     IN_DIR(lock_is_held),
                cmocka_unit_test(proof),    IN_DIR(given),      IN_DIR(not_fetched),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
