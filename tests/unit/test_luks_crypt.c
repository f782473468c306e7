/* SPDX-License-Identifier: Apache-2.0 */
/* luks: an image encrypted here; its header, read strictly; the binding of a key to it. One field
 * changed at a time. */
#include "tests/unit/luks_volume.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>

#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "luks/binding.h"
#include "luks/crypt.h"
#include "luks/header.h"

#define SIZE (20u << 20)

static int encrypt_file(int fd, uint64_t size, int (*stop)(void))
{
        const struct sv_luks_in in = {
                .plain = sv_source_file(fd, 0, size), .out = fd, .stop = stop};

        return sv_luks_encrypt(&in, key, &err);
}

static int set_up(void **state)
{
        return make_volume(SIZE);
}

static void test_key_opens(void **state)
{
        SV_SECRET *other = sv_secret_random(SV_DISK_KEY_SIZE, &err);

        OK(sv_luks_try(path, key, &err));
        FAILS(sv_luks_try(path, other, &err), SV_PROOF, "luks.key");
        FAILS(sv_luks_try("/proc/self/exe", key, &err), SV_FORMAT, "luks.header");
        FAILS(sv_luks_try("/nonexistent", key, &err), SV_SYSTEM, "luks.open");
        FAILS(encrypt_file(-1, 4095, NULL), SV_USAGE, "luks.encrypt");
        FAILS(encrypt_file(-1, 0, NULL), SV_USAGE, "luks.encrypt");
        FAILS(encrypt_file(-1, 4096, NULL), SV_SYSTEM, "luks.encrypt");
}

static int stop_now(void)
{
        return 1;
}

/* What cryptsetup's own tool reads from the volume is what went in: sectors at both ends of a
 * piece, a last piece that is short, and zeros behind the end of the contents. */
static void test_another_reader(void **state)
{
        SV_STR plain = sv_asprintf("%s.plain", path);
        SV_STR out = sv_asprintf("%s.out", path);
        SV_STR key_file = sv_asprintf("%s.key", path);
        SV_STR header = sv_asprintf("%s.head", path);
        SV_STR command = sv_asprintf(
                "PATH=$PATH:/usr/sbin cryptsetup reencrypt --decrypt --force-offline-reencrypt "
                "--disable-locks -q --header %s "
                "--key-file %s --keyfile-size 64 %s >/dev/null 2>&1",
                header, key_file, out);
        SV_BUF text = SV_BUF_NULL, all = SV_BUF_NULL;
        const size_t n = (17u << 20) + 8192;
        uint8_t *p = sv_buf_grow(&text, n);
        SV_FD in_fd = -1, out_fd = -1;

        OK(sv_random(p, n, &err));
        OK(sv_file_write(plain, 0600, sv_bytes(p, n - 512), &err));
        memset(p + n - 512, 0, 512);
        in_fd = open(plain, O_RDONLY);
        out_fd = open(out, O_RDWR | O_CREAT, 0600);
        OK(sv_luks_encrypt(&(struct sv_luks_in){sv_source_file(in_fd, 0, n), out_fd, NULL}, key,
                           &err));
        OK(sv_file_write(key_file, 0600, sv_bytes(sv_secret_reveal(key), SV_DISK_KEY_SIZE), &err));
        assert_int_equal(system(command), 0);
        OK(sv_file_read(out, 64u << 20, &all, "test", &err));
        assert_true(all.n >= n);
        assert_memory_equal(all.p, p, n);
        FAILS(sv_luks_encrypt(&(struct sv_luks_in){sv_source_file(in_fd, 0, n), out_fd, stop_now},
                              key, &err),
              SV_SYSTEM, "image.interrupted");
        unlink(plain);
        unlink(out);
        unlink(key_file);
        unlink(header);
}

/* Replace a text in the JSON area by one of equal length. */
static void replace(struct sv_buf *b, const char *from, const char *to)
{
        uint8_t *p = memmem(b->p, 16384, from, strlen(from));

        assert_non_null(p);
        assert_int_equal(strlen(from), strlen(to));
        memcpy(p, to, strlen(to));
}

