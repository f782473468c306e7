/* SPDX-License-Identifier: Apache-2.0 */
/* A foreign library that few commands need and that brings many others along: not linked but loaded
 * by the first call that needs it. All other commands start at once, and run where the library is
 * not installed. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/core/err.h"

struct sv_library_call {
        const char *name;
        size_t at; /* of the pointer in the table */
};

struct sv_library {
        const char *sonames[3]; /* the first that is here; ends with NULL */
        /* SV_SYSTEM, when there is none, or one without all of these calls */
        const char *check;
        const char *advice; /* "install …, version … or newer" */
        const struct sv_library_call *calls;
        size_t n;
        void *table;
        /* own state, statically initialised */
        pthread_mutex_t lock; /* PTHREAD_MUTEX_INITIALIZER */
        bool loaded;
};

/* Fills the table, once in a process. Nothing is ever unloaded: threads and callbacks live as long
 * as the process. */
int sv_library_load(struct sv_library *lib, struct sv_err *err);
