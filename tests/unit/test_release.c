/* SPDX-License-Identifier: Apache-2.0 */
/* The retries around the exchange, and what follows the key. Attester, KBS client and the machine's
 * clock are played by this file: their functions take the place of the real ones. */
#include <time.h>

#include "agent/release.h"
#include "attest/kbs/client.h"
#include "base/core/secret.h"
#include "tests/unit/unit.h"

#define FAULT   "net.connect"
#define REFUSAL "policy.rtmr1"

static struct sv_err err;

static struct {
        /* what happens */
        unsigned faults;      /* so many network faults before the broker is there */
        const char *fault_at; /* "auth", "attest", "resource" */
        bool refuses, seal_fails, cannot_seal, other_way, dirty, use_fails, deaf;
        int64_t call_ms;      /* how long each request takes */
        unsigned retry_after; /* seconds, that the broker names */
        /* what was seen */
        int64_t clock_ms;
        unsigned auths, opens, closes, hellos, seals, uses, retries, notes, unreported;
        unsigned pauses[64], n_pauses;
        char outcome[80], step[16], asked[64];
        unsigned dead, other_key, refusing, puzzling; /* of several brokers, a bit each */
        unsigned alternates, nexts;
} w;

/* --- the machine's clock: time passes only here --- */

int clock_gettime(clockid_t id, struct timespec *ts)
{
        *ts = (struct timespec){1000 + w.clock_ms / 1000, (long)(w.clock_ms % 1000) * 1000000};
        return 0;
}

int nanosleep(const struct timespec *ts, struct timespec *left)
{
        unsigned ms = (unsigned)(ts->tv_sec * 1000 + ts->tv_nsec / 1000000);

        w.pauses[w.n_pauses++ % 64] = ms;
        w.clock_ms += ms;
        return 0;
}

/* --- the attester --- */

static int open_tee(void **state, struct sv_err *e)
{
        w.opens++;
        *state = &w;
        return 0;
}

static int hello(void *state, struct sv_json **params, struct sv_err *e)
{
        w.hellos++;
        return 0;
}

static int evidence(void *state, struct sv_bytes data, const struct sv_json *challenge,
                    struct sv_json **out, struct sv_note *note, struct sv_err *e)
{
        if (challenge)
                return sv_fail(e, SV_FORMAT, "vtpm.challenge", "no credential");
        *out = sv_json_object();
        if (w.other_way)
                snprintf(note->text, sizeof(note->text), "the quote came from the kernel");
        if (w.dirty)
                sv_fail(e, SV_SYSTEM, "tsm.make", "a way that was tried first");
        return 0;
}

static int seal(void *state, struct sv_note *note, struct sv_err *e)
{
        w.seals++;
        if (w.seal_fails)
                return sv_fail(e, SV_SYSTEM, "vtpm.seal", "the register did not take it");
        if (w.cannot_seal)
                snprintf(note->text, sizeof(note->text),
                         "RTMR3 was not extended: this kernel has no way");
        return 0;
}

static void close_tee(void *state)
{
        w.closes++;
}

static const struct sv_tee tee_id = {.name = "played", .kbs_name = "played"};
static const struct sv_attester tee = {.id = &tee_id,
                                       .open = open_tee,
                                       .hello = hello,
                                       .evidence = evidence,
                                       .seal = seal,
                                       .close = close_tee};

const struct sv_attester *sv_attester_find(void)
{
        return &tee;
}

/* --- the broker --- */

struct sv_kbs_client {
        bool again, answered;
        int number;          /* of its URL's port */
        unsigned alternates; /* a bit each */
};

static int number_of(const char *url)
{
        return url[strlen(url) - 1] - '0';
}

int sv_kbs_client_new(const char *url, struct sv_tls_ctx *ctx, struct sv_kbs_client **out,
                      struct sv_err *e)
{
        *out = calloc(1, sizeof(**out));
        if (*out)
                (*out)->number = number_of(url);
        return *out ? 0 : -1;
}

