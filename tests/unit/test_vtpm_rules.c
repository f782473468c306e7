/* SPDX-License-Identifier: Apache-2.0 */
/* A policy that does not bind what runs is refused, unless the guest file says that it is meant. */
#include <sys/stat.h>

#include "base/core/file.h"
#include "guest/guest.h"
#include "tee/localca.h"
#include "tests/unit/unit.h"
#include "vtpm/measure/rules.h"

static const char *const must[] = {"0", "4", "9"};

static void guest_of(const char *tees, struct sv_guest *g)
{
        struct sv_err err = SV_ERR_NULL;
        char text[256];

        snprintf(text, sizeof(text),
                 "{\"name\":\"g\",\"kernel\":\"k\"%s,\"attestation\":{\"url\":\"https://"
                 "h:1\",\"pin\":\"sha256:%064d\","
                 "\"ek_roots\":[\"/nonexistent/root.pem\"]}}",
                 tees, 0);
        OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/", g, &err));
}

/* All PCRs but one (NULL: all). */
static void measurement_without(const char *missing, struct sv_measurement *m)
{
        struct sv_json *bank, *row;

        *m = (struct sv_measurement){.values = sv_json_object(), .unpredicted = sv_json_array()};
        bank = sv_json_set(m->values, "sha256", sv_json_object());
        for (int pcr = 0; pcr < 10; pcr++) {
                char name[4], value[65];

                snprintf(name, sizeof(name), "%d", pcr);
                snprintf(value, sizeof(value), "%064d", pcr);
                if (!missing || strcmp(missing, name))
                        sv_json_set_str(bank, name, value);
        }
        if (!missing)
                return;
        row = sv_json_add(m->unpredicted, sv_json_object());
        sv_json_set_str(row, "name", missing);
        sv_json_set_str(row, "reason", "this build is not known");
}

static int rules(const char *missing, const char *tees, size_t *n, struct sv_err *err)
{
        SV_JSON *list = sv_json_array();
        SV_JSON *trust = sv_json_object();
        struct sv_measurement m;
        SV_GUEST g = {0};
        int r;

        guest_of(tees, &g);
        measurement_without(missing, &m);
        r = sv_vtpm_rules(&g, &m, list, trust, err);
        *n = sv_json_len(list);
        sv_measurement_free(&m);
        return r;
}

static void what_runs_must_be_bound(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        size_t n;

        for (size_t i = 0; i < 3; i++) {
                FAILS(rules(must[i], "", &n, &err), SV_USAGE, "vtpm.policy.unpredicted");
                assert_non_null(strstr(err.msg, "this build is not known"));
        }
        /* With all of them, and with one that does not say what runs missing, the next thing that
         * is looked at is the root's file. */
        assert_int_equal(rules(NULL, "", &n, &err), -1);
        assert_string_not_equal(err.check, "vtpm.policy.unpredicted");
        assert_int_equal(n, 10);
        assert_int_equal(rules("2", "", &n, &err), -1);
        assert_string_not_equal(err.check, "vtpm.policy.unpredicted");
        assert_int_equal(n, 9);
}

static void unless_the_guest_file_says_so(void **state)
{
        static const char *const bad[] = {"true",          "\"0\"",     "[\"1\"]", "[0]",
                                          "[\"0\",\"0\"]", "[[\"0\"]]", "{}"};
        struct sv_err err = SV_ERR_NULL;
        size_t n;

        assert_int_equal(
                rules("0", ",\"tees\":{\"vtpm\":{\"allow_unpredicted\":[\"9\",\"0\"]}}", &n, &err),
                -1);
        assert_string_not_equal(err.check, "vtpm.policy.unpredicted");
        assert_int_equal(n, 9);
        FAILS(rules("0", ",\"tees\":{\"vtpm\":{\"allow_unpredicted\":[]}}", &n, &err), SV_USAGE,
              "vtpm.policy.unpredicted");
        /* What was not named stays bound. */
        FAILS(rules("0", ",\"tees\":{\"vtpm\":{\"allow_unpredicted\":[\"4\",\"9\"]}}", &n, &err),
              SV_USAGE, "vtpm.policy.unpredicted");
        assert_non_null(strstr(err.msg, "\"allow_unpredicted\": [\"0\"]"));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                SV_STR tees =
                        sv_asprintf(",\"tees\":{\"vtpm\":{\"allow_unpredicted\":%s}}", bad[i]);

                FAILS(rules("0", tees, &n, &err), SV_USAGE, "guest.vtpm.allow_unpredicted");
                assert_non_null(strstr(err.msg, "each once"));
        }
        FAILS(rules("0", ",\"tees\":{\"vtpm\":{\"allow_unpredictd\":true}}", &n, &err), SV_USAGE,
              "guest.vtpm.unknown");
}

/* Nothing to require is no policy, even if all may lack. */
static void something_is_required(void **state)
{
        struct sv_measurement m = {.values = sv_json_object()};
        SV_JSON *list = sv_json_array();
        SV_JSON *trust = sv_json_object();
        SV_GUEST g = {0};
        struct sv_err err;

        guest_of(",\"tees\":{\"vtpm\":{\"allow_unpredicted\":[\"0\",\"4\",\"9\"]}}", &g);
        sv_json_set(m.values, "sha256", sv_json_object());
        FAILS(sv_vtpm_rules(&g, &m, list, trust, &err), SV_USAGE, "vtpm.measurement");
        sv_measurement_free(&m);
}

#define TPM_VECTORS "kbs/generated/tpm/"

