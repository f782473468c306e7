/* SPDX-License-Identifier: Apache-2.0 */
/* What libvirt's and QEMU's messages mean. Pure: numbers and text in, our error out. */
#pragma once

#include "base/core/err.h"

int sv_virt_map_error(struct sv_err *err, const char *what, int code, const char *message);
