/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test needs. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/core/err.h"
#include "tests/patience.h"

/* A call that must succeed; its error is shown when it does not. */
#define OK(call)                                                            \
        do {                                                                \
                memset(&err, 0, sizeof(err));                               \
                if ((call) < 0)                                             \
                        fail_msg("%s: %s [%s]", #call, err.msg, err.check); \
        } while (0)

/* A call that must fail with this class and this check. */
#define FAILS(call, class_, check_)                                           \
        do {                                                                  \
                memset(&err, 0, sizeof(err));                                 \
                if ((call) == 0)                                              \
                        fail_msg("%s succeeded; expected %s", #call, check_); \
                assert_string_equal(err.check, check_);                       \
                assert_int_equal(err.class, class_);                          \
                assert_true(strlen(err.msg) > 10);                            \
        } while (0)

/* The path of a file of tests/vectors that need not be there. */
static inline const char *vector_name(const char *rel)
{
        static char path[4096];
        const char *dir = getenv("SV_SOURCE");

        snprintf(path, sizeof(path), "%s/tests/vectors/%s", dir ? dir : ".", rel);
        return path;
}

/* A file of tests/vectors. They are committed: a case whose file is missing fails. */
static inline const char *vector_path(const char *rel)
{
        const char *path = vector_name(rel);

        if (access(path, R_OK) < 0)
                fail_msg("tests/vectors/%s is missing", rel);
        return path;
}

/*
 * A file of the optional folder ../shared, for cases beyond those that a clone has: code of others,
 * which is not committed. Such a case is named extra_*, and is skipped without the file.
 */
static inline const char *extra_path(const char *rel)
{
        static char path[4096];
        const char *dir = getenv("SV_SHARED");

        snprintf(path, sizeof(path), "%s/vectors/%s", dir ? dir : "../shared", rel);
        if (access(path, R_OK) < 0) {
                print_message("EXTRA: this case needs %s of the optional folder ../shared\n", rel);
                skip();
        }
        return path;
}
