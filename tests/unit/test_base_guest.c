/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/file.h"
#include "guest/guest.h"
#include "tests/unit/limits.h"

#define PIN  "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SALT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define WORD "ext4:sha256:4096:4096:66560:272633856:" SALT ":" SALT
#define ATT  "\"attestation\":{\"url\":\"https://10.0.2.2:8443\",\"pin\":\"" PIN "\"}"

static const char full[] = "{\n \"name\": \"demo\",\n \"tee\": \"vtpm\",\n \"vcpus\": 4,\n "
                           "\"memory\": \"2GiB\",\n \"firmware\": \"/fw.fd\",\n"
                           " \"kernel\": \"vmlinuz\",\n \"initrd\": \"../initrd\",\n \"cmdline\": "
                           "\"console=ttyS0 securevm.ip=10.0.2.15/24,10.0.2.2\",\n"
                           " \"disks\": [{\"path\": \"root.img\"}, {\"path\": \"data.img\", "
                           "\"id\": \"data\", \"readonly\": true}],\n"
                           " \"nics\": [{\"type\": \"bridge\", \"source\": \"br0\", \"mac\": "
                           "\"52:54:00:12:34:56\"}],\n"
                           " \"attestation\": {\"url\": \"https://10.0.2.2:8443\", \"pin\": \"" PIN
                           "\", \"ek_roots\": [\"ca.pem\"], \"lease\": 120},\n"
                           " \"security\": {\"model\": \"apparmor\", \"required\": true},\n "
                           "\"tuning\": {\"hugepages\": \"2MiB\"}\n}\n";

static int parse(const char *text, struct sv_guest *g, struct sv_err *err)
{
        return sv_guest_parse(sv_bytes_str(text), "g.json", "/dir", g, err);
}

static void whole(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_GUEST g = {0};
        SV_BUF line = SV_BUF_NULL;

        OK(parse(full, &g, &err));
        assert_string_equal(g.name, "demo");
        assert_int_equal(g.vcpus, 4);
        assert_true(g.memory == 2ull << 30);
        assert_string_equal(g.kernel, "/dir/vmlinuz");
        assert_string_equal(g.initrd, "/dir/../initrd");
        assert_string_equal(g.firmware, "/fw.fd");
        assert_int_equal(g.n_disks, 2);
        assert_string_equal(g.disks[0].id, "root");
        assert_true(g.disks[0].encrypted);
        assert_false(g.disks[1].encrypted);
        assert_true(g.disks[1].readonly);
        assert_string_equal(g.nics[0].mac, "52:54:00:12:34:56");
        assert_string_equal(g.attestation.resource, "default/demo/root");
        assert_string_equal(g.attestation.ek_roots[0], "/dir/ca.pem");
        assert_int_equal(g.attestation.lease, 120);
        assert_true(g.security.required && !g.security.optional);
        assert_non_null(g.tuning);
        OK(sv_guest_cmdline(&g, &line, &err));
        assert_string_equal(sv_buf_str(&line),
                            "console=ttyS0 securevm.ip=10.0.2.15/24,10.0.2.2 "
                            "securevm.url=https://10.0.2.2:8443 "
                            "securevm.pin=" PIN
                            " securevm.resource=default/demo/root securevm.disk=root");
}

/* The words that the user may give the agent. */
static void users_words(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF line = SV_BUF_NULL;
        SV_GUEST g = {0};

        OK(parse("{\"name\":\"a\",\"kernel\":\"k\",\"cmdline\":\"securevm.root=btrfs "
                 "securevm.console=host securevm.fallback=console\"}",
                 &g, &err));
        OK(sv_guest_cmdline(&g, &line, &err));
        assert_string_equal(sv_buf_str(&line),
                            "securevm.root=btrfs securevm.console=host securevm.fallback=console");
}

