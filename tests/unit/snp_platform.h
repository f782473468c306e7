/* SPDX-License-Identifier: Apache-2.0 */
/* An SNP platform of the simulator's: its keys and certificates, evidence of one guest on it, and a
 * folder and a mirror with what AMD's server would have for it. */
#pragma once

#include "tests/teesim/signer.h"
#include "tests/unit/evidence.h"
#include "tests/unit/unit.h"

#include "base/core/file.h"
#include "sev/verify/evidence.h"
#include "sev/tee.h"

static struct amd_pki pki;
static struct sv_json *platform_state;
static const char *platform_dir;

static void platform_write(const char *name, struct sv_bytes data)
{
        SV_STR path = sv_asprintf("%s/%s", platform_dir, name);
        SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);
        struct sv_err err;

        OK(sv_mkdirs(folder, 0700, &err));
        OK(sv_file_write(path, 0600, data, &err));
}

static void platform_read(const char *name, struct sv_buf *out)
{
        SV_STR path = sv_asprintf("%s/%s", platform_dir, name);
        struct sv_err err;

        OK(sv_file_read(path, 1 << 20, out, "test", &err));
}

/* Over 48 bytes; without certificates, one byte of the report changed (SIZE_MAX: none). The caller
 * frees. */
static struct sv_json *platform_changed_evidence(const uint8_t binding[48], size_t changed)
{
        uint8_t data[64] = {0}, report[AMD_REPORT];
        struct sv_json *evidence;
        struct sv_err err;

        memcpy(data, binding, 48);
        amd_report(&pki, platform_state, data, 3, report);
        if (changed < sizeof(report))
                report[changed] ^= 1;
        OK(sv_snp_evidence_wrap(sv_bytes(report, sizeof(report)), &evidence, &err));
        return evidence;
}

static struct sv_json *platform_evidence(const uint8_t binding[48])
{
        return platform_changed_evidence(binding, SIZE_MAX);
}

/* Under the names that the row gives: folder/… and mirror/…. */
static void platform_fill(void)
{
        static const char *const files[][2] = {
                {"vek", "vcek.der"}, {"ca", "chain.pem"}, {"crl", "crl.der"}};
        const uint8_t any[48] = {0};
        SV_JSON *evidence = platform_evidence(any);
        SV_JSON *needs = sv_json_array();
        struct sv_err err;

        OK(needs_json(&sv_tee_verify_sev_snp, evidence, needs, &err));
        assert_int_equal(sv_json_len(needs), 3);
        for (size_t i = 0; i < 3; i++) {
                const struct sv_json *row = sv_json_at(needs, i);
                const char *url = sv_json_str(sv_json_get(row, "url"));
                SV_STR at_mirror = sv_asprintf("mirror%s", strchr(url + 8, '/'));
                SV_STR in_folder =
                        sv_asprintf("folder/%s", sv_json_str(sv_json_get(row, "offline")));
                SV_BUF data = SV_BUF_NULL;

                assert_string_equal(sv_json_str(sv_json_get(row, "kind")), files[i][0]);
                platform_read(files[i][1], &data);
                platform_write(at_mirror, sv_buf_bytes(&data));
                platform_write(in_folder, sv_buf_bytes(&data));
        }
}

static void platform_make(const char *dir)
{
        static const char text[] =
                "{\"outcome\":\"launched\",\"fw_error\":0,\"digest\":\"%096d\",\"host_data\":\"%"
                "064d\",\"family_id\":\"%032d\",\"image_id\":\"%032d\","
                "\"id_key_digest\":\"%096d\",\"author_key_digest\":\"%096d\",\"guest_svn\":0,"
                "\"policy\":196608,\"features\":1,\"vcpus\":1,"
                "\"id_block\":false,\"author_key\":false,\"vcek_disabled\":false}";
        SV_STR json = sv_asprintf(text, 1, 2, 0, 0, 0, 0);
        struct sv_err err;

        platform_dir = dir;
        OK(sv_json_parse(sv_bytes_str(json), "test", &platform_state, &err));
        amd_pki_make(amd_product("Milan"), &pki);
        amd_pki_save(&pki, dir);
        platform_fill();
}

static void platform_free(void)
{
        amd_pki_free(&pki);
        sv_json_free(platform_state);
}
