/* SPDX-License-Identifier: Apache-2.0 */
/* What an unmodified QEMU really submits for a TD, measured by the simulator with code of its own,
 * is the MRTD that sv_tdx_mrtd predicts, and the hand-off blocks that it puts into the TD's memory
 * are those of sv_tdx_hob, byte for byte. */
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "tee/measure.h"
#include "tdx/measure/hob.h"
#include "tdx/measure/measure.h"
#include "tdx/measure/mrtd.h"
#include "tests/teesim/launcher.h"
#include "tests/teesim/tdxlauncher.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/teesim-tdx.XXXXXX";
static char kernel[64], initrd[64];
static struct sv_buf firmware;
static struct sv_tdvf tdvf;

static void member(const struct sv_json *state, const char *name, struct sv_buf *out)
{
        const char *hex = sv_json_str(sv_json_get(state, name));
        struct sv_err err = SV_ERR_NULL;

        if (!hex)
                fail_msg("the state has no %s", name);
        OK(sv_unhex(sv_bytes_str(hex), out, "test.state", &err));
}

static void same_mrtd(const struct sv_json *state, const struct sv_tdvf *t, const char *what)
{
        uint8_t mrtd[SV_TDX_DIGEST];
        char expected[2 * SV_TDX_DIGEST + 1];
        struct sv_err err = SV_ERR_NULL;
        SV_BUF found = SV_BUF_NULL;

        member(state, "mrtd", &found);
        OK(sv_tdx_mrtd(t, SV_TDX_MAINLINE, mrtd, NULL, &err));
        if (!sv_bytes_eq(sv_buf_bytes(&found), sv_bytes(mrtd, sizeof(mrtd))))
                fail_msg("%s: MRTD is %s, predicted %s", what,
                         sv_json_str(sv_json_get(state, "mrtd")),
                         sv_hex(sv_bytes(mrtd, sizeof(mrtd)), expected));
}

/* The list, then zeros to the end of the section. */
static void same_hob(const struct sv_json *state, uint64_t memory, const char *what)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF found = SV_BUF_NULL, list = SV_BUF_NULL;
        const struct sv_tdvf_section *section = sv_tdvf_find(&tdvf, SV_TDVF_TD_HOB);

        member(state, "hob", &found);
        OK(sv_tdx_hob(&tdvf, memory, &list, &err));
        assert_int_equal(sv_json_int(sv_json_get(state, "hob_gpa"), 0), section->gpa);
        assert_int_equal(found.n, section->size);
        for (size_t i = 0; i < found.n; i++)
                if (found.p[i] != (i < list.n ? list.p[i] : 0))
                        fail_msg("%s: byte %zu of the hand-off blocks is 0x%02x, predicted 0x%02x "
                                 "(%zu bytes in all)",
                                 what, i, found.p[i], i < list.n ? list.p[i] : 0, list.n);
}

/* The same as `secure-vm measure` does it. */
static void same_measure(const struct sv_json *state, uint64_t memory, unsigned vcpus,
                         const char *what)
{
        struct sv_measurement m = {0};
        struct sv_err err = SV_ERR_NULL;
        SV_GUEST g = {.memory = memory << 20,
                      .vcpus = vcpus,
                      .firmware = sv_asprintf("%s", teesim_tdx_firmware())};
        const char *found = sv_json_str(sv_json_get(state, "mrtd")), *predicted;

        OK(sv_tdx_measure(&g, &m, &err));
        predicted = sv_json_str(sv_json_get(m.values, "mrtd"));
        if (!predicted || strcmp(found, predicted))
                fail_msg("%s: MRTD is %s, measure says %s", what, found,
                         predicted ? predicted : "nothing");
        sv_measurement_free(&m);
}

