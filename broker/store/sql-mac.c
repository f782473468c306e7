/* SPDX-License-Identifier: Apache-2.0 */
/* The MACs of rows, and the lists that they stand in. */
#include "broker/store/sql-mac.h"

#include <stdio.h>

#include "base/crypto/crypto.h"

/* An entry: which path (16), the kind (1), which of its rows (15), the row's MAC. */
#define PATH_ID 16
#define ROW_ID  32
#define ENTRY   SV_MAC_ENTRY
_Static_assert(ENTRY == ROW_ID + SV_MAC_SIZE, "an entry is an id and a MAC");

static const struct kind {
        const char *word, *row, *list; /* row: by path and name */
} kinds[SV_ROW_KINDS] = {
        [SV_ROW_POLICY] = {"the policy",
                           "SELECT text, created FROM policies WHERE path = ?1 AND ?2 = ''",
                           "SELECT path, '' FROM policies"},
        [SV_ROW_VERSION] = {"a version",
                            "SELECT sealed, size, created FROM resources WHERE path = ?1 AND "
                            "version = CAST(?2 AS BIGINT)",
                            "SELECT path, version FROM resources"},
        [SV_ROW_DISK] = {"the generation of a disk",
                         "SELECT generation, restored, time FROM disks WHERE path = ?1 AND "
                         "volume = ?2",
                         "SELECT path, volume FROM disks"},
        [SV_ROW_HISTORY] = {"a version of the policy",
                            "SELECT text, created, author FROM policy_versions WHERE path = ?1 AND "
                            "version = CAST(?2 AS BIGINT)",
                            "SELECT path, version FROM policy_versions"},
        [SV_ROW_SETTINGS] = {"the settings",
                             "SELECT labels, most, released, bytes, takers FROM settings WHERE "
                             "path = ?1 AND ?2 = ''",
                             "SELECT path, '' FROM settings"},
        [SV_ROW_REFERENCE] = {"reference set",
                              "SELECT text, generation, created FROM reference_sets WHERE name = "
                              "?1 AND ?2 = ''",
                              "SELECT name, '' FROM reference_sets"},
        [SV_ROW_PENDING] = {"a change that waits",
                            "SELECT head, body, expires FROM pending WHERE path = ?1 AND id = ?2",
                            "SELECT path, id FROM pending"},
};

static void put_field(struct sv_buf *in, struct sv_bytes field)
{
        sv_buf_u64le(in, field.n);
        sv_buf_put(in, field);
}

/* The first 17 bytes are those of all rows of the kind that the path has. */
static int make_row_id(struct sv_store *s, enum sv_row_kind kind, const char *path,
                       const char *name, uint8_t id[ROW_ID], struct sv_err *err)
{
        uint8_t of_path[SV_MAC_SIZE], of_row[SV_MAC_SIZE];
        SV_BUF in = SV_BUF_NULL;
        SV_BUF row = SV_BUF_NULL;

        sv_buf_u8(&in, SV_LABEL_PATH);
        put_field(&in, sv_bytes_str(path));
        sv_buf_u8(&row, SV_LABEL_ROW_ID);
        put_field(&row, sv_bytes_str(path));
        put_field(&row, sv_bytes_str(name));
        if (sv_macs_make(s, &in, of_path, err) < 0 || sv_macs_make(s, &row, of_row, err) < 0)
                return -1;
        memcpy(id, of_path, PATH_ID);
        id[PATH_ID] = (uint8_t)kind;
        memcpy(id + PATH_ID + 1, of_row, ROW_ID - PATH_ID - 1);
        return 0;
}

static int make_row_mac(struct sv_store *s, const uint8_t id[ROW_ID], const char *path,
                        const char *name, struct sv_stmt *q, uint8_t mac[SV_MAC_SIZE],
                        struct sv_err *err)
{
        SV_BUF in = SV_BUF_NULL;

        sv_buf_u8(&in, SV_LABEL_ROW);
        sv_buf_u8(&in, id[PATH_ID]);
        put_field(&in, sv_bytes_str(path));
        put_field(&in, sv_bytes_str(name));
        for (int i = 0; i < sv_sql_count(q); i++) {
                sv_buf_u8(&in, (uint8_t)sv_sql_column_type(q, i));
                if (sv_sql_column_type(q, i) == SV_SQL_INTEGER)
                        sv_buf_u64le(&in, (uint64_t)sv_sql_number(q, i));
                else
                        put_field(&in, sv_sql_bytes(q, i));
        }
        return sv_macs_make(s, &in, mac, err);
}

