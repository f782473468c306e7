/* SPDX-License-Identifier: Apache-2.0 */
/* Event logs against quotes of a real swtpm: PCRs are extended, the log says so, or does not. */
#include "tests/unit/vtpm_session.h"

#include "vtpm/guest/tpm.h"

/* What was extended in this TPM, in order. PCR 10 and 4 show the two kinds: may be extended later,
 * must replay. */
static const struct {
        unsigned pcr;
        const char *data;
} extended[] = {
        {0, "firmware"}, {4, "kernel"}, {4, "separator"}, {9, "initramfs"}, {10, "first file"}};
#define EVENTS (sizeof(extended) / sizeof(*extended))

static void put_header(struct sv_buf *b)
{
        sv_buf_u32le(b, 0);
        sv_buf_u32le(b, 3); /* EV_NO_ACTION */
        sv_buf_grow(b, 20);
        sv_buf_u32le(b, 16 + 4 + 4 + 4 + 2 * 4 + 1);
        sv_buf_put(b, sv_bytes("Spec ID Event03", 16));
        sv_buf_u32le(b, 0);
        sv_buf_put(b, sv_bytes("\x00\x02\x00\x02", 4)); /* 2.0, errata 0, uintn 64 bits */
        sv_buf_u32le(b, 2);
        sv_buf_u16le(b, SV_TPM_ALG_SHA256);
        sv_buf_u16le(b, 32);
        sv_buf_u16le(b, SV_TPM_ALG_SHA384);
        sv_buf_u16le(b, 48);
        sv_buf_u8(b, 0);
}

static void put_event(struct sv_buf *b, unsigned pcr, const char *data)
{
        uint8_t digest[SV_DIGEST_MAX];
        struct sv_err err;

        sv_buf_u32le(b, pcr);
        sv_buf_u32le(b, 0xd); /* EV_IPL */
        sv_buf_u32le(b, 2);
        for (int i = 0; i < 2; i++) {
                enum sv_digest bank = i ? SV_SHA384 : SV_SHA256;

                sv_buf_u16le(b, sv_tpm_alg(bank));
                OK(sv_digest(bank, sv_bytes_str(data), digest, &err));
                sv_buf_put(b, sv_bytes(digest, sv_digest_size(bank)));
        }
        sv_buf_u32le(b, (uint32_t)strlen(data));
        sv_buf_puts(b, data);
}

/* The log without event number `but` (EVENTS: with all). */
static void make_log(struct sv_buf *b, size_t but)
{
        put_header(b);
        for (size_t i = 0; i < EVENTS; i++)
                if (i != but)
                        put_event(b, extended[i].pcr, extended[i].data);
}

/* Evidence of the TPM after all extends, with this log. */
static int verify_log(struct sv_bytes log, struct sv_json **claims, struct sv_err *err)
{
        static bool done;
        SV_STR path = sv_asprintf("%s/log.bin", tpm.dir);
        SESSION s = {0};
        struct sv_err e;

        if (!done) {
                SV_TPM *t = sv_tpm_open(tpm.device, &e);

                assert_non_null(t);
                for (size_t i = 0; i < EVENTS; i++)
                        assert_int_equal(sv_tpm_pcr_event(t, extended[i].pcr,
                                                          sv_bytes_str(extended[i].data), &e),
                                         0);
                done = true;
        }
        assert_int_equal(sv_file_write(path, 0600, log, &e), 0);
        run_session(&tpm, SV_BYTES_NULL, path, &s);
        return verify_with(s.evidence, s.secret, &(struct knobs){0}, claims, err);
}

static bool replayed(const struct sv_json *claims, int pcr)
{
        const struct sv_json *list = sv_json_pointer(claims, "/event_log/replayed");

        for (size_t i = 0; i < sv_json_len(list); i++)
                if (sv_json_int(sv_json_at(list, i), -1) == pcr)
                        return true;
        return false;
}

static void holds(void **state)
{
        SV_BUF log = SV_BUF_NULL;
        SV_JSON *claims = NULL;
        struct sv_err err;

        need_swtpm();
        make_log(&log, EVENTS);
        OK(verify_log(sv_buf_bytes(&log), &claims, &err));
        assert_true(replayed(claims, 0) && replayed(claims, 4) && replayed(claims, 9) &&
                    replayed(claims, 10));
        assert_false(replayed(claims, 7)); /* no events */
        assert_int_equal(sv_json_int(sv_json_pointer(claims, "/event_log/events"), 0), EVENTS);
}

/* An extend that the log does not know: fatal where only the firmware extends, noted where later
 * stages may. */
static void left_out(void **state)
{
        need_swtpm();
        for (size_t i = 0; i < EVENTS; i++) {
                SV_BUF log = SV_BUF_NULL;
                SV_JSON *claims = NULL;
                struct sv_err err;
                char pcr[16];

                make_log(&log, i);
                /* the only event of its PCR: no claim about it, no failure */
                if (i != 1 && i != 2) {
                        OK(verify_log(sv_buf_bytes(&log), &claims, &err));
                        assert_false(replayed(claims, (int)extended[i].pcr));
                        continue;
                }
                FAILS(verify_log(sv_buf_bytes(&log), &claims, &err), SV_PROOF,
                      "vtpm.eventlog.replay");
                snprintf(pcr, sizeof(pcr), "PCR %u ", extended[i].pcr);
                assert_non_null(strstr(err.msg, pcr));
        }
}

static void added(void **state)
{
        SV_BUF fatal = SV_BUF_NULL, noted = SV_BUF_NULL;
        SV_JSON *claims = NULL;
        struct sv_err err;

        need_swtpm();
        make_log(&fatal, EVENTS);
        put_event(&fatal, 9, "never extended");
        FAILS(verify_log(sv_buf_bytes(&fatal), &claims, &err), SV_PROOF, "vtpm.eventlog.replay");
        assert_non_null(strstr(err.msg, "PCR 9 "));
        make_log(&noted, EVENTS);
        put_event(&noted, 12, "never extended");
        OK(verify_log(sv_buf_bytes(&noted), &claims, &err));
        assert_false(replayed(claims, 12));
        assert_true(replayed(claims, 10));
}

static void malformed(void **state)
{
        SV_BUF log = SV_BUF_NULL;
        SV_JSON *claims = NULL;
        struct sv_err err;

        need_swtpm();
        make_log(&log, EVENTS);
        /* within the last digest: PCR 10 no longer agrees, which is allowed */
        log.p[log.n - 60] ^= 1;
        OK(verify_log(sv_buf_bytes(&log), &claims, &err));
        assert_false(replayed(claims, 10));
        sv_json_free(claims);
        claims = NULL;
        memset(&err, 0, sizeof(err));
        assert_int_equal(verify_log(sv_bytes(log.p, log.n - 1), &claims, &err), -1);
        assert_int_equal(err.class, SV_FORMAT);
        assert_memory_equal(err.check, "eventlog.", 9);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(holds), cmocka_unit_test(left_out),
                                           cmocka_unit_test(added), cmocka_unit_test(malformed)};

        return cmocka_run_group_tests_name("vtpm-replay", tests, group_setup, group_teardown);
}
