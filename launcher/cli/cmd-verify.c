/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm verify: what a TEE's evidence proves; offline, or with collateral fetched first. */
#include "base/core/encoding.h"
#include "launcher/cli/commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attest/appraise.h"
#include "attest/strict.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/log.h"
#include "base/core/text.h"
#include "launcher/cli/collateral.h"
#include "launcher/cli/evidence.h"
#include "launcher/cli/fetch-args.h"
#include "launcher/cli/reference-file.h"
#include "policy/reference.h"

static const struct sv_opt opts[] = {
        {.name = "tee",
         .arg = "T",
         .help = "which TEE made the evidence (found by its form unless it is named)"},
        {.name = "collateral",
         .arg = "PATH",
         .help = "folder of files named by kind (ek-root.pem, activation-secret.bin), or one "
                 "bundle",
         .many = true},
        {.name = "fetch",
         .help = "fetch what is needed and not given (from the cache, the maker, a mirror or a "
                 "folder)"},
        SV_FETCH_OPTS,
        {.name = "policy",
         .arg = "FILE",
         .help = "appraise by this policy instead of the built-in strict one"},
        SV_REFERENCE_OPTS,
        {.name = "allow",
         .arg = "NAME",
         .help = "lift this of the TEE's floor or of the built-in policy (a policy of your own "
                 "says it itself)",
         .many = true},
        {.name = "measurement",
         .arg = "HEX",
         .help = "what must have been launched: an SNP guest's launch digest, a TD's MRTD"},
        {.name = "time", .arg = "T", .help = "verify as of this time (RFC 3339, or now)"},
        {.name = "report-data",
         .arg = "HEX",
         .help = "the bytes that the evidence must be bound to"},
        {.name = "event-log",
         .arg = "FILE",
         .help = "event log that must replay to the quoted registers",
         .many = true},
        {.name = "ek-root",
         .arg = "FILE",
         .help = "certificate of a maker of TPMs to trust (PEM or DER)",
         .many = true},
        {.name = "vek",
         .arg = "FILE",
         .help = "certificate of the key that signed the report: VCEK or VLEK (PEM or DER), also "
                 "with "
                 "those above it behind"},
        {.name = "chain",
         .arg = "FILE",
         .help = "certificates between that one and the root, and the root (PEM or DER)",
         .many = true},
        {.name = "crl",
         .arg = "FILE",
         .help = "certificate revocation list (DER or PEM)",
         .many = true},
        {.name = "test-root",
         .arg = "FILE",
         .help = "trust this root too; the answer says so",
         .many = true},
        {0},
};

struct input {
        const struct sv_tee_verify *tee;
        struct sv_evidence *evidence;
        struct sv_buf report_data;
        struct sv_policy *policy;
        struct sv_files files;
        int64_t time;
};

static void free_input(struct input *in)
{
        sv_evidence_free(in->evidence);
        sv_buf_free(&in->report_data);
        sv_policy_free(in->policy);
        sv_files_free(&in->files);
}

/* Without a policy of the caller's: what any evidence of this TEE must show. */
static int make_strict_policy(const struct sv_args *args, const struct sv_tee_verify *tee,
                              struct sv_policy **out, struct sv_err *err)
{
        SV_JSON *allow = sv_json_array();

        for (int i = 0; sv_opt_nth(args, "allow", i); i++)
                sv_json_add(allow, sv_json_new_str(sv_opt_nth(args, "allow", i)));
        return sv_policy_make_strict(tee, allow, sv_opt(args, "measurement"), out, err);
}

/* The set that the policy names, in place of the name. */
static int join_reference_file(const struct sv_args *args, struct sv_bytes text,
                               struct sv_policy **policy, struct sv_err *err)
{
        const char *file = sv_opt(args, "reference");
        struct sv_policy *joined = NULL;
        SV_JSON *set = NULL;

        if (!file)
                return 0;
        if (sv_reference_read(file, sv_opt(args, "reference-key"), &set, err) < 0 ||
            sv_reference_join(text, set, &joined, err) < 0)
                return -1;
        sv_policy_free(*policy);
        *policy = joined;
        return 0;
}

static int read_policy(const struct sv_args *args, const struct sv_tee_verify *tee,
                       struct sv_policy **out, struct sv_err *err)
{
        const char *path = sv_opt(args, "policy");
        SV_BUF text = SV_BUF_NULL;

        if (!path && sv_has(args, "reference"))
                return sv_fail(err, SV_USAGE, "verify.reference",
                               "--reference is the set that a policy names: give the policy, too "
                               "(--policy)");
        if (!path)
                return make_strict_policy(args, tee, out, err);
        if (sv_has(args, "measurement"))
                return sv_fail(err, SV_USAGE, "verify.measurement",
                               "--measurement is for the built-in policy; what %s expects stands "
                               "in its own rules",
                               path);
        if (sv_has(args, "allow"))
                return sv_fail(
                        err, SV_USAGE, "verify.allow",
                        "--allow is for the built-in policy; what %s lifts stands in its own "
                        "\"allow\"",
                        path);
        if (sv_file_read(path, SV_POLICY_SIZE_MAX, &text, "policy.size", err) < 0 ||
            sv_policy_parse(sv_buf_bytes(&text), out, err) < 0 ||
            join_reference_file(args, sv_buf_bytes(&text), out, err) < 0)
                return sv_wrap(err, "%s", path);
        return 0;
}

