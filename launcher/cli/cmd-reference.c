/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm reference: sets of values that an image shows, signed by who makes it, for the policies
 * of any number of guests (policy/reference.h). */
#include <stdio.h>

#include "attest/jose/reference.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/log.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/reference-file.h"
#include "policy/reference.h"

static const struct sv_opt sign_opts[] = {
        {.name = "key", .arg = "FILE", .help = "the author's private key (PEM, P-256)"},
        {.name = "out", .arg = "FILE", .help = "write it there instead of to standard output"},
        {0},
};
static const struct sv_opt get_opts[] = {
        {.name = "out",
         .arg = "FILE",
         .help = "write it there as it was signed, instead of showing what it says"},
        SV_ADMIN_OPTS,
        {0},
};
static const struct sv_opt admin_opts[] = {SV_ADMIN_OPTS, {0}};

static int read_set_file(const char *file, struct sv_buf *text, struct sv_err *err)
{
        return sv_file_read(file, SV_POLICY_SIZE_MAX, text, "reference.size", err);
}

static void name_set(const struct sv_json *set, struct sv_json **result)
{
        *result = sv_json_object();
        sv_json_set_str(*result, "name", sv_reference_name(set));
        sv_json_set_int(*result, "generation", sv_reference_generation(set));
}

static int run_reference_sign(const struct sv_args *args, struct sv_json **result,
                              struct sv_err *err)
{
        const char *out = sv_opt(args, "out");
        SV_BUF text = SV_BUF_NULL, signed_text = SV_BUF_NULL;
        SV_KEY *key = NULL;
        SV_JSON *set = NULL;

        if (read_set_file(args->pos[0], &text, err) < 0 ||
            sv_reference_parse(sv_buf_bytes(&text), &set, err) < 0)
                return sv_wrap(err, "%s", args->pos[0]);
        key = sv_reference_read_key(sv_opt(args, "key"), err);
        if (!key || sv_reference_sign(key, sv_buf_bytes(&text), &signed_text, err) < 0)
                return -1;
        sv_buf_puts(&signed_text, "\n");
        if (sv_buf_ok(&signed_text, "a reference set", err) < 0 ||
            (out && sv_output_write(out, 0666, sv_buf_bytes(&signed_text), err) < 0))
                return -1;
        name_set(set, result);
        if (!out && sv_has(args, "json"))
                sv_json_set_str(*result, "signed", sv_buf_str(&signed_text));
        if (!out && !sv_has(args, "json"))
                printf("%s", sv_buf_str(&signed_text));
        return 0;
}

static int run_reference_put(const struct sv_args *args, struct sv_json **result,
                             struct sv_err *err)
{
        SV_ADMIN *admin = NULL;
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *set = NULL;

        if (read_set_file(args->pos[0], &text, err) < 0 ||
            sv_reference_open(sv_buf_bytes(&text), NULL, &set, err) < 0)
                return sv_wrap(err, "%s", args->pos[0]);
        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_put_reference(admin, sv_reference_name(set), sv_buf_bytes(&text), err) < 0)
                return -1;
        sv_info("the broker has reference set %s, generation %lld", sv_reference_name(set),
                (long long)sv_reference_generation(set));
        name_set(set, result);
        return 0;
}

static int run_reference_get(const struct sv_args *args, struct sv_json **result,
                             struct sv_err *err)
{
        const char *out = sv_opt(args, "out");
        SV_ADMIN *admin = NULL;
        SV_BUF text = SV_BUF_NULL, shown = SV_BUF_NULL;
        SV_JSON *set = NULL;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_get_reference(admin, args->pos[0], &text, err) < 0 ||
            sv_reference_open(sv_buf_bytes(&text), NULL, &set, err) < 0 ||
            (out && sv_output_write(out, 0666, sv_buf_bytes(&text), err) < 0))
                return -1;
        name_set(set, result);
        sv_json_set(*result, "set", sv_json_ref(set));
        if (out || sv_has(args, "json"))
                return 0;
        sv_json_pretty(set, &shown);
        if (sv_buf_ok(&shown, "a reference set", err) < 0)
                return -1;
        printf("%s", sv_buf_str(&shown));
        return 0;
}

static int run_reference_list(const struct sv_args *args, struct sv_json **result,
                              struct sv_err *err)
{
        SV_ADMIN *admin = NULL;
        const struct sv_json *list;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_list_references(admin, result, err) < 0)
                return -1;
        list = sv_json_get(*result, "references");
        for (size_t i = 0; !sv_has(args, "json") && i < sv_json_len(list); i++) {
                const struct sv_json *row = sv_json_at(list, i);

                printf("%-48s generation %lld  %s\n", sv_json_text(row, "name", "?"),
                       (long long)sv_json_int(sv_json_get(row, "generation"), 0),
                       sv_json_text(row, "created", "?"));
        }
        return 0;
}

static int run_reference_rm(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_ADMIN *admin = NULL;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_delete_reference(admin, args->pos[0], err) < 0)
                return -1;
        sv_info("%s is removed: policies that name it release nothing", args->pos[0]);
        *result = sv_json_object();
        sv_json_set_str(*result, "name", args->pos[0]);
        return 0;
}

const struct sv_cmd sv_cmd_reference_sign = {
        .name = "reference sign",
        .args = "SET.json",
        .help = "sign the values that an image shows, for policies to name",
        .opts = sign_opts,
        .run = run_reference_sign,
};

const struct sv_cmd sv_cmd_reference_put = {
        .name = "reference put",
        .args = "SET.jws",
        .help = "give a broker a signed reference set, in place of an older generation",
        .opts = admin_opts,
        .run = run_reference_put,
};

const struct sv_cmd sv_cmd_reference_list = {
        .name = "reference list",
        .args = "",
        .help = "names and generations of the reference sets that a broker has",
        .opts = admin_opts,
        .run = run_reference_list,
};

const struct sv_cmd sv_cmd_reference_get = {
        .name = "reference get",
        .args = "NAME",
        .help = "show a reference set that a broker has",
        .opts = get_opts,
        .run = run_reference_get,
};

const struct sv_cmd sv_cmd_reference_rm = {
        .name = "reference rm",
        .args = "NAME",
        .help = "remove a reference set: policies that name it then release nothing",
        .opts = admin_opts,
        .run = run_reference_rm,
};
