/* SPDX-License-Identifier: Apache-2.0 */
/* Test only: what a platform would sign for the guest of a state file (tests/teesim/state.c,
 * tdxstate.c), and serving it. */
#pragma once

#include "base/core/buf.h"
#include "base/json/json.h"
#include "tests/teesim/amdpki.h"

/* version: 2 to 5. Ends the program when the state says that nothing was launched. */
void amd_report(const struct amd_pki *pki, const struct sv_json *state,
                const uint8_t report_data[64], unsigned version, uint8_t out[AMD_REPORT]);
/* --- what a guest asks for: the messages of tests/teesim/guest/teesim_guest.c --- */
#define SIGNER_REQUEST 96
#define SIGNER_INVALID 0x16u
enum { SIGNER_REPORT, SIGNER_KEY, SIGNER_PROVIDER, SIGNER_TD_REPORT };
struct signer {
        uint32_t (*answer)(const void *arg, uint32_t code, const uint8_t request[SIGNER_REQUEST],
                           struct sv_buf *body, struct sv_buf *certs);
        const void *arg;
};
/* Answers guests at a UNIX socket until it is killed. */
int signer_serve(const struct signer *s, const char *socket_path, struct sv_err *err);
/* device_only: the guest gets /dev/sev-guest and no configfs-tsm. */
int amd_serve(const char *dir, const char *state_path, const char *socket_path, bool device_only,
              struct sv_err *err);
/* The same for a TD, whose RTMRs are what this event log leads to. */
int intel_serve(const char *dir, const char *state_path, const char *ccel_path,
                const char *socket_path, struct sv_err *err);
/* The quote service of a TD's host at a UNIX socket, until it is killed; how: "sign", "refuse", or
 * "silent" (hears, and does not answer). Says on standard output what it did, a line a request. */
int intel_serve_qgs(const char *dir, const char *socket_path, const char *how, struct sv_err *err);
/* The four RTMRs that a log leads to. */
int intel_replay(struct sv_bytes ccel, uint8_t rtmr[4][48], struct sv_err *err);

/* The event log that firmware of edk2-stable202508 and later and the kernel's stub leave behind a
 * direct boot of these files, without Secure Boot: tests/teesim/ccel.c. */
struct td_boot {
        const struct sv_json *state; /* for the hand-off blocks */
        struct sv_bytes firmware, kernel, initrd;
        const char *cmdline;
};
void td_ccel(const struct td_boot *b, struct sv_buf *out);
/* The image without keys in its variable store: tests/teesim/keyless.c. */
void td_keyless(struct sv_bytes firmware, struct sv_buf *out);
