/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that their first guest makes: one for all guests, whole or not at all, and for nobody
 * else. */
#include "tests/unit/broker_inside.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define PUT       "/kbs/v0/resource/" PATH
#define SHOW      "/secure-vm/v0/resource/" PATH
#define PROVISION "/secure-vm/v0/provision/" PATH
#define AT_ONCE   6

static struct sv_err err;

static void says(int status, const char *check, const char *method, const char *target)
{
        int found = administer(method, target, sv_bytes_str(strncmp(target, PUT, 4) ? "" : "mine"));

        assert_string_equal(seen_check, check);
        assert_int_equal(found, status);
}

static struct guest begin_attested(void)
{
        struct guest g = begin();

        assert_int_equal(attest(&g), 200);
        return g;
}

static struct sv_secret *fetch(const struct guest *g)
{
        SV_HTTP answer = {0};
        struct sv_secret *found;

        assert_int_equal(
                ask(&(struct ask){"GET", PUT, "Cookie", g->cookie, SV_BYTES_NULL, 0}, &answer),
                200);
        found = sv_jwe_open(g->key, sv_buf_bytes(&answer.body), &err);
        assert_non_null(found);
        return found;
}

static struct sv_bytes value_of(struct sv_secret *s)
{
        return sv_bytes(sv_secret_reveal(s), sv_secret_size(s));
}

static struct sv_json *ask_json(const char *target)
{
        SV_HTTP answer = {0};
        struct sv_json *j = NULL;

        assert_int_equal(administer_for("GET", target, SV_BYTES_NULL, &answer), 200);
        OK(sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, &err));
        return j;
}

static void versions_are(size_t n)
{
        SV_JSON *j = ask_json(SHOW);

        assert_int_equal(sv_json_len(sv_json_get(j, "versions")), n);
}

/* The newest record. */
static struct sv_json *read_record(void)
{
        SV_JSON *list = sv_json_array();

        OK(b.store->ops->list_audit(b.store, 0, 100000, list, &err));
        return sv_json_ref(sv_json_at(list, sv_json_len(list) - 1));
}

static int empty(void **state)
{
        administer("DELETE", PUT, SV_BYTES_NULL);
        put_policy(PATH);
        return 0;
}

/* As bytes, in hex or in base64. */
static void is_nowhere_in(const char *target, struct sv_secret *value)
{
        char hex[2 * 32 + 1];
        SV_BUF base64 = SV_BUF_NULL, text = SV_BUF_NULL;
        SV_JSON *j = ask_json(target);

        sv_json_print(j, &text);
        sv_put_base64(&base64, value_of(value));
        assert_null(memmem(text.p, text.n, sv_secret_reveal(value), 8));
        assert_null(strstr(sv_buf_str(&text), sv_hex(value_of(value), hex)));
        assert_null(memmem(text.p, text.n, base64.p, 16));
}

static void first_guest(void **state)
{
        GUEST one = begin_attested(), two = begin_attested();
        SV_SECRET *first = NULL;
        SV_SECRET *second = NULL;
        SV_JSON *listed = NULL;
        SV_JSON *record = NULL;
        SV_JSON *later = NULL;

        says(204, "", "POST", PROVISION "?bytes=32&label=env=prod");
        listed = ask_json("/secure-vm/v0/resources?label=env=prod");
        assert_string_equal(sv_json_text(sv_json_pointer(listed, "/resources/0"), "path", ""),
                            PATH);
        assert_int_equal(sv_json_int(sv_json_pointer(listed, "/resources/0/version"), -1), 0);
        assert_int_equal(sv_json_int(sv_json_pointer(listed, "/resources/0/provision"), -1), 32);
        assert_null(sv_json_pointer(listed, "/resources/0/created"));
        /* whom no policy lets have it makes nothing */
        says(204, "", "DELETE", "/secure-vm/v0/policy/" PATH);
        get_refused(&one, PATH, 401, "broker.policy.none");
        versions_are(0);
        put_policy(PATH);
        first = fetch(&one);
        record = read_record();
        assert_true(sv_json_bool(sv_json_get(record, "made"), false));
        assert_int_equal(sv_json_int(sv_json_get(record, "version"), 0), 1);
        second = fetch(&two);
        later = read_record();
        assert_false(sv_json_bool(sv_json_get(later, "made"), false));
        assert_int_equal(sv_secret_size(first), 32);
        assert_true(sv_bytes_eq(value_of(first), value_of(second)));
        versions_are(1);
        is_nowhere_in(SHOW, first);
        is_nowhere_in("/secure-vm/v0/resources", first);
        is_nowhere_in("/secure-vm/v0/audit", first);
        OK(b.store->ops->check(b.store, &err));
}

/* Without a store of the parent's, nor a lock of it. */
static int fetch_alone(const struct guest *g, uint8_t out[32])
{
        const struct sv_store_place place = sv_broker_place(&b);
        struct sv_secret *found;

        if (sv_store_open(&place, &b.store, NULL) < 0)
                return 1;
        found = fetch(g);
        memcpy(out, sv_secret_reveal(found), 32);
        return 0;
}