int sv_kbs_client_also(struct sv_kbs_client *c, const char *url, struct sv_tls_ctx *ctx,
                       struct sv_err *e)
{
        c->alternates |= 1u << number_of(url);
        return 0;
}

void sv_kbs_client_free(struct sv_kbs_client *c)
{
        free(c);
}

static int answer(struct sv_kbs_client *c, const char *at, struct sv_err *e)
{
        w.clock_ms += w.call_ms;
        c->again = c->answered = false;
        if (strlen(w.asked) + 1 < sizeof(w.asked) && !strcmp(at, "auth"))
                w.asked[strlen(w.asked)] = (char)('0' + c->number);
        if (w.dead & 1u << c->number) {
                c->again = true;
                return sv_fail(e, SV_SYSTEM, FAULT, "the broker does not answer");
        }
        if (w.other_key & 1u << c->number)
                return sv_fail(e, SV_PROOF, "tls.pin", "another key");
        c->answered = true;
        if (w.refusing & 1u << c->number)
                return sv_fail(e, SV_POLICY, REFUSAL, "another kernel than expected");
        if (w.faults && !strcmp(at, w.fault_at)) {
                w.faults--;
                c->again = true;
                return sv_fail(e, SV_SYSTEM, FAULT, "the broker does not answer");
        }
        if (w.refuses && !strcmp(at, "resource"))
                return sv_fail(e, SV_POLICY, REFUSAL, "another kernel than expected");
        return 0;
}

int sv_kbs_auth(struct sv_kbs_client *c, const char *name, const struct sv_json *params,
                struct sv_err *e)
{
        w.auths++;
        return answer(c, "auth", e);
}

bool sv_kbs_retryable(const struct sv_kbs_client *c)
{
        return c->again;
}

bool sv_kbs_answered(const struct sv_kbs_client *c)
{
        return c->answered;
}

unsigned sv_kbs_retry_after(const struct sv_kbs_client *c)
{
        return w.retry_after;
}

int sv_kbs_binding(struct sv_kbs_client *c, uint8_t digest[48], struct sv_err *e)
{
        memset(digest, 1, 48);
        return 0;
}

/* What is no challenge that this attester has an answer to. */
const struct sv_json *sv_kbs_challenge(const struct sv_kbs_client *c)
{
        return w.puzzling & 1u << c->number ? (const struct sv_json *)c : NULL;
}

int sv_kbs_attest(struct sv_kbs_client *c, const struct sv_json *ev, struct sv_err *e)
{
        return answer(c, "attest", e);
}

struct sv_secret *sv_kbs_resource(struct sv_kbs_client *c, const char *path, const char *header,
                                  struct sv_err *e)
{
        return answer(c, "resource", e) < 0 ? NULL : sv_secret_new(32, e);
}

const char *sv_kbs_token(const struct sv_kbs_client *c)
{
        return "token";
}

const char *sv_kbs_grounds(const struct sv_kbs_client *c)
{
        return "for a good reason";
}

int sv_kbs_outcome(struct sv_kbs_client *c, const char *path, const struct sv_err *failed,
                   struct sv_err *e)
{
        w.alternates = c->alternates;
        snprintf(w.outcome, sizeof(w.outcome), "%s", failed ? failed->check : "opened");
        return w.deaf ? sv_fail(e, SV_SYSTEM, FAULT, "the broker is gone") : 0;
}

/* --- the caller --- */

static void on_retry(const char *step, const struct sv_err *e, unsigned in_ms, unsigned try,
                     unsigned tries)
{
        w.retries++;
        snprintf(w.step, sizeof(w.step), "%s", step);
        assert_string_equal(e->check, FAULT);
        assert_int_equal(try, w.retries + 1);
        assert_int_equal(tries, 0);
}

static void on_untold(const struct sv_err *e)
{
        w.unreported++;
}

static void on_note(const struct sv_note *note)
{
        w.notes++;
        assert_non_null(
                strstr(note->text, w.other_way ? "from the kernel" : "RTMR3 was not extended"));
}

