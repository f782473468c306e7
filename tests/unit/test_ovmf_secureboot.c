/* SPDX-License-Identifier: Apache-2.0 */
/* ovmf/authority, siglist, shim, uki: who lets an image start. Images are signed by sbsign, with
 * keys made here; what firmware and shim really do is held against them in tests/e2e/secureboot.py.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/core/file.h"
#include "ovmf/inspect.h"
#include "ovmf/shim.h"
#include "ovmf/uki.h"
#include "tests/unit/make_boot.h"

static char dir[64];
static struct sv_err err;
static struct sv_buf image, kernel, certs[3]; /* of "one", "two" (signed by "ca"), "ca" */
static const uint8_t owner[16] = "an owner's GUID";

static const char *path_of(const char *name)
{
        static char path[4][128];
        static unsigned i;

        i = (i + 1) % 4;
        snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
        return path[i];
}

static void shell(const char *command)
{
        SV_STR line = sv_asprintf("cd %s && { %s; } >log 2>&1", dir, command);
        int r = system(line);

        if (r != 0)
                fail_msg("%s: %d", command, r);
}

static void read_into(const char *name, struct sv_buf *out)
{
        sv_buf_clear(out);
        OK(sv_file_read(path_of(name), 1u << 20, out, "test", &err));
}

static int setup(void **state)
{
        uint8_t k[KERNEL_SIZE];

        snprintf(dir, sizeof(dir), "/tmp/sv-ovmf-secureboot-XXXXXX");
        assert_non_null(mkdtemp(dir));
        if (system("command -v sbsign >/dev/null && command -v openssl >/dev/null") != 0)
                return 0;
        make_kernel(k);
        put16(k, KERNEL_PE + 4, 0x8664); /* a machine that sbsign knows */
        put32(k, KERNEL_PE + 24 + 144, 0);
        put32(k, KERNEL_PE + 24 + 148, 0);
        OK(sv_file_write(path_of("unsigned"), 0644, sv_bytes(k, KERNEL_CERTS), &err));
        shell("for n in one ca; do openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=$n "
              "-keyout $n.key -out $n.pem; done");
        shell("openssl req -newkey rsa:2048 -nodes -subj /CN=two -keyout two.key -out two.csr && "
              "openssl x509 -req -in two.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3 -out "
              "two.pem");
        shell("for n in one two ca; do openssl x509 -in $n.pem -outform DER -out $n.der; done");
        shell("sbsign --key one.key --cert one.pem --output by-one unsigned && sbsign --key "
              "two.key --cert two.pem --output by-two unsigned && "
              "sbsign --key two.key --cert two.pem --output by-both by-one");
        read_into("one.der", &certs[0]);
        read_into("two.der", &certs[1]);
        read_into("ca.der", &certs[2]);
        return 0;
}

static int teardown(void **state)
{
        sv_buf_free(&image);
        sv_buf_free(&kernel);
        for (int i = 0; i < 3; i++)
                sv_buf_free(&certs[i]);
        OK(sv_remove_tree(dir, &err));
        return 0;
}

static void need_sbsign(void)
{
        if (certs[2].n)
                return;
        print_message("SKIP: no sbsign or openssl (packages sbsigntool, openssl)\n");
        skip();
}

/* Lists as a text: 1, 2, c: a certificate; h, H: the image's SHA-256, another one; k: junk of
 * another type. One list for each letter. */
static void put_lists(struct sv_buf *out, const char *what, struct sv_bytes of)
{
        uint8_t digest[SV_DIGEST_MAX];
        struct sv_pe pe;

        OK(sv_pe_parse(of, &pe, &err));
        OK(sv_pe_digest(&pe, SV_SHA256, digest, &err));
        for (; *what; what++) {
                digest[0] ^= *what == 'H';
                if (strchr("12c", *what))
                        sv_siglist_put(out, sv_guid_cert_x509, owner,
                                       sv_buf_bytes(&certs[*what == '1'   ? 0
                                                           : *what == '2' ? 1
                                                                          : 2]));
                else
                        sv_siglist_put(out, *what == 'k' ? owner : sv_guid_cert_sha256, owner,
                                       sv_bytes(digest, 32));
                digest[0] ^= *what == 'H';
        }
}

