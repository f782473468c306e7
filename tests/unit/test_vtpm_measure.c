/* SPDX-License-Identifier: Apache-2.0 */
/* vtpm/measure and ovmf/explain: with the small firmware and kernel; and against a real boot's log,
 * where its firmware is installed. */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "base/core/file.h"
#include "tests/unit/make_boot.h"
#include "tee/boot.h"
#include "vtpm/measure/events.h"
#include "vtpm/measure/explain.h"
#include "vtpm/measure/inspect.h"
#include "vtpm/measure/measure.h"

#define OVMF "/usr/share/OVMF/OVMF_CODE_4M.fd"

static struct sv_err err;
static char dir[] = "/tmp/sv-measure-XXXXXX";

static const char *path_of(const char *name)
{
        static char paths[4][256];
        static unsigned next;
        char *p = paths[next++ % 4];

        snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
        return p;
}

/* Folder with firmware, variable store, kernel and initramfs. */
static int setup(void **state)
{
        uint8_t kernel[KERNEL_SIZE], store[STORE_SIZE];
        SV_BUF firmware = SV_BUF_NULL;

        if (!mkdtemp(dir))
                return -1;
        make_kernel(kernel);
        make_store(store);
        OK(sv_file_read(vector_path("firmware/small.fd"), 1u << 20, &firmware, "test", &err));
        OK(sv_file_write(path_of("CODE.fd"), 0644, sv_buf_bytes(&firmware), &err));
        OK(sv_file_write(path_of("VARS.fd"), 0644, sv_bytes(store, sizeof(store)), &err));
        OK(sv_file_write(path_of("kernel"), 0644, sv_bytes(kernel, sizeof(kernel)), &err));
        OK(sv_file_write(path_of("initrd"), 0644, sv_bytes_str("initramfs"), &err));
        return 0;
}

static int teardown(void **state)
{
        return sv_remove_tree(dir, &err);
}

static struct sv_guest guest(const char *firmware)
{
        return (struct sv_guest){.name = strdup("test"),
                                 .vcpus = 2,
                                 .memory = 1u << 30,
                                 .firmware = strdup(firmware),
                                 .kernel = strdup(path_of("kernel")),
                                 .initrd = strdup(path_of("initrd")),
                                 .cmdline = strdup("console=ttyS0 quiet one=1")};
}

static void set(char **member, const char *text)
{
        free(*member);
        *member = text ? strdup(text) : NULL;
}

static const char *value(const struct sv_measurement *m, const char *bank, const char *pcr)
{
        return sv_json_str(sv_json_get(sv_json_get(m->values, bank), pcr));
}

static const char *reason(const struct sv_measurement *m, const char *pcr)
{
        for (size_t i = 0; i < sv_json_len(m->unpredicted); i++)
                if (!strcmp(sv_json_str(sv_json_get(sv_json_at(m->unpredicted, i), "name")), pcr))
                        return sv_json_str(sv_json_get(sv_json_at(m->unpredicted, i), "reason"));
        return NULL;
}

static const struct sv_measure_step *step(const struct sv_measurement *m, const char *begins)
{
        for (size_t i = 0; i < m->n_steps; i++)
                if (!strncmp(m->steps[i].what, begins, strlen(begins)))
                        return &m->steps[i];
        fail_msg("no step begins with \"%s\"", begins);
        return NULL;
}

static void assert_step(const struct sv_measurement *m, const char *begins, struct sv_bytes data)
{
        uint8_t want[SV_DIGEST_MAX];

        OK(sv_digest(SV_SHA256, data, want, &err));
        assert_memory_equal(step(m, begins)->digest[0], want, 32);
        OK(sv_digest(SV_SHA384, data, want, &err));
        assert_memory_equal(step(m, begins)->digest[1], want, 48);
}

