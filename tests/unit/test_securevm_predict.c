/* SPDX-License-Identifier: Apache-2.0 */
/* libsecurevm's predictions from bytes are those of the programs from files, for every TEE. */
#include <secure-vm/securevm.h>

#include "tests/unit/unit.h"

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/json/json.h"
#include "guest/guest.h"
#include "tee/measure.h"
#include "tests/unit/make_boot.h"

static struct sv_err err;
static char dir[] = "/tmp/sv-predict-XXXXXX";
static struct sv_buf firmware, kernel;
static const char initrd[] = "070701 what is left of an archive";

/* Relative names and an absolute one, which lies in a folder of this test. */
static const char guest_text[] =
        "{\"name\":\"demo\",\"tee\":\"vtpm\",\"vcpus\":3,\"memory\":\"512MiB\",\"cpu\":\"EPYC-v4\","
        "\"firmware\":\"fw/code.fd\",\"kernel\":\"%s/vmlinuz\",\"initrd\":\"initrd.img\","
        "\"cmdline\":\"console=ttyS0\"}";

static void write_named(const char *name, struct sv_bytes data)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);

        OK(sv_file_write(path, 0600, data, &err));
}

static int make_files(void **state)
{
        SV_STR fd = sv_asprintf("%s/tests/vectors/firmware/small.fd", getenv("SV_SOURCE"));
        SV_STR sub = NULL;
        SV_STR guest = NULL;

        if (!mkdtemp(dir))
                return -1;
        sub = sv_asprintf("%s/fw", dir);
        OK(sv_mkdirs(sub, 0700, &err));
        OK(sv_file_read(fd, 1u << 24, &firmware, "test", &err));
        make_kernel(sv_buf_grow(&kernel, KERNEL_SIZE));
        guest = sv_asprintf(guest_text, dir);
        write_named("fw/code.fd", sv_buf_bytes(&firmware));
        write_named("vmlinuz", sv_buf_bytes(&kernel));
        write_named("initrd.img", sv_bytes_str(initrd));
        write_named("guest.json", sv_bytes_str(guest));
        return 0;
}

static int remove_files(void **state)
{
        sv_buf_free(&firmware);
        sv_buf_free(&kernel);
        return sv_remove_tree(dir, &err);
}

static securevm_files *give_files(void)
{
        SV_STR name = sv_asprintf("%s/vmlinuz", dir);
        securevm_files *f = NULL;

        assert_int_equal(securevm_files_new(&f, NULL), SECUREVM_OK);
        assert_int_equal(securevm_files_add(f, "fw/code.fd", firmware.p, firmware.n, NULL), 0);
        assert_int_equal(securevm_files_add(f, name, kernel.p, kernel.n, NULL), 0);
        assert_int_equal(securevm_files_add(f, "initrd.img", initrd, strlen(initrd), NULL), 0);
        return f;
}

static int predict_demo(const securevm_files *f, const char *tee, char **text, securevm_error *e)
{
        SV_STR guest = sv_asprintf(guest_text, dir);

        return securevm_predict(guest, strlen(guest), f, tee, text, e);
}

/* What the programs make of the files on the disk; "" and *err when they refuse. */
static void measure_files(const struct sv_tee_measure *row, struct sv_buf *out)
{
        SV_STR path = sv_asprintf("%s/guest.json", dir);
        struct sv_measurement m = {0};
        const char *left = NULL;
        SV_JSON *result = NULL;
        SV_GUEST g = {0};

        OK(sv_guest_read(path, &g, &err));
        if ((row->exposure && row->exposure(&g, &left, &err) < 0) || row->measure(&g, &m, &err) < 0)
                return;
        result = sv_measurement_json(row->id, &m);
        sv_json_print(result, out);
        sv_measurement_free(&m);
}

static void test_same(void **state)
{
        securevm_files *f = give_files();
        securevm_error *e = securevm_error_new();
        size_t measured = 0;

        for (size_t i = 0; sv_tees_measure[i]; i++) {
                const char *name = sv_tees_measure[i]->id->name;
                SV_BUF want = SV_BUF_NULL;
                char *text = NULL;
                int status = predict_demo(f, name, &text, e);

                measure_files(sv_tees_measure[i], &want);
                if (want.n) {
                        assert_int_equal(status, SECUREVM_OK);
                        assert_string_equal(text, sv_buf_str(&want));
                        measured++;
                } else {
                        assert_int_equal(status, err.class);
                        assert_string_equal(securevm_error_check(e), err.check);
                }
                securevm_free(text);
        }
        assert_true(measured >= 1);
        securevm_error_free(e);
        securevm_files_free(f);
}

