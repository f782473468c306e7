/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's status says of it from its launch on. */
#include "base/json/json.h"
#include "launcher/keeper/status.h"
#include "tests/unit/unit.h"

static struct sv_err err;

static void put(const char *text, struct sv_json **status)
{
        SV_GUEST g = {0};

        OK(sv_guest_parse(sv_bytes_str(text), "/f/g.json", "/f", &g, &err));
        *status = sv_json_object();
        sv_status_put_guest(*status, &g);
}

static void assert_value(const struct sv_json *status, const char *pointer, const char *expected)
{
        SV_BUF text = SV_BUF_NULL;

        sv_json_print(sv_json_pointer(status, pointer), &text);
        assert_string_equal(sv_buf_str(&text), expected);
}

static void whole_guest(void **state)
{
        SV_JSON *j = NULL;

        put("{\"name\":\"web\",\"kernel\":\"k\",\"memory\":\"512MiB\",\"vcpus\":3,"
            "\"disks\":[{\"path\":\"r\"},{\"path\":\"/d\",\"id\":\"data\",\"readonly\":true}],"
            "\"nics\":[{\"type\":\"bridge\",\"source\":\"b\",\"mac\":\"52:54:00:00:00:01\"},"
            "{\"type\":\"user\",\"forward\":[{\"port\":2222,\"to\":22}]}],"
            "\"attestation\":{\"url\":\"https://b:1\",\"ca\":\"ca.pem\"}}",
            &j);
        assert_value(j, "/name", "\"web\"");
        assert_value(j, "/guest_file", "\"/f/g.json\"");
        assert_value(j, "/memory", "536870912");
        assert_value(j, "/vcpus", "3");
        assert_value(j, "/disks",
                     "[{\"id\":\"root\",\"path\":\"/f/r\",\"readonly\":false,\"encrypted\":true,"
                     "\"verity\":false},{\"id\":\"data\",\"path\":\"/d\",\"readonly\":true,"
                     "\"encrypted\":false,\"verity\":false}]");
        assert_value(j, "/nics/0",
                     "{\"type\":\"bridge\",\"source\":\"b\",\"mac\":\"52:54:00:00:00:01\","
                     "\"forward\":[]}");
        assert_value(j, "/nics/1/forward",
                     "[{\"protocol\":\"tcp\",\"address\":\"127.0.0.1\",\"port\":2222,\"to\":22}]");
        assert_int_equal(strlen(sv_json_str(sv_json_pointer(j, "/nics/1/mac"))), 17);
        assert_value(j, "/attestation",
                     "{\"url\":\"https://b:1\",\"resource\":\"default/web/root\",\"lease\":900}");
}

static void least_guest(void **state)
{
        SV_JSON *j = NULL;

        put("{\"name\":\"a\",\"kernel\":\"k\"}", &j);
        assert_value(j, "/disks", "[]");
        assert_value(j, "/nics/0/type", "\"user\"");
        assert_null(sv_json_get(j, "attestation"));
        assert_int_equal(strlen(sv_json_str(sv_json_get(j, "guest_sha256"))), 64);
}

/* Half of the lease is what a guest may have used before it was paused. */
static void lease(void **state)
{
        static const struct {
                const char *status;
                int64_t now;
                bool doubtful;
        } rows[] = {
                {"{\"paused\":1000,\"attestation\":{\"lease\":900}}", 1449, false},
                {"{\"paused\":1000,\"attestation\":{\"lease\":900}}", 1450, true},
                {"{\"paused\":1000,\"attestation\":{\"lease\":0}}", 99999, false},
                {"{\"paused\":1000,\"attestation\":{}}", 99999, false},
                {"{\"attestation\":{\"lease\":900}}", 99999, false},
                {"{\"paused\":1000}", 99999, false},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                SV_JSON *j = NULL;

                OK(sv_json_parse(sv_bytes_str(rows[i].status), "test", &j, &err));
                assert_int_equal(sv_status_lease_doubtful(j, rows[i].now), rows[i].doubtful);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whole_guest),
                cmocka_unit_test(least_guest),
                cmocka_unit_test(lease),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
