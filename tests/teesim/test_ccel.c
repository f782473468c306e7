/* SPDX-License-Identifier: Apache-2.0 */
/* What a direct boot logs, as the simulator makes it from the sources of firmware and kernel, leads
 * to the registers that `measure` predicts, and our reader of event logs finds the same registers
 * in it. */
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "tdx/verify/ccel.h"
#include "tdx/measure/hob.h"
#include "tdx/measure/measure.h"
#include "tests/teesim/signer.h"
#include "tests/teesim/tdxlauncher.h"
#include "tests/unit/make_boot.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/teesim-ccel.XXXXXX";
static struct sv_buf firmware;

static char *below(const char *name)
{
        return sv_asprintf("%s/%s", dir, name);
}

static void put(const char *name, struct sv_bytes data)
{
        SV_STR path = below(name);
        struct sv_err err = SV_ERR_NULL;

        OK(sv_file_write(path, 0644, data, &err));
}

/* The part of a state file that the log needs: hand-off blocks where the firmware has them. */
static struct sv_json *make_state(uint64_t memory)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_json *state = sv_json_object();
        SV_BUF hob = SV_BUF_NULL;
        struct sv_tdvf tdvf;

        OK(sv_tdvf_parse(sv_buf_bytes(&firmware), &tdvf, &err));
        OK(sv_tdx_hob(&tdvf, memory, &hob, &err));
        sv_json_set_hex(state, "hob", sv_buf_bytes(&hob));
        sv_json_set_int(state, "hob_gpa", (int64_t)sv_tdvf_find(&tdvf, SV_TDVF_TD_HOB)->gpa);
        return state;
}

static void log_of(struct sv_bytes kernel, struct sv_bytes initrd, const char *cmdline,
                   struct sv_buf *log)
{
        SV_JSON *state = make_state(1ull << 30);
        struct td_boot b = {state, sv_buf_bytes(&firmware), kernel, initrd, cmdline};

        td_ccel(&b, log);
}

static void predict(const char *cmdline, struct sv_measurement *m)
{
        struct sv_err err = SV_ERR_NULL;
        SV_GUEST g = {0};
        SV_STR text =
                sv_asprintf("{\"name\":\"g\",\"tee\":\"tdx\",\"memory\":\"1GiB\",\"firmware\":"
                            "\"firmware.fd\",\"kernel\":\"kernel\",\"initrd\":\"initrd\","
                            "\"cmdline\":\"%s\"}",
                            cmdline);

        OK(sv_guest_parse(sv_bytes_str(text), "g.json", dir, &g, &err));
        OK(sv_tdx_measure(&g, m, &err));
}

static void same(const struct sv_measurement *m, unsigned i, const uint8_t rtmr[48], bool expected)
{
        char name[8], hex[97];
        const char *value;

        snprintf(name, sizeof(name), "rtmr%u", i);
        value = sv_json_str(sv_json_get(m->values, name));
        sv_hex(sv_bytes(rtmr, 48), hex);
        if (!value || !strcmp(value, hex) != expected)
                fail_msg("%s is predicted as %s, the log leads to %s", name,
                         value ? value : "nothing", hex);
}

/* Each file counts in its register and in no other. */
static void test_registers(void **unused)
{
        static const char *const cmdlines[] = {"console=ttyS0", "",
                                               "console=ttyS0 root=/dev/mapper/root ro quiet"};
        uint8_t kernel[KERNEL_SIZE], rtmr[4][48];
        struct sv_err err = SV_ERR_NULL;

        make_kernel(kernel);
        memcpy(kernel + 0x300, "6.12.0-test", 12); /* whose stub is known to measure */
        for (size_t i = 0; i < sizeof(cmdlines) / sizeof(cmdlines[0]); i++) {
                struct sv_measurement m = {0};
                struct sv_tdx_ccel read;
                SV_BUF log = SV_BUF_NULL;

                put("kernel", sv_bytes(kernel, sizeof(kernel)));
                put("initrd", sv_bytes_str("initramfs"));
                predict(cmdlines[i], &m);
                log_of(sv_bytes(kernel, sizeof(kernel)), sv_bytes_str("initramfs"), cmdlines[i],
                       &log);
                OK(intel_replay(sv_buf_bytes(&log), rtmr, &err));
                same(&m, 1, rtmr[1], true);
                same(&m, 2, rtmr[2], true);
                OK(sv_tdx_ccel_replay(sv_buf_bytes(&log), &read, &err));
                assert_memory_equal(read.rtmr, rtmr, sizeof(rtmr));
                assert_false(read.logged[3]);
                sv_buf_free(&log);
                log_of(sv_bytes(kernel, sizeof(kernel)), sv_bytes_str("initramfz"), cmdlines[i],
                       &log);
                OK(intel_replay(sv_buf_bytes(&log), rtmr, &err));
                same(&m, 1, rtmr[1], true);
                same(&m, 2, rtmr[2], false);
                sv_buf_free(&log);
                kernel[0x700] ^= 1;
                log_of(sv_bytes(kernel, sizeof(kernel)), sv_bytes_str("initramfs"), cmdlines[i],
                       &log);
                kernel[0x700] ^= 1;
                OK(intel_replay(sv_buf_bytes(&log), rtmr, &err));
                same(&m, 1, rtmr[1], false);
                same(&m, 2, rtmr[2], true);
                sv_measurement_free(&m);
        }
}

/* As firmware leaves it: the rest of the area is ones. */
static void test_area(void **unused)
{
        uint8_t kernel[KERNEL_SIZE], rtmr[4][48];
        struct sv_err err = SV_ERR_NULL;
        struct sv_tdx_ccel read;
        SV_BUF log = SV_BUF_NULL;
        size_t n;

        make_kernel(kernel);
        log_of(sv_bytes(kernel, sizeof(kernel)), sv_bytes_str("initramfs"), "console=ttyS0", &log);
        n = log.n;
        memset(sv_buf_grow(&log, 65536 - n), 0xff, 65536 - n);
        OK(intel_replay(sv_buf_bytes(&log), rtmr, &err));
        OK(sv_tdx_ccel_replay(sv_buf_bytes(&log), &read, &err));
        assert_memory_equal(read.rtmr, rtmr, sizeof(rtmr));
}

static int set_up(void **unused)
{
        SV_BUF debian = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;

        if (!mkdtemp(dir) ||
            sv_file_read(teesim_tdx_firmware(), 16 << 20, &debian, "test.firmware", &err) < 0)
                return -1;
        td_keyless(sv_buf_bytes(&debian), &firmware);
        put("firmware.fd", sv_buf_bytes(&firmware));
        return 0;
}

static int tear_down(void **unused)
{
        sv_buf_free(&firmware);
        return sv_remove_tree(dir, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_registers),
                cmocka_unit_test(test_area),
        };

        if (!teesim_tdx_firmware()) {
                printf("SKIP: OVMF.inteltdx.ms.fd is missing; run tools/fetch-firmware\n");
                return 77;
        }
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
