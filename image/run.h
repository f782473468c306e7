/* SPDX-License-Identifier: Apache-2.0 */
/* Runs programs of the system (mke2fs, tar, fakeroot) without their output. */
#pragma once

#include <stddef.h>

#include "base/core/err.h"

/* Runs argv[0] (found in PATH and the sbin folders), input empty, until it ends. Anything but exit
 * status 0 is SV_SYSTEM under `check` with the last line it printed; SV_SYSTEM "image.run" when it
 * cannot be started. An interrupt (sv_run_interrupted) ends it too. */
int sv_run(const char *const *argv, const char *check, struct sv_err *err);
/* The same, and the program finds the open file `file` under the name SV_RUN_FILE. */
int sv_run_on(const char *const *argv, int file, const char *check, struct sv_err *err);
/* The same, and before the program begins, `enter` (which may be NULL) takes rights from it; what
 * that fails with is the error. */
struct sv_run_rights {
        int (*enter)(void *arg, struct sv_err *err);
        void *arg;
};
int sv_run_with(const char *const *argv, int file, const struct sv_run_rights *rights,
                const char *check, struct sv_err *err);
#define SV_RUN_FD   3
#define SV_RUN_FILE "/proc/self/fd/3"

/* A call of a library that does not end for a signal, in a process of its own that an interrupt
 * ends. What it leaves in `arg` (`size` bytes, nothing that they point to) comes back. */
struct sv_run_call {
        int (*call)(void *arg, struct sv_err *err);
        void *arg;
        size_t size;
        void (*look)(void *look_arg); /* five times a second until it ends; may be NULL */
        void *look_arg;
};
/* As the call; SV_SYSTEM "image.interrupted", SV_SYSTEM "image.run". */
int sv_run_call(const struct sv_run_call *c, struct sv_err *err);

/* From here on SIGINT, SIGTERM and SIGHUP do not end this process: they end the program that sv_run
 * runs, which fails, and so the caller comes to its own clean-up. sv_run_interrupted says whether
 * one came. */
void sv_run_catch_signals(void);
int sv_run_interrupted(void);
