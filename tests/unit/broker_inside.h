/* SPDX-License-Identifier: Apache-2.0 */
/* A broker in this process, without a network, and guests of it on a simulated SNP platform. */
#pragma once

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/guest_policy.h"

#include "attest/jose/jose.h"
#include "attest/jose/token.h"
#include "attest/kbs/kbs.h"
#include "base/core/encoding.h"
#include "base/core/limits.h"
#include "broker/serve/request.h"
#include "broker/serve/session.h"
#include "policy/verdict.h"
#include "tee/measure.h"

#define PATH   "default/demo/root"
#define SECRET "TOPSECRET-0123456789"

static char dir[64];
static struct sv_broker b = {.audit_fd = -1};

/* --- requests --- */

struct ask {
        const char *method, *target;
        const char *field, *value; /* may be NULL */
        struct sv_bytes body;
        int64_t later;                 /* seconds */
        const char *also, *also_value; /* another field; may be NULL */
};

static char seen_check[64]; /* of the last answer, "" when it was none of a refusal */
static char seen_type[128];

static int ask(const struct ask *a, struct sv_http_msg *answer)
{
        SV_HTTP msg = {.method = sv_asprintf("%s", a->method),
                       .target = sv_asprintf("%s", a->target)};
        struct sv_request r = {.broker = &b,
                               .msg = &msg,
                               .peer = "127.0.0.1:1",
                               .now = time(NULL) + a->later,
                               .query = ""};
        SV_JSON *j = NULL;
        struct sv_err err;

        if (a->field)
                OK(sv_http_add(&msg, a->field, a->value, &err));
        if (a->also)
                OK(sv_http_add(&msg, a->also, a->also_value, &err));
        sv_buf_put(&msg.body, a->body);
        sv_broker_handle(&r);
        *answer = r.answer;
        memset(&r.answer, 0, sizeof(r.answer));
        sv_request_free(&r);
        snprintf(seen_check, sizeof(seen_check), "%s", "");
        snprintf(seen_type, sizeof(seen_type), "%s", "");
        if (answer->status >= 400) {
                OK(sv_json_parse(sv_buf_bytes(&answer->body), "test", &j, &err));
                snprintf(seen_check, sizeof(seen_check), "%s",
                         sv_json_str(sv_json_get(j, "check")));
                snprintf(seen_type, sizeof(seen_type), "%s", sv_json_str(sv_json_get(j, "type")));
        }
        return answer->status;
}

static void refuses(const struct ask *a, int status, const char *check)
{
        SV_HTTP answer = {0};

        ask(a, &answer);
        assert_string_equal(seen_check, check);
        assert_int_equal(answer.status, status);
}

static char *admin_value(const char *method, const char *target, struct sv_bytes body)
{
        const struct sv_admin_request what = {b.pin, method, target, body};
        SV_STR path = sv_asprintf("%s/b/admin.key", dir);
        SV_BUF pem = SV_BUF_NULL, value = SV_BUF_NULL;
        SV_KEY *key = NULL;
        struct sv_err err;

        OK(sv_file_read(path, 1 << 16, &pem, "test", &err));
        key = sv_key_from_pem(sv_buf_bytes(&pem), true, &err);
        assert_non_null(key);
        sv_buf_puts(&value, "Bearer ");
        OK(sv_admin_token_sign(key, &what, time(NULL), &value, &err));
        return sv_asprintf("%s", sv_buf_str(&value));
}

static inline int administer_for(const char *method, const char *target, struct sv_bytes body,
                                 struct sv_http_msg *answer)
{
        SV_STR value = admin_value(method, target, body);

        return ask(&(struct ask){method, target, "Authorization", value, body, 0}, answer);
}

static inline int administer(const char *method, const char *target, struct sv_bytes body)
{
        SV_HTTP answer = {0};

        return administer_for(method, target, body, &answer);
}

/* --- policies --- */

static inline void put_policy(const char *path)
{
        SV_STR target = sv_asprintf("/secure-vm/v0/policy/%s", path);
        SV_BUF text = SV_BUF_NULL;

        write_policy("sev-snp", path, &text);
        assert_int_equal(administer("PUT", target, sv_buf_bytes(&text)), 204);
}

