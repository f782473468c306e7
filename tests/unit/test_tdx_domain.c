/* SPDX-License-Identifier: Apache-2.0 */
/* The libvirt domain of a TD: what is in it, that libvirt's own schema takes it, and what is
 * refused. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/virt/domain.h"
#include "launcher/host/host.h"
#include "tdx/host/host.h"
#include "tdx/options.h"
#include "tests/unit/schemas.h"
#include "tdx/tee.h"
#include "tests/unit/tdvf.h"

static char root[] = "/tmp/tdx-domain.XXXXXX";
static const struct sv_tee_host tdx = {.id = &sv_tee_tdx, .domain = sv_tdx_domain};

static void put(const char *rel, struct sv_bytes data)
{
        SV_STR path = sv_asprintf("%s/%s", root, rel);
        struct sv_err err = SV_ERR_NULL;

        OK(sv_file_write(path, 0644, data, &err));
}

/* The whole domain as the launcher writes it. */
static int domain(const char *members, struct sv_buf *xml, struct sv_err *err)
{
        SV_STR text =
                sv_asprintf("{\"name\":\"g\",\"tee\":\"tdx\",\"kernel\":\"kernel\",%s}", members);
        struct sv_plan p = {.tee = &tdx,
                            .place.kvm = true,
                            .boot.kernel = "/k",
                            .boot.firmware = "/f",
                            .cmdline = "",
                            .boot.nvram_template = "/v",
                            .boot.nvram = "/n"};
        SV_GUEST g = {0};

        if (sv_guest_parse(sv_bytes_str(text), "g.json", root, &g, err) < 0)
                return -1;
        p.guest = &g;
        p.boot.shim = g.shim ? "/s" : NULL;
        return sv_domain_xml(&p, xml, err);
}

static void has(const char *members, const char *fragment, bool yes)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF xml = SV_BUF_NULL;

        OK(domain(members, &xml, &err));
        if (!strstr(sv_buf_str(&xml), fragment) == yes)
                fail_msg("\"%s\" is %s %s", fragment, yes ? "not in" : "in", sv_buf_str(&xml));
}

#define GOOD         "\"firmware\":\"good.fd\""
#define TDX(members) GOOD ",\"tees\":{\"tdx\":{" members "}}"
#define ONES                                                                                       \
        "0101010101010101010101010101010101010101010101010101010101010101010101010101010101010101" \
        "01010101"
#define ONES_64 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"

static void parts(void **state)
{
        has(GOOD, "<launchSecurity type='tdx'>\n    <policy>0x10000000</policy>\n", true);
        has(GOOD, "<quoteGenerationService path='/var/run/tdx-qgs/qgs.socket'/>", true);
        has(GOOD, "<ioapic driver='qemu'/>", true);
        has(GOOD, "<smm state='off'/>", true);
        has(GOOD, "<pmu state='off'/>", true);
        has(GOOD, "<cpu mode='host-passthrough'/>", true);
        has(GOOD, "<loader type='rom'>/f</loader>", true);
        has(GOOD, "<shim>", false);
        has(GOOD ",\"shim\":\"good.fd\"", "<kernel>/k</kernel>\n    <shim>/s</shim>\n", true);
        has(GOOD, "nvram", false);
        has(GOOD, "pflash", false);
        has(GOOD, "mrConfigId", false);
        has(GOOD, "<memballoon model='none'/>", true);
        has(TDX("\"quote_service\":\"none\""), "quoteGenerationService", false);
        has(TDX("\"quote_service\":\"/run/q.sock\""),
            "<quoteGenerationService path='/run/q.sock'/>", true);
        has(GOOD, "vsock", false);
        has(TDX("\"quote_port\":4050"), "<vsock model='virtio'>", true);
        has(TDX("\"quote_port\":4050"), "quoteGenerationService", true);
        has(TDX("\"quote_port\":4294967294"), "quoteGenerationService", true);
        has(TDX("\"mrconfigid\":\"" ONES "\""), "<mrConfigId>" ONES_64 "</mrConfigId>", true);
        has(TDX("\"mrowner\":\"" ONES "\""), "<mrOwner>" ONES_64 "</mrOwner>", true);
        has(TDX("\"mrownerconfig\":\"" ONES "\""), "<mrOwnerConfig>" ONES_64 "</mrOwnerConfig>",
            true);
        has(GOOD ",\"tuning\":{\"hugepages\":false}", "tdx", true);
}

