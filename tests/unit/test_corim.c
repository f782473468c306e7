/* SPDX-License-Identifier: Apache-2.0 */
/* CoRIM: sets there and back, CoRIMs and a signature of others, and each thing that a set could not
 * say refused by its name. */
#include "attest/corim/corim.h"

#include "attest/jose/jose.h"
#include "base/core/cbor.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "policy/reference.h"
#include "tests/unit/unit.h"

#define IN_2024 INT64_C(1704067200)

static struct sv_err err;

static int read_set(struct sv_bytes text, const struct sv_corim_in *in, struct sv_json **set)
{
        SV_JSON *ignored = sv_json_array();
        SV_BUF out = SV_BUF_NULL;

        memset(&err, 0, sizeof(err));
        if (sv_corim_read(text, in, ignored, &out, &err) < 0) {
                assert_int_equal(out.n, 0);
                return -1;
        }
        return sv_reference_parse(sv_buf_bytes(&out), set, &err);
}

/* --- others' --- */

static void read_vector(const char *name, struct sv_buf *out)
{
        SV_STR path = sv_asprintf("corim/%s", name);

        OK(sv_file_read(vector_path(path), SV_CORIM_SIZE_MAX, out, "test", &err));
}

static void unsigned_of_others(void **state)
{
        SV_BUF text = SV_BUF_NULL, two = SV_BUF_NULL;
        SV_JSON *claims = sv_json_object(), *set = NULL, *ignored = sv_json_array();
        SV_BUF out = SV_BUF_NULL;
        struct sv_corim_in in = {.name = "v/r/acme", .tee = "sev-snp"};
        const struct sv_json *tuple;

        read_vector("corim-1.cbor", &text);
        FAILS(read_set(sv_buf_bytes(&text), &in, &set), SV_FORMAT, "corim.mkey");
        sv_json_set_str(claims, "", "/measurement");
        in.claims = claims;
        in.tee = NULL;
        FAILS(read_set(sv_buf_bytes(&text), &in, &set), SV_USAGE, "corim.tee");
        in.tee = "sev-snp";
        OK(read_set(sv_buf_bytes(&text), &in, &set));
        tuple = sv_json_at(sv_json_get(set, "any_of"), 0);
        assert_string_equal(sv_json_text(tuple, "image", ""), "3f06af63a93c11e4979700505690773f");
        assert_string_equal(sv_json_text(sv_json_get(tuple, "values"), "/measurement", ""),
                            "44aa336af4cb14a879432e53dd6571c7fa9bccafb75f488259262d6ea3a4d91b");
        assert_int_equal(sv_reference_generation(set), 1);
        OK(sv_corim_read(sv_buf_bytes(&text), &in, ignored, &out, &err));
        assert_string_equal(sv_json_str(sv_json_at(ignored, 0)), "the version of /measurement");
        /* one with more than reference values of one environment */
        read_vector("corim-2.cbor", &two);
        FAILS(read_set(sv_buf_bytes(&two), &in, &set), SV_FORMAT, "corim.triples");
}

