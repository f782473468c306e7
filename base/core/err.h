/* SPDX-License-Identifier: Apache-2.0 */
/* The one error type. Functions that can fail take `struct sv_err *` last and return 0 or -1 (or a
 * pointer or NULL); outputs are written only on success. The class is also the exit status of the
 * programs. */
#pragma once

#include <stdarg.h>

enum sv_class {
        SV_OK = 0,
        SV_USAGE = 2,  /* usage or configuration */
        SV_SYSTEM = 3, /* the system or the network did not do its part */
        SV_FORMAT = 4, /* malformed input */
        SV_PROOF = 5,  /* the proof does not hold */
        SV_POLICY = 6, /* the proof holds, the policy says no */
};

struct sv_err {
        enum sv_class class;
        /* stable name of the failed check, dotted, lower case: "vtpm.quote.nonce" (docs/CHECKS.md)
         */
        char check[64];
        char msg[1024]; /* one readable line: what was expected, what was found, what to do */
};

#define SV_ERR_NULL \
        {           \
                0   \
        }

/* Fills *err and returns -1, so that `return sv_fail(err, ...)` reads as one step. err may be NULL.
 */
int sv_fail(struct sv_err *err, enum sv_class class, const char *check, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

/* As sv_fail with class SV_SYSTEM; appends ": " and the text of errno. */
int sv_fail_errno(struct sv_err *err, const char *check, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the message that is already in *err; returns -1. */
int sv_wrap(struct sv_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "usage", "system", "format", "proof", "policy"; "ok" for SV_OK. */
const char *sv_class_name(enum sv_class class);
/* The class of that name; SV_OK when there is none. */
enum sv_class sv_class_from_name(const char *name);

/* For code that is pure and allocates through libraries, which report the want of memory in their
 * own ways or as another failure: nothing but an allocation sets errno to ENOMEM there. Call the
 * first before, the second with its result after: -1 and SV_SYSTEM "base.memory" when an allocation
 * failed in between and was taken for something else; else `result`. */
void sv_watch_memory(void);
int sv_check_memory(int result, struct sv_err *err);
