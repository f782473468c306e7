/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/page.h"
#include "launcher/cli/measure-text.h"
#include "launcher/cli/pages.h"

static void put_guest_facts(const struct sv_guest *g, const char *tee, struct sv_buf *page)
{
        SV_STR vcpus = sv_asprintf("%u", g->vcpus);
        SV_BUF line = SV_BUF_NULL;
        char size[32];

        sv_page_section_begin(page, "From these files");
        sv_page_facts_begin(page);
        sv_page_fact(page, "Guest", g->name);
        sv_page_fact_code(page, "Guest file", g->file);
        sv_page_fact(page, "TEE", tee);
        sv_page_fact(page, "Memory", sv_format_size(g->memory, size));
        sv_page_fact(page, "vCPUs", vcpus);
        sv_page_fact(page, "CPU model", g->cpu);
        sv_page_fact_code(page, "Firmware", g->firmware);
        sv_page_fact_code(page, "Shim", g->shim);
        sv_page_fact_code(page, "Kernel", g->kernel);
        sv_page_fact_code(page, "Unified kernel image", g->uki);
        sv_page_fact_code(page, "Initramfs", g->initrd);
        if (sv_guest_cmdline(g, &line, NULL) == 0 && line.n)
                sv_page_fact_code(page, "Command line", sv_buf_str(&line));
        sv_page_facts_end(page);
        sv_page_section_end(page);
}

static int put_input_fact(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        sv_page_fact_code(arg, name, sv_json_str(value));
        return 0;
}

static void put_step_row(const struct sv_json *step, struct sv_buf *page)
{
        const struct sv_json *inputs = sv_json_get(step, "inputs");

        sv_page_row_begin(page);
        if (sv_json_len(inputs)) {
                sv_page_cell_begin(page);
                sv_page_fold_begin(page, sv_json_text(step, "what", ""), NULL, false);
                sv_page_facts_begin(page);
                sv_json_each(inputs, put_input_fact, page, NULL);
                sv_page_facts_end(page);
                sv_page_fold_end(page);
                sv_page_cell_end(page);
        } else {
                sv_page_cell(page, sv_json_text(step, "what", ""));
        }
        sv_page_cell_code(page, sv_measure_digest(step));
        sv_page_cell_short(page, sv_json_text(step, "type", ""));
        sv_page_row_end(page);
}

static void put_register(const struct sv_json *result, const char *reg, struct sv_buf *page)
{
        static const char *const heads[] = {"What is measured", "Digest", "Kind", NULL};
        const struct sv_json *steps = sv_json_get(result, "steps");
        const char *value = sv_measure_value(result, reg);

        sv_page_fold_begin(page, reg, value ? value : "not predicted", true);
        sv_page_table_begin(page, heads);
        for (size_t i = sv_measure_next(steps, reg, 0); i < sv_json_len(steps);
             i = sv_measure_next(steps, reg, i + 1))
                put_step_row(sv_json_at(steps, i), page);
        sv_page_table_end(page);
        sv_page_fold_end(page);
}

static void put_registers(const struct sv_json *result, struct sv_buf *page)
{
        const struct sv_json *steps = sv_json_get(result, "steps");

        sv_page_section_begin(page, "Registers, and what goes into each");
        for (size_t i = 0; i < sv_json_len(steps); i++) {
                const char *reg = sv_json_text(sv_json_at(steps, i), "register", "");

                if (sv_measure_next(steps, reg, 0) == i)
                        put_register(result, reg, page);
        }
        sv_page_section_end(page);
}

struct named_values {
        const char *prefix;
        struct sv_buf *page;
};

static int put_value_fact(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        const struct named_values *v = arg;
        SV_STR full = sv_asprintf("%s%s%s", v->prefix, *v->prefix ? "." : "", name);
        struct named_values inner = {full, v->page};

        if (sv_json_type(value) == SV_JSON_OBJECT)
                return sv_json_each(value, put_value_fact, &inner, err);
        sv_page_fact_code(v->page, full, sv_json_str(value));
        return 0;
}

static void put_values(const struct sv_json *result, struct sv_buf *page)
{
        const struct sv_json *unpredicted = sv_json_get(result, "unpredicted");
        struct named_values v = {"", page};

        sv_page_section_begin(page, "Values");
        sv_page_fold_begin(page, "Every value that is predicted", NULL, false);
        sv_page_facts_begin(page);
        sv_json_each(sv_json_get(result, "measurements"), put_value_fact, &v, NULL);
        sv_page_facts_end(page);
        sv_page_fold_end(page);
        if (sv_json_len(unpredicted)) {
                sv_page_fold_begin(page, "Not predicted, and why", NULL, true);
                sv_page_facts_begin(page);
                for (size_t i = 0; i < sv_json_len(unpredicted); i++)
                        sv_page_fact(page, sv_json_text(sv_json_at(unpredicted, i), "name", ""),
                                     sv_json_text(sv_json_at(unpredicted, i), "reason", ""));
                sv_page_facts_end(page);
                sv_page_fold_end(page);
        }
        sv_page_section_end(page);
}

static void put_warnings(const struct sv_json *list, struct sv_buf *page)
{
        if (!sv_json_len(list))
                return;
        sv_page_section_begin(page, "Worth knowing before it starts");
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const struct sv_json *w = sv_json_at(list, i);
                SV_STR text = sv_asprintf("%s [%s]", sv_json_text(w, "message", ""),
                                          sv_json_text(w, "check", ""));

                sv_page_note(page, SV_MOOD_WARN, text);
        }
        sv_page_section_end(page);
}

void sv_page_of_measurement(const struct sv_guest *g, const struct sv_json *result,
                            struct sv_buf *page)
{
        SV_STR title = sv_asprintf("What %s will measure", g->name);

        sv_page_begin(page, title, "Predicted from files alone, before anything runs");
        put_warnings(sv_json_get(result, "warnings"), page);
        put_guest_facts(g, sv_json_text(result, "tee", ""), page);
        put_registers(result, page);
        put_values(result, page);
        sv_page_end(page, "secure-vm", time(NULL));
}
