/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a store and comes out of it. */
#include <stdlib.h>

#include "base/core/file.h"
#include "broker/store/store.h"

void sv_session_free(struct sv_session *s)
{
        free(s->tee);
        free(s->token);
        free(s->ek_cn);
        memset(s, 0, sizeof(*s));
}

int sv_anchors_add(struct sv_anchors *a, const char *kind, struct sv_bytes data, struct sv_err *err)
{
        struct sv_anchor *more = reallocarray(a->list, a->n + 1, sizeof(*more));

        if (!more)
                return sv_fail_errno(err, "base.memory", "no memory for %zu trust anchors",
                                     a->n + 1);
        a->list = more;
        a->list[a->n] = (struct sv_anchor){.kind = sv_asprintf("%s", kind)};
        a->n++;
        sv_buf_put(&a->list[a->n - 1].data, data);
        return sv_buf_ok(&a->list[a->n - 1].data, "a trust anchor", err);
}

void sv_anchors_free(struct sv_anchors *a)
{
        for (size_t i = 0; i < a->n; i++) {
                free(a->list[i].kind);
                sv_buf_free(&a->list[i].data);
        }
        free(a->list);
        free(a->tee);
        memset(a, 0, sizeof(*a));
}
