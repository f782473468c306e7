/* SPDX-License-Identifier: Apache-2.0 */
/* teesim-signer pki DIR [PRODUCT]                            a new test PKI, named as AMD's
 * (default Milan) teesim-signer serve DIR STATE.json SOCKET [device]             reports and
 * derived keys for the guest at the socket, until killed teesim-signer id-block DIGEST POLICY
 * PREFIX [author]            PREFIX.id-block and PREFIX.id-auth, signed by new keys teesim-signer
 * report DIR STATE.json REPORT_DATA OUT [VERSION]  a signed report over 64 bytes (hex; shorter:
 * zeros follow) teesim-signer intel DIR [NAME=VALUE...]                        a new test PKI and
 * collateral, named as Intel's: platform=STATUS, module=STATUS, qe=STATUS, revoked=pck, revoked=ca,
 * ca=processor teesim-signer keyless FIRMWARE OUT                             the image with an
 * empty variable store: no Secure Boot teesim-signer ccel STATE.json FIRMWARE KERNEL INITRD CMDLINE
 * OUT   the event log of a TD that boots these teesim-signer serve-td DIR STATE.json CCEL SOCKET
 * quotes for the guest at the socket, until killed teesim-signer serve-qgs DIR SOCKET HOW a TD
 * host's quote service that HOW: sign, refuse or silent, until killed teesim-signer quote DIR
 * STATE.json CCEL REPORT_DATA OUT        a quote over at most 64 bytes */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "tests/teesim/intelpki.h"
#include "tests/teesim/cbit.h"
#include "tests/teesim/signer.h"

static int failed(const struct sv_err *err)
{
        fprintf(stderr, "teesim-signer: %s: %s\n", err->check, err->msg);
        return 1;
}

static int make_pki(const char *dir, const char *product)
{
        struct amd_pki pki = {0};
        struct sv_err err = SV_ERR_NULL;

        if (!amd_product(product)) {
                fprintf(stderr, "teesim-signer: products are Milan, Genoa and Turin\n");
                return 2;
        }
        if (sv_mkdirs(dir, 0700, &err) < 0)
                return failed(&err);
        amd_pki_make(amd_product(product), &pki);
        amd_pki_save(&pki, dir);
        amd_pki_free(&pki);
        return 0;
}

static int make_report(const char *dir, const char *state_path, const char *hex, const char *out,
                       unsigned version)
{
        struct amd_pki pki = {0};
        struct sv_err err = SV_ERR_NULL;
        SV_BUF text = SV_BUF_NULL, data = SV_BUF_NULL;
        SV_JSON *state = NULL;
        uint8_t report[AMD_REPORT], report_data[64] = {0};

        if (version < 2 || version > 5 ||
            sv_unhex(sv_bytes_str(hex), &data, "report_data", &err) < 0 ||
            data.n > sizeof(report_data)) {
                fprintf(stderr, "teesim-signer: expected a version from 2 to 5 and at most 64 "
                                "bytes of hex\n");
                return 2;
        }
        memcpy(report_data, data.p, data.n);
        if (sv_file_read(state_path, 1 << 20, &text, "state", &err) < 0 ||
            sv_json_parse(sv_buf_bytes(&text), "state", &state, &err) < 0)
                return failed(&err);
        amd_pki_load_signer(dir, &pki);
        amd_report(&pki, state, report_data, version, report);
        amd_pki_free(&pki);
        return sv_file_write(out, 0644, sv_bytes(report, sizeof(report)), &err) < 0 ? failed(&err)
                                                                                    : 0;
}

