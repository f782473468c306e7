/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's half of the virtual TPM: what its row of agent/attesters.c opens, for tests. */
#pragma once

#include "tee/attester.h"

/* As sv_attester_vtpm.open, with something else than the defaults (tests, command line). */
struct sv_vtpm_attester_config {
        const char *device; /* "device:/dev/tpmrm0" when NULL; "swtpm:path=SOCKET" */
        /* the kernel's file when NULL; a missing file is no error, the evidence then has no log */
        const char *event_log;
        /* TPM2B_PUBLIC to make the attestation key from; the project's own template when empty */
        struct sv_bytes ak_template;
};
int sv_vtpm_attester_open(const struct sv_vtpm_attester_config *config, void **state,
                          struct sv_err *err);
