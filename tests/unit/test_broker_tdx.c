/* SPDX-License-Identifier: Apache-2.0 */
/* From a guest file to the key and back, with TDX: the policy that the row writes for the guest, a
 * broker of its own process with Intel's collateral in a folder, and a guest whose kernel hands out
 * quotes and whose firmware kept an event log. The platform is the simulator's. */
#include "base/core/encoding.h"
#include "base/core/text.h"
#include "tests/unit/tsm_kernel.h"

#include "tests/unit/broker_process.h"

#include "attest/kbs/admin-client.h"
#include "attest/kbs/client.h"
#include "broker/broker.h"
#include "policy/policy.h"
#include "tdx/guest/attester.h"
#include "tdx/measure/measure.h"
#include "tdx/tee.h"
#include "tdx/verify/tee.h"
#include "tests/teesim/intelpki.h"
#include "tests/teesim/td_state.h"

#define PATH   "default/demo/root"
#define SECRET "TOPSECRET-0123456789abcdefghijklmnopqrstuvwxyz"

#define DAY 86400

static uint8_t pin[32];
static struct sv_admin *admin;
static struct sv_tls_ctx *tls;

/* --- the TD: what is in its registers, and its firmware's log --- */

static struct {
        struct intel_signer signer;
        struct sv_json *state;
        uint8_t rtmr[4][INTEL_MR];
} td;

static void put_event(struct sv_buf *log, unsigned index, const uint8_t digest[48])
{
        sv_buf_u32le(log, index);
        sv_buf_u32le(log, 0x80000001); /* EV_EFI_VARIABLE_DRIVER_CONFIG */
        sv_buf_u32le(log, 1);
        sv_buf_u16le(log, 0x0c);
        sv_buf_put(log, sv_bytes(digest, 48));
        sv_buf_u32le(log, 0);
}

/* One event in each of RTMR0 to RTMR2; RTMR3 zero. */
static void boot(const char *attributes_state)
{
        SV_STR path = sv_asprintf("%s/guest" SV_TDX_CCEL, dir);
        SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);
        SV_BUF log = SV_BUF_NULL;
        struct sv_err err;

        sv_json_free(td.state);
        OK(sv_json_parse(sv_bytes_str(attributes_state), "state", &td.state, &err));
        sv_buf_u32le(&log, 1); /* the header: an event of the old form */
        sv_buf_u32le(&log, 3);
        memset(sv_buf_grow(&log, 20), 0, 20);
        sv_buf_u32le(&log, 33);
        sv_buf_put(&log, sv_bytes("Spec ID Event03\0\0\0\0\0\0\2\0\2\1\0\0\0\x0c\0\x30\0", 33));
        memset(td.rtmr, 0, sizeof(td.rtmr));
        for (unsigned i = 0; i < 3; i++) {
                uint8_t both[96] = {0}, digest[48];

                memset(digest, 0x40 + (int)i, sizeof(digest));
                memcpy(both + 48, digest, 48);
                OK(sv_digest(SV_SHA384, sv_bytes(both, 96), td.rtmr[i], &err));
                put_event(&log, i + 1, digest);
        }
        memset(sv_buf_grow(&log, 64), 0xff, 64); /* the rest of the area */
        OK(sv_mkdirs(folder, 0700, &err));
        OK(sv_file_write(path, 0600, sv_buf_bytes(&log), &err));
}

static void sign(const uint8_t *inblob, size_t n, int privlevel, struct sv_buf *out)
{
        struct intel_quote q = {.version = 4,
                                .type = 2,
                                .state = td.state,
                                .rtmr = (const uint8_t(*)[INTEL_MR])td.rtmr};

        memcpy(q.report_data, inblob, 64);
        intel_quote(&td.signer, &q, out);
}

