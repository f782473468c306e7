/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the whole, and the transactions that read and change it. */
#include <stdlib.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "broker/store/sql-mac.h"

int sv_macs_make(struct sv_store *s, const struct sv_buf *in, uint8_t out[SV_MAC_SIZE],
                 struct sv_err *err)
{
        struct sv_secret *key = ((struct sv_sql *)s)->place.key;
        uint8_t mac[SV_DIGEST_MAX];

        if (sv_buf_ok(in, "what a MAC is over", err) < 0 ||
            sv_hmac(SV_SHA256, sv_bytes(sv_secret_reveal(key), sv_secret_size(key)),
                    sv_buf_bytes(in), mac, err) < 0)
                return -1;
        memcpy(out, mac, SV_MAC_SIZE);
        return 0;
}

static int fail_state(struct sv_err *err, const char *what)
{
        return sv_fail(
                err, SV_SYSTEM, "broker.store.state",
                "the database is not what this broker left under its kek (%s): somebody else "
                "wrote to it, or it goes with another kek; restore both together, or take a "
                "backup back (\"secure-vm-broker restore\")",
                what);
}

/* An empty list has the digest zero, so that a new database has nothing to write. */
static int make_digest(struct sv_store *s, struct sv_bytes entries, uint8_t digest[SV_MAC_SIZE],
                       struct sv_err *err)
{
        SV_BUF in = SV_BUF_NULL;

        memset(digest, 0, SV_MAC_SIZE);
        if (!entries.n)
                return 0;
        sv_buf_u8(&in, SV_LABEL_LIST);
        sv_buf_put(&in, entries);
        return sv_macs_make(s, &in, digest, err);
}

int sv_macs_load_list(struct sv_store *s, struct sv_macs *m, unsigned i, struct sv_err *err)
{
        struct sv_list *list = &m->lists[i];
        SV_STMT *q = NULL;
        uint8_t digest[SV_MAC_SIZE];
        int rc;

        if (list->loaded)
                return 0;
        q = sv_sql_prepare(s, "SELECT list FROM macs WHERE id = ?", err, "i", (int64_t)i);
        rc = sv_sql_step(s, q, err);
        if (rc < 0)
                return -1;
        if (rc == 1)
                sv_buf_put(&list->entries, sv_sql_bytes(q, 0));
        if (sv_buf_ok(&list->entries, "a list of MACs", err) < 0 ||
            make_digest(s, sv_buf_bytes(&list->entries), digest, err) < 0)
                return -1;
        if (list->entries.n % SV_MAC_ENTRY ||
            !sv_bytes_eq(sv_bytes(digest, SV_MAC_SIZE), sv_bytes(m->digests[i], SV_MAC_SIZE)))
                return fail_state(err, "one of its lists of MACs");
        list->loaded = true;
        return 0;
}

static int make_state_mac(struct sv_store *s, struct sv_macs *m, uint8_t mac[SV_MAC_SIZE],
                          struct sv_err *err)
{
        SV_BUF in = SV_BUF_NULL;

        sv_buf_u8(&in, SV_LABEL_STATE);
        sv_buf_u64le(&in, (uint64_t)m->serial);
        sv_buf_put(&in, sv_bytes(m->digests, sizeof(m->digests)));
        return sv_macs_make(s, &in, mac, err);
}

/* The last state of which the MAC held, for as long as the database says the same: each request
 * reads it several times. */
struct sv_seen_state {
        int64_t serial;
        uint8_t digests[SV_MAC_LISTS][SV_MAC_SIZE];
        uint8_t mac[SV_MAC_SIZE];
};

static bool has_seen_state(const struct sv_seen_state *seen, const struct sv_macs *m)
{
        return seen && seen->serial == m->serial &&
               sv_bytes_eq(sv_bytes(seen->digests, sizeof(seen->digests)),
                           sv_bytes(m->digests, sizeof(m->digests)));
}