static int use(const struct sv_release *r, struct sv_kbs_client *client, struct sv_secret *secret,
               struct sv_err *e)
{
        w.uses++;
        assert_int_equal(w.seals, 1); /* before anything of the disk is looked at */
        return w.use_fails ? sv_fail(e, SV_PROOF, "luks.binding",
                                     "another header than the key was made for")
                           : 0;
}

static int release(void)
{
        static const struct sv_agent_config config = {
                .brokers = {{.url = "https://127.0.0.1:1", .has_pin = true}},
                .n_brokers = 1,
                .resource = "a/b/c",
                .wait_s = 180};
        static const struct sv_release_log log = {
                .retry = on_retry, .unreported = on_untold, .note = on_note};
        const struct sv_release r = {.config = &config, .log = &log, .seal = true, .use = use};
        SV_RELEASE_OUT out = {0};
        int rc = sv_release(&r, &out, &err);

        assert_int_equal(w.opens, w.closes);
        if (rc == 0) {
                assert_string_equal(sv_buf_str(&out.reasons), "played evidence; for a good reason");
                assert_string_equal(out.tee->name, "played");
        }
        return rc;
}

static int fresh(void **state)
{
        memset(&w, 0, sizeof(w));
        return 0;
}

/* --- the tests --- */

static void comes_back(void **state)
{
        static const char *const at[] = {"auth", "attest", "resource"};

        for (size_t i = 0; i < 3; i++) {
                fresh(NULL);
                w.faults = 5;
                w.fault_at = at[i];
                OK(release());
                assert_int_equal(w.auths, 6); /* each try begins a session of its own */
                assert_int_equal(w.hellos, 1);
                assert_int_equal(w.retries, 5);
                assert_string_equal(w.step, i == 2 ? "key" : "attest");
                assert_int_equal(w.uses, 1);
                assert_string_equal(w.outcome, "opened");
        }
}

/* They grow, stay below ten seconds, and are another guest's only by chance. */
static void pauses(void **state)
{
        static const unsigned longest[] = {500,   1000,  2000,  4000,  8000, 10000,
                                           10000, 10000, 10000, 10000, 10000};
        unsigned first[11], same = 0; /* as many as there are at least within three minutes */

        for (unsigned run = 0; run < 2; run++) {
                fresh(NULL);
                w.faults = 100;
                w.fault_at = "auth";
                FAILS(release(), SV_SYSTEM, FAULT);
                assert_non_null(strstr(err.msg, "tries within 180 s"));
                assert_in_range(w.clock_ms, 170000, 180000);
                assert_in_range(w.n_pauses, 20, 40);
                assert_int_equal(w.auths, w.n_pauses + 1);
                for (unsigned i = 0; i < 11; i++) {
                        assert_in_range(w.pauses[i], longest[i] / 2, longest[i]);
                        same += run && w.pauses[i] == first[i];
                        first[i] = w.pauses[i];
                }
        }
        assert_true(same < 8);
        assert_int_equal(w.uses, 0);
        assert_int_equal(w.seals, 0);
}

/* Not before the broker says, and not all at once then. */
static void broker_says_when(void **state)
{
        w.faults = 3;
        w.fault_at = "attest";
        w.retry_after = 30;
        OK(release());
        assert_int_equal(w.n_pauses, 3);
        assert_in_range(w.pauses[0], 30250, 30500);
        assert_in_range(w.pauses[2], 31000, 32000);
}

/* What the caller has to do while it waits. */
static void run_something(void *arg, unsigned ms)
{
        *(unsigned *)arg += 1;
        w.clock_ms += ms;
}

static void pauses_of_caller(void **state)
{
        static const struct sv_agent_config config = {
                .brokers = {{.url = "https://127.0.0.1:1", .has_pin = true}},
                .n_brokers = 1,
                .resource = "a/b/c",
                .wait_s = 5};
        static const struct sv_release_log log = {0};
        unsigned n = 0;
        const struct sv_release r = {
                .config = &config, .log = &log, .pause = run_something, .pause_arg = &n};
        SV_RELEASE_OUT out = {0};

        w.faults = 100;
        w.fault_at = "auth";
        FAILS(sv_release(&r, &out, &err), SV_SYSTEM, FAULT);
        assert_non_null(strstr(err.msg, "within 5 s"));
        assert_in_range(n, 2, 5);
        assert_int_equal(w.n_pauses, 0);
}