static void signed_by_others(void **state)
{
        SV_BUF text = SV_BUF_NULL, jwk = SV_BUF_NULL;
        SV_JSON *j = NULL, *claims = sv_json_object();
        SV_KEY *key = NULL, *other = sv_key_generate(SV_KEY_P256, 0, &err);
        struct sv_json *set = NULL;
        struct sv_corim_in in = {.name = "v/r/acme", .tee = "vtpm", .time = IN_2024};

        read_vector("signed-good-corim.cbor", &text);
        read_vector("ec-p256.jwk", &jwk);
        OK(sv_json_parse(sv_buf_bytes(&jwk), "test", &j, &err));
        key = sv_jwk_to_key(j, NULL, "test", &err);
        assert_non_null(key);
        FAILS(read_set(sv_buf_bytes(&text), &in, &set), SV_USAGE, "corim.key");
        in.key = other;
        FAILS(read_set(sv_buf_bytes(&text), &in, &set), SV_PROOF, "corim.signature");
        in.key = key;
        /* the signature holds; what it has is three values of one name */
        FAILS(read_set(sv_buf_bytes(&text), &in, &set), SV_FORMAT, "corim.mkey");
        assert_non_null(strstr(err.msg, "uuid:31fb5abf023e4992aa4e95f9c1503bfa"));
        sv_json_set_str(claims, "uuid:31fb5abf023e4992aa4e95f9c1503bfa", "/pcrs/sha256/4");
        in.claims = claims;
        FAILS(read_set(sv_buf_bytes(&text), &in, &set), SV_FORMAT, "corim.mkey.twice");
        in.time = INT64_C(1767139200); /* the last second, and one more */
        FAILS(read_set(sv_buf_bytes(&text), &in, &set), SV_FORMAT, "corim.mkey.twice");
        in.time++;
        FAILS(read_set(sv_buf_bytes(&text), &in, &set), SV_PROOF, "corim.validity");
        in.time = 1;
        FAILS(read_set(sv_buf_bytes(&text), &in, &set), SV_PROOF, "corim.validity");
        in.time = IN_2024;
        text.p[text.n - 1] ^= 1;
        FAILS(read_set(sv_buf_bytes(&text), &in, &set), SV_PROOF, "corim.signature");
}

/* --- ours --- */

#define D48                                                                                        \
        "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111" \
        "11111111"
#define SET(more, any_of)                \
        "{\"version\":1,\"name\":\"v/r/" \
        "web\",\"tee\":\"sev-snp\",\"generation\":7,\"any_of\":[" any_of "]}"
#define TUPLE(image, gen, more, value)                                                             \
        "{\"image\":\"" image "\",\"generation\":" gen more ",\"values\":{\"/measurement\":" value \
        ",\"/limits/configuration/unless\":\"/limits\",\"/svn\":3}}"
#define ENDS ",\"not_before\":\"2026-01-01T00:00:00Z\",\"not_after\":\"2027-01-01T00:00:00Z\""

static int write_set(const char *text, const struct sv_corim_out *o, struct sv_buf *out)
{
        SV_JSON *set = NULL;

        OK(sv_reference_parse(sv_bytes_str(text), &set, &err));
        memset(&err, 0, sizeof(err));
        return sv_corim_write(set, o, out, &err);
}

static void there_and_back(void **state)
{
        static const char two[] = SET("", TUPLE("web 1.8", "7", "", "\"" D48 "\"") "," TUPLE(
                                                  "web 1.7", "6", "", "\"x\""));
        static const char timed[] = SET("", TUPLE("web 1.8", "7", ENDS, "\"" D48 "\""));
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, &err);

        for (int i = 0; i < 4; i++) {
                const char *text = i & 1 ? timed : two;
                struct sv_corim_out o = {.key = i & 2 ? key : NULL, .signer = "me"};
                struct sv_corim_in in = {.name = "v/r/web", .key = o.key, .generation = 7};
                SV_BUF corim = SV_BUF_NULL;
                SV_JSON *before = NULL, *after = NULL;

                OK(write_set(text, &o, &corim));
                OK(sv_reference_parse(sv_bytes_str(text), &before, &err));
                OK(read_set(sv_buf_bytes(&corim), &in, &after));
                assert_true(sv_json_equal(before, after));
                in.tee = "tdx";
                FAILS(read_set(sv_buf_bytes(&corim), &in, &after), SV_USAGE, "corim.tee");
                in.tee = NULL;
                in.generation = 6;
                FAILS(read_set(sv_buf_bytes(&corim), &in, &after), SV_USAGE, "corim.generation");
                in.generation = 0;
                in.key = o.key ? NULL : key;
                FAILS(read_set(sv_buf_bytes(&corim), &in, &after), SV_USAGE,
                      o.key ? "corim.key" : "corim.unsigned");
        }
}

