/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/page.h"
#include "launcher/cli/describe.h"
#include "launcher/cli/pages.h"
#include "launcher/cli/timeline.h"
#include "launcher/keeper/life.h"

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
        static const char *const others[] = {"name",  "state",       "started", "disks",
                                             "nics",  "attestation", "boot",    "steps",
                                             "error", "ok",          NULL};

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
        if (!strcmp(member, "limits")) {
                sv_describe_limits(value, &text);
                if (text.n)
                        sv_page_fact(arg, name, sv_buf_str(&text));
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

/* --- what it has --- */

static void put_disk_table(const struct sv_json *disks, struct sv_buf *page)
{
        static const char *const heads[] = {"", "File", "Protection", NULL};

        if (!sv_json_len(disks))
                return;
        sv_page_section_begin(page, "Disks");
        sv_page_table_begin(page, heads);
        for (size_t i = 0; i < sv_json_len(disks); i++) {
                const struct sv_json *d = sv_json_at(disks, i);

                sv_page_row_begin(page);
                sv_page_cell(page, sv_json_text(d, "id", ""));
                sv_page_cell_code(page, sv_json_text(d, "path", ""));
                sv_page_cell(page, sv_describe_protection(d));
                sv_page_row_end(page);
        }
        sv_page_table_end(page);
        sv_page_section_end(page);
}

static void put_nic_row(const struct sv_json *nic, struct sv_buf *page)
{
        const struct sv_json *forwards = sv_json_get(nic, "forward");
        SV_BUF where = SV_BUF_NULL;
        SV_BUF leads = SV_BUF_NULL;

        sv_buf_printf(&where, "%s %s", sv_json_text(nic, "type", ""),
                      sv_json_text(nic, "source", ""));
        for (size_t i = 0; i < sv_json_len(forwards); i++) {
                const struct sv_json *f = sv_json_at(forwards, i);

                sv_buf_printf(&leads, "%s%s %s:%lld to its port %lld", i ? ", " : "",
                              sv_json_text(f, "protocol", ""), sv_json_text(f, "address", ""),
                              (long long)sv_json_int(sv_json_get(f, "port"), 0),
                              (long long)sv_json_int(sv_json_get(f, "to"), 0));
        }
        sv_page_row_begin(page);
        sv_page_cell(page, sv_buf_str(&where));
        sv_page_cell_code(page, sv_json_text(nic, "mac", ""));
        sv_page_cell(page, sv_buf_str(&leads));
        sv_page_row_end(page);
}

static void put_network(const struct sv_json *status, struct sv_buf *page)
{
        static const char *const heads[] = {"Network", "MAC", "Forwarded", NULL};
        const struct sv_json *nics = sv_json_get(status, "nics");
        const char *address = sv_describe_address(status);

        if (!sv_json_len(nics) && !address)
                return;
        sv_page_section_begin(page, "Network");
        if (address) {
                sv_page_facts_begin(page);
                sv_page_fact(page, "Address, as the guest says", address);
                sv_page_facts_end(page);
        }
        sv_page_table_begin(page, heads);
        for (size_t i = 0; i < sv_json_len(nics); i++)
                put_nic_row(sv_json_at(nics, i), page);
        sv_page_table_end(page);
        sv_page_section_end(page);
}

/* Whose policy decides, and what it has to give. */
static void put_policy_facts(const struct sv_json *attestation, struct sv_buf *page)
{
        if (!sv_json_len(attestation))
                return;
        sv_page_section_begin(page, "Broker and policy");
        sv_page_facts_begin(page);
        sv_json_each(attestation, put_member_fact, page, NULL);
        sv_page_facts_end(page);
        sv_page_section_end(page);
}

/* --- the boot's steps, each where it was in time --- */

static void put_step_bar(void *page, const struct sv_timeline_bar *bar,
                         const struct sv_timeline_bar *boot)
{
        SV_STR took = sv_asprintf("%lld ms", (long long)(bar->end - bar->begin));
        SV_STR at = sv_asprintf("%.2f s", (double)bar->end / 1000);

        sv_page_row_begin(page);
        sv_page_cell(page, bar->name);
        sv_page_cell(page, bar->guests ? "guest" : "host");
        sv_page_cell_short(page, at);
        sv_page_cell_short(page, took);
        sv_page_cell_bar(page, bar->guests ? SV_MOOD_GOOD : SV_MOOD_PLAIN,
                         (uint64_t)(bar->begin - boot->begin), (uint64_t)(bar->end - bar->begin),
                         (uint64_t)(boot->end - boot->begin));
        sv_page_row_end(page);
}

static void put_timeline(const struct sv_json *steps, struct sv_buf *page)
{
        static const char *const heads[] = {"Step", "By", "Done at", "Took", "", NULL};
        SV_BUF rows = SV_BUF_NULL;

        sv_timeline_each(steps, put_step_bar, &rows);
        if (!rows.n)
                return;
        sv_page_section_begin(page, "The boot, step by step");
        sv_page_table_begin(page, heads);
        sv_buf_put(page, sv_buf_bytes(&rows));
        sv_page_table_end(page);
        sv_page_section_end(page);
}

/* "unlocked, started 3 d 4 h ago": of a page the time counts at which it was written. */
static void put_started(const struct sv_json *status, int64_t now, struct sv_buf *page)
{
        int64_t started = sv_json_int(sv_json_get(status, "started"), 0);
        char text[48];

        if (!started || started > now)
                return;
        sv_format_duration(now - started, text);
        if (sv_life_runs(sv_json_text(status, "state", "")))
                sv_page_fact(page, "Running for", text);
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
        put_started(status, time(NULL), page);
        sv_json_each(status, put_member_fact, page, NULL);
        sv_page_facts_end(page);
        sv_page_section_end(page);
        put_timeline(sv_json_get(status, "steps"), page);
        put_policy_facts(sv_json_get(status, "attestation"), page);
        put_disk_table(sv_json_get(status, "disks"), page);
        put_network(status, page);
        put_boot_files(sv_json_get(status, "boot"), page);
        sv_page_end(page, "secure-vm", time(NULL));
}
