/* SPDX-License-Identifier: Apache-2.0 */
/* What ovmf/ refuses: tables made here, one thing wrong in each, one check name expected. */
#include "ovmf/explain.h"
#include "ovmf/hashtable.h"
#include "ovmf/igvm.h"
#include "ovmf/tdvf.h"
#include "ovmf/volumes.h"
#include "tests/unit/make_firmware.h"

static struct sv_err err;

#define GUID_A     "aaaaaaaa-0000-0000-0000-000000000000"
#define GUID_B     "bbbbbbbb-0000-0000-0000-000000000000"
/* An object literal of bytes as struct sv_bytes. */
#define BYTES(...) sv_bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void footer(void **state)
{
        const struct footer_entry good[] = {{GUID_A, BYTES(1, 0, 0, 0)}, {GUID_B, SV_BYTES_NULL}};
        const struct footer_entry twice[] = {good[0], good[1], good[0]};
        SV_BUF image = SV_BUF_NULL;
        struct sv_footer f;
        uint32_t words[2];
        size_t end;

        make_image(&image, 4096, SV_BYTES_NULL, good, 2);
        OK(sv_footer_parse(sv_buf_bytes(&image), &f, &err));
        assert_int_equal(f.n, 2);
        assert_string_equal(f.entries[0].guid, GUID_B);
        OK(sv_footer_words(&f, GUID_A, "A", words, 1, &err));
        assert_int_equal(words[0], 1);
        FAILS(sv_footer_words(&f, GUID_A, "A", words, 2, &err), SV_FORMAT, "ovmf.footer.entry");
        FAILS(sv_footer_words(&f, GUID_B, "B", words, 1, &err), SV_FORMAT, "ovmf.footer.entry");
        FAILS(sv_footer_words(&f, SV_GUID_SEV_SECRET, "none", words, 1, &err), SV_FORMAT,
              "ovmf.footer.missing");
        /* The first entry is one byte longer: 17 bytes are left for the other. */
        end = image.n - 32 - 18;
        image.p[end - 18]++;
        FAILS(sv_footer_parse(sv_buf_bytes(&image), &f, &err), SV_FORMAT, "ovmf.footer.entry");
        image.p[end - 18] = 18 + 5;
        FAILS(sv_footer_parse(sv_buf_bytes(&image), &f, &err), SV_FORMAT, "ovmf.footer.entry");
        assert_non_null(strstr(err.msg, "17 bytes are left"));
        make_image(&image, 4096, SV_BYTES_NULL, twice, 3);
        FAILS(sv_footer_parse(sv_buf_bytes(&image), &f, &err), SV_FORMAT, "ovmf.footer.entry");
        assert_non_null(strstr(err.msg, "twice"));
        FAILS(sv_footer_parse(sv_bytes(image.p, 4095), &f, &err), SV_FORMAT, "ovmf.size");
        FAILS(sv_footer_parse(SV_BYTES_NULL, &f, &err), SV_FORMAT, "ovmf.size");
}

struct sev {
        uint32_t from_end, magic, size, version, n;
        struct {
                uint32_t gpa, len, type;
        } rows[3];
};

static const struct sev good_sev = {
        4096,
        0x56455341,
        16 + 24,
        1,
        2,
        {{0x800000, 0x3000, SV_SEV_SEC_MEM}, {0x803000, 0x1000, SV_SEV_SEC_KERNEL_HASHES}}};

