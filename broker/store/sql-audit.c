/* SPDX-License-Identifier: Apache-2.0 */
/* The audit record. Records are a chain: each has the SHA-256 over the one before it and itself, so
 * that one that is changed, removed or put between is found, and the newest link, once it stands
 * elsewhere, says that all before it are as they were. Records of strangers come and go, and stand
 * beside the chain. */
#include <string.h>

#include "base/crypto/crypto.h"
#include "broker/store/sql.h"

/* What is hashed: a label with its zero byte, the link before (zeros: none), id, time, text. */
static int make_link(const uint8_t before[SV_LINK_SIZE], int64_t id, int64_t time, const char *text,
                     uint8_t out[SV_LINK_SIZE], struct sv_err *err)
{
        static const char label[] = "secure-vm audit 1";
        uint8_t digest[SV_DIGEST_MAX];
        SV_BUF in = SV_BUF_NULL;

        sv_buf_put(&in, sv_bytes(label, sizeof(label)));
        sv_buf_put(&in, sv_bytes(before, SV_LINK_SIZE));
        sv_buf_u64le(&in, (uint64_t)id);
        sv_buf_u64le(&in, (uint64_t)time);
        sv_buf_puts(&in, text);
        if (sv_buf_ok(&in, "an audit record", err) < 0 ||
            sv_digest(SV_SHA256, sv_buf_bytes(&in), digest, err) < 0)
                return -1;
        memcpy(out, digest, SV_LINK_SIZE);
        return 0;
}

static int take_link(struct sv_stmt *q, int column, int64_t id, uint8_t out[SV_LINK_SIZE],
                     struct sv_err *err)
{
        struct sv_bytes link = sv_sql_bytes(q, column);

        if (link.n != SV_LINK_SIZE)
                return sv_fail(err, SV_SYSTEM, "broker.audit.chain",
                               "record %lld has a link of %zu bytes, %d were expected: somebody "
                               "else wrote to the database",
                               (long long)id, link.n, SV_LINK_SIZE);
        memcpy(out, link.p, SV_LINK_SIZE);
        return 0;
}

int sv_sql_get_newest_audit(struct sv_store *s, struct sv_audit_link *out, int64_t *time,
                            struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s,
                                    "SELECT id, link, time FROM audit WHERE link IS NOT NULL "
                                    "ORDER BY id DESC LIMIT 1",
                                    err, "");
        int rc = sv_sql_step(s, q, err);

        *out = (struct sv_audit_link){0};
        *time = 0;
        if (rc != 1)
                return rc;
        out->id = sv_sql_number(q, 0);
        out->linked = true;
        *time = sv_sql_number(q, 2);
        return take_link(q, 1, out->id, out->link, err);
}

static int insert_record(struct sv_store *s, int64_t now, const char *text, bool stranger,
                         int64_t *id, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s,
                                    "INSERT INTO audit (time, record, stranger) VALUES (?, ?, ?) "
                                    "RETURNING id",
                                    err, "isi", now, text, (int64_t)stranger);

        if (sv_sql_step(s, q, err) != 1)
                return -1;
        *id = sv_sql_number(q, 0);
        return sv_sql_step(s, q, err);
}

static int insert_linked(struct sv_store *s, int64_t now, const char *text,
                         struct sv_audit_link *out, struct sv_err *err)
{
        struct sv_audit_link before;
        int64_t time;
        SV_STMT *q = NULL;

        if (sv_sql_get_newest_audit(s, &before, &time, err) < 0 ||
            insert_record(s, now, text, false, &out->id, err) < 0 ||
            make_link(before.link, out->id, now, text, out->link, err) < 0)
                return -1;
        q = sv_sql_prepare(s, "UPDATE audit SET link = ? WHERE id = ?", err, "bi",
                           sv_bytes(out->link, SV_LINK_SIZE), out->id);
        return sv_sql_step(s, q, err);
}

/* One more, and those go that are too many: now and then, since to find them all that are kept are
 * counted. */
