/* SPDX-License-Identifier: Apache-2.0 */
/* Reference sets in a broker: signed by whom the configuration lets sign, for the policies of
 * several guests, never an older one, and asked for at each release. */
#include "tests/unit/broker_inside.h"

#include <sqlite3.h>

#include "attest/jose/reference.h"
#include "broker/store/sql.h"

#define OTHER  "default/other/root"
#define NAME   "vendor/reference/web"
#define TARGET "/secure-vm/v0/reference/" NAME
#define TEST   "/secure-vm/v0/policy-test/" PATH

#define ONES                                                                                       \
        "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111" \
        "11111111"
#define TWOS                                                                                       \
        "2222222222222222222222222222222222222222222222222222222222222222222222222222222222222222" \
        "22222222"

static struct sv_err err;
static struct sv_key *author;
static char vendor[] = "vendor";
static char *below_vendor[] = {vendor, NULL};
static char elsewhere[] = "default";
static char *below_default[] = {elsewhere, NULL};

/* The author's key has its place in the configuration, beside the administrator's. */
static int setup(void **state)
{
        SV_BUF pem = SV_BUF_NULL;
        struct sv_admin_key *own;

        if (group_setup(state))
                return -1;
        author = sv_key_generate(SV_KEY_P256, 0, &err);
        OK(sv_key_public_pem(author, &pem, &err));
        own = &b.admins.list[b.admins.n++];
        own->key = sv_key_from_pem(sv_buf_bytes(&pem), false, &err);
        own->roles = SV_ROLE_SIGNER;
        own->paths = below_vendor;
        assert_non_null(own->key);
        b.admins.list[0].roles = SV_ROLE_OPERATOR | SV_ROLE_AUTHOR | SV_ROLE_AUDITOR;
        return 0;
}

static int teardown(void **state)
{
        sv_key_free(author);
        return group_teardown(state);
}

static char *tuple(const char *measurement, int generation, const char *more)
{
        return sv_asprintf("{\"image\":\"build %c\",\"generation\":%d%s,\"values\":{"
                           "\"/measurement\":\"%s\"}}",
                           *measurement, generation, more, measurement);
}

/* Frees both. */
static char *join(char *one, char *two)
{
        char *both = sv_asprintf("%s,%s", one, two);

        free(one);
        free(two);
        return both;
}

static void sign_as(const struct sv_key *key, const char *name, const char *tee, int generation,
                    const char *tuples, struct sv_buf *out)
{
        SV_STR text = sv_asprintf("{\"version\":1,\"name\":\"%s\",\"tee\":\"%s\",\"generation\":"
                                  "%d,\"any_of\":[%s]}",
                                  name, tee, generation, tuples);

        OK(sv_reference_sign(key, sv_bytes_str(text), out, &err));
}

static void sign(int generation, const char *tuples, struct sv_buf *out)
{
        sign_as(author, NAME, "sev-snp", generation, tuples, out);
}

static void says(int status, const char *check, const char *method, const char *target,
                 struct sv_bytes body)
{
        int found = administer(method, target, body);

        assert_string_equal(seen_check, check);
        assert_int_equal(found, status);
}

static void puts_set(int status, const char *check, int generation, const char *tuples)
{
        SV_BUF text = SV_BUF_NULL;

        sign(generation, tuples, &text);
        says(status, check, "PUT", TARGET, sv_buf_bytes(&text));
}

/* As the guest's policy, and what it accepts is said elsewhere. */
static int put_naming(const char *path, const char *name, const char *tee)
{
        SV_STR target = sv_asprintf("/secure-vm/v0/policy/%s", path);
        SV_BUF text = SV_BUF_NULL, named = SV_BUF_NULL;
        SV_JSON *doc = NULL;

        write_policy(tee, path, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &doc, &err));
        sv_json_set_str(doc, "reference_set", name);
        sv_json_print(doc, &named);
        return administer("PUT", target, sv_buf_bytes(&named));
}

/* A guest that launched this asks for it: "" when it gets it, else the check. */
static const char *asks(const char *measurement, const char *path)
{
        SV_STR target = sv_asprintf("/kbs/v0/resource/%s", path);
        GUEST g = begin();
        SV_HTTP answer = {0};

        sv_json_set_str(platform_state, "digest", measurement);
        assert_int_equal(attest(&g), 200);
        ask(&(struct ask){"GET", target, "Cookie", g.cookie, SV_BYTES_NULL, 0}, &answer);
        return seen_check;
}

static struct sv_json *read_record(void)
{
        SV_JSON *list = sv_json_array();

        OK(b.store->ops->list_audit(b.store, 0, 100000, list, &err));
        return sv_json_ref(sv_json_at(list, sv_json_len(list) - 1));
}

