/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm policy history, show, diff, rollback: the versions of a policy that a broker keeps. */
#include <stdio.h>
#include <string.h>

#include "base/core/text.h"
#include "base/program/log.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/policy-diff.h"
#include "policy/rule.h"
#include "policy/set-form.h"
#include "policy/update.h"

#define FROM_OPT(text)                                   \
        {                                                \
                .name = "from", .arg = "N", .help = text \
        }
#define TO_OPT(text)                                   \
        {                                              \
                .name = "to", .arg = "N", .help = text \
        }

static const struct sv_opt history_opts[] = {SV_ADMIN_OPTS, {0}};
static const struct sv_opt show_opts[] = {
        {.name = "version", .arg = "N", .help = "this version instead of the current one"},
        SV_ADMIN_OPTS,
        {0},
};
static const struct sv_opt diff_opts[] = {
        FROM_OPT("the older version (the one before the other)"),
        TO_OPT("the newer version (the current one)"),
        SV_ADMIN_OPTS,
        {0},
};
static const struct sv_opt rollback_opts[] = {
        TO_OPT("the version to go back to (the one before the current)"),
        {.name = "again", .help = "accept states of the guest once more that were retired since"},
        SV_ADMIN_OPTS,
        {0},
};

/* --- versions --- */

static int64_t get_version(const struct sv_json *row)
{
        return sv_json_int(sv_json_get(row, "version"), 0);
}

static bool is_removal(const struct sv_json *row)
{
        return sv_json_bool(sv_json_get(row, "removed"), false);
}

static int read_versions(struct sv_admin *admin, const char *path, struct sv_json **answer,
                         const struct sv_json **list, struct sv_err *err)
{
        if (sv_admin_list_policy_versions(admin, path, answer, err) < 0)
                return -1;
        *list = sv_json_get(*answer, "versions");
        if (sv_json_len(*list))
                return 0;
        return sv_fail(err, SV_USAGE, "broker.policy.absent",
                       "the broker has and had no policy of %s", path);
}

/* The newest that has a document and is older than this one; 0: none. */
static int64_t find_before(const struct sv_json *list, int64_t version)
{
        for (size_t i = 0; i < sv_json_len(list); i++)
                if (get_version(sv_json_at(list, i)) < version && !is_removal(sv_json_at(list, i)))
                        return get_version(sv_json_at(list, i));
        return 0;
}

static int read_version_opt(const struct sv_args *args, const char *name, int64_t otherwise,
                            int64_t *out, struct sv_err *err)
{
        const char *text = sv_opt(args, name);
        uint64_t n;

        *out = otherwise;
        if (text) {
                if (sv_parse_u64(text, INT64_MAX, &n, "policy.history.version", err) < 0)
                        return -1;
                *out = (int64_t)n;
        }
        if (*out)
                return 0;
        return sv_fail(err, SV_USAGE, "policy.history.version",
                       "there is no older version: say which one (--%s)", name);
}

static int fetch_policy_version(struct sv_admin *admin, const char *path, int64_t version,
                                struct sv_buf *text, struct sv_json **doc, struct sv_err *err)
{
        if (version ? sv_admin_get_policy_version(admin, path, version, text, err) < 0
                    : sv_admin_get_policy(admin, path, text, err) < 0)
                return -1;
        return sv_json_parse(sv_buf_bytes(text), "policy", doc, err);
}

/* --- history --- */

static void print_history(const struct sv_json *list)
{
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const struct sv_json *row = sv_json_at(list, i);
                const char *author = sv_json_str(sv_json_get(row, "author"));
                const char *sha256 = sv_json_str(sv_json_get(row, "sha256"));

                printf("%4lld  %s  %-28s  %s\n", (long long)get_version(row),
                       sv_json_str(sv_json_get(row, "created")),
                       author && *author ? author : "(not recorded)",
                       is_removal(row)                                    ? "removed"
                       : sv_json_bool(sv_json_get(row, "current"), false) ? "current"
                       : sha256                                           ? ""
                                                                          : "?");
        }
}

static int run_policy_history(const struct sv_args *args, struct sv_json **result,
                              struct sv_err *err)
{
        SV_ADMIN *admin = NULL;
        SV_JSON *answer = NULL;
        const struct sv_json *list;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            read_versions(admin, args->pos[0], &answer, &list, err) < 0)
                return -1;
        if (!sv_has(args, "json"))
                print_history(list);
        *result = sv_json_object();
        sv_json_set_str(*result, "path", args->pos[0]);
        sv_json_set(*result, "versions", sv_json_ref((struct sv_json *)list));
        return 0;
}

/* --- show --- */

