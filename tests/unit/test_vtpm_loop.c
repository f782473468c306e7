/* SPDX-License-Identifier: Apache-2.0 */
/* The whole loop against a real swtpm: hello, challenge, evidence, verification; then one change at
 * a time, one check each. */
#include "base/core/encoding.h"
#include "base/core/rd.h"
#include "tests/unit/vtpm_session.h"
#include "tests/unit/limits_of.h"

static struct sv_json *copy_json(const struct sv_json *j)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_json *copy = NULL;
        struct sv_err err;

        sv_json_print(j, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &copy, &err));
        return copy;
}

static void expect(const struct sv_json *evidence, struct sv_secret *secret, const struct knobs *k,
                   enum sv_class class, const char *check)
{
        SV_JSON *claims = NULL;
        struct sv_err err;

        FAILS(verify_with(evidence, secret, k ? k : &(struct knobs){0}, &claims, &err), class,
              check);
        assert_null(claims);
}

static void accepted(void **state)
{
        SV_JSON *claims = NULL;
        struct session *s;
        struct sv_err err;
        uint8_t zeros[32] = {0};
        char hex[65];

        need_swtpm();
        s = base_session();
        OK(verify_with(s->evidence, s->secret, &(struct knobs){0}, &claims, &err));
        assert_string_equal(sv_json_str(sv_json_pointer(claims, "/ek/subject_cn")),
                            "demo:11111111-2222-3333-4444-555555555555");
        assert_string_equal(sv_json_str(sv_json_pointer(claims, "/ek/model")), "swtpm");
        assert_string_equal(sv_json_str(sv_json_pointer(claims, "/ak/origin")), "ek-activation");
        assert_string_equal(sv_json_str(sv_json_pointer(claims, "/pcrs/sha256/11")),
                            sv_hex(sv_bytes(zeros, 32), hex));
        assert_int_equal(strlen(sv_json_str(sv_json_pointer(claims, "/pcrs/sha384/0"))), 96);
        assert_true(sv_json_bool(sv_json_get(claims, "report_data_checked"), false));
        limits_are(claims,
                   (const struct expected_limit[]){{"instance-identity", NULL}, {"hardware", NULL}},
                   2);
        assert_int_equal(sv_json_len(sv_json_pointer(claims, "/event_log/replayed")), 0);
}

/* Each changes what comes around the evidence. */
static void surroundings(void **state)
{
        struct session *s;
        uint8_t replayed[48];
        SESSION second = {0};

        need_swtpm();
        s = base_session();
        memset(replayed, 0x77, sizeof(replayed));
        expect(s->evidence, s->secret, &(struct knobs){.report_data = replayed}, SV_PROOF,
               "vtpm.quote.nonce");
        memcpy(replayed, report_data, sizeof(replayed));
        replayed[40] ^= 1; /* beyond what the quote holds: the activation binds the rest */
        expect(s->evidence, s->secret, &(struct knobs){.report_data = replayed}, SV_PROOF,
               "vtpm.ak.activation");
        expect(s->evidence, s->secret, &(struct knobs){.no_secret = true}, SV_PROOF,
               "vtpm.ak.origin");
        expect(s->evidence, s->secret, &(struct knobs){.no_report_data = true}, SV_PROOF,
               "vtpm.ak.origin");
        expect(s->evidence, s->secret, &(struct knobs){.no_root = true}, SV_PROOF, "vtpm.ek.root");
        expect(s->evidence, s->secret, &(struct knobs){.no_issuer = true}, SV_PROOF,
               "vtpm.ek.chain");
        expect(s->evidence, s->secret, &(struct knobs){.other_ca = true}, SV_PROOF,
               "vtpm.ek.chain");
        expect(s->evidence, s->secret, &(struct knobs){.time = now - 86400}, SV_PROOF,
               "vtpm.ek.expired");
        expect(s->evidence, s->secret,
               &(struct knobs){.root = "-----BEGIN CERTIFICATE-----\nAAAA\n"}, SV_FORMAT,
               "vtpm.ek.collateral");
        run_session(&tpm, SV_BYTES_NULL, NULL, &second);
        /* another session's secret */
        expect(s->evidence, second.secret, NULL, SV_PROOF, "vtpm.ak.activation");
}

