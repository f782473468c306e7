/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/verify/tcb.h"

#include <stdio.h>
#include <strings.h>

#include "base/core/encoding.h"
#include "base/core/text.h"

static const char *const statuses[SV_TCB_STATUSES] = {
        [SV_TCB_UP_TO_DATE] = "UpToDate",
        [SV_TCB_SW_HARDENING] = "SWHardeningNeeded",
        [SV_TCB_CONFIGURATION] = "ConfigurationNeeded",
        [SV_TCB_CONFIGURATION_SW_HARDENING] = "ConfigurationAndSWHardeningNeeded",
        [SV_TCB_RELAUNCH_ADVISED] = "TDRelaunchAdvised",
        [SV_TCB_RELAUNCH_CONFIGURATION] = "TDRelaunchAdvisedConfigurationNeeded",
        [SV_TCB_OUT_OF_DATE] = "OutOfDate",
        [SV_TCB_OUT_OF_DATE_CONFIGURATION] = "OutOfDateConfigurationNeeded",
        [SV_TCB_REVOKED] = "Revoked",
};

const char *sv_tcb_status_name(enum sv_tcb_status s)
{
        return statuses[s];
}

bool sv_tcb_status_by_name(const char *name, enum sv_tcb_status *out)
{
        for (enum sv_tcb_status s = 0; s < SV_TCB_STATUSES; s++) {
                if (strcmp(statuses[s], name))
                        continue;
                *out = s;
                return true;
        }
        return false;
}

/* --- levels --- */

/* An advisory that cannot be read is one that no policy could refuse. */
static int check_advisory_names(const struct sv_json *list, struct sv_err *err)
{
        bool good = sv_json_type(list) == SV_JSON_NULL || sv_json_type(list) == SV_JSON_ARRAY;

        for (size_t i = 0; good && i < sv_json_len(list); i++)
                good = sv_json_str(sv_json_at(list, i));
        return good ? 0
                    : sv_fail(err, SV_FORMAT, "tdx.tcb.status",
                              "advisoryIDs: a list of names was expected, found %s",
                              sv_json_type(list) == SV_JSON_ARRAY
                                      ? "a list of something else"
                                      : sv_json_type_name(sv_json_type(list)));
}

static int read_level(const struct sv_json *level, const char *check, struct sv_tcb_found *out,
                      struct sv_err *err)
{
        struct sv_tcb_found f = {.advisories = sv_json_get(level, "advisoryIDs")};
        const char *status, *when;

        if (sv_json_need_str(level, "tcbStatus", &status, check, err) < 0 ||
            sv_json_need_str(level, "tcbDate", &when, check, err) < 0)
                return -1;
        /* Relaunch is a verdict of the verifier's, never one of Intel's documents. */
        if (!sv_tcb_status_by_name(status, &f.status) || f.status == SV_TCB_RELAUNCH_ADVISED ||
            f.status == SV_TCB_RELAUNCH_CONFIGURATION)
                return sv_fail(err, SV_FORMAT, "tdx.tcb.status",
                               "tcbStatus \"%.40s\" is none that Intel documents", status);
        if (sv_parse_moment(when, &f.date, "tdx.tcb.status", err) < 0)
                return sv_fail(err, SV_FORMAT, "tdx.tcb.status", "tcbDate \"%.40s\" is no time",
                               when);
        if (check_advisory_names(f.advisories, err) < 0)
                return -1;
        *out = f;
        return 0;
}

static int read_components(const struct sv_json *tcb, const char *member, uint8_t out[16],
                           struct sv_err *err)
{
        struct sv_json *list;
        int64_t svn;

        if (sv_json_need_array(tcb, member, &list, "tdx.tcb_info", err) < 0)
                return -1;
        if (sv_json_len(list) != 16)
                return sv_fail(err, SV_FORMAT, "tdx.tcb_info.member",
                               "%s: 16 components were expected, found %zu", member,
                               sv_json_len(list));
        for (size_t i = 0; i < 16; i++) {
                if (sv_json_need_int(sv_json_at(list, i), "svn", 0, 255, &svn, "tdx.tcb_info",
                                     err) < 0)
                        return -1;
                out[i] = (uint8_t)svn;
        }
        return 0;
}

static bool is_at_least(const uint8_t *have, const uint8_t *want, size_t from)
{
        for (size_t i = from; i < 16; i++)
                if (have[i] < want[i])
                        return false;
        return true;
}

