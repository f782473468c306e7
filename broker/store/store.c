/* SPDX-License-Identifier: Apache-2.0 */
/* Which kind of store it is. */
#include "broker/store/store.h"

#include "broker/store/sqlite.h"

int sv_store_open(const struct sv_store_place *place, struct sv_store **out, struct sv_err *err)
{
        return sv_sqlite_open(place, out, err);
}

int sv_store_is_authenticated(const char *path, bool *out, struct sv_err *err)
{
        struct sv_sqlite *s = sv_sqlite_connect(path, err);
        int rc;

        if (!s)
                return -1;
        rc = sv_sqlite_is_authenticated(&s->store, out, err);
        sv_sqlite_close(&s->store);
        return rc;
}

int sv_store_copy(const char *from, const char *to, struct sv_err *err)
{
        struct sv_sqlite *s = sv_sqlite_connect(from, err);
        int rc;

        if (!s)
                return -1;
        rc = sv_sqlite_copy(&s->store, to, err);
        sv_sqlite_close(&s->store);
        return rc;
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
