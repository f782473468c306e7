/* SPDX-License-Identifier: Apache-2.0 */
/* The agent in a distribution's initramfs: its steps, one by one. */
#include <errno.h>
#include <sys/stat.h>

#include "tests/unit/unit.h"

#include "agent/attesters.h"
#include "agent/initramfs.h"
#include "agent/net.h"
#include "agent/config.h"
#include "base/core/file.h"

static struct sv_err err;
static char folder[] = "/tmp/secure-vm-hooks-XXXXXX";
static char mounted[256];
static unsigned waits;

static int play_mount(const char *source, const char *target, const char *type, unsigned long flags,
                      const char *options)
{
        snprintf(mounted + strlen(mounted), sizeof(mounted) - strlen(mounted), "%s ", target);
        errno = EBUSY;
        return -1;
}

static const struct sv_machine machine = {.files = folder, .mount = play_mount};

/* Of the network and the attester only the calls are seen; the linker sends them here. */
static unsigned seals;
static bool may_seal;

static int play_seal(void *state, struct sv_note *note, struct sv_err *e)
{
        seals++;
        return may_seal ? 0 : sv_fail(e, SV_SYSTEM, "tpm.seal", "the PCR cannot be extended");
}

const struct sv_attester *__wrap_sv_attester_find(void);
const struct sv_attester *__wrap_sv_attester_find(void)
{
        static const struct sv_tee plain = {.name = "plain"};
        static const struct sv_attester attester = {.id = &plain, .seal = play_seal};

        return &attester;
}

int __wrap_sv_net_up(const struct sv_agent_config *config, struct sv_net **out, char says[128],
                     struct sv_err *e);
int __wrap_sv_net_up(const struct sv_agent_config *config, struct sv_net **out, char says[128],
                     struct sv_err *e)
{
        strcpy(says, "up");
        return 0;
}

void __wrap_sv_net_run(struct sv_net *net, unsigned ms);
void __wrap_sv_net_run(struct sv_net *net, unsigned ms)
{
        usleep(ms * 1000);
}

static int set_up(void **state)
{
        return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(folder, &err);
}

/* A running system is left alone. */
static void test_place(void **state)
{
        struct sv_args args = {.n = 1, .pos = {"/bin/false"}};
        struct sv_json *result = NULL;

        FAILS(sv_initramfs_check_root("/proc", &err), SV_USAGE, "agent.initramfs");
        FAILS(sv_initramfs_check_root("/nonexistent", &err), SV_SYSTEM, "agent.initramfs");
        OK(sv_initramfs_check_root("/dev/shm", &err));
        if (sv_initramfs_check_root("/", NULL) < 0)
                FAILS(sv_agent_initramfs(&args, &result, &err), SV_USAGE, "agent.initramfs");
}

static void test_mounts(void **state)
{
        sv_initramfs_mount(&machine);
        assert_string_equal(mounted, "/sys/kernel/security /sys/kernel/config ");
}

static void test_credentials(void **state)
{
        SV_STR place = sv_asprintf("%s/run/credentials/@system", folder);
        SV_STR file = sv_asprintf("%s/tmpfiles.extra", place);

        OK(sv_initramfs_check_credentials(&machine, &err));
        OK(sv_mkdirs(place, 0755, &err));
        OK(sv_initramfs_check_credentials(&machine, &err));
        OK(sv_file_write(file, 0600, sv_bytes_str("f /etc/x"), &err));
        FAILS(sv_initramfs_check_credentials(&machine, &err), SV_PROOF, "agent.credentials");
        assert_non_null(strstr(err.msg, "tmpfiles.extra"));
}

static void count_wait(void *arg, unsigned ms)
{
        waits++;
        usleep(ms * 1000);
}

static char *write_script(const char *text)
{
        char *path = sv_asprintf("%s/program", folder);
        SV_STR script = sv_asprintf("#!/bin/sh\n%s\n", text);

        OK(sv_file_write(path, 0700, sv_bytes_str(script), &err));
        return path;
}

static int run_script(const char *text)
{
        SV_STR path = write_script(text);

        return sv_initramfs_run(path, count_wait, NULL, &err);
}