static void defaults(void **state)
{
        /* SHA-256 of "secure-vm guest a", first 16 bytes, with version 8 and variant set */
        static const uint8_t uuid_bits[2] = {0x80, 0x80};
        struct sv_err err = SV_ERR_NULL;
        SV_GUEST g = {0}, same = {0}, other = {0};
        SV_BUF line = SV_BUF_NULL;

        OK(parse("{\"name\":\"a\",\"kernel\":\"k\",\"disks\":[{\"path\":\"d\"}]}", &g, &err));
        assert_string_equal(g.tee, "auto");
        assert_int_equal(g.vcpus, 2);
        assert_true(g.memory == 1ull << 30);
        assert_int_equal(g.n_nics, 1);
        assert_string_equal(g.nics[0].type, "user");
        assert_false(g.disks[0].encrypted);
        assert_int_equal(g.uuid[6] & 0xf0, uuid_bits[0]);
        assert_int_equal(g.uuid[8] & 0xc0, uuid_bits[1]);
        OK(sv_guest_cmdline(&g, &line, &err));
        assert_int_equal(line.n, 0);
        assert_true(g.console.log_size == 16u << 20);
        /* to say nothing of "required" is not to say false: the host decides then */
        assert_false(g.security.required || g.security.optional);
        OK(parse("{\"name\":\"a\",\"uki\":\"/u\"}", &same, &err));
        OK(parse("{\"name\":\"b\",\"uki\":\"/u\",\"security\":{\"required\":false},"
                 "\"console\":{\"log_size\":\"2MiB\"}}",
                 &other, &err));
        assert_true(other.security.optional && !other.security.required);
        assert_true(other.console.log_size == 2u << 20);
        assert_memory_equal(g.uuid, same.uuid, 16);
        assert_memory_not_equal(g.uuid, other.uuid, 16);
}

/* The root that needs no key: with and without a broker for other things. */
static void verity(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF line = SV_BUF_NULL, attested = SV_BUF_NULL;
        SV_GUEST g = {0}, h = {0}, plain = {0};

        OK(parse("{\"name\":\"a\",\"kernel\":\"k\",\"cmdline\":\"quiet\",\"disks\":[{\"path\":"
                 "\"data\"},{\"path\":\"d\",\"id\":\"sys\",\"verity\":\"" WORD "\"}]}",
                 &g, &err));
        assert_true(g.disks[1].readonly);
        assert_false(g.disks[0].readonly);
        assert_ptr_equal(sv_guest_root(&g), &g.disks[1]);
        OK(sv_guest_cmdline(&g, &line, &err));
        assert_string_equal(sv_buf_str(&line), "quiet securevm.disk=sys securevm.verity=" WORD);
        OK(parse("{\"name\":\"a\",\"kernel\":\"k\"," ATT
                 ",\"disks\":[{\"path\":\"data\"},{\"path\":\"d\",\"verity\":\"" WORD "\"}]}",
                 &h, &err));
        assert_false(h.disks[0].encrypted); /* not by itself, then */
        OK(sv_guest_cmdline(&h, &attested, &err));
        assert_string_equal(sv_buf_str(&attested),
                            "securevm.url=https://10.0.2.2:8443 securevm.pin=" PIN
                            " securevm.resource=default/a/root securevm.disk=disk1 "
                            "securevm.verity=" WORD);
        assert_null(sv_guest_encrypted(&h));
        OK(parse("{\"name\":\"a\",\"kernel\":\"k\",\"disks\":[{\"path\":\"d\"}]}", &plain, &err));
        assert_null(sv_guest_root(&plain));
}

/* What the system writes lasts: an encrypted disk above the root that needs no key. */
static void data_above_verity(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF line = SV_BUF_NULL;
        SV_GUEST g = {0};

        OK(parse("{\"name\":\"a\",\"kernel\":\"k\",\"cmdline\":\"securevm.root=btrfs\"," ATT
                 ",\"disks\":[{\"path\":\"data\",\"encrypted\":true},{\"path\":\"d\",\"verity\":"
                 "\"" WORD "\"}]}",
                 &g, &err));
        assert_ptr_equal(sv_guest_root(&g), &g.disks[1]);
        assert_ptr_equal(sv_guest_encrypted(&g), &g.disks[0]);
        assert_true(g.disks[1].readonly && !g.disks[0].readonly);
        OK(sv_guest_cmdline(&g, &line, &err));
        assert_string_equal(
                sv_buf_str(&line),
                "securevm.root=btrfs securevm.url=https://10.0.2.2:8443 securevm.pin=" PIN
                " securevm.resource=default/a/root securevm.disk=disk1 "
                "securevm.verity=" WORD " securevm.data=root");
}

