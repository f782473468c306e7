/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a volume that cryptsetup made: one value changed at a time, as whoever can write
 * the disk can. */
#include "tests/unit/luks_volume.h"

#include "base/core/limits.h"
#include "luks/foreign.h"
#include "luks/header.h"

#define AREA (16384 - SV_LUKS_BINARY_SIZE)
#define URL  "https://b:8443"
#define PIN  "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TOKEN_ \
        "{\"type\":\"secure-vm\",\"keyslots\":[\"0\"],\"url\":\"" URL "\",\"pin\":\"" PIN "\""
#define TOKEN  TOKEN_ ",\"resource\":\"default/demo/data\"}"
#define TOKENS "\"tokens\":{\"0\":" TOKEN "}"

static struct sv_token token;

static int set_up(void **state)
{
        OK(sv_token_parse(sv_bytes_str(TOKEN), &token, &err));
        return make_volume(1u << 20);
}

static void sum(struct sv_buf *b)
{
        OK(sv_luks_header_sum(sv_bytes(b->p, 16384), b->p + SV_LUKS_SUM_AT, &err));
}

/* The volume's metadata with one text instead of another, of any length. */
static void put(struct sv_buf *b, const char *from, const char *to)
{
        char *text = (char *)b->p + SV_LUKS_BINARY_SIZE;
        char *at = strstr(text, from);
        SV_STR rest = NULL;

        assert_non_null(at);
        rest = sv_asprintf("%s", at + strlen(from));
        assert_true((size_t)(at - text) + strlen(to) + strlen(rest) < AREA);
        memset(at, 0, AREA - (size_t)(at - text));
        memcpy(at, to, strlen(to));
        memcpy(at + strlen(to), rest, strlen(rest));
        sum(b);
}

static void make(struct sv_buf *b)
{
        sv_buf_put(b, sv_buf_bytes(&head));
        put(b, "\"tokens\":{}", TOKENS);
}

static int copy_of(const struct sv_buf *b, struct sv_buf *out)
{
        return sv_luks_foreign_copy(sv_buf_bytes(b), &token, out, &err);
}

static void test_good(void **state)
{
        SV_BUF b = SV_BUF_NULL, out = SV_BUF_NULL;
        size_t size;

        make(&b);
        OK(sv_luks_foreign_size(sv_bytes(b.p, SV_LUKS_HEAD_SIZE), &size, &err));
        assert_int_equal(size, SV_LUKS_DATA_OFFSET);
        OK(copy_of(&b, &out));
        assert_int_equal(out.n, size);
        assert_memory_equal(out.p, b.p, 16384);
        assert_memory_equal(out.p + 32768, b.p + 32768, size - 32768);
        for (size_t i = 16384; i < 32768; i++)
                assert_int_equal(out.p[i], 0);
}

static void test_other_kdf_and_tags(void **state)
{
        SV_BUF b = SV_BUF_NULL, out = SV_BUF_NULL;

        make(&b);
        put(&b, "\"kdf\":{\"type\":\"pbkdf2\"", "\"kdf\":{\"type\":\"argon2id\"");
        put(&b, "\"sector_size\":512",
            "\"sector_size\":512,\"integrity\":{\"type\":\"hmac(sha256)\"}");
        put(&b, TOKENS, "\"tokens\":{\"0\":" TOKEN ",\"7\":{\"type\":\"clevis\",\"keyslots\":[]}}");
        OK(copy_of(&b, &out));
}

