/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm policy put, get, rm: the policies that a broker has. */
#include <stdio.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/json/json.h"
#include "base/program/log.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"
#include "policy/policy.h"

static const struct sv_opt get_opts[] = {
        {.name = "out",
         .arg = "FILE",
         .help = "write the policy there instead of to standard output"},
        SV_ADMIN_OPTS,
        {0},
};
static const struct sv_opt put_opts[] = {SV_ADMIN_OPTS, {0}};
static const struct sv_opt rm_opts[] = {SV_ADMIN_OPTS, {0}};

static int run_policy_get(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *out = sv_opt(args, "out");
        SV_ADMIN *admin = NULL;
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *doc = NULL;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0)
                return -1;
        if (sv_admin_get_policy(admin, args->pos[0], &text, err) < 0)
                return -1;
        if (sv_json_parse(sv_buf_bytes(&text), "policy", &doc, err) < 0)
                return -1;
        if (out && sv_output_write(out, 0666, sv_buf_bytes(&text), err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "path", args->pos[0]);
        sv_json_set(*result, "policy", sv_json_ref(doc));
        if (!sv_has(args, "json") && !out)
                printf("%s", sv_buf_str(&text));
        return 0;
}

static int run_policy_put(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *file = args->pos[0];
        SV_ADMIN *admin = NULL;
        SV_BUF text = SV_BUF_NULL;
        SV_POLICY_DOC *policy = NULL;

        if (sv_file_read(file, SV_POLICY_SIZE_MAX, &text, "policy.size", err) < 0 ||
            sv_policy_parse(sv_buf_bytes(&text), &policy, err) < 0)
                return sv_wrap(err, "%s", file);
        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_put_policy(admin, sv_policy_resource(policy), sv_buf_bytes(&text), err) < 0)
                return -1;
        sv_info("the broker releases %s by this policy", sv_policy_resource(policy));
        *result = sv_json_object();
        sv_json_set_str(*result, "path", sv_policy_resource(policy));
        return 0;
}

static int run_policy_rm(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_ADMIN *admin = NULL;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0)
                return -1;
        if (sv_admin_delete_policy(admin, args->pos[0], err) < 0)
                return -1;
        sv_info("the policy of %s is removed: the broker releases it to no guest", args->pos[0]);
        *result = sv_json_object();
        sv_json_set_str(*result, "path", args->pos[0]);
        return 0;
}

const struct sv_cmd sv_cmd_policy_put = {
        .name = "policy put",
        .args = "POLICY.json",
        .help = "give a broker a policy from a file, for the resource that it names",
        .opts = put_opts,
        .run = run_policy_put,
};

const struct sv_cmd sv_cmd_policy_get = {
        .name = "policy get",
        .args = "RESOURCE",
        .help = "show the policy that a broker has for a resource, as it was put",
        .opts = get_opts,
        .run = run_policy_get,
};

const struct sv_cmd sv_cmd_policy_rm = {
        .name = "policy rm",
        .args = "RESOURCE",
        .help = "remove the policy of a resource: the broker then releases it to no guest",
        .opts = rm_opts,
        .run = run_policy_rm,
};