#define K "\"name\":\"a\",\"kernel\":\"k\""

/* A size as a number of bytes, or as people write it. */
static void sizes(void **state)
{
        static const struct {
                const char *text;
                uint64_t bytes;
        } t[] = {{"134217728", 128u << 20},
                 {"\"134217728\"", 128u << 20},
                 {"\"128MiB\"", 128u << 20},
                 {"17592186044416", 16ull << 40},
                 {"\"16TiB\"", 16ull << 40}};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR text =
                        sv_asprintf("{\"name\":\"a\",\"kernel\":\"k\",\"memory\":%s}", t[i].text);
                struct sv_err err = SV_ERR_NULL;
                SV_GUEST g = {0};

                OK(parse(text, &g, &err));
                assert_true(g.memory == t[i].bytes);
        }
}

static void malformed(void **state)
{
        static const struct {
                const char *text, *check, *says;
        } t[] = {
                {"", "guest.json", "JSON"},
                {"{", "guest.json", "line 1"},
                {"[]", "guest.json", "an object"},
                {"{" K "} x", "guest.json", "JSON"},
                {"{" K ",\"name\":\"b\"}", "guest.json", "same name"},
                {"{}", "guest.name", "missing"},
                {"{\"kernel\":\"k\"}", "guest.name", "missing"},
                {"{\"name\":\"a\"}", "guest.kernel", "add \"kernel\""},
                {"{\"name\":\"\",\"kernel\":\"k\"}", "guest.name", "/name"},
                {"{\"name\":\"../x\",\"kernel\":\"k\"}", "guest.name", "\"../x\""},
                {"{\"name\":\".x\",\"kernel\":\"k\"}", "guest.name", "\".x\""},
                {"{\"name\":7,\"kernel\":\"k\"}", "guest.name", "found 7"},
                {"{\"name\":null,\"kernel\":\"k\"}", "guest.name", "/name"},
                {"{\"name\":\"a\\u0000b\",\"kernel\":\"k\"}", "guest.name", "zero byte"},
                {"{" K ",\"vcpu\":2}", "guest.unknown", "\"vcpus\"?"},
                {"{" K ",\"Memory\":2}", "guest.unknown", "\"memory\"?"},
                {"{" K ",\"a/b~\":2}", "guest.unknown", "/a~1b~0"},
                {"{" K ",\"somethingelse\":2}", "guest.unknown", "expected one of"},
                {"{" K ",\"uuid\":\"1234\"}", "guest.uuid", "/uuid"},
                {"{" K ",\"tee\":\"SEV snp\"}", "guest.tee", "name of a TEE"},
                {"{" K ",\"vcpus\":0}", "guest.vcpus", "found 0"},
                {"{" K ",\"vcpus\":513}", "guest.vcpus", "513"},
                {"{" K ",\"vcpus\":\"2\"}", "guest.vcpus", "\"2\""},
                {"{" K ",\"vcpus\":1.5}", "guest.vcpus", "/vcpus"},
                {"{" K ",\"memory\":\"2 GiB\"}", "guest.memory", "\"2 GiB\""},
                {"{" K ",\"memory\":\"127MiB\"}", "guest.memory", "128 MiB"},
                {"{" K ",\"memory\":\"17TiB\"}", "guest.memory", "16 TiB"},
                {"{" K ",\"memory\":1073741825}", "guest.memory", "multiple"},
                {"{" K ",\"memory\":-1}", "guest.memory", "-1"},
                {"{" K ",\"memory\":0}", "guest.memory", "128 MiB"},
                {"{" K ",\"memory\":1.5}", "guest.memory", "128 MiB"},
                {"{" K ",\"memory\":true}", "guest.memory", "128 MiB"},
                {"{" K ",\"cpu\":\"a,b\"}", "guest.cpu", "\"a,b\""},
                {"{" K ",\"firmware\":\"\"}", "guest.firmware", "/firmware"},
                {"{\"name\":\"a\",\"kernel\":\"a\\nb\"}", "guest.kernel", "/kernel"},
                {"{\"name\":\"a\",\"kernel\":\"k\",\"folder\":\"f\"}", "guest.folder",
                 "the path f"},
                {"{\"name\":\"a\",\"kernel\":\"k\",\"folder\":\"\"}", "guest.folder", "/folder"},
                {"{\"name\":\"a\",\"kernel\":\"k\",\"folder\":\"/a\\nb\"}", "guest.folder",
                 "absolute"},
                {"{\"name\":\"a\",\"kernel\":\"k\",\"folder\":1}", "guest.folder", "found a"},
                {"{" K ",\"uki\":\"u\"}", "guest.uki", "remove one"},
                {"{\"name\":\"a\",\"uki\":\"u\",\"initrd\":\"i\"}", "guest.initrd",
                 "carries its own"},
                {"{" K ",\"cmdline\":\"a\\u0007\"}", "guest.cmdline", "/cmdline"},
                {"{" K ",\"cmdline\":\"a=\\\"b\"}", "guest.cmdline", "quotation"},
                {"{" K ",\"cmdline\":\"securevm.pin=x\"}", "guest.cmdline", "attestation"},
                {"{" K ",\"cmdline\":\"securevm.what=x\"}", "guest.cmdline", "not a word"},
                {"{" K ",\"disks\":{}}", "guest.disks", "a list"},
                {"{" K ",\"disks\":[7]}", "guest.disks", "/disks/0"},
                {"{" K ",\"disks\":[{}]}", "guest.disks.path", "missing"},
                {"{" K ",\"disks\":[{\"path\":\"d\",\"id\":\"a b\"}]}", "guest.disks.id",
                 "/disks/0/id"},
                {"{" K ",\"disks\":[{\"path\":\"d\",\"id\":\"123456789012345678901\"}]}",
                 "guest.disks.id", "20"},
                {"{" K ",\"disks\":[{\"path\":\"d\",\"readonly\":1}]}", "guest.disks.readonly",
                 "true or false"},
                {"{" K ",\"disks\":[{\"path\":\"d\",\"read_only\":true}]}", "guest.disks.unknown",
                 "\"readonly\"?"},
                {"{" K ",\"disks\":[{\"path\":\"d\"},{\"path\":\"e\",\"id\":\"root\"}]}",
                 "guest.disks.id", "/disks/1"},
                {"{" K ",\"disks\":[{\"path\":\"d\"},{\"path\":\"d\"}]}", "guest.disks.path",
                 "same file"},
                {"{" K ",\"disks\":[{\"path\":\"d\",\"encrypted\":true}]}", "guest.disks.encrypted",
                 "add \"attestation\""},
                {"{" K "," ATT ",\"disks\":[{\"path\":\"d\",\"readonly\":true}]}",
                 "guest.disks.encrypted", "writing"},
                {"{" K "," ATT ",\"disks\":[{\"path\":\"d\"},{\"path\":\"e\",\"encrypted\":true}]}",
                 "guest.disks.encrypted", "one"},
                {"{" K ",\"disks\":[{\"path\":\"d\",\"verity\":\"" WORD "0\"}]}",
                 "guest.disks.verity", "image verity"},
                {"{" K ",\"disks\":[{\"path\":\"d\",\"verity\":true}]}", "guest.disks.verity",
                 "image verity"},
                {"{" K ",\"disks\":[{\"path\":\"d\",\"verity\":\"" WORD
                 "\"},{\"path\":\"e\",\"verity\":\"" WORD "\"}]}",
                 "guest.disks.verity", "/disks/1"},
                {"{" K ",\"disks\":[{\"path\":\"d\",\"verity\":\"" WORD "\",\"readonly\":false}]}",
                 "guest.disks.verity", "/disks/0/readonly"},
                {"{" K "," ATT ",\"disks\":[{\"path\":\"d\",\"verity\":\"" WORD
                 "\",\"encrypted\":true}]}",
                 "guest.disks.verity", "/disks/0/encrypted"},
                {"{" K ",\"disks\":[{\"path\":\"d\",\"encrypted\":true},"
                 "{\"path\":\"e\",\"verity\":\"" WORD "\"}]}",
                 "guest.disks.encrypted", "attestation"},
                {"{" K ",\"cmdline\":\"securevm.data=root\"}", "guest.cmdline", "secure-vm itself"},
                {"{" K ",\"cmdline\":\"securevm.root=ext4\",\"disks\":[{\"path\":\"d\","
                 "\"verity\":\"" WORD "\"}]}",
                 "guest.cmdline", "remove the word"},
                {"{" K ",\"cmdline\":\"securevm.verity=" WORD "\"}", "guest.cmdline",
                 "secure-vm itself"},
                {"{" K ",\"nics\":[{}]}", "guest.nics.type", "missing"},
                {"{" K ",\"nics\":[{\"type\":\"tap\"}]}", "guest.nics.type", "\"tap\""},
                {"{" K ",\"nics\":[{\"type\":\"bridge\"}]}", "guest.nics.source", "source"},
                {"{" K ",\"nics\":[{\"type\":\"user\",\"source\":\"br0\"}]}", "guest.nics.source",
                 "remove"},
                {"{" K ",\"nics\":[{\"type\":\"user\",\"mac\":\"53:54:00:12:34:56\"}]}",
                 "guest.nics.mac", "unicast"},
                {"{" K ",\"nics\":[{\"type\":\"user\",\"mac\":\"52-54-00-12-34-56\"}]}",
                 "guest.nics.mac", "/nics/0/mac"},
                {"{" K "," ATT ",\"nics\":[]}", "guest.nics", "network"},
                {"{" K ",\"attestation\":\"https://b\"}", "guest.attestation", "an object"},
                {"{" K ",\"attestation\":{}}", "guest.attestation.url", "missing"},
                {"{" K ",\"attestation\":{\"url\":\"https://b\",\"pin\":\"" PIN
                 "\",\"lease\":86401}}",
                 "guest.attestation.lease", "from 0 to 86400"},
                {"{" K ",\"attestation\":{\"url\":\"https://b\",\"pin\":\"" PIN
                 "\",\"lease\":119}}",
                 "guest.attestation.lease", "at least 120"},
                {"{" K ",\"attestation\":{\"url\":\"http://b\",\"pin\":\"" PIN "\"}}",
                 "guest.attestation.url", "https"},
                {"{" K ",\"attestation\":{\"url\":\"https://b c\",\"pin\":\"" PIN "\"}}",
                 "guest.attestation.url", "/attestation/url"},
                {"{" K ",\"attestation\":{\"url\":\"https://\",\"pin\":\"" PIN "\"}}",
                 "guest.attestation.url", "HOST"},
                {"{" K ",\"attestation\":{\"url\":\"https://b\"}}", "guest.attestation.pin",
                 "add \"pin\""},
                {"{" K ",\"attestation\":{\"url\":\"https://b\",\"pin\":\"sha256:00\"}}",
                 "guest.attestation.pin", "64"},
                {"{" K ",\"attestation\":{\"url\":\"https://b\",\"pin\":\"" PIN
                 "\",\"resource\":\"a/b\"}}",
                 "guest.attestation.resource", "type"},
                {"{" K ",\"attestation\":{\"url\":\"https://b\",\"pin\":\"" PIN
                 "\",\"resource\":\"a/../c\"}}",
                 "guest.attestation.resource", "a/../c"},
                {"{" K ",\"attestation\":{\"url\":\"https://b\",\"pin\":\"" PIN
                 "\",\"ek_roots\":\"x\"}}",
                 "guest.attestation.ek_roots", "a list"},
                {"{" K ",\"attestation\":{\"url\":\"https://b\",\"pin\":\"" PIN
                 "\",\"ek_roots\":[1]}}",
                 "guest.attestation.ek_roots", "/ek_roots/0"},
                {"{" K ",\"console\":{\"log_size\":\"512KiB\"}}", "guest.console.log_size",
                 "1 MiB"},
                {"{" K ",\"console\":{\"log_size\":\"2GiB\"}}", "guest.console.log_size", "1 GiB"},
                {"{" K ",\"console\":{\"size\":\"1MiB\"}}", "guest.console.unknown", "console"},
                {"{" K ",\"security\":{\"model\":\"none\"}}", "guest.security.model", "selinux"},
                {"{" K ",\"security\":{\"requird\":true}}", "guest.security.unknown",
                 "\"required\"?"},
                {"{" K ",\"tuning\":[]}", "guest.tuning", "an object"},
        };
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_GUEST g = {0};

                FAILS(parse(t[i].text, &g, &err), SV_USAGE, t[i].check);
                if (!strstr(err.msg, t[i].says))
                        fail_msg("%s: \"%s\" does not say \"%s\"", t[i].text, err.msg, t[i].says);
                assert_non_null(strstr(err.msg, "g.json"));
                assert_null(g.name);
        }
}

