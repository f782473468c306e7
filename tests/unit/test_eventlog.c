/* SPDX-License-Identifier: Apache-2.0 */
/* ovmf/eventlog: a real boot's log replays to the PCRs of that boot; a small log, one field changed
 * at a time. */
#include "base/core/encoding.h"
#include "unit.h"

#include "base/core/file.h"
#include "ovmf/eventlog.h"

static struct sv_err err;

static void read_vector(const char *name, struct sv_buf *out)
{
        char rel[100];

        snprintf(rel, sizeof(rel), "eventlog/%s", name);
        OK(sv_file_read(vector_path(rel), 1u << 20, out, "test", &err));
}

static void test_real_boot(void **state)
{
        SV_BUF bytes = SV_BUF_NULL;
        SV_BUF list = SV_BUF_NULL;
        SV_TCG_LOG log = {0};
        unsigned compared = 0;

        read_vector("debian12-ovmf4m-linux61.bin", &bytes);
        read_vector("debian12-ovmf4m-linux61.pcrs", &list);
        OK(sv_tcg_log_parse(sv_buf_bytes(&bytes), &sv_registers_pcr, &log, &err));
        assert_int_equal(log.n_algs, 2);
        for (const char *p = sv_buf_str(&list); *p; p = strchr(p, '\n') + 1) {
                uint8_t pcrs[SV_TCG_PCRS][SV_DIGEST_MAX];
                char bank[16], want[2 * SV_DIGEST_MAX + 1], got[2 * SV_DIGEST_MAX + 1];
                uint32_t seen;
                unsigned pcr;

                assert_int_equal(sscanf(p, "%15s %u %128s", bank, &pcr, want), 3);
                OK(sv_tcg_log_replay(&log, sv_digest_by_name(bank), pcrs, &seen, &err));
                assert_int_equal(seen, 0x2ff);
                if (pcr == 10) /* IMA's, after the firmware's log */
                        continue;
                assert_string_equal(
                        sv_hex(sv_bytes(pcrs[pcr], sv_digest_size(sv_digest_by_name(bank))), got),
                        want);
                compared++;
        }
        assert_in_range(compared, 30, 48);
}

/* Where things lie in the small log. */
enum {
        ALGS = 32 + 24,
        EVENT = 32 + 33,
        COUNT = EVENT + 8,
        ALG = COUNT + 4,
        SIZE = ALG + 2 + 32,
        END = SIZE + 4 + 4
};

static void make(struct sv_buf *b, uint32_t type, struct sv_bytes data)
{
        static const uint8_t zeros[32];

        sv_buf_u32le(b, 0);
        sv_buf_u32le(b, SV_EV_NO_ACTION);
        sv_buf_put(b, sv_bytes(zeros, 20));
        sv_buf_u32le(b, 33);
        sv_buf_put(b, sv_bytes("Spec ID Event03", 16));
        sv_buf_u32le(b, 0);
        sv_buf_u32le(b, 0x02000200);
        sv_buf_u32le(b, 1);
        sv_buf_u16le(b, 0xb);
        sv_buf_u16le(b, 32);
        sv_buf_u8(b, 0);
        sv_buf_u32le(b, 0);
        sv_buf_u32le(b, type);
        sv_buf_u32le(b, 1);
        sv_buf_u16le(b, 0xb);
        sv_buf_put(b, sv_bytes(zeros, 32));
        sv_buf_u32le(b, (uint32_t)data.n);
        sv_buf_put(b, data);
}

