/* SPDX-License-Identifier: Apache-2.0 */
/* Test only: an unmodified QEMU in front of the simulated platform. */
#pragma once

#include "base/core/buf.h"
#include "base/json/json.h"

/* NULL when this machine can run the simulator, else what is missing ("no QEMU ..."). */
const char *teesim_missing(void);
/* The same of tests/teesim/dev. */
const char *teesim_no_namespace(void);
const char *teesim_firmware(void); /* OVMF.amdsev.fd, or NULL */

struct teesim_guest {
        const char *dir; /* where the state file goes */
        unsigned vcpus;
        const char *cpu;
        const char *kernel, *initrd, *cmdline; /* kernel NULL: none */
        uint64_t policy;                       /* 0: 0x30000 */
        const uint8_t *host_data;              /* 32 bytes, or NULL */
        const uint8_t *id_block, *id_auth;     /* 96 and 4096 bytes, or NULL */
        bool author_key;
};
/* Runs QEMU to its first KVM_RUN or its refusal; its exit status. *state NULL: no LAUNCH_FINISH was
 * reached. `said` gets what QEMU wrote. */
int teesim_qemu(const struct teesim_guest *g, struct sv_json **state, struct sv_buf *said);
/* A kernel image that QEMU takes for one (Linux boot protocol 2.15), of no use otherwise; an initrd
 * of `n` bytes. */
void teesim_fake_kernel(const char *path);
void teesim_fake_file(const char *path, size_t n);
