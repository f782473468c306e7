/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of Secure Boot as firmware measures them: TCG PC Client Platform Firmware
 * Profile 1.06, section 3.3.4.8 (PCR 7; RTMR0 of a TD). */
#pragma once

#include "ovmf/prediction.h"
#include "ovmf/varstore.h"

/* The namespaces of variables, as in memory. */
extern const uint8_t sv_guid_global[16];   /* EFI_GLOBAL_VARIABLE */
extern const uint8_t sv_guid_security[16]; /* EFI_IMAGE_SECURITY_DATABASE_GUID: db, dbx */

/* A platform key ends setup mode; Secure Boot can then still be switched off. */
bool sv_secure_boot_on(const struct sv_varstore *s);
/* SecureBoot, PK, KEK, db, dbx. `built_in`: the firmware knows Secure Boot at all; without,
 * SecureBoot does not exist. */
int sv_event_secure_boot(struct sv_prediction *p, unsigned reg, const struct sv_varstore *s,
                         bool built_in, struct sv_err *err);
/* One variable, as UEFI_VARIABLE_DATA (section 10.4.3). */
int sv_event_variable(struct sv_prediction *p, unsigned reg, uint32_t type, const uint8_t guid[16],
                      const char *name, struct sv_bytes data, struct sv_err *err);
