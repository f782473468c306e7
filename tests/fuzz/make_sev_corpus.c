/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the seeds of SNP's fuzz targets from keys generated here and the reports in the corpus:
 * make-sev-corpus DIR (tests/fuzz/corpus). Run by hand when formats change. */
#include "base/core/file.h"
#include "sev/verify/evidence.h"
#include "sev/measure/idblock.h"
#include "sev/measure/measure.h"
#include "tests/teesim/amdpki.h"
#include "tests/unit/unit.h"

static struct sv_err err;
static const char *dir;

static void save(const char *target, const char *name, struct sv_bytes data)
{
        SV_STR folder = sv_asprintf("%s/%s", dir, target);
        SV_STR path = sv_asprintf("%s/%s", folder, name);

        OK(sv_mkdirs(folder, 0755, &err));
        OK(sv_file_write(path, 0644, data, &err));
        if (strcmp(target, "sev-inspect")) /* which takes them all */
                save("sev-inspect", name, data);
}

static void make_vek(const char *product, struct sv_buf *der)
{
        char tmp[] = "/tmp/sev-corpus.XXXXXX";
        struct amd_pki pki;
        SV_STR path = NULL;

        assert_non_null(mkdtemp(tmp));
        amd_pki_make(amd_product(product), &pki);
        amd_pki_save(&pki, tmp);
        amd_pki_free(&pki);
        path = sv_asprintf("%s/vcek.der", tmp);
        OK(sv_file_read(path, 1 << 16, der, "corpus", &err));
        OK(sv_remove_tree(tmp, &err));
        save("sev-vek", product, sv_buf_bytes(der));
}

static void id_blocks(void)
{
        static const uint8_t digest[48] = {1};
        SV_KEY *key = sv_key_generate(SV_KEY_P384, 0, &err),
               *author = sv_key_generate(SV_KEY_P384, 0, &err);
        const struct sv_id_in in[] = {
                {.launch_digest = sv_bytes(digest, 48)},
                {.launch_digest = sv_bytes(digest, 48), .key = key},
                {.launch_digest = sv_bytes(digest, 48), .key = key, .author = author}};
        static const char *const names[] = {"anonymous", "id-key", "author-key"};

        for (int i = 0; i < 3; i++) {
                struct sv_id_out made = {0};
                SV_BUF both = SV_BUF_NULL;

                OK(sv_sev_id_block(&in[i], &made, &err));
                sv_buf_put(&both, sv_buf_bytes(&made.block));
                sv_buf_put(&both, sv_buf_bytes(&made.auth));
                save("sev-idblock", names[i], sv_buf_bytes(&both));
                save("sev-inspect", "id-block", sv_buf_bytes(&made.block));
                save("sev-inspect", "id-auth", sv_buf_bytes(&made.auth));
                sv_id_out_free(&made);
        }
}

/* Short certificates: an array of integers is long enough as it is. */
static void evidence(const char *name, const struct sv_cert_table *certs)
{
        SV_STR path = sv_asprintf("%s/sev-report/%s", dir, name);
        SV_STR json = sv_asprintf("evidence-%s", name);
        SV_BUF raw = SV_BUF_NULL, text = SV_BUF_NULL;
        SV_JSON *j = NULL;

        OK(sv_file_read(path, 1 << 16, &raw, "corpus", &err));
        OK(sv_snp_evidence_write(sv_buf_bytes(&raw), certs, &j, &err));
        sv_json_print(j, &text);
        save("sev-evidence", json, sv_buf_bytes(&text));
        save("sev-inspect", name, sv_buf_bytes(&raw));
}

static void hcl(void)
{
        static const char json[] = "{\"keys\":[],\"vm-configuration\":{\"secure-boot\":true}}";
        SV_STR path = sv_asprintf("%s/sev-report/v3", dir);
        SV_BUF raw = SV_BUF_NULL, out = SV_BUF_NULL;

        OK(sv_file_read(path, 1 << 16, &raw, "corpus", &err));
        sv_buf_puts(&out, "HCLA");
        sv_buf_grow(&out, 28);
        sv_buf_put(&out, sv_buf_bytes(&raw));
        sv_buf_u32le(&out, 20 + sizeof(json) - 1);
        sv_buf_u32le(&out, 1);
        sv_buf_u32le(&out, 2);
        sv_buf_u32le(&out, 1);
        sv_buf_u32le(&out, sizeof(json) - 1);
        sv_buf_puts(&out, json);
        sv_buf_grow(&out, 16);
        save("sev-hcl", "hcl", sv_buf_bytes(&out));
}

static void igvm(void)
{
        SV_STR path = sv_asprintf("%s/sev-igvm/small", dir);
        SV_BUF raw = SV_BUF_NULL;

        OK(sv_file_read(path, 1 << 16, &raw, "corpus", &err));
        save("sev-inspect", "igvm", sv_buf_bytes(&raw));
}

int main(int argc, char **argv)
{
        SV_BUF milan = SV_BUF_NULL, turin = SV_BUF_NULL, table = SV_BUF_NULL;
        struct sv_cert_table small = {
                .n = 2,
                .list = {{.kind = SV_CERT_VCEK, .data = sv_bytes("\x30\x00", 2)},
                         {.kind = SV_CERT_OTHER, .guid = {7}, .data = sv_bytes("x", 1)}}};
        struct sv_cert_table full = {.n = 2};

        if (argc != 2)
                return 2;
        dir = argv[1];
        make_vek("Milan", &milan);
        make_vek("Turin", &turin);
        full.list[0] = (struct sv_cert_entry){.kind = SV_CERT_VCEK, .data = sv_buf_bytes(&milan)};
        full.list[1] = (struct sv_cert_entry){.kind = SV_CERT_CRL, .data = sv_bytes("crl", 3)};
        OK(sv_cert_table_write(&full, &table, &err));
        save("sev-certtable", "vcek", sv_buf_bytes(&table));
        sv_buf_clear(&table);
        OK(sv_cert_table_write(&small, &table, &err));
        save("sev-certtable", "table", sv_buf_bytes(&table));
        id_blocks();
        evidence("v3", NULL);
        evidence("v5-turin", &small);
        hcl();
        igvm();
        return 0;
}
