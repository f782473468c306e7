/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of ovmf/, each at its value and one step past it. */
#include "base/core/file.h"
#include "ovmf/eventlog.h"
#include "ovmf/igvm.h"
#include "ovmf/lzma.h"
#include "ovmf/pe.h"
#include "ovmf/sevmeta.h"
#include "ovmf/tdvf.h"
#include "ovmf/varstore.h"
#include "tests/unit/limits.h"
#include "tests/unit/make_boot.h"
#include "tests/unit/make_firmware.h"
#include "tests/unit/tdvf.h"

static int take_image(size_t n, struct sv_err *err)
{
        SV_BUF image = SV_BUF_NULL;
        struct sv_footer footer;

        make_image(&image, n, SV_BYTES_NULL, NULL, 0);
        return sv_footer_parse(sv_buf_bytes(&image), &footer, err);
}

static int take_entries(size_t n, struct sv_err *err)
{
        struct footer_entry entries[SV_FOOTER_ENTRIES_MAX + 1];
        char guids[SV_FOOTER_ENTRIES_MAX + 1][37];
        SV_BUF image = SV_BUF_NULL;
        struct sv_footer footer;

        for (size_t i = 0; i < n; i++) {
                snprintf(guids[i], 37, "%08x-0000-0000-0000-000000000000", (uint16_t)i);
                entries[i] = (struct footer_entry){guids[i], SV_BYTES_NULL};
        }
        make_image(&image, 4096, SV_BYTES_NULL, entries, n);
        return sv_footer_parse(sv_buf_bytes(&image), &footer, err);
}

static int take_sev_sections(size_t n, struct sv_err *err)
{
        const uint8_t from_end[4] = {0, 0x10}; /* the metadata begin the image */
        const struct footer_entry entry = {SV_GUID_SEV_METADATA, sv_bytes(from_end, 4)};
        SV_BUF image = SV_BUF_NULL;
        SV_BUF meta = SV_BUF_NULL;
        struct sv_footer footer;
        struct sv_sev_meta out;

        sv_buf_puts(&meta, "ASEV");
        sv_buf_u32le(&meta, (uint32_t)(16 + 12 * n));
        sv_buf_u32le(&meta, 1);
        sv_buf_u32le(&meta, (uint32_t)n);
        for (size_t i = 0; i < n; i++) {
                sv_buf_u32le(&meta, (uint32_t)(0x800000 + 0x1000 * i));
                sv_buf_u32le(&meta, 0x1000);
                sv_buf_u32le(&meta, SV_SEV_SEC_MEM);
        }
        make_image(&image, 4096, sv_buf_bytes(&meta), &entry, 1);
        assert_int_equal(sv_footer_parse(sv_buf_bytes(&image), &footer, err), 0);
        return sv_sev_meta_parse(&footer, &out, err);
}

static int take_tdvf_sections(size_t n, struct sv_err *err)
{
        struct tdvf_row rows[SV_TDVF_SECTIONS_MAX + 1];
        SV_BUF image = SV_BUF_NULL;
        struct sv_tdvf tdvf;

        for (size_t i = 0; i < n; i++)
                rows[i] = i < 3 ? tdvf_good[i]
                                : (struct tdvf_row){
                                          0, 0, 0x900000 + 0x1000 * i, 4096, SV_TDVF_TEMP_MEM, 0};
        tdvf_build(&image, rows, (uint32_t)n, 1);
        return sv_tdvf_parse(sv_buf_bytes(&image), &tdvf, err);
}

static int take_area(uint64_t bytes, uint32_t index, struct sv_err *err)
{
        SV_BUF headers = SV_BUF_NULL;
        SV_BUF area = SV_BUF_NULL;
        SV_BUF file = SV_BUF_NULL;
        struct sv_igvm igvm;

        sv_buf_u64le(&area, bytes);
        sv_buf_u32le(&area, index);
        sv_buf_u32le(&area, 0);
        put_igvm_platform(&headers, 1, SV_IGVM_SEV_SNP);
        put_igvm_header(&headers, 0x301, sv_buf_bytes(&area));
        make_igvm(&file, sv_buf_bytes(&headers));
        return sv_igvm_parse(sv_buf_bytes(&file), SV_IGVM_SEV_SNP, &igvm, err);
}

static int take_areas(size_t n, struct sv_err *err)
{
        return take_area(4096, (uint32_t)(n - 1), err);
}

