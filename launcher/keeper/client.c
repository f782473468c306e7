/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/client.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/host/selinux.h"
#include "launcher/keeper/status.h"

static int connect_socket(const struct sv_state *s, const char *path, struct sv_err *err)
{
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return sv_fail_errno(err, "state.off", "a socket");
        snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
        if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
                return fd;
        if (errno == EACCES || errno == EPERM)
                sv_fail_errno(err, "state.permission", "%s", path);
        else
                sv_fail(err, SV_SYSTEM, "state.off",
                        "guest %s does not run; \"secure-vm launch\" starts it", s->name);
        close(fd);
        return -1;
}

int sv_client_connect(const struct sv_state *s, struct sv_err *err)
{
        SV_STR path = sv_state_path(s, "control.sock");

        return connect_socket(s, path, err);
}

int sv_client_connect_qemu(const struct sv_state *s, const char *socket_name, struct sv_err *err)
{
        SV_STR path = sv_state_path(s, socket_name);
        int fd;

        sv_selinux_join(path);
        fd = connect_socket(s, path, err);
        sv_selinux_leave();
        return fd;
}

int sv_client_fail(const struct sv_json *error, struct sv_err *err)
{
        const char *class = sv_json_text(error, "class", "system");

        return sv_fail(err, sv_class_from_name(class),
                       sv_json_text(error, "check", "control.answer"), "%s",
                       sv_json_text(error, "message", "no reason given"));
}

static int send_control_line(const struct sv_state *s, struct sv_bytes line,
                             struct sv_json **status, struct sv_err *err)
{
        SV_FD fd = sv_client_connect(s, err);
        struct timeval limit = {.tv_sec = 60};
        SV_BUF text = {.max = SV_STATUS_SIZE_MAX};
        SV_JSON *answer = NULL;
        const struct sv_json *e;
        char c;

        if (fd < 0)
                return -1;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        if (sv_fd_write(fd, "the guest's supervisor", line, err) < 0)
                return -1;
        while (recv(fd, &c, 1, 0) == 1 && c != '\n')
                sv_buf_u8(&text, (uint8_t)c);
        if (!text.n)
                return sv_fail(err, SV_SYSTEM, "state.silent",
                               "the supervisor of guest %s does not answer", s->name);
        if (sv_json_parse(sv_buf_bytes(&text), "control.answer", &answer, err) < 0)
                return -1;
        e = sv_json_get(answer, "error");
        /* its word or (control.request.unknown) its members */
        if (e && !strncmp(sv_json_text(e, "check", ""), "control.request", 15))
                return sv_fail(err, SV_SYSTEM, "state.version",
                               "guest %s runs under an older secure-vm, which does not know what "
                               "it was asked; stopped and launched again it runs under this one",
                               s->name);
        if (e)
                return sv_client_fail(e, err);
        *status = sv_json_ref(sv_json_get(answer, "status"));
        return 0;
}

int sv_client_ask(const struct sv_state *s, enum sv_control what, struct sv_json **status,
                  struct sv_err *err)
{
        SV_BUF line = SV_BUF_NULL;

        sv_control_print(what, &line);
        return send_control_line(s, sv_buf_bytes(&line), status, err);
}

int sv_client_request(const struct sv_state *s, const struct sv_json *request,
                      struct sv_json **status, struct sv_err *err)
{
        SV_BUF line = SV_BUF_NULL;

        sv_json_print(request, &line);
        sv_buf_puts(&line, "\n");
        return send_control_line(s, sv_buf_bytes(&line), status, err);
}

int sv_client_check_version(const struct sv_state *s, struct sv_err *err)
{
        SV_JSON *status = NULL;

        if (sv_state_read_status(s, &status, NULL) < 0)
                return 0; /* whoever needs it says so */
        return sv_status_check_version(status, s->name, err);
}

int sv_client_find(const char *name, struct sv_state *s, struct sv_err *err)
{
        if (sv_state_init(s, name, err) < 0)
                return -1;
        if (sv_state_exists(s)) {
                if (sv_client_check_version(s, err) == 0)
                        return 0;
                sv_state_free(s);
                return -1;
        }
        sv_state_free(s);
        return sv_fail(err, SV_USAGE, "state.absent",
                       "this host knows no guest \"%s\"; \"secure-vm list\" shows those it knows",
                       name);
}

int sv_client_wait_off(struct sv_state *s, unsigned ms, struct sv_err *err)
{
        if (sv_state_lock(s, ms, err) < 0)
                return -1;
        close(s->lock);
        s->lock = -1;
        return 0;
}

int sv_client_stop(struct sv_state *s, unsigned ms, unsigned again_ms, struct sv_err *err)
{
        int64_t end = sv_clock_ms() + ms, left;
        SV_JSON *status = NULL;

        if (sv_client_ask(s, SV_CONTROL_STOP, &status, err) < 0)
                return -1;
        while ((left = end - sv_clock_ms()) > again_ms) {
                SV_JSON *again = NULL;

                if (sv_client_wait_off(s, again_ms, NULL) == 0)
                        return 0;
                /* It may end just now, and then nobody answers. */
                sv_client_ask(s, SV_CONTROL_STOP, &again, NULL);
        }
        return sv_client_wait_off(s, left > 0 ? (unsigned)left : 0, NULL) == 0 ? 0 : 1;
}

int sv_client_parse_timeout(const char *text, unsigned otherwise, unsigned *seconds,
                            struct sv_err *err)
{
        uint64_t v;

        *seconds = otherwise;
        if (!text)
                return 0;
        if (sv_parse_u64(text, 86400, &v, "client.timeout", err) < 0)
                return sv_wrap(err, "--timeout takes seconds");
        *seconds = (unsigned)v;
        return 0;
}
