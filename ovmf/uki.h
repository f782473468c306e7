/* SPDX-License-Identifier: Apache-2.0 */
/* A unified kernel image (UAPI group specification 5), by the stub of systemd in front of it: what
 * it measures and hands to the kernel differs between the stub's versions; or by ours
 * (stub/main.c), which measures nothing itself and hands over what the image has and no more. Pure.
 */
#pragma once

#include "base/crypto/crypto.h"
#include "base/core/rd.h"

/* What the stub does, from its first version of the row on to the last; rows follow each other
 * without a gap. Each version was seen in the event logs of real boots: those that Debian has in
 * tests/e2e/secureboot.py, the others (253, 255, 256, 258 to 261) as built from their releases. */
struct sv_stub {
        unsigned first, last;
        /* without Secure Boot the firmware loads, and so measures, the kernel inside */
        bool firmware_loads;
        bool sbat;       /* .sbat is among the sections that are measured */
        bool microcode;  /* .ucode is known: measured, and put in front of the initramfs */
        bool os_release; /* .osrel is put behind the initramfs, as /.extra/os-release */
        bool machine;    /* what SMBIOS says of the machine is measured (PCR 1) */
};

struct sv_uki {
        bool measured;              /* ours: it brings the machine's ACPI tables */
        unsigned version;           /* of the stub; 0: the image does not say */
        const struct sv_stub *stub; /* NULL: no row for that version */
        /* .p NULL: there is no such section */
        struct sv_bytes kernel, cmdline, initrd, osrel, ucode, pcrsig, pcrpkey;
        /* a section that is there and changes the initramfs or the kernel in a way not known; NULL:
         * none */
        const char *beyond;
};

/* Views into the image. SV_FORMAT `check`: no section .linux; "ovmf.pe.*". */
int sv_uki_read(struct sv_bytes image, const char *check, struct sv_uki *out, struct sv_err *err);
/* The versions that are known, as text: "252 to 262". */
void sv_uki_versions(char out[32]);
/* The initramfs as the kernel's own stub gets it, with what the stub puts in front of it and behind
 * it: 1 and its digest, or 0 when there is none. */
int sv_uki_initrd(const struct sv_uki *u, enum sv_digest alg, uint8_t *out, struct sv_err *err);
/* Is the section's text taken as it is (no characters that stubs strip or replace)? */
bool sv_uki_cmdline_plain(const struct sv_uki *u);