static void add_list(struct sv_varstore *s, const char *name, struct sv_buf *utf16,
                     struct sv_bytes data)
{
        struct sv_variable *v = &s->list[s->n++];

        for (const char *c = name; *c; c++)
                sv_buf_u16le(utf16, (uint8_t)*c);
        memcpy(v->guid, sv_guid_security, 16);
        v->name = sv_buf_bytes(utf16);
        v->data = data;
}

/* Who allows it, by firmware: the letter of the entry, or '-'. */
static char allowed(struct sv_bytes of, const char *db, const char *dbx)
{
        SV_SIGNED_IMAGE i = {.n = 0};
        SV_BUF lists = SV_BUF_NULL, refused = SV_BUF_NULL, name = SV_BUF_NULL, name_x = SV_BUF_NULL;
        struct sv_varstore *s = calloc(1, sizeof(*s));
        struct sv_authority a = {.name = NULL};
        char letter = '-';

        assert_non_null(s);
        put_lists(&lists, db, of);
        put_lists(&refused, dbx, of);
        add_list(s, "db", &name, sv_buf_bytes(&lists));
        add_list(s, "dbx", &name_x, sv_buf_bytes(&refused));
        OK(sv_signed_image_read(of, &i, &err));
        if (sv_firmware_authority(s, &i, &a, &err) == 1) {
                assert_string_equal(a.name, "db");
                assert_memory_equal(a.entry.p, owner, 16);
                letter = a.entry.n == 48 ? 'h' : 0;
                for (int k = 0; k < 3 && !letter; k++)
                        if (a.entry.n == 16 + certs[k].n &&
                            !memcmp(a.entry.p + 16, certs[k].p, certs[k].n))
                                letter = "12c"[k];
        }
        sv_authority_free(&a);
        free(s);
        return letter;
}

static void firmware(void **state)
{
        static const struct {
                const char *image, *db, *dbx;
                char who;
        } t[] = {
                {"by-one", "1", "", '1'},    {"by-one", "2", "", '-'},
                {"by-one", "k2c1", "", '1'}, {"by-one", "H1", "", '1'},
                {"by-two", "2", "", '2'},    {"by-two", "c", "", 'c'},
                {"by-two", "c2", "", 'c'},   {"by-two", "1", "", '-'},
                {"by-one", "h", "", 'h'},    {"by-one", "h1", "", '1'},
                {"by-one", "H", "", '-'},    {"by-one", "", "", '-'},
                {"by-one", "1", "1", '-'},   {"by-two", "2", "c", '-'},
                {"by-one", "1", "h", '-'},   {"by-one", "1", "H", '1'},
                {"by-both", "2", "", '2'},   {"by-both", "12", "", '1'},
                {"by-both", "21", "", '1'},  {"by-both", "2", "1", '-'},
                {"unsigned", "h", "", 'h'},  {"unsigned", "12", "", '-'},
                {"unsigned", "h", "h", '-'}, {"unsigned", "H", "", '-'},
        };

        need_sbsign();
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                read_into(t[i].image, &image);
                if (allowed(sv_buf_bytes(&image), t[i].db, t[i].dbx) != t[i].who)
                        fail_msg("row %zu: %s, db %s, dbx %s", i, t[i].image, t[i].db, t[i].dbx);
        }
}

/* Every bit of what is signed, and of the signature's value, lets it start no more. */
static void changed(void **state)
{
        char by[256];
        SV_SIGNED_IMAGE i = {.n = 0};

        need_sbsign();
        read_into("by-one", &image);
        for (size_t at = 0x600; at < 0x800; at += 7) {
                image.p[at] ^= 1;
                assert_int_equal(allowed(sv_buf_bytes(&image), "1", ""), '-');
                image.p[at] ^= 1;
        }
        /* the value ends the signature, padding aside */
        for (size_t at = image.n - 8; at > image.n - 200; at -= 3) {
                image.p[at] ^= 1;
                assert_int_equal(allowed(sv_buf_bytes(&image), "1", ""), '-');
                image.p[at] ^= 1;
        }
        assert_int_equal(allowed(sv_buf_bytes(&image), "1", ""), '1');
        OK(sv_signed_image_read(sv_buf_bytes(&image), &i, &err));
        sv_signed_image_by(&i, by);
        assert_string_equal(by, "signed by \"one\"");
        for (size_t n = 0; n < image.n; n++) { /* no length of it is signed */
                SV_SIGNED_IMAGE cut = {.n = 0};

                if (sv_signed_image_read(sv_bytes(image.p, n), &cut, &err) == 0)
                        assert_int_equal(cut.n, 0);
        }
}