static void several_guests(void **state)
{
        SV_STR ones = tuple(ONES, 1, "");
        SV_STR both = join(tuple(ONES, 1, ",\"retired\":true"), tuple(TWOS, 2, ""));
        SV_JSON *record = NULL;

        put_secret(PATH);
        put_secret(OTHER);
        /* nothing to name yet */
        assert_int_equal(put_naming(PATH, NAME, "sev-snp"), 404);
        assert_string_equal(seen_check, "reference.none");
        puts_set(204, "", 1, ones);
        assert_int_equal(put_naming(PATH, NAME, "sev-snp"), 204);
        assert_int_equal(put_naming(OTHER, NAME, "sev-snp"), 204);
        assert_string_equal(asks(ONES, PATH), "");
        record = read_record();
        assert_string_equal(sv_json_text(record, "reference", ""), NAME);
        assert_int_equal(sv_json_int(sv_json_get(record, "reference_generation"), 0), 1);
        assert_int_equal(strlen(sv_json_text(record, "reference_sha256", "")), 64);
        assert_int_equal(sv_json_int(sv_json_get(record, "set"), 0), 1);
        assert_non_null(strstr(sv_json_text(record, "grounds", ""),
                               "(build 1, generation 1) of reference set " NAME ", generation 1"));
        assert_string_equal(asks(ONES, OTHER), "");
        assert_string_equal(asks(TWOS, PATH), "policy.reference.measurement");
        /* one signature later, all of them */
        puts_set(204, "", 2, both);
        assert_string_equal(asks(TWOS, PATH), "");
        assert_string_equal(asks(TWOS, OTHER), "");
        assert_string_equal(asks(ONES, PATH), "policy.set.retired");
        assert_string_equal(asks(ONES, OTHER), "policy.set.retired");
        sv_json_free(record);
        record = read_record();
        assert_int_equal(sv_json_int(sv_json_get(record, "reference_generation"), 0), 2);
}

/* Of what was put before. */
static void never_an_older_one(void **state)
{
        SV_STR ones = tuple(ONES, 1, "");
        SV_HTTP answer = {0};
        SV_JSON *j = NULL;

        puts_set(409, "reference.generation", 1, ones);
        puts_set(409, "reference.generation", 2, ones);
        assert_string_equal(asks(ONES, PATH), "policy.set.retired");
        assert_int_equal(administer_for("GET", "/secure-vm/v0/references", SV_BYTES_NULL, &answer),
                         200);
        OK(sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, &err));
        assert_int_equal(sv_json_len(sv_json_get(j, "references")), 1);
        assert_string_equal(sv_json_text(sv_json_pointer(j, "/references/0"), "name", ""), NAME);
        assert_int_equal(sv_json_int(sv_json_pointer(j, "/references/0/generation"), 0), 2);
        /* also when it was removed */
        says(204, "", "DELETE", TARGET, SV_BYTES_NULL);
        says(404, "reference.none", "DELETE", TARGET, SV_BYTES_NULL);
        says(404, "reference.none", "GET", TARGET, SV_BYTES_NULL);
        assert_string_equal(asks(TWOS, PATH), "reference.none");
        puts_set(409, "reference.generation", 2, ones);
        puts_set(204, "", 3, ones);
        assert_string_equal(asks(ONES, PATH), "");
}

static void signatures(void **state)
{
        static const struct {
                const char *text, *check;
        } heads[] = {
                {"{\"alg\":\"none\"}", "reference.alg"},
                {"{\"alg\":\"ES256\",\"crit\":[\"x\"]}", "reference.crit"},
                {"{", "reference.header.json"},
        };
        SV_STR ones = tuple(ONES, 1, "");
        SV_KEY *stranger = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_BUF text = SV_BUF_NULL, other = SV_BUF_NULL, outside = SV_BUF_NULL;
        SV_STR own = sv_asprintf("%s/b/admin.key", dir);
        SV_BUF pem = SV_BUF_NULL, by_admin = SV_BUF_NULL, typed = SV_BUF_NULL;
        SV_KEY *admin = NULL;
        SV_JSON *header = sv_json_object();

        sign_as(stranger, NAME, "sev-snp", 9, ones, &text);
        says(401, "reference.signature", "PUT", TARGET, sv_buf_bytes(&text));
        /* an author of policies who is no signer */
        OK(sv_file_read(own, 1 << 16, &pem, "test", &err));
        admin = sv_key_from_pem(sv_buf_bytes(&pem), true, &err);
        sign_as(admin, NAME, "sev-snp", 9, ones, &by_admin);
        says(401, "reference.signature", "PUT", TARGET, sv_buf_bytes(&by_admin));
        /* a signer, and another path */
        sign_as(author, "default/reference/web", "sev-snp", 9, ones, &outside);
        says(401, "reference.signature", "PUT", "/secure-vm/v0/reference/default/reference/web",
             sv_buf_bytes(&outside));
        /* under another name than it has */
        says(400, "reference.name", "PUT", "/secure-vm/v0/reference/vendor/reference/db",
             (sign_as(author, NAME, "sev-snp", 9, ones, &other), sv_buf_bytes(&other)));
        /* changed on the way */
        other.p[other.n - 90] ^= 1;
        administer("PUT", TARGET, sv_buf_bytes(&other));
        assert_true(!strncmp(seen_check, "reference.", 10));
        says(400, "reference.form", "PUT", TARGET, sv_bytes_str("{}"));
        says(400, "reference.tee", "PUT", TARGET,
             (sv_buf_clear(&other), sign_as(author, NAME, "none", 9, ones, &other),
              sv_buf_bytes(&other)));
        /* what the key has signed for another use */
        sv_json_set_str(header, "typ", "JWT");
        OK(sv_jws_sign(author, header, sv_bytes_str("{}"), &typed, &err));
        says(400, "reference.typ", "PUT", TARGET, sv_buf_bytes(&typed));
        for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
                static const uint8_t zeros[64] = {0};
                SV_BUF made = SV_BUF_NULL;

                sv_put_base64url(&made, sv_bytes_str(heads[i].text));
                sv_buf_puts(&made, ".e30.");
                sv_put_base64url(&made, sv_bytes(zeros, sizeof(zeros)));
                says(400, heads[i].check, "PUT", TARGET, sv_buf_bytes(&made));
        }
        assert_string_equal(asks(ONES, PATH), "");
}

