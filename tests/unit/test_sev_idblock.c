/* SPDX-License-Identifier: Apache-2.0 */
/* ID blocks: the vectors, ours with each byte wrong once, and anonymous ones. */
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/json/json.h"
#include "sev/measure/idblock.h"
#include "sev/measure/measure.h"
#include "tests/unit/unit.h"

#define DIR "snp/idblock/"

static struct sv_err err;

static void load(const char *name, struct sv_buf *out)
{
        char path[256];

        snprintf(path, sizeof(path), DIR "%s", name);
        OK(sv_file_read(vector_path(path), 1u << 20, out, "test.file", &err));
}

static void expect_hex(const uint8_t *digest, const struct sv_json *row, const char *member)
{
        char hex[97];

        assert_string_equal(sv_hex(sv_bytes(digest, 48), hex),
                            sv_json_str(sv_json_get(row, member)));
}

/* From the row's own keys and values: the same block, and a page that says the same. */
static void make_again(const struct sv_json *row, struct sv_bytes block, struct sv_bytes auth,
                       bool author)
{
        const struct sv_json *f = author ? sv_json_get(row, "id_block_fields") : row;
        const char *names[2] = {sv_json_str(sv_json_get(row, "id_key")),
                                sv_json_str(sv_json_get(row, "author_key"))};
        SV_KEY *id = NULL, *who = NULL;
        SV_BUF digest = SV_BUF_NULL;
        SV_JSON *members = sv_json_object();
        struct sv_id_in in = {.members = members};
        struct sv_id_out made = {0};
        char path[256];

        for (int i = 0; author && i < 2; i++) {
                snprintf(path, sizeof(path), DIR "%s", names[i]);
                *(i ? &who : &id) = sv_key_open(vector_path(path), &err);
        }
        in.key = id;
        in.author = who;
        OK(sv_json_need_hex(f, "launch_digest", &digest, "test", &err));
        in.launch_digest = sv_buf_bytes(&digest);
        sv_json_set_str(members, "policy", sv_json_str(sv_json_get(f, "policy")));
        snprintf(path, sizeof(path), "%lld",
                 (long long)sv_json_int(sv_json_get(f, "guest_svn"), -1));
        sv_json_set_str(members, "svn", path);
        sv_json_set_hex(members, "family-id", sv_bytes(block.p + 48, 16));
        sv_json_set_hex(members, "image-id", sv_bytes(block.p + 64, 16));
        OK(sv_sev_id_block(&in, &made, &err));
        assert_true(sv_bytes_eq(sv_buf_bytes(&made.block), block));
        assert_string_equal(sv_json_str(sv_json_get(made.values, "id_key_digest")),
                            sv_json_str(sv_json_get(row, "id_key_digest")));
        assert_int_equal(sv_json_bool(sv_json_get(made.values, "anonymous"), true), !author);
        if (!author)
                assert_true(sv_bytes_eq(sv_buf_bytes(&made.auth), auth));
        else
                assert_string_equal(sv_json_str(sv_json_get(made.values, "author_key_digest")),
                                    sv_json_str(sv_json_get(row, "author_key_digest")));
        sv_id_out_free(&made);
}

static unsigned check_rows(const struct sv_json *rows, bool author)
{
        unsigned n = 0;

        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i);
                const char *block_name = sv_json_str(sv_json_get(row, "id_block")),
                           *auth_name = sv_json_str(sv_json_get(row, "id_auth"));
                SV_BUF block = SV_BUF_NULL;
                SV_BUF auth = SV_BUF_NULL;
                struct sv_id_block b;
                struct sv_id_auth a;

                load(block_name, &block);
                load(auth_name, &auth);
                OK(sv_id_block_parse(sv_buf_bytes(&block), &b, &err));
                OK(sv_id_auth_check(sv_buf_bytes(&block), sv_buf_bytes(&auth), author, &a, &err));
                expect_hex(a.id_key_digest, row, "id_key_digest");
                assert_int_equal(a.has_author, author);
                assert_int_equal(a.anonymous, !author);
                if (author) {
                        expect_hex(a.author_key_digest, row, "author_key_digest");
                        expect_hex(b.launch_digest, sv_json_get(row, "id_block_fields"),
                                   "launch_digest");
                } else { /* the same block gives the same page */
                        uint8_t raw[SV_ID_BLOCK_SIZE], page[SV_ID_AUTH_SIZE];

                        sv_id_block_write(&b, raw);
                        assert_memory_equal(raw, block.p, sizeof(raw));
                        OK(sv_id_auth_anonymous(raw, page, &err));
                        assert_memory_equal(page, auth.p, sizeof(page));
                }
                make_again(row, sv_buf_bytes(&block), sv_buf_bytes(&auth), author);
                n++;
        }
        return n;
}

