/* SPDX-License-Identifier: Apache-2.0 */
/* From a guest file through our domain, forky's libvirt over its socket and forky's QEMU to the TDX
 * module: what is measured there is what sv_tdx_mrtd predicts, and the identities of the guest file
 * are the TD's. */
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/virt/acpi.h"
#include "launcher/virt/domain.h"
#include "launcher/virt/qtest.h"
#include "launcher/virt/virt.h"
#include "tdx/measure/hob.h"
#include "tdx/host/host.h"
#include "tdx/measure/mrtd.h"
#include "tdx/tee.h"
#include "tests/teesim/forkyd.h"
#include "tests/teesim/fwcfg.h"
#include "tests/teesim/launcher.h"
#include "tests/teesim/tdxlauncher.h"
#include "tests/unit/unit.h"

static struct forkyd daemon_;
static struct sv_buf firmware;
static struct sv_tdvf tdvf;

static void put(const char *rel, const char *text)
{
        SV_STR path = sv_asprintf("%s/%s", daemon_.dir, rel);
        struct sv_err err = SV_ERR_NULL;

        OK(sv_file_write(path, 0644, sv_bytes_str(text), &err));
}

static bool read_state(struct sv_json **state)
{
        SV_STR path = sv_asprintf("%s/state.json", daemon_.dir);
        SV_BUF text = SV_BUF_NULL;

        return sv_file_read(path, 1 << 20, &text, "test.state", NULL) == 0 &&
               sv_json_parse(sv_buf_bytes(&text), "test.state", state, NULL) == 0;
}

static void domain_of(const struct sv_guest *g, struct sv_buf *xml)
{
        const struct sv_tee_host tee = {.id = &sv_tee_tdx, .domain = sv_tdx_domain};
        const struct sv_plan plan = {.guest = g,
                                     .tee = &tee,
                                     .place.kvm = true,
                                     .cmdline = g->cmdline ? g->cmdline : "",
                                     .boot.kernel = g->kernel,
                                     .boot.initrd = g->initrd,
                                     .boot.firmware = teesim_tdx_firmware()};
        struct sv_err err = SV_ERR_NULL;

        OK(sv_domain_xml(&plan, xml, &err));
}

/* What the guest file says, launched as far as the module measures. */
static struct sv_virt *start(const char *members, struct sv_guest *g, struct sv_json **state)
{
        SV_STR text = sv_asprintf("{\"name\":\"g\",\"tee\":\"tdx\",\"firmware\":\"%s\",\"kernel\":"
                                  "\"kernel\",\"initrd\":\"initrd\",\"cmdline\":\"console=ttyS0\","
                                  "%s}",
                                  teesim_tdx_firmware(), members);
        SV_STR path = sv_asprintf("%s/state.json", daemon_.dir);
        struct sv_err err = SV_ERR_NULL;
        SV_BUF xml = SV_BUF_NULL;
        struct sv_virt *virt = NULL;

        unlink(path);
        OK(sv_guest_parse(sv_bytes_str(text), "g.json", daemon_.dir, g, &err));
        domain_of(g, &xml);
        OK(sv_virt_open(daemon_.uri, &virt, &err));
        OK(sv_virt_define(virt, sv_buf_str(&xml), &err));
        OK(sv_virt_start(virt, NULL, &err));
        WAIT_UNTIL(read_state(state), PATIENCE, "%s: nothing was measured", members);
        return virt;
}

static void end(struct sv_virt *virt)
{
        struct sv_err err = SV_ERR_NULL;

        OK(sv_virt_destroy(virt, &err));
        OK(sv_virt_undefine(virt, &err));
        sv_virt_close(virt);
}

static void launch(const char *members, struct sv_json **state)
{
        SV_GUEST g = {0};

        end(start(members, &g, state));
}

