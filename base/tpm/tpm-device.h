/* SPDX-License-Identifier: Apache-2.0 */
/* The way to a TPM: the kernel's device, or a software TPM's socket. This room and
 * vtpm/guest/tpm.c are what sees tpm2-tss. */
#pragma once

#include <stdbool.h>
#include <tss2/tss2_esys.h>

#include "base/core/err.h"

struct sv_tpm_device {
        TSS2_TCTI_CONTEXT *tcti;
        ESYS_CONTEXT *esys;
};

/* name: "device:/dev/tpmrm0" (NULL means this one); "swtpm:path=SOCKET" loads libtss2-tcti-swtpm
 * where it is installed. *out must be zeroed. SV_USAGE or SV_SYSTEM "tpm.device". */
int sv_tpm_device_open(const char *name, struct sv_tpm_device *out, struct sv_err *err);
/* What was loaded through it is the caller's to flush before. */
void sv_tpm_device_close(struct sv_tpm_device *d);

/* SV_SYSTEM, with the code of the TPM or of the way to it; returns -1. */
int sv_tpm_fail(struct sv_err *err, const char *check, const char *what, TSS2_RC rc);
/* Is something at this handle? Asked before use, because a look-up that fails makes tpm2-tss write
 * to standard error. SV_SYSTEM "tpm.capability". */
int sv_tpm_has_handle(ESYS_CONTEXT *esys, uint32_t handle, bool *found, struct sv_err *err);

void sv_tpm_esys_free(void *p);
/* What ESYS allocates. */
#define SV_ESYS __attribute__((cleanup(sv_tpm_esys_free)))