/* The place of the entry whose first n bytes are those of id, or where it belongs. */
static size_t find_entry(const struct sv_list *list, const uint8_t *id, size_t n, bool *found)
{
        size_t low = 0, high = list->entries.n / ENTRY;

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (memcmp(list->entries.p + middle * ENTRY, id, n) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *found = low < list->entries.n / ENTRY && memcmp(list->entries.p + low * ENTRY, id, n) == 0;
        return low;
}

static void remove_entries(struct sv_macs *m, struct sv_list *list, size_t at, size_t n)
{
        uint8_t *p = list->entries.p + at * ENTRY;

        memmove(p, p + n * ENTRY, list->entries.n - (at + n) * ENTRY);
        list->entries.n -= n * ENTRY;
        list->changed = m->changed = true;
}

static int insert_entry(struct sv_macs *m, struct sv_list *list, size_t at, struct sv_err *err)
{
        size_t before = list->entries.n;

        if (!sv_buf_grow(&list->entries, ENTRY))
                return sv_buf_ok(&list->entries, "a list of MACs", err);
        memmove(list->entries.p + (at + 1) * ENTRY, list->entries.p + at * ENTRY,
                before - at * ENTRY);
        list->changed = m->changed = true;
        return 0;
}

static struct sv_stmt *prepare_row(struct sv_store *s, enum sv_row_kind kind, const char *path,
                                   const char *name, struct sv_err *err)
{
        return sv_sql_prepare(s, kinds[kind].row, err, "ss", path, name);
}

struct sv_stmt *sv_macs_list_rows(struct sv_store *s, enum sv_row_kind kind, struct sv_err *err)
{
        return sv_sql_prepare(s, kinds[kind].list, err, "");
}

static int fail_stored(struct sv_err *err, const char *what, const char *path, const char *done)
{
        return sv_fail(err, SV_SYSTEM, "broker.store.mac",
                       "%s of %s is not what this broker stored: somebody else %s it in the "
                       "database; put it again, or take a backup back (\"secure-vm-broker "
                       "restore\")",
                       what, path, done);
}

static int check_stored(struct sv_store *s, struct sv_macs *m, const uint8_t id[ROW_ID],
                        const char *path, const char *name, struct sv_stmt *q, struct sv_err *err)
{
        struct sv_list *list = &m->lists[id[0]];
        uint8_t mac[SV_MAC_SIZE];
        bool known;
        size_t at;

        if (sv_macs_load_list(s, m, id[0], err) < 0)
                return -1;
        at = find_entry(list, id, ROW_ID, &known);
        if (!known && !q)
                return 0;
        if (q && make_row_mac(s, id, path, name, q, mac, err) < 0)
                return -1;
        if (known && q &&
            sv_bytes_eq(sv_bytes(list->entries.p + at * ENTRY + ROW_ID, SV_MAC_SIZE),
                        sv_bytes(mac, SV_MAC_SIZE)))
                return 0;
        return fail_stored(err, kinds[id[PATH_ID]].word, path,
                           !q      ? "removed"
                           : known ? "changed"
                                   : "put");
}

int sv_macs_get_row(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind, const char *path,
                    const char *name, struct sv_stmt **q, struct sv_err *err)
{
        SV_STMT *row = prepare_row(s, kind, path, name, err);
        int rc = sv_sql_step(s, row, err);
        uint8_t id[ROW_ID];

        if (rc < 0)
                return -1;
        if (((struct sv_sql *)s)->place.key &&
            (make_row_id(s, kind, path, name, id, err) < 0 ||
             check_stored(s, m, id, path, name, rc == 1 ? row : NULL, err) < 0))
                return -1;
        if (rc == 0)
                return 0;
        *q = row;
        row = NULL;
        return 1;
}

/* The row as it stands in the database now. */
static int take_row(struct sv_store *s, struct sv_macs *m, const uint8_t id[ROW_ID],
                    const char *path, const char *name, struct sv_stmt *row, struct sv_err *err)
{
        struct sv_list *list = &m->lists[id[0]];
        bool known;
        size_t at;

        if (sv_macs_load_list(s, m, id[0], err) < 0)
                return -1;
        at = find_entry(list, id, ROW_ID, &known);
        if (!row) {
                if (known)
                        remove_entries(m, list, at, 1);
                return 0;
        }
        if (!known && insert_entry(m, list, at, err) < 0)
                return -1;
        list->changed = m->changed = true;
        memcpy(list->entries.p + at * ENTRY, id, ROW_ID);
        return make_row_mac(s, id, path, name, row, list->entries.p + at * ENTRY + ROW_ID, err);
}

int sv_macs_adopt_row(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind,
                      const char *path, const char *name, struct sv_err *err)
{
        SV_STMT *row = prepare_row(s, kind, path, name, err);
        int rc = sv_sql_step(s, row, err);
        uint8_t id[ROW_ID];

        if (rc < 0 || make_row_id(s, kind, path, name, id, err) < 0)
                return -1;
        return take_row(s, m, id, path, name, rc == 1 ? row : NULL, err);
}

static bool has_values(struct sv_stmt *row, const struct sv_sql_value *values, int n)
{
        if (sv_sql_count(row) != n)
                return false;
        for (int i = 0; i < n; i++) {
                const struct sv_sql_value *v = &values[i];

                if (sv_sql_column_type(row, i) != v->type)
                        return false;
                if (v->type == SV_SQL_INTEGER ? sv_sql_number(row, i) != v->number
                                              : !sv_bytes_eq(sv_sql_bytes(row, i), v->bytes))
                        return false;
        }
        return true;
}

static int fail_other(struct sv_err *err, enum sv_row_kind kind, const char *path)
{
        return sv_fail(err, SV_SYSTEM, "broker.store.mac",
                       "%s of %s was written, and the database says that it has another: whoever "
                       "runs it, or a program in it, changes what is stored; nothing was done",
                       kinds[kind].word, path);
}

int sv_macs_put_row(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind, const char *path,
                    const char *name, struct sv_err *err, const char *types, ...)
{
        SV_STMT *row = prepare_row(s, kind, path, name, err);
        int rc = sv_sql_step(s, row, err), n;
        struct sv_sql_value values[SV_SQL_VALUES_MAX];
        uint8_t id[ROW_ID];
        va_list ap;

        va_start(ap, types);
        n = sv_sql_take_values(types, ap, values);
        va_end(ap);
        if (rc < 0 || make_row_id(s, kind, path, name, id, err) < 0)
                return -1;
        return rc == 1 && has_values(row, values, n) ? take_row(s, m, id, path, name, row, err)
                                                     : fail_other(err, kind, path);
}

int sv_macs_drop_row(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind, const char *path,
                     const char *name, struct sv_err *err)
{
        SV_STMT *row = prepare_row(s, kind, path, name, err);
        int rc = sv_sql_step(s, row, err);
        uint8_t id[ROW_ID];

        if (rc < 0 || make_row_id(s, kind, path, name, id, err) < 0)
                return -1;
        return rc == 0 ? take_row(s, m, id, path, name, NULL, err) : fail_other(err, kind, path);
}

int64_t sv_macs_count(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind,
                      const char *path, bool drop, struct sv_err *err)
{
        uint8_t id[ROW_ID];
        struct sv_list *list;
        size_t at, n = 0;
        bool found;

        if (make_row_id(s, kind, path, "", id, err) < 0 || sv_macs_load_list(s, m, id[0], err) < 0)
                return -1;
        list = &m->lists[id[0]];
        at = find_entry(list, id, PATH_ID + 1, &found);
        while ((at + n) * ENTRY < list->entries.n &&
               memcmp(list->entries.p + (at + n) * ENTRY, id, PATH_ID + 1) == 0)
                n++;
        if (drop && n)
                remove_entries(m, list, at, n);
        return (int64_t)n;
}

int sv_macs_check_count(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind,
                        const char *of, const char *path, int64_t n, struct sv_err *err)
{
        int64_t stored;

        if (!((struct sv_sql *)s)->place.key)
                return 0;
        stored = sv_macs_count(s, m, kind, path, false, err);
        if (stored < 0 || stored == n)
                return stored < 0 ? -1 : 0;
        return sv_fail(err, SV_SYSTEM, "broker.store.mac",
                       "%s%s has %lld versions in the database, and this broker stored %lld: "
                       "somebody else put or removed some; take a backup back "
                       "(\"secure-vm-broker restore\")",
                       of, path, (long long)n, (long long)stored);
}

const char *sv_version_name(int64_t version, char name[SV_VERSION_NAME])
{
        snprintf(name, SV_VERSION_NAME, "%lld", (long long)version);
        return name;
}

static int64_t check_rows_of_kind(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind,
                                  struct sv_err *err)
{
        SV_STMT *rows = sv_macs_list_rows(s, kind, err);
        int64_t n = 0;
        int rc;

        for (; (rc = sv_sql_step(s, rows, err)) == 1; n++) {
                SV_STMT *q = NULL;
                const char *path = sv_sql_text(rows, 0);
                const char *name = sv_sql_text(rows, 1);

                if (!path || !name)
                        return fail_stored(err, kinds[kind].word, "no path", "put");
                if (sv_macs_get_row(s, m, kind, path, name, &q, err) < 0)
                        return -1;
        }
        return rc < 0 ? -1 : n;
}

int sv_macs_check_all(struct sv_store *s, struct sv_macs *m, struct sv_err *err)
{
        int64_t entries = 0, rows = 0;

        if (!((struct sv_sql *)s)->place.key)
                return 0;
        for (unsigned i = 0; i < SV_MAC_LISTS; i++) {
                if (sv_macs_load_list(s, m, i, err) < 0)
                        return -1;
                entries += (int64_t)(m->lists[i].entries.n / SV_MAC_ENTRY);
        }
        for (enum sv_row_kind kind = 1; kind < SV_ROW_KINDS; kind++) {
                int64_t n = check_rows_of_kind(s, m, kind, err);

                if (n < 0)
                        return -1;
                rows += n;
        }
        if (rows == entries)
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store.mac",
                       "the database has %lld policies, versions and disks, and this broker stored "
                       "%lld: somebody else removed some; take a backup back "
                       "(\"secure-vm-broker restore\")",
                       (long long)rows, (long long)entries);
}