static int take_area_size(size_t n, struct sv_err *err)
{
        return take_area(n, 0, err);
}

/* The decoder has some memory beside its dictionary: one MiB is more than that. */
static int take_dictionary(size_t n, struct sv_err *err)
{
        size_t section = 96 + 24, dictionary = n - (1u << 20);
        SV_BUF small = SV_BUF_NULL;
        SV_BUF out = SV_BUF_NULL;

        assert_int_equal(
                sv_file_read(vector_path("firmware/small.fd"), 1u << 20, &small, "test", err), 0);
        put32(small.p, section + 24 + 1, (uint32_t)dictionary);
        return sv_lzma_decode(sv_bytes(small.p + section + 24,
                                       (small.p[section] | small.p[section + 1] << 8) - 24u),
                              4096, &out, err);
}

static int take_variables(size_t n, struct sv_err *err)
{
        static uint8_t store[STORE_SIZE + 100 * (SV_VARIABLES_MAX + 1)];
        static const uint8_t vendor[16] = {1};
        static struct sv_varstore out;
        size_t at = STORE_FIRST;

        memset(store, 0xff, sizeof(store));
        make_store(store);
        put32(store, 32, sizeof(store));
        put32(store, 88, sizeof(store) - 72);
        for (size_t i = 0; i < n; i++) {
                char name[24];

                snprintf(name, sizeof(name), "V%zu", i);
                add_variable(store, &at, 0x3f, vendor, name, "x", 1);
        }
        return sv_varstore_parse(sv_bytes(store, sizeof(store)), &out, err);
}

static int take_pe_sections(size_t n, struct sv_err *err)
{
        static uint8_t image[0x2000];
        size_t table = KERNEL_PE + 24 + 160;
        struct sv_pe pe;

        memset(image, 0, sizeof(image));
        make_kernel(image);
        put16(image, KERNEL_PE + 6, (unsigned)n);
        put32(image, KERNEL_PE + 24 + 60, 0x1800);
        put32(image, KERNEL_PE + 24 + 148, 0);
        for (size_t i = 0; i < n; i++) {
                put32(image, table + 40 * i + 16, 1);
                put32(image, table + 40 * i + 20, (uint32_t)(0x1800 + i));
        }
        return sv_pe_parse(sv_bytes(image, sizeof(image)), &pe, err);
}

static int take_signatures(size_t n, struct sv_err *err)
{
        struct sv_bytes out[SV_PE_SIGNATURES_MAX];
        uint8_t image[KERNEL_SIZE];
        size_t found;

        make_kernel(image);
        put32(image, KERNEL_PE + 24 + 148, (uint32_t)(8 * n));
        for (size_t i = 0; i < n; i++) {
                put32(image, KERNEL_CERTS + 8 * i, 8);
                put32(image, KERNEL_CERTS + 8 * i + 4, 0x00020200);
        }
        if (sv_pe_signatures(sv_bytes(image, KERNEL_CERTS + 8 * n), out, &found, err) < 0)
                return -1;
        assert_int_equal(found, n);
        return 0;
}

/* A log of SHA-256 digests without events. */
static void begin_log(struct sv_buf *b)
{
        static const uint8_t zeros[20];

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
}

static void add_event(struct sv_buf *b, size_t size)
{
        sv_buf_u32le(b, 0);
        sv_buf_u32le(b, SV_EV_SEPARATOR);
        sv_buf_u32le(b, 1);
        sv_buf_u16le(b, 0xb);
        memset(sv_buf_grow(b, 32), 0, 32);
        sv_buf_u32le(b, (uint32_t)size);
        memset(sv_buf_grow(b, size), 0, size);
}

static int parse_log(const struct sv_buf *b, const struct sv_registers *regs, size_t n_events,
                     struct sv_err *err)
{
        SV_TCG_LOG log = {0};

        if (sv_tcg_log_parse(sv_buf_bytes(b), regs, &log, err) < 0)
                return -1;
        assert_int_equal(log.n, n_events);
        return 0;
}

/* The log of a TD is an area that its firmware fills from the front. */
static int take_log(size_t n, struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        begin_log(&b);
        n -= b.n;
        memset(sv_buf_grow(&b, n), 0xff, n);
        return parse_log(&b, &sv_registers_rtmr, 0, err);
}

static int take_events(size_t n, struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        begin_log(&b);
        for (size_t i = 0; i < n; i++)
                add_event(&b, 0);
        return parse_log(&b, &sv_registers_pcr, n, err);
}

