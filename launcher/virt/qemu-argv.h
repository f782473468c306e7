/* SPDX-License-Identifier: Apache-2.0 */
/* The command line that libvirt would start a domain's QEMU with ("qemu-argv" of
 * virConnectDomainXMLToNative), rewritten so that it opens nothing of the host and still makes a
 * machine that is the same to its firmware: the same processors, memory, PCI devices at the same
 * addresses, boot order and machine type. Disks become empty, consoles and channels go to null, and
 * the TEE is left out. Network cards must have been replaced before (launcher/virt/acpi-guest.c).
 * Pure. */
#pragma once

#include "base/core/buf.h"
#include "launcher/virt/argv.h"

/* `add` is appended to the value of -machine (",pic=off"). *out begins with the program and has no
 * option that chooses the accelerator or the CPU model. SV_SYSTEM "acpi.native" when `text` is no
 * such command line; SV_USAGE "acpi.device" when it has a device that only the host can start. */
int sv_qemu_argv_rewrite(const char *text, const char *add, struct sv_argv *out,
                         struct sv_err *err);