/* What is expected is said of the value that is wrong, and only what helps is advised. */
static void messages(void **state)
{
        static const struct {
                const char *text, *message;
        } t[] = {
                {"{" K ",\"attestation\":{\"url\":\"https://b\",\"pin\":\"sha256:00\"}}",
                 "/attestation/pin: expected \"sha256:\" and 64 lower-case hex digits, as "
                 "secure-vm-broker init prints it, found \"sha256:00\"; correct it"},
                {"{\"name\":\"a\",\"kernel\":1}",
                 "/kernel: expected a path to a kernel image, found 1; correct it"},
                {"{\"name\":\"a b\",\"kernel\":\"k\"}",
                 "/name: expected 1 to 63 of A-Z a-z 0-9 _ . -, not beginning with a dot, found "
                 "\"a b\"; correct it"},
                {"{" K ",\"initrd\":1}", "/initrd: expected a path to an initramfs, found 1; "
                                         "correct it or remove \"initrd\" for the default"},
                {"{" K ",\"attestation\":{\"url\":1}}",
                 "/attestation/url: expected the broker's address as https://HOST:PORT, found 1; "
                 "correct it or remove \"url\" with its parent"},
                {"{" K ",\"disks\":[\"d\"]}", "/disks/0: expected an object like {\"path\": "
                                              "\"disk.img\"}, found \"d\"; correct it"},
                {"{" K ",\"nics\":[\"user\"]}", "/nics/0: expected an object like {\"type\": "
                                                "\"user\"}, found \"user\"; correct it"},
                {"{" K ",\"nics\":[{\"type\":\"user\",\"forward\":[\"2222:22\"]}]}",
                 "/nics/0/forward/0: expected an object like {\"port\": 2222, \"to\": 22}, found "
                 "\"2222:22\"; correct it"},
                {"{" K ",\"cmdline\":\"securevm.pin=x\"}",
                 "/cmdline: \"securevm.pin\" is written by secure-vm itself; say it in "
                 "\"attestation\", \"nics\" or \"disks\" instead"},
        };
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_GUEST g = {0};

                assert_int_equal(parse(t[i].text, &g, &err), -1);
                assert_string_equal(strchr(err.msg, '/'), t[i].message);
        }
}

