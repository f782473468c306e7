/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a prediction, as they are put together for a TPM's PCRs (vtpm/) and for a TD's
 * RTMRs (tdx/). */
#pragma once

#include "ovmf/measurement.h"
#include "ovmf/eventlog.h"

#define SV_EVENT_BANKS 2

struct sv_prediction {
        const struct sv_registers *regs;
        struct sv_measurement m;
        uint32_t unpredicted; /* bit i: no value for register i */
};

/* The bank of index i: 0 sha256, 1 sha384. */
enum sv_digest sv_event_bank(int i);

/* An event over these bytes. */
int sv_event_data(struct sv_prediction *p, unsigned reg, uint32_t type, struct sv_bytes data,
                  struct sv_err *err, const char *what, ...) __attribute__((format(printf, 6, 7)));
/* An event whose digests are already known; a step to be filled, without digests. */
struct sv_measure_step *sv_event_new(struct sv_prediction *p, unsigned reg, uint32_t type);
/* An event over a PE image: its Authenticode digest. */
int sv_event_image(struct sv_prediction *p, unsigned reg, struct sv_bytes image, struct sv_err *err,
                   const char *what, ...) __attribute__((format(printf, 5, 6)));
/* An event that is known to come, but not over what: it keeps the place of those behind it. Its
 * register is to be unpredicted. */
void sv_event_unknown(struct sv_prediction *p, unsigned reg, uint32_t type, const char *what);
/* No value for this register, and why. The first reason counts. */
void sv_event_unpredicted(struct sv_prediction *p, unsigned reg, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* The same for something that is no register. */
void sv_event_reason(struct sv_prediction *p, const char *name, const char *reason);

/* What the register holds after all its events, in the bank of that index. */
int sv_event_value(const struct sv_prediction *p, unsigned reg, int bank,
                   uint8_t value[SV_DIGEST_MAX], struct sv_err *err);
