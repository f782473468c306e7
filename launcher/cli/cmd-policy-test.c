/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm policy test: who of the guests that there are would still get the key. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attest/jose/reference.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/program/colour.h"
#include "base/program/terminal.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"
#include "policy/policy.h"
#include "policy/reference.h"

static const struct sv_opt opts[] = {
        {.name = "resource",
         .arg = "RESOURCE",
         .help = "the policy that the broker has for it, instead of a file's"},
        {.name = "reference",
         .arg = "SET.jws",
         .help = "this reference set, instead of the one that the broker has of its name; without "
                 "--resource with every policy that names it"},
        {.name = "at",
         .arg = "T",
         .help = "as if it were this time (RFC 3339): what ends or begins by then"},
        SV_ADMIN_OPTS,
        {0},
};

/* The broker's words quote a guest's: nothing of them may steer the terminal. */
static void print_tried_guest(const struct sv_json *row)
{
        bool holds = sv_json_bool(sv_json_get(row, "holds"), false);
        const struct sv_json *warned = sv_json_get(row, "warned");
        SV_STR guest = sv_copy_visible(sv_json_text(row, "guest", ""));
        SV_STR when = sv_copy_visible(sv_json_text(row, "released", ""));
        SV_STR message = sv_copy_visible(sv_json_text(row, "message", ""));
        SV_STR check = sv_copy_visible(sv_json_text(row, "check", ""));

        printf("  %s%-7s%s  %-36s  %s",
               sv_colour(STDOUT_FILENO, !holds   ? SV_COLOUR_RED
                                        : warned ? SV_COLOUR_YELLOW
                                                 : SV_COLOUR_GREEN),
               !holds   ? "refused"
               : warned ? "warns"
                        : "holds",
               sv_colour(STDOUT_FILENO, SV_COLOUR_NONE), *guest ? guest : "(no name)", when);
        if (!holds)
                printf("\n           %s [%s]", message, check);
        for (size_t i = 0; i < sv_json_len(warned); i++) {
                SV_STR one = sv_copy_visible(sv_json_str(sv_json_at(warned, i)));

                printf("\n           [%s]", one);
        }
        printf("\n");
}

static void print_answer(const struct sv_json *answer)
{
        const struct sv_json *guests = sv_json_get(answer, "guests");

        printf("%s\n", sv_json_text(answer, "resource", ""));
        for (size_t i = 0; i < sv_json_len(guests); i++)
                print_tried_guest(sv_json_at(guests, i));
        if (!sv_json_len(guests))
                printf("  no guest has had it\n");
}

/* *result counts over all resources. */
static void add_answer(struct sv_json *result, struct sv_json *answer)
{
        static const char *const counts[] = {"holds", "refused", "warns"};

        for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
                sv_json_set_int(result, counts[i],
                                sv_json_int(sv_json_get(result, counts[i]), 0) +
                                        sv_json_int(sv_json_get(answer, counts[i]), 0));
        sv_json_add(sv_json_get(result, "resources"), answer);
}

static int test_one(const struct sv_args *args, struct sv_admin *admin, const char *path,
                    struct sv_bytes text, struct sv_json *result, struct sv_err *err)
{
        const char *file = sv_opt(args, "reference"), *at = sv_opt(args, "at");
        struct sv_json *answer = NULL;
        SV_BUF set = SV_BUF_NULL;

        if (file && sv_file_read(file, SV_POLICY_SIZE_MAX, &set, "reference.size", err) < 0)
                return -1;
        if ((file ? sv_admin_test_reference(admin, path, sv_buf_bytes(&set), at, &answer, err)
                  : sv_admin_test_policy(admin, path, text, at, &answer, err)) < 0)
                return sv_wrap(err, "%s", path);
        if (!sv_has(args, "json"))
                print_answer(answer);
        add_answer(result, answer);
        return 0;
}

/* The name of the set to be tried; "" without one. Whether its author signed it is the broker's to
 * say. */
static int read_set_name(const struct sv_args *args, char **name, struct sv_err *err)
{
        const char *file = sv_opt(args, "reference");
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *set = NULL;

        if (file && (sv_file_read(file, SV_POLICY_SIZE_MAX, &text, "reference.size", err) < 0 ||
                     sv_reference_open(sv_buf_bytes(&text), NULL, &set, err) < 0))
                return sv_wrap(err, "%s", file);
        *name = sv_asprintf("%s", set ? sv_reference_name(set) : "");
        return 0;
}