static int make_id_block(const char *digest, const char *policy, const char *prefix, bool author)
{
        SV_STR block_path = sv_asprintf("%s.id-block", prefix);
        SV_STR auth_path = sv_asprintf("%s.id-auth", prefix);
        struct amd_id id = {.policy = strtoull(policy, NULL, 0),
                            .family_id = "family",
                            .image_id = "image",
                            .guest_svn = 7};
        uint8_t block[AMD_ID_BLOCK], auth[AMD_ID_AUTH];
        EVP_PKEY *key = amd_p384(), *author_key = author ? amd_p384() : NULL;
        struct sv_err err = SV_ERR_NULL;
        SV_BUF raw = SV_BUF_NULL;
        int r = sv_unhex(sv_bytes_str(digest), &raw, "digest", &err);

        if (r == 0 && raw.n != sizeof(id.digest))
                r = sv_fail(&err, SV_USAGE, "digest", "expected 48 bytes of hex");
        if (r == 0) {
                memcpy(id.digest, raw.p, sizeof(id.digest));
                amd_id_block(&id, key, author_key, block, auth);
        }
        EVP_PKEY_free(key);
        EVP_PKEY_free(author_key);
        if (r < 0 || sv_file_write(block_path, 0644, sv_bytes(block, sizeof(block)), &err) < 0 ||
            sv_file_write(auth_path, 0644, sv_bytes(auth, sizeof(auth)), &err) < 0)
                return failed(&err);
        return 0;
}

/* --- TDX --- */

static const char *value_of(const char *arg, const char *name)
{
        size_t n = strlen(name);

        return !strncmp(arg, name, n) && arg[n] == '=' ? arg + n + 1 : NULL;
}

static int make_intel(const char *dir, char **args)
{
        struct intel_options o = {.fmspc = {0x50, 0x80, 0x6f}};
        struct intel_pki pki = {0};
        struct sv_err err = SV_ERR_NULL;

        for (; *args; args++) {
                const struct {
                        const char *name, **to;
                } texts[] = {{"platform", &o.platform}, {"module", &o.module}, {"qe", &o.qe}};
                bool known = !strcmp(*args, "revoked=pck") || !strcmp(*args, "revoked=ca") ||
                             !strcmp(*args, "ca=processor");

                for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                        if (value_of(*args, texts[i].name)) {
                                *texts[i].to = value_of(*args, texts[i].name);
                                known = true;
                        }
                if (!known) {
                        fprintf(stderr, "teesim-signer: %s is no option of a test PKI\n", *args);
                        return 2;
                }
                o.pck_revoked |= !strcmp(*args, "revoked=pck");
                o.ca_revoked |= !strcmp(*args, "revoked=ca");
                o.processor |= !strcmp(*args, "ca=processor");
        }
        if (sv_mkdirs(dir, 0700, &err) < 0)
                return failed(&err);
        intel_pki_make(&o, &pki);
        intel_pki_save(&pki, &o, dir);
        intel_pki_free(&pki);
        return 0;
}

static int read_state(const char *path, struct sv_json **state, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        return sv_file_read(path, 1 << 20, &text, "state", err) < 0
                       ? -1
                       : sv_json_parse(sv_buf_bytes(&text), "state", state, err);
}

static int make_ccel(char **args)
{
        SV_BUF firmware = SV_BUF_NULL, kernel = SV_BUF_NULL, initrd = SV_BUF_NULL,
               log = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *state = NULL;
        struct td_boot b;

        if (read_state(args[0], &state, &err) < 0 ||
            sv_file_read(args[1], 16 << 20, &firmware, "firmware", &err) < 0 ||
            sv_file_read(args[2], 256 << 20, &kernel, "kernel", &err) < 0 ||
            sv_file_read(args[3], 1 << 30, &initrd, "initrd", &err) < 0)
                return failed(&err);
        b = (struct td_boot){state, sv_buf_bytes(&firmware), sv_buf_bytes(&kernel),
                             sv_buf_bytes(&initrd), args[4]};
        td_ccel(&b, &log);
        return sv_file_write(args[5], 0644, sv_buf_bytes(&log), &err) < 0 ? failed(&err) : 0;
}

static int make_keyless(const char *in, const char *out)
{
        SV_BUF firmware = SV_BUF_NULL, changed = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;

        if (sv_file_read(in, 16 << 20, &firmware, "firmware", &err) < 0)
                return failed(&err);
        td_keyless(sv_buf_bytes(&firmware), &changed);
        return sv_file_write(out, 0644, sv_buf_bytes(&changed), &err) < 0 ? failed(&err) : 0;
}

