/* SPDX-License-Identifier: Apache-2.0 */
/* What any evidence of this TEE must show, when no policy is given. */
#include "vtpm/verify/tee.h"

const char sv_vtpm_strict[] =
        "[{\"check\":\"policy.ak.origin\",\"claim\":\"/ak/"
        "origin\",\"equals\":\"ek-activation\",\"covers\":\"instance-identity\","
        "\"reason\":\"the attestation key lives in the TPM of that certificate\"},"
        "{\"check\":\"policy.quote.safe\",\"claim\":\"/quote/"
        "safe\",\"equals\":true,\"covers\":\"configuration\","
        "\"reason\":\"the TPM's clock was not set back\"},"
        "{\"check\":\"policy.report-data\",\"claim\":\"/"
        "report_data_checked\",\"equals\":true,\"covers\":\"configuration\","
        "\"reason\":\"the quote was made for this occasion\"},"
        "{\"check\":\"policy.event-log\",\"claim\":\"/event_log/replayed/"
        "0\",\"present\":true,\"covers\":\"executables\","
        "\"reason\":\"an event log says what the PCRs mean\"}]";
