/* SPDX-License-Identifier: Apache-2.0 */
/* A policy is put by nobody, whatever is there. */
#pragma once

#include "broker/store/store.h"

static inline int put_policy_text(struct sv_store *s, const char *path, struct sv_bytes text,
                                  int64_t now, struct sv_err *err)
{
        const struct sv_policy_put put = {.text = text, .author = "", .now = now};

        return s->ops->put_policy(s, path, &put, err);
}
