/* SPDX-License-Identifier: Apache-2.0 */
/* What a TPM may answer, one answer changed at a time: this program's TCTI stands where the
 * kernel's device would, passes commands on to a real swtpm and exchanges the answer to one. */
#include <dlfcn.h>
#include <endian.h>
#include <tss2/tss2_tcti_device.h>
#include <tss2/tss2_tpm2_types.h>

#include "base/core/limits.h"
#include "tests/unit/swtpm.h"
#include "tee/verify.h"
#include "vtpm/guest/attester.h"
#include "vtpm/guest/tpm.h"
#include "vtpm/tee.h"
#include "vtpm/verify/template.h"

static struct swtpm tpm;
static char ca_dir[] = "/tmp/sv-ca-XXXXXX";
static bool have_swtpm;
static uint8_t report_data[48];

/* --- the way to the TPM --- */

struct relay {
        TSS2_TCTI_CONTEXT_COMMON_V1 v1;
        TSS2_TCTI_CONTEXT *real;
        uint32_t command; /* the one that is being answered */
        bool refused;
};

/* Which answers are others: those to `command`, after `skip` of them. */
static struct {
        uint32_t command;
        unsigned skip;
        /* `n` counts the answers that are changed; NULL: an error, once */
        void (*change)(uint8_t *answer, size_t size, unsigned n);
        unsigned seen;
        unsigned loaded, flushed; /* sessions and keys that were made, and that are gone */
} fault;

static TSS2_RC relay_transmit(TSS2_TCTI_CONTEXT *tcti, size_t size, const uint8_t *command)
{
        struct relay *r = (struct relay *)tcti;

        memcpy(&r->command, command + 6, 4);
        r->command = be32toh(r->command);
        r->refused = r->command == fault.command && !fault.change && fault.seen == fault.skip;
        if (r->command == fault.command)
                fault.seen++;
        fault.flushed += r->command == TPM2_CC_FlushContext;
        return r->refused ? TSS2_RC_SUCCESS : Tss2_Tcti_Transmit(r->real, size, command);
}

static TSS2_RC relay_receive(TSS2_TCTI_CONTEXT *tcti, size_t *size, uint8_t *answer, int32_t wait)
{
        static const uint8_t failure[10] = {0x80, 1, [5] = 10, [8] = 1, 1}; /* TPM_RC_FAILURE */
        struct relay *r = (struct relay *)tcti;
        TSS2_RC rc;

        if (r->refused) {
                if (answer)
                        memcpy(answer, failure, sizeof(failure));
                *size = sizeof(failure);
                return TSS2_RC_SUCCESS;
        }
        rc = Tss2_Tcti_Receive(r->real, size, answer, wait);
        if (rc != TSS2_RC_SUCCESS || !answer /* asks for the size */ ||
            memcmp(answer + 6, "\0\0\0", 4))
                return rc;
        fault.loaded +=
                r->command == TPM2_CC_CreatePrimary || r->command == TPM2_CC_StartAuthSession;
        if (r->command == fault.command && fault.change && fault.seen > fault.skip)
                fault.change(answer, *size, fault.seen - fault.skip - 1);
        return rc;
}

static void relay_finalize(TSS2_TCTI_CONTEXT *tcti)
{
        struct relay *r = (struct relay *)tcti;

        Tss2_Tcti_Finalize(r->real);
        free(r->real);
}

/* The linker takes this one before the library's: "device:" leads here. */
TSS2_RC Tss2_Tcti_Device_Init(TSS2_TCTI_CONTEXT *tcti, size_t *size, const char *conf)
{
        void *lib = dlopen("libtss2-tcti-swtpm.so.0", RTLD_NOW);
        TSS2_TCTI_INIT_FUNC init;
        struct relay *r = (struct relay *)tcti;
        size_t n = 0;

        assert_non_null(lib);
        init = (TSS2_TCTI_INIT_FUNC)dlsym(lib, "Tss2_Tcti_Swtpm_Init");
        assert_non_null(init);
        *size = sizeof(*r);
        if (!r)
                return TSS2_RC_SUCCESS;
        assert_int_equal(init(NULL, &n, NULL), TSS2_RC_SUCCESS);
        *r = (struct relay){.v1 = {.magic = 0x73766d2d74657374,
                                   .version = 1,
                                   .transmit = relay_transmit,
                                   .receive = relay_receive,
                                   .finalize = relay_finalize},
                            .real = calloc(1, n)};
        return init(r->real, &n, conf);
}