static void same(const struct sv_json *state, const char *member, struct sv_bytes expected,
                 const char *what)
{
        SV_BUF hex = SV_BUF_NULL;
        const char *found = sv_json_str(sv_json_get(state, member));

        for (size_t i = 0; i < expected.n; i++)
                sv_buf_printf(&hex, "%02x", expected.p[i]);
        if (!found || strncmp(found, sv_buf_str(&hex), 2 * expected.n))
                fail_msg("%s: %s is %.200s, expected %.200s", what, member,
                         found ? found : "absent", sv_buf_str(&hex));
}

static void test_launched(void **unused)
{
        static const struct {
                const char *members;
                uint64_t memory; /* MiB */
                unsigned vcpus;
                const char *init_data; /* whose digest MRCONFIGID is */
        } t[] = {
                {"\"nics\":[],\"vcpus\":1,\"memory\":\"512MiB\",\"tees\":{\"tdx\":{\"quote_"
                 "service\":\"none\"}}",
                 512, 1, NULL},
                {"\"nics\":[],\"vcpus\":4,\"memory\":\"3GiB\",\"tees\":{\"tdx\":{\"quote_service\":"
                 "\"/run/qgs.socket\"}}",
                 3072, 4, NULL},
                {"\"nics\":[],\"vcpus\":2,\"memory\":\"1GiB\",\"tees\":{\"tdx\":{\"quote_service\":"
                 "\"none\",\"init_data\":\"init-data\"}}",
                 1024, 2, "version = \"0.1.0\"\nalgorithm = \"sha384\"\n\n[data]\n"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                uint8_t mrtd[SV_TDX_DIGEST], id[SV_TDX_DIGEST] = {0};
                struct sv_err err = SV_ERR_NULL;
                SV_BUF hob = SV_BUF_NULL;
                SV_JSON *state = NULL;

                if (t[i].init_data) {
                        put("init-data", t[i].init_data);
                        OK(sv_digest(SV_SHA384, sv_bytes_str(t[i].init_data), id, &err));
                }
                launch(t[i].members, &state);
                OK(sv_tdx_mrtd(&tdvf, SV_TDX_MAINLINE, mrtd, NULL, &err));
                OK(sv_tdx_hob(&tdvf, t[i].memory << 20, &hob, &err));
                same(state, "mrtd", sv_bytes(mrtd, sizeof(mrtd)), t[i].members);
                same(state, "mrconfigid", sv_bytes(id, sizeof(id)), t[i].members);
                same(state, "hob", sv_buf_bytes(&hob), t[i].members);
                assert_int_equal(sv_json_int(sv_json_get(state, "vcpus"), 0), t[i].vcpus);
                assert_string_equal(sv_json_str(sv_json_get(state, "attributes")),
                                    "0000000010000000");
                print_message("%s: launched\n", t[i].members);
        }
}

/* The machine that secure-vm image acpi would start for this guest, stopped before its first
 * instruction. */
static void start_machine(const struct sv_guest *g, struct sv_qtest *q)
{
        static const char *const last[] = {"-accel", "tcg", "-cpu", "max", "-S", NULL};
        const struct sv_tee_host tee = {.id = &sv_tee_tdx,
                                        .domain = sv_tdx_domain,
                                        .acpi_machine = sv_tee_host_tdx.acpi_machine};
        struct sv_err err = SV_ERR_NULL;
        SV_ARGV machine = {0};
        SV_ARGV command = {0};

        OK(sv_acpi_make_guest_argv(g, &tee, daemon_.uri, &machine, &err));
        sv_argv_addf(&command, "%s/tests/teesim/forky",
                     getenv("SV_SOURCE") ? getenv("SV_SOURCE") : ".");
        sv_argv_add(&command, teesim_forky());
        sv_argv_add(&command, "qemu-system-x86_64");
        for (size_t i = 1; i < machine.n; i++)
                sv_argv_add(&command, machine.list[i]);
        for (size_t i = 0; last[i]; i++)
                sv_argv_add(&command, last[i]);
        OK(sv_qtest_start((const char *const *)command.list, command.n, q, &err));
}

static void same_file(struct fwcfg *ours, const char *name, const struct sv_buf *td)
{
        SV_BUF b = SV_BUF_NULL;
        size_t used = td->n, found;

        while (used && !td->p[used - 1])
                used--;
        assert_true(used > 0);
        assert_int_equal(fwcfg_file(ours, name, SIZE_MAX, &found, &b), 0);
        assert_true(used <= b.n && found <= td->n); /* a block ends with its page */
        assert_memory_equal(b.p, td->p, b.n);
        print_message("%s: %zu bytes, %zu of them used: the same\n", name, found, used);
}

/* What QEMU tells the firmware of a TD, and what it tells that of the machine which stands in for
 * it: the same bytes. Neither firmware has run, so that the PCI devices have no addresses yet; all
 * else is there. */
static void test_acpi(void **unused)
{
        static const char *const names[] = {"etc/table-loader", "etc/acpi/rsdp", "etc/acpi/tables"};
        static const char members[] =
                "\"vcpus\":3,\"nics\":[{\"type\":\"user\"},{\"type\":\"user\"}],\"memory\":"
                "\"3GiB\",\"disks\":[{\"path\":\"disk\"},{\"path\":\"other\",\"id\":\"other\","
                "\"readonly\":true}],"
                "\"tees\":{\"tdx\":{\"quote_service\":\"none\"}}";
        struct sv_qtest q;
        struct fwcfg td = {.read = fwcfg_by_monitor, .uri = daemon_.uri, .first = 4},
                     ours = {.read = fwcfg_by_qtest, .qtest = &q};
        SV_JSON *state = NULL;
        SV_GUEST g = {0};
        SV_BUF order = SV_BUF_NULL;
        SV_BUF none = SV_BUF_NULL;
        struct sv_virt *virt;
        size_t size;

        put("disk", "a disk of few bytes");
        put("other", "another");
        virt = start(members, &g, &state);
        start_machine(&g, &q);
        assert_int_equal(fwcfg_file(&td, "etc/acpi/tables", 0, &size, &none), 0);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                SV_BUF block = SV_BUF_NULL;

                assert_int_equal(fwcfg_block(daemon_.uri, forkyd_guest(&daemon_), names[i], &block),
                                 0);
                same_file(&ours, names[i], &block);
        }
        assert_int_equal(fwcfg_file(&td, "bootorder", SIZE_MAX, &size, &order), 0);
        same_file(&ours, "bootorder", &order);
        sv_buf_free(&td.directory);
        sv_buf_free(&ours.directory);
        sv_qtest_end(&q);
        end(virt);
}

static int set_up(void **unused)
{
        struct sv_err err = SV_ERR_NULL;
        char *said = NULL;
        SV_STR kernel = NULL;
        SV_STR initrd = NULL;

        if (forkyd_start(&daemon_, &said) < 0) {
                print_error("forky's libvirtd does not start: %s\n", said);
                free(said);
                forkyd_stop(&daemon_);
                return -1;
        }
        kernel = sv_asprintf("%s/kernel", daemon_.dir);
        initrd = sv_asprintf("%s/initrd", daemon_.dir);
        teesim_fake_kernel(kernel);
        teesim_fake_file(initrd, 4321);
        if (sv_file_read(teesim_tdx_firmware(), 16 << 20, &firmware, "test.firmware", &err) < 0)
                return -1;
        return sv_tdvf_parse(sv_buf_bytes(&firmware), &tdvf, &err);
}

static int tear_down(void **unused)
{
        sv_buf_free(&firmware);
        forkyd_stop(&daemon_);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_launched),
                cmocka_unit_test(test_acpi),
        };
        const char *missing =
                geteuid() ? "only root can run libvirt's daemon" : teesim_tdx_missing();

        if (missing) {
                printf("SKIP: %s\n", missing);
                return 77;
        }
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
