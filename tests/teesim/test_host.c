/* SPDX-License-Identifier: Apache-2.0 */
/* Our own host side in front of the simulated platform (preloaded into this program): the trial's
 * launch through KVM's calls, the probe. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "sev/host/host.h"
#include "sev/measure/measure.h"
#include "tests/teesim/abi.h"
#include "tests/teesim/launcher.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/teesim-host.XXXXXX";

/* --- trial --- */

static int trial(unsigned vcpus, const char *members, struct sv_json **state, char digest[97],
                 struct sv_err *out)
{
        SV_STR path = sv_asprintf("%s/state.json", dir);
        SV_STR text = sv_asprintf("{\"name\":\"g\",\"tee\":\"sev-snp\",\"vcpus\":%u,\"firmware\":"
                                  "\"%s\",\"kernel\":\"kernel\",\"initrd\":\"initrd\",%s}",
                                  vcpus, teesim_firmware(), members);
        struct sv_measurement m = {0};
        SV_BUF said = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;
        SV_GUEST g = {0};
        int r;

        *state = NULL;
        unlink(path);
        OK(sv_guest_parse(sv_bytes_str(text), "g.json", dir, &g, &err));
        OK(sv_sev_measure(&g, &m, &err));
        snprintf(digest, 97, "%s", sv_json_str(sv_json_get(m.values, "launch_digest")));
        sv_measurement_free(&m);
        setenv("TEESIM_STATE", path, 1);
        r = sv_sev_trial(&g, out);
        if (sv_file_read(path, 1 << 16, &said, "test.state", NULL) == 0)
                OK(sv_json_parse(sv_buf_bytes(&said), "test.state", state, &err));
        return r;
}

static void launches(unsigned vcpus, const char *members)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *state = NULL;
        char digest[97];

        OK(trial(vcpus, members, &state, digest, &err));
        assert_non_null(state);
        assert_string_equal(sv_json_str(sv_json_get(state, "outcome")), "launched");
        assert_string_equal(sv_json_str(sv_json_get(state, "digest")), digest);
        assert_int_equal(sv_json_int(sv_json_get(state, "vcpus"), 0), vcpus);
        assert_true(sv_json_bool(sv_json_get(state, "id_block"), false));
}

static void test_trial(void **state)
{
        launches(1, "\"cpu\":\"EPYC-v4\"");
        launches(4, "\"cpu\":\"EPYC-Milan\",\"cmdline\":\"console=ttyS0\"");
        launches(2, "\"cpu\":\"EPYC-v4\",\"tees\":{\"sev-snp\":{\"policy\":\"0x130000\"}}");
}

/* KVM takes a part of each range and asks for another call. */
static void test_trial_in_pieces(void **state)
{
        setenv("TEESIM_CHUNK", "7", 1);
        launches(2, "\"cpu\":\"EPYC-v4\"");
        unsetenv("TEESIM_CHUNK");
}

/* The prediction is for another kernel of KVM: the platform sees what is really there and refuses
 * our digest. */
static void test_trial_refused(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *found = NULL, *none = NULL;
        char digest[97];

        if (trial(1, "\"cpu\":\"EPYC-v4\",\"tees\":{\"sev-snp\":{\"old_fpu\":true}}", &found,
                  digest, &err) == 0)
                fail_msg("a wrong prediction was taken");
        assert_string_equal(err.check, "sev.trial.measurement");
        assert_int_equal(err.class, SV_PROOF);
        assert_non_null(strstr(err.msg, "measured something else"));
        assert_string_not_equal(sv_json_str(sv_json_get(found, "digest")), digest);
        if (trial(1, "\"cpu\":\"EPYC-v4\",\"tees\":{\"sev-snp\":{\"policy\":\"0x30200\"}}", &none,
                  digest, &err) == 0)
                fail_msg("a policy of a newer platform was taken");
        assert_string_equal(err.check, "sev.trial.firmware");
        assert_non_null(strstr(err.msg, "SNP_LAUNCH_START"));
}