static void several_at_once(void **state)
{
        const struct sv_store_place place = sv_broker_place(&b);
        uint8_t(*values)[32] =
                mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        struct guest guests[AT_ONCE];
        SV_JSON *list = sv_json_array();
        int made = 0, status;

        assert_ptr_not_equal(values, MAP_FAILED);
        says(204, "", "POST", PROVISION "?bytes=32");
        for (int i = 0; i < AT_ONCE; i++)
                guests[i] = begin_attested();
        sv_store_free(b.store);
        b.store = NULL;
        for (int i = 0; i < AT_ONCE; i++)
                if (fork() == 0)
                        _exit(fetch_alone(&guests[i], values[i]));
        for (int i = 0; i < AT_ONCE; i++) {
                assert_true(wait(&status) > 0);
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        OK(sv_store_open(&place, &b.store, &err));
        for (int i = 0; i < AT_ONCE; i++) {
                assert_memory_equal(values[i], values[0], 32);
                end_guest(&guests[i]);
        }
        versions_are(1);
        OK(b.store->ops->list_audit(b.store, 0, 100000, list, &err));
        for (size_t i = sv_json_len(list) - AT_ONCE - 1; i < sv_json_len(list); i++)
                made += sv_json_bool(sv_json_get(sv_json_at(list, i), "made"), false);
        assert_int_equal(made, 1);
        munmap(values, 4096);
}

/* What cannot be recorded is not made: the guest that comes then makes another. */
static void not_recorded(void **state)
{
        GUEST g = begin_attested();
        SV_SECRET *value = NULL;

        says(204, "", "POST", PROVISION "?bytes=16");
        b.audit_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
        get_refused(&g, PATH, 503, "broker.audit");
        close(b.audit_fd);
        b.audit_fd = -1;
        versions_are(0);
        value = fetch(&g);
        assert_int_equal(sv_secret_size(value), 16);
}

/* Nobody who reads that it is made by its guest is deceived. */
static void administrators(void **state)
{
        GUEST g = begin_attested();
        SV_SECRET *value = NULL;
        SV_JSON *j = NULL;

        says(204, "", "POST", PROVISION "?bytes=32");
        says(409, "broker.resource.exists", "POST", PROVISION "?bytes=32");
        says(409, "broker.resource.provision", "POST", PUT);
        says(409, "broker.resource.provision", "POST", PUT "?new");
        says(204, "", "POST", SHOW "?label=a=b");
        value = fetch(&g);
        says(409, "broker.resource.exists", "POST", PROVISION "?bytes=32");
        says(409, "broker.resource.exists", "POST", PUT "?new");
        j = ask_json(SHOW);
        assert_int_equal(sv_json_int(sv_json_get(j, "provision"), 0), 32);
        says(204, "", "POST", PUT);
        sv_json_free(j);
        j = ask_json(SHOW);
        assert_null(sv_json_get(j, "provision"));
        assert_string_equal(sv_json_text(sv_json_get(j, "labels"), "a", ""), "b");
}

/* What was removed is not made anew: that would be another secret under its name. */
static void removed(void **state)
{
        GUEST g = begin_attested();
        SV_SECRET *value = NULL;

        says(204, "", "POST", PROVISION "?bytes=32");
        says(404, "broker.resource.none", "DELETE", PUT "?version=1");
        says(204, "", "DELETE", PUT);
        says(404, "broker.resource.none", "DELETE", PUT);
        get_refused(&g, PATH, 404, "broker.resource.none");
        says(204, "", "POST", PROVISION "?bytes=32");
        value = fetch(&g);
        says(204, "", "DELETE", PUT);
        get_refused(&g, PATH, 404, "broker.resource.none");
}

static void sizes(void **state)
{
        static const char *const wrong[] = {"",         "?bytes=15", "?bytes=8193",
                                            "?bytes=x", "?bytes=",   "?bytes=32&new"};

        assert_int_equal(SV_PROVISION_MIN, 16);
        assert_int_equal(SV_PROVISION_MAX, 8192);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                SV_STR target = sv_asprintf(PROVISION "%s", wrong[i]);

                says(400, "broker.query", "POST", target);
        }
        for (int i = 0; i < 2; i++) {
                GUEST g = begin_attested();
                SV_SECRET *value = NULL;

                says(204, "", "POST", i ? PROVISION "?bytes=8192" : PROVISION "?bytes=16");
                value = fetch(&g);
                assert_int_equal(sv_secret_size(value), i ? 8192 : 16);
                says(204, "", "DELETE", PUT);
        }
}

/* Nobody but its first guest ever has it. */
static void only_the_first(void **state)
{
        GUEST one = begin_attested(), two = begin_attested();
        SV_SECRET *value = NULL;

        says(204, "", "POST", PROVISION "?bytes=32&releases=1");
        value = fetch(&one);
        get_refused(&two, PATH, 401, "broker.release.spent");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(first_guest, empty),
                cmocka_unit_test_setup(several_at_once, empty),
                cmocka_unit_test_setup(not_recorded, empty),
                cmocka_unit_test_setup(administrators, empty),
                cmocka_unit_test_setup(removed, empty),
                cmocka_unit_test_setup(sizes, empty),
                cmocka_unit_test_setup(only_the_first, empty),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
