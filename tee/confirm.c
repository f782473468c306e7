/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/confirm.h"

static int check_claim(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        if (sv_json_equal(sv_json_get(arg, name), value))
                return 0;
        return sv_fail(err, SV_PROOF, "tee.claims",
                       "the claim \"%s\" is not what the signed evidence says", name);
}

struct expected {
        const struct sv_json *own;
        const char *const *unproven;
};

static int check_expected(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        const struct expected *e = arg;

        if (sv_json_get(e->own, name))
                return 0;
        for (const char *const *u = e->unproven; *u; u++)
                if (!strcmp(*u, name))
                        return 0;
        return sv_fail(err, SV_PROOF, "tee.claims",
                       "the claim \"%.64s\" is none that such evidence makes", name);
}

int sv_claims_confirm(const struct sv_json *own, const char *const *unproven,
                      const struct sv_json *claims, struct sv_err *err)
{
        struct expected e = {own, unproven};

        if (sv_json_ok(err) < 0 || sv_json_each(own, check_claim, (void *)(uintptr_t)claims, err))
                return -1;
        return sv_json_each(claims, check_expected, &e, err);
}