/* --- what the guest does with it --- */

static int group_setup(void **state)
{
        setenv("TSS2_LOG", "all+NONE", 1); /* it would report each error that is meant */
        assert_non_null(mkdtemp(ca_dir));
        have_swtpm = swtpm_start(&tpm, ca_dir, "demo:11111111-2222-3333-4444-555555555555");
        snprintf(tpm.device, sizeof(tpm.device), "device:path=%s/tpm", tpm.dir);
        return 0;
}

static int group_teardown(void **state)
{
        struct sv_err err;

        swtpm_stop(&tpm);
        OK(sv_remove_tree(ca_dir, &err));
        return 0;
}

static void need_swtpm(void)
{
        if (!have_swtpm) {
                print_message("SKIP: no swtpm on this machine\n");
                skip();
        }
}

static int open_attester(const char *event_log, void **a, struct sv_err *err)
{
        return sv_vtpm_attester_open(
                &(struct sv_vtpm_attester_config){.device = tpm.device, .event_log = event_log}, a,
                err);
}

enum deed { OPEN, EVIDENCE, SEAL };

/* From the start to this deed. */
static int try_deed(enum deed deed, struct sv_err *err)
{
        SV_JSON *params = NULL;
        SV_JSON *challenge = NULL;
        SV_JSON *evidence = NULL;
        SV_SECRET *secret = NULL;
        struct sv_note note = {""};
        void *a = NULL;
        int r = open_attester("/nonexistent", &a, err);

        if (r == 0 && deed == SEAL)
                r = sv_attester_vtpm.seal(a, &note, err);
        if (r == 0 && deed == EVIDENCE) {
                assert_int_equal(sv_attester_vtpm.hello(a, &params, err), 0);
                assert_int_equal(make_challenge(params, &challenge, &secret, err), 0);
                r = sv_attester_vtpm.evidence(a, sv_bytes(report_data, sizeof(report_data)),
                                              challenge, &evidence, &note, err);
        }
        if (a)
                sv_attester_vtpm.close(a);
        return r;
}

/* --- answers --- */

/* Each command that the guest gives, refused once. What was loaded is flushed all the same. */
static void errors(void **state)
{
        static const struct {
                uint32_t command;
                unsigned skip;
                enum deed deed;
                enum sv_class class;
                const char *check, *what;
        } t[] = {
                {TPM2_CC_GetCapability, 0, OPEN, SV_SYSTEM, "tpm.capability"},
                {TPM2_CC_GetCapability, 1, OPEN, SV_SYSTEM, "tpm.capability"},
                {TPM2_CC_GetCapability, 2, EVIDENCE, SV_SYSTEM, "tpm.capability"},
                {TPM2_CC_NV_ReadPublic, 0, OPEN, SV_SYSTEM, "tpm.nv"},
                {TPM2_CC_NV_ReadPublic, 1, OPEN, SV_SYSTEM, "tpm.nv"},
                {TPM2_CC_NV_Read, 0, OPEN, SV_SYSTEM, "tpm.nv"},
                {TPM2_CC_NV_Read, 1, OPEN, SV_SYSTEM, "tpm.nv"},
                {TPM2_CC_ReadPublic, 0, OPEN, SV_SYSTEM, "tpm.key", "opening"},
                {TPM2_CC_ReadPublic, 1, OPEN, SV_SYSTEM, "tpm.key", "reading"},
                {TPM2_CC_ReadPublic, 2, EVIDENCE, SV_SYSTEM, "tpm.key"},
                {TPM2_CC_CreatePrimary, 0, OPEN, SV_SYSTEM, "tpm.key"},
                {TPM2_CC_PCR_Read, 0, EVIDENCE, SV_SYSTEM, "tpm.pcrs"},
                {TPM2_CC_PCR_Read, 5, EVIDENCE, SV_SYSTEM, "tpm.pcrs"},
                {TPM2_CC_PCR_Read, 6, EVIDENCE, SV_SYSTEM, "tpm.pcrs"},
                {TPM2_CC_Quote, 0, EVIDENCE, SV_SYSTEM, "tpm.quote"},
                {TPM2_CC_Quote, 1, EVIDENCE, SV_SYSTEM, "tpm.quote"},
                {TPM2_CC_StartAuthSession, 0, EVIDENCE, SV_SYSTEM, "tpm.session"},
                {TPM2_CC_PolicySecret, 0, EVIDENCE, SV_SYSTEM, "tpm.session"},
                {TPM2_CC_ActivateCredential, 0, EVIDENCE, SV_PROOF, "tpm.activate"},
                {TPM2_CC_PCR_Event, 0, SEAL, SV_SYSTEM, "tpm.extend"},
        };
        struct sv_err err;

        need_swtpm();
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                memset(&fault, 0, sizeof(fault));
                fault.command = t[i].command;
                fault.skip = t[i].skip;
                print_message("command 0x%x after %u\n", t[i].command, t[i].skip);
                FAILS(try_deed(t[i].deed, &err), t[i].class, t[i].check);
                assert_int_equal(fault.loaded, fault.flushed);
                assert_true(!t[i].what || !strncmp(err.msg, t[i].what, strlen(t[i].what)));
                fault.skip = 1000; /* and without the error: nothing else was wrong */
                OK(try_deed(t[i].deed, &err));
        }
}

