/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of a process, as /proc below a root folder shows them. */
#pragma once

#include "launcher/tune/bitset.h"

struct sv_thread {
        unsigned tid;
        char name[32];
        struct sv_bitset cpus, mems; /* that it may run on, and have memory of */
};

/* SV_SYSTEM "tune.threads" when the process is not there; threads that end meanwhile are left out.
 * The caller frees *out. */
int sv_threads_read(const char *root, unsigned pid, struct sv_thread **out, size_t *n,
                    struct sv_err *err);
/* Adds the CPUs that a vCPU of some QEMU's has for itself, but for those of process `except`;
 * of QEMUs that may be guests (launcher/tune/trust.h). */
void sv_threads_find_taken(const char *root, unsigned except, struct sv_bitset *taken);
/* The CPUs that this process may use; empty where that cannot be told. */
void sv_threads_find_own(const char *root, struct sv_bitset *allowed);