static void test_program(void **state)
{
        SV_STR nothing = sv_asprintf("%s/none", folder);

        waits = 0;
        OK(run_script("sleep 0.3; echo said"));
        assert_true(waits > 0);
        FAILS(run_script("echo first; echo 'why [policy.pcr.9]' >&2; exit 6"), SV_SYSTEM,
              "agent.volumes");
        assert_non_null(strstr(err.msg, "ended with 6: why [policy.pcr.9]"));
        FAILS(run_script("exit 1"), SV_SYSTEM, "agent.volumes");
        assert_non_null(strstr(err.msg, "it said nothing"));
        FAILS(run_script("kill -9 $$"), SV_SYSTEM, "agent.volumes");
        FAILS(run_script("printf 'a\\033[2Jb'; exit 1"), SV_SYSTEM, "agent.volumes");
        assert_null(strchr(err.msg, 033));
        FAILS(run_script("head -c 5000 /dev/zero | tr '\\0' x; exit 1"), SV_SYSTEM,
              "agent.volumes");
        FAILS(sv_initramfs_run(nothing, count_wait, NULL, &err), SV_SYSTEM, "agent.volumes");
}

/* What was released cannot be had again, also after a refusal: the first fault is the one that is
 * told. */
static void test_seal(void **state)
{
        static const struct {
                const char *script;
                bool may_seal;
                const char *check;
        } cases[] = {
                {"exit 0", true, NULL},
                {"exit 0", false, "tpm.seal"},
                {"exit 6", true, "agent.volumes"},
                {"exit 6", false, "agent.volumes"},
        };
        const struct sv_agent_config config = {.n_brokers = 0};

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                SV_STR path = write_script(cases[i].script);

                seals = 0;
                may_seal = cases[i].may_seal;
                if (cases[i].check)
                        FAILS(sv_initramfs_unlock(&config, path, &err), SV_SYSTEM, cases[i].check);
                else
                        OK(sv_initramfs_unlock(&config, path, &err));
                assert_int_equal(seals, 1);
        }
}

static void test_word(void **state)
{
        struct sv_agent_config c;

        OK(sv_agent_config_parse(sv_bytes_str("quiet"), &c, &err));
        assert_false(c.fallback);
        OK(sv_agent_config_parse(sv_bytes_str("quiet securevm.fallback=console"), &c, &err));
        assert_true(c.fallback);
        FAILS(sv_agent_config_parse(sv_bytes_str("securevm.fallback=shell"), &c, &err), SV_USAGE,
              "agent.cmdline.value");
}

/* What cryptsetup --header would be given. */
static void test_header(void **state)
{
        static struct sv_opt token = {.name = "token", .arg = "FILE"};
        SV_STR bad = sv_asprintf("%s/token", folder);
        struct sv_args args = {.n = 1, .pos = {"/dev/zero"}};
        struct sv_json *result = NULL;

        FAILS(sv_agent_header(&args, &result, &err), SV_USAGE, "agent.header");
        args.opts[args.n_opts++].opt = &token;
        args.opts[0].value = bad;
        OK(sv_file_write(bad, 0600, sv_bytes_str("{\"type\":\"clevis\"}"), &err));
        FAILS(sv_agent_header(&args, &result, &err), SV_FORMAT, "luks.token.member");
        OK(sv_file_write(bad, 0600,
                         sv_bytes_str("{\"type\":\"secure-vm\",\"keyslots\":[\"0\"],\"url\":"
                                      "\"https://b\",\"pin\":\"sha256:0123456789abcdef01234567"
                                      "89abcdef0123456789abcdef0123456789abcdef\",\"resource\":"
                                      "\"a/b/c\"}"),
                         &err));
        FAILS(sv_agent_header(&args, &result, &err), SV_FORMAT, "luks.header.magic");
        assert_null(result);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_place),       cmocka_unit_test(test_mounts),
                cmocka_unit_test(test_credentials), cmocka_unit_test(test_program),
                cmocka_unit_test(test_word),        cmocka_unit_test(test_header),
                cmocka_unit_test(test_seal),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
