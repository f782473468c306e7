/* SPDX-License-Identifier: Apache-2.0 */
/* SEV-SNP's rows in the tables of TEEs; a program links the libraries of those that it uses. */
#pragma once

#include "tee/tee.h"

/* Where the distribution puts the firmware when the guest file names none. */
#define SV_SEV_FIRMWARE "/usr/share/ovmf/OVMF.amdsev.fd"

extern const struct sv_tee sv_tee_sev_snp;
extern const struct sv_tee_host sv_tee_host_sev_snp;
extern const struct sv_tee_measure sv_tee_measure_sev_snp;
extern const struct sv_tee_verify sv_tee_verify_sev_snp;
extern const struct sv_attester sv_attester_sev_snp;