/* Each call that the trial needs, on a kernel that refuses this one. */
static void test_trial_without_a_call(void **state)
{
        static const struct {
                unsigned long request;
                const char *says;
        } t[] = {
                {KVM_CREATE_VM, "KVM_CREATE_VM"},
                {KVM_MEMORY_ENCRYPT_OP, "KVM_SEV_INIT2"},
                {KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP"},
                {CREATE_GUEST_MEMFD, "KVM_CREATE_GUEST_MEMFD"},
                {SET_USER_MEMORY_REGION2, "KVM_SET_USER_MEMORY_REGION2"},
                {SET_MEMORY_ATTRIBUTES, "KVM_SET_MEMORY_ATTRIBUTES"},
                {KVM_CREATE_VCPU, "KVM_CREATE_VCPU"},
                {KVM_GET_SREGS, "KVM_GET_SREGS"},
                {KVM_SET_SREGS, "KVM_SET_SREGS"},
                {KVM_SET_REGS, "KVM_SET_REGS"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR number = sv_asprintf("0x%x", (unsigned)t[i].request);
                struct sv_err err = SV_ERR_NULL;
                SV_JSON *none = NULL;
                char digest[97];

                setenv("TEESIM_REFUSE", number, 1);
                FAILS(trial(1, "\"cpu\":\"EPYC-v4\"", &none, digest, &err), SV_SYSTEM,
                      "sev.trial.kvm");
                unsetenv("TEESIM_REFUSE");
                if (!strstr(err.msg, t[i].says))
                        fail_msg("\"%s\" was expected in: %s", t[i].says, err.msg);
                assert_null(none);
        }
}

/* KVM that takes no page, and devices that cannot be opened: the descriptors end at the first of
 * them. */
static void test_trial_without_progress(void **state)
{
        struct rlimit before, few;
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *none = NULL;
        char digest[97];
        int fd;

        setenv("TEESIM_CHUNK", "0", 1);
        FAILS(trial(1, "\"cpu\":\"EPYC-v4\"", &none, digest, &err), SV_SYSTEM, "sev.trial.kvm");
        unsetenv("TEESIM_CHUNK");
        assert_non_null(strstr(err.msg, "takes no page"));
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        few = (struct rlimit){.rlim_cur = (rlim_t)fd + 1, .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        FAILS(trial(1, "\"cpu\":\"EPYC-v4\"", &none, digest, &err), SV_SYSTEM, "sev.trial.kvm");
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_non_null(strstr(err.msg, "/dev/sev cannot be opened"));
}

/* The guest's own ID block goes into the launch: its key is what the platform then knows the guest
 * by. */
static void test_trial_id_block(void **state)
{
        static const char members[] = "\"cpu\":\"EPYC-v4\",\"tees\":{\"sev-snp\":{\"id_block\":"
                                      "\"id_block\",\"id_auth\":\"id_auth\",\"author_key\":true}}";
        SV_STR block_path = sv_asprintf("%s/id_block", dir);
        SV_STR auth_path = sv_asprintf("%s/id_auth", dir);
        SV_STR text = sv_asprintf("{\"name\":\"g\",\"tee\":\"sev-snp\",\"vcpus\":2,\"firmware\":\"%"
                                  "s\",\"kernel\":\"kernel\",\"initrd\":\"initrd\",%s}",
                                  teesim_firmware(), members);
        struct sv_err err = SV_ERR_NULL;
        SV_KEY *key = sv_key_generate(SV_KEY_P384, 0, &err),
               *author = sv_key_generate(SV_KEY_P384, 0, &err);
        struct sv_id_in in = {.key = key, .author = author};
        struct sv_id_out made = {0};
        SV_JSON *found = NULL, *none = NULL;
        char digest[97];
        SV_GUEST g = {0};

        OK(sv_guest_parse(sv_bytes_str(text), "g.json", dir, &g, &err));
        in.guest = &g;
        OK(sv_sev_id_block(&in, &made, &err));
        OK(sv_file_write(block_path, 0644, sv_buf_bytes(&made.block), &err));
        OK(sv_file_write(auth_path, 0644, sv_buf_bytes(&made.auth), &err));
        OK(trial(2, members, &found, digest, &err));
        assert_string_equal(sv_json_str(sv_json_get(found, "id_key_digest")),
                            sv_json_str(sv_json_get(made.values, "id_key_digest")));
        assert_string_equal(sv_json_str(sv_json_get(found, "author_key_digest")),
                            sv_json_str(sv_json_get(made.values, "author_key_digest")));
        sv_id_out_free(&made);
        /* other vCPUs: refused before the platform is asked */
        if (trial(1, members, &none, digest, &err) == 0)
                fail_msg("a block for another guest was taken");
        assert_string_equal(err.check, "snp.id_block.launch_digest");
}

/* --- probe --- */

static char *below(const char *rel)
{
        char *path = sv_asprintf("%s/root%s", dir, rel);
        SV_STR parent = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);

        assert_int_equal(sv_mkdirs(parent, 0755, NULL), 0);
        return path;
}

static void put(const char *rel, const char *text)
{
        SV_STR path = below(rel);
        struct sv_err err = SV_ERR_NULL;

        OK(sv_file_write(path, 0755, sv_bytes_str(text), &err));
}

static void advises(const char *what)
{
        SV_STR root = sv_asprintf("%s/root", dir);
        const struct sv_sev_cpuid cpuid = {.eax = 0x1f, .edx = 100};
        struct sv_err err = SV_ERR_NULL;
        struct sv_probe p;

        OK(sv_sev_probe_at(root, &cpuid, &p, &err));
        if (what ? p.ok || !strstr(p.advice, what) : !p.ok)
                fail_msg("expected %s, found %s", what ? what : "success",
                         p.ok ? p.found : p.advice);
        /* The played module and firmware do their part as soon as there is a device for each. */
        assert_int_equal(p.platform, p.ok || strstr(p.advice, "QEMU") ||
                                             strstr(p.advice, "libvirt") ||
                                             strstr(p.advice, "firmware for SNP") ||
                                             strstr(p.advice, "AppArmor"));
        if (p.ok) {
                print_message("%s\n", p.found);
                assert_non_null(strstr(p.found, "99 SNP guests at a time, SEV firmware 1.55.29, "
                                                "QEMU with sev-snp-guest, libvirt 11.3"));
        }
}

static void test_probe(void **state)
{
        SV_STR old = below("/usr/lib/x86_64-linux-gnu/libvirt.so.0.9000.0");
        SV_STR local = sv_asprintf("%s", "/etc/apparmor.d/local/abstractions/libvirt-qemu");

        put("/dev/kvm", "");
        advises("no /dev/sev");
        put("/dev/sev", "");
        advises("QEMU is missing");
        put("/usr/bin/qemu-system-x86_64", "sev-guest");
        advises("QEMU is too old");
        put("/usr/bin/qemu-system-x86_64", "sev-guest sev-snp-guest");
        advises("libvirt is missing");
        put("/usr/lib/x86_64-linux-gnu/libvirt.so.0.9000.0", "");
        advises("libvirt 9.0 is too old");
        assert_int_equal(unlink(old), 0);
        put("/usr/lib/x86_64-linux-gnu/libvirt.so.0.11003.0", "");
        advises(NULL); /* without firmware of its own */
        put("/usr/share/ovmf/OVMF.amdsev.fd", "");
        advises(NULL);
        put("/sys/kernel/security/apparmor/profiles", "libvirtd (enforce)\n");
        advises("AppArmor");
        put(local, "/dev/sev rw,\n");
        advises(NULL);
}

/* --- what an administrator changes --- */

static int op(const char *name, const char *options, bool dry, struct sv_json **plan,
              struct sv_err *err)
{
        SV_JSON *o = NULL;
        struct sv_json *p = sv_json_object();
        int r;

        assert_int_equal(sv_json_parse(sv_bytes_str(options), "test", &o, err), 0);
        r = sv_sev_host_op_at("/dev/sev", SV_SEV_MILAN, name, o, dry, p, err);
        if (plan)
                *plan = p;
        else
                sv_json_free(p);
        return r;
}

/* The platform's plan: these lines, and no others. */
static void plans(const char *name, const char *options, bool dry, const char *const *lines)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *plan = NULL;
        const struct sv_json *changes;
        size_t n = 0;

        OK(op(name, options, dry, &plan, &err));
        changes = sv_json_get(plan, "changes");
        for (; lines[n]; n++)
                assert_string_equal(sv_json_str(sv_json_get(sv_json_at(changes, n), "text")),
                                    lines[n]);
        assert_int_equal(sv_json_len(changes), n);
}
#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void refuses(const char *name, const char *options, enum sv_class class, const char *check,
                    const char *says)
{
        struct sv_err err = SV_ERR_NULL;

        FAILS(op(name, options, false, NULL, &err), class, check);
        if (!strstr(err.msg, says))
                fail_msg("\"%s\" was expected in: %s", says, err.msg);
}