static void lists(void **state)
{
        SV_BUF b = SV_BUF_NULL;
        struct sv_signature s;
        struct sv_siglist l;
        static const struct {
                size_t at;
                uint32_t value;
        } bad[] = {{16, 27}, {16, 0},  {16, 0xffffffff}, {20, 1}, {20, 0xffffffff},
                   {24, 0},  {24, 16}, {24, 0xffffffff}, {24, 47}};

        sv_siglist_put(&b, sv_guid_cert_sha256, owner,
                       sv_bytes("12345678901234567890123456789012", 32));
        l = sv_siglist(sv_buf_bytes(&b));
        assert_int_equal(sv_siglist_next(&l, &s, &err), 1);
        assert_int_equal(s.entry.n, 48);
        assert_memory_equal(s.data.p, "123", 3);
        assert_true(s.first);
        assert_int_equal(sv_siglist_next(&l, &s, &err), 0);
        for (size_t n = 1; n < b.n; n++) {
                l = sv_siglist(sv_bytes(b.p, n));
                FAILS(sv_siglist_next(&l, &s, &err), SV_FORMAT, "ovmf.siglist");
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                SV_BUF c = SV_BUF_NULL;

                sv_buf_put(&c, sv_buf_bytes(&b));
                put32(c.p, bad[i].at, bad[i].value);
                l = sv_siglist(sv_buf_bytes(&c));
                FAILS(sv_siglist_next(&l, &s, &err), SV_FORMAT, "ovmf.siglist");
        }
        l = sv_siglist(SV_BYTES_NULL);
        assert_int_equal(sv_siglist_next(&l, &s, &err), 0);
}

/* A list of no signatures is passed over, also when all that it has is a header of its own. */
static void empty_lists(void **state)
{
        for (uint32_t header = 0; header <= 4; header += 4) {
                SV_BUF b = SV_BUF_NULL;
                struct sv_signature s;
                struct sv_siglist l;

                sv_buf_put(&b, sv_bytes(sv_guid_cert_sha256, 16));
                sv_buf_u32le(&b, 28 + header);
                sv_buf_u32le(&b, header);
                sv_buf_u32le(&b, 17); /* an owner and one byte: the least that a signature has */
                sv_buf_grow(&b, header);
                l = sv_siglist(sv_buf_bytes(&b));
                OK(sv_siglist_next(&l, &s, &err));
                sv_siglist_put(&b, sv_guid_cert_x509, owner, sv_bytes("1", 1));
                l = sv_siglist(sv_buf_bytes(&b));
                assert_int_equal(sv_siglist_next(&l, &s, &err), 1);
                assert_memory_equal(s.type, sv_guid_cert_x509, 16);
                assert_true(s.first);
                assert_int_equal(s.data.n, 1);
        }
}

/* --- images of named sections --- */

