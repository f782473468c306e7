/* SPDX-License-Identifier: Apache-2.0 */
/* Compares a prediction with the event log of a boot, event by event: which one differs, and what
 * that means. Pure. */
#pragma once

#include "ovmf/measurement.h"
#include "ovmf/eventlog.h"

/* What another digest of an event means, by how the step's description begins. */
struct sv_explain_meaning {
        const char *what;
        const char *meaning;
};
struct sv_explain_form {
        const struct sv_registers *regs;
        /* ends with what NULL, whose meaning is that of all others */
        const struct sv_explain_meaning *meanings;
        /* in a register without a value too, the events before the first unknown one
         * (sv_event_unknown) must be as predicted */
        bool prefixes;
};

struct sv_explain_row {
        unsigned reg;                       /* counted from 0, whatever the log does */
        const struct sv_measure_step *step; /* NULL: the log has an event that was not predicted */
        const struct sv_tcg_event *event;   /* NULL: the predicted event is not in the log */
        bool same;
};

struct sv_explain {
        const struct sv_explain_form *form;
        const struct sv_tcg_log *log;
        struct sv_explain_row *rows; /* by register, then in the order of the events */
        size_t n;
        const struct sv_explain_row *first; /* the first that counts and differs; NULL: none */
};

/* Rows point into both. Compares in every bank that the log has: SV_FORMAT "eventlog.bank" when it
 * has none of the registers' banks. */
int sv_explain(const struct sv_measurement *m, const struct sv_tcg_log *log,
               const struct sv_explain_form *form, struct sv_explain *out, struct sv_err *err);
void sv_explain_free(struct sv_explain *e);
/* One line about a row: "PCR 9: EV_EVENT_TAG initramfs …: predicted …, the log says …: another
 * initramfs". */
char *sv_explain_text(const struct sv_explain *x, const struct sv_explain_row *row, char out[768]);
/* The `compare` of struct sv_tee_measure. */
int sv_explain_compare(const struct sv_measurement *m, struct sv_bytes event_log,
                       const struct sv_explain_form *form, struct sv_json *rows,
                       struct sv_err *err);
