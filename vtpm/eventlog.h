/* TCG event logs: PC Client Platform Firmware Profile 1.06, section 10 (crypto-agile format). Pure; views point into the caller's bytes. */
#pragma once

#include "base/crypto.h"
#include "base/rd.h"

#define SV_TCG_PCRS 24
#define SV_TCG_ALGS 8 /* digest algorithms one log may have */

/* Event types that we give a meaning (section 10.4.1). */
enum sv_tcg_type {
        SV_EV_NO_ACTION = 0x3,
        SV_EV_SEPARATOR = 0x4,
        SV_EV_EVENT_TAG = 0x6,
        SV_EV_S_CRTM_VERSION = 0x8,
        SV_EV_IPL = 0xd,
        SV_EV_EFI_VARIABLE_DRIVER_CONFIG = 0x80000001,
        SV_EV_EFI_VARIABLE_BOOT = 0x80000002,
        SV_EV_EFI_BOOT_SERVICES_APPLICATION = 0x80000003,
        SV_EV_EFI_BOOT_SERVICES_DRIVER = 0x80000004,
        SV_EV_EFI_ACTION = 0x80000007,
        SV_EV_EFI_PLATFORM_FIRMWARE_BLOB = 0x80000008,
        SV_EV_EFI_PLATFORM_FIRMWARE_BLOB2 = 0x8000000a,
        SV_EV_EFI_VARIABLE_BOOT2 = 0x8000000c,
};

struct sv_tcg_event {
        uint32_t pcr;
        uint32_t type;
        struct sv_bytes digests[SV_TCG_ALGS]; /* in the order of the log's algorithms */
        struct sv_bytes data;
};

struct sv_tcg_log {
        size_t n_algs;
        uint16_t algs[SV_TCG_ALGS]; /* TPM_ALG_ID */
        uint16_t sizes[SV_TCG_ALGS];
        struct sv_tcg_event *events; /* without the header */
        size_t n;
};

/* SV_FORMAT vtpm.eventlog.*; the whole input must be one log. *out is filled only on success. */
int sv_tcg_log_parse(struct sv_bytes bytes, struct sv_tcg_log *out, struct sv_err *err);
void sv_tcg_log_free(struct sv_tcg_log *log);
#define SV_TCG_LOG __attribute__((cleanup(sv_tcg_log_free))) struct sv_tcg_log

/* The event's digest in that bank; empty when the log has no such bank. */
struct sv_bytes sv_tcg_digest(const struct sv_tcg_log *log, const struct sv_tcg_event *e, enum sv_digest bank);
/* What the PCRs of one bank must hold if the log is true; bit i of *seen says that PCR i has events.
 * SV_FORMAT "vtpm.eventlog.bank": the log has no digests of that bank. */
int sv_tcg_log_replay(const struct sv_tcg_log *log, enum sv_digest bank, uint8_t pcrs[SV_TCG_PCRS][SV_DIGEST_MAX], uint32_t *seen,
                      struct sv_err *err);

/* "EV_SEPARATOR"; "unknown" for types that the profile does not name. */
const char *sv_tcg_type_name(uint32_t type);
/* One line of printable ASCII about the event's data, which nobody has verified. */
char *sv_tcg_describe(const struct sv_tcg_event *e, char out[192]);