/* The host can always make the checksum right. */
static void resum(struct sv_buf *b)
{
        uint8_t digest[SV_DIGEST_MAX];

        memset(b->p + 448, 0, 64);
        OK(sv_digest(SV_SHA256, sv_bytes(b->p, 16384), digest, &err));
        memcpy(b->p + 448, digest, 32);
}

static void copy(struct sv_buf *b)
{
        sv_buf_clear(b);
        sv_buf_put(b, sv_buf_bytes(&head));
}

static void test_json_cases(void **state)
{
        static const struct {
                const char *from, *to, *check;
        } cases[] = {
                {"\"sector_size\":512", "\"sector_size\":513", "luks.header.segment"},
                {"\"encryption\":\"aes-xts-plain64\",\"s", "\"encryption\":\"cipher_null-ecb\",\"s",
                 "luks.header.cipher"},
                {"\"encryption\":\"aes-xts-plain64\",\"k", "\"encryption\":\"cipher_null-ecb\",\"k",
                 "luks.header.cipher"},
                {"\"key_size\":64", "\"key_size\":16", "luks.header.key-size"},
                {"\"iterations\":1000", "\"iterations\":1001", "luks.header.kdf"},
                {"\"kdf\":{\"type\":\"pbkdf2\"", "\"kdf\":{\"type\":\"argon2\"", "luks.header.kdf"},
                {"\"offset\":\"16777216\"", "\"offset\":\"16777217\"", "luks.header.segment"},
                {"\"size\":\"dynamic\"", "\"size\":\"0000000\"", "luks.header.segment"},
                {"\"iv_tweak\":\"0\"", "\"iv_tweak\":\"1\"", "luks.header.segment"},
                {"\"tokens\":{}", "\"tokenz\":{}", "luks.header.unknown"},
                {"\"tokens\":{}", "\"tokens\":[]", "luks.header.member"},
                {"\"stripes\":4000", "\"stripes\":0400", "luks.header.json"},
                {"\"keyslots\":[\"0\"]", "\"keyslots\":[\"1\"]", "luks.header.digest"},
                {"\"offset\":\"32768\"", "\"offset\":\"32767\"", "luks.header.area"},
                {"\"offset\":\"32768\"", "\"offset\":\"3276x\"", "luks.header.area"},
                {"\"type\":\"luks2\"", "\"type\":\"luks3\"", "luks.header.keyslot"},
                {"\"keyslots\":{\"0\":", "\"keyslots\":{\"1\":", "luks.header.unknown"},
                {"\"type\":\"crypt\"", "\"type\":\"plain\"", "luks.header.segment"},
                {"\"type\":\"luks1\"", "\"type\":\"luks2\"", "luks.header.keyslot"},
                {"\"type\":\"raw\"", "\"type\":\"row\"", "luks.header.keyslot"},
                {"\"size\":\"258048\"", "\"size\":\"258047\"", "luks.header.area"},
                {"\"json_size\":\"12288\"", "\"json_size\":\"12289\"", "luks.header.config"},
                {"\"json_size\":\"12288\"", "\"json_size\":\"1228x\"", "luks.header.area"},
                {"\"json_size\":\"12288\"", "\"json_size\":\"\"     ", "luks.header.area"},
                {"\"json_size\":\"12288\"", "\"json_size\":12288  ", "luks.header.area"},
                {"\"keyslots_size\":\"16744448\"", "\"keyslots_size\":\"1674444x\"",
                 "luks.header.area"},
                {"\"size\":\"258048\"", "\"size\":\"25804x\"", "luks.header.area"},
                {"\"keyslots_size\":\"16744448\"", "\"keyslots_size\":\"16744449\"",
                 "luks.header.config"},
                {"\"config\":{\"json_size\":\"12288\"", "\"config\":{\"flags\":[\"discard\"]",
                 "luks.header.unknown"},
                {"\"segments\":[\"0\"]", "\"segments\":[\"1\"]", "luks.header.digest"},
                {"\"segments\":[\"0\"]", "\"segments\":[ 00]", "luks.header.json"},
                {"\"keyslots\":[\"0\"]", "\"keyslots\":[   ]", "luks.header.digest"},
                {"\"hash\":\"sha512\",\"iterations\"", "\"hash\":\"sha256\",\"iterations\"",
                 "luks.header.kdf"},
                {"\"tokens\":{}", "\"config\":11", "luks.header.json"},
        };
        struct sv_luks_header h;
        SV_BUF b = SV_BUF_NULL;

        OK(sv_luks_header_parse(sv_buf_bytes(&head), &h, &err));
        assert_int_equal(h.size, 16384);
        assert_int_equal(h.area_offset, 32768);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                copy(&b);
                replace(&b, cases[i].from, cases[i].to);
                resum(&b);
                if (sv_luks_header_parse(sv_buf_bytes(&b), &h, &err) == 0 ||
                    strcmp(err.check, cases[i].check) != 0)
                        fail_msg("%s: expected %s, got %s: %s", cases[i].to, cases[i].check,
                                 err.check, err.msg);
                assert_int_equal(err.class, SV_FORMAT);
                if (i == 0) /* a number is said as one */
                        assert_non_null(strstr(err.msg, "expected \"512\", found \"513\""));
        }
}

