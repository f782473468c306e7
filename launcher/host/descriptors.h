/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's firmware descriptors (QEMU, docs/interop/firmware.json): what images of firmware a machine
 * has, and what each can. In /etc/qemu/firmware and /usr/share/qemu/firmware, in the order of their
 * names; one in /etc stands for the one of that name in /usr/share. `sysroot` is "" but in tests.
 */
#pragma once

#include "base/core/err.h"

#include <stddef.h>

/* The image with all these features, for the machine that guests have (q35), as a path below
 * sysroot. `tee`: the feature of a TEE ("amd-sev-snp"), whose firmware has no variable store; NULL:
 * one in flash, with a template for its variables. What changes how a guest boots without being
 * asked for (keys that are enrolled, SMM) is taken only when it is asked for. SV_SYSTEM
 * "host.firmware" when there is none. The caller frees. */
char *sv_descriptors_find(const char *sysroot, const char *tee, char *const *features, size_t n,
                          struct sv_err *err);
/* The template of an image's variable store, or NULL. The caller frees. */
char *sv_descriptors_get_template(const char *sysroot, const char *firmware);