static int take_event(size_t n, struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        begin_log(&b);
        add_event(&b, n);
        return parse_log(&b, &sv_registers_pcr, 1, err);
}

static void every_limit(void **state)
{
        static const struct limit_case cases[] = {
                LIMIT(SV_OVMF_SIZE_MAX, 4096, take_image, SV_FORMAT, "ovmf.size"),
                LIMIT(SV_FOOTER_ENTRIES_MAX, 1, take_entries, SV_FORMAT, "ovmf.footer.entry"),
                LIMIT(SV_SEV_SECTIONS_MAX, 1, take_sev_sections, SV_FORMAT, "ovmf.sev.metadata"),
                LIMIT(SV_TDVF_SECTIONS_MAX, 1, take_tdvf_sections, SV_FORMAT, "ovmf.tdvf"),
                LIMIT(SV_IGVM_AREAS_MAX, 1, take_areas, SV_FORMAT, "igvm.parameter"),
                LIMIT(SV_IGVM_AREA_SIZE_MAX, 4096, take_area_size, SV_FORMAT, "igvm.parameter"),
                LIMIT(SV_LZMA_MEMORY_MAX, 1u << 20, take_dictionary, SV_FORMAT, "ovmf.lzma"),
                LIMIT(SV_VARIABLES_MAX, 1, take_variables, SV_FORMAT, "ovmf.varstore.variable"),
                LIMIT(SV_PE_SECTIONS_MAX, 1, take_pe_sections, SV_FORMAT, "ovmf.pe.sections"),
                LIMIT(SV_PE_SIGNATURES_MAX, 1, take_signatures, SV_FORMAT, "ovmf.pe.certificates"),
                LIMIT(SV_EVENTLOG_SIZE_MAX, 1, take_log, SV_FORMAT, "eventlog.size"),
                LIMIT(SV_EVENTLOG_EVENTS_MAX, 1, take_events, SV_FORMAT, "eventlog.events"),
                LIMIT(SV_EVENT_SIZE_MAX, 1, take_event, SV_FORMAT, "eventlog.size"),
        };

        try_limits(cases, sizeof(cases) / sizeof(*cases));
}

/* Headers that are read over, and those between them that nobody knows. */
static void known_igvm_headers(void **state)
{
        static const uint32_t known[] = {0x305, 0x307, 0x308, 0x309, 0x30a, 0x30b, 0x30c,
                                         0x30d, 0x30e, 0x30f, 0x310, 0x311, 0x312, 0x313};

        for (uint32_t type = 0x305; type < 0x320; type++) {
                SV_BUF headers = SV_BUF_NULL, file = SV_BUF_NULL;
                struct sv_igvm igvm;
                struct sv_err err;
                bool is_known = false;

                for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
                        is_known |= known[i] == type;
                put_igvm_platform(&headers, 1, SV_IGVM_SEV_SNP);
                put_igvm_header(&headers, type | 1u << 31, sv_bytes("12345678", 8));
                make_igvm(&file, sv_buf_bytes(&headers));
                OK(sv_igvm_parse(sv_buf_bytes(&file), SV_IGVM_SEV_SNP, &igvm, &err));
                sv_buf_clear(&headers);
                put_igvm_platform(&headers, 1, SV_IGVM_SEV_SNP);
                put_igvm_header(&headers, type, sv_bytes("12345678", 8));
                make_igvm(&file, sv_buf_bytes(&headers));
                if (is_known)
                        OK(sv_igvm_parse(sv_buf_bytes(&file), SV_IGVM_SEV_SNP, &igvm, &err));
                else
                        FAILS(sv_igvm_parse(sv_buf_bytes(&file), SV_IGVM_SEV_SNP, &igvm, &err),
                              SV_FORMAT, "igvm.unknown");
        }
}

/* A GUID's text and its bytes in memory (UEFI, appendix A). */
static void guid_of_text(void **state)
{
        static const uint8_t raw[16] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
                                        0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
        static const char text[] = "00112233-4455-6677-8899-aabbccddeeff";
        char out[64] = "";
        uint8_t back[16];

        assert_string_equal(sv_guid_text(raw, out), text);
        sv_guid_raw(text, back);
        assert_memory_equal(back, raw, 16);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(every_limit),
                                           cmocka_unit_test(known_igvm_headers),
                                           cmocka_unit_test(guid_of_text)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
