/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of resources: no key of a disk is replaced or removed without its volume's name, a guest
 * gets the key of the disk that it has, and the broker makes another one. */
#include "tests/unit/broker_inside.h"

#include <sys/mman.h>

#include "base/core/encoding.h"
#include "broker/versions.h"
#include "luks/crypt.h"
#include "luks/header.h"
#include "luks/rekey.h"

#define TARGET "/kbs/v0/resource/" PATH

static struct sv_err err;

/* A disk in memory, as image encrypt makes it. */
struct disk {
        struct sv_buf head;
        struct sv_secret *key, *resource;
        struct sv_binding binding;
        char hex[97];
};

static void make_disk(struct disk *d)
{
        SV_FD fd = memfd_create("disk", 0);
        SV_FD zero = open("/dev/zero", O_RDONLY);

        *d = (struct disk){.key = sv_secret_random(SV_DISK_KEY_SIZE, &err)};
        OK(sv_luks_encrypt(&(struct sv_luks_in){sv_source_file(zero, 0, 4096), fd, NULL}, d->key,
                           &err));
        OK(pread(fd, sv_buf_grow(&d->head, SV_LUKS_HEAD_SIZE), SV_LUKS_HEAD_SIZE, 0) < 0 ? -1 : 0);
        OK(sv_binding_of(sv_buf_bytes(&d->head), &d->binding, &err));
        d->resource = sv_binding_pack(&d->binding, d->key, &err);
        assert_non_null(d->resource);
        sv_hex(sv_bytes(d->binding.header_digest, 48), d->hex);
}

static void free_disk(struct disk *d)
{
        sv_buf_free(&d->head);
        sv_secret_free(d->key);
        sv_secret_free(d->resource);
}
#define DISK __attribute__((cleanup(free_disk))) struct disk

static struct sv_bytes value_of(const struct disk *d)
{
        return sv_bytes(sv_secret_reveal(d->resource), sv_secret_size(d->resource));
}

/* One request of the administrator: its status, and the check in seen_check. */
static void does(int status, const char *check, const char *method, const char *target,
                 const char *query, struct sv_bytes body)
{
        SV_STR whole = sv_asprintf("%s%s", target, query);
        int found = administer(method, whole, body);

        assert_string_equal(seen_check, check);
        assert_int_equal(found, status);
}

static void puts_value(int status, const char *check, const char *query, struct sv_bytes body)
{
        does(status, check, "POST", TARGET, query, body);
}

static void removes(int status, const char *check, const char *query)
{
        does(status, check, "DELETE", TARGET, query, SV_BYTES_NULL);
}

static size_t count(void)
{
        SV_VERSIONS v = {0};

        OK(sv_versions_read(&b, PATH, &v, &err));
        return v.n;
}

static int empty(void **state)
{
        SV_JSON *list = sv_json_array();

        OK(b.store->ops->list_versions(b.store, PATH, list, &err));
        for (size_t i = 0; i < sv_json_len(list); i++)
                OK(b.store->ops->delete_resource(
                        b.store, PATH, sv_json_int(sv_json_get(sv_json_at(list, i), "version"), 0),
                        &err));
        return 0;
}

static void plain_secrets(void **state)
{
        SV_SECRET *value = NULL;

        puts_value(204, "", "?new", sv_bytes_str("one"));
        puts_value(409, "broker.resource.exists", "?new", sv_bytes_str("two"));
        put_secret(PATH);
        assert_int_equal(count(), 2);
        value = sv_version_open(&b, PATH, 1, &err);
        assert_memory_equal(sv_secret_reveal(value), "one", 3);
        puts_value(400, "broker.query", "?old", sv_bytes_str("three"));
        puts_value(409, "broker.resource.volume", "?volume=x", sv_bytes_str("three"));
        removes(404, "broker.resource.none", "?version=3");
        removes(204, "", "?version=1");
        assert_null(sv_version_open(&b, PATH, 1, &err));
        assert_string_equal(err.check, "broker.resource.none");
        puts_value(204, "", "", sv_bytes_str("three"));
        removes(204, "", "");
        assert_int_equal(count(), 0);
        removes(404, "broker.resource.none", "");
        removes(400, "broker.query", "?path=x");
}

static void as_many_as_are_kept(void **state)
{
        for (int i = 0; i < SV_VERSIONS_MAX; i++)
                puts_value(204, "", "", sv_bytes_str("x"));
        puts_value(404, "broker.resource.versions", "", sv_bytes_str("x"));
        removes(204, "", "?version=1");
        puts_value(204, "", "", sv_bytes_str("x"));
}

static void disks(void **state)
{
        DISK one, two;

        make_disk(&one);
        make_disk(&two);

        SV_STR first = sv_asprintf("?volume=%s", one.binding.uuid);
        SV_STR second = sv_asprintf("?volume=%s", two.binding.uuid);
        SV_STR version = sv_asprintf("?version=1&volume=%s", two.binding.uuid);
        SV_STR zero = sv_asprintf("%s&version=0", first);
        SV_STR digits = sv_asprintf("%s&version=%030d", first, 1);
        SV_STR longer =
                sv_asprintf("?volume=%s%s%s", one.binding.uuid, one.binding.uuid, one.binding.uuid);
        SV_STR empty = sv_asprintf("%s&except=", first);
        SV_STR absent = sv_asprintf("%s&except=99", first);

        puts_value(204, "", "?new", value_of(&one));
        /* neither another secret nor another disk, nor a removal, without its name */
        puts_value(409, "broker.resource.volume", "", sv_bytes_str("x"));
        puts_value(409, "broker.resource.volume", "", value_of(&two));
        puts_value(409, "broker.resource.volume", second, value_of(&two));
        puts_value(409, "broker.resource.volume", first, sv_bytes_str("x"));
        removes(409, "broker.resource.volume", "");
        removes(409, "broker.resource.volume", "?version=1");
        removes(404, "broker.resource.none", second);
        /* what cannot be taken as it is never means "all" */
        removes(400, "broker.query", zero);
        removes(400, "broker.query", digits);
        removes(400, "broker.query", longer);
        removes(400, "broker.query", empty);
        removes(404, "broker.resource.none", absent);
        assert_int_equal(count(), 1);
        /* with its name: beside it */
        puts_value(204, "", first, value_of(&two));
        assert_int_equal(count(), 2);
        removes(404, "broker.resource.none", version);
        removes(204, "", first);
        assert_int_equal(count(), 1);
        removes(204, "", second);
        assert_int_equal(count(), 0);
}

