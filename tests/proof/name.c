/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a name that is accepted is one component of a path and no other: at most so many letters,
 *         digits, "_", "." and "-", never "." or ".." or hidden.
 * for:    every text of up to 3 characters, with a limit of 2 of them instead of 63
 * stubs:  texts of errors
 * unwind: 66
 * loops:  strspn.0:5 strlen.0:5
 * fault:  `n > SV_NAME_MAX ||` => `n > SV_NAME_MAX + 1 ||`
 * fault:  `name[0] == '.'` => `0`
 */
#include "proof.h"
#include "libc.h"
#include "stub_err.h"

#include "base/core/limits.h"
#undef SV_NAME_MAX
#define SV_NAME_MAX 2

#include "base/core/text.c"

static void any_name(const char *name)
{
        size_t n = strlen(name);
        char c;

        if (!sv_name_ok(name))
                return;
        PROVE(n >= 1 && n <= 2 && name[0] != '.');
        c = name[any_below(n)];
        PROVE((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '.' || c == '-');
}

void prove(void)
{
        any_name(any_string(3));
}