static int make_quote(char **args)
{
        struct intel_quote q = {.version = 4, .type = 2};
        struct intel_signer keys = {0};
        uint8_t rtmr[4][INTEL_MR];
        SV_BUF ccel = SV_BUF_NULL, data = SV_BUF_NULL, out = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *state = NULL;

        if (read_state(args[1], &state, &err) < 0 ||
            sv_file_read(args[2], 1 << 20, &ccel, "ccel", &err) < 0 ||
            intel_replay(sv_buf_bytes(&ccel), rtmr, &err) < 0 ||
            sv_unhex(sv_bytes_str(args[3]), &data, "report_data", &err) < 0)
                return failed(&err);
        if (data.n > sizeof(q.report_data)) {
                fprintf(stderr, "teesim-signer: expected at most 64 bytes of hex\n");
                return 2;
        }
        memcpy(q.report_data, data.p, data.n);
        q.state = state;
        q.rtmr = rtmr;
        intel_signer_load(args[0], &keys);
        intel_quote(&keys, &q, &out);
        intel_signer_free(&keys);
        return sv_file_write(args[4], 0644, sv_buf_bytes(&out), &err) < 0 ? failed(&err) : 0;
}

static int usage(const char *name)
{
        fprintf(stderr,
                "usage: %s pki DIR [PRODUCT]\n       %s id-block DIGEST POLICY PREFIX [author]\n   "
                "    %s serve DIR STATE.json SOCKET\n       %s report DIR STATE.json "
                "REPORT_DATA_HEX OUT [VERSION]\n"
                "       %s intel DIR [NAME=VALUE...]\n       %s keyless FIRMWARE OUT\n       %s "
                "ccel STATE.json FIRMWARE KERNEL INITRD CMDLINE OUT\n"
                "       %s serve-td DIR STATE.json CCEL SOCKET\n       %s serve-qgs DIR SOCKET "
                "sign|refuse|silent\n       %s quote DIR STATE.json CCEL REPORT_DATA_HEX OUT\n"
                "       %s c-bit\n",
                name, name, name, name, name, name, name, name, name, name, name);
        return 2;
}

int main(int argc, char **argv)
{
        const char *command = argc > 1 ? argv[1] : "";
        struct sv_err err = SV_ERR_NULL;

        if ((argc == 3 || argc == 4) && !strcmp(command, "pki"))
                return make_pki(argv[2], argc == 4 ? argv[3] : "Milan");
        if ((argc == 5 || argc == 6) && !strcmp(command, "id-block"))
                return make_id_block(argv[2], argv[3], argv[4], argc == 6);
        if ((argc == 6 || argc == 7) && !strcmp(command, "report"))
                return make_report(argv[2], argv[3], argv[4], argv[5],
                                   argc == 7 ? (unsigned)strtoul(argv[6], NULL, 10) : 3);
        if ((argc == 5 || argc == 6) && !strcmp(command, "serve")) {
                amd_serve(argv[2], argv[3], argv[4], argc == 6 && !strcmp(argv[5], "device"), &err);
                return failed(&err);
        }
        if (argc >= 3 && !strcmp(command, "intel"))
                return make_intel(argv[2], argv + 3);
        if (argc == 4 && !strcmp(command, "keyless"))
                return make_keyless(argv[2], argv[3]);
        if (argc == 8 && !strcmp(command, "ccel"))
                return make_ccel(argv + 2);
        if (argc == 7 && !strcmp(command, "quote"))
                return make_quote(argv + 2);
        if (argc == 2 && !strcmp(command, "c-bit"))
                return printf("%u\n", teesim_c_bit()) < 0;
        if (argc == 6 && !strcmp(command, "serve-td")) {
                intel_serve(argv[2], argv[3], argv[4], argv[5], &err);
                return failed(&err);
        }
        if (argc == 5 && !strcmp(command, "serve-qgs")) {
                intel_serve_qgs(argv[2], argv[3], argv[4], &err);
                return failed(&err);
        }
        return usage(argv[0]);
}