/* Every truncation is a named error, and the line is right. */
static void cut_and_lines(void **state)
{
        struct sv_err err = SV_ERR_NULL;

        for (size_t n = 0; n < sizeof(full) - 3; n++) {
                SV_GUEST g = {0};

                if (sv_guest_parse(sv_bytes(full, n), "g.json", "/", &g, &err) == 0)
                        fail_msg("%zu of %zu bytes were taken", n, sizeof(full));
                assert_string_equal(err.check, "guest.json");
        }
        {
                SV_GUEST g = {0};

                FAILS(parse("{\n\"name\":\"a\",\n\n\"kernel\":\"k\",\n\"disks\":[\n "
                            "{\"path\":\"d\",\n  \"id\":\"?\"}]}",
                            &g, &err),
                      SV_USAGE, "guest.disks.id");
                assert_non_null(strstr(err.msg, "g.json:7: /disks/0/id:"));
        }
}

static void long_line(void **state)
{
        char text[4096], words[SV_CMDLINE_MAX + 2];
        struct sv_err err = SV_ERR_NULL;
        SV_GUEST g = {0}, h = {0};

        memset(words, 'x', sizeof(words));
        words[SV_CMDLINE_MAX] = 0;
        snprintf(text, sizeof(text), "{" K ",\"cmdline\":\"%s\"}", words);
        OK(parse(text, &g, &err));
        words[SV_CMDLINE_MAX] = 'x';
        words[SV_CMDLINE_MAX + 1] = 0;
        snprintf(text, sizeof(text), "{" K ",\"cmdline\":\"%s\"}", words);
        FAILS(parse(text, &h, &err), SV_USAGE, "guest.cmdline");
}