static void launched(const struct teesim_td *g, struct sv_json **state, const char *what)
{
        SV_BUF said = SV_BUF_NULL;
        int r = teesim_tdx_qemu(g, state, &said);

        if (r || !*state)
                fail_msg("%s: QEMU ended with %d%s: %s", what, r,
                         *state ? "" : " before FINALIZE_VM", sv_buf_str(&said));
        assert_string_equal(sv_json_str(sv_json_get(*state, "outcome")), "launched");
        assert_int_equal(sv_json_int(sv_json_get(*state, "vcpus"), -1), g->vcpus);
        assert_string_equal(sv_json_str(sv_json_get(*state, "attributes")), "0000000010000000");
}

static void test_matrix(void **unused)
{
        /* MiB: the least, around 2.75 GiB where low memory is cut at 2 GiB, and more than fits
         * below 4 GiB */
        static const uint64_t memory[] = {128, 512, 2048, 2815, 2816, 2817, 4096, 8192, 65536};
        static const unsigned vcpus[] = {1, 2, 4};
        unsigned n = 0;

        for (size_t m = 0; m < sizeof(memory) / sizeof(memory[0]); m++)
                for (size_t v = 0; v < sizeof(vcpus) / sizeof(vcpus[0]); v++)
                        for (int with_kernel = 0; with_kernel < 2; with_kernel++, n++) {
                                struct teesim_td g = {.dir = dir,
                                                      .vcpus = vcpus[v],
                                                      .memory = memory[m],
                                                      .kernel = with_kernel ? kernel : NULL,
                                                      .initrd = with_kernel ? initrd : NULL,
                                                      .cmdline =
                                                              with_kernel ? "console=ttyS0" : NULL};
                                SV_JSON *state = NULL;
                                SV_STR what = sv_asprintf("%u vCPUs, %llu MiB, %s kernel", vcpus[v],
                                                          (unsigned long long)memory[m],
                                                          with_kernel ? "with" : "no");

                                launched(&g, &state, what);
                                same_mrtd(state, &tdvf, what);
                                same_hob(state, memory[m] << 20, what);
                                same_measure(state, memory[m], vcpus[v], what);
                        }
        print_message("%u TDs: MRTD and hand-off blocks as predicted\n", n);
}

/* What the host chooses freely reaches the module as it was said. */
static void test_identities(void **unused)
{
        static const char *const names[] = {"mrconfigid", "mrowner", "mrownerconfig"};
        struct teesim_td g = {.dir = dir, .vcpus = 1, .memory = 512};
        struct sv_err err = SV_ERR_NULL;
        SV_BUF object = SV_BUF_NULL;
        uint8_t digests[3][SV_TDX_DIGEST];
        SV_JSON *state = NULL;

        for (size_t i = 0; i < 3; i++) {
                OK(sv_digest(SV_SHA384, sv_bytes_str(names[i]), digests[i], &err));
                sv_buf_printf(&object, ",%s=", names[i]);
                sv_put_base64(&object, sv_bytes(digests[i], SV_TDX_DIGEST));
        }
        g.object = sv_buf_str(&object);
        launched(&g, &state, "with identities");
        same_mrtd(state, &tdvf, "with identities");
        for (size_t i = 0; i < 3; i++) {
                SV_BUF found = SV_BUF_NULL;

                member(state, names[i], &found);
                assert_true(sv_bytes_eq(sv_buf_bytes(&found), sv_bytes(digests[i], SV_TDX_DIGEST)));
        }
}

/* No entropy for a while, a part of each range at a time: QEMU asks again, and what is measured
 * stays the same. */
static void test_asked_again(void **unused)
{
        struct teesim_td g = {.dir = dir, .vcpus = 2, .memory = 1024};
        SV_JSON *state = NULL;

        setenv("TEESIM_NO_ENTROPY", "3", 1);
        setenv("TEESIM_CHUNK", "7", 1);
        launched(&g, &state, "asked again");
        unsetenv("TEESIM_NO_ENTROPY");
        unsetenv("TEESIM_CHUNK");
        same_mrtd(state, &tdvf, "asked again");
        same_hob(state, 1ull << 30, "asked again");
}

