/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/guest/attester.h"

#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "sev/verify/certtable.h"
#include "sev/verify/evidence.h"
#include "sev/tee.h"
#include "sev/verify/report.h"

#define PROVIDER "sev_guest"

/* A machine may have the directory for another vendor's reports: its provider says. */
static bool has_snp_tsm(const struct sv_tsm *tsm)
{
        const char *root = tsm && tsm->root ? tsm->root : SV_TSM_ROOT;
        char name[32];

        if (!(tsm && tsm->ops) && access(root, W_OK) < 0)
                return false;
        return sv_tsm_provider(tsm, name, NULL) == 0 && !strcmp(name, PROVIDER);
}

static bool is_snp_guest(void)
{
        return access(SV_SNP_DEVICE, F_OK) == 0 || has_snp_tsm(NULL);
}

/* VMPL 0 where the caller has no choice of its own: configfs-tsm asks for the guest's own level by
 * itself, and so does a guest that is alone in its machine. Under an SVSM only configfs-tsm works.
 */
static int get_report(const struct sv_snp_guest *g, struct sv_bytes data, struct sv_buf *report,
                      struct sv_buf *certs, struct sv_err *err)
{
        SV_TSM_REPORT r = {0};

        if (!has_snp_tsm(g ? g->tsm : NULL))
                return sv_snp_dev_report(g ? g->dev : NULL, data, g ? g->vmpl : 0, report, certs,
                                         err);
        if (sv_tsm_get(g ? g->tsm : NULL, PROVIDER,
                       g && g->has_vmpl ? (int)g->vmpl : SV_TSM_NO_LEVEL, data, &r, err) < 0)
                return -1;
        sv_buf_put(report, sv_buf_bytes(&r.outblob));
        sv_buf_put(certs, sv_buf_bytes(&r.auxblob));
        return sv_buf_ok(report, "the report", err) < 0 ? -1
                                                        : sv_buf_ok(certs, "the certificates", err);
}

int sv_snp_guest_evidence(const struct sv_snp_guest *guest, struct sv_bytes report_data,
                          struct sv_json **evidence, struct sv_err *err)
{
        uint8_t data[SV_SNP_REPORT_DATA] = {0};
        SV_BUF report = {.max = SV_TSM_BLOB_MAX}, certs = {.max = SV_SNP_CERT_TABLE_MAX};
        struct sv_cert_table table = {.n = 0};
        struct sv_report r;

        if (report_data.n < 32 || report_data.n > sizeof(data))
                return sv_fail(err, SV_USAGE, "snp.guest.report-data",
                               "expected 32 to %zu bytes of report data, found %zu", sizeof(data),
                               report_data.n);
        memcpy(data, report_data.p, report_data.n);
        if (get_report(guest, sv_bytes(data, sizeof(data)), &report, &certs, err) < 0 ||
            sv_report_parse(sv_buf_bytes(&report), &r, err) < 0)
                return -1;
        if (memcmp(r.report_data, data, sizeof(data)))
                return sv_fail(
                        err, SV_SYSTEM, "snp.guest.stale",
                        "the report is over other data than was asked for: somebody else's answer");
        if (guest && guest->has_vmpl && r.vmpl != guest->vmpl)
                return sv_fail(err, SV_SYSTEM, "snp.guest.vmpl",
                               "expected a report of VMPL %u, found one of VMPL %u", guest->vmpl,
                               (unsigned)r.vmpl);
        /* Certificates are a convenience: the verifier can get them elsewhere. What the host gives
         * broken is not passed on. */
        if (sv_cert_table_parse(sv_buf_bytes(&certs), &table, NULL) < 0)
                table.n = 0;
        return sv_snp_evidence_write(sv_buf_bytes(&report), &table, evidence, err);
}

static int get_snp_evidence(void *state, struct sv_bytes report_data,
                            const struct sv_json *challenge, struct sv_json **evidence,
                            struct sv_note *note, struct sv_err *err)
{
        return sv_snp_guest_evidence(NULL, report_data, evidence, err);
}

static int get_snp_evidence_at(void *state, unsigned level, struct sv_bytes report_data,
                               struct sv_json **evidence, struct sv_err *err)
{
        return sv_snp_guest_evidence(&(struct sv_snp_guest){.has_vmpl = true, .vmpl = level},
                                     report_data, evidence, err);
}

