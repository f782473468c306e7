#include "base/tee.h"

bool sv_collateral_get(const struct sv_collateral *c, const char *kind, size_t n, struct sv_bytes *out)
{
        for (size_t i = 0; i < c->n; i++)
                if (!strcmp(c->list[i].kind, kind) && n-- == 0) {
                        *out = c->list[i].data;
                        return true;
                }
        return false;
}
