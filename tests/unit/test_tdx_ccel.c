/* SPDX-License-Identifier: Apache-2.0 */
/* tdx/ccel: logs of real TDs replay to the registers that their quotes carry; a small log with one
 * field changed at a time; every cut. */
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/json/json.h"
#include "tdx/verify/ccel.h"
#include "tdx/verify/quote.h"
#include "tests/unit/unit.h"

static struct sv_err err;

static void read_vector(const char *folder, const char *name, struct sv_buf *out)
{
        char path[200];

        snprintf(path, sizeof(path), "tdx/%s/%s", folder, name);
        OK(sv_file_read(vector_path(path), 8u << 20, out, "test", &err));
}

/* How many of RTMR0 to RTMR3 (bit by bit) are the quote's. */
static unsigned agree(const struct sv_tdx_ccel *c, const struct sv_quote *q)
{
        unsigned bits = 0;

        for (unsigned i = 0; i < SV_TDX_RTMRS; i++)
                bits |= (unsigned)(memcmp(c->rtmr[i], q->td.rtmr[i], 48) == 0) << i;
        return bits;
}

static void real_pairs(void **state)
{
        static const struct {
                const char *log, *quote;
                size_t events;
                unsigned agree;
        } t[] = {
                {"cos113.data.bin", "gtg-cos113.bin", 43, 0xf},
                /* of another firmware, the same disk */
                {"goeventlog-cos113-dupe-separator.bin", "gtg-cos113.bin", 43, 0xc},
                {"dstack-ccel.bin", "dq-tappd-v4.bin", 18, 0x5},
                {"evidence-api-ccel.bin", "ev-preprod-root.bin", 98, 0x3 | 8},
        };
        bool rtmr3;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF log = SV_BUF_NULL;
                SV_BUF raw = SV_BUF_NULL;
                struct sv_tdx_ccel c;
                struct sv_quote q;

                read_vector("ccel", t[i].log, &log);
                read_vector("quotes", t[i].quote, &raw);
                OK(sv_quote_parse(sv_buf_bytes(&raw), &q, &err));
                OK(sv_tdx_ccel_replay(sv_buf_bytes(&log), &c, &err));
                assert_int_equal(c.events, t[i].events);
                assert_int_equal(agree(&c, &q), t[i].agree);
                if ((t[i].agree & 7) == 7) {
                        OK(sv_tdx_ccel_check(sv_buf_bytes(&log), (const uint8_t(*)[48])q.td.rtmr,
                                             &rtmr3, &err));
                        assert_true(rtmr3);
                } else {
                        FAILS(sv_tdx_ccel_check(sv_buf_bytes(&log), (const uint8_t(*)[48])q.td.rtmr,
                                                &rtmr3, &err),
                              SV_PROOF, "tdx.ccel.replay");
                }
        }
        print_message("%zu event logs beside their quotes\n", sizeof(t) / sizeof(t[0]));
}

/* Every log parses to its events, and to its digests where another parser wrote them down. */
static void real_logs(void **state)
{
        static const struct {
                const char *log;
                size_t events;
                const char *expected;
        } t[] = {
                {"trustee-CCEL_data.bin", 5, "trustee-CCEL_data_out.json"},
                {"trustee-CCEL_data_ovmf.bin", 20, "trustee-CCEL_data_ovmf_out.json"},
                {"trustee-CCEL_data_gcp.bin", 21, NULL},
                {"trustee-CCEL_data_grub_gke.bin", 35, NULL},
                {"trustee-CCEL_AAEL_alibabacloud.bin", 87, NULL},
                {"goeventlog-event_log.bin", 27, NULL},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF bytes = SV_BUF_NULL;
                SV_BUF text = SV_BUF_NULL;
                SV_JSON *j = NULL;
                SV_JSON *shown = NULL;
                SV_TCG_LOG log = {0};

                read_vector("ccel", t[i].log, &bytes);
                OK(sv_tcg_log_parse(sv_buf_bytes(&bytes), &sv_registers_rtmr, &log, &err));
                assert_int_equal(log.n, t[i].events);
                OK(sv_tdx_ccel_inspect(sv_buf_bytes(&bytes), &shown, &err));
                assert_int_equal(shown != NULL, i != 0); /* td-shim's begins as a TPM's does */
                if (!t[i].expected)
                        continue;
                read_vector("ccel", t[i].expected, &text);
                OK(sv_json_parse(sv_buf_bytes(&text), "test", &j, &err));
                for (size_t k = 0; k < log.n; k++) {
                        const struct sv_json *row =
                                sv_json_at(sv_json_get(j, "uefi_event_logs"), k);
                        char hex[97];

                        assert_string_equal(
                                sv_hex(sv_tcg_digest(&log, &log.events[k], SV_SHA384), hex),
                                sv_json_str(sv_json_pointer(row, "/digests/0/digest")));
                        assert_int_equal(sv_json_int(sv_json_get(row, "index"), -1),
                                         log.events[k].reg);
                }
        }
        print_message("%zu event logs of real TDs\n", sizeof(t) / sizeof(t[0]));
}

