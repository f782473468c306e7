/* SPDX-License-Identifier: Apache-2.0 */
/* The shared libraries a program needs, found as the dynamic linker would find them, put into an
 * archive. */
#pragma once

#include "image/cpio.h"

/* Adds the interpreter and every library that `program` (bytes of an ELF file; name for messages)
 * and `extra` (library names, NULL-terminated, for those a program opens by itself) need, each
 * under the path where it was found. SV_USAGE "image.library" when one is not there. */
int sv_libs_add(struct sv_cpio *tree, const char *name, struct sv_bytes program,
                const char *const *extra, struct sv_err *err);