static struct sv_json *evidence_over(const uint8_t binding[48])
{
        struct tsm_kernel k = {.provider = "tdx_guest", .report = sign, .no_aux = true};
        const struct sv_tsm_ops ops = tsm_kernel_ops(&k);
        const struct sv_tsm tsm = {.ops = &ops};
        SV_STR root = sv_asprintf("%s/guest", dir);
        const struct sv_tdx_guest g = {.tsm = &tsm, .sysroot = root};
        struct sv_json *evidence = NULL;
        struct sv_err err;

        OK(sv_tdx_guest_evidence(&g, sv_bytes(binding, 48), &evidence, &(struct sv_note){""},
                                 &err));
        return evidence;
}

/* --- the platform --- */

static void platform(const char *name, const struct intel_options *o)
{
        SV_STR folder = sv_asprintf("%s/%s", dir, name);
        struct intel_pki pki = {0};
        struct sv_err err;

        OK(sv_mkdirs(folder, 0700, &err));
        intel_pki_make(o, &pki);
        intel_pki_save(&pki, o, folder);
        intel_pki_free(&pki);
}

static void run_on(const char *name)
{
        SV_STR folder = sv_asprintf("%s/%s", dir, name);

        intel_signer_free(&td.signer);
        intel_signer_load(folder, &td.signer);
}

/* --- the broker --- */

static void open_broker(const char *collateral)
{
        char config[256], key[256], hex[65], pin_text[80];
        SV_STR folder = sv_asprintf("%s/%s", dir, collateral);
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *j = NULL;
        struct sv_err err;

        in_dir(config, "config.json");
        in_dir(key, "admin.key");
        read_file(config, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &j, &err));
        sv_json_set_str(sv_json_set(j, "collateral", sv_json_object()), "offline", folder);
        sv_buf_clear(&text);
        sv_json_print(j, &text);
        OK(sv_file_write(config, 0600, sv_buf_bytes(&text), &err));
        start_broker();
        snprintf(pin_text, sizeof(pin_text), "sha256:%s", sv_hex(sv_bytes(pin, 32), hex));
        OK(sv_admin_open(url, pin_text, key, &admin, &err));
}

static void close_broker(void)
{
        sv_admin_free(admin);
        admin = NULL;
        assert_int_equal(stop_broker(), 0);
}

/* The policy that the row writes for this guest file and what was measured. */
static void put_policy(const char *platform_name, const char *require)
{
        SV_STR text = sv_asprintf(
                "{\"name\":\"demo\",\"tee\":\"tdx\",\"kernel\":\"/"
                "k\",\"tees\":{\"tdx\":{\"test_root\":\"%s/%s/root.pem\",\"mrconfigid\":\"" TD_MR
                "\",\"mrowner\":\"" TD_MR "\",\"mrownerconfig\":\"" TD_MR "\",\"require\":%s}}}",
                dir, platform_name, require);
        struct sv_measurement m = {.values = sv_json_object(), .unpredicted = sv_json_array()};
        SV_JSON *rules = sv_json_array();
        SV_JSON *trust = sv_json_object();
        SV_JSON *allow = sv_json_array();
        SV_GUEST guest = {0};
        SV_BUF document = SV_BUF_NULL;
        SV_SECRET *secret = NULL;
        struct sv_err err;

        sv_json_set_str(m.values, "mrtd", TD_MR);
        for (int i = 0; i < 3; i++) {
                char name[8];

                snprintf(name, sizeof(name), "rtmr%d", i);
                sv_json_set_hex(m.values, name, sv_bytes(td.rtmr[i], 48));
        }
        OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/", &guest, &err));
        OK(sv_tdx_rules(&guest, &m, rules, trust, &err));
        OK(sv_tdx_allow(&guest, allow, &err));
        sv_measurement_free(&m);
        OK(sv_policy_write_allowing("demo", "tdx", PATH, rules, trust, allow, &document, &err));
        OK(sv_admin_put_policy(admin, PATH, sv_buf_bytes(&document), &err));
        secret = sv_secret_copy(sv_bytes_str(SECRET), &err);
        assert_non_null(secret);
        OK(sv_admin_put_resource(admin, PATH, secret, &err));
}

