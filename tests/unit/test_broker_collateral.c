/* SPDX-License-Identifier: Apache-2.0 */
/* A broker that may fetch: SNP evidence without certificates, its VCEK, chain and list from a
 * mirror, from the cache, from a folder. The platform, its keys and its certificates are the
 * simulator's; the broker is a process of its own, the mirror another. */
#include <sys/wait.h>

#include "tee/measure.h"
#include "tests/unit/evidence.h"
#include "base/core/encoding.h"
#include "tests/unit/guest_policy.h"
#include "tests/unit/makers.h"

#include "attest/kbs/admin-client.h"
#include "attest/fetch/fetch.h"
#include "attest/kbs/client.h"
#include "broker/broker.h"

#define PATH "default/demo/root"

static char dir[64];
static uint8_t pin[32];
static struct makers mirror;
static struct sv_tls_ctx *tls;

/* --- the broker --- */

struct broker {
        pid_t pid;
        char url[64];
        struct sv_admin *admin;
};

static struct broker start(const char *collateral)
{
        SV_STR port = sv_asprintf("%s/b/port", dir);
        SV_STR config = sv_asprintf("%s/b/config.json", dir);
        SV_STR key = sv_asprintf("%s/b/admin.key", dir);
        char hex[65], pin_text[80];
        struct broker b = {0};
        SV_BUF text = SV_BUF_NULL;
        SV_BUF port_text = SV_BUF_NULL;
        SV_JSON *j = NULL;
        SV_JSON *member = NULL;
        struct sv_err err;

        platform_read("b/config.first", &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &j, &err));
        if (collateral) {
                OK(sv_json_parse(sv_bytes_str(collateral), "test", &member, &err));
                sv_json_set(j, "collateral", sv_json_ref(member));
        }
        sv_buf_clear(&text);
        sv_json_print(j, &text);
        platform_write("b/config.json", sv_buf_bytes(&text));
        unlink(port);
        b.pid = fork();
        if (b.pid == 0) {
                struct sv_broker run = {.audit_fd = -1};

                setenv("no_proxy", "127.0.0.1", 1);
                if (!freopen("/dev/null", "w", stderr))
                        _exit(9);
                _exit(sv_broker_open(config, &run, &err) < 0 || sv_broker_serve(&run, &err) < 0
                              ? 1
                              : 0);
        }
        WAIT_UNTIL(access(port, F_OK) == 0, PATIENCE, "the broker does not listen: there is no %s",
                   port);
        platform_read("b/port", &port_text);
        snprintf(b.url, sizeof(b.url), "https://127.0.0.1:%d", atoi(sv_buf_str(&port_text)));
        snprintf(pin_text, sizeof(pin_text), "sha256:%s", sv_hex(sv_bytes(pin, 32), hex));
        OK(sv_admin_open(b.url, pin_text, key, &b.admin, &err));
        return b;
}

static void stop(struct broker *b)
{
        int status;

        sv_admin_free(b->admin);
        kill(b->pid, SIGTERM);
        assert_int_equal(waitpid(b->pid, &status, 0), b->pid);
}

static void put_policy(struct broker *b)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        write_policy(sv_tee_sev_snp.name, PATH, &text);
        OK(sv_admin_put_policy(b->admin, PATH, sv_buf_bytes(&text), &err));
}

static int attest(struct broker *b, bool *retryable, struct sv_err *err)
{
        SV_KBS_CLIENT *c = NULL;
        SV_JSON *evidence = NULL;
        uint8_t binding[48];
        int r;

        if (sv_kbs_client_new(b->url, tls, &c, err) < 0 ||
            sv_kbs_auth(c, sv_tee_sev_snp.kbs_name, NULL, err) < 0 ||
            sv_kbs_binding(c, binding, err) < 0)
                return -1;
        evidence = platform_evidence(binding);
        r = sv_kbs_attest(c, evidence, err);
        *retryable = sv_kbs_retryable(c);
        return r;
}

/* The newest. */
static char *read_noted(struct broker *b)
{
        SV_JSON *all = NULL;
        const struct sv_json *list;
        const char *found = NULL;
        struct sv_err err;

        OK(sv_admin_audit(b->admin, 0, &all, &err));
        list = sv_json_get(all, "audit");
        for (size_t i = 0; i < sv_json_len(list); i++)
                if (!strcmp(sv_json_str(sv_json_get(sv_json_at(list, i), "action")), "attest"))
                        found = sv_json_str(sv_json_get(sv_json_at(list, i), "collateral"));
        return found ? sv_asprintf("%s", found) : NULL;
}

static void audit_says(struct broker *b, const char *collateral)
{
        SV_STR found = read_noted(b);

        if (collateral)
                assert_string_equal(found, collateral);
        else
                assert_null(found);
}

/* What proved a guest a moment ago another one gets without a look: then the record says so. */
static void audit_repeats(struct broker *b, const char *collateral)
{
        SV_STR found = read_noted(b);

        assert_non_null(found);
        assert_string_equal(found + (strncmp(found, "recent: ", 8) ? 0 : 8), collateral);
}

/* --- tests --- */

static unsigned asked(void)
{
        return makers_shared->asked[MAKERS_PATHS];
}