static void flip_b64(struct sv_json *obj, const char *member, size_t at)
{
        SV_BUF b = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_json_need_b64(obj, member, &b, "test", &err));
        assert_true(at < b.n);
        b.p[at] ^= 1;
        sv_json_set_b64(obj, member, sv_buf_bytes(&b));
}

static void cut_b64(struct sv_json *obj, const char *member, long by)
{
        SV_BUF b = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_json_need_b64(obj, member, &b, "test", &err));
        if (by > 0)
                b.n -= (size_t)by;
        else
                sv_buf_u8(&b, 0);
        sv_json_set_b64(obj, member, sv_buf_bytes(&b));
}

/* Each changes one member of the evidence. */
static void members(void **state)
{
        static const struct {
                const char *object; /* pointer */
                const char *member;
                enum { FLIP, CUT, LONGER, EMPTY, NUMBER, REMOVE_OBJECT } how;
                size_t at;
                enum sv_class class;
                const char *check;
        } cases[] = {
                {"/tpm_quote", "message", FLIP, 40, SV_PROOF, "vtpm.signature"},
                {"/tpm_quote", "message", FLIP, 0, SV_PROOF, "vtpm.signature"},
                {"/tpm_quote", "message", CUT, 1, SV_PROOF, "vtpm.signature"},
                {"/tpm_quote", "message", EMPTY, 0, SV_FORMAT, "vtpm.evidence.member"},
                {"/tpm_quote", "message", NUMBER, 0, SV_FORMAT, "vtpm.evidence.member"},
                {"/tpm_quote", "signature", FLIP, 100, SV_PROOF, "vtpm.signature"},
                {"/tpm_quote", "signature", FLIP, 1, SV_FORMAT, "vtpm.signature.scheme"},
                {"/tpm_quote", "signature", CUT, 1, SV_FORMAT, "vtpm.signature.size"},
                {"/tpm_quote", "signature", LONGER, 0, SV_FORMAT, "vtpm.signature.size"},
                {"/tpm_quote", "pcrs", NUMBER, 0, SV_FORMAT, "vtpm.evidence.member"},
                {"/tpm_quote", "extra", NUMBER, 0, SV_FORMAT, "vtpm.evidence.unknown"},
                {"/tpm_quote_sha384", "message", FLIP, 40, SV_PROOF, "vtpm.signature"},
                {"/tpm_quote_sha384", "signature", FLIP, 100, SV_PROOF, "vtpm.signature"},
                {"", "ak_public", FLIP, 60, SV_PROOF, "vtpm.ak.mismatch"},
                {"", "ak_tpm2b", FLIP, 100, SV_PROOF, "vtpm.ak.mismatch"},
                {"", "ak_tpm2b", CUT, 1, SV_FORMAT, "vtpm.public.size"},
                {"", "ak_tpm2b", LONGER, 0, SV_FORMAT, "vtpm.public.size"},
                /* restricted is bit 16: byte 7 of the TPM2B */
                {"", "ak_tpm2b", FLIP, 7, SV_PROOF, "vtpm.ak.attributes"},
                {"", "activation", FLIP, 3, SV_PROOF, "vtpm.ak.activation"},
                {"", "activation", CUT, 1, SV_PROOF, "vtpm.ak.activation"},
                {"", "activation", NUMBER, 0, SV_FORMAT, "vtpm.evidence.member"},
                {"", "ak_public", NUMBER, 0, SV_FORMAT, "vtpm.evidence.member"},
                {"", "ak_tpm2b", NUMBER, 0, SV_FORMAT, "vtpm.evidence.member"},
                {"", "ek_certs", NUMBER, 0, SV_FORMAT, "vtpm.evidence.ek-certs"},
                {"", "unheard_of", NUMBER, 0, SV_FORMAT, "vtpm.evidence.unknown"},
        };
        struct session *s;

        need_swtpm();
        s = base_session();
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                SV_JSON *e = copy_json(s->evidence);
                struct sv_json *obj = sv_json_pointer(e, cases[i].object);

                assert_non_null(obj);
                if (cases[i].how == FLIP)
                        flip_b64(obj, cases[i].member, cases[i].at);
                else if (cases[i].how == CUT)
                        cut_b64(obj, cases[i].member, 1);
                else if (cases[i].how == LONGER)
                        cut_b64(obj, cases[i].member, -1);
                else if (cases[i].how == EMPTY)
                        sv_json_set_str(obj, cases[i].member, "");
                else
                        sv_json_set_int(obj, cases[i].member, 7);
                expect(e, s->secret, NULL, cases[i].class, cases[i].check);
        }
}

