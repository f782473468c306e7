/* SPDX-License-Identifier: Apache-2.0 */
/* base/core/err.c without its texts: printf's functions are the C library's, and no proof is about
 * them. What a failure says to a program, its class and the name of its check, stays. */
#pragma once

#include "base/core/err.h"

/* The check of the last failure; NULL: there was none. */
static const char *failed_check;

int sv_fail(struct sv_err *err, enum sv_class class, const char *check, const char *fmt, ...)
{
        __CPROVER_assert(class != SV_OK && check && fmt, "a failure has a class, a name, a text");
        failed_check = check;
        if (err)
                err->class = class;
        return -1;
}

int sv_fail_errno(struct sv_err *err, const char *check, const char *fmt, ...)
{
        return sv_fail(err, SV_SYSTEM, check, fmt);
}

int sv_wrap(struct sv_err *err, const char *fmt, ...)
{
        return -1;
}