/* A policy as a person might write it, who has not thought of the platform. */
static void put_any_policy(const char *platform_name)
{
        SV_STR path = sv_asprintf("%s/%s/root.pem", dir, platform_name);
        SV_JSON *rules = sv_json_array(), *trust = sv_json_object();
        SV_BUF pem = SV_BUF_NULL, document = SV_BUF_NULL;
        struct sv_err err;

        read_file(path, &pem);
        sv_json_add(sv_json_set(trust, "sgx_roots", sv_json_array()),
                    sv_json_new_str(sv_buf_str(&pem)));
        sv_json_set_str(sv_rule_add(rules, "policy.mrtd", "/mrtd", "executables", "the firmware"),
                        "equals", TD_MR);
        OK(sv_policy_write("demo", "tdx", PATH, rules, trust, &document, &err));
        OK(sv_admin_put_policy(admin, PATH, sv_buf_bytes(&document), &err));
}

/* --- the guest --- */

/* Attests and asks for the key; 0 when it got it. */
static int ask(struct sv_err *err)
{
        SV_KBS_CLIENT *c = NULL;
        SV_JSON *evidence = NULL;
        SV_SECRET *secret = NULL;
        uint8_t binding[48];

        memset(err, 0, sizeof(*err));
        if (sv_kbs_client_new(url, tls, &c, err) < 0 || sv_kbs_auth(c, "tdx", NULL, err) < 0 ||
            sv_kbs_binding(c, binding, err) < 0)
                return -1;
        evidence = evidence_over(binding);
        if (sv_kbs_attest(c, evidence, err) < 0)
                return -1;
        secret = sv_kbs_resource(c, PATH, NULL, err);
        if (!secret)
                return -1;
        assert_int_equal(sv_secret_size(secret), strlen(SECRET));
        assert_memory_equal(sv_secret_reveal(secret), SECRET, strlen(SECRET));
        return 0;
}

static void released(void **state)
{
        struct sv_err err;

        run_on("good");
        boot(TD_STATE("0000000010000000"));
        open_broker("good");
        put_policy("good", "{}");
        OK(ask(&err));
        OK(ask(&err)); /* and another time: nothing was extended yet */
        /* Each of these boots differs in one thing. */
        td.rtmr[3][0] = 1;
        FAILS(ask(&err), SV_POLICY, "policy.rtmr3");
        boot(TD_STATE("0000000010000001"));
        FAILS(ask(&err), SV_POLICY, "policy.attributes.clear");
        boot(TD_STATE("0000000000000000"));
        FAILS(ask(&err), SV_POLICY, "policy.attributes.set");
        boot(TD_STATE("8000000050000000")); /* PKS and PERFMON: QEMU's own */
        OK(ask(&err));
        boot(TD_STATE("0000000010000000"));
        td.rtmr[1][5] ^= 1; /* and the log says something else: that is seen first */
        FAILS(ask(&err), SV_PROOF, "tdx.ccel.replay");
        boot("{\"tee\":\"tdx\",\"outcome\":\"launched\",\"mrtd\":\"" TD_MR
             "\",\"mrconfigid\":\"" TD_MR "\",\"mrowner\":\"" TD_MR "\",\"mrownerconfig\":"
             "\"000000000000000000000000000000000000000000000000000000000000"
             "000000000000000000000000000000000000\","
             "\"attributes\":\"0000000010000000\",\"xfam\":\"00000000000602e7\"}");
        FAILS(ask(&err), SV_POLICY, "policy.mrownerconfig");
        boot(TD_STATE("0000000010000000"));
        OK(ask(&err));
        close_broker();
}