/* The guest file says the TEE when the caller does not; each byte of each file counts. */
static void test_inputs_count(void **state)
{
        securevm_files *f = give_files(), *other = NULL;
        char *text = NULL, *again = NULL;
        SV_STR name = sv_asprintf("%s/vmlinuz", dir);

        assert_int_equal(predict_demo(f, NULL, &text, NULL), SECUREVM_OK);
        assert_non_null(strstr(text, "\"tee\":\"vtpm\""));
        assert_int_equal(securevm_files_new(&other, NULL), SECUREVM_OK);
        assert_int_equal(securevm_files_add(other, "/fw/code.fd", firmware.p, firmware.n, NULL), 0);
        assert_int_equal(securevm_files_add(other, name, kernel.p, kernel.n, NULL), 0);
        assert_int_equal(securevm_files_add(other, "initrd.img", initrd, strlen(initrd) - 1, NULL),
                         0);
        assert_int_equal(predict_demo(other, NULL, &again, NULL), SECUREVM_OK);
        assert_string_not_equal(text, again);
        securevm_free(text);
        securevm_free(again);
        securevm_files_free(f);
        securevm_files_free(other);
}

/* A file that was not given is not looked for, though it is there. */
static void test_no_other_file(void **state)
{
        securevm_error *e = securevm_error_new();
        securevm_files *f = NULL;
        char *text = NULL;

        assert_int_equal(securevm_files_new(&f, NULL), SECUREVM_OK);
        assert_int_equal(securevm_files_add(f, "fw/code.fd", firmware.p, firmware.n, NULL), 0);
        assert_int_equal(securevm_files_add(f, "initrd.img", initrd, strlen(initrd), NULL), 0);
        assert_int_equal(predict_demo(f, "vtpm", &text, e), SECUREVM_SYSTEM);
        assert_string_equal(securevm_error_check(e), "measure.kernel");
        assert_null(text);
        securevm_files_free(f);
        securevm_error_free(e);
}

static void expect_refusal(securevm_error *e, int status, const char *check)
{
        assert_string_equal(securevm_error_check(e), check);
        assert_int_equal(securevm_error_status(e), status);
}

static void test_refusals(void **state)
{
        securevm_error *e = securevm_error_new();
        securevm_files *f = give_files();
        char *big = calloc(1, SV_GUEST_SIZE_MAX + 1), *text = NULL;

        assert_non_null(big);
        assert_int_equal(predict_demo(f, "sgx", &text, e), SECUREVM_USAGE);
        expect_refusal(e, SECUREVM_USAGE, "tee.name");
        assert_int_equal(securevm_predict("{", 1, f, NULL, &text, e), SECUREVM_USAGE);
        expect_refusal(e, SECUREVM_USAGE, "guest.json");
        memset(big, ' ', SV_GUEST_SIZE_MAX + 1);
        assert_int_equal(securevm_predict(big, SV_GUEST_SIZE_MAX, f, NULL, &text, e),
                         SECUREVM_USAGE);
        expect_refusal(e, SECUREVM_USAGE, "guest.json");
        assert_int_equal(securevm_predict(big, SV_GUEST_SIZE_MAX + 1, f, NULL, &text, e),
                         SECUREVM_FORMAT);
        expect_refusal(e, SECUREVM_FORMAT, "guest.file");
        assert_int_equal(securevm_predict(NULL, 0, f, NULL, &text, e), SECUREVM_USAGE);
        expect_refusal(e, SECUREVM_USAGE, "lib.argument");
        assert_int_equal(securevm_predict("{}", 2, NULL, NULL, &text, e), SECUREVM_USAGE);
        assert_int_equal(securevm_predict("{}", 2, f, NULL, NULL, e), SECUREVM_USAGE);
        assert_int_equal(securevm_files_new(NULL, e), SECUREVM_USAGE);
        assert_int_equal(securevm_files_add(f, NULL, "x", 1, e), SECUREVM_USAGE);
        assert_int_equal(securevm_files_add(f, "x", NULL, 1, e), SECUREVM_USAGE);
        assert_int_equal(securevm_files_add(NULL, "x", "x", 1, e), SECUREVM_USAGE);
        expect_refusal(e, SECUREVM_USAGE, "lib.argument");
        assert_null(text);
        /* the kernel is none */
        kernel.p[0x202] ^= 1;
        assert_int_equal(predict_demo(f, "vtpm", &text, e), SECUREVM_FORMAT);
        expect_refusal(e, SECUREVM_FORMAT, "ovmf.linux.magic");
        kernel.p[0x202] ^= 1;
        securevm_files_free(NULL);
        securevm_files_free(f);
        securevm_error_free(e);
        free(big);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_same),
                cmocka_unit_test(test_inputs_count),
                cmocka_unit_test(test_no_other_file),
                cmocka_unit_test(test_refusals),
        };

        return cmocka_run_group_tests(tests, make_files, remove_files);
}
