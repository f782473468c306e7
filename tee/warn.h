/* SPDX-License-Identifier: Apache-2.0 */
/* What is no error and yet worth knowing before a guest starts: that it will be slow, or have less
 * than its file says. Each has a stable name (docs/CHECKS.md, "warnings"). */
#pragma once

#include "guest/guest.h"
#include "tee/tee.h"

/* Adds {"check":name,"message":…} to `list` (array). `pointer`: the key of the guest file that it
 * is about. */
void sv_warning_add(struct sv_json *list, const struct sv_guest *g, const char *pointer,
                    const char *name, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Opens what a guest file names, as open(2): launcher/keeper/owner.h has the one of a launch. */
typedef int sv_guest_open_fn(const struct sv_guest *g, const char *path, int flags);

/* What firmware and kernel will do about the memory of a guest of this TEE (ovmf/accept.h). What
 * cannot be read, or is no regular file, is not judged here. */
void sv_warn_acceptance(const struct sv_tee *tee, const struct sv_guest *g,
                        sv_guest_open_fn *open_file, struct sv_json *list);
