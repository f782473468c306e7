/* Test only: the attestation report that a platform would sign for the guest of a state file (tests/teesim/state.c). */
#pragma once

#include "base/json.h"
#include "tests/teesim/amdpki.h"

/* version: 2 to 5. Ends the program when the state says that nothing was launched. */
void amd_report(const struct amd_pki *pki, const struct sv_json *state, const uint8_t report_data[64], unsigned version, uint8_t out[AMD_REPORT]);
/* Answers guests at a UNIX socket until it is killed. */
int amd_serve(const char *dir, const char *state_path, const char *socket_path, unsigned version, struct sv_err *err);
