/* SPDX-License-Identifier: Apache-2.0 */
/* What inspect says of our own files: each kind, each malformed, and what is none of them. */
#include "luks_volume.h"

#include "base/core/encoding.h"
#include "base/crypto/x509.h"
#include "image/initrd.h"
#include "launcher/cli/inspect-own.h"
#include "luks/header.h"

#define SIZE         (1u << 20)
#define AGENT_SHA256 "c770ef7d03b6965625b626eb0871705a566d6a89a39bb670f0cccffbac97270d"

static const char guest_text[] = "{\"name\":\"g\",\"kernel\":\"/k\",\"tee\":\"vtpm\"}";
static const char policy_text[] =
        "{\"version\":1,\"guest\":\"g\",\"tee\":\"vtpm\",\"resource\":\"a/b/c\",\"trust\":{\"ek_"
        "roots\":[\"-----BEGIN CERTIFICATE-----\"]},\"rules\":[{\"check\":\"policy.a\",\"claim\":"
        "\"/a\",\"equals\":true,\"covers\":\"executables\",\"reason\":\"because\"}]}";

static int set_up(void **state)
{
        return make_volume(SIZE);
}

static int inspect(const char *text, struct sv_json **out)
{
        char file[] = "/tmp/secure-vm-inspect-XXXXXX";
        SV_FD fd = mkstemp(file);
        int r;

        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        *out = NULL;
        r = sv_inspect_own(file, sv_bytes_str(text), out, &err);
        unlink(file);
        return r;
}

static const char *kind_of(const struct sv_json *what)
{
        return sv_json_str(sv_json_get(what, "kind"));
}

static void test_disk(void **state)
{
        struct sv_luks_header h;
        uint8_t digest[48];
        char hex[2 * 48 + 1];
        SV_JSON *what = NULL;

        OK(sv_inspect_disk(path, &what, &err));
        OK(sv_luks_header_parse(sv_buf_bytes(&head), &h, &err));
        OK(sv_luks_header_digest(sv_buf_bytes(&head), &h, digest, &err));
        assert_string_equal(kind_of(what), "encrypted disk");
        assert_string_equal(sv_json_str(sv_json_get(what, "uuid")), h.uuid);
        assert_string_equal(sv_json_str(sv_json_get(what, "header_digest")),
                            sv_hex(sv_bytes(digest, 48), hex));
        assert_int_equal(sv_json_int(sv_json_get(what, "size"), 0), SIZE + SV_LUKS_DATA_OFFSET);
}

/* One that no agent opens, one that is cut short, and what is no disk. */
static void test_other_disks(void **state)
{
        static const struct {
                size_t at, n;
                const char *check;
        } t[] = {{4096, SV_LUKS_HEAD_SIZE, "luks.header.json"}, {0, 100, "luks.header.short"}};
        char file[] = "/tmp/secure-vm-inspect-XXXXXX";
        SV_JSON *what = NULL;

        close(mkstemp(file));
        for (size_t i = 0; i < 2; i++) {
                SV_BUF bad = SV_BUF_NULL;

                sv_buf_put(&bad, sv_bytes(head.p, t[i].n));
                if (t[i].at)
                        bad.p[t[i].at] ^= 1;
                OK(sv_file_write(file, 0600, sv_buf_bytes(&bad), &err));
                FAILS(sv_inspect_disk(file, &what, &err), SV_FORMAT, t[i].check);
                assert_null(what);
        }
        OK(sv_file_write(file, 0600, sv_bytes_str("LUKX and more"), &err));
        OK(sv_inspect_disk(file, &what, &err));
        assert_null(what);
        unlink(file);
        OK(sv_inspect_disk(file, &what, &err)); /* gone: who reads it next says so */
        assert_null(what);
}

static void test_initramfs(void **state)
{
        SV_CPIO tree = SV_CPIO_NULL;
        SV_BUF packed = SV_BUF_NULL;
        SV_JSON *what = NULL;
        struct sv_json *files;

        OK(sv_cpio_add_file(&tree, "init", 0755, sv_bytes_str("the agent"), &err));
        OK(sv_cpio_add_file(&tree, "lib/modules/1/a.ko", 0644, sv_bytes_str("mod"), &err));
        OK(sv_initrd_pack(&tree, &packed, &err));
        OK(sv_inspect_own("x", sv_buf_bytes(&packed), &what, &err));
        assert_string_equal(kind_of(what), "initramfs");
        files = sv_json_get(what, "files");
        assert_int_equal(sv_json_len(files), 2); /* no folders */
        assert_string_equal(sv_json_str(sv_json_get(sv_json_at(files, 1), "path")),
                            "lib/modules/1/a.ko");
        assert_int_equal(sv_json_int(sv_json_get(sv_json_at(files, 1), "size"), 0), 3);
        /* sha256sum of "the agent" */
        assert_string_equal(sv_json_str(sv_json_get(what, "agent_sha256")), AGENT_SHA256);
        for (size_t n = 4; n < packed.n; n++) {
                SV_JSON *cut = NULL;

                FAILS(sv_inspect_own("x", sv_bytes(packed.p, n), &cut, &err), SV_FORMAT,
                      "image.zstd");
                assert_null(cut);
        }
}