/* 1: the level is for a platform like this, 0: not, -1: malformed. */
static int match_platform_level(const struct sv_json *level, const struct sv_pck *pck,
                                const uint8_t tee_tcb_svn[16], struct sv_err *err)
{
        uint8_t sgx[16], tdx[16];
        struct sv_json *tcb;
        int64_t pcesvn;

        if (sv_json_need_obj(level, "tcb", &tcb, "tdx.tcb_info", err) < 0 ||
            read_components(tcb, "sgxtcbcomponents", sgx, err) < 0 ||
            read_components(tcb, "tdxtcbcomponents", tdx, err) < 0 ||
            sv_json_need_int(tcb, "pcesvn", 0, 65535, &pcesvn, "tdx.tcb_info", err) < 0)
                return -1;
        /* With a module of major version 1 and later, components 0 and 1 are the module's own and
         * judged by its identity. */
        return is_at_least(pck->components, sgx, 0) && pck->pcesvn >= pcesvn &&
               is_at_least(tee_tcb_svn, tdx, tee_tcb_svn[1] ? 2 : 0);
}

static int fail_unsupported(const char *what, struct sv_err *err)
{
        return sv_fail(err, SV_PROOF, "tdx.tcb.unsupported",
                       "%s is older than every level that Intel lists: update it", what);
}

int sv_tcb_platform(const struct sv_tcb_doc *info, const struct sv_pck *pck,
                    const uint8_t tee_tcb_svn[16], struct sv_tcb_found *out, struct sv_err *err)
{
        struct sv_tcb_found found = {0}, says;
        struct sv_json *levels;
        bool have = false;

        if (sv_json_need_array(info->body, "tcbLevels", &levels, "tdx.tcb_info", err) < 0)
                return -1;
        /* all are read: a malformed document is refused whichever level fits */
        for (size_t i = 0; i < sv_json_len(levels); i++) {
                int fits = match_platform_level(sv_json_at(levels, i), pck, tee_tcb_svn, err);

                if (fits < 0 || read_level(sv_json_at(levels, i), "tdx.tcb_info", &says, err) < 0)
                        return -1;
                if (fits && !have) {
                        found = says;
                        found.level = i;
                        have = true;
                }
        }
        if (!have)
                return fail_unsupported("the platform's TCB (CPU microcode, PCE, TDX components)",
                                        err);
        *out = found;
        return 0;
}

/* Levels by isvsvn, newest first, of the module and of the quoting enclave. */
static int find_level_by_isvsvn(const struct sv_json *identity, unsigned isvsvn, const char *what,
                                const char *check, struct sv_tcb_found *out, struct sv_err *err)
{
        struct sv_json *levels, *tcb;
        struct sv_tcb_found says;
        bool have = false;
        int64_t svn;

        if (sv_json_need_array(identity, "tcbLevels", &levels, check, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(levels); i++) {
                if (sv_json_need_obj(sv_json_at(levels, i), "tcb", &tcb, check, err) < 0 ||
                    sv_json_need_int(tcb, "isvsvn", 0, 65535, &svn, check, err) < 0 ||
                    read_level(sv_json_at(levels, i), check, &says, err) < 0)
                        return -1;
                if (!have && isvsvn >= svn) {
                        *out = says;
                        out->level = i;
                        have = true;
                }
        }
        return have ? 0 : fail_unsupported(what, err);
}

/* --- TCB info --- */

static int same_hex(const struct sv_tcb_doc *d, const char *member, struct sv_bytes want,
                    struct sv_err *err)
{
        SV_BUF found = SV_BUF_NULL;
        char hex[32];

        if (sv_json_need_hex(d->body, member, &found, "tdx.tcb_info", err) < 0)
                return -1;
        if (sv_bytes_eq(sv_buf_bytes(&found), want))
                return 0;
        return sv_fail(
                err, SV_PROOF, "tdx.tcb_info.mismatch",
                "the TCB info is for another platform: its %s is not the PCK certificate's %s",
                member, sv_hex(want, hex));
}

int sv_tcb_info_matches(const struct sv_tcb_doc *info, const struct sv_pck *pck, struct sv_err *err)
{
        const char *id = sv_json_str(sv_json_get(info->body, "id"));
        int64_t version = sv_json_int(sv_json_get(info->body, "version"), -1),
                type = sv_json_int(sv_json_get(info->body, "tcbType"), -1);

        if (!id || strcmp(id, "TDX") || version != 3 || type != 0)
                return sv_fail(err, SV_PROOF, "tdx.tcb_info.mismatch",
                               "TCB info \"TDX\", version 3, type 0 was expected, found \"%.8s\", "
                               "%lld, %lld",
                               id ? id : "nothing", (long long)version, (long long)type);
        return same_hex(info, "fmspc", sv_bytes(pck->fmspc, 6), err) < 0
                       ? -1
                       : same_hex(info, "pceId", sv_bytes(pck->pceid, 2), err);
}

/* --- the module --- */

static int fail_module_mismatch(const char *what, struct sv_err *err)
{
        return sv_fail(err, SV_PROOF, "tdx.module.mismatch", "%s", what);
}

/* "TDX_01" for major version 1; {"mrsigner", "attributes", "attributesMask"} of either place. */
const struct sv_json *sv_tcb_find_module(const struct sv_tcb_doc *info, uint8_t major)
{
        const struct sv_json *list = sv_json_get(info->body, "tdxModuleIdentities");
        char want[16];

        snprintf(want, sizeof(want), "TDX_%02X", major);
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *id = sv_json_str(sv_json_get(sv_json_at(list, i), "id"));

                if (id && !strcasecmp(id, want))
                        return sv_json_at(list, i);
        }
        return NULL;
}

