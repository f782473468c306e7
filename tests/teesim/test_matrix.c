/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU really submits for a guest, measured by the simulator with code of its own, is what
 * sv_sev_launch_digest predicts; and the platform takes or refuses ID blocks over that prediction.
 */
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "sev/measure/cpu.h"
#include "sev/measure/launch.h"
#include "tests/teesim/amdpki.h"
#include "tests/teesim/launcher.h"
#include "tests/unit/unit.h"

#define CMDLINE "console=ttyS0 root=/dev/vda1 ro"
#define POLICY  0x30000

static char dir[] = "/tmp/teesim.XXXXXX";
static char kernel[64], initrd[64];
static EVP_PKEY *id_key, *author_key;
static struct sv_buf firmware;

static void predict(unsigned vcpus, const char *cpu, bool with_kernel, uint8_t digest[48])
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_boot_hashes hashes;
        struct sv_sev_launch in = {.firmware = sv_buf_bytes(&firmware),
                                   .vcpus = vcpus,
                                   .features = 1,
                                   .vmm = SV_VMM_QEMU};

        OK(sv_cpu_sig_of(cpu, &in.cpu_sig, &err));
        if (with_kernel) {
                OK(sv_boot_hashes(kernel, initrd, CMDLINE, &hashes, &err));
                in.hashes = &hashes;
        }
        OK(sv_sev_launch_digest(&in, digest, NULL, &err));
}

enum id { NO_ID, GOOD, WITH_AUTHOR, WRONG_DIGEST, WRONG_POLICY, WRONG_SIGNATURE, WRONG_AUTHOR };

static const struct {
        const char *name;
        unsigned status; /* the firmware's */
} ids[] = {
        [NO_ID] = {"no ID block", 0},
        [GOOD] = {"good ID block", 0},
        [WITH_AUTHOR] = {"good ID block with author key", 0},
        [WRONG_DIGEST] = {"ID block with another digest", 0xb},
        [WRONG_POLICY] = {"ID block with another policy", 7},
        [WRONG_SIGNATURE] = {"ID block with a changed signature", 0xa},
        [WRONG_AUTHOR] = {"ID key signed by somebody else", 0xa},
};

static void make_id(enum id kind, const uint8_t digest[48], uint8_t block[AMD_ID_BLOCK],
                    uint8_t auth[AMD_ID_AUTH])
{
        struct amd_id id = {
                .policy = POLICY, .family_id = "family", .image_id = "image", .guest_svn = 7};

        memcpy(id.digest, digest, sizeof(id.digest));
        id.digest[47] ^= kind == WRONG_DIGEST;
        id.policy |= kind == WRONG_POLICY ? 1ull << 20 : 0;
        amd_id_block(&id, id_key, kind == WITH_AUTHOR || kind == WRONG_AUTHOR ? author_key : NULL,
                     block, auth);
        auth[0x40] ^= kind == WRONG_SIGNATURE;
        auth[0x680] ^= kind == WRONG_AUTHOR;
}

static void same(const struct sv_json *state, const char *member, const void *expected, size_t n,
                 const char *what)
{
        char hex[2 * 64 + 1];
        const char *found = sv_json_str(sv_json_get(state, member));

        sv_hex(sv_bytes(expected, n), hex);
        if (!found || strcmp(found, hex))
                fail_msg("%s: %s is %s, expected %s", what, member, found ? found : "absent", hex);
}

