/* SPDX-License-Identifier: Apache-2.0 */
/* Where a user's files lie (XDG Base Directory Specification 0.8). */
#pragma once

/* "<$variable>/<rest>", or "<$HOME>/<below_home>/<rest>" when the variable is not set or is a
 * relative path, which the specification ignores. NULL when HOME does not help either. The caller
 * frees. */
char *sv_xdg_path(const char *variable, const char *below_home, const char *rest);
