/* SPDX-License-Identifier: Apache-2.0 */
/* Test only: libvirt's daemon of the forky tree, reached over its socket, with a QEMU in front of
 * the TDX module that is played. */
#pragma once

#include <sys/types.h>

struct forkyd {
        char dir[40]; /* its folder: run, var, etc, bin, log, state.json */
        char *uri;    /* "qemu+unix:///system?socket=…" */
        pid_t pid;
};

/* 0 when it answers; else what it said is in *said (the caller frees). */
int forkyd_start(struct forkyd *d, char **said);
/* The QEMU of its guest "g"; 0 when there is none. */
pid_t forkyd_guest(const struct forkyd *d);
/* Ends it and removes its folder. */
void forkyd_stop(struct forkyd *d);