/* Milan, boot loader 4, TEE 0, SNP 25, microcode 213: each component by itself, never as one
 * number. */
static void test_config(void **state)
{
        plans("config", "{}", false, LINES(NULL));
        refuses("config", "{\"reported-tcb\":\"snp=26,microcode=1\",\"lower\":\"\"}", SV_USAGE,
                "sev.host.above", "snp 26 is above what runs (25)");
        refuses("config", "{\"reported-tcb\":\"microcode=100\"}", SV_USAGE, "sev.host.lower",
                "microcode would go down from 213 to 100");
        refuses("config", "{\"reported-tcb\":\"fmc=1\"}", SV_USAGE, "sev.host.tcb", "Milan");
        refuses("config", "{\"reported-tcb\":\"snp\"}", SV_USAGE, "sev.host.tcb", "snp=24");
        refuses("config", "{\"reported-tcb\":\"snp=256\"}", SV_USAGE, "sev.host.tcb",
                "component snp");
        refuses("config", "{\"reset\":\"\",\"reported-tcb\":\"snp=25\"}", SV_USAGE,
                "sev.host.option", "one of them");
        refuses("config", "{\"mask-chip-id\":\"1\"}", SV_USAGE, "sev.host.option", "yes or no");
        /* The dry run says the same and changes nothing. */
        plans("config",
              "{\"reported-tcb\":\"snp=24,microcode=200\",\"lower\":\"\",\"mask-chip-id\":\"yes\"}",
              true,
              LINES("reported_tcb.snp: 25 -> 24", "reported_tcb.microcode: 213 -> 200",
                    "mask_chip_id: no -> yes"));
        plans("config",
              "{\"reported-tcb\":\"snp=24,microcode=200\",\"lower\":\"\",\"mask-chip-id\":\"yes\"}",
              false,
              LINES("reported_tcb.snp: 25 -> 24", "reported_tcb.microcode: 213 -> 200",
                    "mask_chip_id: no -> yes"));
        /* up again needs no --lower; the rest stays */
        plans("config", "{\"reported-tcb\":\"snp=25\"}", false,
              LINES("reported_tcb.snp: 24 -> 25"));
        plans("config", "{\"mask-chip-key\":\"yes\",\"mask-chip-id\":\"no\"}", false,
              LINES("mask_chip_id: yes -> no", "mask_chip_key: no -> yes"));
        plans("config", "{\"reset\":\"\",\"mask-chip-key\":\"no\"}", false,
              LINES("reported_tcb.microcode: 200 -> 213", "mask_chip_key: yes -> no"));
}

