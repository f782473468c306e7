/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/log.h"

#include <stdio.h>

#include "base/json/json.h"

static const char *log_program = "secure-vm";
static int log_verbose;

void sv_log_init(const char *program, int verbose)
{
        log_program = program;
        log_verbose = verbose;
}

static void say(const char *prefix, const char *fmt, va_list ap)
{
        fprintf(stderr, "%s: %s", log_program, prefix);
        vfprintf(stderr, fmt, ap);
        fputc('\n', stderr);
}

void sv_info(const char *fmt, ...)
{
        va_list ap;

        if (log_verbose < 0)
                return;
        va_start(ap, fmt);
        say("", fmt, ap);
        va_end(ap);
}

void sv_debug(const char *fmt, ...)
{
        va_list ap;

        if (log_verbose < 1)
                return;
        va_start(ap, fmt);
        say("", fmt, ap);
        va_end(ap);
}

void sv_warn(const char *fmt, ...)
{
        va_list ap;

        if (log_verbose < 0)
                return;
        va_start(ap, fmt);
        say("warning: ", fmt, ap);
        va_end(ap);
}

void sv_log_err(const struct sv_err *err)
{
        fprintf(stderr, "%s: error: %s [%s]\n", log_program, err->msg, err->check);
}

struct sv_json *sv_err_json(const struct sv_err *err)
{
        struct sv_json *j = sv_json_object();
        struct sv_json *e;

        sv_json_set_bool(j, "ok", false);
        e = sv_json_set(j, "error", sv_json_object());
        sv_json_set_str(e, "class", sv_class_name(err->class));
        sv_json_set_str(e, "check", err->check);
        sv_json_set_str(e, "message", err->msg);
        return j;
}
