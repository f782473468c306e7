/* SPDX-License-Identifier: Apache-2.0 */
/* Two persons for a change of what the configuration marks ("two_persons"). One administrator asks
 * for it as for any other; it is tried, taken back, and kept with its signature. Another of the
 * same role has the same bytes done.
 *
 *      GET  /secure-vm/v0/pending           those that the asking one may see
 *      GET  /secure-vm/v0/pending?id=ID     one, with the text of what is no secret
 *      POST /secure-vm/v0/approve?id=ID
 *      POST /secure-vm/v0/reject?id=ID
 *
 * What is kept is sealed, and the signature is looked at again when it is done: who writes the
 * database can neither read it nor make one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "broker/serve/request.h"

/* What was asked for, as it was. */
struct change {
        struct sv_pending row;
        struct sv_json *head;
        struct sv_http_msg msg;
};

static void free_kept(struct change *c)
{
        sv_pending_free(&c->row);
        sv_json_free(c->head);
        sv_http_msg_free(&c->msg);
}
#define CHANGE __attribute__((cleanup(free_kept))) struct change

static const char *const conditions[] = {"If-Match", "If-None-Match", NULL};

/* A row's own words for what it seals: head and body are not taken for each other's, nor for
 * another row's. */
static char *name_sealed_part(const char *id, const char *part)
{
        return sv_asprintf("pending %s %s", id, part);
}

/* --- keeping --- */

static bool is_below(const struct sv_request *r, const char *route)
{
        return !strncmp(r->msg->target, route, strlen(route));
}

/* "All versions but 2" is about those that were there: one that comes while it waits, which may be
 * the only key of a disk by then, was meant by nobody. */
static bool removes_keys(const struct sv_request *r)
{
        return !strcmp(r->msg->method, "DELETE") && is_below(r, "/kbs/v0/resource/");
}

/* Who reads it beside the policy that is there agrees to the difference. */
static bool changes_policy(const struct sv_request *r)
{
        return is_below(r, "/secure-vm/v0/policy/");
}

static void print_kept_head(const struct sv_request *r, struct sv_buf *out)
{
        SV_JSON *j = sv_json_object();

        sv_json_set_str(j, "method", r->msg->method);
        sv_json_set_str(j, "target", r->msg->target);
        sv_json_set_str(j, "token", sv_request_bearer(r));
        sv_json_set_str(j, "person", r->admin->name);
        sv_json_set_int(j, "time", r->now);
        for (size_t i = 0; conditions[i]; i++)
                if (sv_http_field(r->msg, conditions[i]))
                        sv_json_set_str(j, conditions[i], sv_http_field(r->msg, conditions[i]));
        if (removes_keys(r) || changes_policy(r)) {
                SV_STR tag = sv_asprintf("\"%s\"", r->seen);

                sv_json_set_str(j, *r->seen ? "If-Match" : "If-None-Match", *r->seen ? tag : "*");
        }
        sv_json_print(j, out);
}

int sv_pending_note_state(struct sv_request *r, struct sv_err *err)
{
        return removes_keys(r)     ? sv_request_read_tag(r, r->seen, err)
               : changes_policy(r) ? sv_request_read_policy_tag(r, r->seen, err)
                                   : 0;
}

static int seal_change(const struct sv_request *r, struct sv_pending *p, struct sv_err *err)
{
        SV_STR head_name = name_sealed_part(p->id, "head");
        SV_STR body_name = name_sealed_part(p->id, "body");
        SV_BUF head = {.locked = true};

        print_kept_head(r, &head);
        if (sv_buf_ok(&head, "a change", err) < 0 ||
            sv_broker_seal(r->broker, head_name, sv_buf_bytes(&head), &p->head, err) < 0)
                return -1;
        return r->msg->body.n ? sv_broker_seal(r->broker, body_name, sv_buf_bytes(&r->msg->body),
                                               &p->body, err)
                              : 0;
}

