/* SPDX-License-Identifier: Apache-2.0 */
/* How libvirt would start a domain's QEMU ("qemu-argv" of virConnectDomainXMLToNative), turned into
 * the command line of a machine that is the same to its firmware: processors, memory, PCI devices
 * at their places, boot order, machine. It opens nothing of the host: disks are empty, consoles and
 * channels end nowhere, and there is no TEE. Network cards must not be among the devices
 * (launcher/virt/acpi-guest.c). Pure. */
#pragma once

#include "base/core/buf.h"
#include "launcher/virt/argv.h"

/* `add` goes to the end of -machine (",pic=off"). The words begin with the program; what emulates
 * the processor is not among them. SV_SYSTEM "acpi.native" when it is no such command line;
 * SV_USAGE "acpi.device" when a device of the host is in it, which cannot be played. */
int sv_native_machine(const char *text, const char *add, struct sv_words *out, struct sv_err *err);