/* Salts and digests are base64. */
static void test_texts_of_bytes(void **state)
{
        static const struct {
                const char *after; /* its first character is made a '*' */
                const char *check;
        } cases[] = {
                {"\"iterations\":1000,\"salt\":\"", "luks.header.kdf"},
                {"\"digest\":\"", "luks.header.digest"},
        };
        struct sv_luks_header h;
        SV_BUF b = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint8_t *p;

                copy(&b);
                p = memmem(b.p, 16384, cases[i].after, strlen(cases[i].after));
                assert_non_null(p);
                p[strlen(cases[i].after)] = '*';
                resum(&b);
                FAILS(sv_luks_header_parse(sv_buf_bytes(&b), &h, &err), SV_FORMAT, cases[i].check);
        }
}

static void test_checksum(void **state)
{
        static const size_t at[] = {
                16 /* seqid */, 104 /* salt */, 448, 479, 480, 511, 600 /* padding */};
        struct sv_luks_header h;
        SV_BUF b = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
                copy(&b);
                b.p[at[i]] ^= 1;
                FAILS(sv_luks_header_parse(sv_buf_bytes(&b), &h, &err), SV_FORMAT,
                      "luks.header.checksum");
        }
}

static void test_binary_cases(void **state)
{
        static const struct {
                size_t at;
                uint8_t byte;
                const char *check;
        } cases[] = {
                {0, 'l', "luks.header.magic"},
                {7, 1, "luks.header.version"},
                {8, 1, "luks.header.size"},
                {15, 1, "luks.header.size"},
                {24 + 47, 'x', "luks.header.text"},
                {72, 'S', "luks.header.text"},
                {168, 0, "luks.header.text"},
                {168 + 36, 'x', "luks.header.text"},
                /* behind the end of a UUID that is right; behind that of the subsystem */
                {168 + 39, 'x', "luks.header.text"},
                {208 + 47, 'x', "luks.header.text"},
                {263, 1, "luks.header.offset"},
                {16383, 'x', "luks.header.trailing"},
        };
        struct sv_luks_header h;
        SV_BUF b = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                copy(&b);
                b.p[cases[i].at] = cases[i].byte;
                FAILS(sv_luks_header_parse(sv_buf_bytes(&b), &h, &err), SV_FORMAT, cases[i].check);
                if (cases[i].byte == 'x' && cases[i].at < 4096) /* which of the two it was */
                        assert_non_null(strstr(err.msg, "a text field"));
        }
        for (size_t n = 0; n < 5000; n++) {
                FAILS(sv_luks_header_parse(sv_bytes(head.p, n), &h, &err), SV_FORMAT,
                      "luks.header.short");
                assert_null(strstr(err.msg, "key slot")); /* which lies behind it */
        }
        FAILS(sv_luks_header_parse(sv_bytes(head.p, 40000), &h, &err), SV_FORMAT,
              "luks.header.short");
}

