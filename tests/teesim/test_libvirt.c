/* SPDX-License-Identifier: Apache-2.0 */
/* From a guest file through our domain, an unmodified libvirt and an unmodified QEMU to the
 * platform: what is measured there is what sv_sev_measure predicts. libvirt's driver runs in this
 * program, on a machine that tests/teesim/dev makes; QEMU is started by a wrapper that preloads the
 * simulator. */
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "launcher/virt/domain.h"
#include "launcher/virt/virt.h"
#include "sev/host/host.h"
#include "sev/tee.h"
#include "sev/measure/measure.h"
#include "tests/teesim/amdpki.h"
#include "tests/teesim/launcher.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/ts.XXXXXX";

static char *below(const char *rel)
{
        return sv_asprintf("%s/%s", dir, rel);
}

static void put(const char *rel, unsigned mode, const void *data, size_t n)
{
        SV_STR path = below(rel);
        struct sv_err err = SV_ERR_NULL;

        OK(sv_file_write(path, mode, sv_bytes(data, n), &err));
}

static bool read_state(struct sv_json **state)
{
        SV_STR path = below("state.json");
        SV_BUF text = SV_BUF_NULL;

        return sv_file_read(path, 1 << 16, &text, "test.state", NULL) == 0 &&
               sv_json_parse(sv_buf_bytes(&text), "test.state", state, NULL) == 0;
}

static void domain_of(const struct sv_guest *g, struct sv_buf *xml)
{
        const struct sv_tee_host tee = {.id = &sv_tee_sev_snp, .domain = sv_sev_domain};
        struct sv_plan plan = {.guest = g,
                               .tee = &tee,
                               .place.kvm = true,
                               .cmdline = g->cmdline ? g->cmdline : "",
                               .boot.kernel = g->kernel,
                               .boot.initrd = g->initrd,
                               .boot.firmware = teesim_firmware()};
        struct sv_err err = SV_ERR_NULL;
        SV_BUF plain = SV_BUF_NULL;
        const char *devices;

        OK(sv_domain_xml(&plan, &plain, &err));
        devices = strstr(sv_buf_str(&plain), "<devices>") + 9;
        sv_buf_put(xml, sv_bytes(plain.p, (size_t)(devices - (const char *)plain.p)));
        sv_buf_printf(xml, "<emulator>%s/qemu</emulator>", dir);
        sv_buf_puts(xml, devices);
}

static void launch(const char *members, struct sv_guest *g, struct sv_json **state,
                   struct sv_err *started)
{
        SV_STR text = sv_asprintf("{\"name\":\"g\",\"tee\":\"sev-snp\",\"memory\":\"256MiB\","
                                  "\"firmware\":\"%s\",\"kernel\":\"kernel\",\"initrd\":\"initrd\","
                                  "\"cmdline\":\"console=ttyS0\",\"nics\":[],%s}",
                                  teesim_firmware(), members);
        SV_STR path = below("state.json");
        SV_STR root = below("root");
        SV_STR uri = sv_virt_embed_uri(root);
        struct sv_err err = SV_ERR_NULL;
        SV_BUF xml = SV_BUF_NULL;
        SV_VIRT *virt = NULL;
        int r;

        unlink(path);
        OK(sv_guest_parse(sv_bytes_str(text), "g.json", dir, g, &err));
        domain_of(g, &xml);
        OK(sv_virt_open(uri, &virt, &err)); /* anew for each: a connection has one domain */
        OK(sv_virt_define(virt, sv_buf_str(&xml), &err));
        r = sv_virt_start(virt, NULL, started);
        if (r < 0)
                fail_msg("%s: %s [%s]", members, started->msg, started->check);
        WAIT_UNTIL(read_state(state), PATIENCE, "%s: started, but nothing was measured", members);
        OK(sv_virt_destroy(virt, &err));
        OK(sv_virt_undefine(virt, &err));
}

static void predict(const struct sv_guest *g, char digest[97])
{
        struct sv_measurement m = {0};
        struct sv_err err = SV_ERR_NULL;

        OK(sv_sev_measure(g, &m, &err));
        snprintf(digest, 97, "%s", sv_json_str(sv_json_get(m.values, "launch_digest")));
        sv_measurement_free(&m);
}

static void test_launched(void **unused)
{
        static const char *const guests[] = {
                "\"vcpus\":1,\"cpu\":\"EPYC-v4\"",
                "\"vcpus\":2,\"cpu\":\"EPYC-v4\",\"tees\":{\"sev-snp\":{\"host_data\":"
                "\"0101010101010101010101010101010101010101010101010101010101010101\"}}",
                "\"vcpus\":4,\"cpu\":\"EPYC-Milan\"",
        };

        for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++) {
                struct sv_err started = SV_ERR_NULL;
                SV_JSON *state = NULL;
                SV_GUEST g = {0};
                char digest[97];

                launch(guests[i], &g, &state, &started);
                predict(&g, digest);
                assert_string_equal(sv_json_str(sv_json_get(state, "digest")), digest);
                assert_string_equal(sv_json_str(sv_json_get(state, "outcome")), "launched");
                assert_int_equal(sv_json_str(sv_json_get(state, "host_data"))[1],
                                 i == 1 ? '1' : '0');
                print_message("%s: launched\n", guests[i]);
        }
}

/* A domain is not even made for a block of another guest; that the platform would refuse it too is
 * the matrix' to show. */
static void no_domain(const struct sv_guest *g, const char *check)
{
        struct sv_domain_part part = {0};
        struct sv_err err = SV_ERR_NULL;

        FAILS(sv_sev_domain(g, &part, &err), SV_PROOF, check);
        assert_int_equal(part.launch_security.n, 0);
}