static int check_module_signed(const struct sv_json *identity, const struct sv_td_report *td,
                               struct sv_err *err)
{
        SV_BUF signer = SV_BUF_NULL;
        SV_BUF attributes = SV_BUF_NULL;
        uint8_t have[8];

        if (sv_json_need_hex(identity, "mrsigner", &signer, "tdx.tcb_info", err) < 0 ||
            sv_json_need_hex(identity, "attributes", &attributes, "tdx.tcb_info", err) < 0)
                return -1;
        for (int i = 0; i < 8; i++)
                have[i] = (uint8_t)(td->seamattributes >> (8 * i));
        if (!sv_bytes_eq(sv_buf_bytes(&signer), sv_bytes(td->mrsignerseam, 48)))
                return fail_module_mismatch("MRSIGNERSEAM is not the signer of Intel's TDX module",
                                            err);
        if (!sv_bytes_eq(sv_buf_bytes(&attributes), sv_bytes(have, 8)) || td->seamattributes)
                return fail_module_mismatch(
                        "SEAMATTRIBUTES are not those of a production TDX module", err);
        return 0;
}

int sv_tcb_module(const struct sv_tcb_doc *info, const struct sv_td_report *td,
                  const uint8_t tee_tcb_svn[16], bool *has, struct sv_tcb_found *out,
                  struct sv_err *err)
{
        uint8_t major = tee_tcb_svn[1];
        const struct sv_json *identity =
                major ? sv_tcb_find_module(info, major) : sv_json_get(info->body, "tdxModule");
        char text[96];

        if (!identity) {
                snprintf(text, sizeof(text),
                         "Intel's TCB info knows no TDX module of major version %u", major);
                return fail_module_mismatch(text, err);
        }
        if (check_module_signed(identity, td, err) < 0)
                return -1;
        *has = major > 0;
        if (!*has)
                return 0;
        if (find_level_by_isvsvn(identity, tee_tcb_svn[0], "the TDX module", "tdx.tcb_info", out,
                                 err) < 0)
                return -1;
        /* A module is new enough or not: it has no settings. Another status would go unseen where
         * the three become one. */
        if (out->status == SV_TCB_UP_TO_DATE || out->status == SV_TCB_OUT_OF_DATE ||
            out->status == SV_TCB_REVOKED)
                return 0;
        return sv_fail(
                err, SV_FORMAT, "tdx.tcb.status",
                "UpToDate, OutOfDate or Revoked was expected of a TDX module's level, found %s",
                sv_tcb_status_name(out->status));
}

/* --- the quoting enclave --- */

static int compare_masked(const struct sv_json *body, const char *value, const char *mask,
                          struct sv_bytes have, struct sv_err *err)
{
        SV_BUF want = SV_BUF_NULL;
        SV_BUF bits = SV_BUF_NULL;

