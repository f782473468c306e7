/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the seeds of the vTPM fuzz targets from a real swtpm: make-vtpm-corpus DIR
 * (tests/fuzz/corpus). Run by hand when formats change. */
#include "base/core/encoding.h"
#include "base/crypto/x509.h"
#include "tests/unit/swtpm.h"
#include "tee/verify.h"
#include "vtpm/guest/attester.h"
#include "vtpm/tee.h"

static void save(const char *dir, const char *target, const char *name, struct sv_bytes data)
{
        SV_STR folder = sv_asprintf("%s/%s", dir, target);
        SV_STR path = sv_asprintf("%s/%s", folder, name);
        struct sv_err err;

        OK(sv_mkdirs(folder, 0755, &err));
        OK(sv_file_write(path, 0644, data, &err));
}

static void save_b64(const char *dir, const char *target, const char *name,
                     const struct sv_json *obj, const char *member)
{
        SV_BUF b = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_json_need_b64(obj, member, &b, "corpus", &err));
        save(dir, target, name, sv_buf_bytes(&b));
}

int main(int argc, char **argv)
{
        static const uint8_t report_data[48];
        struct sv_vtpm_attester_config config = {.event_log = "/nonexistent"};
        char ca[] = "/tmp/sv-ca-XXXXXX";
        SV_JSON *params = NULL;
        SV_JSON *challenge = NULL;
        SV_JSON *evidence = NULL;
        SV_SECRET *secret = NULL;
        SV_BUF text = SV_BUF_NULL, der = SV_BUF_NULL;
        struct sv_bytes san;
        struct swtpm t;
        void *state = NULL;
        struct sv_err err;

        if (argc != 2 || !mkdtemp(ca) ||
            !swtpm_start(&t, ca, "fuzz:00000000-0000-0000-0000-000000000000"))
                return 2;
        config.device = t.device;
        OK(sv_vtpm_attester_open(&config, &state, &err));
        OK(sv_attester_vtpm.hello(state, &params, &err));
        OK(sv_tee_verify_vtpm.challenge(params, &challenge, &secret, &err));
        OK(sv_attester_vtpm.evidence(state, sv_bytes(report_data, sizeof(report_data)), challenge,
                                     &evidence, &(struct sv_note){""}, &err));
        sv_attester_vtpm.close(state);
        sv_json_print(evidence, &text);
        save(argv[1], "vtpm-evidence", "swtpm", sv_buf_bytes(&text));
        save_b64(argv[1], "tpm-attest", "sha256", sv_json_get(evidence, "tpm_quote"), "message");
        save_b64(argv[1], "tpm-attest", "sha384", sv_json_get(evidence, "tpm_quote_sha384"),
                 "message");
        save_b64(argv[1], "tpm-signature", "rsassa", sv_json_get(evidence, "tpm_quote"),
                 "signature");
        save_b64(argv[1], "tpm-public", "ak", evidence, "ak_tpm2b");
        OK(sv_unbase64(sv_bytes_str(sv_json_str(sv_json_at(sv_json_get(evidence, "ek_certs"), 0))),
                       &der, "corpus", &err));
        SV_CERT *ek = sv_cert_from_der(sv_buf_bytes(&der), "corpus", &err);
        if (!ek || !sv_cert_ext(ek, "2.5.29.17", &san))
                return 1;
        save(argv[1], "vtpm-san", "swtpm", san);
        swtpm_stop(&t);
        OK(sv_remove_tree(ca, &err));
        return 0;
}
