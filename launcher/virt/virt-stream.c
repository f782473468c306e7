/* SPDX-License-Identifier: Apache-2.0 */
/* A port or the console of a guest, which may be on another host, through libvirt's stream, as a
 * descriptor. Belongs to launcher/virt/virt.c. */
#include "launcher/virt/virt.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launcher/virt/virt-int.h"

struct pump {
        virStreamPtr stream;
        int fd;
        int users; /* the callback and the thread */
};

static void leave_pump(void *arg)
{
        struct pump *p = arg;

        shutdown(p->fd, SHUT_RDWR);
        if (__atomic_sub_fetch(&p->users, 1, __ATOMIC_SEQ_CST))
                return;
        close(p->fd);
        free(p);
}

/* In the event loop. A stream that blocks would hold its lock while it reads, and nothing could be
 * written. */
static void pump_from_guest(virStreamPtr stream, int events, void *arg)
{
        struct pump *p = arg;
        char chunk[4096];
        int n = vir.StreamRecv(stream, chunk, sizeof(chunk));

        if (n == -2) /* not now */
                return;
        if (n <= 0 || send(p->fd, chunk, (size_t)n, MSG_NOSIGNAL) != n)
                vir.StreamEventRemoveCallback(stream); /* leave_pump() follows */
}

static void *pump_to_guest(void *arg)
{
        struct pump *p = arg;
        virStreamPtr stream = p->stream;
        char chunk[4096];
        ssize_t n;

        while ((n = recv(p->fd, chunk, sizeof(chunk), 0)) > 0) {
                ssize_t sent = 0;

                while (sent < n) {
                        int r = vir.StreamSend(stream, chunk + sent, (size_t)(n - sent));

                        if (r == -1)
                                break;
                        if (r == -2)
                                usleep(5000);
                        else
                                sent += r;
                }
                if (sent < n)
                        break;
        }
        leave_pump(p);
        vir.StreamEventRemoveCallback(stream);
        vir.StreamAbort(stream);
        vir.StreamFree(stream);
        return NULL;
}

int sv_virt_stream(struct sv_virt *v, const char *port, int *fd, struct sv_err *err)
{
        virStreamPtr stream = vir.StreamNew(v->conn, VIR_STREAM_NONBLOCK);
        struct pump *p = calloc(1, sizeof(*p));
        pthread_t thread;
        int pair[2];

        if (!p || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
                free(p);
                return sv_fail_errno(err, "virt.open", "a socket pair");
        }
        *p = (struct pump){stream, pair[1], 2};
        if (!stream ||
            (port ? vir.DomainOpenChannel(v->dom, port, stream, VIR_DOMAIN_CHANNEL_FORCE)
                  : vir.DomainOpenConsole(v->dom, NULL, stream, VIR_DOMAIN_CONSOLE_FORCE)) < 0 ||
            vir.StreamEventAddCallback(stream,
                                       VIR_STREAM_EVENT_READABLE | VIR_STREAM_EVENT_HANGUP |
                                               VIR_STREAM_EVENT_ERROR,
                                       pump_from_guest, p, leave_pump) < 0) {
                sv_virt_fail(err, port ? port : "the console");
                close(pair[0]);
                close(pair[1]);
                free(p);
                if (stream)
                        vir.StreamFree(stream);
                return -1;
        }
        if (pthread_create(&thread, NULL, pump_to_guest, p)) {
                /* one leave_pump(); the memory of p stays until the program ends, which is now */
                vir.StreamEventRemoveCallback(stream);
                close(pair[0]);
                return sv_fail(err, SV_SYSTEM, "virt.open", "no more threads");
        }
        pthread_detach(thread);
        *fd = pair[0];
        return 0;
}
