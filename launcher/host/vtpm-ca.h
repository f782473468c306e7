/* SPDX-License-Identifier: Apache-2.0 */
/* Making vTPMs: the certificate authority of this host, and a guest's new TPM with the certificate
 * that it gives. Both by swtpm_setup, once, as who launches (root, or the user): the process that
 * serves a guest's TPM later (swtpm) never has the authority's key. */
#pragma once

#include "base/core/buf.h"

/* Makes the authority when it is not there, and gives its root's path (PEM). */
int sv_host_vtpm_ca(char **pem, struct sv_err *err);
/* The authority's certificates, its root first, as one PEM text: what another host's guest file
 * takes as attestation.ek_roots. Makes it when it is not there. */
int sv_host_vtpm_ca_export(struct sv_buf *pem, struct sv_err *err);
/* Makes a TPM, and the authority before it, in the folder (tpm2 of libvirt's) unless there is one,
 * for the guest `id` ("name:uuid"); `log` is swtpm_setup's. All or nothing. SV_SYSTEM "virt.swtpm".
 */
int sv_host_vtpm_make(const char *folder, const char *id, const char *log, struct sv_err *err);
/* What swtpm left in the folder is nothing that its next start, which changes the owner, could take
 * elsewhere: files with one name. SV_SYSTEM "launch.vtpm" when not. */
int sv_host_vtpm_check(const char *folder, struct sv_err *err);