static void keep_seen_state(struct sv_sql *s, const struct sv_macs *m)
{
        if (!s->seen)
                s->seen = calloc(1, sizeof(*s->seen));
        if (!s->seen)
                return;
        s->seen->serial = m->serial;
        memcpy(s->seen->digests, m->digests, sizeof(m->digests));
        memcpy(s->seen->mac, m->mac, SV_MAC_SIZE);
}

static int read_state(struct sv_store *s, struct sv_macs *m, struct sv_err *err)
{
        SV_STMT *q =
                sv_sql_prepare(s, "SELECT serial, digests, mac FROM state WHERE id = 0", err, "");
        struct sv_sql *self = (struct sv_sql *)s;
        int rc = sv_sql_step(s, q, err);
        struct sv_bytes digests, mac;

        if (rc < 0)
                return -1;
        if (rc == 0)
                return fail_state(err, "its state is not there");
        m->serial = sv_sql_number(q, 0);
        digests = sv_sql_bytes(q, 1);
        mac = sv_sql_bytes(q, 2);
        if (digests.n != sizeof(m->digests) || m->serial < 1)
                return fail_state(err, "its state");
        memcpy(m->digests, digests.p, sizeof(m->digests));
        if (has_seen_state(self->seen, m))
                memcpy(m->mac, self->seen->mac, SV_MAC_SIZE);
        else if (make_state_mac(s, m, m->mac, err) < 0)
                return -1;
        if (!sv_bytes_eq(mac, sv_bytes(m->mac, SV_MAC_SIZE)))
                return fail_state(err, "its state");
        keep_seen_state(self, m);
        return 0;
}

/* Of two states with one number only one was the newest: the other was left by a process that was
 * killed before it wrote the serial, and put back. */
static int check_serial(struct sv_store *s, const struct sv_macs *m, struct sv_err *err)
{
        const struct sv_store_place *place = &((struct sv_sql *)s)->place;

        if (!place->serial)
                return 0;
        if (m->outside.number < 0)
                return sv_fail(err, SV_SYSTEM, "broker.store.serial",
                               "%s is not there, so it can not be told whether the database is the "
                               "newest; when it is: \"secure-vm-broker restore --from %s\"",
                               place->serial, place->path);
        if (m->serial > m->outside.number ||
            (m->serial == m->outside.number &&
             sv_bytes_eq(sv_bytes(m->mac, SV_MAC_SIZE), sv_bytes(m->outside.mac, SV_MAC_SIZE))))
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store.rollback",
                       "the database is at change %lld, and was at change %lld (%s): it is an "
                       "older one, put back; take the right one, or accept this one by "
                       "\"secure-vm-broker restore --from %s\"",
                       (long long)m->serial, (long long)m->outside.number, place->serial,
                       place->path);
}

void sv_macs_free(struct sv_macs *m)
{
        for (unsigned i = 0; i < SV_MAC_LISTS; i++)
                sv_buf_free(&m->lists[i].entries);
        if (m->lock > 0)
                close(m->lock);
        m->lock = 0;
}

static int read_serial(struct sv_store *s, struct sv_macs *m, struct sv_err *err)
{
        const struct sv_sql *self = (struct sv_sql *)s;
        const struct sv_store_place *place = &self->place;

        return place->key && place->serial ? sv_serial_read(place->serial, &m->outside, err) : 0;
}

/* For want of memory the last one may not have ended. */
static void end_leftover(struct sv_store *s)
{
        const struct sv_sql *self = (struct sv_sql *)s;

        if (!self->held.open && self->driver->is_open(self))
                sv_sql_exec(s, "ROLLBACK", NULL);
}

static int check_own_state(struct sv_store *s, struct sv_macs *m, struct sv_err *err)
{
        if (!((struct sv_sql *)s)->place.key)
                return 0;
        if (read_state(s, m, err) < 0)
                return -1;
        return check_serial(s, m, err);
}

/* In a transaction that is open what is read is of one moment. Else the serial is read before the
 * database: what is committed in between only makes that newer. */
