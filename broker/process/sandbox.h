/* SPDX-License-Identifier: Apache-2.0 */
/* What a process of the broker may ask of the kernel. It is entered when all is open that the
 * process will use, and there is no way back. Each has no new privileges, no capabilities, no core
 * file. The filters name system calls (seccomp), the fetcher's files are named by their paths
 * (landlock). */
#pragma once

#include <stdbool.h>

#include "base/core/err.h"

enum sv_sandbox {
        /* accepts connections; opens no file, makes no socket but pairs, no process */
        SV_SANDBOX_NET,
        /* takes channels and forks */
        SV_SANDBOX_HTTP,
        /* one connection's requests: reads and writes what is open */
        SV_SANDBOX_CONNECTION,
        /* takes channels and forks */
        SV_SANDBOX_VERIFIER,
        /* one verification: reads and writes what is open */
        SV_SANDBOX_VERIFICATION,
        /* files below the paths given, and the network; runs no program, looks into no process */
        SV_SANDBOX_FETCHER,
        /* one fetch: the same, and it sends no signal */
        SV_SANDBOX_FETCH,
};

/* For the fetcher; others give NULL. Paths that are not there are left out. */
struct sv_sandbox_files {
        const char *read[16]; /* ends with NULL */
        const char *write;    /* may be NULL */
};

/* SV_SYSTEM "broker.sandbox". A kernel without landlock is no error, *partly says so. */
int sv_sandbox_enter(enum sv_sandbox kind, const struct sv_sandbox_files *files, bool *partly,
                     struct sv_err *err);
