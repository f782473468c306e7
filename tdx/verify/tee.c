/* SPDX-License-Identifier: Apache-2.0 */
/* TDX's row of attest/tees-verify.c. */
#include "tdx/tee.h"

#include <stdlib.h>

#include "tdx/verify/cached.h"
#include "tdx/verify/opened.h"
#include "tdx/verify/tee.h"

static const struct sv_trust_kind trust_kinds[] = {
        {"sgx_roots", "sgx-root"},
        {NULL, NULL},
};

static void close_td_evidence(struct sv_evidence *evidence)
{
        struct sv_tdx_opened *o = (struct sv_tdx_opened *)evidence;

        sv_tdx_evidence_free(&o->e);
        free(o);
}

static int open_td_evidence(const struct sv_json *evidence, struct sv_evidence **out,
                            struct sv_err *err)
{
        struct sv_tdx_opened *o = calloc(1, sizeof(*o));

        if (!o)
                return sv_fail_errno(err, "base.memory", "no memory for evidence");
        if (sv_tdx_evidence_read(evidence, &o->e, err) < 0 ||
            sv_quote_parse(sv_buf_bytes(&o->e.quote), &o->quote, err) < 0) {
                close_td_evidence(&o->head);
                return -1;
        }
        *out = &o->head;
        return 0;
}

static const char *const makers[] = {"https://api.trustedservices.intel.com/",
                                     "https://certificates.trustedservices.intel.com/", NULL};
static const char *const takes[] = {"event-log", NULL};

static const char *const may_warn[] = {
        "/mrtd",   "/rtmr0",     "/rtmr1",    "/rtmr2", "/tcb",
        "/mrseam", "/pck/fmspc", "/pck/ppid", "/xfam",  NULL,
};

/* MRTD is the firmware's, which many guests have. */
static const char *const tells_guest[] = {"/rtmr1",   "/rtmr2",         "/mrconfigid",
                                          "/mrowner", "/mrownerconfig", NULL};

const struct sv_tee_verify sv_tee_verify_tdx = {
        .id = &sv_tee_tdx,
        .mark = "quote",
        .platform = "/pck/ppid",
        .measurement = "/mrtd",
        .init_data = "/mrconfigid",
        .init_data_size = 48,
        .measurement_covers = "configuration",
        .measurement_says = "the firmware is what --measurement says; which kernel it started, no "
                            "rule says",
        .open = open_td_evidence,
        .close = close_td_evidence,
        .needs = sv_tdx_needs,
        .makers = makers,
        .wrap = sv_tdx_evidence_wrap,
        .verify = sv_tdx_tee_verify,
        .confirm = sv_tdx_confirm,
        .confirm_root = sv_tdx_confirm_root,
        .check_anchor = sv_tdx_check_anchor,
        .accept_shared = sv_tdx_cache_accept,
        .may_warn = may_warn,
        .tells_guest = tells_guest,
        .takes = takes,
        .trust = trust_kinds,
        .floor = sv_tdx_floor,
        .strict = sv_tdx_strict,
};