/* --- a small log --- */
enum {
        HEADER = 32 + 33,
        EVENT = HEADER,
        TYPE = EVENT + 4,
        COUNT = EVENT + 8,
        ALG = COUNT + 4,
        DIGEST = ALG + 2,
        SIZE = DIGEST + 48,
        END = SIZE + 4 + 4
};

static void put_header(struct sv_buf *b, uint32_t reg)
{
        static const uint8_t zeros[20];

        sv_buf_u32le(b, reg);
        sv_buf_u32le(b, SV_EV_NO_ACTION);
        sv_buf_put(b, sv_bytes(zeros, 20));
        sv_buf_u32le(b, 33);
        sv_buf_put(b, sv_bytes("Spec ID Event03", 16));
        sv_buf_u32le(b, 0);
        sv_buf_u32le(b, 0x02000200);
        sv_buf_u32le(b, 1);
        sv_buf_u16le(b, 0xc);
        sv_buf_u16le(b, 48);
        sv_buf_u8(b, 0);
}

static void put_event(struct sv_buf *b, uint32_t reg, uint32_t type, const uint8_t digest[48],
                      struct sv_bytes data)
{
        sv_buf_u32le(b, reg);
        sv_buf_u32le(b, type);
        sv_buf_u32le(b, 1);
        sv_buf_u16le(b, 0xc);
        sv_buf_put(b, sv_bytes(digest, 48));
        sv_buf_u32le(b, (uint32_t)data.n);
        sv_buf_put(b, data);
}

static void make(struct sv_buf *b, const char *fill)
{
        static const uint8_t digest[48] = {7};

        put_header(b, 1);
        put_event(b, 2, SV_EV_SEPARATOR, digest, sv_bytes("\0\0\0", 4));
        for (; *fill; fill++)
                sv_buf_u8(b, *fill == '0' ? 0 : *fill == 'f' ? 0xff : (uint8_t)*fill);
}

