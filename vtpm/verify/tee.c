/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual TPM's row of attest/tees-verify.c. */
#include "vtpm/tee.h"

#include "vtpm/verify/challenge.h"
#include "vtpm/verify/tee.h"
#include "vtpm/verify/verify.h"

/* The certificates come with the evidence and with the policy: nothing is fetched. */
static int need_nothing(const struct sv_evidence *e, struct sv_json *out, struct sv_err *err)
{
        return 0;
}

static const struct sv_trust_kind trust_kinds[] = {
        {"ek_roots", "ek-root"},
        {"ek_intermediates", "ek-intermediate"},
        {NULL, NULL},
};

static const char *const takes[] = {"ek-root", "event-log", NULL};

static const char *const may_warn[] = {
        "/pcrs/sha256/0", "/pcrs/sha256/1", "/pcrs/sha256/2", "/pcrs/sha256/3", "/pcrs/sha256/4",
        "/pcrs/sha256/5", "/pcrs/sha256/6", "/pcrs/sha256/7", "/pcrs/sha256/9", NULL,
};

static const char *const tells_guest[] = {
        "/ek", "/ak", "/pcrs/sha256/4", "/pcrs/sha256/8", "/pcrs/sha256/9", NULL};

const struct sv_tee_verify sv_tee_verify_vtpm = {
        .id = &sv_tee_vtpm,
        .init_data = "/pcrs/sha256/8",
        .init_data_size = 32,
        .init_data_extends = true,
        .mark = "tpm_quote",
        .open = sv_vtpm_open,
        .close = sv_vtpm_close,
        .needs = need_nothing,
        .verify = sv_vtpm_verify,
        .confirm = sv_vtpm_confirm,
        .confirm_root = sv_vtpm_confirm_root,
        .check_anchor = sv_vtpm_check_anchor,
        .hello = sv_vtpm_read_hello,
        .challenge = sv_vtpm_challenge,
        .secret_kind = SV_VTPM_ACTIVATION_KIND,
        .may_warn = may_warn,
        .tells_guest = tells_guest,
        .takes = takes,
        .trust = trust_kinds,
        .strict = sv_vtpm_strict,
};
