/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that read a guest's tuning back. */
#pragma once

#include "base/json/json.h"
#include "launcher/tune/threads.h"

struct sv_readback {
        const char *root;
        unsigned pid;
        const struct sv_json *tuning;
        const struct sv_thread *threads;
        size_t n_threads;
        struct sv_json *found;
};

/* A difference; `where` is below /proc/PID. */
void sv_readback_add(const struct sv_readback *r, const char *where, const char *what,
                     const char *wanted, const char *found);
/* Queues, I/O threads and kinds of I/O that QEMU was started with; `command` is a word a line. */
void sv_readback_compare_command(const struct sv_readback *r, const char *command);
/* The control groups of its threads, and what nodes those have. */
void sv_readback_compare_groups(const struct sv_readback *r);
/* All nodes that the cells of its tuning have. */
void sv_readback_read_nodes(const struct sv_readback *r, struct sv_bitset *out);
/* Nodes and pages of its memory. */
int sv_readback_compare_memory(const struct sv_readback *r, struct sv_err *err);
