/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm reference import, export: reference sets from and to CoRIM (attest/corim/corim.h). */
#include <string.h>

#include "attest/corim/corim.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/program/log.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/reference-file.h"
#include "policy/reference.h"

static const struct sv_opt import_opts[] = {
        {.name = "name", .arg = "NAME", .help = "the set's name, repository/type/tag (needed)"},
        {.name = "key",
         .arg = "FILE",
         .help = "the key that has signed the CoRIM (PEM, public or private)"},
        {.name = "time", .arg = "T", .help = "its signature must count at this time (now)"},
        {.name = "tee", .arg = "T", .help = "the TEE, where the CoRIM does not say it"},
        {.name = "claim",
         .arg = "MKEY=/CLAIM",
         .help = "which claim a measurement is, where it is not called by it",
         .many = true},
        {.name = "generation",
         .arg = "N",
         .help = "the set's generation (that of its newest tuple)"},
        {.name = "out", .arg = "FILE", .help = "write it there instead of to standard output"},
        {0},
};
static const struct sv_opt export_opts[] = {
        {.name = "out", .arg = "FILE", .help = "where to write the CoRIM (needed)"},
        {.name = "reference-key",
         .arg = "FILE",
         .help = "the key that has signed the set (PEM, public or private)"},
        {.name = "key", .arg = "FILE", .help = "sign the CoRIM with this private key (PEM, P-256)"},
        {.name = "signer", .arg = "TEXT", .help = "the signer's name in it (the set's name)"},
        {.name = "generation", .arg = "N", .help = "this tuple alone, also a retired one"},
        {0},
};

static int read_generation_option(const struct sv_args *args, int64_t *out, struct sv_err *err)
{
        const char *text = sv_opt(args, "generation");
        uint64_t n = 0;

        if (text && sv_parse_u64(text, INT64_MAX, &n, "corim.generation", err) < 0)
                return -1;
        *out = (int64_t)n;
        return 0;
}

/* "MKEY=/CLAIM"; what has no mkey is "=/CLAIM". */
static int read_claims(const struct sv_args *args, struct sv_json *claims, struct sv_err *err)
{
        const char *text;

        for (int i = 0; (text = sv_opt_nth(args, "claim", i)); i++) {
                const char *claim = strstr(text, "=/");
                SV_STR mkey = claim ? sv_asprintf("%.*s", (int)(claim - text), text) : NULL;

                if (!claim)
                        return sv_fail(err, SV_USAGE, "corim.claim",
                                       "expected MKEY=/CLAIM like kernel=/measurement as --claim, "
                                       "found \"%.80s\"",
                                       text);
                sv_json_set_str(claims, mkey, claim + 1);
        }
        return 0;
}

static void report_ignored(const struct sv_json *ignored)
{
        for (size_t i = 0; i < sv_json_len(ignored); i++)
                sv_warn("passed over: %s", sv_json_str(sv_json_at(ignored, i)));
}

static int run_reference_import(const struct sv_args *args, struct sv_json **result,
                                struct sv_err *err)
{
        const char *file = args->pos[0], *key_file = sv_opt(args, "key");
        const char *name = sv_opt(args, "name"), *time = sv_opt(args, "time");
        SV_JSON *claims = sv_json_object(), *ignored = sv_json_array();
        struct sv_corim_in in = {.name = name, .tee = sv_opt(args, "tee"), .claims = claims};
        SV_BUF text = SV_BUF_NULL, set = SV_BUF_NULL;
        SV_KEY *key = NULL;

        if (!name || !sv_resource_ok(sv_bytes_str(name)))
                return sv_fail(err, SV_USAGE, "corim.name",
                               "expected repository/type/tag as --name, the reference set's name");
        if (read_generation_option(args, &in.generation, err) < 0 ||
            sv_parse_time(time ? time : "now", &in.time, "corim.time", err) < 0 ||
            read_claims(args, claims, err) < 0)
                return -1;
        key = key_file ? sv_reference_read_signer(key_file, err) : NULL;
        if (key_file && !key)
                return -1;
        in.key = key;
        if (sv_file_read(file, SV_CORIM_SIZE_MAX, &text, "corim.size", err) < 0 ||
            sv_corim_read(sv_buf_bytes(&text), &in, ignored, &set, err) < 0)
                return sv_wrap(err, "%s", file);
        report_ignored(ignored);
        if (sv_reference_put_out(args, sv_buf_bytes(&set), result, err) < 0)
                return -1;
        sv_json_set(*result, "ignored", sv_json_ref(ignored));
        return 0;
}

static int run_reference_export(const struct sv_args *args, struct sv_json **result,
                                struct sv_err *err)
{
        const char *key_file = sv_opt(args, "key"), *out = sv_opt(args, "out");
        struct sv_corim_out o = {.signer = sv_opt(args, "signer")};
        SV_JSON *set = NULL;
        SV_BUF corim = SV_BUF_NULL;
        SV_KEY *key = NULL;

        if (!out)
                return sv_fail(err, SV_USAGE, "corim.export.out",
                               "--out is missing: a CoRIM is no text");
        if (read_generation_option(args, &o.generation, err) < 0 ||
            sv_reference_read(args->pos[0], sv_opt(args, "reference-key"), &set, err) < 0)
                return -1;
        key = key_file ? sv_reference_read_key(key_file, err) : NULL;
        if (key_file && !key)
                return -1;
        o.key = key;
        if (!o.signer)
                o.signer = sv_reference_name(set);
        if (sv_corim_write(set, &o, &corim, err) < 0 ||
            sv_output_write(out, 0666, sv_buf_bytes(&corim), err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "name", sv_reference_name(set));
        sv_json_set_bool(*result, "signed", key != NULL);
        return 0;
}

const struct sv_cmd sv_cmd_reference_import = {
        .name = "reference import",
        .args = "CORIM",
        .help = "write a CoRIM's reference values as a reference set, to be signed",
        .opts = import_opts,
        .run = run_reference_import,
};

const struct sv_cmd sv_cmd_reference_export = {
        .name = "reference export",
        .args = "SET",
        .help = "write a reference set as CoRIM, for verifiers of others",
        .opts = export_opts,
        .run = run_reference_export,
};
