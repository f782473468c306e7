/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk with authentication tags is asked before and after it is opened (luks/integrity.h).
 * Without tags there is nothing to ask, and these do nothing. */
#pragma once

#include "agent/config.h"
#include "agent/machine.h"
#include "luks/header.h"

/* Before: the superblock, for a clear message: it is the host's, and the kernel reads it again.
 * SV_PROOF "disk.superblock"; SV_USAGE "disk.discard": there is none over tags. */
int sv_disk_check(const struct sv_agent_config *config, const struct sv_luks_header *h,
                  const char *device, struct sv_err *err);
/* After: has the opened device the size that the header says? SV_PROOF "disk.size". */
int sv_disk_check_size(const struct sv_luks_header *h, const char *opened, struct sv_err *err);
/* A failure to mount or to start what is on the disk has a cause when the kernel has met a block
 * without its tag: then *err becomes SV_PROOF "disk.block". `m` NULL: this machine. */
void sv_disk_explain(const struct sv_machine *m, const struct sv_luks_header *h,
                     struct sv_err *err);
/* The same of a btrfs whose superblock the broker has confirmed: the kernel has met blocks that do
 * not belong together. SV_PROOF "disk.tree". */
void sv_disk_explain_tree(const struct sv_machine *m, struct sv_err *err);
/* One line: what somebody who has the disk could still do. */
const char *sv_disk_limits(const struct sv_luks_header *h, bool fresh);
