/* SPDX-License-Identifier: Apache-2.0 */
/* tdx/measure/rtmr-secure.c: a shim that the firmware's db allows by its digest, and kernels that
 * the shim's own list allows, or not. */
#include "tests/unit/tdx_guest.h"

#include "ovmf/secureboot.h"
#include "tdx/measure/rtmr.h"

static struct sv_buf good, bare, shim; /* two kernels, and what starts them */

static void put_digest(struct sv_buf *list, const struct sv_buf *image)
{
        static const uint8_t owner[16];
        uint8_t digest[SV_DIGEST_MAX];
        struct sv_pe pe;

        OK(sv_pe_parse(sv_buf_bytes(image), &pe, &err));
        OK(sv_pe_digest(&pe, SV_SHA256, digest, &err));
        sv_siglist_put(list, sv_guid_cert_sha256, owner, sv_bytes(digest, 32));
}

/* A shim whose own list has both kernels. */
static void make_files(void)
{
        static const char *const names[] = {".linux", ".sbat"};
        const struct sv_bytes data[] = {sv_bytes_str("kernel"), sv_bytes_str("sbat,1\n")};
        SV_BUF list = SV_BUF_NULL, keys = SV_BUF_NULL;

        make_sections(&good, names, data, 2);
        make_sections(&bare, names, data, 1);
        put_digest(&list, &good);
        put_digest(&list, &bare);
        sv_buf_u32le(&keys, (uint32_t)list.n);
        sv_buf_u32le(&keys, 0);
        sv_buf_u32le(&keys, 16);
        sv_buf_u32le(&keys, 0);
        sv_buf_put(&keys, sv_buf_bytes(&list));
        make_shim(&shim, SHIM_IDENT, SHIM_LEVEL, (const char *)keys.p, keys.n);
        OK(sv_file_write(path_of("shim"), 0644, sv_buf_bytes(&shim), &err));
}

/* The variables of a firmware that asks for signatures, and allows the image. */
static void make_variables(uint8_t store[STORE_SIZE], const struct sv_buf *image)
{
        size_t at = STORE_FIRST;
        SV_BUF db = SV_BUF_NULL;

        put_digest(&db, image);
        make_store(store);
        add_variable(store, &at, 0x3f, sv_guid_global, "PK", "key", 3);
        add_variable(store, &at, 0x3f, sv_guid_security, "db", db.p, db.n);
}

/* What becomes of the kernel, or of the shim: `refused` is in the reason, "" is none. */
static void expect(const struct sv_buf *allowed, const struct sv_buf *kernel, const char *refused)
{
        uint8_t store[STORE_SIZE];
        struct sv_tdx_firmware f = {.readable = true, .secure_boot = true};
        SV_GUEST g = guest("none", NULL);
        struct sv_boot files = {.kernel = *kernel};
        struct sv_tdx_boot b = {
                .guest = &g, .monitor = sv_tdx_monitor(NULL), .firmware = &f, .files = &files};

        g.shim = strdup(path_of("shim"));
        make_variables(store, allowed);
        f.tdvf.sections[0] = (struct sv_tdvf_section){.type = SV_TDVF_CFV,
                                                      .raw = sv_bytes(store, sizeof(store))};
        f.tdvf.n = 1;
        OK(sv_tdx_boot_read(&b, &err));
        assert_true(b.secure_boot);
        assert_string_equal(b.shim_unknown, "");
        if (*refused)
                assert_non_null(strstr(b.refused, refused));
        else
                assert_string_equal(b.refused, "");
        assert_int_equal(b.first.name != NULL, allowed == &shim);
        assert_int_equal(b.second.name != NULL, !*refused);
        if (!*refused)
                assert_string_equal(b.second.name, "MokListRT");
        sv_tdx_boot_free(&b);
}

static void by_a_shim(void **state)
{
        static const char *const names[] = {".linux", ".sbat"};
        const struct sv_bytes data[] = {sv_bytes_str("another"), sv_bytes_str("sbat,1\n")};
        SV_BUF unknown = SV_BUF_NULL;

        make_files();
        make_sections(&unknown, names, data, 2);
        expect(&shim, &good, "");
        expect(&shim, &unknown, "the shim does not start the kernel, which is not signed");
        expect(&shim, &bare, "which is without a section .sbat");
        expect(&good, &good, "the firmware does not start the shim");
        sv_buf_free(&good);
        sv_buf_free(&bare);
        sv_buf_free(&shim);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(by_a_shim)};

        return cmocka_run_group_tests(tests, setup, teardown);
}
