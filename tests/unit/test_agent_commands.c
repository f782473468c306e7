/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's commands: which options they refuse, by the name of the check. The TEE is played. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "agent/attesters.h"
#include "agent/commands.h"
#include "base/core/file.h"
#include "base/core/secret.h"

static const struct sv_attester *played;

/* The linker sends the calls of sv_attester_find here. */
const struct sv_attester *__wrap_sv_attester_find(void);
const struct sv_attester *__wrap_sv_attester_find(void)
{
        return played;
}

static int play_evidence(void *state, struct sv_bytes data, const struct sv_json *challenge,
                         struct sv_json **evidence, struct sv_note *note, struct sv_err *err)
{
        *evidence = sv_json_object();
        sv_json_set_hex(*evidence, "data", data);
        return 0;
}

static int play_level(void *state, unsigned level, struct sv_bytes data, struct sv_json **evidence,
                      struct sv_err *err)
{
        *evidence = sv_json_object();
        sv_json_set_int(*evidence, "level", level);
        return 0;
}

static bool no_key;

static int play_key(const struct sv_json *options, struct sv_secret **key, struct sv_err *err)
{
        if (no_key)
                return sv_fail(err, SV_SYSTEM, "test.derive", "the hardware gives no key");
        *key = sv_secret_copy(sv_bytes_str("a derived key"), err);
        return *key ? 0 : -1;
}

static const struct sv_tee plain_id = {.name = "plain"}, rich_id = {.name = "rich"};
static const struct sv_attester plain = {.id = &plain_id, .evidence = play_evidence};
static const struct sv_attester rich = {
        .id = &rich_id, .evidence = play_evidence, .evidence_at = play_level, .derive = play_key};

/* --- arguments --- */

static struct sv_opt used[8];
static struct sv_args args;
static struct sv_json *result;
static struct sv_err err;

static void give(const char *name, const char *value)
{
        struct sv_opt *o = &used[args.n_opts];

        o->name = name;
        args.opts[args.n_opts].opt = o;
        args.opts[args.n_opts++].value = value;
}

static int setup(void **state)
{
        memset(&args, 0, sizeof(args));
        played = &rich;
        return 0;
}

static int teardown(void **state)
{
        sv_json_free(result);
        result = NULL;
        return 0;
}

#define REFUSED(command, class_, check_)                              \
        do {                                                          \
                FAILS(command(&args, &result, &err), class_, check_); \
                assert_null(result);                                  \
        } while (0)

/* --- tests --- */

static void no_broker(void **state)
{
        REFUSED(sv_agent_attest, SV_USAGE, "agent.url");
}

static void long_url(void **state)
{
        SV_STR url = sv_asprintf("https://%04000d", 1);

        give("url", url);
        REFUSED(sv_agent_attest, SV_USAGE, "agent.url");
        assert_non_null(strstr(err.msg, "longer"));
}

static void pin_and_ca(void **state)
{
        give("url", "https://127.0.0.1:1");
        give("pin", "sha256:00");
        give("ca", "/ca.pem");
        REFUSED(sv_agent_attest, SV_USAGE, "agent.ca");
}