static void test_small(void **state)
{
        static const char options[] =
                "c\0o\0n\0s\0o\0l\0e\0=\0t\0t\0y\0S\0000\0 \0q\0u\0i\0e\0t\0 \0o\0n\0e\0=\0001\0 "
                "\0i\0n\0i\0t\0r\0d\0=\0i\0n\0i\0t\0r\0d\0\0";
        struct sv_measurement m = {0};
        SV_GUEST g = guest(path_of("CODE.fd"));

        OK(sv_vtpm_measure(&g, &m, &err));
        /* A build that nobody knows: all but PCR 0. */
        assert_null(value(&m, "sha256", "0"));
        assert_non_null(strstr(reason(&m, "0"), "not known for this build"));
        assert_non_null(reason(&m, "1"));
        assert_non_null(reason(&m, "10"));
        assert_int_equal(strlen(value(&m, "sha256", "4")), 64);
        assert_int_equal(strlen(value(&m, "sha384", "9")), 96);
        /* Separators only: as any machine has it. */
        assert_string_equal(value(&m, "sha256", "2"),
                            "3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969");
        assert_string_equal(value(&m, "sha256", "2"), value(&m, "sha256", "6"));
        assert_int_equal(strspn(value(&m, "sha256", "11"), "0"), 64);
        assert_step(&m, "initramfs", sv_bytes_str("initramfs"));
        assert_step(&m, "command line", sv_bytes(options, sizeof(options)));
        sv_measurement_free(&m);
}

/* Which PCRs a change of the guest moves. */
static void test_what_moves(void **state)
{
        static const char *const pcrs[] = {"2", "3", "4", "5", "6", "7", "8", "9"};
        static const char *const moved[] = {"9", "9", "4", "49", "4"};
        struct sv_measurement before = {0};
        SV_GUEST g = guest(path_of("CODE.fd"));

        OK(sv_vtpm_measure(&g, &before, &err));
        for (unsigned change = 0; change < 5; change++) {
                SV_GUEST h = guest(path_of("CODE.fd"));
                struct sv_measurement after = {0};
                uint8_t kernel[KERNEL_SIZE];

                make_kernel(kernel);
                kernel[0x700] ^= 1;
                OK(sv_file_write(path_of("kernel2"), 0644, sv_bytes(kernel, sizeof(kernel)), &err));
                OK(sv_file_write(path_of("initrd2"), 0644, sv_bytes_str("initramft"), &err));
                if (change == 0)
                        h.cmdline[0] = 'C';
                if (change == 1)
                        set(&h.initrd, path_of("initrd2")); /* of the same size */
                if (change == 2)
                        h.memory += 1u << 20;
                if (change == 3)
                        set(&h.initrd, NULL);
                if (change == 4)
                        set(&h.kernel, path_of("kernel2"));
                OK(sv_vtpm_measure(&h, &after, &err));
                for (size_t i = 0; i < sizeof(pcrs) / sizeof(*pcrs); i++)
                        assert_int_equal(strcmp(value(&before, "sha256", pcrs[i]),
                                                value(&after, "sha256", pcrs[i])) != 0,
                                         strstr(moved[change], pcrs[i]) != NULL);
                sv_measurement_free(&after);
        }
        sv_measurement_free(&before);
}

static const struct sv_measure_step *find_step(const struct sv_measurement *m, const char *begin)
{
        for (size_t i = 0; i < m->n_steps; i++)
                if (!strncmp(m->steps[i].what, begin, strlen(begin)))
                        return &m->steps[i];
        return NULL;
}

static void write_image(const char *name, const char *const parts[][2], size_t n)
{
        uint8_t k[UKI_SIZE];

        OK(sv_file_write(path_of(name), 0644, sv_bytes(k, make_uki(k, parts, n)), &err));
}

/* PCR 4 is the image's, PCR 9 what it hands to the kernel inside: its command line, without the
 * firmware's word, and its initramfs. */
