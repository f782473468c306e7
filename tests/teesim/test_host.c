/* Our own host side in front of the simulated platform (preloaded into this program): the trial's launch through KVM's calls, the probe. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "sev/host.h"
#include "sev/measure.h"
#include "tests/teesim/launcher.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/teesim-host.XXXXXX";

/* --- trial --- */

static int trial(unsigned vcpus, const char *members, struct sv_json **state, char digest[97], struct sv_err *out)
{
        SV_STR path = sv_asprintf("%s/state.json", dir);
        SV_STR text = sv_asprintf("{\"name\":\"g\",\"tee\":\"sev-snp\",\"vcpus\":%u,\"firmware\":\"%s\",\"kernel\":\"kernel\",\"initrd\":\"initrd\",%s}", vcpus,
                                  teesim_firmware(), members);
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

/* The prediction is for another kernel of KVM: the platform sees what is really there and refuses our digest. */
static void test_trial_refused(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *found = NULL, *none = NULL;
        char digest[97];

        if (trial(1, "\"cpu\":\"EPYC-v4\",\"tees\":{\"sev-snp\":{\"old_fpu\":true}}", &found, digest, &err) == 0)
                fail_msg("a wrong prediction was taken");
        assert_string_equal(err.check, "sev.trial.measurement");
        assert_int_equal(err.class, SV_PROOF);
        assert_non_null(strstr(err.msg, "measured something else"));
        assert_string_not_equal(sv_json_str(sv_json_get(found, "digest")), digest);
        if (trial(1, "\"cpu\":\"EPYC-v4\",\"tees\":{\"sev-snp\":{\"policy\":\"0x30200\"}}", &none, digest, &err) == 0)
                fail_msg("a policy of a newer platform was taken");
        assert_string_equal(err.check, "sev.trial.firmware");
        assert_non_null(strstr(err.msg, "SNP_LAUNCH_START"));
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
                fail_msg("expected %s, found %s", what ? what : "success", p.ok ? p.found : p.advice);
        if (p.ok) {
                print_message("%s\n", p.found);
                assert_non_null(strstr(p.found, "99 SNP guests at a time, SEV firmware 1.55.29, QEMU with sev-snp-guest, libvirt 11.3"));
        }
}

static void test_probe(void **state)
{
        SV_STR kvm = below("/dev/kvm");
        SV_STR old = below("/usr/lib/x86_64-linux-gnu/libvirt.so.0.9000.0");
        SV_STR local = sv_asprintf("%s", "/etc/apparmor.d/local/abstractions/libvirt-qemu");

        assert_int_equal(symlink("/dev/kvm", kvm), 0);
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
                cmocka_unit_test(test_probe),
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