static void shim(void **state)
{
        static const char keys[] = "\x04\0\0\0\x03\0\0\0\x10\0\0\0\x14\0\0\0"
                                   "\x30"
                                   "ertdbx";
        struct sv_varstore *s = calloc(1, sizeof(*s));
        struct sv_shim shim;
        SV_BUF b = SV_BUF_NULL, name = SV_BUF_NULL;

        assert_non_null(s);
        make_shim(&b, SHIM_IDENT, SHIM_LEVEL, keys, sizeof(keys) - 1);
        OK(sv_shim_read(sv_buf_bytes(&b), &shim, &err));
        assert_int_equal(shim.major * 100 + shim.minor, 1601);
        assert_int_equal(shim.sbat_level.n, 16);
        assert_memory_equal(shim.sbat_level.p, "sbat,1,2025\nshim", 16);
        assert_memory_equal(shim.authorized.p,
                            "\x30"
                            "ert",
                            4);
        assert_memory_equal(shim.deauthorized.p, "dbx", shim.deauthorized.n);
        assert_null(sv_shim_unknown(&shim, s));
        add_list(s, "MokSBState", &name, sv_bytes("\1", 1));
        memcpy(s->list[0].guid, "\x50\xab\x5d\x60\x46\xe0\x00\x43\xab\xb6\x3d\xd8\x10\xdd\x8b\x23",
               16);
        assert_non_null(strstr(sv_shim_unknown(&shim, s), "settings"));
        s->n = 0;
        make_shim(&b, "UEFI SHIM\n$Version: 15.6 $\n", SHIM_LEVEL, keys, sizeof(keys) - 1);
        OK(sv_shim_read(sv_buf_bytes(&b), &shim, &err));
        assert_non_null(strstr(sv_shim_unknown(&shim, s), "15.7"));
        make_shim(&b, "shim", SHIM_LEVEL, keys, sizeof(keys) - 1);
        FAILS(sv_shim_read(sv_buf_bytes(&b), &shim, &err), SV_FORMAT, "ovmf.shim");
        make_shim(&b, SHIM_IDENT, "\1\0\0\0\x08\0\0\0\x1c\0\0\0sbat,1,2025\nshim\0latest", keys,
                  sizeof(keys) - 1);
        FAILS(sv_shim_read(sv_buf_bytes(&b), &shim, &err), SV_FORMAT, "ovmf.shim");
        for (size_t n = 0; n < sizeof(keys) - 1; n++) {
                make_shim(&b, SHIM_IDENT, SHIM_LEVEL, keys, n);
                FAILS(sv_shim_read(sv_buf_bytes(&b), &shim, &err), SV_FORMAT, "ovmf.shim");
        }
        free(s);
}

/* One file below /.extra, as stubs archive it. */
static size_t put_extra(char *text, size_t n, const char *name, const char *contents)
{
        static const char header[] = "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s";

        /* 116 bytes, filled up to 120 */
        n += (size_t)sprintf(text + n, header, 1, 040555, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7, 0,
                             ".extra") +
             4;
        n += (size_t)sprintf(text + n, header, 2, 0100444, 0, 0, 1, 0, (unsigned)strlen(contents),
                             0, 0, 0, 0, (unsigned)strlen(name) + 1, 0, name) +
             1;
        n += -n % 4;
        n += (size_t)sprintf(text + n, "%s", contents);
        n += -n % 4;
        return n +
               (size_t)sprintf(
                       text + n,
                       "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x0000000B%08xTRAILER!!!",
                       0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0) +
               4;
}

/* The initramfs with what stubs put around it, byte by byte; and a command line that is not taken
 * as it is. */