static int insert_stranger(struct sv_store *s, int64_t now, const char *text, int64_t max,
                           int64_t *id, struct sv_err *err)
{
        SV_STMT *q = NULL;

        if (insert_record(s, now, text, true, id, err) < 0)
                return -1;
        if (*id % (max / 64 + 1))
                return 0;
        q = sv_sql_prepare(s,
                           "DELETE FROM audit WHERE stranger <> 0 AND id <= (SELECT id FROM "
                           "audit WHERE stranger <> 0 ORDER BY id DESC LIMIT 1 OFFSET ?)",
                           err, "i", max);
        return sv_sql_step(s, q, err);
}

int sv_sql_put_audit(struct sv_store *s, int64_t now, const struct sv_json *record,
                     int64_t strangers, struct sv_audit_link *out, struct sv_err *err)
{
        struct sv_audit_link done = {0};
        SV_BUF text = SV_BUF_NULL;
        int rc;

        sv_json_print(record, &text);
        if (sv_buf_ok(&text, "the audit record", err) < 0 || sv_sql_begin(s, err) < 0)
                return -1;
        rc = strangers ? insert_stranger(s, now, sv_buf_str(&text), strangers, &done.id, err)
                       : insert_linked(s, now, sv_buf_str(&text), &done, err);
        done.linked = !strangers;
        if (sv_sql_end(s, rc, err) < 0)
                return -1;
        *out = done;
        return 0;
}

int sv_sql_list_audit(struct sv_store *s, int64_t after, int64_t max, struct sv_json *list,
                      struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(
                s, "SELECT id, record, link FROM audit WHERE id > ? ORDER BY id LIMIT ?", err, "ii",
                after, max);
        int rc;

        while ((rc = sv_sql_step(s, q, err)) == 1) {
                struct sv_audit_link link = {.id = sv_sql_number(q, 0)};
                struct sv_json *record = NULL;

                link.linked = !sv_sql_is_null(q, 2);
                if (link.linked && take_link(q, 2, link.id, link.link, err) < 0)
                        return -1;

                if (sv_json_parse(sv_bytes_str(sv_sql_text(q, 1)), "broker.audit", &record, err) <
                    0)
                        return -1;
                sv_audit_note_link(record, &link);
                sv_json_add(list, record);
        }
        return rc;
}

static int take_audit_row(struct sv_stmt *q, struct sv_audit_row *row, struct sv_err *err)
{
        *row = (struct sv_audit_row){
                .link = {.id = sv_sql_number(q, 0), .linked = !sv_sql_is_null(q, 4)},
                .time = sv_sql_number(q, 1),
                .text = sv_sql_text(q, 2),
                .stranger = sv_sql_number(q, 3) != 0};
        if (!row->text)
                row->text = "";
        return row->link.linked ? take_link(q, 4, row->link.id, row->link.link, err) : 0;
}

/* A page at a time, since a server's client has the whole of what was asked for in memory. */
int sv_sql_walk_audit(struct sv_store *s, int64_t after, int64_t through,
                      int (*each)(void *context, const struct sv_audit_row *row,
                                  struct sv_err *err),
                      void *context, struct sv_err *err)
{
        for (;;) {
                SV_STMT *q = sv_sql_prepare(
                        s,
                        "SELECT id, time, record, stranger, link FROM audit WHERE id > ? AND id <= "
                        "? ORDER BY id LIMIT ?",
                        err, "iii", after, through, (int64_t)SV_SQL_PAGE);
                struct sv_audit_row row;
                int n = 0, rc;

                while ((rc = sv_sql_step(s, q, err)) == 1) {
                        if (take_audit_row(q, &row, err) < 0 || each(context, &row, err) < 0)
                                return -1;
                        after = row.link.id;
                        n++;
                }
                if (rc < 0 || n < SV_SQL_PAGE)
                        return rc;
        }
}