/* Is this policy about the set that is tried? Any is, when there is none. */
static int names_set(struct sv_admin *admin, const char *path, const char *set, bool *names,
                     struct sv_err *err)
{
        SV_POLICY_DOC *policy = NULL;
        SV_BUF text = SV_BUF_NULL;
        const char *own;

        *names = true;
        if (!*set)
                return 0;
        if (sv_admin_get_policy(admin, path, &text, err) < 0 ||
            sv_policy_parse(sv_buf_bytes(&text), &policy, err) < 0)
                return sv_wrap(err, "%s", path);
        own = sv_policy_reference(policy);
        *names = own && !strcmp(own, set);
        return 0;
}

/* Each resource by the policy that the broker has; with --reference those that name that set. */
static int test_all(const struct sv_args *args, struct sv_admin *admin, struct sv_json *result,
                    struct sv_err *err)
{
        SV_JSON *answer = NULL;
        SV_STR set = NULL;
        const struct sv_json *list;

        if (read_set_name(args, &set, err) < 0 ||
            sv_admin_list_resources(admin, NULL, NULL, &answer, err) < 0)
                return -1;
        list = sv_json_get(answer, "resources");
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const struct sv_json *row = sv_json_at(list, i);
                const char *path = sv_json_text(row, "path", "");
                bool names;

                if (!sv_json_bool(sv_json_get(row, "policy"), false))
                        continue;
                if (names_set(admin, path, set, &names, err) < 0 ||
                    (names && test_one(args, admin, path, SV_BYTES_NULL, result, err) < 0))
                        return -1;
        }
        return 0;
}

static int test_file(const struct sv_args *args, struct sv_admin *admin, struct sv_json *result,
                     struct sv_err *err)
{
        const char *file = args->pos[0];
        SV_BUF text = SV_BUF_NULL;
        SV_POLICY_DOC *policy = NULL;

        if (sv_file_read(file, SV_POLICY_SIZE_MAX, &text, "policy.size", err) < 0 ||
            sv_policy_parse(sv_buf_bytes(&text), &policy, err) < 0)
                return sv_wrap(err, "%s", file);
        return test_one(args, admin, sv_policy_resource(policy), sv_buf_bytes(&text), result, err);
}

static int check_outcome(const struct sv_json *result, struct sv_err *err)
{
        int64_t refused = sv_json_int(sv_json_get(result, "refused"), 0);
        int64_t all = refused + sv_json_int(sv_json_get(result, "holds"), 0);

        if (!refused)
                return 0;
        return sv_fail(err, SV_POLICY, "policy.test.refused",
                       "%lld of %lld guests that have had their key would not get it again",
                       (long long)refused, (long long)all);
}

static int run_policy_test(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *resource = sv_opt(args, "resource"), *at = sv_opt(args, "at");
        SV_ADMIN *admin = NULL;
        int64_t time;
        int rc;

        if (resource && args->pos[0])
                return sv_fail(err, SV_USAGE, "policy.test.both",
                               "a file names its resource itself: give a file or --resource");
        if (sv_opt(args, "reference") && args->pos[0])
                return sv_fail(err, SV_USAGE, "policy.test.reference",
                               "--reference is tried with the policies that the broker has: give "
                               "it without a policy's file");
        if ((at && sv_parse_time(at, &time, "policy.test.at", err) < 0) ||
            sv_admin_from_args(args, NULL, &admin, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set(*result, "resources", sv_json_array());
        rc = args->pos[0] ? test_file(args, admin, *result, err)
             : resource   ? test_one(args, admin, resource, SV_BYTES_NULL, *result, err)
                          : test_all(args, admin, *result, err);
        return rc < 0 ? -1 : check_outcome(*result, err);
}

const struct sv_cmd sv_cmd_policy_test = {
        .name = "policy test",
        .args = "[POLICY.json]",
        .help = "say which of the guests that had their key would get it again by this policy",
        .opts = opts,
        .run = run_policy_test,
};