static void test_certificates(void **state)
{
        SV_BUF pem = SV_BUF_NULL;
        SV_JSON *what = NULL, *bad = NULL;
        const struct sv_json *list, *ark;

        OK(sv_file_read(vector_path("snp/certs/cert_chain-milan-vcek.pem"), 1u << 20, &pem, "test",
                        &err));
        OK(inspect(sv_buf_str(&pem), &what));
        assert_string_equal(kind_of(what), "certificates");
        list = sv_json_get(what, "certificates");
        assert_int_equal(sv_json_len(list), 2);
        ark = sv_json_at(list, 1);
        assert_string_equal(sv_json_str(sv_json_get(ark, "subject")), "ARK-Milan");
        assert_string_equal(sv_json_str(sv_json_get(ark, "issuer")), "ARK-Milan");
        assert_string_equal(sv_json_str(sv_json_get(ark, "not_before")), "2020-10-22T17:23:05Z");
        assert_string_equal(sv_json_str(sv_json_get(ark, "sha256")),
                            "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd");
        FAILS(inspect("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &bad),
              SV_FORMAT, "inspect.certificates");
        assert_null(bad);
}

static void test_revocation_list(void **state)
{
        SV_BUF der = SV_BUF_NULL;
        SV_JSON *what = NULL, *longer = NULL;

        OK(sv_file_read(vector_path("snp/synth/certs/crl-ask-revoked.der"), 1u << 20, &der, "test",
                        &err));
        OK(sv_inspect_own("x", sv_buf_bytes(&der), &what, &err));
        assert_string_equal(kind_of(what), "revocation list");
        assert_string_equal(sv_json_str(sv_json_get(what, "issuer")), "ARK-Milan");
        assert_string_equal(sv_json_str(sv_json_get(what, "this_update")), "2026-01-01T00:00:00Z");
        assert_string_equal(sv_json_str(sv_json_get(what, "next_update")), "2027-01-01T00:00:00Z");
        assert_int_equal(sv_json_int(sv_json_get(what, "revoked"), 0), 1);
        sv_buf_u8(&der, 0);
        OK(sv_inspect_own("x", sv_buf_bytes(&der), &longer, &err));
        assert_null(longer);
}

/* In DER there is one. */
static void test_one_certificate(void **state)
{
        SV_CERTS certs = {0};
        SV_BUF pem = SV_BUF_NULL, der = SV_BUF_NULL;
        SV_JSON *what = NULL;

        OK(sv_file_read(vector_path("snp/certs/cert_chain-milan-vcek.pem"), 1u << 20, &pem, "test",
                        &err));
        OK(sv_certs_parse(sv_buf_bytes(&pem), &certs, "test", &err));
        OK(sv_cert_der(certs.list[0], &der, &err));
        OK(sv_inspect_own("x", sv_buf_bytes(&der), &what, &err));
        assert_int_equal(sv_json_len(sv_json_get(what, "certificates")), 1);
}

#define RECORD(second, rest)                                                                    \
        "{\"time\":\"2026-01-31T12:00:0" second "Z\",\"action\":\"resource\",\"outcome\":" rest \
        "}\n"

static void test_audit(void **state)
{
        SV_JSON *what = NULL, *bad = NULL;
        const struct sv_json *n;

        OK(inspect(RECORD("1", "\"released\"") RECORD("2", "\"refused\",\"check\":\"policy.a\"")
                           RECORD("3", "\"refused\",\"check\":\"policy.a\""),
                   &what));
        assert_string_equal(kind_of(what), "audit log");
        assert_int_equal(sv_json_int(sv_json_get(what, "records"), 0), 3);
        assert_string_equal(sv_json_str(sv_json_get(what, "first")), "2026-01-31T12:00:01Z");
        assert_string_equal(sv_json_str(sv_json_get(what, "last")), "2026-01-31T12:00:03Z");
        n = sv_json_get(what, "outcomes");
        assert_int_equal(sv_json_int(sv_json_get(n, "released"), 0), 1);
        assert_int_equal(sv_json_int(sv_json_get(n, "refused"), 0), 2);
        assert_int_equal(sv_json_int(sv_json_get(sv_json_get(what, "checks"), "policy.a"), 0), 2);
        FAILS(inspect(RECORD("1", "\"released\"") "{\"time\":\"2026", &bad), SV_FORMAT,
              "inspect.audit");
        assert_non_null(strstr(err.msg, "record 2"));
        FAILS(inspect(RECORD("1", "\"released\"") "{\"time\":\"2026\"}", &bad), SV_FORMAT,
              "inspect.audit");
        assert_null(bad);
}

static void test_documents(void **state)
{
        SV_JSON *guest = NULL, *policy = NULL, *bad = NULL;

        OK(inspect(guest_text, &guest));
        assert_string_equal(kind_of(guest), "guest file");
        assert_string_equal(sv_json_str(sv_json_get(sv_json_get(guest, "guest"), "kernel")), "/k");
        OK(inspect(policy_text, &policy)); /* a certificate in it is the policy's */
        assert_string_equal(kind_of(policy), "policy");
        assert_string_equal(sv_json_str(sv_json_get(sv_json_get(policy, "policy"), "guest")), "g");
        FAILS(inspect("{\"name\":\"g\",\"kernel\":1}", &bad), SV_USAGE, "guest.kernel");
        FAILS(inspect("{\"rules\":[],\"trust\":{}}", &bad), SV_FORMAT, "policy.member");
        assert_null(bad);
}

static void test_others(void **state)
{
        static const char *const none[] = {"",
                                           "garbage",
                                           "{}",
                                           "[]",
                                           "{\"name\":\"x\"}",
                                           "{\"rules\":1}",
                                           "-----BEGIN X509 CRL-----"};

        for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
                SV_JSON *what = NULL;

                OK(inspect(none[i], &what));
                assert_null(what);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_disk),
                cmocka_unit_test(test_other_disks),
                cmocka_unit_test(test_initramfs),
                cmocka_unit_test(test_certificates),
                cmocka_unit_test(test_documents),
                cmocka_unit_test(test_others),
                cmocka_unit_test(test_revocation_list),
                cmocka_unit_test(test_one_certificate),
                cmocka_unit_test(test_audit),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
