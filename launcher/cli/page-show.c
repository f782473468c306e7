/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/page.h"
#include "launcher/cli/pages.h"

static enum sv_mood judge_state(const char *state)
{
        static const struct {
                const char *state;
                enum sv_mood mood;
        } moods[] = {{"unlocked", SV_MOOD_GOOD},
                     {"failed", SV_MOOD_BAD},
                     {"killed", SV_MOOD_BAD},
                     {"starting", SV_MOOD_WARN}};

        for (size_t i = 0; i < sizeof(moods) / sizeof(moods[0]); i++)
                if (!strcmp(state, moods[i].state))
                        return moods[i].mood;
        return SV_MOOD_PLAIN;
}

/* "guest_file": "Guest file". */
static char *name_member(const char *member)
{
        static const char *const known[][2] = {{"uuid", "UUID"},
                                               {"tee", "TEE"},
                                               {"vcpus", "vCPUs"},
                                               {"uki", "UKI"},
                                               {"guest_sha256", "Its SHA-256"}};
        char *name;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (!strcmp(member, known[i][0]))
                        return sv_asprintf("%s", known[i][1]);
        name = sv_asprintf("%s", member);

        for (char *c = name; *c; c++)
                *c = *c == '_' ? ' ' : *c;
        if (*name >= 'a' && *name <= 'z')
                *name = (char)(*name - 'a' + 'A');
        return name;
}

static bool is_shown_elsewhere(const char *member)
{
        static const char *const others[] = {"name", "state", "boot", "steps", "error", "ok", NULL};

        for (size_t i = 0; others[i]; i++)
                if (!strcmp(member, others[i]))
                        return true;
        return false;
}

static bool looks_like_code(const char *text)
{
        return *text == '/' || sv_is_hex(text, strlen(text)) ||
               (strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36);
}

static int put_member_fact(void *arg, const char *member, struct sv_json *value, struct sv_err *err)
{
        SV_STR name = name_member(member);
        SV_BUF text = SV_BUF_NULL;
        char size[32];

        if (is_shown_elsewhere(member) || sv_json_type(value) == SV_JSON_NULL)
                return 0;
        if (!strcmp(member, "memory") && sv_json_type(value) == SV_JSON_INT) {
                sv_page_fact(arg, name, sv_format_size((uint64_t)sv_json_int(value, 0), size));
                return 0;
        }
        if (sv_json_str(value)) {
                (looks_like_code(sv_json_str(value)) ? sv_page_fact_code
                                                     : sv_page_fact)(arg, name, sv_json_str(value));
                return 0;
        }
        sv_json_print(value, &text);
        if (sv_json_type(value) == SV_JSON_OBJECT || sv_json_type(value) == SV_JSON_ARRAY)
                sv_page_fact_code(arg, name, sv_buf_str(&text));
        else
                sv_page_fact(arg, name, sv_buf_str(&text));
        return 0;
}

static int put_boot_row(void *arg, const char *part, struct sv_json *file, struct sv_err *err)
{
        SV_STR name = name_member(part);
        char size[32];

        sv_page_row_begin(arg);
        sv_page_cell(arg, name);
        sv_page_cell_code(arg, sv_json_text(file, "path", ""));
        sv_page_cell_short(
                arg, sv_format_size((uint64_t)sv_json_int(sv_json_get(file, "bytes"), 0), size));
        sv_page_cell_code(arg, sv_json_text(file, "sha256", ""));
        sv_page_row_end(arg);
        return 0;
}

static void put_boot_files(const struct sv_json *boot, struct sv_buf *page)
{
        static const char *const heads[] = {"", "File", "Size", "SHA-256", NULL};

        if (!sv_json_len(boot))
                return;
        sv_page_section_begin(page, "What boots, as copied and measured");
        sv_page_table_begin(page, heads);
        sv_json_each(boot, put_boot_row, page, NULL);
        sv_page_table_end(page);
        sv_page_section_end(page);
}

/* --- the boot's steps, each where it was in time --- */

static int64_t get_ms(const struct sv_json *e, const char *member)
{
        int64_t ms = sv_json_int(sv_json_get(e, member), 0);

        return ms > 0 ? ms : 0;
}

static bool is_timed_step(const struct sv_json *e)
{
        return sv_json_get(e, "ms") && sv_json_str(sv_json_get(e, "step"));
}

static void put_step_bar(const struct sv_json *e, int64_t whole, struct sv_buf *page)
{
        int64_t end = get_ms(e, "at_ms"), length = get_ms(e, "ms");
        bool ours = !strcmp(sv_json_text(e, "event", ""), "launch");
        SV_STR took = sv_asprintf("%lld ms", (long long)length);
        SV_STR at = sv_asprintf("%.2f s", (double)end / 1000);

        sv_page_row_begin(page);
        sv_page_cell(page, sv_json_text(e, "step", ""));
        sv_page_cell(page, ours ? "host" : "guest");
        sv_page_cell_short(page, at);
        sv_page_cell_short(page, took);
        sv_page_cell_bar(page, ours ? SV_MOOD_PLAIN : SV_MOOD_GOOD,
                         (uint64_t)(end > length ? end - length : 0), (uint64_t)length,
                         (uint64_t)whole);
        sv_page_row_end(page);
}

static void put_timeline(const struct sv_json *steps, struct sv_buf *page)
{
        static const char *const heads[] = {"Step", "By", "Done at", "Took", "", NULL};
        int64_t whole = 0;
        size_t n = 0;

        for (size_t i = 0; i < sv_json_len(steps); i++)
                if (is_timed_step(sv_json_at(steps, i))) {
                        int64_t end = get_ms(sv_json_at(steps, i), "at_ms");

                        whole = end > whole ? end : whole;
                        n++;
                }
        if (!n)
                return;
        sv_page_section_begin(page, "The boot, step by step");
        sv_page_table_begin(page, heads);
        for (size_t i = 0; i < sv_json_len(steps); i++)
                if (is_timed_step(sv_json_at(steps, i)))
                        put_step_bar(sv_json_at(steps, i), whole, page);
        sv_page_table_end(page);
        sv_page_section_end(page);
}

void sv_page_of_guest(const struct sv_json *status, struct sv_buf *page)
{
        SV_STR title = sv_asprintf("Guest %s", sv_json_text(status, "name", ""));
        const struct sv_json *error = sv_json_get(status, "error");
        const char *state = sv_json_text(status, "state", "");

        sv_page_begin(page, title, NULL);
        sv_page_section_begin(page, "State");
        if (error) {
                SV_STR text = sv_asprintf("%s [%s]", sv_json_text(error, "message", ""),
                                          sv_json_text(error, "check", ""));

                sv_page_note(page, SV_MOOD_BAD, text);
        }
        sv_page_facts_begin(page);
        sv_page_fact_badge(page, "State", judge_state(state), state);
        sv_json_each(status, put_member_fact, page, NULL);
        sv_page_facts_end(page);
        sv_page_section_end(page);
        put_timeline(sv_json_get(status, "steps"), page);
        put_boot_files(sv_json_get(status, "boot"), page);
        sv_page_end(page, "secure-vm", time(NULL));
}
