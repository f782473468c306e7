/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/serve/forward.h"

#include "base/core/file.h"
#include "base/core/limits.h"
#include "broker/process/channel.h"
#include "broker/process/wire.h"
#include "broker/serve/request.h"

static int send_message(int fd, uint8_t type, const struct sv_http_msg *m, struct sv_err *err)
{
        const char *first = m->method ? m->method : "", *second = m->target ? m->target : m->reason;
        SV_BUF head = SV_BUF_NULL;

        head.locked = true; /* Authorization, Cookie */
        sv_buf_u32le(&head, (uint32_t)m->status);
        sv_put_part(&head, sv_bytes_str(first));
        sv_put_part(&head, sv_bytes_str(second ? second : ""));
        sv_buf_u32le(&head, (uint32_t)m->n_fields);
        for (size_t i = 0; i < m->n_fields; i++) {
                sv_put_part(&head, sv_bytes_str(m->fields[i].name));
                sv_put_part(&head, sv_bytes_str(m->fields[i].value));
        }
        if (sv_buf_ok(&head, "a message", err) < 0)
                return -1;
        return sv_channel_send_both(fd, type, sv_buf_bytes(&head), FRAME_BODY,
                                    sv_buf_bytes(&m->body), err);
}

static int fail_form(struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "broker.process",
                       "a message from another process has no form of HTTP");
}

/* As in a head of HTTP: no control characters. */
static char *read_head_text(struct sv_rd *r, size_t max)
{
        struct sv_bytes b = sv_rd_part(r);

        if (r->bad || b.n > max)
                return NULL;
        for (size_t i = 0; i < b.n; i++)
                if (b.p[i] < 0x20 || b.p[i] == 0x7f)
                        return NULL;
        return sv_asprintf("%.*s", (int)b.n, b.n ? (const char *)b.p : "");
}

static int read_fields(struct sv_rd *r, struct sv_http_msg *m, struct sv_err *err)
{
        uint32_t n = sv_rd_u32le(r);

        if (n > SV_HTTP_FIELDS_MAX)
                return fail_form(err);
        for (uint32_t i = 0; i < n; i++) {
                SV_STR name = read_head_text(r, SV_HTTP_HEAD_MAX);
                SV_STR value = name ? read_head_text(r, SV_HTTP_HEAD_MAX) : NULL;

                if (!value)
                        return fail_form(err);
                if (sv_http_add(m, name, value, err) < 0)
                        return -1;
        }
        return 0;
}

static int read_head(struct sv_bytes head, bool request, struct sv_http_msg *m, struct sv_err *err)
{
        struct sv_rd r = sv_rd(head);
        char *first, *second;

        m->status = (int)sv_rd_u32le(&r);
        first = read_head_text(&r, request ? SV_HTTP_METHOD_MAX : 0);
        second = first ? read_head_text(&r, SV_HTTP_HEAD_MAX) : NULL;
        if (request) {
                m->method = first;
                m->target = second;
        } else {
                sv_strfreep(&first);
                m->reason = second;
        }
        if (!second || (request && (m->status || !first[0])) || (!request && m->status > 999))
                return fail_form(err);
        if (read_fields(&r, m, err) < 0)
                return -1;
        return r.bad || sv_rd_left(&r) ? fail_form(err) : 0;
}

int sv_forward_request(int keeper, const struct sv_http_msg *msg, int ms,
                       struct sv_http_msg *answer, struct sv_err *err)
{
        SV_BUF head = SV_BUF_NULL;

        if (send_message(keeper, FRAME_REQUEST, msg, err) < 0 ||
            sv_channel_expect(keeper, ms, FRAME_ANSWER, SV_HTTP_HEAD_MAX, &head, err) < 0 ||
            read_head(sv_buf_bytes(&head), false, answer, err) < 0)
                return -1;
        return sv_channel_expect(keeper, ms, FRAME_BODY, SV_BUF_MAX, &answer->body, err);
}

int sv_forward_read(int connection, int ms, struct sv_http_msg *msg, bool *closed,
                    struct sv_err *err)
{
        SV_BUF head = SV_BUF_NULL;
        uint8_t type = 0;

        head.locked = true;
        if (sv_channel_recv(connection, ms, 2 * SV_HTTP_HEAD_MAX, &type, &head, closed, err) < 0)
                return -1;
        if (*closed)
                return 0;
        if (type != FRAME_REQUEST)
                return fail_form(err);
        if (read_head(sv_buf_bytes(&head), true, msg, err) < 0)
                return -1;
        msg->body.max = SV_HTTP_BODY_MAX;
        sv_broker_prepare_body(msg);
        return sv_channel_expect(connection, ms, FRAME_BODY, msg->body.max, &msg->body, err);
}

int sv_forward_answer(int connection, const struct sv_http_msg *answer, struct sv_err *err)
{
        return send_message(connection, FRAME_ANSWER, answer, err);
}
