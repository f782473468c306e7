/* SPDX-License-Identifier: Apache-2.0 */
/* What a verified quote says, as claims for policies and output. */
#include <stdio.h>

#include "base/core/rd.h"
#include "base/core/text.h"
#include "tdx/verify/tee.h"
#include "tee/limits.h"

#define DAY (24 * 60 * 60)

static void set_date(struct sv_json *j, const char *name, int64_t t)
{
        char text[32];

        sv_json_set_str(j, name, sv_format_time(t, text));
}

static bool is_out_of_date(enum sv_tcb_status s)
{
        return s == SV_TCB_OUT_OF_DATE || s == SV_TCB_OUT_OF_DATE_CONFIGURATION;
}

static void add_level(struct sv_json *tcb, const char *name, const struct sv_tcb_found *f)
{
        struct sv_json *j = sv_json_set(tcb, name, sv_json_object());

        sv_json_set_str(j, "status", sv_tcb_status_name(f->status));
        sv_json_set_int(j, "level", (int64_t)f->level);
        set_date(j, "tcb_date", f->date);
}

/* What the host's owner would have to do for "UpToDate". */
static void add_update(struct sv_json *tcb, const struct sv_tdx_out *o)
{
        struct sv_json *list = sv_json_set(tcb, "update", sv_json_array());
        enum sv_tcb_status p = o->platform.status;

        if (is_out_of_date(p))
                sv_json_add(list, sv_json_new_str("platform: install the BIOS (and with it the "
                                                  "microcode) that fixes the advisories"));
        if (p == SV_TCB_CONFIGURATION || p == SV_TCB_CONFIGURATION_SW_HARDENING ||
            p == SV_TCB_OUT_OF_DATE_CONFIGURATION)
                sv_json_add(list, sv_json_new_str("configuration: change the BIOS settings that "
                                                  "the advisories name"));
        if (p == SV_TCB_SW_HARDENING || p == SV_TCB_CONFIGURATION_SW_HARDENING)
                sv_json_add(list, sv_json_new_str("software: the guest needs the mitigations that "
                                                  "the advisories name"));
        if (o->has_module && o->module.status != SV_TCB_UP_TO_DATE)
                sv_json_add(list, sv_json_new_str("module: load a newer TDX module"));
        if (o->qe.status != SV_TCB_UP_TO_DATE)
                sv_json_add(list,
                            sv_json_new_str("quoting enclave: install the current TDX attestation "
                                            "packages (tdx-qgs, libsgx-ae-tdqe)"));
        if (o->status == SV_TCB_RELAUNCH_ADVISED || o->status == SV_TCB_RELAUNCH_CONFIGURATION)
                sv_json_add(
                        list,
                        sv_json_new_str("guest: launch it anew, the module was updated under it"));
        if (o->status != SV_TCB_UP_TO_DATE)
                sv_json_add_all(list, o->shortfall);
}

/* Each advisory is also a member of "advisory", so that a policy can refuse one ("absent"). */
static void add_advisory_claims(struct sv_json *tcb, const struct sv_json *list)
{
        struct sv_json *by_id;

        sv_json_set(tcb, "advisories", sv_json_array());
        by_id = sv_json_set(tcb, "advisory", sv_json_object());
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *id = sv_json_str(sv_json_at(list, i));

                sv_json_add(sv_json_get(tcb, "advisories"), sv_json_new_str(id));
                sv_json_set_bool(by_id, id, true);
        }
}

static void add_td_tcb(struct sv_json *claims, const struct sv_tdx_out *o, int64_t time)
{
        struct sv_json *tcb = sv_json_set(claims, "tcb", sv_json_object()), *evaluation;
        int64_t age = time > o->tcb_date ? (time - o->tcb_date) / DAY : 0;

        sv_json_set_str(tcb, "status", sv_tcb_status_name(o->status));
        add_level(tcb, "platform", &o->platform);
        if (o->has_module)
                add_level(tcb, "module", &o->module);
        add_level(tcb, "qe", &o->qe);
        add_advisory_claims(tcb, o->advisories);
        set_date(tcb, "tcb_date", o->tcb_date);
        sv_json_set_int(tcb, "tcb_date_seconds", o->tcb_date);
        sv_json_set_int(tcb, "out_of_date_days", is_out_of_date(o->status) ? age : 0);
        evaluation = sv_json_set(tcb, "evaluation", sv_json_object());
        sv_json_set_int(evaluation, "tcb_info", o->evaluation[0]);
        sv_json_set_int(evaluation, "qe_identity", o->evaluation[1]);
        set_date(tcb, "expires", o->expires);
        add_update(tcb, o);
}

