/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware by QEMU's descriptors. */
#include <stdlib.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/guest-file.h"
#include "launcher/host/descriptors.h"
#include "tests/unit/unit.h"

#define Q35 \
        "\"targets\":[{\"architecture\":\"x86_64\",\"machines\":[\"pc-i440fx-*\",\"pc-q35-*\"]}]"
#define UEFI "\"interface-types\":[\"uefi\"]"
#define FLASH(code, vars)                                                        \
        "\"mapping\":{\"device\":\"flash\",\"executable\":{\"filename\":\"" code \
        "\",\"format\":\"raw\"},\"nvram-template\":{\"filename\":\"" vars        \
        "\",\"format\":\"raw\"}}"
#define FEATURES(list) "\"features\":[" list "]"
#define PLAIN(code)    "{" UEFI "," FLASH(code, "/v") "," Q35 "," FEATURES("\"acpi-s3\"") "}"

static char root[32];

static void put_descriptor(const char *folder, const char *name, const char *text)
{
        SV_STR dir = sv_asprintf("%s/%s/qemu/firmware", root, folder);
        SV_STR path = sv_asprintf("%s/%s", dir, name);
        struct sv_err err;

        OK(sv_mkdirs(dir, 0755, &err));
        OK(sv_file_write(path, 0644, sv_bytes_str(text), &err));
}

static void must_find(const char *expected, const char *tee, char *one, char *other)
{
        char *features[] = {one, other};
        struct sv_err err = SV_ERR_NULL;
        SV_STR found = sv_descriptors_find(root, tee, features, one ? other ? 2 : 1 : 0, &err);
        SV_STR path = expected ? sv_asprintf("%s%s", root, expected) : NULL;

        if (!expected) {
                assert_null(found);
                assert_string_equal(err.check, "host.firmware");
                assert_int_equal(err.class, SV_SYSTEM);
        } else if (!found || strcmp(found, path)) {
                fail_msg("expected %s, found %s", path, found ? found : err.msg);
        }
}

/* As Debian has them, and for confidential guests as newer ones have. */
static void put_usual(void)
{
        put_descriptor("usr/share", "40-enrolled.json",
                       "{" UEFI "," FLASH("/ms.fd", "/ms-vars.fd") "," Q35 "," FEATURES(
                               "\"enrolled-keys\",\"requires-smm\",\"secure-boot\"") "}");
        put_descriptor("usr/share", "50-secure.json",
                       "{" UEFI "," FLASH("/sec.fd", "/vars.fd") "," Q35 "," FEATURES(
                               "\"requires-smm\",\"secure-boot\"") "}");
        put_descriptor("usr/share", "60-plain.json", PLAIN("/plain.fd"));
        put_descriptor("usr/share", "60-snp.json",
                       "{" UEFI ",\"mapping\":{\"device\":\"memory\",\"filename\":\"/snp.fd\"}," Q35
                       "," FEATURES("\"amd-sev\",\"amd-sev-es\",\"amd-sev-snp\"") "}");
        put_descriptor("usr/share", "70-tdx.json",
                       "{" UEFI ",\"mapping\":{\"device\":\"flash\",\"mode\":\"stateless\","
                       "\"executable\":{\"filename\":\"/tdx.fd\",\"format\":\"raw\"}}," Q35
                       "," FEATURES("\"intel-tdx\",\"enrolled-keys\",\"secure-boot\"") "}");
}

static void by_features(void **state)
{
        char smm[] = "requires-smm", keys[] = "enrolled-keys", secure[] = "secure-boot",
             none[] = "no-such";

        must_find(NULL, NULL, NULL, NULL);
        put_usual();
        must_find("/plain.fd", NULL, NULL, NULL);
        must_find("/sec.fd", NULL, smm, NULL);
        must_find("/sec.fd", NULL, secure, smm);
        must_find("/ms.fd", NULL, keys, smm);
        must_find(NULL, NULL, secure, NULL); /* all that can do it need SMM */
        must_find(NULL, NULL, none, NULL);
        must_find("/snp.fd", "amd-sev-snp", NULL, NULL);
        must_find(NULL, "intel-tdx", NULL, NULL);
        must_find("/tdx.fd", "intel-tdx", keys, NULL);
        must_find(NULL, "amd-sev-snp", secure, NULL);
}

