/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/qtest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"

#define CHANNEL  3  /* the descriptor in QEMU */
#define PATIENCE 60 /* seconds for one answer: an emulated machine holds the lock for a while */

/* fw_cfg (QEMU docs/specs/fw_cfg.rst): an access structure in memory, its address to this port; all
 * of it big endian. */
#define DMA_PORT 0x514
#define SELECT   0x8u
#define READ     0x2u
/* 64 MiB: firmware takes its memory from above and from the first 32 MiB */
#define SCRATCH  0x4000000u

static _Noreturn void exec_qemu(const char *const *argv, int fd, int log)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        /* without the parent, QEMU would wait for ever */
        prctl(PR_SET_PDEATHSIG, SIGKILL);

        if (null >= 0)
                dup2(null, 0);
        dup2(log, 1);
        dup2(log, 2);
        if (fd == CHANNEL)
                fcntl(fd, F_SETFD, 0);
        else
                dup2(fd, CHANNEL);
        execvp(argv[0], (char *const *)argv);
        _exit(errno == ENOENT ? 127 : 126);
}

int sv_qtest_start(const char *const *argv, size_t n, struct sv_qtest *out, struct sv_err *err)
{
        static const char *const ours[] = {"-chardev",   "socket,id=secure-vm-qtest,fd=3",
                                           "-qtest",     "chardev:secure-vm-qtest",
                                           "-qtest-log", "none",
                                           NULL};
        struct timeval patience = {.tv_sec = PATIENCE};
        struct sv_qtest q = {.fd = -1, .log = -1};
        const char **all = calloc(n + sizeof(ours) / sizeof(*ours), sizeof(*all));
        int pair[2], log[2];

        if (!all || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                goto failed;
        if (pipe2(log, O_CLOEXEC | O_NONBLOCK) < 0) {
                close(pair[0]);
                close(pair[1]);
                goto failed;
        }
        memcpy(all, argv, n * sizeof(*all));
        memcpy(all + n, ours, sizeof(ours));
        q.pid = fork();
        if (q.pid == 0)
                exec_qemu(all, pair[1], log[1]);
        close(pair[1]);
        close(log[1]);
        q.fd = pair[0];
        q.log = log[0];
        free(all);
        if (q.pid < 0) {
                sv_fail_errno(err, "acpi.qemu", "%s", argv[0]);
                sv_qtest_end(&q);
                return -1;
        }
        setsockopt(q.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        *out = q;
        return 0;
failed:
        free(all);
        return sv_fail_errno(err, "acpi.qemu", "%s", argv[0]);
}

void sv_qtest_end(struct sv_qtest *q)
{
        if (q->pid > 0) {
                kill(q->pid, SIGKILL);
                waitpid(q->pid, NULL, 0);
        }
        sv_closep(&q->fd);
        sv_closep(&q->log);
        sv_buf_free(&q->in);
        *q = (struct sv_qtest){.fd = -1, .log = -1};
}

/* QEMU closed its end, or is mute; the last line that it printed says why. */
static int fail_gone(struct sv_qtest *q, bool closed, struct sv_err *err)
{
        char text[1024] = "";
        ssize_t n;
        char *end, *line;
        int status = 0;
        bool ended = waitpid(q->pid, &status, closed ? 0 : WNOHANG) == q->pid;

        if (ended)
                q->pid = 0;
        n = read(q->log, text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = 0;
        for (end = text + strlen(text); end > text && end[-1] == '\n'; end--)
                end[-1] = 0;
        line = strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text;
        if (ended && WIFEXITED(status) && WEXITSTATUS(status) == 127)
                return sv_fail(err, SV_SYSTEM, "acpi.qemu",
                               "there is no such program; install qemu-system-x86, or name one "
                               "with --qemu");
        return sv_fail(err, SV_SYSTEM, "acpi.qemu", "QEMU %s: %.300s",
                       ended ? "ended" : "does not answer", *line ? line : "it said nothing");
}

static int send_all(struct sv_qtest *q, const char *p, size_t n, struct sv_err *err)
{
        while (n) {
                ssize_t k = send(q->fd, p, n, MSG_NOSIGNAL);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return fail_gone(q, true, err);
                p += k;
                n -= (size_t)k;
        }
        return 0;
}

/* One line, without its end, at the beginning of q->in. */
static int receive_line(struct sv_qtest *q, struct sv_err *err)
{
        char piece[65536];

        sv_buf_clear(&q->in);
        for (;;) {
                ssize_t k = recv(q->fd, piece, sizeof(piece), 0);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return fail_gone(q, k == 0 || errno == ECONNRESET, err);
                sv_buf_put(&q->in, sv_bytes(piece, (size_t)k));
                if (sv_buf_ok(&q->in, "QEMU's answer", err) < 0)
                        return -1;
                if (piece[k - 1] == '\n') {
                        q->in.p[q->in.n - 1] = 0;
                        return 0;
                }
        }
}

static int exchange_line(struct sv_qtest *q, const char *line, struct sv_err *err)
{
        if (send_all(q, line, strlen(line), err) < 0 || receive_line(q, err) < 0)
                return -1;
        if (strncmp((const char *)q->in.p, "OK", 2))
                return sv_fail(err, SV_SYSTEM, "acpi.fw_cfg",
                               "QEMU answers \"%.100s\" where OK was expected",
                               (const char *)q->in.p);
        return 0;
}

int sv_qtest_ask(struct sv_qtest *q, uint64_t *value, struct sv_err *err, const char *fmt, ...)
{
        SV_BUF line = SV_BUF_NULL;
        char text[200];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        sv_buf_printf(&line, "%s\n", text);
        if (exchange_line(q, sv_buf_str(&line), err) < 0)
                return -1;
        if (value)
                *value = strtoull((const char *)q->in.p + 2, NULL, 16);
        return 0;
}

int sv_qtest_read(struct sv_qtest *q, uint64_t at, size_t n, struct sv_buf *out, struct sv_err *err)
{
        SV_BUF data = SV_BUF_NULL;

        if (sv_qtest_ask(q, NULL, err, "read 0x%llx 0x%zx", (unsigned long long)at, n) < 0)
                return -1;
        if (strncmp((const char *)q->in.p, "OK 0x", 5) ||
            sv_unhex(sv_bytes_str((const char *)q->in.p + 5), &data, "acpi.fw_cfg", err) < 0 ||
            data.n != n)
                return sv_fail(err, SV_SYSTEM, "acpi.fw_cfg",
                               "QEMU gave %zu bytes of memory, %zu were expected", data.n, n);
        sv_buf_put(out, sv_buf_bytes(&data));
        return sv_buf_ok(out, "QEMU's memory", err);
}

int sv_qtest_write(struct sv_qtest *q, uint64_t at, struct sv_bytes data, struct sv_err *err)
{
        char hex[129];

        if (data.n > 64)
                return sv_fail(err, SV_SYSTEM, "acpi.fw_cfg", "%zu bytes at once", data.n);
        return sv_qtest_ask(q, NULL, err, "write 0x%llx 0x%zx 0x%s", (unsigned long long)at, data.n,
                            sv_hex(data, hex));
}

int sv_qtest_read_item(struct sv_qtest *q, uint16_t key, size_t n, struct sv_buf *out,
                       struct sv_err *err)
{
        uint8_t access[16] = {(uint8_t)(key >> 8), (uint8_t)key, 0, SELECT | READ};
        uint64_t control;

        for (int i = 0; i < 4; i++) {
                access[4 + i] = (uint8_t)(n >> (24 - 8 * i));
                access[12 + i] = (uint8_t)((SCRATCH + 4096) >> (24 - 8 * i));
        }
        if (sv_qtest_write(q, SCRATCH, sv_bytes(access, sizeof(access)), err) < 0)
                return -1;
        if (sv_qtest_ask(q, NULL, err, "outl 0x%x 0x0", DMA_PORT) < 0)
                return -1;
        if (sv_qtest_ask(q, NULL, err, "outl 0x%x 0x%x", DMA_PORT + 4, __builtin_bswap32(SCRATCH)) <
            0)
                return -1;
        if (sv_qtest_ask(q, &control, err, "readl 0x%x", SCRATCH) < 0)
                return -1;
        if (control)
                return sv_fail(err, SV_SYSTEM, "acpi.fw_cfg",
                               "fw_cfg did not give item 0x%x (0x%llx)", key,
                               (unsigned long long)control);
        return sv_qtest_read(q, SCRATCH + 4096, n, out, err);
}
