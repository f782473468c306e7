/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/diff.h"

#define SHOWN 24 /* characters of a long text in a printed line; the JSON row has all of it */

static const char *get_step_text(const struct sv_json *step, const char *member)
{
        const char *s = step ? sv_json_str(sv_json_get(step, member)) : NULL;

        return s ? s : "";
}

static bool is_same_text(const struct sv_json *x, const struct sv_json *y, const char *member)
{
        return !strcmp(get_step_text(x, member), get_step_text(y, member));
}

static bool is_same_step(const struct sv_json *x, const struct sv_json *y)
{
        return is_same_text(x, y, "register") && is_same_text(x, y, "type") &&
               is_same_text(x, y, "what");
}

/* Printed hex digests are shortened, sentences are not. */
static void put_shown_value(struct sv_buf *out, const char *s)
{
        size_t n = strlen(s);

        if (n > SHOWN && strspn(s, "0123456789abcdef") == n)
                sv_buf_printf(out, "%.16s…", s);
        else
                sv_buf_puts(out, n ? s : "nothing");
}

void sv_diff_put_row(const struct sv_json *row, const struct sv_diff_marks *m, struct sv_buf *out)
{
        const char *input = sv_json_str(sv_json_get(row, "input")),
                   *a = sv_json_str(sv_json_get(row, "a")), *b = sv_json_str(sv_json_get(row, "b"));

        sv_buf_printf(out, "%s%s%s: ", m->name, get_step_text(row, "register"), m->end);
        if (input)
                sv_buf_printf(out, "%s: %s: ", get_step_text(row, "step"), input);
        if (!input && !(a && b)) {
                sv_buf_printf(out, "only %s has: %s%s%s", a ? "the first" : "the second",
                              a ? m->before : m->after, a ? a : b, m->end);
                return;
        }
        sv_buf_puts(out, m->before);
        put_shown_value(out, a ? a : "");
        sv_buf_printf(out, "%s -> %s", m->end, m->after);
        put_shown_value(out, b ? b : "");
        sv_buf_puts(out, m->end);
}

static void add_diff_row(struct sv_json *rows, const struct sv_json *step, const char *input,
                         const char *a, const char *b)
{
        static const struct sv_diff_marks plain = {"", "", "", ""};
        struct sv_json *row = sv_json_add(rows, sv_json_object());
        SV_BUF text = SV_BUF_NULL;

        sv_json_set_str(row, "register", get_step_text(step, "register"));
        sv_json_set_str(row, "step", get_step_text(step, "what"));
        sv_json_set_str(row, "input", input);
        sv_json_set_str(row, "a", a);
        sv_json_set_str(row, "b", b);
        sv_diff_put_row(row, &plain, &text);
        sv_json_set_str(row, "text", sv_buf_str(&text));
}

struct pair {
        const struct sv_json *step, *others;
        struct sv_json *rows;
        /* look for inputs that are missing on the other side; the step itself is already reported
         * as different */
        bool mine_only, whole;
};

static int compare_input(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        struct pair *p = arg;
        const char *mine = sv_json_str(value), *other = get_step_text(p->others, name);

        if (!sv_json_get(p->others, name)) {
                if (!p->whole)
                        add_diff_row(p->rows, p->step, name, p->mine_only ? NULL : mine,
                                     p->mine_only ? mine : NULL);
        } else if (!p->mine_only && mine && strcmp(mine, other)) {
                add_diff_row(p->rows, p->step, name, mine, other);
        }
        return 0;
}

/* The same step on both sides, or two that stand for each other. */
static void compare_steps(const struct sv_json *x, const struct sv_json *y, struct sv_json *rows)
{
        const struct sv_json *in_x = sv_json_get(x, "inputs"), *in_y = sv_json_get(y, "inputs");
        struct pair p = {x, in_y, rows, false, !is_same_step(x, y)};

        if (!is_same_text(x, y, "what") || !is_same_text(x, y, "type"))
                add_diff_row(rows, x, NULL,
                             get_step_text(x, !is_same_text(x, y, "what") ? "what" : "type"),
                             get_step_text(y, !is_same_text(x, y, "what") ? "what" : "type"));
        if (in_x && in_y) {
                sv_json_each(in_x, compare_input, &p, NULL);
                p = (struct pair){y, in_x, rows, true, !is_same_step(x, y)};
                sv_json_each(in_y, compare_input, &p, NULL);
        } else if (is_same_step(x, y) && !is_same_text(x, y, "sha256")) {
                add_diff_row(rows, x, "digest", get_step_text(x, "sha256"),
                             get_step_text(y, "sha256"));
        } else if (is_same_step(x, y) && !is_same_text(x, y, "sha384")) {
                add_diff_row(rows, x, "digest", get_step_text(x, "sha384"),
                             get_step_text(y, "sha384"));
        }
}

