/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader does (launcher/keeper/reader.h), when it has given up its rights. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/program/pass-fd.h"
#include "launcher/keeper/agent-event.h"
#include "launcher/keeper/control.h"
#include "launcher/keeper/reader.h"

static bool send_to_owner(int control, struct sv_bytes message)
{
        ssize_t n;

        do
                n = send(control, message.p, message.n, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n == (ssize_t)message.n;
}

static bool send_end(int control)
{
        return send_to_owner(control, sv_bytes(SV_READER_END, 1));
}

static bool send_events(int control, struct sv_lines *lines)
{
        SV_BUF line = SV_BUF_NULL;

        while (sv_lines_next(lines, &line)) {
                SV_BUF form = SV_BUF_NULL;
                struct sv_agent_event e;

                /* What is none of its events is the guest's own affair. */
                if (sv_agent_event_parse(sv_buf_bytes(&line), &e, NULL) < 0)
                        continue;
                sv_agent_event_put(&e, &form);
                if (form.bad || !send_to_owner(control, sv_buf_bytes(&form)))
                        return false;
        }
        return true;
}

/* False when nobody wants to hear more. *port becomes -1 at its end. */
static bool read_port(int *port, struct sv_lines *lines, int control)
{
        char chunk[4096];
        ssize_t n = read(*port, chunk, sizeof(chunk));

        if (n > 0) {
                sv_lines_put(lines, sv_bytes(chunk, (size_t)n));
                return send_events(control, lines);
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return true;
        sv_closep(port);
        return send_end(control);
}

void sv_reader_serve(int control)
{
        struct sv_lines lines = {0};
        int port = -1;

        for (;;) {
                struct pollfd p[2] = {{.fd = control, .events = POLLIN},
                                      {.fd = port, .events = POLLIN}};
                char text[8];

                if (poll(p, 2, -1) < 0)
                        continue;
                if (p[0].revents) {
                        sv_closep(&port);
                        sv_buf_clear(&lines.buf);
                        lines.skip = false;
                        if (sv_fd_take(control, text, sizeof(text), &port, "launch.reader", NULL) <
                                    0 ||
                            port < 0)
                                break;
                } else if (p[1].revents && !read_port(&port, &lines, control)) {
                        break;
                }
        }
        sv_closep(&port);
        sv_lines_free(&lines);
}