/* MRCONFIGID is 48 bytes: SHA-384 fits, SHA-512 is cut, SHA-256 is followed by zeros. */
static void init_data(void **state)
{
        static const struct {
                const char *text;
                enum sv_digest alg;
        } cases[] = {
                {"version = \"0.1.0\"\n[data]\nalgorithm = \"sha256\"\n", SV_SHA384},
                {"algorithm = \"sha384\"\n", SV_SHA384},
                {"algorithm = \"sha256\"\nversion = \"0.1.0\"\n", SV_SHA256},
                {"version = \"0.1.0\"\nalgorithm = \"sha512\"\n", SV_SHA512},
        };
        struct sv_err err = SV_ERR_NULL;
        SV_BUF xml = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                SV_BUF expected = SV_BUF_NULL;
                uint8_t digest[SV_DIGEST_MAX] = {0};

                put("init.toml", sv_bytes_str(cases[i].text));
                OK(sv_digest(cases[i].alg, sv_bytes_str(cases[i].text), digest, &err));
                sv_buf_puts(&expected, "<mrConfigId>");
                sv_put_base64(&expected, sv_bytes(digest, 48));
                has(TDX("\"init_data\":\"init.toml\""), sv_buf_str(&expected), true);
        }
        put("init.toml", sv_bytes_str("algorithm = \"md5\"\n"));
        FAILS(domain(TDX("\"init_data\":\"init.toml\""), &xml, &err), SV_USAGE, "tdx.init_data");
        FAILS(domain(TDX("\"init_data\":\"nowhere.toml\""), &xml, &err), SV_SYSTEM,
              "tdx.init_data");
}

static void refused(void **state)
{
        static const struct {
                const char *members, *check, *says;
        } cases[] = {
                {GOOD ",\"cpu\":\"EPYC-v4\"", "tdx.domain.cpu", "remove \"cpu\""},
                {TDX("\"attributes\":\"0x10000001\""), "guest.tdx.allow_debug", "allow_debug"},
                {TDX("\"attributes\":\"0x10000001\",\"allow_debug\":true"), "tdx.domain.attributes",
                 "debug"},
                {TDX("\"attributes\":\"0x0\""), "tdx.domain.attributes", "set bit 28"},
                {TDX("\"attributes\":\"0x50000000\""), "tdx.domain.attributes", "0x10000000"},
                {TDX("\"mrconfigid\":\"" ONES "\",\"init_data\":\"good.fd\""),
                 "guest.tdx.mrconfigid", "found both"},
                {TDX("\"mrconfigid\":\"01\""), "guest.tdx.mrconfigid", "96"},
                {TDX("\"mrowner\":\"" ONES "01\""), "guest.tdx.mrowner", "96"},
                {TDX("\"quote_service\":\"vsock:2:4050\""), "tdx.domain.quote_service",
                 "unix socket"},
                {TDX("\"quote_port\":0"), "guest.tdx.quote_port", "from 1"},
                {TDX("\"quote_port\":4294967295"), "guest.tdx.quote_port", "from 1"},
                {TDX("\"quote_service\":\"vsock:2:4050x\""), "guest.tdx.quote_service",
                 "vsock:CID:PORT"},
                {TDX("\"quote_service\":\"/a'/><x\""), "guest.tdx.quote_service", "path"},
                {TDX("\"quote_service\":\"relative\""), "guest.tdx.quote_service", "path"},
                {TDX("\"page_order\":\"two-pass\""), "tdx.domain.page_order", "remove it"},
                {TDX("\"qgs\":\"/a\""), "guest.tdx.unknown", "qgs"},
                {GOOD ",\"tuning\":{\"hugepages\":\"2MiB\"}", "tdx.domain.cannot", "guest_memfd"},
                {GOOD ",\"tuning\":{\"memory_hotplug\":\"4GiB\"}", "tdx.domain.cannot",
                 "launch anew"},
                {GOOD ",\"tuning\":{\"migration\":true}", "tdx.domain.cannot",
                 "launch and attest it there"},
                {GOOD ",\"tuning\":{\"snapshot\":true}", "tdx.domain.cannot", "copy its disk"},
                {GOOD ",\"tuning\":{\"smm\":true}", "tdx.domain.cannot", "without it"},
                {GOOD ",\"tuning\":{\"vcpu_hotplug\":8}", "tdx.domain.cannot",
                 "set \"vcpus\" and launch anew"},
                {GOOD ",\"tuning\":{\"balloon\":true}", "tdx.domain.cannot", "shared half"},
                {GOOD ",\"tuning\":{\"save\":true}", "tdx.domain.cannot",
                 "launch and attest it anew"},
                {GOOD ",\"tuning\":{\"vtpm\":{}}", "tdx.domain.cannot", "RTMR0 to 3"},
                {GOOD ",\"tuning\":{\"nvram\":\"/vars.fd\"}", "tdx.domain.cannot", "read-only"},
                {GOOD ",\"tuning\":{\"core_dump\":true}", "tdx.domain.cannot", "kdump"},
                {GOOD ",\"tuning\":{\"pmu\":true}", "tdx.domain.cannot", "performance counters"},
                {GOOD ",\"tuning\":{\"nested\":true}", "tdx.domain.cannot", "guests of its own"},
        };
        struct sv_err err = SV_ERR_NULL;
        SV_BUF xml = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                print_message("%s\n", cases[i].members);
                FAILS(domain(cases[i].members, &xml, &err), SV_USAGE, cases[i].check);
                if (!strstr(err.msg, cases[i].says))
                        fail_msg("\"%s\" is not in: %s", cases[i].says, err.msg);
        }
        put("text.fd", sv_bytes_str("no firmware at all"));
        assert_int_equal(domain("\"firmware\":\"text.fd\"", &xml, &err), -1);
        assert_int_equal(err.class, SV_FORMAT);
        FAILS(domain("\"firmware\":\"nowhere.fd\"", &xml, &err), SV_SYSTEM, "tdx.firmware");
}