static void every_vector(void **state)
{
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *all = NULL;
        const struct sv_json *bad;
        unsigned good, refused = 0;

        load("expected.json", &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &all, &err));
        good = check_rows(sv_json_get(all, "valid"), true) +
               check_rows(sv_json_get(all, "anonymous"), false);
        bad = sv_json_get(all, "negative");
        for (size_t i = 0; i < sv_json_len(bad); i++) {
                const char *block_name = sv_json_str(sv_json_get(sv_json_at(bad, i), "id_block"));
                const char *auth_name = sv_json_str(sv_json_get(sv_json_at(bad, i), "id_auth"));
                SV_BUF block = SV_BUF_NULL;
                SV_BUF auth = SV_BUF_NULL;
                struct sv_id_auth a;

                load(block_name, &block);
                load(auth_name, &auth);
                FAILS(sv_id_auth_check(sv_buf_bytes(&block), sv_buf_bytes(&auth), true, &a, &err),
                      strstr(auth_name, "curve") ? SV_FORMAT : SV_PROOF,
                      strstr(auth_name, "curve")     ? "snp.id_auth.curve"
                      : strstr(auth_name, "authsig") ? "snp.id_key.signature"
                                                     : "snp.id_block.signature");
                refused++;
        }
        print_message("%u ID blocks hold, %u are refused\n", good, refused);
        assert_true(good == 3 && refused == 4);
}

static void key_digests(void **state)
{
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *all = NULL;
        static const char *const names[] = {"sev-test_id_key.pem", "sev-test_auth_key.pem"};

        load("expected.json", &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &all, &err));
        for (size_t i = 0; i < 2; i++) {
                SV_KEY *key = NULL;
                SV_STR uri = NULL;
                SV_KEY *by_uri = NULL;
                uint8_t digest[48];
                char path[256];

                snprintf(path, sizeof(path), DIR "%s", names[i]);
                key = sv_key_open(vector_path(path), &err);
                assert_non_null(key);
                OK(sv_id_key_digest(key, digest, &err));
                expect_hex(digest, sv_json_get(all, "key_digests"), names[i]);
                /* The same key through a store. */
                uri = realpath(vector_path(path), NULL);
                assert_non_null(uri);
                snprintf(path, sizeof(path), "file:%s", uri);
                by_uri = sv_key_open(path, &err);
                assert_non_null(by_uri);
                OK(sv_id_key_digest(by_uri, digest, &err));
                expect_hex(digest, sv_json_get(all, "key_digests"), names[i]);
        }
}

static void made(struct sv_id_block *b, uint8_t raw[SV_ID_BLOCK_SIZE],
                 uint8_t page[SV_ID_AUTH_SIZE], bool author)
{
        SV_KEY *id = sv_key_generate(SV_KEY_P384, 0, &err);
        SV_KEY *who = author ? sv_key_generate(SV_KEY_P384, 0, &err) : NULL;

        *b = (struct sv_id_block){.launch_digest = {1, 2, 3},
                                  .family_id = {4},
                                  .image_id = {5},
                                  .version = 1,
                                  .guest_svn = 7,
                                  .policy = 0x30000};
        sv_id_block_write(b, raw);
        OK(sv_id_auth_make(raw, id, who, page, &err));
}

