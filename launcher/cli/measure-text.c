/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/measure-text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/program/colour.h"
#include "base/program/log.h"
#include "base/program/terminal.h"

#define SHORT_DIGEST 16 /* hex digits */
#define SHORT_INPUTS 8

/* --- values: one "name value" a line; names of nested values are joined by a dot --- */

struct values {
        const char *prefix;
        bool all;
        unsigned *left_out;
        bool *has_bank;
};

static bool stays_zero(const char *hex)
{
        return strspn(hex, "0") == strlen(hex);
}

static int print_measured_value(void *arg, const char *name, struct sv_json *value,
                                struct sv_err *err)
{
        const struct values *v = arg;
        SV_STR full = sv_asprintf("%s%s%s", v->prefix, *v->prefix ? "." : "", name);
        const char *text = sv_json_str(value) ? sv_json_str(value) : "";

        if (sv_json_type(value) == SV_JSON_OBJECT) {
                struct values inner = *v;

                inner.prefix = full;
                if (*v->has_bank && !v->all) {
                        *v->left_out += (unsigned)sv_json_len(value);
                        return 0;
                }
                *v->has_bank = true;
                return sv_json_each(value, print_measured_value, &inner, err);
        }
        if (stays_zero(text) && !v->all)
                ++*v->left_out;
        else
                printf("%s %s\n", full, text);
        return 0;
}

static void print_values(const struct sv_json *result, bool all)
{
        unsigned left_out = 0;
        bool has_bank = false;
        struct values v = {.prefix = "", .all = all, .left_out = &left_out, .has_bank = &has_bank};

        sv_json_each(sv_json_get(result, "measurements"), print_measured_value, &v, NULL);
        if (left_out)
                sv_info("%u more that stay zero, or are the same in another bank: --all", left_out);
}

/* --- the tree --- */

static int take_first_bank(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        struct sv_json **bank = arg;

        if (!*bank && sv_json_type(value) == SV_JSON_OBJECT)
                *bank = value;
        return 0;
}

const char *sv_measure_value(const struct sv_json *result, const char *reg)
{
        const struct sv_json *values = sv_json_get(result, "measurements");
        const char *value = sv_json_str(sv_json_get(values, reg));
        struct sv_json *bank = NULL;

        if (value)
                return value;
        sv_json_each(values, take_first_bank, &bank, NULL);
        return sv_json_str(sv_json_get(bank, reg + strcspn(reg, "0123456789")));
}

const char *sv_measure_digest(const struct sv_json *step)
{
        return *sv_json_text(step, "sha256", "") ? sv_json_text(step, "sha256", "")
                                                 : sv_json_text(step, "sha384", "");
}

static bool is_hex_digest(const char *s)
{
        return strlen(s) > 2 * SHORT_DIGEST && strspn(s, "0123456789abcdef") == strlen(s);
}

static void put_digest(struct sv_buf *out, const char *s, bool all)
{
        if (all || !is_hex_digest(s))
                sv_buf_puts(out, s);
        else
                sv_buf_printf(out, "%.*s…", SHORT_DIGEST, s);
}

/* One branch behind its rails; what is longer than the terminal goes on behind those of its lower
 * lines. */
static void print_branch(const char *rails, const char *below, struct sv_buf *text)
{
        SV_BUF lines = SV_BUF_NULL;
        size_t at = sv_text_columns(rails);
        const char *before = rails;

        sv_wrap_text(&lines, sv_buf_str(text), at, at + 2, sv_terminal_width(STDOUT_FILENO));
        for (const char *line = sv_buf_str(&lines); *line;) {
                size_t n = strcspn(line, "\n");

                printf("%s%.*s\n", before, (int)n, line);
                line += n + (line[n] ? 1 + at : 0);
                before = below;
        }
}

struct inputs {
        const char *rails;
        size_t n, seen;
        bool all;
};

static int print_input(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        struct inputs *in = arg;
        size_t shown = in->all || in->n <= SHORT_INPUTS + 1 ? in->n : SHORT_INPUTS;
        bool last = in->seen + 1 == in->n;
        SV_STR rails = sv_asprintf("%s%s", in->rails, last ? "└─ " : "├─ ");
        SV_STR lower = sv_asprintf("%s%s", in->rails, last ? "   " : "│  ");
        SV_BUF text = SV_BUF_NULL;

        if (in->seen++ >= shown)
                return 0;
        sv_buf_printf(&text, "%s ", name);
        put_digest(&text, sv_json_str(value) ? sv_json_str(value) : "", in->all);
        print_branch(rails, lower, &text);
        if (in->seen == shown && shown < in->n)
                printf("%s└─ … %zu more (--all)\n", in->rails, in->n - shown);
        return 0;
}

static void print_step(const struct sv_json *step, bool last, bool all)
{
        struct sv_json *below = sv_json_get(step, "inputs");
        struct inputs in = {.rails = last ? "   " : "│  ", .n = sv_json_len(below), .all = all};
        SV_BUF text = SV_BUF_NULL;

        sv_buf_printf(&text, "%s ", sv_json_text(step, "what", ""));
        put_digest(&text, sv_measure_digest(step), all);
        sv_buf_printf(&text, " %s", sv_json_text(step, "type", ""));
        print_branch(last ? "└─ " : "├─ ", in.rails, &text);
        sv_json_each(below, print_input, &in, NULL);
}

size_t sv_measure_next(const struct sv_json *steps, const char *reg, size_t from)
{
        while (from < sv_json_len(steps) &&
               strcmp(sv_json_text(sv_json_at(steps, from), "register", ""), reg))
                from++;
        return from;
}

static void print_register(const struct sv_json *result, const char *reg, bool all)
{
        const struct sv_json *steps = sv_json_get(result, "steps");
        const char *value = sv_measure_value(result, reg);
        size_t next, n = sv_json_len(steps);
        SV_BUF head = SV_BUF_NULL;

        if (value)
                put_digest(&head, value, all);
        printf("%s%s%s %s\n", sv_colour(STDOUT_FILENO, SV_COLOUR_BOLD), reg,
               sv_colour(STDOUT_FILENO, SV_COLOUR_NONE),
               value ? sv_buf_str(&head) : "(not predicted)");
        for (size_t i = sv_measure_next(steps, reg, 0); i < n; i = next) {
                next = sv_measure_next(steps, reg, i + 1);
                print_step(sv_json_at(steps, i), next >= n, all);
        }
}

static void print_tree(const struct sv_json *result, bool all)
{
        const struct sv_json *steps = sv_json_get(result, "steps");

        for (size_t i = 0; i < sv_json_len(steps); i++) {
                const char *reg = sv_json_text(sv_json_at(steps, i), "register", "");

                if (sv_measure_next(steps, reg, 0) == i) /* the first of its register */
                        print_register(result, reg, all);
        }
}

void sv_measure_print(const struct sv_json *result, bool all)
{
        const struct sv_json *unpredicted = sv_json_get(result, "unpredicted");

        if (sv_json_get(result, "steps"))
                print_tree(result, all);
        for (size_t i = 0; i < sv_json_len(unpredicted); i++)
                sv_info("not predicted: %s: %s",
                        sv_json_text(sv_json_at(unpredicted, i), "name", ""),
                        sv_json_text(sv_json_at(unpredicted, i), "reason", ""));
        if (!sv_json_get(result, "steps") || all)
                print_values(result, all);
}