/* --- derived keys (AMD 56860, MSG_KEY_REQ) --- */

/* GUEST_FIELD_SELECT: "measurement,policy". What is not mixed in does not change the key. */
static int parse_mix(const char *text, uint64_t *fields, struct sv_err *err)
{
        static const struct {
                const char *name;
                uint64_t bit;
        } known[] = {
                {"policy", SV_SNP_KEY_POLICY},
                {"image-id", SV_SNP_KEY_IMAGE_ID},
                {"family-id", SV_SNP_KEY_FAMILY_ID},
                {"measurement", SV_SNP_KEY_MEASUREMENT},
                {"svn", SV_SNP_KEY_SVN},
                {"tcb", SV_SNP_KEY_TCB},
        };

        for (size_t n; *text; text += n + (text[n] == ',')) {
                uint64_t bit = 0;

                n = strcspn(text, ",");
                for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                        if (strlen(known[i].name) == n && !strncmp(known[i].name, text, n))
                                bit = known[i].bit;
                if (!bit)
                        return sv_fail(err, SV_USAGE, "snp.derive.mix",
                                       "policy, image-id, family-id, measurement, svn or tcb was "
                                       "expected, found \"%.*s\"",
                                       (int)(n < 40 ? n : 40), text);
                *fields |= bit;
        }
        return 0;
}

static int parse_number_option(const struct sv_json *options, const char *name, uint64_t max,
                               uint64_t *out, const char *check, struct sv_err *err)
{
        const char *text = sv_json_str(sv_json_get(options, name));

        return text ? sv_parse_u64(text, max, out, check, err) : 0;
}

int sv_snp_guest_derive(const struct sv_snp_guest *guest, const struct sv_json *options,
                        struct sv_secret **key, struct sv_err *err)
{
        const char *root = sv_json_str(sv_json_get(options, "root")),
                   *mix = sv_json_str(sv_json_get(options, "mix"));
        uint64_t vmpl = 0, svn = 0, tcb = 0;
        struct sv_snp_key k = {0};

        if (root && strcmp(root, "vcek") && strcmp(root, "vmrk"))
                return sv_fail(err, SV_USAGE, "snp.derive.root",
                               "vcek or vmrk was expected as root, found \"%.40s\"", root);
        if (parse_mix(mix ? mix : "measurement,policy", &k.fields, err) < 0 ||
            parse_number_option(options, "vmpl", 3, &vmpl, "snp.derive.vmpl", err) < 0 ||
            parse_number_option(options, "svn", UINT32_MAX, &svn, "snp.derive.svn", err) < 0 ||
            parse_number_option(options, "tcb", UINT64_MAX, &tcb, "snp.derive.tcb", err) < 0)
                return -1;
        if (svn && !(k.fields & SV_SNP_KEY_SVN))
                return sv_fail(err, SV_USAGE, "snp.derive.svn",
                               "the security version counts only when svn is mixed in");
        if (tcb && !(k.fields & SV_SNP_KEY_TCB))
                return sv_fail(err, SV_USAGE, "snp.derive.tcb",
                               "the TCB counts only when tcb is mixed in");
        k.vmrk = root && !strcmp(root, "vmrk");
        k.vmpl = (unsigned)vmpl;
        k.svn = (uint32_t)svn;
        k.tcb = tcb;
        *key = sv_snp_dev_derive(guest ? guest->dev : NULL, &k, err);
        return *key ? 0 : -1;
}

static int derive_snp_key(const struct sv_json *options, struct sv_secret **key, struct sv_err *err)
{
        return sv_snp_guest_derive(NULL, options, key, err);
}

/* No seal: SNP has no register that a guest extends, and the firmware answers any process that may
 * open the device, for as long as the machine runs. The key is bound to the launch, firmware to
 * command line, and everything that the launch starts is trusted with it; who becomes root later in
 * this boot can ask again. The manual of the agent says so. */
const struct sv_attester sv_attester_sev_snp = {
        .id = &sv_tee_sev_snp,
        .present = is_snp_guest,
        .evidence = get_snp_evidence,
        .evidence_at = get_snp_evidence_at,
        .derive = derive_snp_key,
};