        if (sv_json_need_hex(body, value, &want, "tdx.qe_identity", err) < 0 ||
            sv_json_need_hex(body, mask, &bits, "tdx.qe_identity", err) < 0)
                return -1;
        if (want.n != have.n || bits.n != have.n)
                return sv_fail(err, SV_FORMAT, "tdx.qe_identity.member",
                               "%s has %zu bytes, %zu were expected", value, want.n, have.n);
        for (size_t i = 0; i < have.n; i++)
                if ((have.p[i] & bits.p[i]) != want.p[i])
                        return sv_fail(err, SV_PROOF, "tdx.qe.mismatch",
                                       "the quoting enclave's %s is not that of Intel's TD quoting "
                                       "enclave",
                                       value);
        return 0;
}

int sv_tcb_qe(const struct sv_tcb_doc *identity, const struct sv_sgx_report *qe,
              struct sv_tcb_found *out, struct sv_err *err)
{
        const struct sv_json *body = identity->body;
        const char *id = sv_json_str(sv_json_get(body, "id"));
        uint8_t misc[4] = {(uint8_t)qe->miscselect, (uint8_t)(qe->miscselect >> 8),
                           (uint8_t)(qe->miscselect >> 16), (uint8_t)(qe->miscselect >> 24)};
        SV_BUF signer = SV_BUF_NULL;
        int64_t prodid;

        if (!id || strcmp(id, "TD_QE") || sv_json_int(sv_json_get(body, "version"), -1) != 2)
                return sv_fail(err, SV_PROOF, "tdx.qe.mismatch",
                               "an identity of the TD quoting enclave (\"TD_QE\", version 2) was "
                               "expected, found \"%.16s\"",
                               id ? id : "nothing");
        if (compare_masked(body, "miscselect", "miscselectMask", sv_bytes(misc, 4), err) < 0 ||
            compare_masked(body, "attributes", "attributesMask", sv_bytes(qe->attributes, 16),
                           err) < 0 ||
            sv_json_need_hex(body, "mrsigner", &signer, "tdx.qe_identity", err) < 0 ||
            sv_json_need_int(body, "isvprodid", 0, 65535, &prodid, "tdx.qe_identity", err) < 0)
                return -1;
        if (!sv_bytes_eq(sv_buf_bytes(&signer), sv_bytes(qe->mrsigner, 32)) ||
            prodid != qe->isvprodid)
                return sv_fail(
                        err, SV_PROOF, "tdx.qe.mismatch",
                        "the quoting enclave is not Intel's: its MRSIGNER or ISVPRODID is another");
        return find_level_by_isvsvn(body, qe->isvsvn, "the TD quoting enclave", "tdx.qe_identity",
                                    out, err);
}

/* --- one status --- */

static enum sv_tcb_status worsen_status(enum sv_tcb_status s, enum sv_tcb_status by)
{
        if (by == SV_TCB_REVOKED || s == SV_TCB_REVOKED)
                return SV_TCB_REVOKED;
        if (by != SV_TCB_OUT_OF_DATE)
                return s;
        if (s == SV_TCB_UP_TO_DATE || s == SV_TCB_SW_HARDENING)
                return SV_TCB_OUT_OF_DATE;
        return s == SV_TCB_CONFIGURATION || s == SV_TCB_CONFIGURATION_SW_HARDENING
                       ? SV_TCB_OUT_OF_DATE_CONFIGURATION
                       : s;
}

enum sv_tcb_status sv_tcb_converge(enum sv_tcb_status platform, enum sv_tcb_status qe,
                                   const enum sv_tcb_status *module)
{
        enum sv_tcb_status s = worsen_status(platform, qe);

        return module ? worsen_status(s, *module) : s;
}

enum sv_tcb_status sv_tcb_relaunch(enum sv_tcb_status launch, enum sv_tcb_status now)
{
        bool configuration = launch == SV_TCB_OUT_OF_DATE_CONFIGURATION ||
                             now == SV_TCB_CONFIGURATION ||
                             now == SV_TCB_CONFIGURATION_SW_HARDENING;

        if ((launch != SV_TCB_OUT_OF_DATE && launch != SV_TCB_OUT_OF_DATE_CONFIGURATION) ||
            now > SV_TCB_CONFIGURATION_SW_HARDENING)
                return launch;
        return configuration ? SV_TCB_RELAUNCH_CONFIGURATION : SV_TCB_RELAUNCH_ADVISED;
}