static void test_commit(void **state)
{
        plans("config", "{\"reported-tcb\":\"snp=20\",\"lower\":\"\"}", false,
              LINES("reported_tcb.snp: 25 -> 20"));
        plans("commit", "{}", true,
              LINES("reported_tcb.snp: 20 -> 25",
                    "committed_version: not told by the kernel -> 1.55.29"));
        plans("commit", "{}", false,
              LINES("reported_tcb.snp: 20 -> 25",
                    "committed_version: not told by the kernel -> 1.55.29"));
        plans("commit", "{}", false, LINES("committed_version: not told by the kernel -> 1.55.29"));
}

static void put_vlek(size_t n, size_t at, uint8_t value)
{
        SV_STR path = sv_asprintf("%s/vlek", dir);
        struct sv_err err = SV_ERR_NULL;
        uint8_t raw[433] = {0};

        raw[400] = 4; /* its TCB: boot loader, SNP, microcode */
        raw[406] = 25;
        raw[407] = 213;
        raw[at] = value;
        OK(sv_file_write(path, 0600, sv_bytes(raw, n), &err));
}

/* A firmware that takes each change and reports what was before. */
static void test_nothing_after(void **state)
{
        SV_STR options = sv_asprintf("{\"file\":\"%s/vlek\"}", dir);

        plans("config", "{\"reported-tcb\":\"snp=24\",\"lower\":\"\"}", false,
              LINES("reported_tcb.snp: 25 -> 24"));
        put_vlek(432, 0, 1);
        setenv("TEESIM_FW_IDLE", "1", 1);
        refuses("config", "{\"reset\":\"\"}", SV_SYSTEM, "sev.host.after", "other values");
        refuses("config", "{\"mask-chip-id\":\"yes\"}", SV_SYSTEM, "sev.host.after",
                "other values");
        refuses("commit", "{}", SV_SYSTEM, "sev.host.after", "does not report what runs");
        refuses("vlek-load", options, SV_SYSTEM, "sev.host.after", "says that it has none");
        unsetenv("TEESIM_FW_IDLE");
        plans("config", "{\"reset\":\"\"}", false, LINES("reported_tcb.snp: 24 -> 25"));
}