/* Every top-level member left out. */
static void missing(void **state)
{
        static const struct {
                const char *member;
                enum sv_class class;
                const char *check; /* NULL: still accepted */
        } cases[] = {
                {"ak_public", SV_FORMAT, "vtpm.evidence.member"},
                {"tpm_quote", SV_FORMAT, "vtpm.evidence.member"},
                {"tpm_quote_sha384", SV_OK, NULL},
                {"ak_tpm2b", SV_PROOF, "vtpm.ak.origin"},
                {"ek_certs", SV_PROOF, "vtpm.ak.origin"},
                {"activation", SV_PROOF, "vtpm.ak.origin"},
        };
        static const char *const all[] = {"ak_public",        "ak_tpm2b", "tpm_quote",
                                          "tpm_quote_sha384", "ek_certs", "activation"};
        struct session *s;

        need_swtpm();
        s = base_session();
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                SV_JSON *e = sv_json_object();

                for (size_t m = 0; m < sizeof(all) / sizeof(*all); m++)
                        if (strcmp(all[m], cases[i].member))
                                sv_json_set(e, all[m],
                                            sv_json_ref(sv_json_get(s->evidence, all[m])));
                if (cases[i].check) {
                        expect(e, s->secret, NULL, cases[i].class, cases[i].check);
                } else {
                        SV_JSON *claims = NULL;
                        struct sv_err err;

                        OK(verify_with(e, s->secret, &(struct knobs){0}, &claims, &err));
                        assert_null(sv_json_pointer(claims, "/pcrs/sha384"));
                }
        }
}

static void change_pcr(struct sv_json *quote, unsigned pcr, const char *value)
{
        struct sv_json *old = sv_json_ref(sv_json_get(quote, "pcrs")),
                       *list = sv_json_set(quote, "pcrs", sv_json_array());

        for (unsigned i = 0; i < sv_json_len(old); i++)
                if (i != pcr)
                        sv_json_add(list, sv_json_new_str(sv_json_str(sv_json_at(old, i))));
                else if (value)
                        sv_json_add(list, sv_json_new_str(value));
        sv_json_free(old);
}

static void pcr_values(void **state)
{
        char one[65];
        struct session *s;

        need_swtpm();
        s = base_session();
        memset(one, '1', 64);
        one[64] = 0;
        for (unsigned pcr = 0; pcr < SV_TPM_PCRS; pcr++) {
                SV_JSON *e = copy_json(s->evidence);

                change_pcr(sv_json_get(e, "tpm_quote"), pcr, one);
                expect(e, s->secret, NULL, SV_PROOF, "vtpm.quote.digest");
        }
        SV_JSON *fewer = copy_json(s->evidence);
        SV_JSON *shorter = copy_json(s->evidence);
        SV_JSON *letters = copy_json(s->evidence);

        change_pcr(sv_json_get(fewer, "tpm_quote"), 23, NULL);
        expect(fewer, s->secret, NULL, SV_FORMAT, "vtpm.evidence.pcrs");
        change_pcr(sv_json_get(shorter, "tpm_quote"), 3, "00");
        expect(shorter, s->secret, NULL, SV_FORMAT, "vtpm.evidence.pcrs");
        one[5] = 'g';
        change_pcr(sv_json_get(letters, "tpm_quote"), 3, one);
        expect(letters, s->secret, NULL, SV_FORMAT, "vtpm.evidence.pcrs");
}

