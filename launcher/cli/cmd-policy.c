/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm policy: the appraisal and release policy for exactly this guest. */
#include "launcher/cli/commands.h"

#include <stdio.h>

#include "launcher/choose.h"
#include "launcher/cli/exposure.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "guest/guest.h"
#include "base/program/log.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/defined.h"
#include "launcher/cli/guest-policy.h"

static const struct sv_opt opts[] = {
        {.name = "tee", .arg = "T", .help = "the TEE, when the guest file leaves it to the host"},
        {.name = "out",
         .arg = "FILE",
         .help = "write the policy there instead of to standard output"},
        {.name = "reference",
         .arg = "NAME",
         .help = "name this reference set in place of the rules about the image"},
        {.name = "resource",
         .arg = "RESOURCE",
         .help = "for this one, instead of what the guest file names"},
        {.name = "warn",
         .arg = "CHECK",
         .help = "a rule that is to warn and not to refuse, by its check",
         .many = true},
        {.name = "warn-only", .help = "the same for each rule that may"},
        {.name = "put", .help = "give the policy to the broker, for the guest's resource"},
        SV_ADMIN_OPTS,
        {0},
};

static int upload_policy(const struct sv_args *args, const struct sv_guest *guest,
                         struct sv_bytes text, struct sv_err *err)
{
        const char *resource = sv_opt(args, "resource"), *reference = sv_opt(args, "reference");
        SV_ADMIN *admin = NULL;

        if (!resource)
                resource = guest->attestation.resource;
        if (sv_admin_from_args(args, guest->attestation.pin, &admin, err) < 0 ||
            sv_admin_put_policy(admin, resource, text, err) < 0)
                return sv_wrap(err, "giving the policy to the broker");
        if (reference)
                sv_info("the broker releases %s to this guest with an image of %s", resource,
                        reference);
        else
                sv_info("the broker releases %s to this guest only", resource);
        return 0;
}

static int check_path_option(const struct sv_args *args, const char *name, const char *check,
                             struct sv_err *err)
{
        const char *path = sv_opt(args, name);

        if (!path || sv_resource_ok(sv_bytes_str(path)))
                return 0;
        return sv_fail(err, SV_USAGE, check,
                       "expected repository/type/tag as --%s, found \"%.200s\"", name, path);
}

static int run_policy(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_GUEST guest = {0};
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *doc = NULL;
        SV_JSON *warn = sv_json_array();
        const struct sv_policy_for what = {.resource = sv_opt(args, "resource"),
                                           .reference = sv_opt(args, "reference"),
                                           .warn = warn,
                                           .warn_only = sv_has(args, "warn-only")};
        const struct sv_tee_host *tee;
        const char *out = sv_opt(args, "out");

        for (int i = 0; sv_opt_nth(args, "warn", i); i++)
                sv_json_add(warn, sv_json_new_str(sv_opt_nth(args, "warn", i)));
        if (check_path_option(args, "reference", "policy.name.reference", err) < 0 ||
            check_path_option(args, "resource", "policy.name.resource", err) < 0 ||
            sv_guest_take(args->pos[0], &guest, err) < 0)
                return -1;
        if (sv_tee_choose(sv_opt(args, "tee"), &guest, SV_CHOOSE_ANY, &tee, err) < 0)
                return -1;
        if (sv_guest_write_policy_for(&guest, tee->id, &what, &text, err) < 0 ||
            sv_report_exposure(tee->id, &guest, err) < 0)
                return -1;
        if (out && sv_output_write(out, 0666, sv_buf_bytes(&text), err) < 0)
                return -1;
        if (sv_has(args, "put") && upload_policy(args, &guest, sv_buf_bytes(&text), err) < 0)
                return -1;
        if (sv_json_parse(sv_buf_bytes(&text), "policy", &doc, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set(*result, "policy", sv_json_ref(doc));
        if (!sv_has(args, "json") && !out && !sv_has(args, "put"))
                printf("%s", sv_buf_str(&text));
        return 0;
}

const struct sv_cmd sv_cmd_policy = {
        .name = "policy",
        .args = "GUEST.json",
        .help = "write the policy by which a broker releases the disk key to exactly this guest",
        .opts = opts,
        .run = run_policy,
};
