/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to the TPM of the guest. */
#pragma once

#include "vtpm/verify/structs.h"

struct sv_tpm;

/* device: "device:/dev/tpmrm0" (NULL means this one); "swtpm:path=SOCKET" loads libtss2-tcti-swtpm
 * where it is installed (tests). */
struct sv_tpm *sv_tpm_open(const char *device, struct sv_err *err);
void sv_tpm_close(struct sv_tpm *t); /* flushes what it loaded */
void sv_tpm_closep(struct sv_tpm **t);
#define SV_TPM __attribute__((cleanup(sv_tpm_closep))) struct sv_tpm

/* The contents of an NV index (an EK certificate); absent: *found is false. */
int sv_tpm_nv_read(struct sv_tpm *t, uint32_t index, struct sv_buf *out, bool *found,
                   struct sv_err *err);
typedef uint32_t sv_tpm_handle;
/* A primary key in the endorsement hierarchy from this template (TPM2B_PUBLIC); its public area is
 * appended to *public2b. */
int sv_tpm_create_primary(struct sv_tpm *t, struct sv_bytes template2b, sv_tpm_handle *key,
                          struct sv_buf *public2b, struct sv_err *err);
/* The key at a persistent handle (an EK that the maker left there saves its creation). */
int sv_tpm_persistent(struct sv_tpm *t, uint32_t handle, sv_tpm_handle *key,
                      struct sv_buf *public2b, bool *found, struct sv_err *err);
void sv_tpm_flush(struct sv_tpm *t, sv_tpm_handle key);
/* All PCRs of the bank, read until no extend fell between them. SV_SYSTEM "tpm.pcrs". */
int sv_tpm_pcr_read(struct sv_tpm *t, enum sv_digest bank, uint8_t pcrs[SV_TPM_PCRS][SV_DIGEST_MAX],
                    struct sv_err *err);
int sv_tpm_bank_active(struct sv_tpm *t, enum sv_digest bank, bool *active, struct sv_err *err);
/* Bit i of pcr_mask selects PCR i. Appends TPMS_ATTEST and TPMT_SIGNATURE, with the key's own
 * scheme. */
int sv_tpm_quote(struct sv_tpm *t, sv_tpm_handle key, enum sv_digest bank, uint32_t pcr_mask,
                 struct sv_bytes extra_data, struct sv_buf *message, struct sv_buf *signature,
                 struct sv_err *err);
/* TPM2_ActivateCredential with the EK's policy (PolicySecret of the endorsement hierarchy).
 * SV_PROOF "tpm.activate". */
struct sv_secret *sv_tpm_activate(struct sv_tpm *t, sv_tpm_handle key, sv_tpm_handle ek,
                                  struct sv_bytes credential_blob, struct sv_bytes encrypted_secret,
                                  struct sv_err *err);
/* Extends PCR `pcr` of every active bank with the digest of `data`. */
int sv_tpm_pcr_event(struct sv_tpm *t, unsigned pcr, struct sv_bytes data, struct sv_err *err);
