/* SPDX-License-Identifier: Apache-2.0 */
/* "audit export" and "audit cut": records as lines of JSON,
 *      {"id":7,"time":1769860800,"link":"<hex>","record":"<the text that the link is over>"}
 * the oldest first, strangers' without a link, and as the last line {"head":"<a signed head>"}: a
 * file without it is cut short. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "broker/cmd-audit.h"
#include "broker/head.h"

#define PIECE (64u << 10) /* bytes that are written at a time */
#define DAY   86400

const struct sv_opt sv_audit_export_opts[] = {
        {"config", "FILE", "the broker's configuration (made by init)", 'c', false},
        {"after", "ID", "only records with a higher id", 0, false},
        {"out", "FILE", "a new file; standard output unless given", 0, false},
        {NULL, NULL, NULL, 0, false},
};

const struct sv_opt sv_audit_cut_opts[] = {
        {"config", "FILE", "the broker's configuration (made by init)", 'c', false},
        {"older", "DAYS", "take out what is older than so many days", 0, false},
        {"through", "ID", "or what is up to that record", 0, false},
        {"out", "FILE", "a new file, which gets what is taken out", 0, false},
        {NULL, NULL, NULL, 0, false},
};

struct export
{
        int fd;
        const char *name;
        struct sv_buf lines;
        int64_t n;
        struct sv_audit_link newest; /* of the chain */
};

static void end_export(struct export *e)
{
        sv_buf_free(&e->lines);
        if (e->fd > STDERR_FILENO)
                close(e->fd);
}

static int flush_lines(struct export *e, size_t least, struct sv_err *err)
{
        if (e->lines.n < least)
                return 0;
        if (sv_buf_ok(&e->lines, "the records", err) < 0 ||
            sv_fd_write(e->fd, e->name, sv_buf_bytes(&e->lines), err) < 0)
                return -1;
        sv_buf_clear(&e->lines);
        return 0;
}

static int export_row(void *context, const struct sv_audit_row *row, struct sv_err *err)
{
        struct export *e = context;
        SV_JSON *j = sv_json_object();
        char hex[2 * SV_LINK_SIZE + 1];

        sv_json_set_int(j, "id", row->link.id);
        sv_json_set_int(j, "time", row->time);
        if (row->link.linked) {
                sv_json_set_str(j, "link", sv_hex(sv_bytes(row->link.link, SV_LINK_SIZE), hex));
                e->newest = row->link;
        }
        sv_json_set_str(j, "record", row->text);
        sv_json_print(j, &e->lines);
        sv_buf_puts(&e->lines, "\n");
        e->n++;
        return flush_lines(e, PIECE, err);
}

/* A file that is there stays. */
static int open_export(struct export *e, const char *path, struct sv_err *err)
{
        e->name = path ? path : "standard output";
        e->fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : STDOUT_FILENO;
        return e->fd < 0 ? sv_fail_errno(err, "file.write", "cannot make %s", path) : 0;
}

static int sign_export(struct export *e, const struct sv_key *key, bool cut, struct sv_buf *head,
                       struct sv_err *err)
{
        const struct sv_head h = {.at = e->newest, .time = time(NULL), .cut = cut};

        if (!e->newest.id)
                return 0; /* of a record that is empty there is no head */
        return sv_head_sign(key, &h, head, err);
}

static int write_all_lines(struct export *e, struct sv_broker *b, int64_t after, int64_t through,
                           bool cut, struct sv_buf *head, struct sv_err *err)
{
        if (b->store->ops->walk_audit(b->store, after, through, export_row, e, err) < 0 ||
            sign_export(e, b->token_key, cut, head, err) < 0)
                return -1;
        if (head->n)
                sv_buf_printf(&e->lines, "{\"head\":\"%s\"}\n", sv_buf_str(head));
        if (flush_lines(e, 0, err) < 0)
                return -1;
        if (e->fd != STDOUT_FILENO && (fsync(e->fd) < 0 || sv_folder_sync(e->name) < 0))
                return sv_fail_errno(err, "file.write", "%s", e->name);
        return 0;
}

/* With its keys, and only after its records follow each other. */
static int open_whole(const struct sv_args *args, struct sv_broker *b, struct sv_audit_chain *chain,
                      struct sv_err *err)
{
        const char *config;

        if (sv_need_option(args, "config", &config, err) < 0 ||
            sv_broker_open(config, b, err) < 0 || sv_broker_enter(b, err) < 0 ||
            b->store->ops->check_audit(b->store, NULL, chain, err) < 0)
                return -1;
        return sv_head_check_cut(chain, b->token_key, err);
}