/* Either key may be on P-384 only. */
static void keys_on_other_curves(void **state)
{
        const uint8_t raw[SV_ID_BLOCK_SIZE] = {0};
        uint8_t page[SV_ID_AUTH_SIZE];
        SV_KEY *good = sv_key_generate(SV_KEY_P384, 0, &err);

        for (enum sv_key_type type = SV_KEY_RSA; type <= SV_KEY_ED25519; type++) {
                SV_KEY *bad = sv_key_generate(type, 2048, &err);

                if (type == SV_KEY_P384)
                        continue;
                FAILS(sv_id_auth_make(raw, bad, NULL, page, &err), SV_USAGE, "snp.id_key.curve");
                FAILS(sv_id_auth_make(raw, good, bad, page, &err), SV_USAGE, "snp.id_key.curve");
        }
        OK(sv_id_auth_make(raw, good, good, page, &err));
}

static int check(const uint8_t *raw, const uint8_t *page, bool author)
{
        struct sv_id_auth a;

        return sv_id_auth_check(sv_bytes(raw, SV_ID_BLOCK_SIZE), sv_bytes(page, SV_ID_AUTH_SIZE),
                                author, &a, &err);
}

static void one_thing_wrong(void **state)
{
        static const struct {
                unsigned at;
                const char *check;
                enum sv_class class;
        } t[] = {
                {0x000, "snp.id_auth.algorithm", SV_FORMAT},
                {0x004, "snp.id_auth.algorithm", SV_FORMAT},
                {0x008, "snp.id_auth.reserved", SV_FORMAT},
                {0x03f, "snp.id_auth.reserved", SV_FORMAT},
                {0x040, "snp.id_block.signature", SV_PROOF},
                {0x070, "snp.id_auth.signature", SV_FORMAT},
                {0x088, "snp.id_block.signature", SV_PROOF},
                {0x0d0, "snp.id_auth.reserved", SV_FORMAT},
                {0x240, "snp.id_auth.curve", SV_FORMAT},
                {0x244, "snp.id_auth.key", SV_FORMAT},
                {0x274, "snp.id_auth.key", SV_FORMAT},
                {0x28c, "snp.id_auth.key", SV_FORMAT},
                {0x2d4, "snp.id_auth.reserved", SV_FORMAT},
                {0x680, "snp.id_key.signature", SV_PROOF},
                {0x710, "snp.id_auth.reserved", SV_FORMAT},
                {0x880, "snp.id_auth.curve", SV_FORMAT},
                {0x884, "snp.id_auth.key", SV_FORMAT},
                {0xc84, "snp.id_auth.reserved", SV_FORMAT},
                {0xfff, "snp.id_auth.reserved", SV_FORMAT},
        };
        uint8_t raw[SV_ID_BLOCK_SIZE], page[SV_ID_AUTH_SIZE];
        struct sv_id_block b;
        struct sv_id_auth a;

        made(&b, raw, page, true);
        OK(check(raw, page, true));
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                page[t[i].at] ^= 0x40;
                FAILS(check(raw, page, true), t[i].class, t[i].check);
                page[t[i].at] ^= 0x40;
        }
        for (size_t i = 0; i < SV_ID_BLOCK_SIZE; i++) {
                raw[i] ^= 1;
                FAILS(check(raw, page, true), SV_PROOF, "snp.id_block.signature");
                raw[i] ^= 1;
        }
        page[0x680] ^= 1; /* the author does not count unless the launch enables it */
        OK(check(raw, page, false));
        for (size_t n = 0; n < SV_ID_AUTH_SIZE; n += 97)
                FAILS(sv_id_auth_check(sv_bytes(raw, sizeof(raw)), sv_bytes(page, n), false, &a,
                                       &err),
                      SV_FORMAT, "snp.id_auth.size");
        made(&b, raw, page, false);
        OK(check(raw, page, false));
        /* enabled, but there is none */
        FAILS(check(raw, page, true), SV_FORMAT, "snp.id_auth.curve");
}

