/* SPDX-License-Identifier: Apache-2.0 */
/* Our own host side in front of the TDX module that is played (preloaded into this program): what
 * the trial of a launch submits is what QEMU would, so MRTD and the hand-off blocks are the
 * predicted ones; the probe sees the module. */
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "tdx/measure/hob.h"
#include "tdx/host/host.h"
#include "tdx/measure/mrtd.h"
#include "tests/teesim/tdxlauncher.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/teesim-tdxhost.XXXXXX";

#define ONES                                                                                       \
        "0101010101010101010101010101010101010101010101010101010101010101010101010101010101010101" \
        "01010101"

static int trial(unsigned vcpus, unsigned mib, const char *members, struct sv_json **state,
                 char mrtd[97], struct sv_err *out)
{
        SV_STR path = sv_asprintf("%s/state.json", dir);
        SV_STR text = sv_asprintf("{\"name\":\"g\",\"tee\":\"tdx\",\"vcpus\":%u,\"memory\":\"%"
                                  "uMiB\",\"firmware\":\"%s\",\"kernel\":\"kernel\"%s}",
                                  vcpus, mib, teesim_tdx_firmware(), members);
        SV_BUF image = SV_BUF_NULL, said = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;
        struct sv_tdvf tdvf;
        SV_GUEST g = {0};
        uint8_t digest[SV_TDX_DIGEST];
        int r;

        *state = NULL;
        unlink(path);
        OK(sv_guest_parse(sv_bytes_str(text), "g.json", dir, &g, &err));
        OK(sv_tdx_image_read(&g, &image, &tdvf, &err));
        OK(sv_tdx_mrtd(&tdvf, SV_TDX_MAINLINE, digest, NULL, &err));
        sv_hex(sv_bytes(digest, sizeof(digest)), mrtd);
        setenv("TEESIM_STATE", path, 1);
        r = sv_tdx_trial(&g, out);
        if (sv_file_read(path, 1 << 20, &said, "test.state", NULL) == 0)
                OK(sv_json_parse(sv_buf_bytes(&said), "test.state", state, &err));
        if (r == 0) { /* and the hand-off blocks, byte for byte */
                SV_BUF list = SV_BUF_NULL, hex = SV_BUF_NULL;
                const char *found = sv_json_str(sv_json_get(*state, "hob"));

                OK(sv_tdx_hob(&tdvf, (uint64_t)mib << 20, &list, &err));
                sv_buf_grow(&hex, 2 * list.n + 1);
                sv_hex(sv_buf_bytes(&list), (char *)hex.p);
                assert_true(found && !strncmp(found, (char *)hex.p, 2 * list.n));
                assert_int_equal(sv_json_int(sv_json_get(*state, "hob_gpa"), 0),
                                 sv_tdvf_find(&tdvf, SV_TDVF_TD_HOB)->gpa);
        }
        return r;
}

static void launches(unsigned vcpus, unsigned mib, const char *members, const char *mrconfigid)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *state = NULL;
        char mrtd[97];

        OK(trial(vcpus, mib, members, &state, mrtd, &err));
        assert_non_null(state);
        assert_string_equal(sv_json_str(sv_json_get(state, "outcome")), "launched");
        assert_string_equal(sv_json_str(sv_json_get(state, "mrtd")), mrtd);
        assert_string_equal(sv_json_str(sv_json_get(state, "attributes")), "0000000010000000");
        assert_int_equal(sv_json_int(sv_json_get(state, "vcpus"), 0), vcpus);
        if (mrconfigid)
                assert_string_equal(sv_json_str(sv_json_get(state, "mrconfigid")), mrconfigid);
}

static void test_trial(void **state)
{
        launches(1, 512, "", NULL);
        launches(4, 2816, "", NULL);
        launches(2, 8192, ",\"tees\":{\"tdx\":{\"mrconfigid\":\"" ONES "\"}}", ONES);
}

/* KVM takes a part of each region and asks for another call; the module has no random numbers at
 * first. */
static void test_trial_in_pieces(void **state)
{
        setenv("TEESIM_CHUNK", "7", 1);
        setenv("TEESIM_NO_ENTROPY", "50", 1);
        launches(2, 1024, "", NULL);
        unsetenv("TEESIM_CHUNK");
        unsetenv("TEESIM_NO_ENTROPY");
}

static void test_trial_refused(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *none = NULL;
        char mrtd[97];

        setenv("TEESIM_BUSY", "1", 1);
        FAILS(trial(1, 512, "", &none, mrtd, &err), SV_SYSTEM, "tdx.trial.busy");
        assert_non_null(strstr(err.msg, "KVM_TDX_FINALIZE_VM"));
        assert_non_null(strstr(err.msg, "in use by another call"));
        assert_null(none);
        unsetenv("TEESIM_BUSY");
        setenv("TEESIM_NO_ENTROPY", "1000000", 1);
        FAILS(trial(1, 512, "", &none, mrtd, &err), SV_SYSTEM, "tdx.trial.kvm");
        unsetenv("TEESIM_NO_ENTROPY");
}

/* The module's answers let the probe go on to the programs. */
static void test_probe(void **state)
{
        SV_STR dev = sv_asprintf("%s/root/dev", dir);
        SV_STR node = sv_asprintf("%s/root/dev/kvm", dir);
        SV_STR root = sv_asprintf("%s/root", dir);
        struct sv_err err = SV_ERR_NULL;
        struct sv_probe p;

        OK(sv_mkdirs(dev, 0755, &err));
        OK(sv_file_write(node, 0600, sv_bytes("", 0), &err));
        OK(sv_tdx_probe_at(root, true, &p, &err));
        assert_true(p.platform && !p.ok);
        assert_string_equal(p.advice, "QEMU is missing: install qemu-system-x86, 10.1 or later");
}

static int set_up(void **state)
{
        return mkdtemp(dir) ? 0 : -1;
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

        if (!teesim_tdx_firmware() || !getenv("TEESIM_SO")) {
                printf("SKIP: it takes OVMF.inteltdx.ms.fd (tools/fetch-firmware) and the "
                       "simulator\n");
                return 77;
        }
        if (!getenv("LD_PRELOAD")) { /* the linker reads it when a program starts */
                setenv("LD_PRELOAD", getenv("TEESIM_SO"), 1);
                execv("/proc/self/exe", argv);
                return 1;
        }
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