static int take_text(const char *before, size_t n, const char *after, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        SV_GUEST g = {0};

        sv_buf_puts(&text, before);
        memset(sv_buf_grow(&text, n), 'x', n);
        sv_buf_puts(&text, after);
        return parse(sv_buf_str(&text), &g, err);
}

static int take_disk_id(size_t n, struct sv_err *err)
{
        return take_text("{" K ",\"disks\":[{\"path\":\"d\",\"id\":\"", n, "\"}]}", err);
}

static int take_url(size_t n, struct sv_err *err)
{
        return take_text("{" K ",\"attestation\":{\"pin\":\"" PIN "\",\"url\":\"https://", n - 8,
                         "\"}}", err);
}

static int take_path(size_t n, struct sv_err *err)
{
        return take_text("{\"name\":\"a\",\"kernel\":\"", n, "\"}", err);
}

static int take_guest_name(size_t n, struct sv_err *err)
{
        return take_text("{\"kernel\":\"k\",\"name\":\"", n, "\"}", err);
}

static int take_cpu(size_t n, struct sv_err *err)
{
        return take_text("{" K ",\"cpu\":\"", n, "\"}", err);
}

static int take_source(size_t n, struct sv_err *err)
{
        return take_text("{" K ",\"nics\":[{\"type\":\"bridge\",\"source\":\"", n, "\"}]}", err);
}