static void what_a_corim_cannot_say(void **state)
{
        static const struct {
                const char *set;
                int64_t generation;
                const char *check;
                size_t tuples;
        } t[] = {
                {SET("", TUPLE("a", "7", ENDS, "\"x\"") "," TUPLE("b", "6", "", "\"y\"")), 0,
                 "corim.export.validity", 0},
                {SET("", TUPLE("a", "7", ENDS, "\"x\"") "," TUPLE("b", "6", "", "\"y\"")), 6, NULL,
                 1},
                {SET("", TUPLE("a", "7", ENDS, "\"x\"") "," TUPLE("b", "6", "", "\"y\"")), 5,
                 "corim.export.none", 0},
                {SET("", TUPLE("a", "7", ",\"not_before\":\"2026-01-01T00:00:00Z\"", "\"x\"")), 0,
                 "corim.export.validity", 0},
                {SET("", TUPLE("a", "7", ",\"retired\":true", "\"x\"")), 0, "corim.export.none", 0},
                {SET("", TUPLE("a", "7", ",\"retired\":true", "\"x\"") "," TUPLE("b", "6", "",
                                                                                 "\"y\"")),
                 0, NULL, 1},
                {SET("", TUPLE("a", "7", "", "true")), 0, "corim.export.value", 0},
                {SET("", TUPLE("a", "7", "", "-1")), 0, "corim.export.value", 0},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                struct sv_corim_out o = {.generation = t[i].generation};
                struct sv_corim_in in = {.name = "v/r/web"};
                SV_BUF corim = SV_BUF_NULL;
                SV_JSON *set = NULL;

                if (t[i].check) {
                        FAILS(write_set(t[i].set, &o, &corim), SV_USAGE, t[i].check);
                        assert_int_equal(corim.n, 0);
                        continue;
                }
                OK(write_set(t[i].set, &o, &corim));
                OK(read_set(sv_buf_bytes(&corim), &in, &set));
                assert_int_equal(sv_json_len(sv_json_get(set, "any_of")), t[i].tuples);
        }
}

/* --- one thing changed --- */

enum level { VALUES, MEASUREMENT, TRIPLES, COMID, TAGS, CORIM };

static void put_hex(struct sv_buf *out, const char *hex)
{
        OK(sv_unhex(sv_bytes_str(hex), out, "test", &err));
}

#define D32    "1111111111111111111111111111111111111111111111111111111111111111"
#define DIGEST "82015820" D32
#define VALUE  "a10281" DIGEST
#define MEAS   "a200622f6b01" VALUE
#define ENV    "a100a1026174"
#define TRIPLE "a1008182" ENV "81" MEAS

/* A CoRIM of our profile, with `hex` in place of the part at that level. */
static void make_corim(enum level level, const char *hex, struct sv_buf *out)
{
        SV_BUF comid = SV_BUF_NULL;

        if (level == COMID) {
                put_hex(&comid, hex);
        } else {
                put_hex(&comid, "a201a2006169010104"); /* identity "i", version 1; triples */
                if (level == TRIPLES) {
                        put_hex(&comid, hex);
                } else {
                        put_hex(&comid, "a1008182" ENV "81");
                        if (level != MEASUREMENT)
                                put_hex(&comid, "a200622f6b01");
                        put_hex(&comid, level <= MEASUREMENT ? hex : VALUE);
                }
        }
        if (level == CORIM) {
                put_hex(out, hex);
                return;
        }
        put_hex(out, "d901f5a300616301");
        if (level == TAGS) {
                put_hex(out, hex);
        } else {
                put_hex(out, "81d901fa");
                sv_cbor_put_bytes(out, sv_buf_bytes(&comid));
        }
        put_hex(out, "03d820");
        sv_cbor_put_text(out, SV_CORIM_PROFILE);
}

