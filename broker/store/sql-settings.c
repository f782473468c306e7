/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of resources. A release that is counted is counted in the transaction that has its
 * record, before it is answered: a process that is killed may have counted one that nobody got, and
 * never the other way round. */
#include "broker/store/sql-settings.h"

#include <stdio.h>

int sv_settings_read(struct sv_store *s, struct sv_macs *m, const char *path,
                     struct sv_settings *out, struct sv_err *err)
{
        SV_STMT *q = NULL;
        int rc = sv_macs_get_row(s, m, SV_ROW_SETTINGS, path, "", &q, err);
        const char *labels;
        struct sv_bytes takers;

        memset(out, 0, sizeof(*out));
        if (rc <= 0)
                return rc;
        labels = sv_sql_text(q, 0);
        if (!labels)
                return sv_sql_fail(s, "cannot read the labels of a resource", err);
        snprintf(out->labels, sizeof(out->labels), "%s", labels);
        out->most = sv_sql_number(q, 1);
        out->released = sv_sql_number(q, 2);
        out->bytes = sv_sql_number(q, 3);
        takers = sv_sql_bytes(q, 4);
        out->n_takers = takers.n / SV_TAKER_SIZE;
        if (out->n_takers > SV_TAKERS_MAX)
                out->n_takers = SV_TAKERS_MAX;
        if (out->n_takers)
                memcpy(out->takers, takers.p, out->n_takers * SV_TAKER_SIZE);
        return 1;
}

int sv_settings_drop(struct sv_store *s, struct sv_macs *m, const char *path, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, "DELETE FROM settings WHERE path = ?", err, "s", path);

        return sv_sql_step(s, q, err) < 0 ? -1
                                          : sv_macs_drop_row(s, m, SV_ROW_SETTINGS, path, "", err);
}

static int write_settings(struct sv_store *s, struct sv_macs *m, const char *path,
                          const struct sv_settings *in, struct sv_err *err)
{
        const struct sv_bytes takers = sv_bytes(in->takers, in->n_takers * SV_TAKER_SIZE);
        SV_STMT *q = NULL;

        if (!in->labels[0] && !in->most && !in->bytes)
                return sv_settings_drop(s, m, path, err);
        q = sv_sql_prepare(
                s,
                "INSERT INTO settings (path, labels, most, released, bytes, takers) VALUES (?, ?, "
                "?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET labels = excluded.labels, most = "
                "excluded.most, released = excluded.released, bytes = excluded.bytes, takers = "
                "excluded.takers",
                err, "ssiiib", path, in->labels, in->most, in->released, in->bytes, takers);

        if (sv_sql_step(s, q, err) < 0)
                return -1;
        return sv_macs_put_row(s, m, SV_ROW_SETTINGS, path, "", err, "siiib", in->labels, in->most,
                               in->released, in->bytes, takers);
}

int sv_sql_get_settings(struct sv_store *s, const char *path, struct sv_settings *out,
                        struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};
        int rc;

        if (sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        rc = sv_settings_read(s, &m, path, out, err);
        return sv_macs_end_read(s, &m, rc < 0 ? -1 : 0);
}

int sv_sql_put_settings(struct sv_store *s, const char *path, const struct sv_settings *in,
                        struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        return sv_macs_end_change(s, &m, write_settings(s, &m, path, in, err), err);
}

static bool has_taken(const struct sv_settings *is, const uint8_t taker[SV_TAKER_SIZE])
{
        for (size_t i = 0; i < is->n_takers; i++)
                if (sv_bytes_eq(sv_bytes(is->takers[i], SV_TAKER_SIZE),
                                sv_bytes(taker, SV_TAKER_SIZE)))
                        return true;
        return false;
}

static void add_taker(struct sv_settings *is, const uint8_t taker[SV_TAKER_SIZE])
{
        if (is->n_takers < SV_TAKERS_MAX)
                is->n_takers++;
        memmove(is->takers[1], is->takers[0], (is->n_takers - 1) * SV_TAKER_SIZE);
        memcpy(is->takers[0], taker, SV_TAKER_SIZE);
}

static int count_one_release(struct sv_store *s, struct sv_macs *m, const char *path,
                             const uint8_t taker[SV_TAKER_SIZE], struct sv_settings *is,
                             struct sv_err *err)
{
        int rc = sv_settings_read(s, m, path, is, err);

        if (rc <= 0 || !is->most || has_taken(is, taker))
                return rc < 0 ? -1 : 0;
        if (is->released >= is->most)
                return sv_fail(err, SV_POLICY, "broker.release.spent",
                               "the resource was released as often as it may be (%lld); its "
                               "administrator may let it be released again: \"key set "
                               "--releases\"",
                               (long long)is->most);
        is->released++;
        add_taker(is, taker);
        return write_settings(s, m, path, is, err);
}

int sv_sql_count_release(struct sv_store *s, const char *path, const uint8_t taker[SV_TAKER_SIZE],
                         struct sv_settings *out, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        return sv_macs_end_change(s, &m, count_one_release(s, &m, path, taker, out, err), err);
}

static int list_counted(struct sv_store *s, struct sv_json *paths, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(
                s, "SELECT path FROM settings WHERE most > 0 AND released < most", err, "");
        int rc;

        while ((rc = sv_sql_step(s, q, err)) == 1)
                sv_json_add(paths, sv_json_new_str(sv_sql_text(q, 0)));
        return rc < 0 ? -1 : sv_json_ok(err);
}

static int spend_all(struct sv_store *s, struct sv_macs *m, struct sv_err *err)
{
        SV_JSON *paths = sv_json_array();

        if (list_counted(s, paths, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(paths); i++) {
                const char *path = sv_json_str(sv_json_at(paths, i));
                struct sv_settings is;

                if (sv_settings_read(s, m, path, &is, err) < 0)
                        return -1;
                is.released = is.most;
                is.n_takers = 0;
                if (write_settings(s, m, path, &is, err) < 0)
                        return -1;
        }
        return 0;
}

int sv_settings_spend(struct sv_store *s, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        return sv_macs_end_change(s, &m, spend_all(s, &m, err), err);
}