/* `hash`: the entry that says where the kernel's hashes go, or no such entry. */
static int parse_sev(const struct sev *s, struct sv_bytes hash, struct sv_sev_meta *out)
{
        SV_BUF image = SV_BUF_NULL;
        SV_BUF meta = SV_BUF_NULL;
        SV_BUF from_end = SV_BUF_NULL;
        struct sv_footer f;

        sv_buf_u32le(&meta, s->magic);
        sv_buf_u32le(&meta, s->size);
        sv_buf_u32le(&meta, s->version);
        sv_buf_u32le(&meta, s->n);
        for (size_t i = 0; i < 3; i++) {
                sv_buf_u32le(&meta, s->rows[i].gpa);
                sv_buf_u32le(&meta, s->rows[i].len);
                sv_buf_u32le(&meta, s->rows[i].type);
        }
        sv_buf_u32le(&from_end, s->from_end);
        const struct footer_entry entries[] = {{SV_GUID_SEV_HASH_TABLE, hash},
                                               {SV_GUID_SEV_METADATA, sv_buf_bytes(&from_end)}};

        make_image(&image, 4096, sv_buf_bytes(&meta), entries + !hash.n, 2 - !hash.n);
        OK(sv_footer_parse(sv_buf_bytes(&image), &f, &err));
        return sv_sev_meta_parse(&f, out, &err);
}

static void sev_metadata(void **state)
{
        static const struct {
                size_t at; /* of a word in struct sev */
                uint32_t value;
                const char *check, *says;
        } cases[] = {
                {0, 4097, "ovmf.sev.metadata", "4097 bytes before the end"},
                {0, 15, "ovmf.sev.metadata", "15 bytes before the end"},
                {1, 0, "ovmf.sev.metadata", "ASEV"},
                {2, 7, "ovmf.sev.metadata", "7 bytes"},
                {2, 8, "ovmf.sev.metadata", "table"},
                {2, 0x10000, "ovmf.sev.metadata", "table"},
                {3, 0, "ovmf.sev.metadata", "version 1"},
                {3, 2, "ovmf.sev.metadata", "version 1"},
                {4, 3, "ovmf.sev.metadata", "table"},
                {5, 0x800800, "ovmf.sev.section", "whole pages"},
                {5, 0xfffff000, "ovmf.sev.section", "whole pages"},
                {6, 0x3800, "ovmf.sev.section", "whole pages"},
                {6, 0, "ovmf.sev.section", "whole pages"},
                {7, 99, "ovmf.sev.section", "type 0x63"},
                {6, 0x4000, "ovmf.sev.section", "overlap"},
                {8, 0x802000, "ovmf.sev.section", "overlap"},
                {8, 0x800000, "ovmf.sev.section", "overlap"},
                {9, 0x2000, "ovmf.sev.section", "exactly one page"},
        };
        struct sv_sev_meta m;

        OK(parse_sev(&good_sev, SV_BYTES_NULL, &m));
        assert_int_equal(m.n, 2);
        assert_false(m.has_hash_table);
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sev s = good_sev;

                ((uint32_t *)&s)[cases[i].at] = cases[i].value;
                FAILS(parse_sev(&s, SV_BYTES_NULL, &m), SV_FORMAT, cases[i].check);
                if (!strstr(err.msg, cases[i].says))
                        fail_msg("case %zu: \"%s\" does not say \"%s\"", i, err.msg, cases[i].says);
        }
}

/* The kernel's hashes: 168 bytes inside the page that the firmware keeps for them. */
static void kernel_hashes(void **state)
{
        static const struct {
                uint32_t gpa, size;
                bool good;
        } cases[] = {
                {0x803000, SV_HASH_TABLE_SIZE, true},
                {0x804000 - SV_HASH_TABLE_SIZE, SV_HASH_TABLE_SIZE, true},
                {0x804000 - SV_HASH_TABLE_SIZE + 1, SV_HASH_TABLE_SIZE, false},
                {0x802fff, SV_HASH_TABLE_SIZE, false},
                {0x803000, SV_HASH_TABLE_SIZE - 1, false},
                {0x805000, SV_HASH_TABLE_SIZE, false},
        };
        const struct sv_boot_hashes hashes = {.kernel = {0}};
        struct sev one = good_sev;
        uint8_t page[SV_PAGE];
        struct sv_sev_meta m;

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                SV_BUF entry = SV_BUF_NULL;

                sv_buf_u32le(&entry, cases[i].gpa);
                sv_buf_u32le(&entry, cases[i].size);
                OK(parse_sev(&good_sev, sv_buf_bytes(&entry), &m));
                if (cases[i].good)
                        OK(sv_hash_table_page(&m, &hashes, page, &err));
                else
                        FAILS(sv_hash_table_page(&m, &hashes, page, &err), SV_FORMAT,
                              "ovmf.sev.hashes");
        }
        /* no entry, no section */
        OK(parse_sev(&good_sev, SV_BYTES_NULL, &m));
        FAILS(sv_hash_table_page(&m, &hashes, page, &err), SV_FORMAT, "ovmf.sev.hashes");
        assert_non_null(strstr(err.msg, "SEV_HASH_TABLE_RV"));
        one.n = 1;
        OK(parse_sev(&one, BYTES(0, 0, 0x80, 0, 0xa8, 0, 0, 0), &m));
        FAILS(sv_hash_table_page(&m, &hashes, page, &err), SV_FORMAT, "ovmf.sev.hashes");
        assert_non_null(strstr(err.msg, "SNP_KERNEL_HASHES"));
        FAILS(parse_sev(&good_sev, BYTES(0, 0, 0x80, 0), &m), SV_FORMAT, "ovmf.footer.entry");
}