/* A quote over the other bank in the place of this one. */
static void bank_mismatch(void **state)
{
        struct session *s;
        struct sv_json *q256, *q384;

        need_swtpm();
        s = base_session();
        SV_JSON *e = copy_json(s->evidence);
        q256 = sv_json_get(e, "tpm_quote");
        q384 = sv_json_get(e, "tpm_quote_sha384");
        sv_json_set_str(q256, "message", sv_json_str(sv_json_get(q384, "message")));
        sv_json_set_str(q256, "signature", sv_json_str(sv_json_get(q384, "signature")));
        expect(e, s->secret, NULL, SV_PROOF, "vtpm.quote.bank");
}

/* Templates that a careful verifier refuses, made in the real TPM. */
static void weak_keys(void **state)
{
        static const struct {
                uint32_t attributes;
                uint16_t scheme, hash;
                const char *check;
        } cases[] = {
                {SV_TPM_AK_MUST & ~SV_TPMA_RESTRICTED, SV_TPM_ALG_RSASSA, SV_TPM_ALG_SHA256,
                 "vtpm.ak.attributes"},
                {SV_TPM_AK_MUST, SV_TPM_ALG_RSASSA, SV_TPM_ALG_SHA1, "vtpm.signature.hash"},
                {SV_TPM_AK_MUST, SV_TPM_ALG_RSAPSS, SV_TPM_ALG_SHA256, NULL},
                {SV_TPM_AK_MUST, SV_TPM_ALG_RSASSA, SV_TPM_ALG_SHA384, NULL},
        };

        need_swtpm();
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sv_tpm_public p = {
                        .type = SV_TPM_ALG_RSA,
                        .name_alg = SV_TPM_ALG_SHA256,
                        .attributes = cases[i].attributes | SV_TPMA_USER_WITH_AUTH,
                        .symmetric = {.alg = SV_TPM_ALG_NULL},
                        .scheme = {cases[i].scheme, cases[i].hash, 0},
                        .bits = 2048,
                };
                SV_BUF template = SV_BUF_NULL;
                SV_JSON *claims = NULL;
                SESSION s = {0};
                struct sv_err err;

                sv_tpm_put_public2b(&template, &p);
                run_session(&tpm, sv_buf_bytes(&template), NULL, &s);
                if (cases[i].check)
                        expect(s.evidence, s.secret, NULL, SV_PROOF, cases[i].check);
                else
                        OK(verify_with(s.evidence, s.secret, &(struct knobs){0}, &claims, &err));
        }
}

/* ECDSA keys of both curves, real. */
static void ecc_keys(void **state)
{
        static const struct {
                uint16_t curve, hash;
        } cases[] = {{SV_TPM_ECC_P256, SV_TPM_ALG_SHA256}, {SV_TPM_ECC_P384, SV_TPM_ALG_SHA384}};

        need_swtpm();
        for (size_t i = 0; i < 2; i++) {
                struct sv_tpm_public p = {
                        .type = SV_TPM_ALG_ECC,
                        .name_alg = SV_TPM_ALG_SHA256,
                        .attributes = SV_TPM_AK_MUST | SV_TPMA_USER_WITH_AUTH,
                        .symmetric = {.alg = SV_TPM_ALG_NULL},
                        .scheme = {SV_TPM_ALG_ECDSA, cases[i].hash, 0},
                        .curve = cases[i].curve,
                        .kdf = {.alg = SV_TPM_ALG_NULL},
                };
                SV_BUF template = SV_BUF_NULL;
                SV_JSON *claims = NULL;
                SESSION s = {0};
                struct sv_err err;

                sv_tpm_put_public2b(&template, &p);
                run_session(&tpm, sv_buf_bytes(&template), NULL, &s);
                OK(verify_with(s.evidence, s.secret, &(struct knobs){0}, &claims, &err));
        }
}

