/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile code in the place of a verification: it has read true evidence of its own guest, for its
 * own session, and claims to be another's. */
#include <sys/mman.h>

#include "broker/process/channel.h"
#include "broker/versions.h"

#include "tests/unit/broker_inside.h"
#include "tests/unit/put_policy.h"

#define KEYS 1000
#define VICTIM                                                                                     \
        "8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f" \
        "8f8f8f8f"
#define AMD "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd"

/* Members of the claims' object at this pointer. */
static const struct lie {
        const char *at, *member, *text;
        int truth; /* instead of a text: 0 or 1 */
} lies[] = {
        {"", "measurement", VICTIM, 0},
        {"", "host_data", "00", 0},
        {"", "chip_id", "00", 0},
        {"", "id_key_digest", "00", 0},
        {"/root", "amd", NULL, 1},
        {"/root", "sha256", AMD, 0},
        {"/policy_bits", "debug", NULL, 1},
        {"/floor", "tcb", "more", 0},
        {"/vek/tcb", "microcode", "255", 0},
        {"/limits", "configuration", NULL, 0},
        {"", "proven", NULL, 1},
};

static volatile int *lying; /* shared with the broker's processes: 0, or 1 and which */

static struct sv_json *lie_about(const struct sv_json *claims, const struct lie *l)
{
        struct sv_json *j = NULL;
        SV_BUF text = SV_BUF_NULL;

        sv_json_print(claims, &text);
        (void)!sv_json_parse(sv_buf_bytes(&text), "test", &j, NULL);
        if (l->text)
                sv_json_set_str(sv_json_pointer(j, l->at), l->member, l->text);
        else
                sv_json_set_bool(sv_json_pointer(j, l->at), l->member, l->truth);
        return j;
}

int __real_sv_put_tree(struct sv_buf *out, const struct sv_json *j, struct sv_err *err);
int __wrap_sv_put_tree(struct sv_buf *out, const struct sv_json *j, struct sv_err *err);
int __wrap_sv_put_tree(struct sv_buf *out, const struct sv_json *j, struct sv_err *err)
{
        SV_JSON *lie = *lying ? lie_about(j, &lies[*lying - 1]) : NULL;

        return __real_sv_put_tree(out, lie ? lie : j, err);
}

/* --- keys of another guest --- */

static void write_victims_policy(const char *path, struct sv_buf *out)
{
        SV_JSON *rules = sv_json_array(), *trust = sv_json_object();
        SV_BUF pem = SV_BUF_NULL;
        struct sv_err err;

        sv_json_set_str(sv_rule_add(rules, "policy.launch_digest", "/measurement", "executables",
                                    "what was launched"),
                        "equals", VICTIM);
        platform_read("ark.pem", &pem);
        sv_json_add(sv_json_set(trust, "ark_roots", sv_json_array()),
                    sv_json_new_str(sv_buf_str(&pem)));
        OK(sv_policy_write("victim", "sev-snp", path, rules, trust, out, &err));
}

static void store_keys(void)
{
        struct sv_err err;

        for (int i = 0; i < KEYS; i++) {
                SV_STR path = sv_asprintf("default/victim/k%d", i);
                struct sv_versions none = {0};
                SV_BUF policy = SV_BUF_NULL;

                write_victims_policy(path, &policy);
                OK(put_policy_text(b.store, path, sv_buf_bytes(&policy), 1, &err));
                OK(sv_version_add(&b, path, &none, sv_bytes_str(SECRET), 1, &err));
        }
}

/* --- the attack --- */

static int count_keys(const struct guest *g)
{
        int n = 0;

        for (int i = 0; i < KEYS; i++) {
                SV_STR target = sv_asprintf("/kbs/v0/resource/default/victim/k%d", i);
                SV_HTTP answer = {0};

                n += ask(&(struct ask){"GET", target, "Cookie", g->cookie, SV_BYTES_NULL, 0},
                         &answer) == 200;
        }
        return n;
}

static void claims_of_another(void **state)
{
        for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
                GUEST g = begin();
                int status, keys;

                *lying = (int)i + 1;
                status = attest(&g);
                *lying = 0;
                if (!i) {
                        keys = count_keys(&g);
                        print_message("%d of %d keys\n", keys, KEYS);
                        assert_int_equal(keys, 0);
                }
                if (status != 401 || (i && strcmp(seen_check, "tee.claims")))
                        fail_msg("%s/%s: %d %s", lies[i].at, lies[i].member, status, seen_check);
        }
}

/* Without a lie the same guest is attested, and gets its own key and no other. */
static void the_truth(void **state)
{
        GUEST g = begin();
        SV_HTTP answer = {0};

        assert_int_equal(attest(&g), 200);
        assert_int_equal(ask(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Cookie", g.cookie,
                                           SV_BYTES_NULL, 0},
                             &answer),
                         200);
        get_refused(&g, "default/victim/k1", 401, "policy.launch_digest");
}

/* A report that nobody signed, or another measurement under a true signature. */
static size_t changed;

static struct sv_json *forged_evidence(const uint8_t binding[48])
{
        return platform_changed_evidence(binding, changed);
}

static void forged_reports(void **state)
{
        static const size_t at[] = {0x90, 0xc0, 0x140, 0x2a0, 0x2e8}; /* fields, R, S */

        make_evidence = forged_evidence;
        for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
                GUEST g = begin();

                changed = at[i];
                assert_int_equal(attest(&g), 401);
                assert_string_equal(seen_check, "snp.signature");
                get_refused(&g, PATH, 401, "broker.session.token");
        }
        make_evidence = platform_evidence;
}

static int setup(void **state)
{
        void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        assert_ptr_not_equal(p, MAP_FAILED);
        lying = p;
        if (group_setup(state) < 0)
                return -1;
        put_policy(PATH);
        put_secret(PATH);
        store_keys();
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_truth),
                cmocka_unit_test(forged_reports),
                cmocka_unit_test(claims_of_another),
        };

        return cmocka_run_group_tests(tests, setup, group_teardown);
}
