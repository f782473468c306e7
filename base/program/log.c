/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/buf.h"
#include "base/core/visible.h"
#include "base/json/json.h"
#include "base/program/colour.h"
#include "base/program/terminal.h"

static const char *log_program = "secure-vm";
static int log_verbose;

void sv_log_init(const char *program, int verbose)
{
        log_program = program;
        log_verbose = verbose;
}

/* A pipe is opened anew, so that others who have it are not changed; a socket cannot be. */
void sv_log_never_wait(void)
{
        struct stat st;
        int fd = -1;

        if (fstat(STDERR_FILENO, &st) < 0)
                return;
        if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
                fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0) {
                dup2(fd, STDERR_FILENO);
                close(fd);
        } else if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)) {
                fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) | O_NONBLOCK);
        }
}

static bool has_live_line;

static void clear_live_line(void)
{
        if (has_live_line)
                fputs("\r\x1b[K", stderr);
        has_live_line = false;
}

/* One message, on a terminal in lines of its width. */
static void print_line(const char *prefix, enum sv_colour colour, const char *text)
{
        size_t at = strlen(log_program) + 2 + strlen(prefix);
        SV_BUF wrapped = SV_BUF_NULL;

        clear_live_line();
        sv_wrap_text(&wrapped, text, at, 4, sv_terminal_width(STDERR_FILENO));
        fprintf(stderr, "%s: %s%s%s%s\n", log_program,
                *prefix ? sv_colour(STDERR_FILENO, colour) : "", prefix,
                *prefix ? sv_colour(STDERR_FILENO, SV_COLOUR_NONE) : "", sv_buf_str(&wrapped));
}

void sv_live(const char *fmt, ...)
{
        size_t width = sv_terminal_width(STDERR_FILENO), room;
        SV_BUF text = SV_BUF_NULL;
        va_list ap;

        if (log_verbose < 0 || !sv_is_steered(STDERR_FILENO) || width < 2)
                return;
        sv_buf_printf(&text, "%s: ", log_program);
        va_start(ap, fmt);
        sv_buf_vprintf(&text, fmt, ap);
        va_end(ap);
        sv_make_visible((char *)text.p, text.n, false);
        room = sv_text_prefix(sv_buf_str(&text), width - 1);
        fprintf(stderr, "\r%s%.*s%s\x1b[K", sv_colour(STDERR_FILENO, SV_COLOUR_DIM), (int)room,
                sv_buf_str(&text), sv_colour(STDERR_FILENO, SV_COLOUR_NONE));
        fflush(stderr);
        has_live_line = true;
}

void sv_live_end(void)
{
        clear_live_line();
        fflush(stderr);
}

/* Messages quote what others sent: nothing of it may steer the reader's terminal. */
static void say(const char *prefix, enum sv_colour colour, const char *fmt, va_list ap)
{
        SV_BUF text = SV_BUF_NULL;

        sv_buf_vprintf(&text, fmt, ap);
        sv_make_visible((char *)text.p, text.n, true);
        print_line(prefix, colour, sv_buf_str(&text));
}

void sv_info(const char *fmt, ...)
{
        va_list ap;

        if (log_verbose < 0)
                return;
        va_start(ap, fmt);
        say("", SV_COLOUR_NONE, fmt, ap);
        va_end(ap);
}

void sv_info_word(enum sv_colour colour, const char *word, const char *fmt, ...)
{
        char prefix[32];
        va_list ap;

        if (log_verbose < 0)
                return;
        snprintf(prefix, sizeof(prefix), "%s ", word);
        va_start(ap, fmt);
        say(prefix, colour, fmt, ap);
        va_end(ap);
}

void sv_debug(const char *fmt, ...)
{
        va_list ap;

        if (log_verbose < 1)
                return;
        va_start(ap, fmt);
        say("", SV_COLOUR_NONE, fmt, ap);
        va_end(ap);
}

void sv_warn(const char *fmt, ...)
{
        va_list ap;

        if (log_verbose < 0)
                return;
        va_start(ap, fmt);
        say("warning: ", SV_COLOUR_YELLOW, fmt, ap);
        va_end(ap);
}

void sv_log_err(const struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        sv_buf_printf(&text, "%s [%s]", err->msg, err->check);
        sv_make_visible((char *)text.p, text.n, false);
        print_line("error: ", SV_COLOUR_RED, sv_buf_str(&text));
}