static void too_late(void **state)
{
        w.faults = 100;
        w.fault_at = "auth";
        w.call_ms = 50000;
        FAILS(release(), SV_SYSTEM, FAULT);
        assert_int_equal(w.auths, 4); /* the fourth ends after three minutes */
        assert_non_null(strstr(err.msg, "given up after 4 tries"));
}

static void refused(void **state)
{
        w.refuses = true;
        FAILS(release(), SV_POLICY, REFUSAL);
        assert_int_equal(w.auths, 1);
        assert_int_equal(w.n_pauses, 0);
        assert_null(strstr(err.msg, "given up"));
        assert_int_equal(w.uses, 0);

        fresh(NULL); /* also after faults */
        w.refuses = true;
        w.faults = 2;
        w.fault_at = "attest";
        FAILS(release(), SV_POLICY, REFUSAL);
        assert_int_equal(w.auths, 3);
}

static void sealed(void **state)
{
        w.cannot_seal = true;
        OK(release());
        assert_int_equal(w.notes, 1);
        assert_int_equal(w.uses, 1);

        fresh(NULL);
        w.seal_fails = true;
        FAILS(release(), SV_SYSTEM, "vtpm.seal");
        /* the disk stays closed when what runs later could ask again */
        assert_int_equal(w.uses, 0);
        assert_int_equal(w.notes, 0);

        fresh(NULL);
        OK(release());
        assert_int_equal(w.notes, 0);
}

/* Which way the evidence came is for people; what was tried first and did not go is not. */
static void noted(void **state)
{
        w.other_way = true;
        OK(release());
        assert_int_equal(w.notes, 1);

        fresh(NULL);
        w.dirty = true;
        OK(release());
        assert_int_equal(w.notes, 0);
}

static void on_next(const char *step, const struct sv_err *e, const char *url)
{
        w.nexts++;
}

/* Three brokers: 1 and 2 are one owner's, 3 another's. */
static int release_of_three(unsigned wait_s, const char *owner)
{
        struct sv_agent_config config = {
                .brokers = {{.url = "https://127.0.0.1:1", .has_pin = true},
                            {.url = "https://127.0.0.1:2", .has_pin = true},
                            {.url = "https://127.0.0.1:3", .has_pin = true}},
                .n_brokers = 3,
                .resource = "a/b/c",
                .wait_s = wait_s};
        static const struct sv_release_log log = {.next = on_next};
        const struct sv_release r = {.config = &config, .log = &log, .seal = true, .use = use};
        SV_RELEASE_OUT out = {0};
        int rc;

        strcpy(config.brokers[2].owner, owner);
        rc = sv_release(&r, &out, &err);
        assert_int_equal(w.opens, w.closes);
        return rc;
}

#define BIT(n) (1u << (n))

/* At once, in order, and what follows goes to those that share a database. */
static void next_broker(void **state)
{
        w.dead = BIT(1);
        OK(release_of_three(180, ""));
        assert_string_equal(w.asked, "12");
        assert_int_equal(w.n_pauses, 0);
        assert_int_equal(w.nexts, 1);
        assert_int_equal(w.alternates, BIT(1) | BIT(3));

        fresh(NULL);
        w.dead = BIT(1) | BIT(2);
        OK(release_of_three(180, "them"));
        assert_string_equal(w.asked, "123");
        assert_int_equal(w.alternates, 0);

        fresh(NULL); /* not the one: never again, and nothing is reported to it */
        w.other_key = BIT(1);
        OK(release_of_three(180, ""));
        assert_string_equal(w.asked, "12");
        assert_int_equal(w.alternates, BIT(3));
}

