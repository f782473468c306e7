/* SPDX-License-Identifier: Apache-2.0 */
/* The limits that claims name, and what lifts each: exactly those that docs/THREATS.md has. */
#pragma once

#include "base/json/json.h"
#include "tests/unit/unit.h"

struct expected_limit {
        const char *slot, *unless; /* unless NULL: nothing lifts it */
};

static inline void limits_are(const struct sv_json *claims, const struct expected_limit *t,
                              size_t n)
{
        const struct sv_json *limits = sv_json_get(claims, "limits");

        assert_int_equal(sv_json_len(limits), n);
        for (size_t i = 0; i < n; i++) {
                const struct sv_json *limit = sv_json_get(limits, t[i].slot);
                const char *unless = sv_json_str(sv_json_get(limit, "unless"));

                assert_non_null(limit);
                assert_non_null(sv_json_str(t[i].unless ? sv_json_get(limit, "reason") : limit));
                assert_string_equal(unless ? unless : "nothing",
                                    t[i].unless ? t[i].unless : "nothing");
        }
}
