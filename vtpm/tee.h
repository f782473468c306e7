/* The rows of the virtual TPM: its half on the host and in the broker (library vtpm), its half in the guest (library vtpm-guest). */
#pragma once

#include "base/tee.h"

extern const struct sv_tee sv_tee_vtpm;
extern const struct sv_attester sv_attester_vtpm; /* link vtpm_guest_dep */

/* As sv_attester_vtpm.open with another device ("device:/dev/tpmrm0", "swtpm:path=SOCKET") and another event log; NULL for the
 * defaults. A missing log is no error: then the evidence has none. For tests and the command line. */
int sv_vtpm_attester_open(const char *device, const char *event_log, void **state, struct sv_err *err);
