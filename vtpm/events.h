/* The events of a prediction, as they are put together by vtpm/measure*.c. */
#pragma once

#include "base/guest.h"
#include "base/tee.h"
#include "vtpm/eventlog.h"

struct sv_prediction {
        struct sv_measurement m;
        uint32_t unpredicted; /* bit i: no value for PCR i */
};

/* An event over these bytes. */
int sv_event_data(struct sv_prediction *p, unsigned pcr, uint32_t type, struct sv_bytes data, struct sv_err *err, const char *what, ...)
        __attribute__((format(printf, 6, 7)));
/* An event whose digests are already known; a step to be filled, without digests. */
struct sv_measure_step *sv_event_new(struct sv_prediction *p, unsigned pcr, uint32_t type);
/* No value for this PCR, and why. The first reason counts. */
void sv_event_unpredicted(struct sv_prediction *p, unsigned pcr, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The bank of index i: 0 sha256, 1 sha384. */
enum sv_digest sv_event_bank(int i);
#define SV_EVENT_BANKS 2

/* PCR 0: version and volumes. */
int sv_measure_firmware(struct sv_prediction *p, const struct sv_guest *guest, struct sv_bytes firmware, struct sv_err *err);
/* PCR 7: the variables of Secure Boot. *secure_boot: the firmware will ask for signatures. */
int sv_measure_variables(struct sv_prediction *p, const char *firmware_path, struct sv_bytes firmware, bool *secure_boot, struct sv_err *err);
/* PCR 4 and 9: the kernel as QEMU hands it over, its command line, its initramfs. */
int sv_measure_kernel(struct sv_prediction *p, const struct sv_guest *guest, bool secure_boot, struct sv_err *err);