/* Another kernel: the log replays, and the policy has another value. */
static void another_kernel(void **state)
{
        SV_STR path = sv_asprintf("%s/guest" SV_TDX_CCEL, dir);
        struct sv_err err;

        run_on("good");
        boot(TD_STATE("0000000010000000"));
        open_broker("good");
        td.rtmr[1][0] ^= 1; /* what the policy is written for */
        put_policy("good", "{}");
        boot(TD_STATE("0000000010000000"));
        FAILS(ask(&err), SV_POLICY, "policy.rtmr1");
        assert_int_equal(unlink(path), 0); /* without a log it is the same */
        FAILS(ask(&err), SV_POLICY, "policy.rtmr1");
        close_broker();
}

/* A quote of one exchange is worth nothing in another. */
static void replayed(void **state)
{
        SV_KBS_CLIENT *c = NULL;
        SV_JSON *evidence = NULL;
        uint8_t binding[48];
        struct sv_err err;

        run_on("good");
        boot(TD_STATE("0000000010000000"));
        open_broker("good");
        put_policy("good", "{}");
        OK(sv_kbs_client_new(url, tls, &c, &err));
        OK(sv_kbs_auth(c, "tdx", NULL, &err));
        OK(sv_kbs_binding(c, binding, &err));
        evidence = evidence_over(binding);
        OK(sv_kbs_auth(c, "tdx", NULL, &err));
        FAILS(sv_kbs_attest(c, evidence, &err), SV_PROOF, "tdx.report_data");
        close_broker();
}

/* How many attestations of the audit found their platform known; *last: did the last one that was
 * attested? */
static unsigned known(bool *last)
{
        SV_JSON *all = NULL;
        const struct sv_json *list;
        struct sv_err err;
        unsigned n = 0;

        OK(sv_admin_audit(admin, 0, &all, &err));
        list = sv_json_get(all, "audit");
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const struct sv_json *row = sv_json_at(list, i);

                if (strcmp(sv_json_str(sv_json_get(row, "action")), "attest"))
                        continue;
                *last = sv_json_bool(sv_json_get(row, "known"), false);
                n += *last;
        }
        return n;
}

/* What the first guest's process verified, the listener knows for later ones, once it has seen that
 * process end; what is wrong is refused as before, with other collateral everything begins anew,
 * and so it does in another broker. */
static void learned(void **state)
{
        SV_STR list = sv_asprintf("%s/good/tcb_info.json", dir);
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;
        uint8_t *at, digit;
        unsigned before;
        bool last = false;

        run_on("good");
        boot(TD_STATE("0000000010000000"));
        open_broker("good");
        put_policy("good", "{}");
        OK(ask(&err));
        before = known(&last);
        assert_false(last);
        for (int i = 0; i < 100 && !last; i++) {
                OK(ask(&err));
                known(&last);
        }
        assert_true(last && known(&last) > before);
        td.rtmr[3][0] = 1;
        FAILS(ask(&err), SV_POLICY, "policy.rtmr3");
        known(&last);
        assert_true(last);
        td.rtmr[3][0] = 0;
        td.rtmr[1][5] ^= 1;
        FAILS(ask(&err), SV_PROOF, "tdx.ccel.replay");
        td.rtmr[1][5] ^= 1;
        run_on("revoked"); /* the same TCB, another root and chain than the lists are of */
        FAILS(ask(&err), SV_PROOF, "tdx.pck.crl");
        known(&last);
        assert_false(last);
        run_on("good");
        read_file(list, &text);
        at = memmem(text.p, text.n, "\"signature\":\"", 13);
        assert_non_null(at);
        digit = at[20];
        at[20] = digit == '0' ? '1' : '0'; /* Intel's document, changed in the folder */
        OK(sv_file_write(list, 0600, sv_buf_bytes(&text), &err));
        WAIT_UNTIL(ask(&err) < 0, 60, "%s", "what was read before still serves"); /* recent.h */
        assert_string_equal(err.check, "tdx.tcb_info.signature");
        at[20] = digit;
        OK(sv_file_write(list, 0600, sv_buf_bytes(&text), &err));
        OK(ask(&err));
        known(&last);
        assert_true(last);
        close_broker();
        open_broker("good");
        OK(ask(&err));
        known(&last);
        assert_false(last);
        close_broker();
}

