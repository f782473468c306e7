/* SPDX-License-Identifier: Apache-2.0 */
/* When a confidential guest's memory is accepted (UEFI 2.10, section 7.2, EfiUnacceptedMemoryType).
 * Firmware that leaves this to the kernel, and kernels that do it, each have the GUID of a protocol
 * in their code: edk2 since stable202211 (EDKII_MEMORY_ACCEPT_PROTOCOL), Linux since 6.5
 * (OVMF_SEV_MEMORY_ACCEPTANCE_PROTOCOL, drivers/firmware/efi/libstub), and older ones that took the
 * change over. Pure. */
#pragma once

#include "base/core/buf.h"

enum sv_acceptance {
        SV_ACCEPT_UNKNOWN, /* it is no image that can be looked into */
        SV_ACCEPT_EAGER,   /* all of it, before anything else */
        SV_ACCEPT_LAZY,    /* as it is used */
};

/* An OVMF, or an IGVM file with one: its compressed volumes are unpacked. */
enum sv_acceptance sv_acceptance_firmware(struct sv_bytes image);
/* A bzImage, or a unified kernel image with one. */
enum sv_acceptance sv_acceptance_kernel(struct sv_bytes image);