/* What a guest gets that says which header its disk has (NULL: says nothing). */
static void gets(const char *header, const struct disk *expected)
{
        SV_STR target =
                sv_asprintf("%s%s%s", TARGET, header ? "?header=" : "", header ? header : "");
        SV_HTTP answer = {0};
        SV_SECRET *found = NULL;
        GUEST g = begin();

        assert_int_equal(attest(&g), 200);
        assert_int_equal(
                ask(&(struct ask){"GET", target, "Cookie", g.cookie, SV_BYTES_NULL, 0}, &answer),
                200);
        found = sv_jwe_open(g.key, sv_buf_bytes(&answer.body), &err);
        assert_non_null(found);
        assert_true(sv_bytes_eq(sv_bytes(sv_secret_reveal(found), sv_secret_size(found)),
                                value_of(expected)));
}

static void key_of_the_disk(void **state)
{
        DISK one, two, other;

        make_disk(&one);
        make_disk(&two);
        make_disk(&other);

        SV_STR over = sv_asprintf("?volume=%s", one.binding.uuid);

        put_policy(PATH);
        puts_value(204, "", "", value_of(&one));
        puts_value(204, "", over, value_of(&two));
        gets(one.hex, &one);
        gets(two.hex, &two);
        gets(NULL, &two);
        gets(other.hex, &two);
        gets("xyz", &two);
        removes(204, "", over);
        gets(one.hex, &two);

        GUEST g = begin();

        assert_int_equal(attest(&g), 200);
        get_refused(&g, PATH "?volume=x", 400, "broker.query");
}

static void shows(const struct disk *d, size_t n)
{
        SV_HTTP answer = {0};
        SV_JSON *j = NULL;

        assert_int_equal(
                administer_for("GET", "/secure-vm/v0/resource/" PATH, SV_BYTES_NULL, &answer), 200);
        OK(sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, &err));
        assert_int_equal(sv_json_len(sv_json_get(j, "versions")), n);
        if (!d)
                return;
        assert_string_equal(sv_json_str(sv_json_pointer(j, "/versions/0/volume")), d->binding.uuid);
        assert_string_equal(sv_json_str(sv_json_pointer(j, "/versions/0/header")), d->hex);
        assert_null(memmem(answer.body.p, answer.body.n, sv_secret_reveal(d->key), 8));
}

static void rekeyed(void **state)
{
        SV_HTTP answer = {0};
        SV_VERSIONS v = {0};
        SV_SECRET *now = NULL;
        SV_SECRET *key = NULL;
        struct sv_binding binding;
        DISK one, other;

        make_disk(&one);
        make_disk(&other);
        shows(NULL, 0);
        puts_value(204, "", "", value_of(&one));
        shows(&one, 1);
        does(404, "broker.rekey.none", "POST", "/secure-vm/v0/rekey/" PATH, "",
             sv_buf_bytes(&other.head));
        does(400, "luks.header.magic", "POST", "/secure-vm/v0/rekey/" PATH, "",
             sv_bytes(other.head.p + 4096, SV_LUKS_HEAD_SIZE - 4096));
        assert_int_equal(count(), 1);
        assert_int_equal(administer_for("POST", "/secure-vm/v0/rekey/" PATH,
                                        sv_buf_bytes(&one.head), &answer),
                         200);
        OK(sv_luks_same_volume(sv_buf_bytes(&one.head), sv_buf_bytes(&answer.body), &err));
        FAILS(sv_luks_same_volume(sv_buf_bytes(&other.head), sv_buf_bytes(&answer.body), &err),
              SV_PROOF, "luks.rekey.volume");
        OK(sv_versions_read(&b, PATH, &v, &err));
        assert_int_equal(v.n, 2);
        now = sv_version_open(&b, PATH, v.list[0].number, &err);
        OK(sv_binding_unpack(now, &binding, &key, &err));
        OK(sv_binding_check(&binding, sv_buf_bytes(&answer.body), &err));
        assert_string_equal(binding.uuid, one.binding.uuid);
        /* The new key opens the new header, the old one does not. */
        SV_BUF again = SV_BUF_NULL;

        OK(sv_luks_rekey(sv_buf_bytes(&answer.body), key, one.key, &again, &err));
        sv_buf_clear(&again);
        FAILS(sv_luks_rekey(sv_buf_bytes(&answer.body), one.key, key, &again, &err), SV_PROOF,
              "luks.key");

        SV_STR older = sv_asprintf("?volume=%s&except=2", one.binding.uuid);

        removes(204, "", older);
        assert_int_equal(count(), 1);
        assert_null(sv_version_open(&b, PATH, 1, &err));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(plain_secrets, empty),
                cmocka_unit_test_setup(as_many_as_are_kept, empty),
                cmocka_unit_test_setup(disks, empty),
                cmocka_unit_test_setup(key_of_the_disk, empty),
                cmocka_unit_test_setup(rekeyed, empty),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