/* The first bytes of the EK certificate. */
static void spoil_certificate(uint8_t *answer, size_t size, unsigned n)
{
        if (n == 0)
                memset(answer + 16, 0, 4); /* header, size of the parameters, TPM2B */
}

/* One byte of the modulus in the EK certificate: another key, no TPM has it. */
static void exchange_certified_key(uint8_t *answer, size_t size, unsigned n)
{
        static const uint8_t modulus[] = {0x02, 0x82, 0x01, 0x01, 0x00};
        uint8_t *p = n == 0 ? memmem(answer, size, modulus, sizeof(modulus)) : NULL;

        if (n == 0)
                assert_true(p && p + sizeof(modulus) < answer + size);
        if (p)
                p[sizeof(modulus)] ^= 1;
}

/* An answer to PCR_Read: header, then the counter of changes, the selection, the digests. */
#define COUNTER_AT 10
#define PCRS_AT    28
/* commands for one reading of all PCRs */
#define READING    3

/* 30 bytes of PCR 0 and 34 of PCR 1. */
static void shift_pcrs(uint8_t *answer, size_t size, unsigned n)
{
        assert_int_equal(answer[PCRS_AT + 1], 32);
        answer[PCRS_AT + 1] = 30;
        answer[PCRS_AT + 2 + 30] = 0;
        answer[PCRS_AT + 2 + 31] = 34;
}

/* One PCR fewer than was asked for. */
static void drop_pcr(uint8_t *answer, size_t size, unsigned n)
{
        answer[PCRS_AT - 1]--;
}

static unsigned unsteady; /* how many readings or quotes fall together with an extend */

/* The counter is another one at the end of a reading than it was at its begin. */
static void move_counter(uint8_t *answer, size_t size, unsigned n)
{
        if (n / READING < unsteady)
                answer[COUNTER_AT + 3] = (uint8_t)n;
}

/* PCR 0 is another one in the second reading around a quote than it was in the first. */
static void extend_between_readings(uint8_t *answer, size_t size, unsigned n)
{
        if (n / (2 * READING) < unsteady && n % READING == 0)
                answer[PCRS_AT + 2] ^= (uint8_t)(n / READING & 1);
}