static void unified(void **state)
{
        static const char *const names[] = {".sdmagic", ".linux",   ".cmdline", ".initrd",
                                            ".osrel",   ".pcrpkey", ".ucode",   ".pcrsig"};
        struct sv_bytes data[] = {sv_bytes_str("#### LoaderInfo: systemd-stub 257.13-1 ####"),
                                  sv_bytes_str("kernel"),
                                  sv_bytes_str("quiet"),
                                  sv_bytes_str("ram"),
                                  sv_bytes_str("ID=x\n"),
                                  sv_bytes_str("key"),
                                  sv_bytes_str("microcode"),
                                  sv_bytes_str("{}")};
        static const struct {
                const char *magic;
                unsigned sections;
                bool microcode, os_release;
        } t[] = {
                {"#### LoaderInfo: systemd-stub 257.13-1 ####", 5, false, true},
                {"#### LoaderInfo: systemd-stub 262 ####", 8, true, true},
                {"#### LoaderInfo: systemd-stub 256 ####", 8, true, false},
                {"#### LoaderInfo: systemd-stub 252 ####", 8, false, false},
                {"#### LoaderInfo: systemd-stub 255 ####", 5, false, false},
        };
        uint8_t got[SV_DIGEST_MAX], want[SV_DIGEST_MAX];
        SV_BUF b = SV_BUF_NULL;
        struct sv_uki u;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                bool all = t[i].sections == 8;
                char text[2048] = "";
                size_t n = 0;

                if (t[i].microcode)
                        n += (size_t)sprintf(text, "microcode") + 3;
                n += (size_t)sprintf(text + n, "ram") + (all || t[i].os_release);
                if (all) {
                        n = put_extra(text, n, ".extra/tpm2-pcr-signature.json", "{}");
                        n = put_extra(text, n, ".extra/tpm2-pcr-public-key.pem", "key");
                }
                if (t[i].os_release)
                        n = put_extra(text, n, ".extra/os-release", "ID=x\n");
                data[0] = sv_bytes_str(t[i].magic);
                make_sections(&b, names, data, t[i].sections);
                OK(sv_uki_read(sv_buf_bytes(&b), "test", &u, &err));
                assert_true(u.stub && u.stub->os_release == t[i].os_release && !u.beyond);
                assert_int_equal(sv_uki_initrd(&u, SV_SHA256, got, &err), 1);
                OK(sv_digest(SV_SHA256, sv_bytes(text, n), want, &err));
                assert_memory_equal(got, want, 32);
                assert_true(sv_uki_cmdline_plain(&u));
        }
        make_sections(&b, names, data, 3);
        OK(sv_uki_read(sv_buf_bytes(&b), "test", &u, &err));
        assert_int_equal(sv_uki_initrd(&u, SV_SHA256, got, &err), 0);
        data[2] = sv_bytes_str("quiet\n");
        make_sections(&b, names, data, 5);
        OK(sv_uki_read(sv_buf_bytes(&b), "test", &u, &err));
        assert_false(sv_uki_cmdline_plain(&u));
        data[0] = sv_bytes_str("#### LoaderInfo: systemd-stub 999 ####");
        make_sections(&b, names, data, 5);
        OK(sv_uki_read(sv_buf_bytes(&b), "test", &u, &err));
        assert_null(u.stub);
        make_sections(&b, names, data, 1);
        FAILS(sv_uki_read(sv_buf_bytes(&b), "test", &u, &err), SV_FORMAT, "test");
}

static void shown(struct sv_bytes file, const char *kind, const char *member, const char *value)
{
        SV_JSON *j = NULL;

        OK(sv_ovmf_inspect(file, &j, &err));
        assert_non_null(j);
        assert_string_equal(sv_json_str(sv_json_get(j, "kind")), kind);
        if (strcmp(member, "signers") == 0)
                assert_string_equal(sv_json_str(sv_json_at(sv_json_get(j, member), 0)), value);
        else
                assert_string_equal(sv_json_str(sv_json_get(j, member)), value);
}

/* What people see of it. */
static void inspect(void **state)
{
        static const char *const names[] = {".linux", ".cmdline"}, *const other[] = {".text"};
        const struct sv_bytes data[] = {sv_bytes_str("kernel"), sv_bytes_str("quiet")};
        SV_BUF b = SV_BUF_NULL;
        SV_JSON *j = NULL;

        make_sections(&b, names, data, 2);
        shown(sv_buf_bytes(&b), "unified-kernel-image", "cmdline", "quiet");
        make_shim(&b, SHIM_IDENT, SHIM_LEVEL, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
        shown(sv_buf_bytes(&b), "shim", "version", "16.1");
        make_sections(&b, other, data, 1);
        OK(sv_ovmf_inspect(sv_buf_bytes(&b), &j, &err));
        assert_string_equal(sv_json_str(sv_json_get(j, "kind")), "pe-image");
        assert_int_equal(sv_json_len(sv_json_get(j, "signers")), 0);
        need_sbsign();
        read_into("by-two", &image);
        shown(sv_buf_bytes(&image), "kernel", "signers", "two");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(firmware),    cmocka_unit_test(changed), cmocka_unit_test(lists),
                cmocka_unit_test(empty_lists), cmocka_unit_test(shim),    cmocka_unit_test(unified),
                cmocka_unit_test(inspect)};

        return cmocka_run_group_tests(tests, setup, teardown);
}