static void test_digest_and_copy(void **state)
{
        struct sv_luks_header h;
        uint8_t digest[48], again[48];
        SV_BUF b = SV_BUF_NULL;

        OK(sv_luks_header_parse(sv_buf_bytes(&head), &h, &err));
        OK(sv_luks_header_digest(sv_buf_bytes(&head), &h, digest, &err));
        OK(sv_luks_header_copy(sv_buf_bytes(&head), &h, &b, &err));
        OK(sv_luks_header_digest(sv_buf_bytes(&b), &h, again, &err));
        assert_memory_equal(digest, again, 48);
        /* The secondary header is gone from the copy. */
        for (size_t i = h.size; i < h.area_offset; i++)
                assert_int_equal(b.p[i], 0);
        b.p[h.area_offset + 5] ^= 1;
        OK(sv_luks_header_digest(sv_buf_bytes(&b), &h, again, &err));
        assert_memory_not_equal(digest, again, 48);
        b.p[h.area_offset + 5] ^= 1;
        b.p[110] ^= 1; /* the salt: nothing that the reader looks at */
        OK(sv_luks_header_digest(sv_buf_bytes(&b), &h, again, &err));
        assert_memory_not_equal(digest, again, 48);
}

static void test_binding(void **state)
{
        struct sv_binding b, back;
        SV_BUF changed = SV_BUF_NULL;

        OK(sv_binding_of(sv_buf_bytes(&head), &b, &err));

        SV_SECRET *resource = sv_binding_pack(&b, key, &err);
        SV_SECRET *out = NULL;

        assert_non_null(resource);
        assert_int_equal(sv_secret_size(resource), 8 + 40 + 48 + 2 + 64);
        OK(sv_binding_unpack(resource, &back, &out, &err));
        assert_string_equal(b.uuid, back.uuid);
        assert_memory_equal(b.header_digest, back.header_digest, 48);
        assert_memory_equal(sv_secret_reveal(out), sv_secret_reveal(key), 64);
        OK(sv_binding_check(&back, sv_buf_bytes(&head), &err));
        copy(&changed);
        changed.p[110] ^= 1;
        resum(&changed);
        FAILS(sv_binding_check(&back, sv_buf_bytes(&changed), &err), SV_PROOF,
              "luks.binding.header");
        changed.p[168] = changed.p[168] == 'a' ? 'b' : 'a';
        resum(&changed);
        FAILS(sv_binding_check(&back, sv_buf_bytes(&changed), &err), SV_PROOF, "luks.binding.uuid");
}

static void test_malformed_resources(void **state)
{
        static const struct {
                size_t at;
                uint8_t byte;
                const char *check;
        } cases[] = {
                {0, 's', "luks.binding.magic"},   {8 + 35, 0, "luks.binding.text"},
                {8 + 36, 1, "luks.binding.text"}, {96, 1, "luks.binding.size"},
                {97, 63, "luks.binding.size"},    {97, 65, "luks.binding.size"},
        };
        struct sv_binding b = {.uuid = "00000000-0000-4000-8000-000000000000"}, back;
        SV_SECRET *resource = sv_binding_pack(&b, key, &err);
        struct sv_secret *out = NULL;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                SV_SECRET *bad = sv_secret_copy(
                        sv_bytes(sv_secret_reveal(resource), sv_secret_size(resource)), &err);

                sv_secret_reveal(bad)[cases[i].at] = cases[i].byte;
                FAILS(sv_binding_unpack(bad, &back, &out, &err), SV_FORMAT, cases[i].check);
        }
        for (size_t n = 1; n < sv_secret_size(resource); n++) {
                SV_SECRET *cut = sv_secret_copy(sv_bytes(sv_secret_reveal(resource), n), &err);

                FAILS(sv_binding_unpack(cut, &back, &out, &err), SV_FORMAT, "luks.binding.size");
        }

        SV_SECRET *little = sv_secret_random(16, &err);
        SV_SECRET *weak = sv_binding_pack(&b, little, &err);

        FAILS(sv_binding_unpack(weak, &back, &out, &err), SV_FORMAT, "luks.binding.key");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_key_opens),           cmocka_unit_test(test_another_reader),
                cmocka_unit_test(test_json_cases),          cmocka_unit_test(test_binary_cases),
                cmocka_unit_test(test_texts_of_bytes),      cmocka_unit_test(test_checksum),
                cmocka_unit_test(test_digest_and_copy),     cmocka_unit_test(test_binding),
                cmocka_unit_test(test_malformed_resources),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
