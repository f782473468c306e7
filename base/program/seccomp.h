/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of system calls (Linux, Documentation/userspace-api/seccomp_filter.rst), as tables, and
 * the other rights that a process gives up with them. There is no way back. All fail with SV_SYSTEM
 * and the check name given. */
#pragma once

#include <stdbool.h>

#include "base/core/err.h"

/* A call of which one argument decides; lists of these end with `values` NULL. */
struct sv_filter_choice {
        int call;
        unsigned arg;
        const int *values; /* ends with -1 */
        bool allow;        /* with these values and no other; else: with all others */
};

struct sv_filter {
        const int *const *calls; /* lists that end with -1; ends with NULL */
        bool allow;              /* these and no other; else: all others */
        const struct sv_filter_choice *choices;
};

/* Memory, time, and reading and writing what is open already: what every process needs. */
extern const int sv_filter_basic[];

/* What is not allowed fails with EPERM, as a file that may not be read does, and no library takes
 * that for a reason to do harm. Where calls are allowed by name, no memory can become code. */
int sv_filter_enter(const struct sv_filter *filter, const char *check, struct sv_err *err);
/* No new privileges, no capabilities, no core file, not to be traced. */
int sv_drop_privileges(const char *check, struct sv_err *err);
/* Closes every descriptor above standard error but these (an array ending with -1). */
int sv_close_other_fds(const int *keep, const char *check, struct sv_err *err);
