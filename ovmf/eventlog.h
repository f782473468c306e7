/* SPDX-License-Identifier: Apache-2.0 */
/* TCG event logs: PC Client Platform Firmware Profile 1.06, section 10 (crypto-agile format), as a
 * TPM's firmware and, with other registers, a confidential guest's firmware keep them (UEFI
 * specification 2.10, section 38). Pure; views point into the caller's bytes. */
#pragma once

#include "base/crypto/crypto.h"
#include "base/core/rd.h"

#define SV_TCG_PCRS 24
#define SV_TCG_ALGS 8 /* digest algorithms one log may have */

/* A family of registers that events extend, and what is peculiar to its logs. */
struct sv_registers {
        const char *step;   /* "pcr": before the number in struct sv_measure_step.reg */
        const char *people; /* "PCR " */
        /* before the number, as a JSON pointer to a predicted value: "/sha256/" */
        const char *value;
        const char *name; /* before the number in the list of what is not predicted */
        uint32_t first;   /* the log's number of register 0 */
        uint32_t n;
        int bank; /* the first bank of struct sv_measure_step that is used */
};
extern const struct sv_registers sv_registers_pcr;  /* of a TPM */
extern const struct sv_registers sv_registers_rtmr; /* of a TD; the log counts them from 1 */

/* Event types that we give a meaning (section 10.4.1). */
enum sv_tcg_type {
        SV_EV_NO_ACTION = 0x3,
        SV_EV_SEPARATOR = 0x4,
        SV_EV_EVENT_TAG = 0x6,
        SV_EV_S_CRTM_VERSION = 0x8,
        SV_EV_PLATFORM_CONFIG_FLAGS = 0xa,
        SV_EV_IPL = 0xd,
        SV_EV_EFI_VARIABLE_DRIVER_CONFIG = 0x80000001,
        SV_EV_EFI_VARIABLE_BOOT = 0x80000002,
        SV_EV_EFI_BOOT_SERVICES_APPLICATION = 0x80000003,
        SV_EV_EFI_BOOT_SERVICES_DRIVER = 0x80000004,
        SV_EV_EFI_ACTION = 0x80000007,
        SV_EV_EFI_PLATFORM_FIRMWARE_BLOB = 0x80000008,
        SV_EV_EFI_PLATFORM_FIRMWARE_BLOB2 = 0x8000000a,
        SV_EV_EFI_HANDOFF_TABLES2 = 0x8000000b,
        SV_EV_EFI_VARIABLE_BOOT2 = 0x8000000c,
        SV_EV_EFI_VARIABLE_AUTHORITY = 0x800000e0,
};

struct sv_tcg_event {
        uint32_t reg; /* as the log counts them */
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

/* SV_FORMAT eventlog.*; the whole input must be one log of these registers, and what is left of the
 * area that it lies in. *out is filled only on success. */
int sv_tcg_log_parse(struct sv_bytes bytes, const struct sv_registers *regs, struct sv_tcg_log *out,
                     struct sv_err *err);
void sv_tcg_log_free(struct sv_tcg_log *log);
#define SV_TCG_LOG __attribute__((cleanup(sv_tcg_log_free))) struct sv_tcg_log

/* Is what is left only what nothing was written to, 0xff or zeros? No event begins like this: its
 * register would not exist, or it would have no type. `first`: the lowest register's number. */
bool sv_tcg_is_fill(struct sv_rd r, uint32_t first);

/* Does it begin as every crypto-agile log does? */
bool sv_tcg_log_is_agile(struct sv_bytes bytes);
/* A TPM 1.2's log from its first byte to its last (ovmf/eventlog-form.c)? */
bool sv_tcg_log_is_sha1(struct sv_bytes bytes);
/* The same form as other logs, with SHA-1 digests only. SV_FORMAT "eventlog.header". */
int sv_tcg_log_parse_sha1(struct sv_bytes bytes, struct sv_tcg_log *out, struct sv_err *err);

/* The event's digest in that bank; empty when the log has no such bank. */
struct sv_bytes sv_tcg_digest(const struct sv_tcg_log *log, const struct sv_tcg_event *e,
                              enum sv_digest bank);
/* What the registers of one bank must hold if the log is true, by the log's numbers; bit i of *seen
 * says that number i has events. SV_FORMAT "eventlog.bank": the log has no digests of that bank. */
int sv_tcg_log_replay(const struct sv_tcg_log *log, enum sv_digest bank,
                      uint8_t values[SV_TCG_PCRS][SV_DIGEST_MAX], uint32_t *seen,
                      struct sv_err *err);
/* One extension: the register becomes the digest of itself and `digest`, both of the bank's size.
 */
int sv_tcg_extend(enum sv_digest bank, uint8_t value[SV_DIGEST_MAX], const uint8_t *digest,
                  struct sv_err *err);

/* "EV_SEPARATOR"; "unknown" for types that the profile does not name. */
const char *sv_tcg_type_name(uint32_t type);
bool sv_tcg_type_is_known(uint32_t type);
/* One line of printable ASCII about the event's data, which is not verified. */
char *sv_tcg_describe(const struct sv_tcg_event *e, char out[192]);