int sv_macs_begin_read(struct sv_store *s, struct sv_macs *m, struct sv_err *err)
{
        m->inner = ((struct sv_sql *)s)->held.open;
        end_leftover(s);
        if (read_serial(s, m, err) < 0)
                return -1;
        if (!m->inner && sv_sql_begin_read(s, err) < 0)
                return -1;
        if (check_own_state(s, m, err) == 0)
                return 0;
        if (!m->inner)
                sv_sql_exec(s, "ROLLBACK", NULL);
        return -1;
}

/* Also what another process, or another broker, has committed. What is held has its serial after
 * it. */
static int write_serial(struct sv_store *s, const struct sv_macs *m, struct sv_err *err)
{
        struct sv_sql *self = (struct sv_sql *)s;
        struct sv_serial now = {.number = m->serial};

        if (!self->place.serial || m->outside.number == m->serial)
                return 0;
        memcpy(now.mac, m->mac, SV_MAC_SIZE);
        if (!self->held.on)
                return sv_serial_write(self->place.serial, &now, err);
        self->held.serial = now;
        return 0;
}

/* What was seen within a request that goes on is remembered: no older one is believed here again.
 */
int sv_macs_end_read(struct sv_store *s, struct sv_macs *m, int rc)
{
        if (!m->inner)
                sv_sql_exec(s, "COMMIT", NULL);
        else if (rc == 0 && ((struct sv_sql *)s)->place.key)
                rc = write_serial(s, m, NULL);
        sv_macs_free(m);
        return rc;
}

/* The lock is there first, so that the serial is the newest. */
static int begin_change(struct sv_store *s, struct sv_macs *m, struct sv_err *err)
{
        end_leftover(s);
        if (sv_sql_begin(s, err) < 0)
                return -1;
        return read_serial(s, m, err) == 0 && check_own_state(s, m, err) == 0
                       ? 0
                       : sv_sql_end(s, -1, err);
}

int sv_macs_begin_change(struct sv_store *s, struct sv_macs *m, struct sv_err *err)
{
        const struct sv_sql *self = (struct sv_sql *)s;

        if (self->place.lock && !self->held.on &&
            (m->lock = sv_serial_lock(self->place.lock, err)) < 0)
                return -1;
        if (begin_change(s, m, err) == 0)
                return 0;
        sv_macs_free(m);
        return -1;
}

static int write_list(struct sv_store *s, struct sv_macs *m, unsigned i, struct sv_err *err)
{
        struct sv_bytes entries = sv_buf_bytes(&m->lists[i].entries);
        SV_STMT *q = sv_sql_prepare(s,
                                    "INSERT INTO macs (id, list) VALUES (?, ?) ON "
                                    "CONFLICT (id) DO UPDATE SET list = excluded.list",
                                    err, "ib", (int64_t)i, entries);

        if (sv_sql_step(s, q, err) < 0)
                return -1;
        return make_digest(s, entries, m->digests[i], err);
}

int sv_macs_write(struct sv_store *s, struct sv_macs *m, struct sv_err *err)
{
        SV_STMT *q = NULL;

        for (unsigned i = 0; i < SV_MAC_LISTS; i++)
                if (m->lists[i].changed && write_list(s, m, i, err) < 0)
                        return -1;
        m->serial++;
        if (make_state_mac(s, m, m->mac, err) < 0)
                return -1;
        q = sv_sql_prepare(
                s,
                "INSERT INTO state (id, serial, digests, mac) VALUES (0, ?, ?, ?) ON CONFLICT (id) "
                "DO UPDATE SET serial = excluded.serial, digests = excluded.digests, mac = "
                "excluded.mac",
                err, "ibb", m->serial, sv_bytes(m->digests, sizeof(m->digests)),
                sv_bytes(m->mac, SV_MAC_SIZE));
        return sv_sql_step(s, q, err);
}

int sv_macs_end_change(struct sv_store *s, struct sv_macs *m, int rc, struct sv_err *err)
{
        if (rc == 0 && m->changed)
                rc = sv_macs_write(s, m, err);
        rc = sv_sql_end(s, rc, err);
        if (rc == 0)
                rc = write_serial(s, m, err);
        sv_macs_free(m);
        return rc;
}
