/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy says of a guest whose image brings its own ACPI tables. */
#include <unistd.h>

#include "base/core/file.h"
#include "policy/reference-make.h"
#include "sev/measure/measure.h"
#include "sev/tee.h"
#include "tests/unit/make_boot.h"
#include "tests/unit/unit.h"

static struct sv_err err;

/* Whose image brings its own tables says so in its policy, and then the verdict has no limit. */
static void acpi_rule(void **state)
{
        static const char *const parts[][2] = {{".acpi", "tables"}, {".linux", NULL}};
        char path[] = "/tmp/sv-image-XXXXXX";
        SV_FD fd = mkstemp(path);
        uint8_t k[UKI_SIZE];

        for (size_t n = 0; n < 2; n++) {
                SV_STR text =
                        sv_asprintf("{\"name\":\"g\",\"tee\":\"sev-snp\",\"uki\":\"%s\"}", path);
                struct sv_measurement m = {.values = sv_json_object()};
                SV_GUEST guest = {0};
                SV_JSON *rules = sv_json_array();
                SV_JSON *trust = sv_json_object();
                SV_JSON *left = sv_json_array(), *values = sv_json_object();
                const char *exposed = NULL;
                size_t found = 0;

                OK(sv_file_write(path, 0600, sv_bytes(k, make_uki(k, parts + n, 2 - n)), &err));
                OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/nonexistent", &guest, &err));
                sv_json_set_str(m.values, "launch_digest", "00");
                OK(sv_snp_rules(&guest, &m, rules, trust, &err));
                for (size_t i = 0; i < sv_json_len(rules); i++)
                        found += !strcmp(sv_json_str(sv_json_get(sv_json_at(rules, i), "check")),
                                         "policy.acpi");
                assert_int_equal(found, n == 0);
                OK(sv_reference_split(rules, sv_tee_measure_sev_snp.image_claims, left, values,
                                      &err));
                assert_int_equal(sv_json_len(values), n ? 1 : 2);
                assert_int_equal(sv_snp_exposure(&guest, &exposed, &err), n ? -1 : 0);
                assert_null(exposed);
                sv_measurement_free(&m);
        }
        unlink(path);
}

#define ALLOWS  "\"tees\":{\"sev-snp\":{\"allow_host_acpi\":true"
#define REFUSED "guest.sev-snp.allow_host_acpi"

/* Whose tables are the host's says so itself, or is refused with what cures it. */
static void exposure(void **state)
{
        static const struct {
                const char *members, *check, *says;
        } t[] = {
                {"\"kernel\":\"/k\"", REFUSED,
                 "`secure-vm image uki --out web.efi g.json` makes an image"},
                {"\"kernel\":\"/k\",\"tees\":{\"sev-snp\":{\"allow_host_acpi\":false}}", REFUSED,
                 "\"allow_host_acpi\": true in /tees/sev-snp"},
                {"\"kernel\":\"/k\"," ALLOWS "}}", NULL, "`secure-vm image uki`"},
                {"\"kernel\":\"/k\",\"tees\":{\"sev-snp\":{\"vmm\":\"ec2\"}}", REFUSED,
                 "no image of ours is for ec2"},
                {"\"kernel\":\"/k\"," ALLOWS ",\"vmm\":\"ec2\"}}", NULL, "ACPI"},
                {"\"kernel\":\"/k\",\"tees\":{\"sev-snp\":{\"igvm\":\"/i\"}}", NULL, NULL},
                {"\"uki\":\"/dev/null\"", REFUSED, "this \"uki\" has none of its own"},
                {"\"uki\":\"/nonexistent\"", "measure.kernel", "/nonexistent"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR text =
                        sv_asprintf("{\"name\":\"web\",\"tee\":\"sev-snp\",%s}", t[i].members);
                SV_GUEST guest = {0};
                const char *left = "";

                OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/nonexistent", &guest, &err));
                if (!t[i].check) {
                        OK(sv_snp_exposure(&guest, &left, &err));
                        assert_int_equal(left != NULL, t[i].says != NULL);
                        assert_true(!left || strstr(left, t[i].says));
                        continue;
                }
                FAILS(sv_snp_exposure(&guest, &left, &err), err.class, t[i].check);
                assert_null(left);
                assert_non_null(strstr(err.msg, t[i].says));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(acpi_rule), cmocka_unit_test(exposure)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
