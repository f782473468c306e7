/* A prediction beside the event log of a boot, event by event: which one differs, and what that means. Pure. */
#pragma once

#include "base/tee.h"
#include "vtpm/eventlog.h"

struct sv_explain_row {
        unsigned pcr;
        const struct sv_measure_step *step; /* NULL: the log has an event that was not predicted */
        const struct sv_tcg_event *event;   /* NULL: the predicted event is not in the log */
        bool same;
};

struct sv_explain {
        struct sv_explain_row *rows; /* by PCR, then in the order of the events */
        size_t n;
        const struct sv_explain_row *first; /* the first that differs in a PCR that has a predicted value; NULL: none */
};

/* Rows point into both. Compares in every bank that the log has: SV_FORMAT "vtpm.eventlog.bank" when it has neither sha256 nor sha384. */
int sv_vtpm_explain(const struct sv_measurement *m, const struct sv_tcg_log *log, struct sv_explain *out, struct sv_err *err);
void sv_vtpm_explain_free(struct sv_explain *e);
/* One line about a row: "PCR 9: EV_EVENT_TAG initramfs …: predicted …, the log says …: another initramfs". */
char *sv_vtpm_explain_text(const struct sv_tcg_log *log, const struct sv_explain_row *row, char out[768]);
/* The `compare` of struct sv_tee. */
int sv_vtpm_compare(const struct sv_measurement *m, struct sv_bytes event_log, struct sv_json *rows, struct sv_err *err);
