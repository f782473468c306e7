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
#include <cmocka.h>

#include "base/core/err.h"

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

/* A file of ../shared; the test is skipped, and says so, when it is not there. */
static inline const char *shared_path(const char *rel)
{
        static char path[4096];
        const char *dir = getenv("SV_SHARED");
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", dir ? dir : "../shared", rel);
        f = fopen(path, "rb");
        if (!f) {
                print_message("SKIP: the shared vector %s is not on this machine\n", rel);
                skip();
        }
        fclose(f);
        return path;
}