static void one_thing_changed(void **state)
{
        static const struct {
                enum level level;
                const char *hex, *check;
        } t[] = {
                {VALUES, VALUE, NULL},
                {VALUES, "a10105", NULL},   /* a number */
                {VALUES, "a10b6178", NULL}, /* a text */
                {VALUES,
                 "a200a1006131"
                 "0281" DIGEST,
                 NULL}, /* a version beside it */
                {VALUES,
                 "a20b6178"
                 "0281" DIGEST,
                 NULL}, /* a name beside it */
                {VALUES, "a0", "corim.value"},
                {VALUES, "a103a0", "corim.value"},       /* flags */
                {VALUES, "a101d9022905", "corim.value"}, /* at least that number */
                {VALUES,
                 "a2"
                 "0105"
                 "0281" DIGEST,
                 "corim.value"},
                {VALUES,
                 "a2"
                 "2105"
                 "0281" DIGEST,
                 "corim.value"},
                {VALUES,
                 "a2"
                 "6178"
                 "05"
                 "0281" DIGEST,
                 "corim.value"},
                {VALUES, "a100a1006131", "corim.value"},
                {VALUES, "a10280", "corim.digest"},
                {VALUES, "a10205", "corim.digest"},
                {VALUES, "a1028182014111", "corim.digest"},
                {VALUES,
                 "a10281820741"
                 "11",
                 "corim.digest"},
                {VALUES,
                 "a10281820258"
                 "20" D32,
                 "corim.digest"}, /* an algorithm that is not known */
                {VALUES, "a1028182016131", "corim.digest"},
                {VALUES, "a102818101", "corim.digest"},
                {VALUES, "a10282" DIGEST DIGEST, "corim.digest"},
                {VALUES, "05", "corim.measurement"},
                {MEASUREMENT, "a101" VALUE, "corim.mkey"},
                {MEASUREMENT, "a2000401" VALUE, "corim.mkey"},
                {MEASUREMENT, "a200616b01" VALUE, "corim.mkey"},
                {MEASUREMENT, "a200d86f42aabb01" VALUE, "corim.mkey"},
                {MEASUREMENT, "a2008001" VALUE, "corim.measurement"},
                {MEASUREMENT, "a100622f6b", "corim.measurement"},
                {MEASUREMENT, "a300622f6b01" VALUE "0280", "corim.measurement"},
                {MEASUREMENT, "81a0", "corim.measurement"},
                {MEASUREMENT, "a101a10ea10081" DIGEST, "corim.mkey"},
                {MEASUREMENT, "a101a10ea12081" DIGEST, "corim.value"},
                {MEASUREMENT, "a101a10ea0", "corim.value"}, /* registers that say nothing */
                {MEASUREMENT, "a101a10e8100", "corim.value"},
                {MEASUREMENT, "a101a10e05", "corim.value"},
                {MEASUREMENT, "a200632f6b0001" VALUE, "corim.cbor"},      /* "/k" and a NUL */
                {MEASUREMENT, "a101a10ea1622f6b81" DIGEST, "corim.mkey"}, /* ir:/k is no pointer */
                {TRIPLES, TRIPLE, NULL},
                {TRIPLES, "a0", "corim.triples"},
                {TRIPLES, "80", "corim.triples"},
                {TRIPLES, "a10180", "corim.triples"},
                {TRIPLES, "a10080", "corim.triples"},
                {TRIPLES, "a1018182" ENV "81" MEAS, "corim.triples"},
                {TRIPLES,
                 "a2"
                 "008182" ENV "81" MEAS "0180",
                 "corim.triples"},
                {TRIPLES,
                 "a10082"
                 "82" ENV "81" MEAS "82" ENV "81" MEAS,
                 "corim.triples"},
                {TRIPLES, "a1008181" ENV, "corim.triples"},
                {TRIPLES, "a1008182" ENV "80", "corim.triples"},
                {TRIPLES, "a10081820581" MEAS, "corim.triples"},
                {TRIPLES, "a1008182a081" MEAS, "corim.tee"},
                {TRIPLES, "a1008182" ENV "82" MEAS MEAS, "corim.mkey.twice"},
                {COMID, "a201a100616904" TRIPLE, NULL},
                {COMID, "80", "corim.comid"},
                {COMID, "a104" TRIPLE, "corim.comid"},
                {COMID, "a101a1006169", "corim.comid"},
                {COMID, "a201a1000504" TRIPLE, "corim.comid"},
                {COMID, "a201a100410504" TRIPLE, "corim.comid"},
                {COMID, "a201a2006169012004" TRIPLE, "corim.comid"},
                {COMID, "a201a1006004" TRIPLE, "policy.sets.name"},
                {COMID, "a201a100616904" TRIPLE "00", "corim.cbor"},
                {TAGS, "80", "corim.form"},
                {TAGS, "8100", "corim.tags"},
                {TAGS, "81d901f940", "corim.tags"},
                {TAGS, "81d901faa0", "corim.tags"},
                {TAGS, "81d901fa40", "corim.cbor"},
                {CORIM, "", "corim.cbor"},
                {CORIM, "00", "corim.form"},
                {CORIM, "d901f500", "corim.form"},
                {CORIM, "d901f4a10180", "corim.form"},
                {CORIM, "d901f5a0", "corim.form"},
                {CORIM, "d280", "corim.key"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                struct sv_corim_in in = {.name = "v/r/web"};
                SV_BUF corim = SV_BUF_NULL;
                SV_JSON *set = NULL;

                print_message("%d %s\n", t[i].level, t[i].hex);
                make_corim(t[i].level, t[i].hex, &corim);
                if (!t[i].check) {
                        OK(read_set(sv_buf_bytes(&corim), &in, &set));
                        for (size_t cut = 0; cut < corim.n; cut++) {
                                struct sv_json *none = NULL;

                                assert_int_equal(read_set(sv_bytes(corim.p, cut), &in, &none), -1);
                        }
                        continue;
                }
                assert_int_equal(read_set(sv_buf_bytes(&corim), &in, &set), -1);
                assert_string_equal(err.check, t[i].check);
        }
}

/* Registers by the caller's word, times of a CoRIM, and its size. */
static void registers_and_times(void **state)
{
        static const char registers[] = "a101a10ea20081" DIGEST "65726567203181" DIGEST;
        static const struct {
                const char *validity, *check;
        } t[] = {{"04a101c100", NULL},           {"04a200c10001c11a69546780", NULL},
                 {"04a1010000", "corim.cbor"},   {"04a10100", "corim.time"},
                 {"0400", "corim.time"}, /* no map, which would say: for ever */
                 {"04a0", "corim.time"},         {"04a101c120", "corim.time"},
                 {"04a101c16130", "corim.time"}, {"04a101c11b0000003afff44180", "corim.time"}};
        SV_JSON *claims = sv_json_object(), *set = NULL;
        struct sv_corim_in in = {.name = "v/r/web", .claims = claims};
        SV_BUF corim = SV_BUF_NULL;

        sv_json_set_str(claims, "ir:0", "/rtmr0");
        sv_json_set_str(claims, "ir:reg 1", "/rtmr1");
        make_corim(MEASUREMENT, registers, &corim);
        OK(read_set(sv_buf_bytes(&corim), &in, &set));
        assert_int_equal(
                sv_json_len(sv_json_get(sv_json_at(sv_json_get(set, "any_of"), 0), "values")), 2);
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_BUF comid = SV_BUF_NULL, text = SV_BUF_NULL;
                SV_JSON *timed = NULL;

                put_hex(&comid, "a201a2006169010104" TRIPLE);
                put_hex(&text, "d901f5a40061630181d901fa");
                sv_cbor_put_bytes(&text, sv_buf_bytes(&comid));
                put_hex(&text, "03d820");
                sv_cbor_put_text(&text, SV_CORIM_PROFILE);
                put_hex(&text, t[i].validity);
                if (t[i].check)
                        FAILS(read_set(sv_buf_bytes(&text), &in, &timed), SV_FORMAT, t[i].check);
                else
                        OK(read_set(sv_buf_bytes(&text), &in, &timed));
        }
        sv_buf_clear(&corim);
        while (corim.n <= SV_CORIM_SIZE_MAX)
                sv_buf_u8(&corim, 0);
        FAILS(read_set(sv_buf_bytes(&corim), &in, &set), SV_FORMAT, "corim.size");
        corim.n = SV_CORIM_SIZE_MAX;
        FAILS(read_set(sv_buf_bytes(&corim), &in, &set), SV_FORMAT, "corim.cbor");
}