static void changed_answers(void **state)
{
        static const struct {
                uint32_t command;
                void (*change)(uint8_t *answer, size_t size, unsigned n);
                unsigned unsteady;
                enum deed deed;
                enum sv_class class;
                const char *check, *what;
        } t[] = {
                {TPM2_CC_NV_Read, spoil_certificate, 0, OPEN, SV_FORMAT, "tpm.ek"},
                {TPM2_CC_NV_Read, exchange_certified_key, 0, OPEN, SV_SYSTEM, "tpm.ek"},
                {TPM2_CC_PCR_Read, shift_pcrs, 0, EVIDENCE, SV_SYSTEM, "tpm.pcrs", "PCR 0 has 30"},
                {TPM2_CC_PCR_Read, drop_pcr, 0, EVIDENCE, SV_SYSTEM, "tpm.pcrs", "the TPM gave 7"},
                {TPM2_CC_PCR_Read, move_counter, 8, EVIDENCE, SV_SYSTEM, "tpm.pcrs"},
                {TPM2_CC_PCR_Read, move_counter, 7, EVIDENCE, SV_OK, NULL},
                {TPM2_CC_PCR_Read, extend_between_readings, 4, EVIDENCE, SV_SYSTEM, "tpm.pcrs"},
                {TPM2_CC_PCR_Read, extend_between_readings, 3, EVIDENCE, SV_OK, NULL},
        };
        struct sv_err err;

        need_swtpm();
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                memset(&fault, 0, sizeof(fault));
                fault.command = t[i].command;
                fault.change = t[i].change;
                unsteady = t[i].unsteady;
                print_message("change %zu\n", i);
                if (t[i].check)
                        FAILS(try_deed(t[i].deed, &err), t[i].class, t[i].check);
                else
                        OK(try_deed(t[i].deed, &err));
                assert_int_equal(fault.loaded, fault.flushed);
                assert_true(!t[i].what || !strncmp(err.msg, t[i].what, strlen(t[i].what)));
        }
        memset(&fault, 0, sizeof(fault));
}

/* --- what the guest asks of it --- */

/* As many bytes as TPM2B_DATA and TPM2B_EVENT hold, and one more; a PCR and a bank that are not. */
static void requests(void **state)
{
        uint8_t bytes[1025] = {0}, pcrs[SV_TPM_PCRS][SV_DIGEST_MAX];
        SV_BUF template = SV_BUF_NULL, pub = SV_BUF_NULL, message = SV_BUF_NULL,
               signature = SV_BUF_NULL;
        sv_tpm_handle ak;
        SV_TPM *t = NULL;
        struct sv_err err;

        need_swtpm();
        t = sv_tpm_open(tpm.device, &err);
        assert_non_null(t);
        OK(sv_tpm_pcr_event(t, 23, sv_bytes(bytes, 1024), &err));
        FAILS(sv_tpm_pcr_event(t, 23, sv_bytes(bytes, 1025), &err), SV_USAGE, "tpm.extend");
        FAILS(sv_tpm_pcr_event(t, 24, sv_bytes(bytes, 1), &err), SV_USAGE, "tpm.extend");
        sv_tpm_put_ak(&template);
        OK(sv_tpm_create_primary(t, sv_buf_bytes(&template), &ak, &pub, &err));
        OK(sv_tpm_quote(t, ak, SV_SHA256, 1, sv_bytes(bytes, 64), &message, &signature, &err));
        FAILS(sv_tpm_quote(t, ak, SV_SHA256, 1, sv_bytes(bytes, sizeof(TPMT_HA) + 1), &message,
                           &signature, &err),
              SV_USAGE, "tpm.quote");
        FAILS(sv_tpm_pcr_read(t, SV_SHA512, pcrs, &err), SV_SYSTEM, "tpm.pcrs");
        FAILS(sv_tpm_create_primary(t, sv_bytes(template.p, template.n - 1), &ak, &pub, &err),
              SV_SYSTEM, "tpm.key");
}

