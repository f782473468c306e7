/* SPDX-License-Identifier: Apache-2.0 */
/* A limit is tried where it stands and one step past it: taken, and refused by its check. */
#pragma once

#include "base/core/limits.h"
#include "tests/unit/unit.h"

struct limit_case {
        const char *name; /* as in base/core/limits.h */
        size_t max, step;
        int (*take)(size_t n, struct sv_err *err);
        enum sv_class class;
        const char *check;
};
#define LIMIT(name, step, take, class, check)         \
        {                                             \
#name, name, step, take, class, check \
        }

static inline void try_limits(const struct limit_case *cases, size_t n)
{
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < n; i++) {
                const struct limit_case *c = &cases[i];

                print_message("%s\n", c->name);
                OK(c->take(c->max, &err));
                FAILS(c->take(c->max + c->step, &err), c->class, c->check);
        }
}