/* A key that was taken out of the configuration says nothing any more. */
static void taken_out(void **state)
{
        b.admins.list[1].roles = SV_ROLE_AUDITOR;
        assert_string_equal(asks(ONES, PATH), "reference.signature");
        b.admins.list[1].roles = SV_ROLE_SIGNER;
        b.admins.list[1].paths = below_default;
        assert_string_equal(asks(ONES, PATH), "reference.signature");
        b.admins.list[1].paths = below_vendor;
        assert_string_equal(asks(ONES, PATH), "");
}

static void rehearse(const char *target, const struct sv_buf *set, int holds, int refused)
{
        SV_HTTP answer = {0};
        SV_JSON *j = NULL;

        assert_int_equal(
                administer_for("POST", target, set ? sv_buf_bytes(set) : SV_BYTES_NULL, &answer),
                200);
        OK(sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, &err));
        assert_int_equal(sv_json_int(sv_json_get(j, "holds"), -1), holds);
        assert_int_equal(sv_json_int(sv_json_get(j, "refused"), -1), refused);
}

/* Who would get the key by the next generation; both guests have had it. */
static void tried(void **state)
{
        SV_STR twos = tuple(TWOS, 4, "");
        SV_STR both = join(tuple(ONES, 1, ""), tuple(TWOS, 4, ""));
        SV_STR later =
                join(tuple(ONES, 1, ",\"not_after\":\"2030-01-01T00:00:00Z\""), tuple(TWOS, 4, ""));
        SV_BUF one = SV_BUF_NULL, two = SV_BUF_NULL, until = SV_BUF_NULL;

        sign(4, twos, &one);
        sign(5, both, &two);
        sign(6, later, &until);
        rehearse(TEST, NULL, 1, 1); /* what is stored has ONES only */
        rehearse(TEST "?reference", &one, 1, 1);
        rehearse(TEST "?reference", &two, 2, 0);
        rehearse(TEST "?reference&at=2029-12-31T00:00:00Z", &until, 2, 0);
        rehearse(TEST "?reference&at=2030-01-02T00:00:00Z", &until, 1, 1);
        /* nothing was changed */
        assert_string_equal(asks(TWOS, PATH), "policy.reference.measurement");
        put_policy(OTHER);
        says(404, "reference.none", "POST", "/secure-vm/v0/policy-test/" OTHER "?reference",
             sv_buf_bytes(&two));
}

/* Whoever writes the database puts no older set back, though it was signed. */
static void put_back(void **state)
{
        sqlite3 *db = ((struct sv_sql *)b.store)->db;
        SV_STR both = join(tuple(ONES, 1, ",\"retired\":true"), tuple(TWOS, 4, ""));

        assert_int_equal(sqlite3_exec(db, "CREATE TABLE aside AS SELECT * FROM reference_sets",
                                      NULL, NULL, NULL),
                         SQLITE_OK);
        puts_set(204, "", 4, both);
        assert_string_equal(asks(ONES, PATH), "policy.set.retired");
        assert_int_equal(sqlite3_exec(db,
                                      "DELETE FROM reference_sets; INSERT INTO reference_sets "
                                      "SELECT * FROM aside; DROP TABLE aside",
                                      NULL, NULL, NULL),
                         SQLITE_OK);
        assert_string_equal(asks(ONES, PATH), "broker.store.mac");
        FAILS(b.store->ops->check(b.store, &err), SV_SYSTEM, "broker.store.mac");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(several_guests), cmocka_unit_test(never_an_older_one),
                cmocka_unit_test(signatures),     cmocka_unit_test(taken_out),
                cmocka_unit_test(tried),          cmocka_unit_test(put_back),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
