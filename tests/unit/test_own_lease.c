/* SPDX-License-Identifier: Apache-2.0 */
/* Whose lease is ended when a guest was. The broker is two functions here. */
#include "launcher/cli/own-lease.h"
#include "tests/unit/unit.h"

#define OWN   "00112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100"

static struct sv_err err;
static const char *versions;
static const char *refusal;
static unsigned ended;
static char ended_volume[8];

int sv_admin_show_resource(struct sv_admin *a, const char *path, struct sv_json **out,
                           struct sv_err *e)
{
        return sv_json_parse(sv_bytes_str(versions), "test", out, e);
}

int sv_admin_end_lease(struct sv_admin *a, const char *path, const char *volume, struct sv_err *e)
{
        assert_non_null(volume);
        snprintf(ended_volume, sizeof(ended_volume), "%s", volume);
        ended++;
        return refusal ? sv_fail(e, SV_USAGE, refusal, "what the broker said") : 0;
}

static void ends_its_own_only(void **state)
{
        static const struct {
                const char *versions, *instance;
                unsigned ended;
        } t[] = {
                {"{\"versions\":[{\"volume\":\"v\",\"instance\":\"" OWN "\",\"lease\":9}]}", OWN,
                 1},
                {"{\"versions\":[{\"volume\":\"w\"},{\"volume\":\"v\",\"instance\":\"" OWN
                 "\",\"lease\":9}]}",
                 OWN, 1},
                {"{\"versions\":[{\"volume\":\"v\",\"instance\":\"" OTHER "\",\"lease\":9}]}", OWN,
                 0},
                {"{\"versions\":[{\"volume\":\"v\",\"instance\":\"" OTHER "\",\"lease\":9}]}", "",
                 0},
                {"{\"versions\":[{\"volume\":\"v\",\"lease\":9}]}", "", 0},
                {"{\"versions\":[{\"volume\":\"v\"}]}", OWN, 0},
                {"{\"versions\":[]}", OWN, 0},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                versions = t[i].versions;
                ended = 0;
                OK(sv_own_lease_end(NULL, "default/g/root", t[i].instance, &err));
                assert_int_equal(ended, t[i].ended);
                if (ended)
                        assert_string_equal(ended_volume, "v");
        }
}

static void says_what_the_broker_says(void **state)
{
        versions = "{\"versions\":[{\"volume\":\"v\",\"instance\":\"" OWN "\",\"lease\":9}]}";
        refusal = "disk.lease"; /* it has ended by itself */
        OK(sv_own_lease_end(NULL, "default/g/root", OWN, &err));
        refusal = "broker.admin";
        FAILS(sv_own_lease_end(NULL, "default/g/root", OWN, &err), SV_USAGE, "broker.admin");
        refusal = NULL;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ends_its_own_only),
                cmocka_unit_test(says_what_the_broker_says),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