static int read_option_files(const struct sv_args *args, const char *option, const char *kind,
                             struct sv_files *files, struct sv_err *err)
{
        const char *path;

        for (int i = 0; (path = sv_opt_nth(args, option, i)); i++) {
                int r = kind ? sv_files_add(files, kind, path, err)
                             : sv_files_add_path(files, path, err);

                if (r < 0)
                        return -1;
                /* Nothing there is nothing checked: not what was asked for. */
                if (kind && !files->list[files->n - 1].data.n)
                        return sv_fail(err, SV_FORMAT, "verify.collateral",
                                       "--%s %s: the file is empty", option, path);
        }
        return 0;
}

static bool takes_kind(const struct sv_tee_verify *tee, const char *kind)
{
        for (size_t i = 0; tee->takes && tee->takes[i]; i++)
                if (!strcmp(tee->takes[i], kind))
                        return true;
        return false;
}

/* Options that give collateral, and its kind. */
static const struct {
        const char *option, *kind;
} files[] = {{"collateral", NULL},   {"event-log", "event-log"},
             {"ek-root", "ek-root"}, {"vek", "vek"},
             {"chain", "ca"},        {"crl", "crl"}};

static int read_files(const struct sv_args *args, const struct sv_tee_verify *tee,
                      struct sv_files *out, struct sv_err *err)
{
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                if (files[i].kind && sv_has(args, files[i].option) &&
                    !takes_kind(tee, files[i].kind))
                        return sv_fail(err, SV_USAGE, "verify.option",
                                       "--%s is nothing that evidence on %s is verified with, and "
                                       "it would be looked at by nobody: leave it out, or give "
                                       "what is meant with --collateral",
                                       files[i].option, tee->id->name);
                if (read_option_files(args, files[i].option, files[i].kind, out, err) < 0)
                        return -1;
                /* A VEK is often kept in one file with the certificates above it. */
                if (sv_has(args, "vek") && !strcmp(files[i].option, "vek") &&
                    sv_files_split(out, "ca", err) < 0)
                        return -1;
        }
        return 0;
}

static int read_input(const struct sv_args *args, struct input *in, struct sv_err *err)
{
        const struct sv_tee_verify *tee;
        const char *hex = sv_opt(args, "report-data");

        if (sv_parse_time(sv_opt(args, "time") ? sv_opt(args, "time") : "now", &in->time,
                          "verify.time", err) < 0)
                return -1;
        if (hex && sv_unhex(sv_bytes_str(hex), &in->report_data, "verify.report-data", err) < 0)
                return -1;
        if (hex && !in->report_data.n)
                return sv_fail(err, SV_USAGE, "verify.report-data",
                               "--report-data is empty: expected the bytes in hexadecimal that the "
                               "evidence must be "
                               "bound to; leave the option out when nothing is to be compared");
        if (sv_evidence_read(args->pos[0], &in->tee, &in->evidence, err) < 0)
                return -1;
        tee = in->tee;
        if (read_policy(args, tee, &in->policy, err) < 0)
                return -1;
        if (read_files(args, tee, &in->files, err) < 0)
                return -1;
        /* A test root is trusted in addition to the built-in ones, as the TEE's own first kind of
         * anchor. */
        return read_option_files(args, "test-root", tee->trust ? tee->trust[0].kind : "test-root",
                                 &in->files, err);
}

static void print_reason_of_verdict(const struct sv_json *r)
{
        const char *expected = sv_json_str(sv_json_get(r, "expected")),
                   *found = sv_json_str(sv_json_get(r, "found"));
        const char *check = sv_json_text(r, "check", "-"), *reason = sv_json_text(r, "reason", "-");
        bool held = sv_json_bool(sv_json_get(r, "held"), false),
             lifted = sv_json_bool(sv_json_get(r, "lifted"), false),
             warned = sv_json_bool(sv_json_get(r, "warned"), false);
        enum sv_colour colour = lifted || warned ? SV_COLOUR_YELLOW
                                : held           ? SV_COLOUR_GREEN
                                                 : SV_COLOUR_RED;
        const char *word = lifted ? "LIFTED" : warned ? "WARNS" : held ? "holds" : "FAILS";

        if (!sv_json_bool(sv_json_get(r, "applies"), true))
                return;
        if (expected && found && (lifted || !held))
                sv_info_word(colour, word, "%s: %s, expected %s, found %s", check, reason, expected,
                             found);
        else
                sv_info_word(colour, word, "%s: %s", check, reason);
}

static void print_verdict(const struct sv_verdict *v)
{
        for (size_t i = 0; i < sv_json_len(v->reasons); i++)
                print_reason_of_verdict(sv_json_at(v->reasons, i));
}

