/* SPDX-License-Identifier: Apache-2.0 */
/* Does the policy know who makes the target's vTPMs? The broker is a text here. */
#include "base/core/buf.h"
#include "base/core/file.h"
#include "launcher/cli/move-broker.h"
#include "launcher/cli/own-lease.h"
#include "tests/unit/unit.h"

#define CERTIFICATE "kbs/generated/tpm/swtpm_localca_root.pem"

static struct sv_err err;
static struct sv_buf policy, pem;

int sv_admin_get_policy(struct sv_admin *a, const char *path, struct sv_buf *document,
                        struct sv_err *e)
{
        assert_string_equal(path, "default/g/root");
        sv_buf_put(document, sv_buf_bytes(&policy));
        return 0;
}

void sv_admin_free(struct sv_admin *a)
{
}

int sv_admin_choose(const struct sv_args *args, const char *pin, struct sv_broker_entry *out,
                    struct sv_err *e)
{
        return 0;
}

int sv_admin_from_args(const struct sv_args *args, const char *pin, struct sv_admin **out,
                       struct sv_err *e)
{
        return 0;
}

void sv_broker_entry_free(struct sv_broker_entry *e)
{
}

int sv_own_lease_end(struct sv_admin *a, const char *resource, const char *instance,
                     struct sv_err *e)
{
        return 0;
}

/* A policy that trusts these certificates. */
static void trust(const char *roots)
{
        SV_JSON *doc = sv_json_object();
        struct sv_json *list, *t;
        SV_JSON *rules = NULL;

        sv_json_set_int(doc, "version", 1);
        sv_json_set_str(doc, "guest", "g");
        sv_json_set_str(doc, "tee", "vtpm");
        sv_json_set_str(doc, "resource", "default/g/root");
        t = sv_json_set(doc, "trust", sv_json_object());
        list = sv_json_set(t, "ek_roots", sv_json_array());
        if (roots)
                sv_json_add(list, sv_json_new_str(roots));
        OK(sv_json_parse(sv_bytes_str("[{\"check\":\"policy.a\",\"claim\":\"/a\",\"equals\":\"b\","
                                      "\"covers\":\"executables\",\"reason\":\"it is\"}]"),
                         "test", &rules, &err));
        sv_json_set(doc, "rules", sv_json_ref(rules));
        sv_buf_clear(&policy);
        sv_json_print(doc, &policy);
}

static void asks_for_the_authority(void **state)
{
        struct sv_move_broker b = {NULL};
        SV_JSON *facts = NULL, *none = sv_json_object();

        OK(sv_json_parse(sv_bytes_str("{\"attestation\":{\"resource\":\"default/g/root\"}}"),
                         "test", &facts, &err));
        trust(sv_buf_str(&pem));
        OK(sv_move_broker_ask(&b, facts, sv_buf_str(&pem), &err));
        FAILS(sv_move_broker_ask(&b, facts, "", &err), SV_POLICY, "move.authority");
        trust(NULL);
        FAILS(sv_move_broker_ask(&b, facts, sv_buf_str(&pem), &err), SV_POLICY, "move.authority");
        trust("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        FAILS(sv_move_broker_ask(&b, facts, sv_buf_str(&pem), &err), SV_POLICY, "move.authority");
        FAILS(sv_move_broker_ask(&b, facts, "no certificate", &err), SV_FORMAT, "move.authority");
        OK(sv_move_broker_ask(&b, facts, NULL, &err)); /* without a vTPM */
        OK(sv_move_broker_ask(&b, none, "", &err));    /* without a key to ask for */
}

static int read_authority(void **state)
{
        return sv_file_read(vector_path(CERTIFICATE), 1 << 16, &pem, "test", &err);
}

static int forget_authority(void **state)
{
        sv_buf_free(&pem);
        sv_buf_free(&policy);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(asks_for_the_authority),
        };

        return cmocka_run_group_tests(tests, read_authority, forget_authority);
}
