/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm console: what the guest printed so far, then its serial line. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "base/program/replay.h"
#include "launcher/cli/commands.h"
#include "launcher/keeper/keeper.h"

#define ESCAPE 0x1d /* ^] */

/* By way of stdout, which shows a terminal no control character. What moved a cursor or coloured a
 * screen of another time is left out there; files and pipes get the log as it is. `arg` NULL: one
 * of those. */
static int print_piece(void *arg, struct sv_bytes piece, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (arg) {
                sv_replay_put(arg, piece, &text);
                piece = sv_buf_bytes(&text);
        }
        if (sv_buf_ok(&text, "the console's log", err) < 0)
                return -1;
        if (fwrite(piece.p, 1, piece.n, stdout) != piece.n || fflush(stdout) != 0)
                return sv_fail_errno(err, "cli.stdout", "cannot write to standard output");
        return 0;
}

/* Our input to the guest. Returns false when there is no more, or the escape was typed. */
static bool pass_input(int fd, bool tty, bool *leave, struct sv_err *err)
{
        uint8_t chunk[1024];
        ssize_t n = read(0, chunk, sizeof(chunk));
        const uint8_t *escape = n > 0 && tty ? memchr(chunk, ESCAPE, (size_t)n) : NULL;

        if (n <= 0)
                return false;
        *leave = escape != NULL;
        return sv_fd_write(fd, "the console",
                           sv_bytes(chunk, escape ? (size_t)(escape - chunk) : (size_t)n),
                           err) == 0 &&
               !escape;
}

/* Until the guest ends or the escape. The end of our input is not the end of the guest's output,
 * unless the input was empty. */
static int pass_bytes(int fd, bool tty, struct sv_err *err)
{
        struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
        bool leave = false;

        while (!leave) {
                uint8_t chunk[4096];
                ssize_t n;

                if (poll(p, 2, -1) < 0 && errno != EINTR)
                        return sv_fail_errno(err, "console.poll", "waiting for the console");
                if (p[1].revents && !pass_input(fd, tty, &leave, err))
                        p[1].fd = -1;
                if (!p[0].revents)
                        continue;
                n = read(fd, chunk, sizeof(chunk));
                if (n <= 0)
                        break;
                if (sv_fd_write(1, "standard output", sv_bytes(chunk, (size_t)n), err) < 0)
                        return -1;
        }
        return 0;
}

/* What was printed so far, then the line; *fd stays -1 when only the former was asked for. */
static int open_console(const struct sv_args *args, int *fd, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect"), *name = args->pos[0];
        const struct sv_keeper *k = sv_keeper_choose(uri);
        bool only_log = sv_has(args, "log");
        struct sv_replay replay = {0};

        if (only_log && sv_keeper_offer(k, k->console_log, "console --log", err) < 0)
                return -1;
        if (k->console_log &&
            k->console_log(uri, name, print_piece, isatty(1) ? &replay : NULL, err) < 0)
                return -1;
        return only_log ? 0 : k->console(uri, name, fd, err);
}

static int run_console(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_FD fd = -1;
        struct termios saved, raw;
        bool tty = isatty(0) && tcgetattr(0, &saved) == 0;
        int r;

        if (sv_has(args, "json"))
                return sv_fail(err, SV_USAGE, "console.json",
                               "a console is bytes, not JSON; leave --json out");
        if (open_console(args, &fd, err) < 0)
                return -1;
        if (fd < 0)
                return 0;
        sv_info("console of %s; ^] leaves it", args->pos[0]);
        if (tty) {
                raw = saved;
                cfmakeraw(&raw);
                tcsetattr(0, TCSANOW, &raw);
        }
        r = pass_bytes(fd, tty, err);
        if (tty)
                tcsetattr(0, TCSANOW, &saved);
        return r;
}

static const struct sv_opt opts[] = {
        {"connect", "URI", "a guest of this libvirt", 'c', false},
        {"log", NULL, "only what was printed so far; also of a guest that has ended", 0, false},
        {NULL, NULL, NULL, 0, false},
};

const struct sv_cmd sv_cmd_console = {
        "console", "NAME", "enter a guest by its serial line; ^] leaves it", opts, run_console};
