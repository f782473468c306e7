/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/head.h"

#include "attest/jose/jose.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/log.h"

#define TYPE "secure-vm-audit-head"

int sv_head_sign(const struct sv_key *key, const struct sv_head *head, struct sv_buf *out,
                 struct sv_err *err)
{
        SV_JSON *header = sv_json_object();
        SV_JSON *j = sv_json_object();
        SV_BUF payload = SV_BUF_NULL;
        char hex[2 * SV_LINK_SIZE + 1];

        sv_json_set_str(header, "typ", TYPE);
        sv_json_set_int(j, "id", head->at.id);
        sv_json_set_str(j, "link", sv_hex(sv_bytes(head->at.link, SV_LINK_SIZE), hex));
        sv_json_set_int(j, "time", head->time);
        if (head->cut)
                sv_json_set_bool(j, "cut", true);
        sv_json_print(j, &payload);
        if (sv_buf_ok(&payload, "a head", err) < 0)
                return -1;
        return sv_jws_sign(key, header, sv_buf_bytes(&payload), out, err);
}

static struct sv_bytes strip_blanks(struct sv_bytes b)
{
        while (b.n && strchr(" \t\r\n", b.p[b.n - 1]))
                b.n--;
        while (b.n && strchr(" \t\r\n", b.p[0]))
                b = sv_bytes(b.p + 1, b.n - 1);
        return b;
}

static int read_head_members(struct sv_bytes payload, struct sv_head *h, struct sv_err *err)
{
        SV_JSON *j = NULL;
        SV_BUF link = SV_BUF_NULL;
        const char *text;

        if (sv_json_parse(payload, "broker.head", &j, err) < 0 ||
            sv_json_need_str(j, "link", &text, "broker.head", err) < 0 ||
            sv_unhex(sv_bytes_str(text), &link, "broker.head.member", err) < 0)
                return -1;
        h->at.id = sv_json_int(sv_json_get(j, "id"), 0);
        h->time = sv_json_int(sv_json_get(j, "time"), 0);
        h->cut = sv_json_bool(sv_json_get(j, "cut"), false);
        if (link.n != SV_LINK_SIZE || h->at.id < 1 || h->time < 1)
                return sv_fail(err, SV_FORMAT, "broker.head.member",
                               "expected id, link and time of an audit record in the head");
        h->at.linked = true;
        memcpy(h->at.link, link.p, SV_LINK_SIZE);
        return 0;
}

int sv_head_read(struct sv_bytes text, const struct sv_key *key, struct sv_head *out,
                 struct sv_err *err)
{
        SV_JWS jws = {0};
        struct sv_head h = {.time = 0};
        const char *type;

        if (sv_jws_parse(strip_blanks(text), &jws, "broker.head", err) < 0)
                return -1;
        type = sv_json_str(sv_json_get(jws.header, "typ"));
        if (!type || strcmp(type, TYPE))
                return sv_fail(err, SV_FORMAT, "broker.head.type",
                               "this is a token of another type than \"" TYPE "\"");
        if (sv_jws_verify(&jws, key, "broker.head", err) < 0 ||
            read_head_members(sv_buf_bytes(&jws.payload), &h, err) < 0)
                return -1;
        *out = h;
        return 0;
}

int sv_head_check_cut(const struct sv_audit_chain *chain, const struct sv_key *key,
                      struct sv_err *err)
{
        struct sv_head h;

        if (!chain->cut_head[0])
                return 0;
        if (sv_head_read(sv_bytes_str(chain->cut_head), key, &h, err) < 0)
                return -1;
        if (h.cut && h.at.id == chain->cut.id &&
            sv_bytes_eq(sv_bytes(h.at.link, SV_LINK_SIZE), sv_bytes(chain->cut.link, SV_LINK_SIZE)))
                return 0;
        return sv_fail(err, SV_PROOF, "broker.audit.cut",
                       "records up to %lld are missing, and the head in their place is for record "
                       "%lld: somebody else took them out",
                       (long long)chain->cut.id, (long long)h.at.id);
}

/* What of the chain is looked at for one head. */
struct look {
        const struct sv_audit_link *at;
        bool found, begun;
        struct sv_audit_chain chain; /* its cut alone */
};

static int look_for_link(void *context, const struct sv_audit_row *row, struct sv_err *err)
{
        struct look *l = context;

        l->found = sv_bytes_eq(sv_bytes(row->link.link, SV_LINK_SIZE),
                               sv_bytes(l->at->link, SV_LINK_SIZE)) &&
                   row->link.linked;
        return 0;
}

/* Ends the walk with the first record that has a link: -1. */
static int take_beginning(void *context, const struct sv_audit_row *row, struct sv_err *err)
{
        struct look *l = context;

        if (!row->link.linked)
                return 0;
        l->begun = true;
        sv_audit_take_cut(row, &l->chain);
        return -1;
}

/* Links have no key: whoever writes to the database can make a chain of their own. The last head
 * says what it must have, unless this broker has taken that out. */
static int check_follows(const struct sv_head *before, const struct sv_key *key,
                         struct sv_store *store, struct sv_err *err)
{
        struct look l = {.at = &before->at};

        if (store->ops->walk_audit(store, before->at.id - 1, before->at.id, look_for_link, &l,
                                   err) < 0)
                return -1;
        if (l.found)
                return 0;
        if (store->ops->walk_audit(store, 0, INT64_MAX, take_beginning, &l, err) < 0 && !l.begun)
                return -1;
        if (l.chain.cut_head[0] && l.chain.cut.id >= before->at.id &&
            sv_head_check_cut(&l.chain, key, NULL) == 0)
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.audit.head",
                       "the audit record has no record %lld with the link of the last head, which "
                       "stays as it is: somebody else wrote to the database; after a restore on "
                       "purpose, move the file of that head away",
                       (long long)before->at.id);
}

int sv_head_write(const char *path, const struct sv_key *key, struct sv_store *store, int64_t now,
                  struct sv_err *err)
{
        struct sv_head head = {.time = now}, before = {.time = 0};
        SV_BUF old = SV_BUF_NULL, text = SV_BUF_NULL;
        int64_t time;

        if (sv_file_read(path, SV_LINE_MAX, &old, "broker.head", NULL) == 0 &&
            sv_head_read(sv_buf_bytes(&old), key, &before, NULL) == 0 &&
            check_follows(&before, key, store, err) < 0)
                return -1;
        if (store->ops->get_newest_audit(store, &head.at, &time, err) < 0)
                return -1;
        if (!head.at.id)
                return 0;
        /* a record that a loss of power took would look as one that somebody took out */
        if (store->ops->sync(store, err) < 0)
                return -1;
        if (sv_head_sign(key, &head, &text, err) < 0)
                return -1;
        sv_buf_puts(&text, "\n");
        if (sv_buf_ok(&text, "a head", err) < 0 ||
            sv_file_write(path, 0644, sv_buf_bytes(&text), err) < 0)
                return -1;
        if (before.at.id != head.at.id)
                sv_info("audit head %s", sv_buf_str(&text));
        return 0;
}
