/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual TPM's rules for evidence without a policy: nothing about what booted, all about how
 * it is said. */
#pragma once

extern const char sv_vtpm_strict[];