static void add_qe(struct sv_json *claims, const struct sv_sgx_report *q)
{
        struct sv_json *j = sv_json_set(claims, "qe", sv_json_object());
        char misc[16];

        sv_json_set_hex(j, "cpusvn", sv_bytes(q->cpusvn, 16));
        snprintf(misc, sizeof(misc), "0x%08x", q->miscselect);
        sv_json_set_str(j, "miscselect", misc);
        sv_json_set_hex(j, "attributes", sv_bytes(q->attributes, 16));
        sv_json_set_hex(j, "mrenclave", sv_bytes(q->mrenclave, 32));
        sv_json_set_hex(j, "mrsigner", sv_bytes(q->mrsigner, 32));
        sv_json_set_int(j, "isvprodid", q->isvprodid);
        sv_json_set_int(j, "isvsvn", q->isvsvn);
}

static void add_pck(struct sv_json *claims, const struct sv_pck *p)
{
        struct sv_json *j = sv_json_set(claims, "pck", sv_json_object());

        sv_json_set_hex(j, "fmspc", sv_bytes(p->fmspc, 6));
        sv_json_set_hex(j, "pceid", sv_bytes(p->pceid, 2));
        sv_json_set_int(j, "pcesvn", p->pcesvn);
        sv_json_set_hex(j, "components", sv_bytes(p->components, 16));
        sv_json_set_hex(j, "ppid", sv_bytes(p->ppid, 16));
}

/* A TD that a service TD may migrate or change; bodies before TD 1.5 cannot say. Those of type 4
 * also say which ones the TD was built with and has now (INIT_SERVTD_HASH and CUR_SERVTD_HASH, at
 * 729 and 829 of the body): one that is gone by now has been there. */
static bool service_td(const struct sv_td_report *td)
{
        struct sv_rd ex = sv_rd(td->ex);
        uint8_t init[48] = {0}, now[48] = {0};

        if (td->type == SV_TD_15EX) {
                sv_rd_seek(&ex, 729 - 648);
                sv_rd_copy(&ex, init, 48);
                sv_rd_seek(&ex, 829 - 648);
                sv_rd_copy(&ex, now, 48);
        }
        return !sv_bytes_are_zero(sv_bytes(td->mrservicetd, 48)) ||
               !sv_bytes_are_zero(sv_bytes(init, 48)) || !sv_bytes_are_zero(sv_bytes(now, 48));
}

static void add_tdx_limits(struct sv_json *claims)
{
        sv_claims_limit(claims, "configuration",
                        "no rule says what RTMR0 must be, which covers the machine's ACPI tables: "
                        "they hold code of the host's that runs in the guest",
                        "/rtmr0");
        sv_claims_limit(claims, "executables",
                        "no rule says what RTMR1 must be, into which the kernel is measured, and "
                        "whatever the firmware runs of devices that the host puts in (option ROMs)",
                        "/rtmr1");
        sv_claims_limit(claims, "sourced-data", SV_LIMIT_OUTSIDE, NULL);
}

struct sv_json *sv_tdx_quote_claims(const struct sv_quote *quote, const struct sv_pck *pck,
                                    const uint8_t root_sha256[32], bool intel)
{
        struct sv_json *claims = sv_td_claims(&quote->td), *root;

        sv_json_set_int(claims, "quote_version", quote->version);
        sv_json_set_hex(claims, "user_data", sv_bytes(quote->user_data, 20));
        sv_json_set_bool(claims, "service_td", service_td(&quote->td));
        add_qe(claims, &quote->qe);
        add_pck(claims, pck);
        root = sv_json_set(claims, "root", sv_json_object());
        sv_json_set_bool(root, "intel", intel);
        sv_json_set_hex(root, "sha256", sv_bytes(root_sha256, 32));
        sv_json_set_int(claims, "trailing_bytes", (int64_t)quote->trailing);
        add_tdx_limits(claims);
        return claims;
}

struct sv_json *sv_tdx_claims(const struct sv_tdx_out *o, int64_t time)
{
        struct sv_json *claims = sv_tdx_quote_claims(&o->quote, &o->pck, o->root, !o->test_root);

        add_td_tcb(claims, o, time);
        return claims;
}