/* Eight keys at once; the one too many, a persistent one or a new one, leaves nothing behind. */
static void number_of_keys(void **state)
{
        const uint32_t ek = 0x81010001;
        SV_BUF template = SV_BUF_NULL, pub = SV_BUF_NULL;
        sv_tpm_handle keys[8], more;
        SV_TPM *t = NULL;
        struct sv_err err;
        bool found;

        need_swtpm();
        t = sv_tpm_open(tpm.device, &err);
        assert_non_null(t);
        for (size_t i = 0; i < 8; i++) {
                OK(sv_tpm_persistent(t, ek, &keys[i], &pub, &found, &err));
                assert_true(found);
        }
        FAILS(sv_tpm_persistent(t, ek, &more, &pub, &found, &err), SV_SYSTEM, "tpm.keys");
        sv_tpm_put_ak(&template);
        memset(&fault, 0, sizeof(fault));
        FAILS(sv_tpm_create_primary(t, sv_buf_bytes(&template), &more, &pub, &err), SV_SYSTEM,
              "tpm.keys");
        assert_int_equal(fault.loaded, 1);
        assert_int_equal(fault.flushed, 1);
        sv_tpm_flush(t, keys[7]);
        OK(sv_tpm_create_primary(t, sv_buf_bytes(&template), &more, &pub, &err));
}

/* --- what else the guest is given --- */

static void challenges(void **state)
{
        static const struct {
                const char *text, *check;
        } t[] = {
                {"{\"secure-vm\":{\"credential_blob\":\"AAA=\"}}", "vtpm.challenge.member"},
                {"{\"secure-vm\":{\"encrypted_secret\":\"AAA=\"}}", "vtpm.challenge.member"},
                {"{\"secure-vm\":{\"credential_blob\":\"AAA=\",\"encrypted_secret\":7}}",
                 "vtpm.challenge.member"},
                /* a TPM2B that is cut short, one with a byte behind it; the other one is empty */
                {"{\"secure-vm\":{\"credential_blob\":\"AAE=\",\"encrypted_secret\":\"AAA=\"}}",
                 "tpm.credential"},
                {"{\"secure-vm\":{\"credential_blob\":\"AAA=\",\"encrypted_secret\":\"AAE=\"}}",
                 "tpm.credential"},
                {"{\"secure-vm\":{\"credential_blob\":\"AAAA\",\"encrypted_secret\":\"AAA=\"}}",
                 "tpm.credential"},
                {"{\"secure-vm\":{\"credential_blob\":\"AAA=\",\"encrypted_secret\":\"AAAA\"}}",
                 "tpm.credential"},
        };
        struct sv_note note = {""};
        void *a = NULL;
        struct sv_err err;

        need_swtpm();
        OK(open_attester("/nonexistent", &a, &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_JSON *challenge = NULL;
                SV_JSON *evidence = NULL;

                OK(sv_json_parse(sv_bytes_str(t[i].text), "test", &challenge, &err));
                FAILS(sv_attester_vtpm.evidence(a, sv_bytes(report_data, 48), challenge, &evidence,
                                                &note, &err),
                      SV_FORMAT, t[i].check);
        }
        sv_attester_vtpm.close(a);
}

/* The firmware's event log: of the largest size, one byte larger, and no file. */
static void event_logs(void **state)
{
        SV_STR path = sv_asprintf("%s/eventlog", ca_dir);
        struct sv_err err;

        need_swtpm();
        for (int more = 0; more < 3; more++) {
                SV_JSON *evidence = NULL;
                struct sv_note note = {""};
                void *a = NULL;

                OK(sv_file_write(path, 0600, sv_bytes_str("log"), &err));
                assert_int_equal(truncate(path, SV_EVENTLOG_SIZE_MAX + more), 0);
                OK(open_attester(more == 2 ? ca_dir : path, &a, &err));
                if (more == 0)
                        OK(sv_attester_vtpm.evidence(a, sv_bytes(report_data, 48), NULL, &evidence,
                                                     &note, &err));
                else
                        FAILS(sv_attester_vtpm.evidence(a, sv_bytes(report_data, 48), NULL,
                                                        &evidence, &note, &err),
                              more == 1 ? SV_FORMAT : SV_SYSTEM, "vtpm.eventlog");
                sv_attester_vtpm.close(a);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(errors),     cmocka_unit_test(changed_answers),
                cmocka_unit_test(requests),   cmocka_unit_test(number_of_keys),
                cmocka_unit_test(challenges), cmocka_unit_test(event_logs),
        };

        return cmocka_run_group_tests_name("tpm-answers", tests, group_setup, group_teardown);
}
