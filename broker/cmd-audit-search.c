/* SPDX-License-Identifier: Apache-2.0 */
/* "audit search" and "why": the records that somebody looks for, and one of them in words. */
#include <stdio.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/terminal.h"
#include "broker/audit-search.h"
#include "broker/cmd-audit.h"
#include "broker/why.h"

#define PAGE 1000 /* records that are read at a time */

const struct sv_opt sv_audit_search_opts[] = {
        {"config", "FILE", "the broker's configuration (made by init)", 'c', false},
        {"since", "TIME", "from then on: in UTC, like 2026-01-31T12:00:00Z, or its beginning", 0,
         false},
        {"until", "TIME", "up to then; 2026-01-31 is all of that day", 0, false},
        {"resource", "PATH", "one resource, or all below a path that ends with /", 0, false},
        {"who", "ID",
         "a machine (chip, platform), a TPM's name, an administrator's name or key, an address", 0,
         false},
        {"action", "NAME", "attest, resource, outcome, ...", 0, false},
        {"outcome", "NAME", "released, refused, opened, failed, ...", 0, false},
        {"check", "NAME",
         "the check that failed or warned, or all whose names begin with a word and '.'", 0, false},
        {"request", "ID", "the request id of an answer, or of a guest's console", 0, false},
        {"checks", NULL, "below each release, the checks of its policy one by one", 0, false},
        {NULL, NULL, NULL, 0, false},
};

const struct sv_opt sv_why_opts[] = {
        {"config", "FILE", "the broker's configuration (made by init)", 'c', false},
        {NULL, NULL, NULL, 0, false},
};

struct search {
        const struct sv_args *args;
        struct sv_audit_filter filter;
        struct sv_json *found; /* with --json; else each is printed as it is found */
        int64_t n;
};

static void take_found(struct search *s, struct sv_json *record)
{
        s->n++;
        if (sv_has(s->args, "json"))
                sv_json_add(s->found, sv_json_ref(record));
        else
                sv_print_record(record, sv_has(s->args, "checks"));
}

/* A page at a time, so that a record of years is not in memory. */
static int search_all(struct search *s, struct sv_store *store, struct sv_err *err)
{
        int64_t after = 0;
        size_t n = PAGE;

        while (n == PAGE) {
                SV_JSON *page = sv_json_array();

                if (store->ops->list_audit(store, after, PAGE, page, err) < 0)
                        return -1;
                n = sv_json_len(page);
                for (size_t i = 0; i < n; i++) {
                        struct sv_json *record = sv_json_at(page, i);

                        after = sv_json_int(sv_json_get(record, "id"), INT64_MAX);
                        if (sv_audit_filter_takes(&s->filter, record))
                                take_found(s, record);
                }
        }
        return 0;
}

int sv_run_audit_search(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_BROKER_CONFIG config = {0};
        SV_STORE *store = NULL;
        SV_JSON *found = sv_json_array();
        struct search s = {.args = args,
                           .found = found,
                           .filter = {.since = sv_opt(args, "since"),
                                      .until = sv_opt(args, "until"),
                                      .resource = sv_opt(args, "resource"),
                                      .who = sv_opt(args, "who"),
                                      .action = sv_opt(args, "action"),
                                      .outcome = sv_opt(args, "outcome"),
                                      .check = sv_opt(args, "check"),
                                      .request = sv_opt(args, "request")}};

        if (sv_audit_filter_check(&s.filter, err) < 0 ||
            sv_open_audit(args, &config, &store, err) < 0 || search_all(&s, store, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set(*result, "audit", sv_json_ref(found));
        sv_json_set_int(*result, "found", s.n);
        return 0;
}

/* --- why --- */

/* Parts of a record are a stranger's words. */
static void print_why(const char *what, const char *text)
{
        SV_STR shown = sv_copy_visible(text);

        printf("%-9s %s\n", what, shown);
}

static const char *find_who(const struct sv_json *r)
{
        static const char *const members[] = {"ek_cn", "platform", "person", "admin", "peer"};

        for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
                if (sv_json_get(r, members[i]))
                        return sv_json_text(r, members[i], "-");
        return "this broker's machine";
}

/* What was released all the same, and would not be if the policy did not say "warn". */
static void explain_warnings(const struct sv_json *warned)
{
        for (size_t i = 0; i < sv_json_len(warned); i++) {
                const struct sv_json *row = sv_json_at(warned, i);
                const char *check = sv_json_text(row, "check", "-");
                const struct sv_check_row *known = sv_check_find(check);
                SV_STR text = sv_asprintf("%s: expected %s, found %s", check,
                                          sv_json_text(row, "expected", "-"),
                                          sv_json_text(row, "found", "-"));

                print_why("warns", text);
                if (known && *known->cure)
                        print_why("to do", known->cure);
        }
}

static void explain_record(const struct sv_json *r, const struct sv_check_row *row)
{
        static const struct {
                const char *what, *member;
        } parts[] = {{"asked", "action"},    {"for", "resource"},    {"tee", "tee"},
                     {"session", "session"}, {"request", "request"}, {"policy", "policy_sha256"},
                     {"grounds", "grounds"}};
        const char *check = sv_json_text(r, "check", "");

        print_why("when", sv_json_text(r, "time", "-"));
        print_why("who", find_who(r));
        for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
                if (sv_json_get(r, parts[i].member))
                        print_why(parts[i].what, sv_json_text(r, parts[i].member, "-"));
        print_why("outcome", sv_json_text(r, "outcome", "-"));
        explain_warnings(sv_json_get(r, "warned"));
        if (!*check)
                return;
        print_why("check", check);
        print_why("found", sv_json_text(r, "message", "-"));
        print_why("means", row ? row->meaning : "a check that this version does not know");
        if (row && *row->cure)
                print_why("to do", row->cure);
}

int sv_run_why(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_BROKER_CONFIG config = {0};
        SV_STORE *store = NULL;
        SV_JSON *list = sv_json_array();
        const struct sv_check_row *row;
        struct sv_json *record;
        uint64_t id;

        if (sv_parse_u64(args->pos[0], INT64_MAX, &id, "cli.option", err) < 0 ||
            sv_open_audit(args, &config, &store, err) < 0 ||
            (id && store->ops->list_audit(store, (int64_t)id - 1, 1, list, err) < 0))
                return -1;
        record = sv_json_at(list, 0);
        if (!record || sv_json_int(sv_json_get(record, "id"), 0) != (int64_t)id)
                return sv_fail(err, SV_USAGE, "broker.why",
                               "there is no record %llu: \"audit\" lists those that there are",
                               (unsigned long long)id);
        row = sv_check_find(sv_json_text(record, "check", ""));
        *result = sv_json_object();
        sv_json_set(*result, "record", sv_json_ref(record));
        if (row) {
                sv_json_set_str(*result, "meaning", row->meaning);
                sv_json_set_str(*result, "remedy", row->cure);
        }
        if (!sv_has(args, "json"))
                explain_record(record, row);
        return 0;
}