static void test_one_field(void **state)
{
        static const struct {
                size_t offset;
                uint8_t value;
                const char *check;
        } cases[] = {
                {0, 1, "eventlog.header"},
                {4, 4, "eventlog.header"},
                {32, 'X', "eventlog.header"},
                {28, 34, "eventlog.header"},
                {28, 32, "eventlog.header"},
                {ALGS, 0, "eventlog.algorithms"},
                {ALGS, 9, "eventlog.algorithms"},
                {ALGS + 6, 20, "eventlog.algorithms"},
                {ALGS + 6, 0, "eventlog.algorithms"},
                {EVENT, 24, "eventlog.register"},
                {COUNT, 0, "eventlog.digests"},
                {COUNT, 2, "eventlog.digests"},
                {ALG, 0xc, "eventlog.digests"},
                {SIZE, 5, "eventlog.event"},
                {SIZE, 3, "eventlog.event"},
                {SIZE + 3, 1, "eventlog.size"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                SV_BUF b = SV_BUF_NULL;
                SV_TCG_LOG log = {0};

                make(&b, SV_EV_SEPARATOR, sv_bytes("\0\0\0", 4));
                assert_int_equal(b.n, END);
                OK(sv_tcg_log_parse(sv_buf_bytes(&b), &sv_registers_pcr, &log, &err));
                sv_tcg_log_free(&log);
                b.p[cases[i].offset] = cases[i].value;
                FAILS(sv_tcg_log_parse(sv_buf_bytes(&b), &sv_registers_pcr, &log, &err), SV_FORMAT,
                      cases[i].check);
        }
}

static void test_every_cut(void **state)
{
        SV_BUF b = SV_BUF_NULL;

        make(&b, SV_EV_SEPARATOR, sv_bytes("\0\0\0", 4));
        for (size_t n = 0; n < b.n; n++) {
                SV_TCG_LOG log = {0};

                if (n == EVENT) /* a log without events is one */
                        continue;
                FAILS(sv_tcg_log_parse(sv_bytes(b.p, n), &sv_registers_pcr, &log, &err), SV_FORMAT,
                      n < EVENT ? "eventlog.header" : "eventlog.event");
        }
}

static void test_locality(void **state)
{
        uint8_t pcrs[SV_TCG_PCRS][SV_DIGEST_MAX];
        SV_BUF b = SV_BUF_NULL;
        SV_TCG_LOG log = {0};
        uint32_t seen;

        make(&b, SV_EV_NO_ACTION, sv_bytes("StartupLocality\0\3", 17));
        OK(sv_tcg_log_parse(sv_buf_bytes(&b), &sv_registers_pcr, &log, &err));
        OK(sv_tcg_log_replay(&log, SV_SHA256, pcrs, &seen, &err));
        assert_int_equal(seen, 0);
        assert_int_equal(pcrs[0][31], 3);
        assert_int_equal(pcrs[17][0], 0xff);
        FAILS(sv_tcg_log_replay(&log, SV_SHA384, pcrs, &seen, &err), SV_FORMAT, "eventlog.bank");
}

static void test_describe(void **state)
{
        SV_BUF bytes = SV_BUF_NULL;
        SV_TCG_LOG log = {0};
        char text[192];
        bool variable = false, initrd = false;

        read_vector("debian12-ovmf4m-linux61.bin", &bytes);
        OK(sv_tcg_log_parse(sv_buf_bytes(&bytes), &sv_registers_pcr, &log, &err));
        for (size_t i = 0; i < log.n; i++) {
                sv_tcg_describe(&log.events[i], text);
                variable |= strcmp(text, "variable SecureBoot, 1 bytes") == 0;
                initrd |= strcmp(text, "Linux initrd") == 0;
                assert_string_not_equal(sv_tcg_type_name(log.events[i].type), "unknown");
        }
        assert_true(variable && initrd);
        assert_string_equal(sv_tcg_type_name(0x12345), "unknown");
}

/* An area that was not filled: zeros or ones behind the last event. Less than an event's head could
 * be one that is cut short. */
static void test_fill(void **state)
{
        static const struct {
                uint8_t byte;
                size_t n;
                const char *check;
        } cases[] = {{0, 8, NULL},
                     {0xff, 8, NULL},
                     {0, 4096, NULL},
                     {0, 7, "eventlog.event"},
                     {0xff, 7, "eventlog.event"},
                     {1, 64, "eventlog.digests"}};

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                SV_BUF b = SV_BUF_NULL;
                SV_TCG_LOG log = {0};

                make(&b, SV_EV_SEPARATOR, sv_bytes("\0\0\0", 4));
                for (size_t k = 0; k < cases[i].n; k++)
                        sv_buf_u8(&b, cases[i].byte);
                if (cases[i].check) {
                        FAILS(sv_tcg_log_parse(sv_buf_bytes(&b), &sv_registers_pcr, &log, &err),
                              SV_FORMAT, cases[i].check);
                        continue;
                }
                OK(sv_tcg_log_parse(sv_buf_bytes(&b), &sv_registers_pcr, &log, &err));
                assert_int_equal(log.n, 1);
        }
}

/* What a line of the log says that names this register. */
static const char *describe_last(const struct sv_tcg_log *log, uint32_t reg, char text[192])
{
        *text = 0;
        for (size_t i = 0; i < log->n; i++)
                if (log->events[i].reg == reg && log->events[i].type != SV_EV_SEPARATOR)
                        sv_tcg_describe(&log->events[i], text);
        return text;
}