static void print_rules(const char *indent, const struct sv_json *rules)
{
        for (size_t i = 0; i < sv_json_len(rules); i++) {
                const struct sv_json *rule = sv_json_at(rules, i);
                const struct sv_json *when = sv_json_get(rule, "when");
                const char *op = sv_rule_operator(rule);
                SV_BUF text = SV_BUF_NULL;

                sv_buf_printf(&text, " %s ", op);
                sv_json_print(sv_json_get(rule, op), &text);
                if (when) {
                        sv_buf_printf(&text, ", where %s is ",
                                      sv_json_str(sv_json_get(when, "claim")));
                        sv_json_print(sv_json_get(when, "equals"), &text);
                }
                printf("%s%s: %s%s\n%s    %s\n", indent, sv_json_str(sv_json_get(rule, "check")),
                       sv_json_str(sv_json_get(rule, "claim")), sv_buf_str(&text), indent,
                       sv_json_str(sv_json_get(rule, "reason")));
        }
}

static void print_set(const struct sv_json *set)
{
        const char *from = sv_json_str(sv_json_get(set, "not_before"));
        const char *until = sv_json_str(sv_json_get(set, "not_after"));

        printf("generation %lld, \"%s\": %s%s%s%s%s\n", (long long)sv_set_generation(set),
               sv_json_str(sv_json_get(set, "name")),
               sv_set_is_retired(set) ? "retired" : "accepted", from ? ", from " : "",
               from ? from : "", until ? ", until " : "", until ? until : "");
        print_rules("    ", sv_json_get(set, "rules"));
}

static void print_policy(const struct sv_policy *p)
{
        const struct sv_json *allow = sv_policy_allowed(p), *sets = sv_policy_sets(p);

        printf("%s is for guest %s on %s\n", sv_policy_resource(p), sv_policy_guest(p),
               sv_policy_tee(p));
        for (size_t i = 0; i < sv_json_len(allow); i++)
                printf("lifts %s of the floor\n", sv_json_str(sv_json_at(allow, i)));
        for (size_t i = 0; i < sv_json_len(sv_policy_warned(p)); i++)
                printf("warns only, where it would refuse: %s\n",
                       sv_json_str(sv_json_at(sv_policy_warned(p), i)));
        print_rules("", sv_policy_rules(p));
        if (sv_policy_reference(p))
                printf("and one whole tuple of reference set %s\n", sv_policy_reference(p));
        if (sets)
                printf("and all of one of these:\n");
        for (size_t i = 0; i < sv_json_len(sets); i++)
                print_set(sv_json_at(sets, i));
}

static int run_policy_show(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_ADMIN *admin = NULL;
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *doc = NULL;
        SV_POLICY_DOC *p = NULL;
        int64_t version = 0;

        if ((sv_has(args, "version") && read_version_opt(args, "version", 0, &version, err) < 0) ||
            sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            fetch_policy_version(admin, args->pos[0], version, &text, &doc, err) < 0 ||
            sv_policy_parse(sv_buf_bytes(&text), &p, err) < 0)
                return -1;
        if (!sv_has(args, "json"))
                print_policy(p);
        *result = sv_json_object();
        sv_json_set_str(*result, "path", args->pos[0]);
        sv_json_set(*result, "policy", sv_json_ref(doc));
        return 0;
}

/* --- diff --- */

static void print_side(char sign, const char *what, const struct sv_json *value)
{
        SV_BUF text = SV_BUF_NULL;

        if (!value)
                return;
        sv_json_print(value, &text);
        printf("%c %s: %s\n", sign, what, sv_buf_str(&text));
}

static void print_diff(const struct sv_json *rows)
{
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i);
                const char *what = sv_json_str(sv_json_get(row, "what"));

                print_side('-', what, sv_json_get(row, "from"));
                print_side('+', what, sv_json_get(row, "to"));
        }
}

static int run_policy_diff(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *path = args->pos[0];
        SV_ADMIN *admin = NULL;
        SV_JSON *answer = NULL;
        SV_BUF old_text = SV_BUF_NULL, new_text = SV_BUF_NULL;
        SV_JSON *before = NULL;
        SV_JSON *after = NULL;
        SV_JSON *rows = sv_json_array();
        const struct sv_json *list;
        int64_t from, to;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            read_versions(admin, path, &answer, &list, err) < 0 ||
            read_version_opt(args, "to", find_before(list, INT64_MAX), &to, err) < 0 ||
            read_version_opt(args, "from", find_before(list, to), &from, err) < 0 ||
            fetch_policy_version(admin, path, from, &old_text, &before, err) < 0 ||
            fetch_policy_version(admin, path, to, &new_text, &after, err) < 0)
                return -1;
        sv_policy_diff(before, after, rows);
        if (!sv_has(args, "json"))
                print_diff(rows);
        if (!sv_json_len(rows))
                sv_info("versions %lld and %lld ask the same", (long long)from, (long long)to);
        *result = sv_json_object();
        sv_json_set_str(*result, "path", path);
        sv_json_set_int(*result, "from", from);
        sv_json_set_int(*result, "to", to);
        sv_json_set(*result, "differences", sv_json_ref(rows));
        return 0;
}

/* --- rollback --- */