static void launch(unsigned vcpus, const char *cpu, bool with_kernel, enum id kind,
                   bool with_host_data)
{
        uint8_t digest[48], block[AMD_ID_BLOCK], auth[AMD_ID_AUTH], raw_key[AMD_KEY],
                key_digest[48] = {0}, host_data[32] = {0};
        bool has_id = kind != NO_ID, ok = !ids[kind].status;
        struct teesim_guest g = {.dir = dir,
                                 .vcpus = vcpus,
                                 .cpu = cpu,
                                 .kernel = with_kernel ? kernel : NULL,
                                 .initrd = with_kernel ? initrd : NULL,
                                 .cmdline = with_kernel ? CMDLINE : NULL,
                                 .host_data = with_host_data ? host_data : NULL,
                                 .policy = POLICY,
                                 .id_block = has_id ? block : NULL,
                                 .id_auth = auth,
                                 .author_key = kind == WITH_AUTHOR || kind == WRONG_AUTHOR};
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *state = NULL;
        SV_BUF said = SV_BUF_NULL;
        char what[160];
        int r;

        snprintf(what, sizeof(what), "%u vCPUs, %s, %s kernel, %s, %s host data", vcpus, cpu,
                 with_kernel ? "with" : "no", ids[kind].name, with_host_data ? "with" : "no");
        for (unsigned i = 0; with_host_data && i < sizeof(host_data); i++)
                host_data[i] = (uint8_t)(i + 1);
        predict(vcpus, cpu, with_kernel, digest);
        make_id(kind, digest, block, auth);
        r = teesim_qemu(&g, &state, &said);
        if (!state)
                fail_msg("%s: QEMU ended with %d before LAUNCH_FINISH: %s", what, r,
                         sv_buf_str(&said));
        same(state, "digest", digest, sizeof(digest), what);
        same(state, "host_data", host_data, sizeof(host_data), what);
        if ((r == 0) != ok || sv_json_int(sv_json_get(state, "fw_error"), -1) != ids[kind].status)
                fail_msg("%s: QEMU ended with %d, the firmware said 0x%llx: %s", what, r,
                         (unsigned long long)sv_json_int(sv_json_get(state, "fw_error"), -1),
                         sv_buf_str(&said));
        assert_int_equal(sv_json_int(sv_json_get(state, "vcpus"), -1), vcpus);
        if (has_id && ok) {
                amd_public_key(id_key, raw_key);
                OK(sv_digest(SV_SHA384, sv_bytes(raw_key, sizeof(raw_key)), key_digest, &err));
                assert_int_equal(sv_json_int(sv_json_get(state, "guest_svn"), -1), 7);
        }
        same(state, "id_key_digest", key_digest, sizeof(key_digest), what);
        print_message("%s: %s\n", what, ok ? "launched" : "refused");
}

static void matrix(const char *cpu)
{
        static const unsigned vcpus[] = {1, 2, 4};
        static const enum id kinds[] = {GOOD, WRONG_DIGEST, WRONG_POLICY};

        for (size_t v = 0; v < 3; v++)
                for (int with_kernel = 0; with_kernel < 2; with_kernel++)
                        for (size_t k = 0; k < 3; k++)
                                for (int with_host_data = 0; with_host_data < 2; with_host_data++)
                                        launch(vcpus[v], cpu, with_kernel, kinds[k],
                                               with_host_data);
}

static void test_epyc_v4(void **state)
{
        matrix("EPYC-v4");
}

static void test_epyc_milan(void **state)
{
        matrix("EPYC-Milan");
}

static void test_id_blocks(void **state)
{
        launch(1, "EPYC-v4", false, NO_ID, false);
        launch(1, "EPYC-v4", true, WITH_AUTHOR, false);
        launch(1, "EPYC-v4", true, WRONG_SIGNATURE, false);
        launch(1, "EPYC-v4", true, WRONG_AUTHOR, false);
}

/* Refused before anything is measured: by KVM (bit 17, the migration agent), by the firmware (a
 * newer interface). */
static void test_policies(void **state)
{
        static const uint64_t bad[] = {0x10000, 0x70000, 0x300ff};

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct teesim_guest g = {
                        .dir = dir, .vcpus = 1, .cpu = "EPYC-v4", .policy = bad[i]};
                SV_JSON *none = NULL;
                SV_BUF said = SV_BUF_NULL;

                if (bad[i] == 0x300ff)
                        g.policy = 0x30200; /* ABI 2.0 */
                assert_int_not_equal(teesim_qemu(&g, &none, &said), 0);
                assert_null(none);
                assert_non_null(strstr(sv_buf_str(&said), "LAUNCH_START"));
        }
}

static int set_up(void **state)
{
        struct sv_err err = SV_ERR_NULL;

        if (!mkdtemp(dir))
                return -1;
        snprintf(kernel, sizeof(kernel), "%s/kernel", dir);
        snprintf(initrd, sizeof(initrd), "%s/initrd", dir);
        teesim_fake_kernel(kernel);
        teesim_fake_file(initrd, 12345);
        id_key = amd_p384();
        author_key = amd_p384();
        return sv_file_read(teesim_firmware(), 16 << 20, &firmware, "test.firmware", &err);
}

static int tear_down(void **state)
{
        EVP_PKEY_free(id_key);
        EVP_PKEY_free(author_key);
        sv_buf_free(&firmware);
        return sv_remove_tree(dir, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_id_blocks),
                cmocka_unit_test(test_policies),
                cmocka_unit_test(test_epyc_v4),
                cmocka_unit_test(test_epyc_milan),
        };

        if (teesim_missing()) {
                printf("SKIP: %s\n", teesim_missing());
                return 77;
        }
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