static void one_field(void **state)
{
        static const struct {
                size_t offset;
                uint8_t value;
                const char *check;
        } t[] = {
                {0, 2, "eventlog.header"},       {4, 4, "eventlog.header"},
                {32, 'X', "eventlog.header"},    {28, 34, "eventlog.header"},
                {56, 0, "eventlog.algorithms"},  {56, 9, "eventlog.algorithms"},
                {62, 20, "eventlog.algorithms"}, {EVENT, 0, "eventlog.register"},
                {EVENT, 5, "eventlog.register"}, {EVENT + 3, 0x80, "eventlog.register"},
                {COUNT, 0, "eventlog.digests"},  {COUNT, 2, "eventlog.digests"},
                {ALG, 0xb, "eventlog.digests"},  {SIZE, 50, "eventlog.event"},
                {SIZE + 3, 1, "eventlog.size"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF b = SV_BUF_NULL;
                struct sv_tdx_ccel c;

                make(&b, "ffffffff");
                OK(sv_tdx_ccel_replay(sv_buf_bytes(&b), &c, &err));
                assert_true(c.logged[1] && !c.logged[0] && !c.logged[2] && !c.logged[3]);
                b.p[t[i].offset] = t[i].value;
                FAILS(sv_tdx_ccel_replay(sv_buf_bytes(&b), &c, &err), SV_FORMAT, t[i].check);
        }
}

/* What may and may not stand behind the last event. */
static void fill(void **state)
{
        static const struct {
                const char *fill;
                bool ok;
        } t[] = {
                {"", true},
                {"f", true},
                {"0", true},
                {"ffffffffff", true},
                {"0000000000000000000000", true},
                {"0f", false},
                {"fffffffff0", false},
                {"00000000000000000000000000000000000x", false},
                {"x", false},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF b = SV_BUF_NULL;
                struct sv_tdx_ccel c;

                make(&b, t[i].fill);
                if (t[i].ok)
                        OK(sv_tdx_ccel_replay(sv_buf_bytes(&b), &c, &err));
                else
                        FAILS(sv_tdx_ccel_replay(sv_buf_bytes(&b), &c, &err), SV_FORMAT,
                              i == 7 ? "eventlog.digests" : "eventlog.event");
        }
}

static void every_cut(void **state)
{
        SV_BUF b = SV_BUF_NULL;
        struct sv_tdx_ccel c;

        make(&b, "");
        assert_int_equal(b.n, END);
        for (size_t n = 0; n < b.n; n++)
                if (n != EVENT) /* a log without events is one */
                        FAILS(sv_tdx_ccel_replay(sv_bytes(b.p, n), &c, &err), SV_FORMAT,
                              n < EVENT ? "eventlog.header" : "eventlog.event");
}

/* A log written down as JSON, register and digest: made into one of ours. */
static void from_json(const char *name, struct sv_buf *out)
{
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *j = NULL;

        read_vector("ccel", name, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &j, &err));
        put_header(out, 1);
        for (size_t i = 0; i < sv_json_len(j); i++) {
                SV_BUF digest = SV_BUF_NULL;

                if (!*sv_json_str(sv_json_get(sv_json_at(j, i), "digest"))) /* left out */
                        continue;
                OK(sv_json_need_hex(sv_json_at(j, i), "digest", &digest, "test", &err));
                assert_int_equal(digest.n, 48);
                put_event(out, 1 + (uint32_t)sv_json_int(sv_json_get(sv_json_at(j, i), "imr"), 9),
                          SV_EV_EFI_ACTION, digest.p, sv_bytes("x", 1));
        }
}

static void written_down(void **state)
{
        static const struct {
                const char *log, *quote;
                bool rtmr3;
        } t[] = {{"dstack-sim-eventlog.json", "pd-sim-v4.bin", true},
                 {"ds-lite-eventlog.json", "ds-lite-v4.bin", false}};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF log = SV_BUF_NULL;
                SV_BUF raw = SV_BUF_NULL;
                struct sv_quote q;
                bool rtmr3;

                from_json(t[i].log, &log);
                read_vector("quotes", t[i].quote, &raw);
                OK(sv_quote_parse(sv_buf_bytes(&raw), &q, &err));
                OK(sv_tdx_ccel_check(sv_buf_bytes(&log), (const uint8_t(*)[48])q.td.rtmr, &rtmr3,
                                     &err));
                assert_int_equal(rtmr3, t[i].rtmr3);
                for (unsigned k = 0; k < 3; k++) { /* any register but RTMR3 counts */
                        q.td.rtmr[k][47] ^= 1;
                        FAILS(sv_tdx_ccel_check(sv_buf_bytes(&log), (const uint8_t(*)[48])q.td.rtmr,
                                                &rtmr3, &err),
                              SV_PROOF, "tdx.ccel.replay");
                        q.td.rtmr[k][47] ^= 1;
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(real_pairs), cmocka_unit_test(real_logs),
                cmocka_unit_test(one_field),  cmocka_unit_test(fill),
                cmocka_unit_test(every_cut),  cmocka_unit_test(written_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
