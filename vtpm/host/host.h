/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual TPM on the host: is swtpm here, and the device in the libvirt domain. */
#pragma once

#include "tee/host.h"

int sv_vtpm_probe(struct sv_probe *out, struct sv_err *err);
const char *sv_vtpm_cure(const char *check);
int sv_vtpm_domain(const struct sv_guest *guest, struct sv_domain_part *out, struct sv_err *err);
