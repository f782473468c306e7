/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/explain.h"

#include "base/core/encoding.h"

#include <stdio.h>
#include <stdlib.h>

/* as struct sv_measure_step counts them */
static const enum sv_digest banks[] = {SV_SHA256, SV_SHA384};

/* The first bank that both the registers and the log have; 2 when there is none. */
static int find_first_bank(const struct sv_explain_form *form, const struct sv_tcg_log *log)
{
        int i = form->regs->bank;

        while (i < 2 && !sv_tcg_digest(log, log->events, banks[i]).n)
                i++;
        return i;
}

static bool is_step_event(const struct sv_explain *x, const struct sv_measure_step *s,
                          const struct sv_tcg_event *e)
{
        for (int i = x->form->regs->bank; i < 2; i++) {
                struct sv_bytes digest = sv_tcg_digest(x->log, e, banks[i]);

                if (digest.n && !sv_bytes_eq(digest, sv_bytes(s->digest[i], s->digest_size[i])))
                        return false;
        }
        return true;
}

static const struct sv_measure_step *get_next_step(const struct sv_measurement *m,
                                                   const struct sv_registers *regs, unsigned n,
                                                   size_t *i)
{
        char reg[16];

        snprintf(reg, sizeof(reg), "%s%u", regs->step, n);
        while (*i < m->n_steps) {
                const struct sv_measure_step *s = &m->steps[(*i)++];

                if (strcmp(s->reg, reg) == 0)
                        return s;
        }
        return NULL;
}

static const struct sv_tcg_event *get_next_event(const struct sv_tcg_log *log, unsigned reg,
                                                 size_t *i)
{
        while (*i < log->n) {
                const struct sv_tcg_event *e = &log->events[(*i)++];

                if (e->reg == reg && e->type != SV_EV_NO_ACTION)
                        return e;
        }
        return NULL;
}

static bool is_step_known(const struct sv_explain_form *form, const struct sv_measure_step *s)
{
        return s->digest_size[form->regs->bank] > 0;
}

static bool is_register_predicted(const struct sv_measurement *m, const struct sv_registers *regs,
                                  unsigned reg)
{
        char pointer[32];

        snprintf(pointer, sizeof(pointer), "%s%u", regs->value, reg);
        return sv_json_pointer(m->values, pointer) != NULL;
}

int sv_explain(const struct sv_measurement *m, const struct sv_tcg_log *log,
               const struct sv_explain_form *form, struct sv_explain *out, struct sv_err *err)
{
        const struct sv_registers *regs = form->regs;
        struct sv_explain x = {.form = form, .log = log};
        size_t first = SIZE_MAX;

        if (log->n && find_first_bank(form, log) == 2)
                return sv_fail(err, SV_FORMAT, "eventlog.bank",
                               "the log has no digests that a prediction could be compared with: "
                               "neither %ssha384",
                               regs->bank == 0 ? "sha256 nor " : "");
        x.rows = calloc(m->n_steps + log->n + 1, sizeof(*x.rows));
        if (!x.rows)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for %zu events", log->n);
        for (unsigned reg = 0; reg < regs->n; reg++) {
                bool whole = is_register_predicted(m, regs, reg), prefix = form->prefixes;
                size_t i = 0, k = 0;

                for (;;) {
                        struct sv_explain_row row = {
                                .reg = reg,
                                .step = get_next_step(m, regs, reg, &i),
                                .event = get_next_event(log, reg + regs->first, &k)};

                        if (!row.step && !row.event)
                                break;
                        row.same = row.step && row.event && is_step_event(&x, row.step, row.event);
                        prefix = prefix && row.step && row.event && is_step_known(form, row.step);
                        if (!row.same && first == SIZE_MAX && (whole || prefix))
                                first = x.n;
                        x.rows[x.n++] = row;
                }
        }
        x.first = first == SIZE_MAX ? NULL : &x.rows[first];
        *out = x;
        return 0;
}

void sv_explain_free(struct sv_explain *e)
{
        free(e->rows);
        *e = (struct sv_explain){0};
}

/* What another digest of that event means. */
static const char *get_row_meaning(const struct sv_explain *x, const struct sv_explain_row *row)
{
        const struct sv_explain_meaning *m = x->form->meanings;

        if (!row->event)
                return "the boot did not measure it";
        if (!row->step)
                return "an event that was not predicted";
        if (!is_step_known(x->form, row->step))
                return "its contents were not known to the prediction";
        while (m->what && strncmp(row->step->what, m->what, strlen(m->what)) != 0)
                m++;
        return m->meaning;
}

char *sv_explain_text(const struct sv_explain *x, const struct sv_explain_row *row, char out[768])
{
        const struct sv_measure_step *s = row->step;
        const char *people = x->form->regs->people;
        char want[2 * SV_DIGEST_MAX + 1] = "nothing", got[2 * SV_DIGEST_MAX + 1] = "nothing",
                                      text[192];
        int bank = x->log->n ? find_first_bank(x->form, x->log) : 1;

        if (s && is_step_known(x->form, s))
                sv_hex(sv_bytes(s->digest[bank], sv_digest_size(banks[bank])), want);
        if (row->event)
                sv_hex(sv_tcg_digest(x->log, row->event, banks[bank]), got);
        if (row->same)
                snprintf(out, 768, "%s%u: %s %s: %s, as predicted", people, row->reg, s->type,
                         s->what, got);
        else
                snprintf(out, 768, "%s%u: %s %s: predicted %s, the log says %s: %s", people,
                         row->reg, s ? s->type : sv_tcg_type_name(row->event->type),
                         s ? s->what : sv_tcg_describe(row->event, text), want, got,
                         get_row_meaning(x, row));
        return out;
}

int sv_explain_compare(const struct sv_measurement *m, struct sv_bytes event_log,
                       const struct sv_explain_form *form, struct sv_json *rows, struct sv_err *err)
{
        struct sv_explain x = {0};
        SV_TCG_LOG log = {0};
        char text[768], reg[16];
        int r = 0;

        if (sv_tcg_log_parse(event_log, form->regs, &log, err) < 0 ||
            sv_explain(m, &log, form, &x, err) < 0)
                return -1;
        for (size_t i = 0; rows && i < x.n; i++) {
                struct sv_json *row = sv_json_add(rows, sv_json_object());

                snprintf(reg, sizeof(reg), "%s%u", form->regs->step, x.rows[i].reg);
                sv_json_set_str(row, "register", reg);
                sv_json_set_bool(row, "same", x.rows[i].same);
                sv_json_set_str(row, "text", sv_explain_text(&x, &x.rows[i], text));
        }
        if (x.first)
                r = sv_fail(err, SV_PROOF, "measure.differs", "%s",
                            sv_explain_text(&x, x.first, text));
        sv_explain_free(&x);
        return r;
}
