/* SPDX-License-Identifier: Apache-2.0 */
/* Which kind of store it is. */
#include "broker/store/store.h"

#include <errno.h>
#include <unistd.h>

#include "broker/store/sql.h"

int sv_store_open(const struct sv_store_place *place, struct sv_store **out, struct sv_err *err)
{
        struct sv_sql *s = sv_postgres_is(place->path) ? sv_postgres_open(place, err)
                                                       : sv_sqlite_open(place, err);

        if (!s)
                return -1;
        s->store.ops = &sv_sql_ops;
        *out = &s->store;
        return 0;
}

bool sv_store_is_file(const char *path)
{
        return !sv_postgres_is(path);
}

int sv_store_exists(const char *path, struct sv_err *err)
{
        struct sv_sql *s;
        int64_t version = 0;
        int rc;

        if (!sv_postgres_is(path))
                return access(path, F_OK) == 0 || errno != ENOENT;
        s = sv_postgres_connect(path, err);
        if (!s)
                return -1;
        rc = sv_sql_read_version(&s->store, &version, err);
        sv_sql_close(&s->store);
        return rc < 0 ? -1 : version > 0;
}

int sv_store_check_address(const char *path, struct sv_err *err)
{
        return sv_postgres_is(path) ? sv_postgres_check(path, err) : 0;
}

int sv_store_is_authenticated(const char *path, bool *out, struct sv_err *err)
{
        struct sv_sql *s = sv_sqlite_connect(path, false, err);
        int rc;

        if (!s)
                return -1;
        rc = sv_sql_is_authenticated(&s->store, out, err);
        sv_sql_close(&s->store);
        return rc;
}

int sv_store_copy(const char *from, const char *to, struct sv_err *err)
{
        struct sv_sql *s = sv_postgres_is(from) ? sv_postgres_connect(from, err)
                                                : sv_sqlite_connect(from, false, err);
        int rc;

        if (!s)
                return -1;
        rc = sv_sql_copy(&s->store, to, err);
        sv_sql_close(&s->store);
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