/* Another TPM: its own chain is good, but it is not the one whose certificate is shown. */
static void other_tpm(void **state)
{
        struct session *s;
        SESSION o = {0};

        need_swtpm();
        s = base_session();
        run_session(&other, SV_BYTES_NULL, NULL, &o);
        expect(o.evidence, o.secret, NULL, SV_PROOF, "vtpm.ek.chain"); /* another CA */
        SV_JSON *swapped = copy_json(o.evidence);
        sv_json_set(swapped, "ek_certs", sv_json_ref(sv_json_get(s->evidence, "ek_certs")));
        /* the challenge of the session was for the other's own EK */
        expect(swapped, o.secret, NULL, SV_PROOF, "vtpm.ak.other");
        /* a challenge for demo's EK, whose secret the other TPM never sees */
        expect(swapped, s->secret, NULL, SV_PROOF, "vtpm.ak.other");
}

/* ActivateCredential itself refuses: EK of one TPM, AK of the other; and by one bit. */
static void activation_refused(void **state)
{
        static const struct {
                const char *member;
                size_t at;
        } cases[] = {{"credential_blob", 10}, {"credential_blob", 50}, {"encrypted_secret", 50}};
        struct sv_vtpm_attester_config config = {.event_log = "/nonexistent"};
        SV_JSON *params = NULL;
        SV_JSON *challenge = NULL;
        SV_SECRET *secret = NULL;
        void *a = NULL, *b = NULL;
        struct sv_err err;

        need_swtpm();
        config.device = tpm.device;
        OK(sv_vtpm_attester_open(&config, &a, &err));
        OK(sv_attester_vtpm.hello(a, &params, &err));
        OK(make_challenge(params, &challenge, &secret, &err));
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                SV_JSON *changed = copy_json(challenge);
                SV_JSON *evidence = NULL;

                flip_b64(sv_json_get(changed, "secure-vm"), cases[i].member, cases[i].at);
                FAILS(sv_attester_vtpm.evidence(a, sv_bytes(report_data, 48), changed, &evidence,
                                                &(struct sv_note){""}, &err),
                      SV_PROOF, "tpm.activate");
        }
        config.device = other.device;
        OK(sv_vtpm_attester_open(&config, &b, &err));
        SV_JSON *evidence = NULL;
        FAILS(sv_attester_vtpm.evidence(b, sv_bytes(report_data, 48), challenge, &evidence,
                                        &(struct sv_note){""}, &err),
              SV_PROOF, "tpm.activate");
        sv_attester_vtpm.close(b);
        sv_attester_vtpm.close(a);
}

/* A quote forged with a software key, complete and well signed, in a session that an honest TPM
 * opened. */