static int take_resource(size_t n, struct sv_err *err)
{
        return take_text("{" K ",\"attestation\":{\"url\":\"https://b\",\"pin\":\"" PIN
                         "\",\"resource\":\"a/b/",
                         n, "\"}}", err);
}

static int take_paths(size_t n, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        SV_GUEST g = {0};

        sv_buf_puts(&text, "{" K ",\"attestation\":{\"url\":\"https://b\",\"pin\":\"" PIN
                           "\",\"ek_roots\":[\"p\"");
        for (size_t i = 1; i < n; i++)
                sv_buf_puts(&text, ",\"p\"");
        sv_buf_puts(&text, "]}}");
        return parse(sv_buf_str(&text), &g, err);
}

static int take_file(size_t n, struct sv_err *err)
{
        char path[] = "/tmp/sv-guest-XXXXXX";
        SV_BUF text = SV_BUF_NULL;
        SV_GUEST g = {0};
        int fd = mkstemp(path), r;

        sv_buf_puts(&text, "{" K "}");
        n -= text.n;
        memset(sv_buf_grow(&text, n), ' ', n);
        assert_int_equal(sv_fd_write(fd, path, sv_buf_bytes(&text), err), 0);
        close(fd);
        r = sv_guest_read(path, &g, err);
        unlink(path);
        return r;
}