static void test_measured_image(void **state)
{
        static const char *const parts[][2] = {{".acpi", "tables"},
                                               {".cmdline", "console=ttyS0 quiet one=1"},
                                               {".linux", NULL},
                                               {".initrd", "initramfs"}},
                                 *const others[][2] = {{".acpi", "tablet"},
                                                       {".cmdline", "console=ttyS0 quiet one=1"},
                                                       {".linux", NULL},
                                                       {".initrd", "initramfs"}},
                                 *const systemd[][2] = {
                                         {".sdmagic", "#### LoaderInfo: systemd-stub 255 ####"},
                                         {".acpi", "tables"},
                                         {".linux", NULL}};
        struct sv_measurement m = {0}, other = {0};
        uint8_t torn[UKI_SIZE];
        SV_GUEST g = guest(path_of("CODE.fd"));

        write_image("image", parts, 4);
        write_image("other", others, 4);
        write_image("systemd", systemd, 3);
        make_uki(torn, parts, 4);
        put32(torn, 0x80 + 24 + 144, 0x400); /* certificates longer than the file */
        put32(torn, 0x80 + 24 + 148, 2 * UKI_SIZE);
        OK(sv_file_write(path_of("torn"), 0644, sv_bytes(torn, sizeof(torn)), &err));
        set(&g.kernel, NULL);
        set(&g.initrd, NULL);
        set(&g.uki, path_of("image"));
        OK(sv_vtpm_measure(&g, &m, &err));
        assert_non_null(find_step(&m, "measured image, Authenticode digest: kernel 6.1.0-test"));
        assert_non_null(find_step(&m, "command line (LOADED_IMAGE::LoadOptions): \"console=ttyS0 "
                                      "quiet one=1\""));
        assert_non_null(find_step(&m, "initramfs (Linux initrd), 9 bytes"));
        assert_null(reason(&m, "4"));
        assert_null(reason(&m, "9"));
        set(&g.uki, path_of("other")); /* one bit of the tables */
        OK(sv_vtpm_measure(&g, &other, &err));
        assert_string_not_equal(value(&m, "sha256", "4"), value(&other, "sha256", "4"));
        assert_string_equal(value(&m, "sha256", "9"), value(&other, "sha256", "9"));
        sv_measurement_free(&m);
        sv_measurement_free(&other);
        /* the guest file's words must be the image's */
        set(&g.cmdline, "one=2");
        FAILS(sv_vtpm_measure(&g, &m, &err), SV_USAGE, "measure.uki");
        set(&g.cmdline, NULL);
        OK(sv_vtpm_measure(&g, &m, &err));
        sv_measurement_free(&m);
        set(&g.uki, path_of("initrd")); /* no image at all */
        FAILS(sv_vtpm_measure(&g, &m, &err), SV_FORMAT, "ovmf.pe.magic");
        set(&g.uki, path_of("torn"));
        FAILS(sv_vtpm_measure(&g, &m, &err), SV_FORMAT, "ovmf.pe.certificates");
        set(&g.uki, path_of("systemd"));
        FAILS(sv_vtpm_measure(&g, &m, &err), SV_USAGE, "measure.uki");
}

/* The PCR of each step, in their order, then those that are not predicted. */
static void expect_registers(const struct sv_guest *g, const char *steps, const char *unpredicted)
{
        struct sv_measurement m = {0};
        SV_BUF found = SV_BUF_NULL, left = SV_BUF_NULL;

        OK(sv_vtpm_measure(g, &m, &err));
        for (size_t i = 0; i < m.n_steps; i++)
                sv_buf_printf(&found, " %s", m.steps[i].reg + strlen("pcr"));
        assert_string_equal(sv_buf_str(&found), steps);
        for (size_t i = 0; i < sv_json_len(m.unpredicted); i++)
                sv_buf_printf(&left, " %s",
                              sv_json_str(sv_json_get(sv_json_at(m.unpredicted, i), "name")));
        assert_string_equal(sv_buf_str(&left), unpredicted);
        sv_measurement_free(&m);
}

static void test_registers(void **state)
{
        static const char *const parts[][2] = {
                {".acpi", "tables"}, {".cmdline", "quiet"}, {".linux", NULL}};
        SV_GUEST g = guest(path_of("CODE.fd"));

        expect_registers(&g, " 0 0 0 7 7 7 7 7 7 4 9 9 4 0 1 2 3 4 5 6 5 5", " 0 1 10 16-23");
        write_image("alone", parts, 3);
        set(&g.kernel, NULL);
        set(&g.initrd, NULL);
        set(&g.cmdline, NULL);
        set(&g.uki, path_of("alone"));
        expect_registers(&g, " 0 0 0 7 7 7 7 7 7 4 9 4 0 1 2 3 4 5 6 5 5", " 0 1 10 16-23");
}

