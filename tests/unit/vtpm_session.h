/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions with a real swtpm: what the tests of the vTPM loop share. */
#pragma once

#include <time.h>

#include "tests/unit/confirm.h"
#include "base/core/limits.h"
#include "base/crypto/x509.h"
#include "tests/unit/swtpm.h"
#include "vtpm/verify/challenge.h"
#include "vtpm/verify/credential.h"
#include "tee/measure.h"
#include "tee/verify.h"
#include "vtpm/guest/attester.h"
#include "vtpm/tee.h"
#include "vtpm/verify/evidence.h"
#include "vtpm/verify/template.h"
#include "vtpm/guest/tpm.h"

static struct swtpm tpm, other;
static char ca_dir[64], other_ca[64];
static struct sv_buf root_pem, issuer_pem, other_root_pem, other_issuer_pem;
static uint8_t report_data[48];
static int64_t now; /* the certificates are made in this run */

/* One session's outcome. */
struct session {
        struct sv_json *evidence;
        struct sv_secret *secret;
};

static void session_free(struct session *s)
{
        sv_json_free(s->evidence);
        sv_secret_free(s->secret);
}
#define SESSION __attribute__((cleanup(session_free))) struct session

static bool have_swtpm;

static void need_swtpm(void)
{
        if (!have_swtpm) {
                print_message("SKIP: no swtpm on this machine\n");
                skip();
        }
}

static void read_pem(const char *dir, const char *name, struct sv_buf *out)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);
        struct sv_err err;

        OK(sv_file_read(path, SV_PEM_SIZE_MAX, out, "test", &err));
}

static int group_setup(void **state)
{
        snprintf(ca_dir, sizeof(ca_dir), "/tmp/sv-ca-XXXXXX");
        snprintf(other_ca, sizeof(other_ca), "/tmp/sv-ca-XXXXXX");
        assert_non_null(mkdtemp(ca_dir));
        assert_non_null(mkdtemp(other_ca));
        memset(report_data, 0x5a, sizeof(report_data));
        have_swtpm = swtpm_start(&tpm, ca_dir, "demo:11111111-2222-3333-4444-555555555555") &&
                     swtpm_start(&other, other_ca, "other:99999999-2222-3333-4444-555555555555");
        now = time(NULL);
        if (have_swtpm) {
                read_pem(ca_dir, "swtpm-localca-rootca-cert.pem", &root_pem);
                read_pem(ca_dir, "issuercert.pem", &issuer_pem);
                read_pem(other_ca, "swtpm-localca-rootca-cert.pem", &other_root_pem);
                read_pem(other_ca, "issuercert.pem", &other_issuer_pem);
        }
        return 0;
}

static int group_teardown(void **state)
{
        struct sv_err err;

        swtpm_stop(&tpm);
        swtpm_stop(&other);
        OK(sv_remove_tree(ca_dir, &err));
        OK(sv_remove_tree(other_ca, &err));
        sv_buf_free(&root_pem);
        sv_buf_free(&issuer_pem);
        sv_buf_free(&other_root_pem);
        sv_buf_free(&other_issuer_pem);
        return 0;
}

/* hello -> challenge -> evidence, with this AK template (NULL: ours). */
static void run_session(struct swtpm *t, struct sv_bytes ak_template, const char *event_log,
                        struct session *out)
{
        struct sv_vtpm_attester_config config = {.device = t->device,
                                                 .event_log =
                                                         event_log ? event_log : "/nonexistent",
                                                 .ak_template = ak_template};
        SV_JSON *params = NULL;
        SV_JSON *challenge = NULL;
        void *state = NULL;
        struct sv_err err;

        memset(out, 0, sizeof(*out));
        OK(sv_vtpm_attester_open(&config, &state, &err));
        OK(sv_attester_vtpm.hello(state, &params, &err));
        assert_non_null(params);
        OK(make_challenge(params, &challenge, &out->secret, &err));
        assert_non_null(challenge);
        OK(sv_attester_vtpm.evidence(state, sv_bytes(report_data, sizeof(report_data)), challenge,
                                     &out->evidence, &(struct sv_note){""}, &err));
        sv_attester_vtpm.close(state);
}

/* The session that most tests change one thing in; made once (TPM keys take time), copied by text.
 */
static inline struct session *base_session(void)
{
        static struct session s;

        if (!s.evidence)
                run_session(&tpm, SV_BYTES_NULL, NULL, &s);
        return &s;
}

struct knobs {
        bool no_secret, no_root, no_issuer, other_ca, no_report_data, skip_signatures, any_root;
        const char *root;          /* in the place of the real one */
        struct sv_bytes event_log; /* beside the evidence, n_logs times */
        size_t n_logs;
        const uint8_t *report_data;
        int64_t time;
        struct sv_secret *secret;
};

static int verify_with(const struct sv_json *evidence, struct sv_secret *secret,
                       const struct knobs *k, struct sv_json **claims, struct sv_err *err)
{
        struct sv_blob list[4 + 2 * SV_VTPM_LOGS_MAX] = {0};
        struct sv_verify_in in = {.time = k->time ? k->time : now};
        size_t n = 0;

        if (!k->no_root) {
                strcpy(list[n].kind, "ek-root");
                list[n++].data = k->root ? sv_bytes_str(k->root)
                                         : sv_buf_bytes(k->other_ca ? &other_root_pem : &root_pem);
        }
        if (!k->no_issuer) {
                strcpy(list[n].kind, "ek-intermediate");
                list[n++].data = sv_buf_bytes(k->other_ca ? &other_issuer_pem : &issuer_pem);
        }
        if (!k->no_secret && secret) {
                strcpy(list[n].kind, "activation-secret");
                list[n++].data = sv_bytes(sv_secret_reveal(secret), sv_secret_size(secret));
        }
        for (size_t i = 0; i < k->n_logs; i++) {
                strcpy(list[n].kind, "event-log");
                list[n++].data = k->event_log;
        }
        in.skip_signatures = k->skip_signatures;
        in.any_root = k->any_root;
        in.collateral = (struct sv_collateral){list, n, NULL};
        if (!k->no_report_data)
                in.report_data = sv_bytes(k->report_data ? k->report_data : report_data,
                                          sizeof(report_data));
        return verify_and_confirm(&sv_tee_verify_vtpm, evidence, &in, claims, err);
}
