/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/audit-page.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/core/file.h"
#include "base/program/page.h"

static enum sv_mood judge_outcome(const char *outcome)
{
        if (!strcmp(outcome, "refused") || !strcmp(outcome, "failed"))
                return SV_MOOD_BAD;
        return !strcmp(outcome, "released") || !strcmp(outcome, "opened") ? SV_MOOD_GOOD
                                                                          : SV_MOOD_PLAIN;
}

static size_t count_outcomes(const struct sv_json *records, const char *outcome)
{
        size_t n = 0;

        for (size_t i = 0; i < sv_json_len(records); i++)
                n += !strcmp(sv_json_text(sv_json_at(records, i), "outcome", ""), outcome);
        return n;
}

static void put_count(const struct sv_json *records, const char *name, const char *outcome,
                      struct sv_buf *page)
{
        size_t n = count_outcomes(records, outcome);
        SV_STR text = sv_asprintf("%zu", n);

        if (n)
                sv_page_fact_badge(page, name, judge_outcome(outcome), text);
}

static void put_summary(const struct sv_json *records, struct sv_buf *page)
{
        static const char *const outcomes[][2] = {{"Released", "released"},
                                                  {"Refused", "refused"},
                                                  {"Disks opened", "opened"},
                                                  {"Failed in the guest", "failed"}};
        size_t n = sv_json_len(records);
        SV_STR all = sv_asprintf("%zu", n);

        sv_page_section_begin(page, "In short");
        sv_page_facts_begin(page);
        sv_page_fact(page, "Records", all);
        if (n) {
                sv_page_fact(page, "From", sv_json_text(sv_json_at(records, 0), "time", ""));
                sv_page_fact(page, "To", sv_json_text(sv_json_at(records, n - 1), "time", ""));
        }
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
                put_count(records, outcomes[i][0], outcomes[i][1], page);
        sv_page_facts_end(page);
        sv_page_section_end(page);
}

/* The refusal's check and words, or on what grounds it was released, with the policy's checks
 * below.
 */
static void put_reason_cell(const struct sv_json *r, struct sv_buf *page)
{
        const struct sv_json *checks = sv_json_get(r, "checks");
        SV_STR refusal = sv_asprintf("%s [%s]", sv_json_text(r, "message", ""),
                                     sv_json_text(r, "check", ""));
        const char *text = sv_json_get(r, "check") ? refusal : sv_json_text(r, "grounds", "");

        if (!sv_json_len(checks)) {
                sv_page_cell(page, text);
                return;
        }
        sv_page_cell_begin(page);
        sv_page_fold_begin(page, text, NULL, false);
        sv_page_facts_begin(page);
        for (size_t i = 0; i < sv_json_len(checks); i++) {
                const char *check = sv_json_str(sv_json_at(checks, i));
                const char *how = check ? strchr(check, ' ') : NULL;
                SV_STR name = sv_asprintf("%.*s", check ? (int)strcspn(check, " ") : 1,
                                          check ? check : "-");

                sv_page_fact(page, name, how ? how + 1 : "holds");
        }
        sv_page_facts_end(page);
        sv_page_fold_end(page);
        sv_page_cell_end(page);
}

static void put_record_row(const struct sv_json *r, struct sv_buf *page)
{
        SV_STR id = sv_asprintf("%lld", (long long)sv_json_int(sv_json_get(r, "id"), 0));
        const char *outcome = sv_json_text(r, "outcome", "");

        sv_page_row_begin(page);
        sv_page_cell_short(page, id);
        sv_page_cell_short(page, sv_json_text(r, "time", ""));
        sv_page_cell(page, sv_json_text(r, "peer", ""));
        sv_page_cell(page, sv_json_text(r, "action", ""));
        sv_page_cell(page, sv_json_text(r, "resource", ""));
        sv_page_cell_badge(page, judge_outcome(outcome), outcome);
        put_reason_cell(r, page);
        sv_page_row_end(page);
}

void sv_page_of_audit(const struct sv_json *records, struct sv_buf *page)
{
        static const char *const heads[] = {"Id",       "Time",    "From", "Action",
                                            "Resource", "Outcome", "Why",  NULL};

        sv_page_begin(page, "Audit record", "Who got what, who did not, and why");
        put_summary(records, page);
        sv_page_section_begin(page, "Records, oldest first");
        sv_page_table_begin(page, heads);
        for (size_t i = 0; i < sv_json_len(records); i++)
                put_record_row(sv_json_at(records, i), page);
        sv_page_table_end(page);
        sv_page_section_end(page);
        sv_page_end(page, "secure-vm-broker", time(NULL));
}
