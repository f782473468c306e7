/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/collateral.h"

#include <stdio.h>
#include <stdlib.h>

bool sv_collateral_get(const struct sv_collateral *c, const char *kind, size_t n,
                       struct sv_bytes *out)
{
        for (; c; c = c->next)
                for (size_t i = 0; i < c->n; i++)
                        if (!strcmp(c->list[i].kind, kind) && n-- == 0) {
                                *out = c->list[i].data;
                                return true;
                        }
        return false;
}

void sv_blobs_free(struct sv_blobs *b)
{
        free(b->list);
        *b = (struct sv_blobs){0};
}

void sv_blobs_add(struct sv_blobs *b, const char *kind, struct sv_bytes data)
{
        struct sv_blob *list = reallocarray(b->list, b->n + 1, sizeof(*list));

        if (!list)
                return; /* errno tells: sv_check_memory */
        b->list = list;
        list[b->n] = (struct sv_blob){.data = data};
        snprintf(list[b->n++].kind, sizeof(list->kind), "%s", kind);
}