static inline void put_secret(const char *path)
{
        SV_STR target = sv_asprintf("/kbs/v0/resource/%s", path);

        assert_int_equal(administer("POST", target, sv_bytes_str(SECRET)), 204);
}

/* --- guests --- */

struct guest {
        struct sv_key *key;
        struct sv_kbs_pubkey pubkey;
        struct sv_kbs_challenge challenge;
        char *cookie;
};

static inline void end_guest(struct guest *g)
{
        sv_key_free(g->key);
        sv_kbs_pubkey_free(&g->pubkey);
        sv_kbs_challenge_free(&g->challenge);
        free(g->cookie);
}
#define GUEST __attribute__((cleanup(end_guest))) struct guest

static inline struct guest begin(void)
{
        struct guest g = {0};
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};
        const char *set;
        struct sv_err err;

        g.key = sv_key_generate(SV_KEY_P256, 0, &err);
        assert_non_null(g.key);
        OK(sv_kbs_pubkey_from_key(g.key, &g.pubkey, &err));
        sv_kbs_write_request(sv_tee_sev_snp.kbs_name, NULL, &body);
        assert_int_equal(ask(&(struct ask){.method = "POST",
                                           .target = "/kbs/v0/auth",
                                           .body = sv_buf_bytes(&body)},
                             &answer),
                         200);
        OK(sv_kbs_parse_challenge(sv_buf_bytes(&answer.body), &g.challenge, &err));
        set = sv_http_field(&answer, "Set-Cookie");
        assert_non_null(set);
        g.cookie = sv_asprintf("%.*s", (int)strcspn(set, ";"), set);
        return g;
}

/* What a guest's platform gives over a binding; tests put others here. */
static struct sv_json *(*make_evidence)(const uint8_t binding[48]) = platform_evidence;

/* The message of this guest, its evidence over what `nonce` and `additional` give. */
static inline void write_message(const struct guest *g, const char *said, const char *bound,
                                 const char *additional, struct sv_buf *out)
{
        uint8_t digest[48];
        SV_JSON *evidence = NULL;
        SV_JSON *j = NULL;
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_kbs_binding_digest(additional, bound, &g->pubkey, digest, &err));
        evidence = make_evidence(digest);
        sv_kbs_write_attestation(said, &g->pubkey, evidence, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &j, &err));
        assert_non_null(sv_json_pointer(j, "/tee-evidence/additional_evidence"));
        sv_json_set_str(sv_json_get(j, "tee-evidence"), "additional_evidence", additional);
        sv_json_print(j, out);
}

static inline int attest_with(const struct guest *g, const char *said, const char *bound,
                              const char *additional)
{
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};

        write_message(g, said, bound, additional, &body);
        return ask(&(struct ask){"POST", "/kbs/v0/attest", "Cookie", g->cookie, sv_buf_bytes(&body),
                                 0},
                   &answer);
}

static inline int attest(const struct guest *g)
{
        return attest_with(g, g->challenge.nonce, g->challenge.nonce, "");
}

static inline void get_refused(const struct guest *g, const char *path, int status,
                               const char *check)
{
        SV_STR target = sv_asprintf("/kbs/v0/resource/%s", path);

        refuses(&(struct ask){"GET", target, "Cookie", g->cookie, SV_BYTES_NULL, 0}, status, check);
}

static int group_setup(void **state)
{
        uint8_t pin[32];
        SV_STR home = NULL;
        SV_STR config = NULL;
        struct sv_err err;

        snprintf(dir, sizeof(dir), "/tmp/sv-handlers-XXXXXX");
        assert_non_null(mkdtemp(dir));
        platform_make(dir);
        home = sv_asprintf("%s/b", dir);
        config = sv_asprintf("%s/b/config.json", dir);
        OK(sv_broker_init(home, "127.0.0.1:0", getenv("SV_TEST_DATABASE"), NULL, pin, &err));
        OK(sv_broker_open(config, &b, &err));
        b.config.collateral.offline = sv_asprintf("%s/folder", dir);
        OK(sv_broker_start(&b, &err));
        OK(sv_broker_enter(&b, &err));
        return 0;
}

static int group_teardown(void **state)
{
        sv_broker_close(&b);
        platform_free();
        return sv_remove_tree(dir, NULL);
}
