/* teesim-signer pki DIR [PRODUCT]                            a new test PKI, named as AMD's (default Milan)
 * teesim-signer serve DIR STATE.json SOCKET                      reports and derived keys for the guest at the socket, until killed
 * teesim-signer report DIR STATE.json REPORT_DATA OUT [VERSION]  a signed report over 64 bytes (hex; shorter: zeros follow) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
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

static int make_report(const char *dir, const char *state_path, const char *hex, const char *out, unsigned version)
{
        struct amd_pki pki = {0};
        struct sv_err err = SV_ERR_NULL;
        SV_BUF text = SV_BUF_NULL, data = SV_BUF_NULL;
        SV_JSON *state = NULL;
        uint8_t report[AMD_REPORT], report_data[64] = {0};

        if (version < 2 || version > 5 || sv_unhex(sv_bytes_str(hex), &data, "report_data", &err) < 0 || data.n > sizeof(report_data)) {
                fprintf(stderr, "teesim-signer: expected a version from 2 to 5 and at most 64 bytes of hex\n");
                return 2;
        }
        memcpy(report_data, data.p, data.n);
        if (sv_file_read(state_path, 1 << 20, &text, "state", &err) < 0 || sv_json_parse(sv_buf_bytes(&text), "state", &state, &err) < 0)
                return failed(&err);
        amd_pki_load_signer(dir, &pki);
        amd_report(&pki, state, report_data, version, report);
        amd_pki_free(&pki);
        return sv_file_write(out, 0644, sv_bytes(report, sizeof(report)), &err) < 0 ? failed(&err) : 0;
}

int main(int argc, char **argv)
{
        if ((argc == 3 || argc == 4) && !strcmp(argv[1], "pki"))
                return make_pki(argv[2], argc == 4 ? argv[3] : "Milan");
        if ((argc == 6 || argc == 7) && !strcmp(argv[1], "report"))
                return make_report(argv[2], argv[3], argv[4], argv[5], argc == 7 ? (unsigned)strtoul(argv[6], NULL, 10) : 3);
        if (argc == 5 && !strcmp(argv[1], "serve")) {
                struct sv_err err = SV_ERR_NULL;

                amd_serve(argv[2], argv[3], argv[4], 3, &err);
                return failed(&err);
        }
        fprintf(stderr, "usage: %s pki DIR [PRODUCT]\n       %s serve DIR STATE.json SOCKET\n       %s report DIR STATE.json REPORT_DATA_HEX OUT [VERSION]\n", argv[0], argv[0], argv[0]);
        return 2;
}