/* The files of attestation.ek_roots: each is read, and one of them is a root. */
static void roots(void **state)
{
        SV_STR root = strdup(vector_path(TPM_VECTORS "swtpm_localca_root.pem"));
        SV_STR issuer = strdup(vector_path(TPM_VECTORS "swtpm_localca_issuer.pem"));
        SV_STR text = strdup(vector_path("MANIFEST.md"));
        const struct {
                char *files[2];
                enum sv_class class;
        } t[] = {
                {{root, issuer}, SV_OK},
                {{issuer, root}, SV_OK},
                {{issuer, issuer}, SV_USAGE},
                {{root, text}, SV_FORMAT},
                {{text, root}, SV_FORMAT},
                {{root, (char *)"/nonexistent/root.pem"}, SV_SYSTEM},
                {{(char *)"/nonexistent/root.pem", root}, SV_SYSTEM},
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_JSON *trust = sv_json_object();
                SV_JSON *digests = sv_json_array();
                char *files[2] = {t[i].files[0], t[i].files[1]};
                const struct sv_guest g = {.attestation = {.ek_roots = files, .n_ek_roots = 2}};

                if (t[i].class) {
                        FAILS(sv_vtpm_trust(&g, trust, digests, &err), t[i].class, "vtpm.ek-roots");
                        continue;
                }
                OK(sv_vtpm_trust(&g, trust, digests, &err));
                assert_int_equal(sv_json_len(sv_json_get(trust, "ek_roots")), 1);
                assert_int_equal(sv_json_len(sv_json_get(trust, "ek_intermediates")), 1);
                assert_int_equal(sv_json_len(digests), 1);
        }
}

/* Without attestation.ek_roots it is the maker that swtpm-localca's configuration names. */
static void roots_of_this_host(void **state)
{
        static const char *const files[] = {"swtpm-localca-rootca-cert.pem", "issuercert.pem"};
        static const char *const from[] = {"swtpm_localca_root.pem", "swtpm_localca_issuer.pem"};
        const struct sv_guest g = {.name = NULL};
        char dir[] = "/tmp/sv-localca-XXXXXX";
        const bool root = geteuid() == 0;
        struct sv_err err;

        assert_non_null(mkdtemp(dir));
        SV_STR conf = sv_asprintf("%s/swtpm-localca.conf", dir);
        SV_STR text = sv_asprintf("statedir = %s\n", dir);
        OK(sv_file_write(conf, 0644, sv_bytes_str(text), &err));
        assert_int_equal(chmod(dir, 0755), 0);
        setenv("XDG_CONFIG_HOME", dir, 1);
        for (int n = 0; n <= 2; n++) { /* how many of the two files there are */
                SV_JSON *trust = sv_json_object();
                SV_JSON *digests = sv_json_array();
                int r;

                if (n) {
                        SV_STR name = sv_asprintf(TPM_VECTORS "%s", from[n - 1]);
                        SV_STR path = sv_asprintf("%s/%s", dir, files[n - 1]);

                        OK(sv_file_copy(vector_path(name), path, 0644, &err));
                }
                /* root has the system's configuration only */
                assert_int_equal(root ? seteuid(65534) : 0, 0);
                r = sv_vtpm_trust(&g, trust, digests, &err);
                assert_int_equal(root ? seteuid(0) : 0, 0);
                assert_int_equal(r, n == 2 ? 0 : -1);
                if (n < 2)
                        assert_string_equal(err.check, "vtpm.ek-roots");
                assert_int_equal(sv_json_len(digests), n == 2);
                if (n < 2)
                        assert_int_equal(err.class, SV_USAGE);
        }
        unsetenv("XDG_CONFIG_HOME");
        OK(sv_remove_tree(dir, &err));
}

/* An ordinary user's: the own configuration counts when it is there. */
static void localca_of_a_user(void **state)
{
        char dir[] = "/tmp/sv-localca-XXXXXX";
        const bool root = geteuid() == 0;
        struct sv_err err;

        assert_non_null(mkdtemp(dir));
        SV_STR conf = sv_asprintf("%s/swtpm-localca.conf", dir);
        assert_int_equal(chmod(dir, 0755), 0);
        setenv("XDG_CONFIG_HOME", dir, 1);
        for (int own = 0; own < 2; own++) {
                SV_LOCALCA ca = {NULL};
                int r;

                if (own)
                        OK(sv_file_write(conf, 0644, sv_bytes_str("issuercert = /i.pem\n"), &err));
                assert_int_equal(root ? seteuid(65534) : 0, 0);
                r = sv_localca_find(&ca, "test", &err);
                assert_int_equal(root ? seteuid(0) : 0, 0);
                if (own) {
                        assert_int_equal(r, 0);
                        assert_string_equal(ca.conf, conf);
                        assert_string_equal(ca.issuer, "/i.pem");
                } else if (r == 0) {
                        assert_string_equal(ca.conf, "/etc/swtpm-localca.conf");
                } else { /* a host without swtpm */
                        assert_non_null(strstr(err.msg, "/etc/swtpm-localca.conf"));
                }
        }
        unsetenv("XDG_CONFIG_HOME");
        OK(sv_remove_tree(dir, &err));
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(what_runs_must_be_bound),
                                           cmocka_unit_test(unless_the_guest_file_says_so),
                                           cmocka_unit_test(something_is_required),
                                           cmocka_unit_test(roots),
                                           cmocka_unit_test(roots_of_this_host),
                                           cmocka_unit_test(localca_of_a_user)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