/* An ID block from the guest file: right, for another digest, for another policy. */
static void test_id_block(void **unused)
{
        static const char members[] = "\"vcpus\":1,\"cpu\":\"EPYC-v4\",\"tees\":{\"sev-snp\":{\"id_"
                                      "block\":\"id_block\",\"id_auth\":\"id_auth\"}}";
        uint8_t block[AMD_ID_BLOCK], auth[AMD_ID_AUTH];
        EVP_PKEY *key = amd_p384();

        for (int wrong = 0; wrong < 3; wrong++) {
                struct amd_id id = {.policy = 0x30000};
                struct sv_err started = SV_ERR_NULL, err = SV_ERR_NULL;
                SV_BUF raw = SV_BUF_NULL;
                SV_JSON *state = NULL;
                SV_GUEST g = {0}, plain = {0};
                SV_STR text = sv_asprintf("{\"name\":\"g\",\"tee\":\"sev-snp\",\"vcpus\":1,\"cpu\":"
                                          "\"EPYC-v4\",\"firmware\":\"%s\",\"kernel\":\"kernel\","
                                          "\"initrd\":\"initrd\",\"cmdline\":\"console=ttyS0\"}",
                                          teesim_firmware());
                char digest[97];

                OK(sv_guest_parse(sv_bytes_str(text), "g.json", dir, &plain, &err));
                predict(&plain, digest);
                OK(sv_unhex(sv_bytes_str(digest), &raw, "test.digest", &err));
                memcpy(id.digest, raw.p, sizeof(id.digest));
                id.digest[0] ^= wrong == 1;
                id.policy |= wrong == 2 ? 1u << 20 : 0;
                amd_id_block(&id, key, NULL, block, auth);
                put("id_block", 0644, block, sizeof(block));
                put("id_auth", 0644, auth, sizeof(auth));
                if (wrong) {
                        SV_STR own = sv_asprintf("%.*s,%s}", (int)strlen(text) - 1, text,
                                                 strstr(members, "\"tees\""));

                        OK(sv_guest_parse(sv_bytes_str(own), "g.json", dir, &g, &err));
                        no_domain(&g, wrong == 1 ? "snp.id_block.launch_digest"
                                                 : "snp.id_block.guest_policy");
                        continue;
                }
                launch(members, &g, &state, &started);
                assert_string_equal(sv_json_str(sv_json_get(state, "digest")), digest);
                assert_int_equal(sv_json_int(sv_json_get(state, "fw_error"), -1), 0);
                assert_int_equal(started.class, 0);
        }
        EVP_PKEY_free(key);
}

static int set_up(void **unused)
{
        SV_STR conf = sv_asprintf("stdio_handler = \"file\"\nmax_core = 0\nnamespaces = []\n%s"
                                  "dynamic_ownership = 0\nsecurity_driver = \"none\"\n",
                                  geteuid() ? "" : "user = \"root\"\ngroup = \"root\"\n");
        SV_STR kernel = below("kernel");
        SV_STR initrd = below("initrd");
        SV_STR etc = below("root/etc");
        SV_STR script =
                sv_asprintf("#!/bin/sh\nexport LD_PRELOAD='%s' TEESIM_STATE='%s/state.json' "
                            "TEESIM_RUN=block\nexec qemu-system-x86_64 \"$@\"\n",
                            getenv("TEESIM_SO"), dir);
        struct sv_err err = SV_ERR_NULL;

        teesim_fake_kernel(kernel);
        teesim_fake_file(initrd, 4321);
        put("qemu", 0755, script, strlen(script));
        OK(sv_mkdirs(etc, 0755, &err));
        put("root/etc/qemu.conf", 0644, conf, strlen(conf));
        return 0;
}

/* After a failed assertion QEMU still waits. */
static void kill_leftover(void)
{
        SV_STR path = below("root/run/qemu/g.pid");
        SV_BUF text = SV_BUF_NULL;
        long pid = sv_file_read(path, 64, &text, "test.pid", NULL) == 0
                           ? strtol(sv_buf_str(&text), NULL, 10)
                           : 0;

        if (pid > 1)
                kill((pid_t)pid, SIGKILL);
}

/* On the machine that the child is started on. */
static int run(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_launched),
                cmocka_unit_test(test_id_block),
        };

        snprintf(dir, sizeof(dir), "%s", getenv("TEESIM_DIR"));
        return cmocka_run_group_tests(tests, set_up, NULL);
}

static void exec_on_machine(void)
{
        SV_STR runner =
                sv_asprintf("%s/tests/teesim/dev", getenv("SV_SOURCE") ? getenv("SV_SOURCE") : ".");
        char self[1024] = "";

        if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
                _exit(1);
        setenv("TEESIM_DIR", dir, 1);
        setenv("DEV_PRELOAD", getenv("TEESIM_SO"), 1); /* libvirt itself asks KVM */
        execl(runner, "dev", self, (char *)NULL);
        _exit(127);
}

int main(void)
{
        const char *missing = teesim_missing();
        int status = 0;
        pid_t pid;

        if (getenv("TEESIM_DIR"))
                return run();
        if (!missing)
                missing = teesim_no_namespace();
        if (missing) {
                printf("SKIP: %s\n", missing);
                return 77;
        }
        if (!mkdtemp(dir) || chmod(dir, 0755) < 0 || (pid = fork()) < 0)
                return 1;
        if (pid == 0)
                exec_on_machine();
        waitpid(pid, &status, 0);
        kill_leftover();
        sv_remove_tree(dir, NULL);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