/* The handler's way is taken back first: it has shown that it can be gone. */
int sv_pending_keep(struct sv_request *r, struct sv_err *err)
{
        const struct sv_store_ops *ops = r->broker->store->ops;
        __attribute__((cleanup(sv_pending_free))) struct sv_pending p = {
                .expires = r->now + r->broker->config.pending_seconds};
        uint8_t id[SV_PENDING_ID / 2];

        if (ops->settle(r->broker->store, false, err) < 0 ||
            ops->hold(r->broker->store, true, err) < 0 || sv_random(id, sizeof(id), err) < 0)
                return -1;
        sv_hex(sv_bytes(id, sizeof(id)), p.id);
        snprintf(p.path, sizeof(p.path), "%s", r->resource);
        if (seal_change(r, &p, err) < 0 || ops->put_pending(r->broker->store, &p, r->now, err) < 0)
                return -1;
        sv_json_set_str(r->audit, "pending", p.id);
        r->outcome = "pending";
        return sv_fail(err, SV_POLICY, "broker.pending",
                       "for %s a change takes two persons, and nothing is changed yet: it waits "
                       "as %s for another administrator of the same role (secure-vm pending "
                       "approve %s)",
                       r->resource, p.id, p.id);
}

/* --- reading --- */

static int parse_head(struct change *c, struct sv_secret *text, struct sv_err *err)
{
        const char *method, *target;

        if (sv_json_parse(sv_bytes(sv_secret_reveal(text), sv_secret_size(text)), "broker.pending",
                          &c->head, err) < 0 ||
            sv_json_need_str(c->head, "method", &method, "broker.pending", err) < 0 ||
            sv_json_need_str(c->head, "target", &target, "broker.pending", err) < 0)
                return -1;
        c->msg.method = sv_asprintf("%s", method);
        c->msg.target = sv_asprintf("%s", target);
        for (size_t i = 0; conditions[i]; i++) {
                const char *value = sv_json_text(c->head, conditions[i], NULL);

                if (value && sv_http_add(&c->msg, conditions[i], value, err) < 0)
                        return -1;
        }
        return 0;
}

static int open_change(const struct sv_request *r, const char *id, struct change *c,
                       struct sv_err *err)
{
        const struct sv_store_ops *ops = r->broker->store->ops;
        SV_SECRET *head = NULL, *body = NULL;
        SV_STR head_name = name_sealed_part(id, "head");
        SV_STR body_name = name_sealed_part(id, "body");

        if (ops->get_pending(r->broker->store, id, r->now, &c->row, err) < 0)
                return -1;
        head = sv_broker_unseal(r->broker, head_name, sv_buf_bytes(&c->row.head), err);
        if (!head || parse_head(c, head, err) < 0)
                return -1;
        c->msg.body.locked = true;
        if (!c->row.body.n)
                return 0;
        body = sv_broker_unseal(r->broker, body_name, sv_buf_bytes(&c->row.body), err);
        if (!body)
                return -1;
        sv_buf_put(&c->msg.body, sv_bytes(sv_secret_reveal(body), sv_secret_size(body)));
        return sv_buf_ok(&c->msg.body, "a change", err);
}

/* Of which the asking one may know: there is no other for who may not see its resource. */
static int open_visible(const struct sv_request *r, const char *id, struct change *c,
                        struct sv_err *err)
{
        if (open_change(r, id, c, err) < 0)
                return -1;
        if (sv_admin_may_see(r->admin, c->row.path))
                return 0;
        return sv_fail(err, SV_USAGE, "broker.pending.none",
                       "no change %.40s waits: it was done, rejected, or its time is over", id);
}

static int read_pending_id(const struct sv_request *r, char id[SV_PENDING_ID + 1],
                           struct sv_err *err)
{
        static const char *const names[] = {"id", NULL};

        if (sv_request_check_query(r, names, err) < 0)
                return -1;
        if (sv_request_query(r, "id", id, SV_PENDING_ID + 1) && sv_is_hex(id, SV_PENDING_ID))
                return 0;
        return sv_fail(err, SV_FORMAT, "broker.query", "expected %d hexadecimal digits as \"id\"",
                       SV_PENDING_ID);
}

/* --- showing --- */

static void describe_change(const struct sv_request *r, const struct change *c, struct sv_json *row)
{
        const char *query = strchr(c->msg.target, '?');
        char when[32];

        sv_json_set_str(row, "id", c->row.id);
        sv_json_set_str(row, "change", r->changes->name(c->msg.method, c->msg.target));
        sv_json_set_str(row, "resource", c->row.path);
        if (query)
                sv_json_set_str(row, "query", query + 1);
        sv_json_set_str(row, "person", sv_json_text(c->head, "person", ""));
        sv_json_set_str(row, "created",
                        sv_format_time(sv_json_int(sv_json_get(c->head, "time"), 0), when));
        sv_json_set_str(row, "expires", sv_format_time(c->row.expires, when));
        sv_json_set_int(row, "size", (int64_t)c->msg.body.n);
}

