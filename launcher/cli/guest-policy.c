/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/guest-policy.h"

#include <string.h>
#include <time.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/log.h"
#include "launcher/choose.h"
#include "launcher/cli/admin-args.h"
#include "policy/foresee.h"

int sv_guest_write_policy(const struct sv_guest *guest, const struct sv_tee *id, struct sv_buf *out,
                          struct sv_err *err)
{
        const struct sv_tee_measure *tee;
        struct sv_measurement m = {0};
        SV_JSON *rules = sv_json_array();
        SV_JSON *trust = sv_json_object();
        SV_JSON *allow = sv_json_array();
        int r;

        if (sv_tee_choose_measure(id, &tee, err) < 0)
                return -1;
        if (!guest->attestation.resource)
                return sv_fail(err, SV_USAGE, "guest.attestation",
                               "%s names no attestation, so there is nothing to release",
                               guest->file);
        if (sv_tee_takes(id, guest, err) < 0 || sv_tee_predict(tee, guest, &m, err) < 0)
                return -1;
        r = tee->policy(guest, &m, rules, trust, err);
        if (r == 0 && tee->allow)
                r = tee->allow(guest, allow, err);
        if (r == 0)
                r = sv_policy_write_parts(&(struct sv_policy_parts){guest->name, id->name,
                                                                    guest->attestation.resource,
                                                                    rules, trust, allow,
                                                                    guest->attestation.lease},
                                          out, err);
        sv_measurement_free(&m);
        return r;
}

bool sv_policy_is_asked(const struct sv_args *args)
{
        return sv_has(args, "policy") || sv_has(args, "broker");
}

static int read_kept_policy(const struct sv_args *args, const struct sv_guest *guest,
                            struct sv_policy **out, struct sv_err *err)
{
        const char *path = sv_opt(args, "policy");
        SV_ADMIN *admin = NULL;
        SV_BUF text = SV_BUF_NULL;

        if (path && sv_has(args, "broker"))
                return sv_fail(err, SV_USAGE, "policy.check.source",
                               "expected --policy FILE or a broker, not both: the policy that the "
                               "guest is held against");
        if (path)
                return sv_file_read(path, SV_POLICY_SIZE_MAX, &text, "policy.check.file", err) <
                                               0 ||
                                       sv_policy_parse(sv_buf_bytes(&text), out, err) < 0
                               ? sv_wrap(err, "%s", path)
                               : 0;
        if (sv_admin_from_args(args, guest->attestation.pin, &admin, err) < 0 ||
            sv_admin_get_policy(admin, guest->attestation.resource, &text, err) < 0 ||
            sv_policy_parse(sv_buf_bytes(&text), out, err) < 0)
                return sv_wrap(err, "the broker's policy of %s", guest->attestation.resource);
        return 0;
}

int sv_guest_ask_policy(const struct sv_args *args, const struct sv_guest *guest,
                        const struct sv_tee *id, struct sv_json *rows, struct sv_err *err)
{
        SV_POLICY_DOC *kept = NULL, *predicted = NULL;
        SV_BUF text = SV_BUF_NULL;

        if (sv_guest_write_policy(guest, id, &text, err) < 0 ||
            sv_policy_parse(sv_buf_bytes(&text), &predicted, err) < 0 ||
            read_kept_policy(args, guest, &kept, err) < 0)
                return -1;
        return sv_policy_foresee(kept, predicted, time(NULL), rows, err);
}

static size_t count_outcome(const struct sv_json *rows, const char *outcome)
{
        size_t n = 0;

        for (size_t i = 0; i < sv_json_len(rows); i++)
                n += !strcmp(sv_json_str(sv_json_get(sv_json_at(rows, i), "outcome")), outcome);
        return n;
}

void sv_guest_report_rows(const struct sv_json *rows)
{
        sv_info("of the policy's %zu rules %zu hold, %zu fail, %zu are about what files do not say",
                sv_json_len(rows), count_outcome(rows, "holds"), count_outcome(rows, "fails"),
                count_outcome(rows, "not predicted"));
}