/* Variable headers behind the platform's; a file is good with none. */
struct igvm_case {
        struct {
                uint32_t type;
                uint8_t body[24];
                size_t n;
        } headers[2];
        const char *check; /* NULL: taken */
};

static const struct igvm_case igvm_cases[] = {
        {{{0}}, NULL},
        {{{0x302, {0, 0x10, [8] = 1}, 24}}, NULL},
        {{{0x302, {0, 0x10, [8] = 1}, 23}}, "igvm.header"},         /* a byte is missing */
        {{{0x302, {1, 0x10, [8] = 1}, 24}}, "igvm.page"},           /* address */
        {{{0x302, {0, 0x10, [8] = 1, [12] = 1}, 24}}, "igvm.page"}, /* data beyond the file */
        {{{0x302, {0, 0x10, [8] = 1, [16] = 1}, 24}}, "igvm.page"}, /* 2 MiB */
        {{{0x302, {0, 0x10, [8] = 1, [16] = 6}, 24}}, NULL},        /* unmeasured, shared */
        {{{0x302, {0, 0x10, [8] = 1, [16] = 8}, 24}}, "igvm.page"}, /* unknown flag */
        {{{0x302, {0, 0x10, [8] = 1, [20] = 3}, 24}}, NULL},        /* data type */
        {{{0x302, {0, 0x10, [8] = 1, [20] = 4}, 24}}, "igvm.page"}, /* unknown one */
        {{{0x302, {0, 0x10, [8] = 1, [22] = 1}, 24}}, "igvm.page"}, /* reserved */
        {{{0x304, {0, 0x10, [8] = 1}, 20}}, NULL},
        {{{0x304, {0, 0x10, 0x08}, 20}}, NULL},
        {{{0x304, {1, 0x10, [8] = 1}, 20}}, "igvm.page"},
        {{{0x304, {0, 0x10, [8] = 1, [12] = 1}, 20}}, "igvm.page"},
        {{{0x301, {0, 0x10}, 16}}, NULL},
        {{{0x301, {0}, 16}}, "igvm.parameter"},       /* no bytes */
        {{{0x301, {1, 0x10}, 16}}, "igvm.parameter"}, /* no whole pages */
        {{{0x301, {0, 0x10}, 16}, {0x301, {0, 0x10}, 16}}, "igvm.parameter"},
        {{{0x301, {0, 0x10}, 16}, {0x303, {0, 0x20, [8] = 1}, 16}}, NULL},
        {{{0x301, {0, 0x10}, 16}, {0x303, {1, 0x20, [8] = 1}, 16}}, "igvm.page"},
        {{{0x301, {0, 0x10}, 16}, {0x303, {0, 0x20, [8] = 1, [12] = 1}, 16}}, "igvm.parameter"},
        {{{0x303, {0, 0x20, [8] = 1}, 16}}, "igvm.parameter"},
        {{{0x303, {0, 0x20, [8] = 1, [13] = 1}, 16}}, "igvm.parameter"}, /* number 256 */
        {{{0x103, {0}, 8}}, NULL},
        {{{0x301, {0, 0x10}, 16}, {0x103, {0}, 8}}, "igvm.order"},
        {{{0x103, {0}, 8}, {0x1, {2, [5] = 3}, 16}}, "igvm.order"},
        {{{0x250, {0}, 8}}, "igvm.order"}, /* of no kind */
        {{{0x306, {0}, 8}}, "igvm.unknown"},
        {{{0x80000306, {0}, 8}}, NULL}, /* optional */
        {{{0x1, {3, [5] = 3}, 16}}, "igvm.platform"},
        {{{0x1, {0, [5] = 3}, 16}}, "igvm.platform"},
        {{{0x101, {7, [8] = 1}, 16}}, NULL},
        {{{0x101, {7, [8] = 1}, 15}}, "igvm.header"},
};