/* Before it is measured: what is no kernel or initramfs, and each command that measures asks. */
static void test_boot_check(void **state)
{
        SV_GUEST g = guest(path_of("CODE.fd"));

        FAILS(sv_boot_check(&g, &err), SV_FORMAT, "ovmf.initramfs.magic");
        assert_int_equal(strncmp(err.msg, g.initrd, strlen(g.initrd)), 0);
        OK(sv_file_write(path_of("cpio"), 0644, sv_bytes_str("0707010000"), &err));
        set(&g.initrd, path_of("cpio"));
        OK(sv_boot_check(&g, &err));
        set(&g.kernel, path_of("cpio"));
        FAILS(sv_boot_check(&g, &err), SV_FORMAT, "ovmf.linux.magic");
        assert_int_equal(strncmp(err.msg, g.kernel, strlen(g.kernel)), 0);
        /* what cannot be opened, or is empty, has its own words where it is read */
        set(&g.kernel, path_of("gone"));
        OK(sv_file_write(path_of("empty"), 0644, SV_BYTES_NULL, &err));
        set(&g.initrd, path_of("empty"));
        OK(sv_boot_check(&g, &err));
}

static void test_refuses(void **state)
{
        struct sv_measurement m = {0};
        SV_GUEST g = guest(path_of("CODE.fd"));
        SV_BUF firmware = SV_BUF_NULL;

        set(&g.kernel, NULL);
        FAILS(sv_vtpm_measure(&g, &m, &err), SV_USAGE, "measure.kernel");
        set(&g.kernel, path_of("initrd"));
        FAILS(sv_vtpm_measure(&g, &m, &err), SV_FORMAT, "ovmf.linux.magic");
        OK(sv_file_write(path_of("empty"), 0644, SV_BYTES_NULL, &err));
        set(&g.initrd, path_of("empty"));
        FAILS(sv_vtpm_measure(&g, &m, &err), SV_USAGE, "measure.initrd");
        set(&g.firmware, path_of("kernel"));
        FAILS(sv_vtpm_measure(&g, &m, &err), SV_FORMAT, "ovmf.volumes");
        set(&g.firmware, path_of("none.fd"));
        FAILS(sv_vtpm_measure(&g, &m, &err), SV_SYSTEM, "vtpm.measure.firmware");
        /* a template of the variable store that is there, but no file */
        OK(sv_file_read(path_of("CODE.fd"), 1u << 20, &firmware, "test", &err));
        OK(sv_file_write(path_of("CODE.dir.fd"), 0644, sv_buf_bytes(&firmware), &err));
        OK(sv_mkdirs(path_of("VARS.dir.fd"), 0755, &err));
        set(&g.firmware, path_of("CODE.dir.fd"));
        FAILS(sv_vtpm_measure(&g, &m, &err), SV_SYSTEM, "vtpm.measure.firmware");
}

/* Keys in the variable store turn Secure Boot on, and with it the kernel takes a way that measures
 * less. */
