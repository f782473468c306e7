/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the virtual TPM: its half on the host and in the broker (library vtpm), its half in
 * the guest (library vtpm-guest). */
#pragma once

#include "tee/tee.h"

extern const struct sv_tee sv_tee_vtpm;
extern const struct sv_attester sv_attester_vtpm; /* link vtpm_guest_dep */

/* As sv_attester_vtpm.open, with something else than the defaults (tests, command line). */
struct sv_vtpm_attester_config {
        const char *device; /* "device:/dev/tpmrm0" when NULL; "swtpm:path=SOCKET" */
        /* the kernel's file when NULL; a missing file is no error, the evidence then has no log */
        const char *event_log;
        /* TPM2B_PUBLIC to make the attestation key from; ours when empty */
        struct sv_bytes ak_template;
};
int sv_vtpm_attester_open(const struct sv_vtpm_attester_config *config, void **state,
                          struct sv_err *err);