static void without(void **state)
{
        struct broker b = start(NULL);
        struct sv_err err;
        bool again;

        put_policy(&b);
        FAILS(attest(&b, &again, &err), SV_PROOF, "snp.vek.missing");
        assert_false(again);
        audit_says(&b, NULL);
        assert_int_equal(asked(), 0);
        stop(&b);
}

/* Fetched once for the first guest; the second, and one of another broker process, are served from
 * the cache. */
static void from_mirror(void **state)
{
        SV_STR member =
                sv_asprintf("{\"fetch\":true,\"mirror\":\"http://127.0.0.1:%u\"}", mirror.port);
        struct broker b = start(member);
        struct sv_err err;
        bool again;

        put_policy(&b);
        OK(attest(&b, &again, &err));
        audit_says(&b, "vek network, ca network, crl network");
        assert_int_equal(asked(), 3);
        stop(&b);
        b = start(member);
        OK(attest(&b, &again, &err));
        audit_says(&b, "vek cache, ca cache, crl cache");
        OK(attest(&b, &again, &err));
        audit_repeats(&b, "vek cache, ca cache, crl cache");
        assert_int_equal(asked(), 3);
        stop(&b);
}

/* A certificate, but another one, under the chip's URL, never verified: as if a mirror had answered
 * wrongly last week. */
static int make_wrong(void *arg, const struct sv_entry *e, struct sv_err *unused)
{
        SV_ENTRY wrong = {.url = sv_asprintf("%s", e->url),
                          .kind = "vek",
                          .refresh = SV_NEVER,
                          .until = SV_NEVER,
                          .fetched = e->fetched - 7 * 86400};
        struct sv_err err;

        if (strcmp(e->kind, "vek"))
                return 0;
        platform_read("ask.pem", &wrong.body);
        OK(sv_cache_put(arg, &wrong, &err));
        return 0;
}

static void poisoned(void **state)
{
        SV_STR member = sv_asprintf("{\"fetch\":true,\"mirror\":[\"other.example=http://"
                                    "127.0.0.1:1\",\"http://127.0.0.1:%u\"]}",
                                    mirror.port);
        SV_STR cache = sv_asprintf("%s/b/collateral", dir);
        struct broker b = start(member);
        unsigned before = asked();
        struct sv_err err;
        bool again;

        OK(sv_cache_each(cache, make_wrong, cache, &err));
        OK(attest(&b, &again, &err));
        audit_says(&b, "vek network, ca cache, crl cache");
        assert_int_equal(asked() - before, 1);
        stop(&b);
}

static void from_folder(void **state)
{
        SV_STR full = sv_asprintf("{\"offline\":\"%s/folder\"}", dir);
        SV_STR crl = sv_asprintf("%s/folder/vcek/%s/crl.der", dir, pki.product->name);
        SV_STR empty = sv_asprintf("{\"offline\":\"%s/b\"}", dir);
        struct broker b = start(full);
        unsigned before = asked();
        struct sv_err err;
        bool again;

        OK(attest(&b, &again, &err));
        audit_says(&b, "vek offline, ca offline, crl offline");
        assert_int_equal(unlink(crl), 0);
        stop(&b);
        b = start(full);
        OK(attest(&b, &again, &err));
        audit_says(&b, "vek offline, ca offline, crl absent");
        stop(&b);
        b = start(empty);
        FAILS(attest(&b, &again, &err), SV_SYSTEM, "collateral.offline");
        /* the folder may be filled meanwhile: a guest that asks again is right */
        assert_true(again);
        assert_int_equal(asked(), before);
        stop(&b);
}

/* What cannot work is said when the broker starts. */
static void at_the_start(void **state)
{
        static const char *const members[] = {"{\"offline\":\"nowhere\"}",
                                              "{\"offline\":\"config.json\"}",
                                              "{\"fetch\":true,\"mirror_ca\":\"nowhere\"}"};
        SV_STR path = sv_asprintf("%s/b/wrong.json", dir);
        struct sv_err err;

        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
                SV_BROKER b = {.audit_fd = -1};
                SV_STR text = sv_asprintf("{\"collateral\":%s}", members[i]);

                platform_write("b/wrong.json", sv_bytes_str(text));
                FAILS(sv_broker_open(path, &b, &err), SV_USAGE, "broker.config.collateral");
        }
}

static int group_setup(void **state)
{
        SV_STR tree = NULL;
        SV_STR b = NULL;
        SV_BUF config = SV_BUF_NULL;
        struct sv_err err;

        snprintf(dir, sizeof(dir), "/tmp/sv-brokercoll-XXXXXX");
        assert_non_null(mkdtemp(dir));
        platform_make(dir);
        tree = sv_asprintf("%s/mirror", dir);
        makers_tree = tree;
        mirror = makers_start(dir, NULL, 0);
        b = sv_asprintf("%s/b", dir);
        OK(sv_broker_init(b, "127.0.0.1:0", NULL, NULL, pin, &err));
        platform_read("b/config.json", &config);
        platform_write("b/config.first", sv_buf_bytes(&config));
        tls = sv_tls_client(sv_bytes(pin, 32), NULL, &err);
        return tls ? 0 : -1;
}

static int group_teardown(void **state)
{
        makers_stop(&mirror);
        platform_free();
        sv_tls_ctx_free(tls);
        return sv_remove_tree(dir, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without),      cmocka_unit_test(from_mirror),
                cmocka_unit_test(poisoned),     cmocka_unit_test(from_folder),
                cmocka_unit_test(at_the_start),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