/* A guest that attests itself needs somebody who signs: looked for before the start, not by a guest
 * that waits for ever. */
static void quotes(void **state)
{
#define ATTESTS                                                                 \
        ",\"attestation\":{\"url\":\"https://10.0.2.2:8443\",\"pin\":\"sha256:" \
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}"
        SV_STR path = sv_asprintf("%s/qgs.sock", root);
        SV_STR members = sv_asprintf(TDX("\"quote_service\":\"%s\"") ATTESTS, path);
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        SV_FD fd = socket(AF_UNIX, SOCK_STREAM, 0);
        struct sv_err err = SV_ERR_NULL;
        SV_BUF xml = SV_BUF_NULL;

        FAILS(domain(TDX("\"quote_service\":\"none\"") ATTESTS, &xml, &err), SV_USAGE,
              "tdx.domain.quote_service");
        FAILS(domain(members, &xml, &err), SV_SYSTEM, "tdx.domain.quote_service");
        put("qgs.sock", sv_bytes_str("a file"));
        FAILS(domain(members, &xml, &err), SV_SYSTEM, "tdx.domain.quote_service");
        unlink(path);
        snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        has(members, path, true);
        if (access("/dev/vhost-vsock", F_OK) == 0)
                has(TDX("\"quote_service\":\"none\",\"quote_port\":4050") ATTESTS, "<vsock", true);
        else
                FAILS(domain(TDX("\"quote_port\":4050") ATTESTS, &xml, &err), SV_SYSTEM,
                      "tdx.domain.quote_port");
}

/* Each schema that knows TDs takes what we write; one that does not takes none of it. */
static void schema(void **state)
{
        static const char *const members[] = {
                GOOD,
                TDX("\"mrconfigid\":\"" ONES "\",\"mrowner\":\"" ONES "\",\"mrownerconfig\":\"" ONES
                    "\""),
                TDX("\"quote_service\":\"none\",\"quote_port\":4050")};
        struct sv_err err = SV_ERR_NULL;
        unsigned taken = 0;
        char file[200];

        snprintf(file, sizeof(file), "%s/domain.xml", root);
        for (int i = 0; i < SCHEMAS; i++) {
                bool knows = false;
                const char *rng = schema_path(i, &knows);
                const char *argv[] = {"xmllint", "--noout", "--relaxng", rng, file, NULL};

                for (size_t k = 0; rng && k < sizeof(members) / sizeof(members[0]); k++) {
                        SV_BUF x = SV_BUF_NULL;

                        OK(domain(members[k], &x, &err));
                        put("domain.xml", sv_buf_bytes(&x));
                        if ((sv_host_run(argv, NULL, "test.schema", &err) == 0) != knows)
                                fail_msg("%s %s %s", rng, knows ? "does not take" : "takes",
                                         sv_buf_str(&x));
                        taken += knows;
                }
        }
        if (!taken) {
                print_message("SKIP: no libvirt schema here knows TDs (tools/fetch-forky)\n");
                skip();
        }
}

/* The reader of the guest file is before it; what it let through is not believed. */
static void no_digits(void **state)
{
        const struct sv_tdx_options owner = {.mrowner = (char *)"0g"};
        struct sv_tdx_ids ids;
        struct sv_err err;

        FAILS(sv_tdx_ids(&owner, &ids, &err), SV_FORMAT, "guest.tdx.id");
}

static int set_up(void **state)
{
        SV_BUF image = SV_BUF_NULL;

        if (!mkdtemp(root))
                return -1;
        tdvf_build(&image, tdvf_good, 3, 1);
        put("good.fd", sv_buf_bytes(&image));
        return 0;
}

static int tear_down(void **state)
{
        return sv_remove_tree(root, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parts),     cmocka_unit_test(init_data), cmocka_unit_test(refused),
                cmocka_unit_test(no_digits), cmocka_unit_test(quotes),    cmocka_unit_test(schema),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