/* Signed as it should not be: by one who has the key. */
static void signatures(void **state)
{
        static const struct {
                const char *header, *check;
        } t[] = {
                {"a2012603746170706c69636174696f6e2f72696d2b63626f72", NULL},
                {"a2013822"
                 "03746170706c69636174696f6e2f72696d2b63626f72",
                 "corim.alg"},
                {"a103746170706c69636174696f6e2f72696d2b63626f72", "corim.alg"},
                {"a301260281030374"
                 "6170706c69636174696f6e2f72696d2b63626f72",
                 "corim.crit"},
                {"a10126", "corim.form"},
                {"a2012603636a776b", "corim.form"},
                {"a3012603746170706c69636174696f6e2f72696d2b63626f720800", "corim.form"},
                {"a3012603746170706c69636174696f6e2f72696d2b63626f72084100", NULL},
                {"a3012603746170706c69636174696f6e2f72696d2b63626f720845a101a10100", "corim.time"},
                {"a3012603746170706c69636174696f6e2f72696d2b63626f720843a10100", "corim.time"},
                {"80", "corim.alg"},
                {"", "corim.cbor"},
        };
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_KEY *other = sv_key_generate(SV_KEY_P384, 0, &err);
        SV_BUF corim = SV_BUF_NULL, none = SV_BUF_NULL;
        struct sv_corim_in in = {.name = "v/r/web", .key = key};

        make_corim(VALUES, VALUE, &corim);
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_BUF header = SV_BUF_NULL, part = SV_BUF_NULL, sig = SV_BUF_NULL;
                SV_BUF text = SV_BUF_NULL;
                SV_JSON *set = NULL;

                print_message("%s\n", t[i].header);
                put_hex(&header, t[i].header);
                put_hex(&part, "846a5369676e617475726531");
                sv_cbor_put_bytes(&part, sv_buf_bytes(&header));
                put_hex(&part, "40");
                sv_cbor_put_bytes(&part, sv_buf_bytes(&corim));
                OK(sv_sign(key, SV_ECDSA_SHA256, sv_buf_bytes(&part), &sig, &err));
                put_hex(&text, "d284");
                sv_cbor_put_bytes(&text, sv_buf_bytes(&header));
                put_hex(&text, "a0");
                sv_cbor_put_bytes(&text, sv_buf_bytes(&corim));
                sv_cbor_put_bytes(&text, sv_buf_bytes(&sig));
                if (t[i].check)
                        FAILS(read_set(sv_buf_bytes(&text), &in, &set), SV_FORMAT, t[i].check);
                else
                        OK(read_set(sv_buf_bytes(&text), &in, &set));
                in.key = other;
                FAILS(read_set(sv_buf_bytes(&text), &in, &set), SV_FORMAT, "corim.alg");
                in.key = key;
        }
        put_hex(&none, "d28340a040");
        FAILS(read_set(sv_buf_bytes(&none), &in, &(struct sv_json *){NULL}), SV_FORMAT,
              "corim.form");
        sv_buf_clear(&none);
        put_hex(&none, "d28440a0a040");
        FAILS(read_set(sv_buf_bytes(&none), &in, &(struct sv_json *){NULL}), SV_FORMAT,
              "corim.form");
        FAILS(write_set(SET("", TUPLE("a", "7", "", "\"x\"")),
                        &(struct sv_corim_out){.key = other, .signer = "me"}, &none),
              SV_FORMAT, "corim.alg");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(unsigned_of_others), cmocka_unit_test(signed_by_others),
                cmocka_unit_test(there_and_back),     cmocka_unit_test(what_a_corim_cannot_say),
                cmocka_unit_test(one_thing_changed),  cmocka_unit_test(registers_and_times),
                cmocka_unit_test(signatures),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