/* A state that this version accepts was retired since, because its guest is not to run any more. */
static int refuse_retired_state(const struct sv_policy *now, const struct sv_policy *state,
                                int64_t version, struct sv_err *err)
{
        static const struct sv_update_names names = {"before", "after"};
        SV_BUF unused = SV_BUF_NULL;
        struct sv_err why = SV_ERR_NULL;
        int64_t generation;

        if (sv_policy_add_set(now, state, &names, false, &unused, &generation, &why) == 0 ||
            strcmp(why.check, "policy.update.retired"))
                return 0;
        return sv_fail(err, SV_USAGE, "policy.rollback.retired",
                       "version %lld accepts a state of the guest that was retired since: going "
                       "back would release the key to it; --again does",
                       (long long)version);
}

static int check_not_retired(const struct sv_policy *now, const struct sv_policy *old,
                             int64_t version, struct sv_err *err)
{
        const struct sv_json *sets = sv_policy_sets(old);
        const char *is = sv_policy_reference(now), *was = sv_policy_reference(old);

        if (is && was && !strcmp(is, was))
                return 0;
        if (is || was)
                return sv_fail(err, SV_USAGE, "policy.rollback.retired",
                               "version %lld may accept a state of the guest that was retired "
                               "since: reference set %s is not looked at here; --again goes back",
                               (long long)version, is ? is : was);
        if (!sets)
                return refuse_retired_state(now, old, version, err);
        for (size_t i = 0; i < sv_json_len(sets); i++)
                if (!sv_set_is_retired(sv_json_at(sets, i)) &&
                    refuse_retired_state(now, sv_policy_with_set(old, i), version, err) < 0)
                        return -1;
        return 0;
}

/* Over the policy that was looked at, or over none when it was removed. */
static int put_back(const struct sv_args *args, struct sv_admin *admin, bool removed,
                    int64_t version, struct sv_bytes text, struct sv_err *err)
{
        const char *path = args->pos[0];
        SV_BUF current = SV_BUF_NULL;
        SV_POLICY_DOC *now = NULL;
        SV_POLICY_DOC *old = NULL;

        if (sv_policy_parse(text, &old, err) < 0)
                return -1;
        if (removed)
                return sv_admin_put_policy(admin, path, text, err);
        if (sv_admin_get_policy(admin, path, &current, err) < 0)
                return -1;
        if (sv_bytes_eq(sv_buf_bytes(&current), text))
                return sv_fail(err, SV_USAGE, "policy.rollback.same",
                               "the broker's policy of %s is that of version %lld already", path,
                               (long long)version);
        if (!sv_has(args, "again") && (sv_policy_parse(sv_buf_bytes(&current), &now, err) < 0 ||
                                       check_not_retired(now, old, version, err) < 0))
                return -1;
        return sv_admin_replace_policy(admin, path, sv_buf_bytes(&current), text, err);
}

static int run_policy_rollback(const struct sv_args *args, struct sv_json **result,
                               struct sv_err *err)
{
        const char *path = args->pos[0];
        SV_ADMIN *admin = NULL;
        SV_JSON *answer = NULL;
        SV_JSON *doc = NULL;
        SV_BUF text = SV_BUF_NULL;
        const struct sv_json *list, *newest;
        int64_t to;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            read_versions(admin, path, &answer, &list, err) < 0)
                return -1;
        newest = sv_json_at(list, 0);
        if (read_version_opt(args, "to", find_before(list, get_version(newest)), &to, err) < 0 ||
            fetch_policy_version(admin, path, to, &text, &doc, err) < 0 ||
            put_back(args, admin, is_removal(newest), to, sv_buf_bytes(&text), err) < 0)
                return -1;
        sv_info("the broker's policy of %s is that of version %lld again, as version %lld", path,
                (long long)to, (long long)get_version(newest) + 1);
        *result = sv_json_object();
        sv_json_set_str(*result, "path", path);
        sv_json_set_int(*result, "from", to);
        sv_json_set_int(*result, "version", get_version(newest) + 1);
        return 0;
}

const struct sv_cmd sv_cmd_policy_history = {
        .name = "policy history",
        .args = "RESOURCE",
        .help = "list the versions of a policy that a broker keeps, with time and author",
        .opts = history_opts,
        .run = run_policy_history,
};
const struct sv_cmd sv_cmd_policy_show = {
        .name = "policy show",
        .args = "RESOURCE",
        .help = "say what a policy asks of a guest: rules, states that are accepted or retired",
        .opts = show_opts,
        .run = run_policy_show,
};
const struct sv_cmd sv_cmd_policy_diff = {
        .name = "policy diff",
        .args = "RESOURCE",
        .help = "say what changed between two versions of a policy",
        .opts = diff_opts,
        .run = run_policy_diff,
};
const struct sv_cmd sv_cmd_policy_rollback = {
        .name = "policy rollback",
        .args = "RESOURCE",
        .help = "put an older version of a policy again; not one that accepts what was retired",
        .opts = rollback_opts,
        .run = run_policy_rollback,
};