/* Why a TCB is not current, and what its owner would have to do, where the TEE's maker says so. */
static void print_updates(const struct sv_json *tcb)
{
        const struct sv_json *update = sv_json_get(tcb, "update"),
                             *advisories = sv_json_get(tcb, "advisories");
        const char *status = sv_json_str(sv_json_get(tcb, "status")),
                   *date = sv_json_str(sv_json_get(tcb, "tcb_date"));

        if (!sv_json_len(update) || !status)
                return;
        sv_info("the TCB is %s, of %s", status, date ? date : "an unknown date");
        for (size_t i = 0; i < sv_json_len(advisories); i++)
                sv_info("advisory: %s", sv_json_str(sv_json_at(advisories, i)));
        for (size_t i = 0; i < sv_json_len(update); i++)
                sv_info("to do: %s", sv_json_str(sv_json_at(update, i)));
}

static void print_appraisal(const struct sv_verdict *v)
{
        const char *status = sv_tier_name(sv_verdict_status(v));
        enum sv_colour colour = !strcmp(status, "affirming") ? SV_COLOUR_GREEN
                                : !strcmp(status, "warning") ? SV_COLOUR_YELLOW
                                                             : SV_COLOUR_RED;

        printf("status %s%s%s\n", sv_colour(STDOUT_FILENO, colour), status,
               sv_colour(STDOUT_FILENO, SV_COLOUR_NONE));
        for (int i = 0; i < SV_SLOTS; i++)
                printf("%s %d\n", sv_slot_name(i), v->vector[i]);
}

/* Offline, unless --fetch was given. */
static int verify_given_evidence(const struct sv_args *args, const struct sv_evidence *e,
                                 const struct sv_verify_in *in, const struct sv_policy *policy,
                                 struct sv_json **claims, struct sv_verdict *verdict,
                                 struct sv_json **fetched, struct sv_err *err)
{
        SV_FETCH_ARGS fetch = {{0}};
        SV_FETCHED used = {0};
        int r;

        if (!sv_has(args, "fetch")) {
                static const char *const names[] = {"mirror", "mirror-ca", "offline", "cache",
                                                    "refresh"};

                for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                        if (sv_has(args, names[i]))
                                return sv_fail(err, SV_USAGE, "verify.fetch",
                                               "--%s says where to fetch from, but nothing is "
                                               "fetched without --fetch",
                                               names[i]);
                return sv_appraise(e, in, policy, claims, verdict, err);
        }
        if (sv_fetch_from_args(args, &fetch, err) < 0)
                return -1;
        r = sv_fetch_appraise(&fetch.fetch, e, in, policy, claims, verdict, &used, err);
        sv_fetch_warn(&used);
        *fetched = sv_fetched_json(&used);
        return r;
}

static int appraise_with_policy(const struct sv_args *args, const struct input *in,
                                struct sv_json **result, struct sv_err *err)
{
        SV_BLOBS blobs = {0};
        SV_VERDICT verdict = {0};
        SV_JSON *claims = NULL;
        SV_JSON *fetched = NULL;
        struct sv_verify_in what = {.report_data = sv_buf_bytes(&in->report_data),
                                    .time = in->time};
        int r;

        for (size_t i = 0; i < in->files.n; i++)
                sv_blobs_add(&blobs, in->files.list[i].kind, sv_buf_bytes(&in->files.list[i].data));
        what.collateral = (struct sv_collateral){blobs.list, blobs.n, NULL};
        r = verify_given_evidence(args, in->evidence, &what, in->policy, &claims, &verdict,
                                  &fetched, err);
        print_verdict(&verdict);
        print_updates(sv_json_get(claims, "tcb"));
        *result = sv_json_object();
        sv_json_set_str(*result, "tee", in->tee->id->name);
        if (sv_has(args, "test-root"))
                sv_json_set_bool(*result, "test_root", true);
        if (fetched)
                sv_json_set(*result, "fetched", sv_json_ref(fetched));
        /* What was proven stands there whether the policy wants it or not: which level, which
         * advisories, what to update. */
        if (claims) {
                sv_json_set(*result, "claims", sv_json_ref(claims));
                if (sv_json_get(claims, "tcb"))
                        sv_json_set(*result, "tcb", sv_json_ref(sv_json_get(claims, "tcb")));
                sv_json_set(*result, "appraisal", sv_verdict_json(&verdict));
        }
        if (r == 0 && !sv_has(args, "json"))
                print_appraisal(&verdict);
        return r;
}

static int run_verify(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct input in = {0};
        int r;

        if (sv_evidence_tee(args, &in.tee, err) < 0)
                return -1;
        r = read_input(args, &in, err) < 0 ? -1 : appraise_with_policy(args, &in, result, err);
        free_input(&in);
        return r;
}

const struct sv_cmd sv_cmd_verify = {
        .name = "verify",
        .args = "EVIDENCE",
        .help = "verify a TEE's evidence and appraise it; offline unless --fetch is given",
        .opts = opts,
        .run = run_verify,
};