/* A broker whose challenge has no answer keeps nobody from the next one, and is asked once. */
static void puzzled(void **state)
{
        w.puzzling = BIT(1);
        OK(release_of_three(180, ""));
        assert_string_equal(w.asked, "12");
        assert_int_equal(w.alternates, BIT(3));

        fresh(NULL);
        w.puzzling = BIT(1) | BIT(2) | BIT(3);
        FAILS(release_of_three(180, ""), SV_FORMAT, "vtpm.challenge");
        assert_string_equal(w.asked, "123");
        assert_int_equal(w.n_pauses, 0);
}

/* The owner's word, whoever says it. Another owner has a word of his own. */
static void refusals_of_several(void **state)
{
        w.refusing = BIT(1);
        FAILS(release_of_three(180, ""), SV_POLICY, REFUSAL);
        assert_string_equal(w.asked, "1");

        fresh(NULL);
        w.refusing = BIT(1);
        OK(release_of_three(180, "them"));
        assert_string_equal(w.asked, "13");

        fresh(NULL); /* what was refused stays why, also when the other does not answer */
        w.refusing = BIT(2);
        w.dead = BIT(1) | BIT(3);
        FAILS(release_of_three(5, "them"), SV_POLICY, REFUSAL);
        assert_memory_equal(w.asked, "123", 3);
        assert_null(strchr(w.asked + 3, '1'));
        assert_null(strchr(w.asked + 3, '2'));
        assert_non_null(strstr(err.msg, "no other's could be asked"));

        fresh(NULL);
        w.other_key = BIT(1) | BIT(2) | BIT(3);
        FAILS(release_of_three(180, ""), SV_PROOF, "tls.pin");
        assert_string_equal(w.asked, "123");
        assert_int_equal(w.n_pauses, 0);
}

/* Each is asked once, however long the one before took; then in turn, each after its own pause. */
static void time_of_several(void **state)
{
        w.dead = BIT(1) | BIT(2) | BIT(3);
        w.call_ms = 10000;
        FAILS(release_of_three(5, ""), SV_SYSTEM, FAULT);
        assert_string_equal(w.asked, "123");

        fresh(NULL);
        w.dead = BIT(1) | BIT(2) | BIT(3);
        FAILS(release_of_three(180, ""), SV_SYSTEM, FAULT);
        assert_in_range(w.clock_ms, 160000, 180000);
        assert_memory_equal(w.asked, "123", 3);
        assert_true(strlen(w.asked) > 40);

        fresh(NULL); /* one that says when is left alone until then */
        w.dead = BIT(1) | BIT(2);
        w.faults = 3;
        w.fault_at = "auth";
        w.retry_after = 30;
        OK(release_of_three(180, ""));
        assert_in_range(w.n_pauses, 3, 9);
        assert_true(w.clock_ms >= 90000);
}

static void told(void **state)
{
        w.use_fails = true;
        FAILS(release(), SV_PROOF, "luks.binding");
        assert_string_equal(w.outcome, "luks.binding");

        w.seals = 0;
        w.deaf = true; /* the first reason stays the reason */
        FAILS(release(), SV_PROOF, "luks.binding");
        assert_int_equal(w.unreported, 1);

        fresh(NULL);
        w.deaf = true;
        OK(release()); /* an open disk is an open disk */
        assert_int_equal(w.unreported, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(comes_back, fresh),
                cmocka_unit_test_setup(pauses, fresh),
                cmocka_unit_test_setup(pauses_of_caller, fresh),
                cmocka_unit_test_setup(broker_says_when, fresh),
                cmocka_unit_test_setup(too_late, fresh),
                cmocka_unit_test_setup(refused, fresh),
                cmocka_unit_test_setup(sealed, fresh),
                cmocka_unit_test_setup(told, fresh),
                cmocka_unit_test_setup(noted, fresh),
                cmocka_unit_test_setup(next_broker, fresh),
                cmocka_unit_test_setup(puzzled, fresh),
                cmocka_unit_test_setup(refusals_of_several, fresh),
                cmocka_unit_test_setup(time_of_several, fresh),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