/* A platform that is out of date, for nobody, for those who give it time, and for those whom its
 * status satisfies. */
static void levels(void **state)
{
        struct sv_err err;

        run_on("old");
        boot(TD_STATE("0000000010000000"));
        open_broker("old");
        put_policy("old", "{}");
        FAILS(ask(&err), SV_POLICY, "policy.tcb.status");
        put_any_policy("old"); /* of one rule that holds: the floor is there all the same */
        FAILS(ask(&err), SV_POLICY, "policy.floor.tcb");
        put_policy("old", "{\"grace_days\":0}");
        FAILS(ask(&err), SV_POLICY, "policy.tcb.grace");
        put_policy("old", "{\"grace_days\":98}");
        FAILS(ask(&err), SV_POLICY, "policy.tcb.grace");
        put_policy("old", "{\"grace_days\":102}");
        OK(ask(&err));
        put_policy("old", "{\"status\":[\"OutOfDate\"],\"tcb_date\":\"2049-01-01\"}");
        FAILS(ask(&err), SV_POLICY, "policy.tcb.date");
        put_policy("old", "{\"status\":[\"OutOfDate\"],\"fmspc\":[\"000000000000\"]}");
        FAILS(ask(&err), SV_POLICY, "policy.fmspc");
        put_policy("old",
                   "{\"status\":[\"OutOfDate\"],\"fmspc\":[\"50806f000000\"],\"xfam\":\"0x7\"}");
        FAILS(ask(&err), SV_POLICY, "policy.xfam");
        put_policy("old", "{\"status\":[\"OutOfDate\"]}");
        OK(ask(&err));
        close_broker();
}

/* Another platform's collateral, a platform that was revoked, and a root that no policy names. */
static void refused(void **state)
{
        struct sv_err err;

        run_on("revoked");
        boot(TD_STATE("0000000010000000"));
        open_broker("revoked");
        put_policy("revoked", "{}");
        FAILS(ask(&err), SV_PROOF, "tdx.pck.revoked");
        run_on("good");
        FAILS(ask(&err), SV_PROOF, "tdx.pck.crl"); /* the lists are of another root */
        close_broker();
        open_broker("good"); /* with a policy that names the other root */
        FAILS(ask(&err), SV_PROOF, "tdx.root");
        put_policy("good", "{}");
        OK(ask(&err));
        close_broker();
}

static int group_setup(void **state)
{
        static const struct intel_options good = {.fmspc = {0x50, 0x80, 0x6f}},
                                          revoked = {.fmspc = {0x50, 0x80, 0x6f},
                                                     .pck_revoked = true};
        char date[32];
        /* The broker goes by its own clock: 100 days ago, whenever that is. */
        const struct intel_options old = {.fmspc = {0x50, 0x80, 0x6f},
                                          .platform = "OutOfDate",
                                          .date = sv_format_time(time(NULL) - 100 * DAY, date)};
        SV_STR b = NULL;
        struct sv_err err;

        snprintf(dir, sizeof(dir), "/tmp/sv-brokertdx-XXXXXX");
        assert_non_null(mkdtemp(dir));
        platform("good", &good);
        platform("old", &old);
        platform("revoked", &revoked);
        b = sv_asprintf("%s/b", dir);
        OK(sv_broker_init(b, "127.0.0.1:0", NULL, NULL, pin, &err));
        tls = sv_tls_client(sv_bytes(pin, 32), NULL, &err);
        return tls ? 0 : -1;
}

static int group_teardown(void **state)
{
        struct sv_err err;

        if (broker > 0)
                stop_broker();
        sv_tls_ctx_free(tls);
        sv_json_free(td.state);
        intel_signer_free(&td.signer);
        OK(sv_remove_tree(dir, &err));
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(released), cmocka_unit_test(another_kernel),
                cmocka_unit_test(replayed), cmocka_unit_test(levels),
                cmocka_unit_test(refused),  cmocka_unit_test(learned),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