/* Each is passed over for one reason; the last would do. */
static void not_these(void **state)
{
        static const char *const t[] = {
                "",
                "{",
                "[]",
                "{}",
                "{" FLASH("/x", "/v") "," Q35 "," FEATURES("") "}",
                "{" UEFI "," FLASH("/x", "/v") "," FEATURES("") "}",
                "{" UEFI "," FLASH("/x", "/v") ",\"targets\":[{\"architecture\":\"aarch64\","
                                               "\"machines\":[\"pc-q35-*\"]}]," FEATURES("") "}",
                "{" UEFI "," FLASH("/x", "/v") ",\"targets\":[{\"architecture\":\"x86_64\","
                                               "\"machines\":[\"microvm\",3]}]," FEATURES("") "}",
                "{\"interface-types\":[\"bios\"]," FLASH("/x", "/v") "," Q35 "," FEATURES("") "}",
                "{" UEFI ",\"mapping\":{\"device\":\"flash\",\"executable\":{\"filename\":\"/x\","
                "\"format\":\"qcow2\"},\"nvram-template\":{\"filename\":\"/v\",\"format\":\"raw\"}}"
                "," Q35 "," FEATURES("") "}",
                "{" UEFI ",\"mapping\":{\"device\":\"flash\",\"executable\":{\"filename\":\"/x\","
                "\"format\":\"raw\"}}," Q35 "," FEATURES("") "}",
                "{" UEFI ",\"mapping\":{\"device\":\"memory\",\"filename\":\"/x\"}," Q35
                "," FEATURES("") "}",
        };

        put_descriptor("usr/share", "90-last.json", PLAIN("/last.fd"));
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                put_descriptor("usr/share", "10-first.json", t[i]);
                must_find("/last.fd", NULL, NULL, NULL);
        }
        put_descriptor("usr/share", "10-first.json", PLAIN("/first.fd"));
        must_find("/first.fd", NULL, NULL, NULL);
}

/* What the machine's owner says in /etc. */
static void masked(void **state)
{
        put_usual();
        put_descriptor("etc", "60-plain.json", PLAIN("/own.fd"));
        must_find("/own.fd", NULL, NULL, NULL);
        put_descriptor("etc", "60-plain.json", "");
        must_find(NULL, NULL, NULL, NULL);
        put_descriptor("etc", "30-mine.json", PLAIN("/mine.fd"));
        must_find("/mine.fd", NULL, NULL, NULL);
}

static void large(void **state)
{
        char *text = malloc(SV_DESCRIPTOR_SIZE_MAX + 2);

        assert_non_null(text);
        for (size_t n = SV_DESCRIPTOR_SIZE_MAX; n <= SV_DESCRIPTOR_SIZE_MAX + 1; n++) {
                memset(text, ' ', n);
                memcpy(text, PLAIN("/large.fd"), strlen(PLAIN("/large.fd")));
                text[n] = 0;
                put_descriptor("usr/share", "1.json", text);
                must_find(n == SV_DESCRIPTOR_SIZE_MAX ? "/large.fd" : NULL, NULL, NULL, NULL);
        }
        free(text);
}

static int parse_guest(const char *more, struct sv_guest *g, struct sv_err *err)
{
        SV_STR text = sv_asprintf("{\"name\":\"g\",\"tee\":\"vtpm\",\"kernel\":\"/k\"%s}", more);

        return sv_guest_file_parse(sv_bytes_str(text), "g.json", "/", g, err);
}

/* This machine's own: the guest file has the path that everything else goes by. */
static void in_a_guest_file(void **state)
{
        static const char eight[] = "\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"";
        SV_STR most = sv_asprintf(",\"firmware_features\":[%s]", eight);
        SV_STR more = sv_asprintf(",\"firmware_features\":[%s,\"i\"]", eight);
        char *smm[] = {(char *)"requires-smm"};
        SV_STR found = sv_descriptors_find("", NULL, smm, 1, NULL);
        struct sv_err err;

        {
                SV_GUEST g = {0};

                FAILS(parse_guest(",\"firmware\":\"/f\",\"firmware_features\":[\"a\"]", &g, &err),
                      SV_USAGE, "guest.firmware_features");
                FAILS(parse_guest(",\"firmware_features\":[\"A\"]", &g, &err), SV_USAGE,
                      "guest.firmware_features");
                FAILS(parse_guest(more, &g, &err), SV_USAGE, "guest.firmware_features");
                FAILS(parse_guest(most, &g, &err), SV_SYSTEM, "host.firmware");
                assert_non_null(strstr(err.msg, "\"h\""));
                assert_non_null(strstr(err.msg, "g.json"));
                OK(parse_guest(",\"firmware\":\"/f\"", &g, &err));
                assert_string_equal(g.firmware, "/f");
        }
        if (!found) {
                print_message("no descriptor on this machine is of firmware with SMM\n");
                skip();
        }
        {
                SV_GUEST g = {0};

                OK(parse_guest(",\"firmware_features\":[\"requires-smm\"]", &g, &err));
                assert_string_equal(g.firmware, found);
        }
}

static int setup(void **state)
{
        strcpy(root, "/tmp/svfirmwareXXXXXX");
        return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
        return sv_remove_tree(root, NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(by_features), CASE(not_these),       CASE(masked),
                CASE(large),       CASE(in_a_guest_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