static int remove_before(struct sv_store *s, const struct sv_audit_link *at, const char *text,
                         int64_t *removed, struct sv_err *err)
{
        SV_STMT *mark = sv_sql_prepare(s, "UPDATE audit SET record = ? WHERE id = ? AND link = ?",
                                       err, "sib", text, at->id, sv_bytes(at->link, SV_LINK_SIZE));
        SV_STMT *q = NULL;

        if (sv_sql_step(s, mark, err) < 0)
                return -1;
        if (sv_sql_changes(s) != 1)
                return sv_fail(err, SV_USAGE, "broker.audit.cut",
                               "there is no record %lld with that link", (long long)at->id);
        q = sv_sql_prepare(s, "DELETE FROM audit WHERE id < ?", err, "i", at->id);
        if (sv_sql_step(s, q, err) < 0)
                return -1;
        *removed = sv_sql_changes(s);
        return 0;
}

int sv_sql_cut_audit(struct sv_store *s, const struct sv_audit_link *at, const char *text,
                     int64_t *removed, struct sv_err *err)
{
        if (sv_sql_begin(s, err) < 0)
                return -1;
        return sv_sql_end(s, remove_before(s, at, text, removed, err), err);
}

static int fail_record(int64_t id, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "broker.audit.chain",
                       "record %lld does not follow the one before it: it, or one before it, was "
                       "changed, removed or put there by somebody else; compare with audit_log",
                       (long long)id);
}

/* One record of the walk: those from before there was a chain come first, and strangers' have no
 * link at any place. A cut is where the chain begins; the caller verifies its head. */
static int follow_chain(const struct sv_audit_row *row, struct sv_audit_chain *c,
                        struct sv_err *err)
{
        uint8_t expected[SV_LINK_SIZE];

        if (!row->link.linked) {
                if (row->stranger)
                        c->strangers++;
                else if (c->linked)
                        return fail_record(row->link.id, err);
                else
                        c->older++;
                return 0;
        }
        if (!c->linked && !c->older && !c->cut.id && sv_audit_take_cut(row, c)) {
                c->newest = c->cut;
                return 0;
        }
        if (make_link(c->newest.link, row->link.id, row->time, row->text, expected, err) < 0)
                return -1;
        if (row->stranger ||
            !sv_bytes_eq(sv_bytes(row->link.link, SV_LINK_SIZE), sv_bytes(expected, SV_LINK_SIZE)))
                return fail_record(row->link.id, err);
        c->newest = row->link;
        c->linked++;
        return 0;
}

static int check_known(const struct sv_audit_link *known, struct sv_audit_chain *c,
                       struct sv_err *err)
{
        if (!known || known->id != c->newest.id)
                return 0;
        c->known = true;
        return sv_bytes_eq(sv_bytes(known->link, SV_LINK_SIZE),
                           sv_bytes(c->newest.link, SV_LINK_SIZE))
                       ? 0
                       : sv_fail(err, SV_SYSTEM, "broker.audit.head",
                                 "record %lld has another link than the one that is known: the "
                                 "records up to it are not those that were",
                                 (long long)known->id);
}

struct chain_check {
        const struct sv_audit_link *known;
        struct sv_audit_chain chain;
};

static int check_next_record(void *context, const struct sv_audit_row *row, struct sv_err *err)
{
        struct chain_check *c = context;

        return follow_chain(row, &c->chain, err) < 0 ? -1 : check_known(c->known, &c->chain, err);
}

/* All pages are of one moment: a cut in between would break the chain. */
static int check_pages(struct sv_store *s, struct chain_check *c, struct sv_err *err)
{
        struct sv_sql *self = (struct sv_sql *)s;
        bool inner = self->driver->is_open(self);
        int rc;

        if (!inner && sv_sql_begin_read(s, err) < 0)
                return -1;
        rc = sv_sql_walk_audit(s, INT64_MIN, INT64_MAX, check_next_record, c, err);
        if (!inner)
                self->driver->exec(self, "ROLLBACK");
        return rc;
}

int sv_sql_check_audit(struct sv_store *s, const struct sv_audit_link *known,
                       struct sv_audit_chain *out, struct sv_err *err)
{
        struct chain_check c = {.known = known};

        if (check_pages(s, &c, err) < 0)
                return -1;
        if (known && !c.chain.known)
                return sv_fail(err, SV_SYSTEM, "broker.audit.head",
                               "there is no record %lld, whose link is known: records are missing, "
                               "the newest has number %lld",
                               (long long)known->id, (long long)c.chain.newest.id);
        *out = c.chain;
        return 0;
}