static int answer_pending(struct sv_request *r, const struct sv_json *j, struct sv_err *err)
{
        sv_json_print(j, &r->answer.body);
        if (sv_buf_ok(&r->answer.body, "what waits", err) < 0)
                return -1;
        return sv_http_add(&r->answer, "Content-Type", "application/json", err);
}

/* The text of a policy or of a reference set; a key is a secret, and has a size only. */
static int show_pending_change(struct sv_request *r, struct sv_err *err)
{
        SV_JSON *j = sv_json_object();
        char id[SV_PENDING_ID + 1] = "";
        CHANGE c = {.head = NULL};

        if (read_pending_id(r, id, err) < 0 || open_visible(r, id, &c, err) < 0)
                return -1;
        describe_change(r, &c, j);
        if (!strcmp(c.msg.method, "PUT") && c.msg.body.n)
                sv_json_set_str(j, "text", sv_buf_str(&c.msg.body));
        return answer_pending(r, j, err);
}

int sv_handle_list_pending(struct sv_request *r, struct sv_err *err)
{
        SV_JSON *j = sv_json_object();
        SV_JSON *ids = sv_json_array();
        struct sv_json *list;

        if (*r->query)
                return show_pending_change(r, err);
        list = sv_json_set(j, "pending", sv_json_array());
        if (r->broker->store->ops->list_pending(r->broker->store, r->now, ids, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(ids); i++) {
                CHANGE c = {.head = NULL};

                if (open_change(r, sv_json_str(sv_json_at(ids, i)), &c, err) < 0)
                        return -1;
                if (sv_admin_may_see(r->admin, c.row.path))
                        describe_change(r, &c, sv_json_add(list, sv_json_object()));
        }
        return answer_pending(r, j, err);
}

/* --- deciding --- */

/* In the record: who asked for what. */
static void note_change(struct sv_request *r, const struct change *c)
{
        snprintf(r->resource, sizeof(r->resource), "%s", c->row.path);
        sv_json_set_str(r->audit, "pending", c->row.id);
        sv_json_set_str(r->audit, "proposed_by", sv_json_text(c->head, "person", ""));
}

static struct sv_request make_subrequest(const struct sv_request *r, const struct change *c)
{
        struct sv_request sub = {.broker = r->broker,
                                 .msg = &c->msg,
                                 .peer = r->peer,
                                 .source = r->source,
                                 .now = sv_json_int(sv_json_get(c->head, "time"), 0),
                                 .query = "",
                                 .known = true,
                                 .audit = sv_json_object()};

        memcpy(sub.id, r->id, sizeof(sub.id));
        return sub;
}

int sv_handle_approve(struct sv_request *r, struct sv_err *err)
{
        const struct sv_store_ops *ops = r->broker->store->ops;
        char id[SV_PENDING_ID + 1] = "";
        struct sv_request sub;
        CHANGE c = {.head = NULL};
        int rc;

        /* Of two who approve at once, one finds it. */
        if (read_pending_id(r, id, err) < 0 || ops->reserve(r->broker->store, err) < 0 ||
            open_visible(r, id, &c, err) < 0)
                return -1;
        note_change(r, &c);
        r->change = r->changes->name(c.msg.method, c.msg.target);
        sub = make_subrequest(r, &c);
        rc = r->changes->run(&sub, sv_json_text(c.head, "token", ""), r->admin, r->now, err);
        sv_json_set_all(r->audit, sub.audit);
        r->error = sub.error;
        sv_request_free(&sub);
        return rc < 0 ? -1 : ops->delete_pending(r->broker->store, id, err);
}

/* Who asked for it may take it back; so may who could approve it. */
int sv_handle_reject(struct sv_request *r, struct sv_err *err)
{
        const struct sv_store_ops *ops = r->broker->store->ops;
        char id[SV_PENDING_ID + 1] = "";
        CHANGE c = {.head = NULL};
        struct sv_request sub;
        int rc;

        if (read_pending_id(r, id, err) < 0 || ops->reserve(r->broker->store, err) < 0 ||
            open_visible(r, id, &c, err) < 0)
                return -1;
        note_change(r, &c);
        sv_json_set_str(r->audit, "change", r->changes->name(c.msg.method, c.msg.target));
        sub = make_subrequest(r, &c);
        rc = r->changes->check(&sub, r->admin, err);
        r->error = sub.error;
        sv_request_free(&sub);
        r->outcome = "rejected";
        return rc < 0 ? -1 : ops->delete_pending(r->broker->store, id, err);
}