static void test_vlek(void **state)
{
        SV_STR options = sv_asprintf("{\"file\":\"%s/vlek\"}", dir);
        SV_STR first = sv_asprintf("vlek: none -> %s/vlek", dir);
        SV_STR again = sv_asprintf("vlek: loaded -> %s/vlek", dir);

        refuses("vlek-load", "{\"file\":\"/nonexistent/vlek\"}", SV_SYSTEM, "sev.host.vlek",
                "vlek");
        refuses("vlek-load", "{}", SV_USAGE, "sev.host.option", "no file");
        put_vlek(431, 0, 1);
        refuses("vlek-load", options, SV_FORMAT, "snp.vlek.size", "432");
        put_vlek(432, 13, 1);
        refuses("vlek-load", options, SV_FORMAT, "snp.vlek.reserved", "13");
        put_vlek(432, 415, 1);
        refuses("vlek-load", options, SV_FORMAT, "snp.vlek.reserved", "415");
        put_vlek(432, 406, 26);
        refuses("vlek-load", options, SV_USAGE, "sev.host.above", "snp 26");
        put_vlek(432, 0, 1);
        plans("vlek-load", options, true, LINES(first));
        plans("vlek-load", options, false, LINES(first));
        plans("vlek-load", options, false, LINES(again));
}

/* Kernel and firmware say no: each in a sentence, and nothing has changed. */
static void test_platform_refuses(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *plan = NULL;

        setenv("TEESIM_FW_STATUS", "0x16", 1);
        refuses("config", "{\"mask-chip-id\":\"yes\"}", SV_SYSTEM, "sev.host.firmware",
                "status 0x16: a parameter is invalid");
        refuses("commit", "{}", SV_SYSTEM, "sev.host.firmware", "SNP_COMMIT");
        setenv("TEESIM_FW_STATUS", "0x25", 1);
        refuses("commit", "{}", SV_SYSTEM, "sev.host.firmware",
                "the committed firmware must be restored");
        unsetenv("TEESIM_FW_STATUS");
        setenv("TEESIM_SEV_DOWN", "1", 1);
        refuses("config", "{\"mask-chip-id\":\"yes\"}", SV_SYSTEM, "sev.host.device",
                "not initialised");
        unsetenv("TEESIM_SEV_DOWN");
        refuses("none", "{}", SV_USAGE, "sev.host.option", "commit, config or vlek-load");
        plans("config", "{}", false, LINES(NULL));
        FAILS(sv_sev_host_op_at("/dev/none", SV_SEV_MILAN, "commit", NULL, true, NULL, &err),
              SV_SYSTEM, "sev.host.device");
        plan = sv_json_object();
        FAILS(sv_sev_host_op_at("/dev/sev", SV_SEV_UNKNOWN, "commit", NULL, true, plan, &err),
              SV_SYSTEM, "sev.host.product");
}

static int set_up(void **state)
{
        SV_STR kernel = NULL;
        SV_STR initrd = NULL;

        if (!mkdtemp(dir))
                return -1;
        kernel = sv_asprintf("%s/kernel", dir);
        initrd = sv_asprintf("%s/initrd", dir);
        teesim_fake_kernel(kernel);
        teesim_fake_file(initrd, 4321);
        return 0;
}

static int tear_down(void **state)
{
        return sv_remove_tree(dir, NULL);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_trial),
                cmocka_unit_test(test_trial_in_pieces),
                cmocka_unit_test(test_trial_refused),
                cmocka_unit_test(test_trial_without_a_call),
                cmocka_unit_test(test_trial_without_progress),
                cmocka_unit_test(test_trial_id_block),
                cmocka_unit_test(test_probe),
                cmocka_unit_test(test_config),
                cmocka_unit_test(test_commit),
                cmocka_unit_test(test_nothing_after),
                cmocka_unit_test(test_vlek),
                cmocka_unit_test(test_platform_refuses),
        };
        const char *missing = teesim_missing();

        if (missing) {
                printf("SKIP: %s\n", missing);
                return 77;
        }
        if (!getenv("LD_PRELOAD")) { /* the linker reads it when a program starts */
                setenv("LD_PRELOAD", getenv("TEESIM_SO"), 1);
                execv("/proc/self/exe", argv);
                return 1;
        }
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