static void software_key(void **state)
{
        struct session *s;
        SV_BUF message = SV_BUF_NULL, sig = SV_BUF_NULL, tpmt = SV_BUF_NULL, spki = SV_BUF_NULL,
               n = SV_BUF_NULL, e_ = SV_BUF_NULL;
        SV_BUF pub2b = SV_BUF_NULL;
        struct sv_tpm_public p = {.type = SV_TPM_ALG_RSA,
                                  .name_alg = SV_TPM_ALG_SHA256,
                                  .attributes = SV_TPM_AK_MUST | SV_TPMA_USER_WITH_AUTH,
                                  .symmetric = {.alg = SV_TPM_ALG_NULL},
                                  .scheme = {SV_TPM_ALG_RSASSA, SV_TPM_ALG_SHA256, 0},
                                  .bits = 2048};
        static const uint8_t endorsement[] = {0x40, 0, 0, 0x0b};
        struct sv_tpm_name name, qualified;
        SV_KEY *key = NULL;
        struct sv_err err;

        need_swtpm();
        s = base_session();
        SV_JSON *forged = copy_json(s->evidence);
        struct sv_json *quote = sv_json_get(forged, "tpm_quote");
        SV_JSON *only = sv_json_object();

        key = sv_key_generate(SV_KEY_RSA, 2048, &err);
        assert_non_null(key);
        OK(sv_key_rsa(key, &n, &e_, &err));
        OK(sv_key_spki(key, &spki, &err));
        p.x = sv_buf_bytes(&n);
        sv_tpm_put_public2b(&pub2b, &p);
        OK(sv_tpm_name(sv_buf_bytes(&pub2b), &name, &err));
        OK(sv_tpm_qualified_name(sv_bytes(endorsement, 4), &name, &qualified, &err));
        OK(sv_json_need_b64(quote, "message", &message, "test", &err));
        /* magic, type, size, then the qualified signer */
        memcpy(message.p + 8, qualified.p, qualified.n);
        OK(sv_sign(key, SV_RSASSA_SHA256, sv_buf_bytes(&message), &sig, &err));
        sv_buf_u16be(&tpmt, SV_TPM_ALG_RSASSA);
        sv_buf_u16be(&tpmt, SV_TPM_ALG_SHA256);
        sv_buf_u16be(&tpmt, (uint16_t)sig.n);
        sv_buf_put(&tpmt, sv_buf_bytes(&sig));
        sv_json_set_b64(quote, "message", sv_buf_bytes(&message));
        sv_json_set_b64(quote, "signature", sv_buf_bytes(&tpmt));
        sv_json_set_b64(only, "ak_public", sv_buf_bytes(&spki));
        sv_json_set_b64(only, "ak_tpm2b", sv_buf_bytes(&pub2b));
        sv_json_set(only, "tpm_quote", sv_json_ref(quote));
        expect(only, NULL, NULL, SV_PROOF, "vtpm.ak.origin");
        /* with the honest TPM's certificate, and even with the HMAC that it made over this
         * session's binding */
        sv_json_set(only, "ek_certs", sv_json_ref(sv_json_get(forged, "ek_certs")));
        expect(only, NULL, NULL, SV_PROOF, "vtpm.ak.origin");
        expect(only, s->secret, NULL, SV_PROOF, "vtpm.ak.origin");
        sv_json_set(only, "activation", sv_json_ref(sv_json_get(forged, "activation")));
        expect(only, s->secret, NULL, SV_PROOF, "vtpm.ak.other");
        /* signed by the forger but naming the honest key as signer */
        memset(message.p + 8, 0, qualified.n);
        sv_buf_clear(&sig);
        OK(sv_sign(key, SV_RSASSA_SHA256, sv_buf_bytes(&message), &sig, &err));
        sv_buf_clear(&tpmt);
        sv_buf_u16be(&tpmt, SV_TPM_ALG_RSASSA);
        sv_buf_u16be(&tpmt, SV_TPM_ALG_SHA256);
        sv_buf_u16be(&tpmt, (uint16_t)sig.n);
        sv_buf_put(&tpmt, sv_buf_bytes(&sig));
        sv_json_set_b64(quote, "message", sv_buf_bytes(&message));
        sv_json_set_b64(quote, "signature", sv_buf_bytes(&tpmt));
        expect(only, s->secret, NULL, SV_PROOF, "vtpm.quote.signer");
}

/* The Name of the key is a digest: one over SHA-1 could be anybody's. */
static void weak_name(void **state)
{
        struct session *s;
        SV_BUF pub = SV_BUF_NULL;
        struct sv_err err;

        need_swtpm();
        s = base_session();
        SV_JSON *e = copy_json(s->evidence);

        OK(sv_json_need_b64(e, "ak_tpm2b", &pub, "test", &err));
        pub.p[5] = SV_TPM_ALG_SHA1; /* size, type, nameAlg */
        sv_json_set_b64(e, "ak_tpm2b", sv_buf_bytes(&pub));
        expect(e, s->secret, NULL, SV_PROOF, "vtpm.ak.name-alg");
}

/* The second bank's quote, as of another boot: its counters alone say so. */
static void other_boot(void **state)
{
        const struct knobs unsigned_ = {.skip_signatures = true};
        struct session *s;

        need_swtpm();
        s = base_session();
        for (size_t counter = 0; counter < 2; counter++) { /* resetCount, restartCount */
                SV_JSON *e = copy_json(s->evidence);
                struct sv_json *quote = sv_json_get(e, "tpm_quote_sha384");
                SV_BUF message = SV_BUF_NULL;
                struct sv_rd r;
                struct sv_err err;

                OK(sv_json_need_b64(quote, "message", &message, "test", &err));
                r = sv_rd(sv_buf_bytes(&message));
                sv_rd_skip(&r, 6);               /* magic, type */
                sv_rd_skip(&r, sv_rd_u16be(&r)); /* qualifiedSigner */
                sv_rd_skip(&r, sv_rd_u16be(&r)); /* extraData */
                sv_rd_skip(&r, 8 + 4 * counter); /* clock */
                assert_false(r.bad);
                message.p[r.pos + 3] ^= 1;
                sv_json_set_b64(quote, "message", sv_buf_bytes(&message));
                expect(e, s->secret, &unsigned_, SV_PROOF, "vtpm.quote.boot");
        }
}