static void test_changed(void **state)
{
        static const struct {
                const char *from, *to, *check;
                enum sv_class class;
        } cases[] = {
                {"aes-xts-plain64\",\"k", "cipher_null-ecb\",\"k", "luks.header.cipher"},
                {"aes-xts-plain64\",\"s", "cipher_null-ecb\",\"s", "luks.header.cipher"},
                {"aes-xts-plain64\",\"k", "capi:ecb(cipher_null)-plain\",\"k",
                 "luks.header.cipher"},
                {"\"type\":\"crypt\"", "\"type\":\"linear\"", "luks.header.segment"},
                {"\"sector_size\":512", "\"sector_size\":512,\"flags\":[\"backup-final\"]",
                 "luks.header.segment"},
                {"\"sector_size\":512", "\"sector_size\":512,\"integrity\":{\"type\":\"none\"}",
                 "luks.header.integrity"},
                {"\"segments\":{", "\"segments\":{\"1\":{\"type\":\"linear\"},",
                 "luks.header.segment"},
                {"\"offset\":\"16777216\"", "\"offset\":\"16777215\"", "luks.header.segment"},
                {"\"config\":{", "\"config\":{\"requirements\":{\"mandatory\":[]},",
                 "luks.header.unknown"},
                {"\"type\":\"luks2\"", "\"type\":\"reencrypt\"", "luks.header.keyslot"},
                {"\"type\":\"raw\"", "\"type\":\"none\"", "luks.header.keyslot"},
                {"\"type\":\"luks1\"", "\"type\":\"luks3\"", "luks.header.keyslot"},
                {"\"kdf\":{\"type\":\"pbkdf2\"", "\"kdf\":{\"type\":\"none\"", "luks.header.kdf"},
                {"\"key_size\":64,\"af\"", "\"key_size\":31,\"af\"", "luks.header.key-size"},
                {"\"key_size\":64}", "\"key_size\":0}", "luks.header.key-size"},
                {"\"offset\":\"32768\"", "\"offset\":\"16777215\"", "luks.header.area"},
                {"\"digest\":\"", "\"digest\":\"AAAA\",\"x\":\"", "luks.header.digest"},
                {"\"digests\":{\"0\":{\"type\":\"pbkdf2\"", "\"digests\":{\"0\":{\"type\":\"none\"",
                 "luks.header.digest"},
                {"\"digests\":{", "\"digestz\":{", "luks.header.member"},
                {"\"keyslots_size\":\"", "\"keyslots_size\":\"9", "luks.header.size"},
                {TOKENS, "\"tokens\":{}", "luks.foreign.token", SV_PROOF},
                {TOKENS, "\"tokens\":{\"0\":" TOKEN ",\"1\":" TOKEN "}", "luks.foreign.token",
                 SV_PROOF},
                {URL, "https://c:8443", "luks.foreign.token", SV_PROOF},
                {"sha256:0", "sha256:1", "luks.foreign.token", SV_PROOF},
                {"default/demo/data", "default/demo/open", "luks.foreign.token", SV_PROOF},
                {TOKENS, "\"tokens\":{\"0\":" TOKEN_ "}}", "luks.token.member"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                SV_BUF b = SV_BUF_NULL, out = SV_BUF_NULL;

                make(&b);
                put(&b, cases[i].from, cases[i].to);
                FAILS(copy_of(&b, &out), cases[i].class ? cases[i].class : SV_FORMAT,
                      cases[i].check);
                assert_int_equal(out.n, 0);
        }
}

/* Headers and slots as long as may be, and one block longer. */
static void test_sizes(void **state)
{
        SV_STR longest = sv_asprintf("\"keyslots_size\":\"%u\"", SV_LUKS_HEADER_MAX - 32768);
        SV_STR longer = sv_asprintf("\"keyslots_size\":\"%u\"", SV_LUKS_HEADER_MAX - 32768 + 1);
        SV_STR old = sv_asprintf("\"keyslots_size\":\"%u\"", SV_LUKS_DATA_OFFSET - 32768);
        SV_BUF b = SV_BUF_NULL, out = SV_BUF_NULL;
        size_t size;

        make(&b);
        put(&b, old, longest);
        OK(sv_luks_foreign_size(sv_buf_bytes(&b), &size, &err));
        assert_int_equal(size, SV_LUKS_HEADER_MAX);
        put(&b, longest, longer);
        FAILS(sv_luks_foreign_size(sv_buf_bytes(&b), &size, &err), SV_FORMAT, "luks.header.size");
}

static void test_cut(void **state)
{
        SV_BUF b = SV_BUF_NULL, out = SV_BUF_NULL;

        make(&b);
        FAILS(sv_luks_foreign_copy(sv_bytes(b.p, SV_LUKS_DATA_OFFSET - 1), &token, &out, &err),
              SV_FORMAT, "luks.header.short");
        FAILS(sv_luks_foreign_copy(sv_bytes(b.p, 16383), &token, &out, &err), SV_FORMAT,
              "luks.header.short");
}

static void test_sum(void **state)
{
        SV_BUF b = SV_BUF_NULL, out = SV_BUF_NULL;

        make(&b);
        b.p[SV_LUKS_SUM_AT] ^= 1;
        FAILS(copy_of(&b, &out), SV_FORMAT, "luks.header.checksum");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),    cmocka_unit_test(test_other_kdf_and_tags),
                cmocka_unit_test(test_changed), cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_cut),     cmocka_unit_test(test_sum),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
