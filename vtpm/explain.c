#include "vtpm/explain.h"

#include <stdio.h>
#include <stdlib.h>

static const enum sv_digest banks[] = {SV_SHA256, SV_SHA384}; /* as struct sv_measure_step counts them */

static bool same(const struct sv_tcg_log *log, const struct sv_measure_step *s, const struct sv_tcg_event *e)
{
        for (int i = 0; i < 2; i++) {
                struct sv_bytes digest = sv_tcg_digest(log, e, banks[i]);

                if (digest.n && !sv_bytes_eq(digest, sv_bytes(s->digest[i], s->digest_size[i])))
                        return false;
        }
        return true;
}

static bool of_pcr(const struct sv_measure_step *s, unsigned pcr)
{
        char reg[16];

        snprintf(reg, sizeof(reg), "pcr%u", pcr);
        return strcmp(s->reg, reg) == 0;
}

static const struct sv_measure_step *next_step(const struct sv_measurement *m, unsigned pcr, size_t *i)
{
        while (*i < m->n_steps) {
                const struct sv_measure_step *s = &m->steps[(*i)++];

                if (of_pcr(s, pcr))
                        return s;
        }
        return NULL;
}

static const struct sv_tcg_event *next_event(const struct sv_tcg_log *log, unsigned pcr, size_t *i)
{
        while (*i < log->n) {
                const struct sv_tcg_event *e = &log->events[(*i)++];

                if (e->pcr == pcr && e->type != SV_EV_NO_ACTION)
                        return e;
        }
        return NULL;
}

static bool predicted(const struct sv_measurement *m, unsigned pcr)
{
        char name[16];

        snprintf(name, sizeof(name), "%u", pcr);
        return sv_json_get(sv_json_get(m->values, "sha256"), name) != NULL;
}

int sv_vtpm_explain(const struct sv_measurement *m, const struct sv_tcg_log *log, struct sv_explain *out, struct sv_err *err)
{
        struct sv_explain x = {0};
        size_t first = SIZE_MAX;

        if (log->n && !sv_tcg_digest(log, log->events, SV_SHA256).n && !sv_tcg_digest(log, log->events, SV_SHA384).n)
                return sv_fail(err, SV_FORMAT, "vtpm.eventlog.bank", "the log has neither sha256 nor sha384 digests");
        x.rows = calloc(m->n_steps + log->n + 1, sizeof(*x.rows));
        if (!x.rows)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for %zu events", log->n);
        for (unsigned pcr = 0; pcr < SV_TCG_PCRS; pcr++) {
                size_t i = 0, k = 0;

                for (;;) {
                        struct sv_explain_row row = {.pcr = pcr, .step = next_step(m, pcr, &i), .event = next_event(log, pcr, &k)};

                        if (!row.step && !row.event)
                                break;
                        row.same = row.step && row.event && same(log, row.step, row.event);
                        if (!row.same && first == SIZE_MAX && predicted(m, pcr))
                                first = x.n;
                        x.rows[x.n++] = row;
                }
        }
        x.first = first == SIZE_MAX ? NULL : &x.rows[first];
        *out = x;
        return 0;
}

void sv_vtpm_explain_free(struct sv_explain *e)
{
        free(e->rows);
        *e = (struct sv_explain){0};
}

/* What another digest of that event means. */
static const char *meaning(const struct sv_explain_row *row)
{
        static const struct {
                const char *what; /* beginning of the step's description */
                const char *meaning;
        } known[] = {
                {"firmware volume PEIFV", "another firmware, or another number of CPUs, size of memory or CPU model"},
                {"firmware volume DXEFV", "another firmware"},
                {"firmware version", "another firmware"},
                {"variable ", "another variable store (Secure Boot keys)"},
                {"kernel ", "another kernel, or another size of memory or of the initramfs"},
                {"command line", "another command line"},
                {"initramfs", "another initramfs"},
        };

        if (!row->event)
                return "the boot did not measure it";
        if (!row->step)
                return "an event that was not predicted";
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
                if (strncmp(row->step->what, known[i].what, strlen(known[i].what)) == 0)
                        return known[i].meaning;
        return "the boot took another way";
}

char *sv_vtpm_explain_text(const struct sv_tcg_log *log, const struct sv_explain_row *row, char out[768])
{
        const struct sv_measure_step *s = row->step;
        char want[2 * SV_DIGEST_MAX + 1] = "nothing", got[2 * SV_DIGEST_MAX + 1] = "nothing", text[192];
        enum sv_digest bank = log->n && sv_tcg_digest(log, log->events, SV_SHA256).n ? SV_SHA256 : SV_SHA384;

        if (s)
                sv_hex(sv_bytes(s->digest[bank == SV_SHA384], sv_digest_size(bank)), want);
        if (row->event)
                sv_hex(sv_tcg_digest(log, row->event, bank), got);
        if (row->same)
                snprintf(out, 768, "PCR %u: %s %s: %s, as predicted", row->pcr, s->type, s->what, got);
        else
                snprintf(out, 768, "PCR %u: %s %s: predicted %s, the log says %s: %s", row->pcr, s ? s->type : sv_tcg_type_name(row->event->type),
                         s ? s->what : sv_tcg_describe(row->event, text), want, got, meaning(row));
        return out;
}

int sv_vtpm_compare(const struct sv_measurement *m, struct sv_bytes event_log, struct sv_json *rows, struct sv_err *err)
{
        struct sv_explain x = {0};
        SV_TCG_LOG log = {0};
        char text[768], reg[16];
        int r = 0;

        if (sv_tcg_log_parse(event_log, &log, err) < 0 || sv_vtpm_explain(m, &log, &x, err) < 0)
                return -1;
        for (size_t i = 0; rows && i < x.n; i++) {
                struct sv_json *row = sv_json_add(rows, sv_json_object());

                snprintf(reg, sizeof(reg), "pcr%u", x.rows[i].pcr);
                sv_json_set_str(row, "register", reg);
                sv_json_set_bool(row, "same", x.rows[i].same);
                sv_json_set_str(row, "text", sv_vtpm_explain_text(&log, &x.rows[i], text));
        }
        if (x.first)
                r = sv_fail(err, SV_PROOF, "measure.differs", "%s", sv_vtpm_explain_text(&log, x.first, text));
        sv_vtpm_explain_free(&x);
        return r;
}