static void test_secure_boot(void **state)
{
        static const char *const parts[][2] = {{".acpi", "tables"}, {".linux", NULL}};
        static const uint8_t global[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                           0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c},
                             /* 4c19049f-4137-4dd3-9c10-8b97a83ffdfa */
                types[16] = {0x9f, 0x04, 0x19, 0x4c, 0x37, 0x41, 0xd3, 0x4d,
                             0x9c, 0x10, 0x8b, 0x97, 0xa8, 0x3f, 0xfd, 0xfa};
        struct sv_measurement m = {0};
        struct sv_prediction p = {
                .regs = &sv_registers_pcr,
                .m = {.values = sv_json_object(), .unpredicted = sv_json_array()}};
        bool on = false;
        SV_GUEST g = guest(path_of("CODE.keys.fd"));
        SV_BUF firmware = SV_BUF_NULL;
        uint8_t store[STORE_SIZE];
        size_t at = STORE_FIRST;

        make_store(store);
        add_variable(store, &at, 0x3f, global, "PK", "key", 3);
        OK(sv_file_read(path_of("CODE.fd"), 1u << 20, &firmware, "test", &err));
        OK(sv_file_write(path_of("CODE.keys.fd"), 0644, sv_buf_bytes(&firmware), &err));
        OK(sv_file_write(path_of("VARS.keys.fd"), 0644, sv_bytes(store, sizeof(store)), &err));
        OK(sv_vtpm_measure(&g, &m, &err));
        assert_non_null(strstr(reason(&m, "4"), "Secure Boot"));
        assert_non_null(strstr(reason(&m, "9"), "Secure Boot"));
        assert_null(value(&m, "sha256", "4"));
        assert_string_equal(step(&m, "variable PK")->what, "variable PK, 3 bytes");
        sv_measurement_free(&m);
        /* an image of ours is measured as without it, and so is who signed it */
        write_image("signed", parts, 2);
        set(&g.kernel, NULL);
        set(&g.initrd, NULL);
        set(&g.cmdline, NULL);
        set(&g.uki, path_of("signed"));
        OK(sv_vtpm_measure(&g, &m, &err));
        assert_null(reason(&m, "4"));
        assert_non_null(strstr(reason(&m, "7"), "Secure Boot"));
        assert_null(reason(&m, "8"));
        sv_measurement_free(&m);
        /* a store that a guest has used */
        add_variable(store, &at, 0x3f, types, "MemoryTypeInformation", "types", 5);
        OK(sv_file_write(path_of("VARS.keys.fd"), 0644, sv_bytes(store, sizeof(store)), &err));
        OK(sv_measure_variables(&p, g.firmware, sv_buf_bytes(&firmware), &on, &err));
        assert_true(on);
        assert_non_null(strstr(reason(&p.m, "0"), "MemoryTypeInformation"));
        sv_measurement_free(&p.m);
}

static bool same_firmware(void)
{
        static const uint8_t want[4] = {0xb1, 0x57, 0xd9, 0x7b}; /* ovmf 2022.11-6+deb12u2 */
        uint8_t digest[SV_DIGEST_MAX];
        uint64_t size;

        return sv_digest_file(SV_SHA256, OVMF, digest, &size, NULL) == 0 &&
               !memcmp(digest, want, 4);
}

static void read_log(struct sv_buf *bytes, struct sv_tcg_log *log)
{
        OK(sv_file_read(vector_path("eventlog/debian12-ovmf4m-linux61.bin"), 1u << 20, bytes,
                        "test", &err));
        OK(sv_tcg_log_parse(sv_buf_bytes(bytes), &sv_registers_pcr, log, &err));
}

/* All but the kernel's and the initramfs' own digests are of that boot. */
static void test_real_firmware(void **state)
{
        struct sv_measurement m = {0};
        struct sv_explain x = {0};
        SV_GUEST g = guest(OVMF);
        SV_BUF bytes = SV_BUF_NULL;
        SV_TCG_LOG log = {0};
        size_t differ = 0;
        char text[768];

        if (!same_firmware()) {
                print_message("SKIP: %s is not the one of ovmf 2022.11-6+deb12u2\n", OVMF);
                skip();
        }
        OK(sv_vtpm_measure(&g, &m, &err));
        assert_string_equal(value(&m, "sha256", "0"),
                            "3e695b1035f9b7fa5ade7430fc93730efab93bcb6c0a843cdab260323f7734c4");
        assert_string_equal(value(&m, "sha256", "7"),
                            "65caf8dd1e0ea7a6347b635d2b379c93b9a1351edc2afc3ecda700e534eb3068");
        read_log(&bytes, &log);
        OK(sv_explain(&m, &log, &sv_vtpm_explain_form, &x, &err));
        for (size_t i = 0; i < x.n; i++) {
                if (x.rows[i].same)
                        continue;
                sv_explain_text(&x, &x.rows[i], text);
                assert_true(x.rows[i].reg == 1 || strstr(text, ": another kernel") ||
                            strstr(text, ": another initramfs"));
                differ++;
        }
        /* PCR 1 has three events, one predicted at another place */
        assert_int_equal(differ, 3 + 2);
        assert_int_equal(x.first->reg, 4);
        sv_explain_free(&x);
        sv_measurement_free(&m);
}