static void refused(const struct teesim_td *g, const char *expected)
{
        SV_BUF said = SV_BUF_NULL;
        SV_JSON *state = NULL;

        if (teesim_tdx_qemu(g, &state, &said) == 0 || state)
                fail_msg("a launch that must be refused was not: %s", expected);
        if (!strstr(sv_buf_str(&said), expected))
                fail_msg("expected \"%s\", QEMU said: %s", expected, sv_buf_str(&said));
}

static void test_refused(void **unused)
{
        struct teesim_td busy = {.dir = dir, .vcpus = 1, .memory = 512};
        struct teesim_td debug = {.dir = dir, .vcpus = 1, .memory = 512, .object = ",attributes=1"};
        struct teesim_td short_id = {
                .dir = dir, .vcpus = 1, .memory = 512, .object = ",mrconfigid=AAAA"};

        setenv("TEESIM_BUSY", "1", 1);
        refused(&busy, "KVM_TDX_FINALIZE_VM failed, hw_errors: 0x8000020000000000");
        unsetenv("TEESIM_BUSY");
        refused(&debug, "Invalid attributes 0x1 for TDX VM (KVM supported: 0x10000000)");
        refused(&short_id, "mrconfigid");
}

static uint64_t raw_at(enum sv_tdvf_type type)
{
        return (uint64_t)(sv_tdvf_find(&tdvf, type)->raw.p - firmware.p);
}

/* A firmware with one byte changed: where it is measured QEMU's TD is the changed image's, where it
 * is not (the variable store, whose contents are for RTMR0) nothing changes. */
static void test_changed_firmware(void **unused)
{
        static const enum sv_tdvf_type types[] = {SV_TDVF_BFV, SV_TDVF_CFV};
        SV_STR path = sv_asprintf("%s/changed.fd", dir);
        struct sv_buf found[2] = {SV_BUF_NULL, SV_BUF_NULL};

        for (size_t i = 0; i < 2; i++) {
                struct teesim_td g = {.dir = dir, .vcpus = 1, .memory = 512, .firmware = path};
                SV_JSON *state = NULL;
                struct sv_err err = SV_ERR_NULL;
                SV_BUF changed = SV_BUF_NULL;
                struct sv_tdvf t;

                sv_buf_put(&changed, sv_buf_bytes(&firmware));
                changed.p[raw_at(types[i]) + 0x2345] ^= 1;
                OK(sv_file_write(path, 0644, sv_buf_bytes(&changed), &err));
                OK(sv_tdvf_parse(sv_buf_bytes(&changed), &t, &err));
                launched(&g, &state, sv_tdvf_type_name(types[i]));
                same_mrtd(state, &t, sv_tdvf_type_name(types[i]));
                member(state, "mrtd", &found[i]);
                if (types[i] == SV_TDVF_CFV)
                        same_mrtd(state, &tdvf, "a changed variable store");
        }
        assert_false(sv_bytes_eq(sv_buf_bytes(&found[0]), sv_buf_bytes(&found[1])));
        sv_buf_free(&found[0]);
        sv_buf_free(&found[1]);
}

/* The n-th row of the image's table of sections (ovmf/tdvf.c). */
static uint8_t *row_of(struct sv_buf *image, const struct sv_tdvf_section *s)
{
        uint8_t gpa[8], *at;

        for (unsigned i = 0; i < 8; i++)
                gpa[i] = (uint8_t)(s->gpa >> 8 * i);
        at = memmem(image->p, image->n, "TDVF", 4);
        at = at ? memmem(at, image->n - (size_t)(at - image->p), gpa, 8) : NULL;
        if (!at)
                fail_msg("the table of sections is not where it was expected");
        return at - 8;
}

static void set_u32(uint8_t *p, uint32_t v)
{
        for (unsigned i = 0; i < 4; i++)
                p[i] = (uint8_t)(v >> 8 * i);
}

/* Tables as no firmware has them, and QEMU takes them: less contents than memory, and a measured
 * variable store. */