static void igvm(void **state)
{
        struct sv_igvm out;
        SV_BUF none = SV_BUF_NULL;
        SV_BUF file = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(igvm_cases) / sizeof(*igvm_cases); i++) {
                const struct igvm_case *c = &igvm_cases[i];
                SV_BUF headers = SV_BUF_NULL;

                put_igvm_platform(&headers, 1, SV_IGVM_SEV_SNP);
                for (size_t k = 0; k < 2 && c->headers[k].n; k++)
                        put_igvm_header(&headers, c->headers[k].type,
                                        sv_bytes(c->headers[k].body, c->headers[k].n));
                make_igvm(&file, sv_buf_bytes(&headers));
                print_message("file %zu\n", i);
                if (c->check)
                        FAILS(sv_igvm_parse(sv_buf_bytes(&file), SV_IGVM_SEV_SNP, &out, &err),
                              SV_FORMAT, c->check);
                else
                        OK(sv_igvm_parse(sv_buf_bytes(&file), SV_IGVM_SEV_SNP, &out, &err));
        }
        put_igvm_platform(&none, 1, SV_IGVM_SEV_SNP);
        make_igvm(&file, sv_buf_bytes(&none));
        FAILS(sv_igvm_parse(sv_buf_bytes(&file), SV_IGVM_TDX, &out, &err), SV_FORMAT,
              "igvm.platform");
        /* Each byte of the file counts, the checksum's as well. */
        for (size_t at = 0; at < file.n; at++) {
                file.p[at] ^= 1;
                FAILS(sv_igvm_parse(sv_buf_bytes(&file), SV_IGVM_SEV_SNP, &out, &err), SV_FORMAT,
                      "igvm.header");
                file.p[at] ^= 1;
        }
}

/* Firmware for SEV has a footer, and nothing that a TD could be launched from. */
static void no_tdvf(void **state)
{
        const struct footer_entry entry = {SV_GUID_SEV_METADATA, BYTES(0, 0x10, 0, 0)};
        const struct footer_entry far = {SV_GUID_TDX_METADATA, BYTES(0xf1, 0x0f, 0, 0)};
        const struct footer_entry near = {SV_GUID_TDX_METADATA, BYTES(15, 0, 0, 0)};
        const struct footer_entry other = {SV_GUID_TDX_METADATA, BYTES(0xf0, 0x0f, 0, 0)};
        const struct footer_entry *const all[] = {&entry, &far, &near, &other};
        SV_BUF image = SV_BUF_NULL;
        struct sv_sev_meta m;
        struct sv_footer f;
        struct sv_tdvf t;

        for (size_t i = 0; i < 4; i++) {
                make_image(&image, 4096, SV_BYTES_NULL, all[i], 1);
                FAILS(sv_tdvf_parse(sv_buf_bytes(&image), &t, &err), SV_FORMAT, "ovmf.tdvf");
        }
        OK(sv_footer_parse(sv_buf_bytes(&image), &f, &err));
        FAILS(sv_sev_meta_parse(&f, &m, &err), SV_FORMAT, "ovmf.sev.metadata");
}