static void test_loader_text(void **state)
{
        SV_BUF bytes = SV_BUF_NULL;
        SV_TCG_LOG log = {0};
        char text[192];

        OK(sv_file_read(vector_path("field/eventlog/systemd-stub-utf16.bin"), 1u << 20, &bytes,
                        "test", &err));
        OK(sv_tcg_log_parse(sv_buf_bytes(&bytes), &sv_registers_pcr, &log, &err));
        assert_string_equal(describe_last(&log, 12, text),
                            " console=ttyS0 console=tty0 efi=debug ");
}

/* Node by node, and each length of the path changed. */
static void test_image_path(void **state)
{
        static const uint8_t path[] = {4, 4, 10, 0, 'a', 0, '\\', 0, 0, 0, 0x7f, 0xff, 4, 0};
        static const struct {
                size_t at;
                uint8_t value;
                const char *text;
        } cases[] = {{0, 4, "boot application a\\"}, {0, 3, "boot application"}, /* no medium */
                     {1, 6, "boot application"},    /* a firmware file's name has 16 bytes */
                     {2, 3, "boot application"},    /* less than its own head */
                     {2, 0xff, "boot application"}, /* beyond the path */
                     {5, 1, "boot application ?\\"}};

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                SV_BUF b = SV_BUF_NULL;
                struct sv_tcg_event e = {.type = SV_EV_EFI_BOOT_SERVICES_APPLICATION};
                char text[192];

                for (int k = 0; k < 3; k++)
                        sv_buf_u64le(&b, 0);
                sv_buf_u64le(&b, sizeof(path));
                sv_buf_put(&b, sv_bytes(path, sizeof(path)));
                b.p[32 + cases[i].at] = cases[i].value;
                e.data = sv_buf_bytes(&b);
                assert_string_equal(sv_tcg_describe(&e, text), cases[i].text);
                e.data.n--; /* the path is said to be longer than it is */
                assert_string_equal(sv_tcg_describe(&e, text), "boot application");
        }
}

static void test_sha1_log(void **state)
{
        uint8_t pcrs[SV_TCG_PCRS][SV_DIGEST_MAX];
        SV_BUF b = SV_BUF_NULL;
        SV_TCG_LOG log = {0};
        char hex[41], text[192];
        uint32_t seen;

        OK(sv_file_read(vector_path("field/eventlog/sha1-only.bin"), 1u << 20, &b, "test", &err));
        FAILS(sv_tcg_log_parse(sv_buf_bytes(&b), &sv_registers_pcr, &log, &err), SV_FORMAT,
              "eventlog.sha1");
        OK(sv_tcg_log_parse_sha1(sv_buf_bytes(&b), &log, &err));
        assert_int_equal(log.n, 17);
        OK(sv_tcg_log_replay(&log, SV_SHA1, pcrs, &seen, &err));
        /* separators only: SHA-1 over 20 zeros and SHA-1 over four */
        assert_string_equal(sv_hex(sv_bytes(pcrs[2], 20), hex),
                            "b2a83b0ebf2f8374299a5b2bdfc31ea955ad7236");
        sv_tcg_describe(&log.events[15], text);
        assert_string_equal(text, "boot application \\EFI\\ubuntu\\shimx64.efi");
        sv_tcg_log_free(&log);
        for (size_t n = 0, whole = 0; n < b.n; n++) {
                bool is = sv_tcg_log_is_sha1(sv_bytes(b.p, n));

                whole += is;
                if (is) {
                        OK(sv_tcg_log_parse_sha1(sv_bytes(b.p, n), &log, &err));
                        assert_int_equal(log.n, whole);
                        sv_tcg_log_free(&log);
                } else {
                        FAILS(sv_tcg_log_parse_sha1(sv_bytes(b.p, n), &log, &err), SV_FORMAT,
                              "eventlog.header");
                }
        }
        b.p[0] = SV_TCG_PCRS;
        assert_false(sv_tcg_log_is_sha1(sv_buf_bytes(&b)));
        b.p[0] = 0;
        b.p[6] = 1; /* a type that nobody knows */
        assert_false(sv_tcg_log_is_sha1(sv_buf_bytes(&b)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_real_boot),   cmocka_unit_test(test_one_field),
                cmocka_unit_test(test_every_cut),   cmocka_unit_test(test_locality),
                cmocka_unit_test(test_describe),    cmocka_unit_test(test_fill),
                cmocka_unit_test(test_loader_text), cmocka_unit_test(test_image_path),
                cmocka_unit_test(test_sha1_log),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
