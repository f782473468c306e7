/* SPDX-License-Identifier: Apache-2.0 */
/* Which kind of store it is. */
#include "broker/store/store.h"

#include "broker/store/sqlite.h"

int sv_store_open(const struct sv_store_place *place, struct sv_store **out, struct sv_err *err)
{
        return sv_sqlite_open(place, out, err);
}

void sv_store_free(struct sv_store *s)
{
        if (s)
                s->ops->close(s);
}

void sv_store_freep(struct sv_store **s)
{
        sv_store_free(*s);
}