/* What is shown of a log; one that is cut is malformed, and not another kind of file. */
static void test_inspect(void **state)
{
        SV_BUF bytes = SV_BUF_NULL;
        SV_TCG_LOG log = {0};
        SV_JSON *j = NULL, *none = NULL;

        read_log(&bytes, &log);
        OK(sv_vtpm_inspect(sv_buf_bytes(&bytes), &j, &err));
        assert_string_equal(sv_json_str(sv_json_get(j, "kind")), "event-log");
        assert_int_equal(sv_json_len(sv_json_get(j, "events")), log.n);
        FAILS(sv_vtpm_inspect(sv_bytes(bytes.p, bytes.n - 1), &none, &err), SV_FORMAT,
              "eventlog.event");
        OK(sv_vtpm_inspect(sv_bytes_str("no log"), &none, &err));
        assert_null(none);
}

/* A prediction made of a log is equal to it; then one event is another. */
static void test_explain(void **state)
{
        static const char *const meanings[] = {"another initramfs", "another command line"};
        SV_BUF bytes = SV_BUF_NULL;
        SV_TCG_LOG log = {0};
        struct sv_measurement m = {.values = sv_json_object()};
        struct sv_json *bank = sv_json_set(m.values, "sha256", sv_json_object());
        struct sv_explain x = {0};
        char text[768];

        read_log(&bytes, &log);
        sv_json_set_str(bank, "9", "");
        for (size_t i = 0; i < log.n; i++) {
                struct sv_measure_step *s = sv_measurement_step(&m);
                const struct sv_tcg_event *e = &log.events[i];

                snprintf(s->reg, sizeof(s->reg), "pcr%u", e->reg);
                snprintf(s->what, sizeof(s->what), "%s",
                         e->reg != 9 ? "event"
                         : i % 2     ? "command line"
                                     : "initramfs");
                for (int b = 0; b < 2; b++) {
                        struct sv_bytes d = sv_tcg_digest(&log, e, b ? SV_SHA384 : SV_SHA256);

                        memcpy(s->digest[b], d.p, d.n);
                        s->digest_size[b] = d.n;
                }
        }
        OK(sv_explain(&m, &log, &sv_vtpm_explain_form, &x, &err));
        assert_int_equal(x.n, log.n);
        assert_null(x.first);
        sv_explain_free(&x);
        for (size_t i = 0; i < log.n; i++) {
                m.steps[i].digest[1][47] ^= 1; /* in the other bank only */
                OK(sv_explain(&m, &log, &sv_vtpm_explain_form, &x, &err));
                assert_int_equal(x.first != NULL, log.events[i].reg == 9);
                if (x.first)
                        assert_non_null(
                                strstr(sv_explain_text(&x, x.first, text), meanings[i % 2]));
                sv_explain_free(&x);
                m.steps[i].digest[1][47] ^= 1;
        }
        m.n_steps = 0;
        OK(sv_explain(&m, &log, &sv_vtpm_explain_form, &x, &err));
        assert_non_null(strstr(sv_explain_text(&x, x.first, text), "not predicted"));
        sv_explain_free(&x);
        sv_measurement_free(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_small),          cmocka_unit_test(test_what_moves),
                cmocka_unit_test(test_measured_image), cmocka_unit_test(test_registers),
                cmocka_unit_test(test_boot_check),     cmocka_unit_test(test_refuses),
                cmocka_unit_test(test_secure_boot),    cmocka_unit_test(test_real_firmware),
                cmocka_unit_test(test_explain),        cmocka_unit_test(test_inspect),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