/* As many certificates and event logs as there is room for, and one more. */
static void numbers(void **state)
{
        const struct knobs many = {.event_log = sv_bytes("log", 3), .n_logs = SV_VTPM_LOGS_MAX + 1};
        struct session *s;

        need_swtpm();
        s = base_session();
        expect(s->evidence, s->secret, &many, SV_FORMAT, "vtpm.evidence.event-logs");
        for (size_t n = 0; n <= SV_CHAIN_MAX + 1; n++) {
                SV_JSON *e = copy_json(s->evidence);
                struct sv_json *first = sv_json_at(sv_json_get(s->evidence, "ek_certs"), 0);
                struct sv_json *list = sv_json_set(e, "ek_certs", sv_json_array());

                for (size_t i = 0; i < n; i++)
                        sv_json_add(list, sv_json_ref(first));
                if (n < 1 || n > SV_CHAIN_MAX) {
                        expect(e, s->secret, NULL, SV_FORMAT, "vtpm.evidence.ek-certs");
                } else {
                        SV_JSON *claims = NULL;
                        struct sv_err err = SV_ERR_NULL;

                        verify_with(e, s->secret, &(struct knobs){0}, &claims, &err);
                        assert_string_not_equal(err.check, "vtpm.evidence.ek-certs");
                }
        }
}

/* A real quote, signed by the real TPM, that leaves one PCR out. */
static void selection(void **state)
{
        SV_BUF template = SV_BUF_NULL, pub = SV_BUF_NULL, message = SV_BUF_NULL,
               signature = SV_BUF_NULL, spki = SV_BUF_NULL;
        struct sv_tpm_public p;
        sv_tpm_handle ak;
        SV_TPM *t = NULL;
        SV_KEY *key = NULL;
        struct sv_err err;

        need_swtpm();
        t = sv_tpm_open(tpm.device, &err);
        assert_non_null(t);
        sv_tpm_put_ak(&template);
        OK(sv_tpm_create_primary(t, sv_buf_bytes(&template), &ak, &pub, &err));
        OK(sv_tpm_quote(t, ak, SV_SHA256, 0xffffff & ~(1u << 4), sv_bytes(report_data, 32),
                        &message, &signature, &err));
        OK(sv_tpm_read_public2b(sv_buf_bytes(&pub), &p, &err));
        key = sv_tpm_public_key(&p, &err);
        assert_non_null(key);
        OK(sv_key_spki(key, &spki, &err));
        SV_JSON *e = copy_json(base_session()->evidence);
        struct sv_json *quote = sv_json_get(e, "tpm_quote");

        sv_json_set_b64(e, "ak_public", sv_buf_bytes(&spki));
        sv_json_set_b64(e, "ak_tpm2b", sv_buf_bytes(&pub));
        sv_json_set_b64(quote, "message", sv_buf_bytes(&message));
        sv_json_set_b64(quote, "signature", sv_buf_bytes(&signature));
        expect(e, base_session()->secret, NULL, SV_PROOF, "vtpm.quote.selection");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(accepted),     cmocka_unit_test(surroundings),
                cmocka_unit_test(members),      cmocka_unit_test(missing),
                cmocka_unit_test(pcr_values),   cmocka_unit_test(bank_mismatch),
                cmocka_unit_test(weak_keys),    cmocka_unit_test(ecc_keys),
                cmocka_unit_test(other_tpm),    cmocka_unit_test(activation_refused),
                cmocka_unit_test(software_key), cmocka_unit_test(selection),
                cmocka_unit_test(weak_name),    cmocka_unit_test(other_boot),
                cmocka_unit_test(numbers),
        };

        return cmocka_run_group_tests_name("vtpm-loop", tests, group_setup, group_teardown);
}