static void every_limit(void **state)
{
        static const struct limit_case cases[] = {
                LIMIT(SV_DISK_ID_MAX, 1, take_disk_id, SV_USAGE, "guest.disks.id"),
                LIMIT(SV_URL_MAX, 1, take_url, SV_USAGE, "guest.attestation.url"),
                LIMIT(SV_PATH_MAX, 1, take_path, SV_USAGE, "guest.kernel"),
                LIMIT(SV_PATHS_MAX, 1, take_paths, SV_USAGE, "guest.attestation.ek_roots"),
                LIMIT(SV_NAME_MAX, 1, take_guest_name, SV_USAGE, "guest.name"),
                LIMIT(SV_NAME_MAX, 1, take_cpu, SV_USAGE, "guest.cpu"),
                LIMIT(SV_NAME_MAX, 1, take_source, SV_USAGE, "guest.nics.source"),
                LIMIT(SV_NAME_MAX, 1, take_resource, SV_USAGE, "guest.attestation.resource"),
                LIMIT(SV_GUEST_SIZE_MAX, 1, take_file, SV_FORMAT, "guest.file"),
        };

        try_limits(cases, sizeof(cases) / sizeof(*cases));
}

static void files(void **state)
{
        char dir[] = "/tmp/sv-guest-XXXXXX";
        struct sv_err err = SV_ERR_NULL;
        SV_GUEST g = {0}, none = {0};

        assert_non_null(mkdtemp(dir));
        {
                SV_STR path = sv_asprintf("%s/g.json", dir);
                SV_STR kernel = sv_asprintf("%s/vmlinuz", dir);

                OK(sv_file_write(path, 0600, sv_bytes_str(full), &err));
                OK(sv_guest_read(path, &g, &err));
                assert_string_equal(g.file, path);
                assert_string_equal(g.kernel, kernel);
        }
        OK(sv_remove_tree(dir, &err));
        FAILS(sv_guest_read("/nonexistent/g.json", &none, &err), SV_SYSTEM, "guest.file");
}

/* n disks or n network interfaces: the limit is taken, one more is not. */
static void write_list(struct sv_buf *text, const char *member, size_t n)
{
        sv_buf_clear(text);
        sv_buf_printf(text, "{\"name\":\"a\",\"kernel\":\"k\",\"%s\":[", member);
        for (size_t i = 0; i < n; i++) {
                sv_buf_puts(text, i ? "," : "");
                if (strcmp(member, "disks"))
                        sv_buf_puts(text, "{\"type\":\"user\"}");
                else
                        sv_buf_printf(text, "{\"path\":\"d%zu\",\"id\":\"i%zu\"}", i, i);
        }
        sv_buf_puts(text, "]}");
}

static void list_limits(void **state)
{
        static const struct {
                const char *member, *check;
                size_t max;
        } t[] = {
                {"disks", "guest.disks", SV_GUEST_DISKS_MAX},
                {"nics", "guest.nics", SV_GUEST_NICS_MAX},
        };
        struct sv_err err = SV_ERR_NULL;
        SV_BUF text = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_GUEST g = {0};
                SV_GUEST more = {0};
                char most[32];

                write_list(&text, t[i].member, t[i].max);
                OK(parse(sv_buf_str(&text), &g, &err));
                assert_int_equal(i ? g.n_nics : g.n_disks, t[i].max);
                write_list(&text, t[i].member, t[i].max + 1);
                FAILS(parse(sv_buf_str(&text), &more, &err), SV_USAGE, t[i].check);
                snprintf(most, sizeof(most), "at most %zu", t[i].max);
                assert_non_null(strstr(err.msg, most));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whole),
                cmocka_unit_test(users_words),
                cmocka_unit_test(defaults),
                cmocka_unit_test(verity),
                cmocka_unit_test(data_above_verity),
                cmocka_unit_test(sizes),
                cmocka_unit_test(malformed),
                cmocka_unit_test(messages),
                cmocka_unit_test(cut_and_lines),
                cmocka_unit_test(list_limits),
                cmocka_unit_test(long_line),
                cmocka_unit_test(files),
                cmocka_unit_test(every_limit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