/* How far from `from` the list has this step; SIZE_MAX: not at all. */
static size_t find_distance(const struct sv_json *list, size_t from, const struct sv_json *step)
{
        for (size_t i = from; i < sv_json_len(list); i++)
                if (is_same_step(sv_json_at(list, i), step))
                        return i - from;
        return SIZE_MAX;
}

static void compare_lists(const struct sv_json *a, const struct sv_json *b, struct sv_json *rows)
{
        size_t i = 0, k = 0;

        while (i < sv_json_len(a) || k < sv_json_len(b)) {
                const struct sv_json *x = sv_json_at(a, i), *y = sv_json_at(b, k);
                size_t to_x = x && y ? find_distance(b, k, x) : SIZE_MAX,
                       to_y = x && y ? find_distance(a, i, y) : SIZE_MAX;
                bool stands_for = x && y && to_x == to_y && is_same_text(x, y, "register") &&
                                  (is_same_text(x, y, "type") || is_same_text(x, y, "what"));

                if (stands_for) { /* both here, or neither anywhere */
                        compare_steps(x, y, rows);
                        i++, k++;
                } else if (x && (!y || to_y <= to_x)) {
                        add_diff_row(rows, x, NULL, get_step_text(x, "what"), NULL);
                        i++;
                } else {
                        add_diff_row(rows, y, NULL, NULL, get_step_text(y, "what"));
                        k++;
                }
        }
}

/* No step says it: where the running digests part. */
static void add_first_digest(const struct sv_json *a, const struct sv_json *b, struct sv_json *rows)
{
        for (size_t i = 0; i < sv_json_len(a) && i < sv_json_len(b); i++) {
                const struct sv_json *x = sv_json_at(a, i), *y = sv_json_at(b, i);
                const char *bank = is_same_text(x, y, "sha256") ? "sha384" : "sha256";

                if (is_same_text(x, y, bank))
                        continue;
                add_diff_row(rows, x, "digest", get_step_text(x, bank), get_step_text(y, bank));
                return;
        }
}

int sv_measure_diff(const struct sv_json *a, const struct sv_json *b, struct sv_json *rows,
                    struct sv_err *err)
{
        struct sv_json *va, *vb, *steps_a = sv_json_get(a, "steps"),
                                 *steps_b = sv_json_get(b, "steps");
        const char *ta, *tb, *first;

        if (sv_json_need_obj(a, "measurements", &va, "measure.diff", err) < 0)
                return -1;
        if (sv_json_need_obj(b, "measurements", &vb, "measure.diff", err) < 0)
                return -1;
        if (sv_json_need_str(a, "tee", &ta, "measure.diff", err) < 0)
                return -1;
        if (sv_json_need_str(b, "tee", &tb, "measure.diff", err) < 0)
                return -1;
        if (strcmp(ta, tb))
                return sv_fail(err, SV_USAGE, "measure.diff",
                               "two guests of the same TEE were expected, found %s and %s: say "
                               "which with --tee",
                               ta, tb);
        if (sv_json_equal(va, vb))
                return 0;
        if (!sv_json_len(steps_a) || !sv_json_len(steps_b))
                return sv_fail(err, SV_USAGE, "measure.diff",
                               "the measurements differ, but a result without steps does not say "
                               "where: make it with --explain");
        compare_lists(steps_a, steps_b, rows);
        if (!sv_json_len(rows))
                add_first_digest(steps_a, steps_b, rows);
        first = get_step_text(sv_json_at(rows, 0), "text");
        return sv_fail(err, SV_PROOF, "measure.differs", "%zu input%s, first: %s",
                       sv_json_len(rows), sv_json_len(rows) == 1 ? " differs" : "s differ",
                       *first ? first
                              : "nothing that the steps show: their values differ all the same");
}