int sv_run_audit_export(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_BROKER b = {.audit_fd = -1};
        __attribute__((cleanup(end_export))) struct export e = {.fd = -1};
        struct sv_audit_chain chain;
        SV_BUF head = SV_BUF_NULL;
        uint64_t after = 0;

        if (sv_has(args, "json") && !sv_opt(args, "out"))
                return sv_fail(err, SV_USAGE, "cli.option",
                               "--json needs --out: the records are lines of JSON themselves");
        if (sv_opt(args, "after") &&
            sv_parse_u64(sv_opt(args, "after"), INT64_MAX, &after, "cli.option", err) < 0)
                return -1;
        if (open_whole(args, &b, &chain, err) < 0 ||
            open_export(&e, sv_opt(args, "out"), err) < 0 ||
            write_all_lines(&e, &b, (int64_t)after, INT64_MAX, false, &head, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_int(*result, "records", e.n);
        return 0;
}

/* --- cut --- */

struct limit {
        int64_t time, id;           /* up to which */
        struct sv_audit_link found; /* id 0: none */
        int64_t newest;             /* which stays, whatever was asked */
};

static int find_limit(void *context, const struct sv_audit_row *row, struct sv_err *err)
{
        struct limit *l = context;

        if (row->link.linked && row->time <= l->time && row->link.id <= l->id &&
            row->link.id < l->newest)
                l->found = row->link;
        return 0;
}

static int parse_limit(const struct sv_args *args, struct limit *l, struct sv_err *err)
{
        const char *older = sv_opt(args, "older"), *through = sv_opt(args, "through");
        uint64_t n = 0;

        if (!older == !through)
                return sv_fail(err, SV_USAGE, "cli.option", "--older or --through is needed");
        if (sv_parse_u64(older ? older : through, INT64_MAX / DAY, &n, "cli.option", err) < 0)
                return -1;
        l->time = older ? time(NULL) - (int64_t)n * DAY : INT64_MAX;
        l->id = older ? INT64_MAX : (int64_t)n;
        return 0;
}

static int find_cut(const struct sv_audit_chain *chain, struct sv_broker *b, struct limit *l,
                    struct sv_err *err)
{
        l->newest = chain->newest.id;
        if (b->store->ops->walk_audit(b->store, chain->cut.id, INT64_MAX, find_limit, l, err) < 0)
                return -1;
        return l->found.id ? 0
                           : sv_fail(err, SV_USAGE, "broker.audit.cut",
                                     "no record is that old, so nothing is taken out; the newest "
                                     "always stays");
}

/* What is in the record from now on at that place, and what was done. */
static int take_out(struct sv_broker *b, const struct sv_audit_link *at, const char *head,
                    int64_t *removed, struct sv_err *err)
{
        struct sv_store *store = b->store;
        SV_JSON *mark = sv_json_object();
        SV_JSON *j = sv_json_object();
        SV_BUF text = SV_BUF_NULL, line = SV_BUF_NULL;
        char when[32];

        sv_json_set_str(mark, "time", sv_format_time(time(NULL), when));
        sv_json_set_str(mark, "action", "cut");
        sv_json_set_str(mark, "outcome", "done");
        sv_json_set_str(mark, "head", head);
        sv_json_print(mark, &text);
        if (sv_buf_ok(&text, "the record", err) < 0 ||
            store->ops->cut_audit(store, at, sv_buf_str(&text), removed, err) < 0)
                return -1;
        sv_json_set_str(j, "action", "audit-cut");
        sv_json_set_str(j, "outcome", "done");
        sv_json_set_int(j, "through", at->id);
        sv_json_set_int(j, "removed", *removed);
        return sv_broker_record(b, store, j, &line, err);
}

/* First all is in the file, then it is taken out, and that is recorded: together, or not at all. */
static int cut_records(struct sv_broker *b, const struct sv_audit_link *at, const char *head,
                       int64_t *removed, struct sv_err *err)
{
        struct sv_store *store = b->store;

        if (store->ops->hold(store, true, err) < 0)
                return -1;
        if (take_out(b, at, head, removed, err) < 0) {
                store->ops->settle(store, false, NULL);
                return -1;
        }
        return store->ops->settle(store, true, err);
}

int sv_run_audit_cut(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_BROKER b = {.audit_fd = -1};
        __attribute__((cleanup(end_export))) struct export e = {.fd = -1};
        struct limit l = {.time = 0};
        struct sv_audit_chain chain;
        SV_BUF head = SV_BUF_NULL;
        const char *out;
        int64_t removed = 0;

        if (sv_need_option(args, "out", &out, err) < 0 || parse_limit(args, &l, err) < 0 ||
            open_whole(args, &b, &chain, err) < 0 || find_cut(&chain, &b, &l, err) < 0 ||
            open_export(&e, out, err) < 0 ||
            write_all_lines(&e, &b, 0, l.found.id, true, &head, err) < 0 ||
            cut_records(&b, &l.found, sv_buf_str(&head), &removed, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "out", out);
        sv_json_set_int(*result, "through", l.found.id);
        sv_json_set_int(*result, "removed", removed);
        if (!sv_has(args, "json"))
                printf("%lld records up to %lld are in %s, and no longer in the database\n",
                       (long long)e.n, (long long)l.found.id, out);
        return 0;
}
