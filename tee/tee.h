/* SPDX-License-Identifier: Apache-2.0 */
/* A TEE is a folder (vtpm/, sev/, tdx/) and one row in each of four tables, which programs link as
 * they need them:
 *   tee/host.h      what this machine offers, and how a guest is started   launcher/tees-host.c
 *   tee/measure.h   what a guest will measure, and the policy for it       launcher/tees-measure.c
 *   tee/verify.h    from evidence to claims                                attest/tees-verify.c
 *   tee/attester.h  inside of the guest: evidence                          agent/attesters.c
 * No other code asks which TEE it is. Each row points to what stands here, which they share; the
 * tests in tests/conformance compare the tables. */
#pragma once

#include <stdbool.h>

#include "base/core/err.h"

struct sv_guest; /* guest/guest.h */

struct sv_tee {
        const char *name;     /* for the user and for files: "sev-snp", "tdx", "vtpm" */
        const char *kbs_name; /* on the wire of the KBS protocol: "snp", "tdx", "tpm" */
        const char *help;
        /* protects the guest against its host, which the guest then does not believe */
        bool confidential;
        /* its firmware accepts what a kernel does not accept itself, when that starts; else such a
         * kernel has only what was accepted before */
        bool accepts_late;
        bool shim; /* starts and measures a shim between firmware and kernel */
        /* what boots when the guest file names none; NULL: the distribution's OVMF
         * (sv_guest_firmware) */
        const char *firmware;
        /* the feature that names such firmware in QEMU's descriptors; NULL: none */
        const char *firmware_feature;
};

/* Can a guest be launched and measured as this file says, as far as all TEEs know it? SV_USAGE
 * "guest.shim". */
int sv_tee_takes(const struct sv_tee *tee, const struct sv_guest *guest, struct sv_err *err);

/* The firmware image that boots under this TEE (NULL: none): the guest file's, the TEE's default,
 * or the distribution's OVMF. */
const char *sv_tee_firmware(const struct sv_tee *tee, const struct sv_guest *guest);

/* Adds a name to a list for a message ("sev-snp, tdx"), as far as there is room. */
#define SV_TEE_NAMES_SIZE 256
void sv_tee_add_name(char list[SV_TEE_NAMES_SIZE], const struct sv_tee *tee);