/* A volume's header that adds up, with the words given. */
static void make_volume(uint8_t v[72], uint16_t header, uint16_t ext)
{
        unsigned sum = 0;

        memset(v, 0, 72);
        v[32] = 72;
        memcpy(v + 40, "_FVH", 4);
        v[48] = (uint8_t)header;
        v[52] = (uint8_t)ext;
        for (unsigned i = 0; i < header; i += 2)
                sum += v[i] | v[i + 1] << 8;
        v[50] = (uint8_t)-sum;
        v[51] = (uint8_t)(-sum >> 8);
}

static void volume(void **state)
{
        struct sv_volumes volumes;
        struct sv_fv fv;
        uint8_t v[72];

        make_volume(v, 72, 0);
        OK(sv_fv_parse(sv_bytes(v, 72), &fv, &err));
        assert_int_equal(fv.files.n, 0);
        FAILS(sv_volumes_read(sv_bytes(v, 72), &volumes, &err), SV_FORMAT, "ovmf.volumes");
        v[40] = 'x';
        FAILS(sv_fv_parse(sv_bytes(v, 72), &fv, &err), SV_FORMAT, "ovmf.fv.header");
        make_volume(v, 72, 0);
        v[32] = 66; /* 66 bytes with a header of 58, whose files would begin at 64 */
        v[48] = 58;
        v[50] = (uint8_t)(v[50] + 72 - 66 + 72 - 58);
        OK(sv_fv_parse(sv_bytes(v, 72), &fv, &err));
        v[32] = 60;
        v[50] = (uint8_t)(v[50] + 6);
        FAILS(sv_fv_parse(sv_bytes(v, 72), &fv, &err), SV_FORMAT, "ovmf.fv.header");
        assert_non_null(strstr(err.msg, "headers only"));
}

/* The log of a boot whose only bank no prediction has. */
static void bank_of_sha1(void **state)
{
        static const uint8_t zeros[32];
        const struct sv_measurement m = {0};
        struct sv_explain x = {0};
        SV_TCG_LOG log = {0};
        SV_BUF b = SV_BUF_NULL;

        for (int alg = 0; alg < 2; alg++) {
                sv_buf_clear(&b);
                sv_buf_u32le(&b, 0);
                sv_buf_u32le(&b, SV_EV_NO_ACTION);
                sv_buf_put(&b, sv_bytes(zeros, 20));
                sv_buf_u32le(&b, 37);
                sv_buf_put(&b, sv_bytes("Spec ID Event03", 16));
                sv_buf_put(&b, sv_bytes(zeros, 8));
                sv_buf_u32le(&b, 2);
                for (int i = 0; i < 2; i++) { /* SHA-1 and one that nobody knows, or SHA-1 twice */
                        sv_buf_u16le(&b, i && !alg ? 0x99 : 4);
                        sv_buf_u16le(&b, 20);
                }
                sv_buf_u8(&b, 0);
                sv_buf_u32le(&b, 0); /* an event */
                sv_buf_u32le(&b, SV_EV_SEPARATOR);
                sv_buf_u32le(&b, 2);
                for (int i = 0; i < 2; i++) {
                        sv_buf_u16le(&b, i ? 0x99 : 4);
                        sv_buf_put(&b, sv_bytes(zeros, 20));
                }
                sv_buf_u32le(&b, 0);
                if (alg) {
                        FAILS(sv_tcg_log_parse(sv_buf_bytes(&b), &sv_registers_pcr, &log, &err),
                              SV_FORMAT, "eventlog.algorithms");
                        assert_non_null(strstr(err.msg, "twice"));
                        continue;
                }
                OK(sv_tcg_log_parse(sv_buf_bytes(&b), &sv_registers_pcr, &log, &err));
                FAILS(sv_explain(&m, &log, &(struct sv_explain_form){.regs = &sv_registers_pcr}, &x,
                                 &err),
                      SV_FORMAT, "eventlog.bank");
                sv_tcg_log_free(&log);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(footer),        cmocka_unit_test(sev_metadata),
                cmocka_unit_test(kernel_hashes), cmocka_unit_test(igvm),
                cmocka_unit_test(no_tdvf),       cmocka_unit_test(volume),
                cmocka_unit_test(bank_of_sha1),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
