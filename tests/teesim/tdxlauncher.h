/* SPDX-License-Identifier: Apache-2.0 */
/* Test only: an unmodified QEMU of the forky tree in front of the TDX module that is played. */
#pragma once

#include "base/core/buf.h"
#include "base/json/json.h"

/* NULL when this machine can run it, else what is missing. */
const char *teesim_tdx_missing(void);
const char *teesim_tdx_firmware(void); /* OVMF.inteltdx.ms.fd, or NULL */
const char *teesim_forky(void);        /* the tree, or NULL */

struct teesim_td {
        const char *dir; /* where the state file goes */
        unsigned vcpus;
        uint64_t memory;                       /* MiB */
        const char *kernel, *initrd, *cmdline; /* kernel NULL: none */
        /* more properties of tdx-guest (",mrconfigid=…"), or NULL */
        const char *object;
        const char *firmware; /* NULL: Debian's */
};
/* Runs QEMU to its first KVM_RUN or its refusal; its exit status. *state NULL: FINALIZE_VM was not
 * reached. `said` gets what QEMU wrote. */
int teesim_tdx_qemu(const struct teesim_td *g, struct sv_json **state, struct sv_buf *said);