static void test_odd_tables(void **unused)
{
        static const struct {
                enum sv_tdvf_type type;
                uint32_t less, attributes;
        } odd[] = {{SV_TDVF_BFV, 0x1080, 1}, {SV_TDVF_CFV, 0x1000, 1}, {SV_TDVF_CFV, 0, 1},
                   {SV_TDVF_BFV, 0, 0},      {SV_TDVF_TEMP_MEM, 0, 1}, {SV_TDVF_TEMP_MEM, 0, 2},
                   {SV_TDVF_BFV, 0, 3}};
        SV_STR path = sv_asprintf("%s/odd.fd", dir);

        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
                struct teesim_td g = {.dir = dir, .vcpus = 1, .memory = 512, .firmware = path};
                const struct sv_tdvf_section *s = sv_tdvf_find(&tdvf, odd[i].type);
                SV_STR what =
                        sv_asprintf("%s with 0x%x bytes less, attributes %u",
                                    sv_tdvf_type_name(s->type), odd[i].less, odd[i].attributes);
                struct sv_err err = SV_ERR_NULL;
                SV_BUF image = SV_BUF_NULL;
                SV_JSON *state = NULL;
                struct sv_tdvf t;
                uint8_t *row;

                sv_buf_put(&image, sv_buf_bytes(&firmware));
                row = row_of(&image, s);
                set_u32(row + 4, (uint32_t)s->raw.n - odd[i].less);
                set_u32(row + 28, odd[i].attributes);
                OK(sv_file_write(path, 0644, sv_buf_bytes(&image), &err));
                OK(sv_tdvf_parse(sv_buf_bytes(&image), &t, &err));
                launched(&g, &state, what);
                same_mrtd(state, &t, what);
        }
}

/* What we refuse to predict is what QEMU refuses to launch. */
static void test_no_memory_there(void **unused)
{
        SV_STR path = sv_asprintf("%s/high.fd", dir);
        struct teesim_td g = {.dir = dir, .vcpus = 1, .memory = 512, .firmware = path};
        const struct sv_tdvf_section *s = sv_tdvf_find(&tdvf, SV_TDVF_TEMP_MEM);
        struct sv_err err = SV_ERR_NULL;
        SV_BUF image = SV_BUF_NULL, list = SV_BUF_NULL;
        struct sv_tdvf t;

        sv_buf_put(&image, sv_buf_bytes(&firmware));
        set_u32(row_of(&image, s) + 8, 512u << 20);
        OK(sv_file_write(path, 0644, sv_buf_bytes(&image), &err));
        OK(sv_tdvf_parse(sv_buf_bytes(&image), &t, &err));
        FAILS(sv_tdx_hob(&t, 512ull << 20, &list, &err), SV_USAGE, "tdx.hob.memory");
        refused(&g, "Failed to accept memory for TDVF section");
}

static int set_up(void **unused)
{
        struct sv_err err = SV_ERR_NULL;

        if (!mkdtemp(dir))
                return -1;
        snprintf(kernel, sizeof(kernel), "%s/kernel", dir);
        snprintf(initrd, sizeof(initrd), "%s/initrd", dir);
        teesim_fake_kernel(kernel);
        teesim_fake_file(initrd, 12345);
        if (sv_file_read(teesim_tdx_firmware(), 16 << 20, &firmware, "test.firmware", &err) < 0)
                return -1;
        return sv_tdvf_parse(sv_buf_bytes(&firmware), &tdvf, &err);
}

static int tear_down(void **unused)
{
        sv_buf_free(&firmware);
        return sv_remove_tree(dir, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_matrix),           cmocka_unit_test(test_identities),
                cmocka_unit_test(test_asked_again),      cmocka_unit_test(test_refused),
                cmocka_unit_test(test_changed_firmware), cmocka_unit_test(test_odd_tables),
                cmocka_unit_test(test_no_memory_there),
        };

        if (teesim_tdx_missing()) {
                printf("SKIP: %s\n", teesim_tdx_missing());
                return 77;
        }
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