static void block_form(void **state)
{
        uint8_t raw[SV_ID_BLOCK_SIZE], page[SV_ID_AUTH_SIZE], other[48] = {9};
        char have[97], want[97];
        struct sv_id_block b, read;
        uint64_t policy = 0x30000;
        SV_KEY *wrong = sv_key_generate(SV_KEY_P256, 0, &err);

        made(&b, raw, page, false);
        for (size_t n = 0; n < sizeof(raw); n++)
                FAILS(sv_id_block_parse(sv_bytes(raw, n), &read, &err), SV_FORMAT,
                      "snp.id_block.size");
        OK(sv_id_block_parse(sv_bytes(raw, sizeof(raw)), &read, &err));
        assert_int_equal(read.guest_svn, 7);
        OK(sv_id_block_expect(&read, b.launch_digest, &policy, &err));
        FAILS(sv_id_block_expect(&read, other, NULL, &err), SV_PROOF, "snp.id_block.launch_digest");
        SV_STR says = sv_asprintf("for launch digest %s, expected %s: sign",
                                  sv_hex(sv_bytes(b.launch_digest, 48), have),
                                  sv_hex(sv_bytes(other, 48), want));
        assert_non_null(strstr(err.msg, says));
        policy = 0xb0000;
        FAILS(sv_id_block_expect(&read, NULL, &policy, &err), SV_PROOF,
              "snp.id_block.guest_policy");
        FAILS(sv_id_auth_make(raw, wrong, NULL, page, &err), SV_USAGE, "snp.id_key.curve");
        raw[80] = 2;
        FAILS(sv_id_block_parse(sv_bytes(raw, sizeof(raw)), &read, &err), SV_FORMAT,
              "snp.id_block.version");
        raw[80] = 1;
        raw[95] = 1;
        FAILS(sv_id_block_parse(sv_bytes(raw, sizeof(raw)), &read, &err), SV_FORMAT,
              "snp.id_block.policy");
        assert_null(sv_key_open("nosuchscheme:key", &err));
        assert_string_equal(err.check, "crypto.keystore");
}

/* What cannot be a block is refused before anybody signs. */
static void not_made(void **state)
{
        static const struct {
                const char *members, *check;
        } t[] = {
                {"{\"policy\":\"0x10000\"}", "sev.id_block.policy"},
                {"{\"policy\":\"0x4030000\"}", "sev.id_block.policy"},
                {"{\"policy\":\"x\"}", "sev.id_block.policy"},
                {"{\"svn\":\"4294967296\"}", "sev.id_block.svn"},
                {"{\"family-id\":\"00\"}", "sev.id_block.id"},
                {"{\"image-id\":\"zz0102030405060708090a0b0c0d0e0f\"}", "sev.id_block.id"},
        };
        static const uint8_t digest[48] = {1};
        SV_KEY *key = sv_key_generate(SV_KEY_P384, 0, &err),
               *wrong = sv_key_generate(SV_KEY_P256, 0, &err);
        struct sv_id_in in = {.launch_digest = sv_bytes(digest, 48)};
        struct sv_id_out made = {0};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *members = NULL;

                OK(sv_json_parse(sv_bytes_str(t[i].members), "test", &members, &err));
                in.members = members;
                FAILS(sv_sev_id_block(&in, &made, &err), SV_USAGE, t[i].check);
        }
        in = (struct sv_id_in){.launch_digest = sv_bytes(digest, 47), .key = key};
        FAILS(sv_sev_id_block(&in, &made, &err), SV_USAGE, "sev.id_block.launch_digest");
        in = (struct sv_id_in){.launch_digest = sv_bytes(digest, 48), .key = wrong};
        FAILS(sv_sev_id_block(&in, &made, &err), SV_USAGE, "snp.id_key.curve");
        in = (struct sv_id_in){.launch_digest = sv_bytes(digest, 48), .key = key, .author = wrong};
        FAILS(sv_sev_id_block(&in, &made, &err), SV_USAGE, "snp.id_key.curve");
        in.key = NULL;
        FAILS(sv_sev_id_block(&in, &made, &err), SV_USAGE, "sev.id_block.author");
        assert_null(made.values);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_vector),    cmocka_unit_test(key_digests),
                cmocka_unit_test(one_thing_wrong), cmocka_unit_test(keys_on_other_curves),
                cmocka_unit_test(block_form),      cmocka_unit_test(not_made),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