/* Before the broker is asked, and so before it has a record of it. */
static void other_tee(void **state)
{
        args.n = 1;
        args.pos[0] = "kbs:///a/b/c";
        give("url", "https://127.0.0.1:1");
        give("pin", "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
        give("out", "/tmp/secure-vm-never-written");
        give("tee", "plain");
        REFUSED(sv_agent_get, SV_PROOF, "agent.tee");
        assert_non_null(strstr(err.msg, "plain was expected"));
        played = NULL;
        REFUSED(sv_agent_get, SV_SYSTEM, "agent.tee");
}

static void wrong_pin(void **state)
{
        give("url", "https://127.0.0.1:1");
        give("pin", "sha256:00");
        REFUSED(sv_agent_attest, SV_USAGE, "agent.cmdline.pin");
}

static void no_tee(void **state)
{
        played = NULL;
        REFUSED(sv_agent_evidence, SV_SYSTEM, "agent.tee");
        give("fd", "9");
        REFUSED(sv_agent_derive_key, SV_SYSTEM, "agent.tee");
}

static void report_data(void **state)
{
        static const char ok[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        static const char *const bad[] = {"", "zz", "0001", ok + 2};
        SV_STR large = sv_asprintf("%0130d", 0);

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                setup(NULL);
                give("report-data", bad[i]);
                REFUSED(sv_agent_evidence, SV_USAGE, "agent.report-data");
        }
        setup(NULL);
        give("report-data", large);
        REFUSED(sv_agent_evidence, SV_USAGE, "agent.report-data");
        setup(NULL);
        give("report-data", ok);
        give("json", "");
        OK(sv_agent_evidence(&args, &result, &err));
        assert_string_equal(sv_json_str(sv_json_get(result, "report_data")), ok);
        assert_string_equal(sv_json_str(sv_json_pointer(result, "/evidence/data")), ok);
}

static void levels(void **state)
{
        give("vmpl", "4");
        REFUSED(sv_agent_evidence, SV_USAGE, "agent.vmpl");
        played = &plain;
        args.opts[0].value = "1";
        REFUSED(sv_agent_evidence, SV_USAGE, "agent.vmpl");
        played = &rich;
        give("json", "");
        OK(sv_agent_evidence(&args, &result, &err));
        assert_int_equal(sv_json_int(sv_json_pointer(result, "/evidence/level"), 0), 1);
}

static void keys(void **state)
{
        char text[32] = "", number[16];
        int p[2];

        REFUSED(sv_agent_derive_key, SV_USAGE, "agent.fd");
        give("stdout", "");
        give("json", "");
        REFUSED(sv_agent_derive_key, SV_USAGE, "agent.fd");
        setup(NULL);
        assert_int_equal(pipe(p), 0);
        snprintf(number, sizeof(number), "%d", p[1]);
        give("fd", number);
        played = &plain;
        REFUSED(sv_agent_derive_key, SV_USAGE, "agent.derive");
        played = &rich;
        no_key = true;
        REFUSED(sv_agent_derive_key, SV_SYSTEM, "test.derive");
        no_key = false;
        OK(sv_agent_derive_key(&args, &result, &err));
        assert_int_equal(read(p[0], text, sizeof(text) - 1), 13);
        assert_string_equal(text, "a derived key");
        close(p[0]);
        close(p[1]);
}

/* A resource as others write it; which broker is asked is not in it. */
static void uris(void **state)
{
        args.pos[args.n++] = "kbs://broker:8443/default/demo/root";
        give("out", "/tmp/secure-vm-no-such-file");
        give("url", "https://127.0.0.1:1");
        REFUSED(sv_agent_get, SV_USAGE, "agent.uri");
        args.pos[0] = "kbs:///default/demo";
        REFUSED(sv_agent_get, SV_USAGE, "agent.cmdline.resource");
        args.pos[0] = "kbs:///default/demo/root";
        give("header", "");
        REFUSED(sv_agent_get, SV_USAGE, "agent.header");
}

/* Where the secret goes is checked before the broker is asked. */
static void targets(void **state)
{
        static const char *const no_files[] = {"/dev/null", "/dev/stdout", "/tmp"};

        args.pos[args.n++] = "default/demo/root";
        give("url", "https://127.0.0.1:1");
        give("fd", "9");
        give("out", "/tmp/x");
        REFUSED(sv_agent_get, SV_USAGE, "agent.fd");
        setup(NULL);
        args.pos[args.n++] = "default/demo/root";
        give("json", "");
        REFUSED(sv_agent_get, SV_USAGE, "agent.fd");
        for (size_t i = 0; i < sizeof(no_files) / sizeof(*no_files); i++) {
                setup(NULL);
                args.pos[args.n++] = "default/demo/root";
                give("url", "https://127.0.0.1:1");
                give("out", no_files[i]);
                REFUSED(sv_agent_get, SV_USAGE, "agent.fd");
        }
}

static void refuse_fd(const char *fd, const char *why)
{
        setup(NULL);
        args.pos[args.n++] = "default/demo/root";
        give("url", "https://127.0.0.1:1");
        give("fd", fd);
        REFUSED(sv_agent_get, SV_USAGE, "agent.fd");
        assert_non_null(strstr(err.msg, why));
        setup(NULL);
        give("fd", fd);
        no_key = true; /* nor is it asked for */
        REFUSED(sv_agent_derive_key, SV_USAGE, "agent.fd");
        no_key = false;
}

/* So is a descriptor: a number, open, to write to, no terminal. */
static void descriptors(void **state)
{
        SV_FD terminal = posix_openpt(O_RDWR | O_NOCTTY);
        char number[16];
        int p[2];

        refuse_fd("x", "a number");
        refuse_fd("1024", "at most");
        refuse_fd("999", "not open");
        assert_int_equal(pipe(p), 0);
        snprintf(number, sizeof(number), "%d", p[0]);
        refuse_fd(number, "only to read");
        if (terminal >= 0 && isatty(terminal)) {
                snprintf(number, sizeof(number), "%d", terminal);
                refuse_fd(number, "is a terminal");
        }
        snprintf(number, sizeof(number), "%d", p[1]);
        setup(NULL);
        played = NULL;
        args.pos[args.n++] = "default/demo/root";
        give("url", "https://127.0.0.1:1");
        give("pin", "sha256:0000000000000000000000000000000000000000000000000000000000000000");
        give("fd", number);
        REFUSED(sv_agent_get, SV_SYSTEM, "agent.tee");
        close(p[0]);
        close(p[1]);
}

/* A secret that was not released is written nowhere, not even as one of no bytes. */
static void not_released(void **state)
{
        char path[] = "/tmp/secure-vm-agent-XXXXXX";
        SV_FD fd = mkstemp(path);
        struct stat st;

        assert_true(fd >= 0);
        assert_int_equal(unlink(path), 0);
        played = NULL;
        args.pos[args.n++] = "default/demo/root";
        give("url", "https://127.0.0.1:1");
        give("pin", "sha256:0000000000000000000000000000000000000000000000000000000000000000");
        give("out", path);
        REFUSED(sv_agent_get, SV_SYSTEM, "agent.tee");
        assert_int_equal(stat(path, &st), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(no_broker, setup, teardown),
                cmocka_unit_test_setup_teardown(long_url, setup, teardown),
                cmocka_unit_test_setup_teardown(pin_and_ca, setup, teardown),
                cmocka_unit_test_setup_teardown(wrong_pin, setup, teardown),
                cmocka_unit_test_setup_teardown(other_tee, setup, teardown),
                cmocka_unit_test_setup_teardown(no_tee, setup, teardown),
                cmocka_unit_test_setup_teardown(report_data, setup, teardown),
                cmocka_unit_test_setup_teardown(levels, setup, teardown),
                cmocka_unit_test_setup_teardown(keys, setup, teardown),
                cmocka_unit_test_setup_teardown(uris, setup, teardown),
                cmocka_unit_test_setup_teardown(targets, setup, teardown),
                cmocka_unit_test_setup_teardown(descriptors, setup, teardown),
                cmocka_unit_test_setup_teardown(not_released, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
