/* SPDX-License-Identifier: Apache-2.0 */
/* The root that needs no key: a disk that dm-verity verifies block by block against what the
 * measured command line says of it, and above it an overlay, in memory or on a disk that has a key.
 * `m` NULL: this machine. */
#pragma once

#include "agent/config.h"
#include "agent/machine.h"

/* From the disk to /sysroot; where another disk lies above it the overlay is left to
 * sv_verity_cover. SV_PROOF "verity.size", "verity.block": it is not the disk that was
 * measured; SV_SYSTEM "verity.open", "agent.disk", "agent.root". */
int sv_verity_root(const struct sv_machine *m, const struct sv_agent_config *config,
                   struct sv_err *err);
/* Its parts: the verified device, */
int sv_verity_mount(const struct sv_machine *m, const char *device, const char *type,
                    struct sv_err *err);
/* and the overlay above it at /sysroot, which writes below `top`; NULL: into memory. */
int sv_verity_cover(const struct sv_machine *m, const char *top, struct sv_err *err);
/* What failed while the root was read: SV_PROOF "verity.block" in the place of *err when the kernel
 * has met a wrong block. Always -1. */
int sv_verity_blame(struct sv_err *err);
