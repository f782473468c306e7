/* SPDX-License-Identifier: Apache-2.0 */
/* SEV-SNP's row of attest/tees-verify.c. */
#include "sev/tee.h"

#include <stdlib.h>

#include "sev/verify/cached.h"
#include "sev/verify/floor.h"
#include "sev/verify/opened.h"
#include "sev/verify/tee.h"

static const struct sv_trust_kind trust_kinds[] = {
        {"ark_roots", "ark-root"},
        {NULL, NULL},
};

static void close_snp_evidence(struct sv_evidence *evidence)
{
        struct sv_snp_opened *o = (struct sv_snp_opened *)evidence;

        sv_snp_evidence_free(&o->e);
        free(o);
}

static int open_snp_evidence(const struct sv_json *evidence, struct sv_evidence **out,
                             struct sv_err *err)
{
        struct sv_snp_opened *o = calloc(1, sizeof(*o));

        if (!o)
                return sv_fail_errno(err, "base.memory", "no memory for evidence");
        if (sv_snp_evidence_read(evidence, &o->e, err) < 0 ||
            sv_report_parse(sv_bytes(o->e.report, SV_REPORT_SIZE), &o->report, err) < 0) {
                close_snp_evidence(&o->head);
                return -1;
        }
        *out = &o->head;
        return 0;
}

static const char *const makers[] = {"https://kdsintf.amd.com/", NULL};
static const char *const takes[] = {"vek", "ca", "crl", NULL};

static const char *const may_warn[] = {
        "/measurement",
        "/guest_svn",
        "/family_id",
        "/image_id",
        "/policy_bits/smt",
        "/reported_tcb",
        "/committed_tcb",
        "/launch_tcb",
        "/committed_firmware",
        "/current_mit_vector",
        "/launch_mit_vector",
        "/platform_info",
        "/chip_id",
        "/tcb",
        NULL,
};

static const char *const tells_guest[] = {"/measurement", "/host_data", "/id_key_digest",
                                          "/author_key_digest", NULL};

const struct sv_tee_verify sv_tee_verify_sev_snp = {
        .id = &sv_tee_sev_snp,
        .mark = "attestation_report",
        .platform = "/chip_id",
        .measurement = "/measurement",
        .init_data = "/host_data",
        .init_data_size = 32,
        .measurement_covers = "executables",
        .measurement_says = "what was launched is what --measurement says",
        .open = open_snp_evidence,
        .close = close_snp_evidence,
        .needs = sv_snp_needs,
        .makers = makers,
        .wrap = sv_snp_evidence_wrap,
        .verify = sv_snp_tee_verify,
        .confirm = sv_snp_confirm,
        .confirm_root = sv_snp_confirm_root,
        .check_anchor = sv_snp_check_anchor,
        .accept_shared = sv_snp_cache_accept,
        .may_warn = may_warn,
        .tells_guest = tells_guest,
        .takes = takes,
        .trust = trust_kinds,
        .floor = sv_snp_floor,
        .strict = sv_snp_strict,
};
