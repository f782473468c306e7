/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void set_err(struct sv_err *err, enum sv_class class, const char *check, const char *fmt,
                    va_list ap)
{
        err->class = class;
        snprintf(err->check, sizeof(err->check), "%s", check);
        vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
}

int sv_fail(struct sv_err *err, enum sv_class class, const char *check, const char *fmt, ...)
{
        va_list ap;

        if (!err)
                return -1;
        va_start(ap, fmt);
        set_err(err, class, check, fmt, ap);
        va_end(ap);
        return -1;
}

int sv_fail_errno(struct sv_err *err, const char *check, const char *fmt, ...)
{
        int saved = errno;
        va_list ap;
        size_t n;

        if (!err)
                return -1;
        va_start(ap, fmt);
        set_err(err, SV_SYSTEM, check, fmt, ap);
        va_end(ap);
        n = strlen(err->msg);
        snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", strerror(saved));
        errno = saved;
        return -1;
}

int sv_wrap(struct sv_err *err, const char *fmt, ...)
{
        char before[sizeof(err->msg)];
        va_list ap;
        size_t n;

        if (!err)
                return -1;
        memcpy(before, err->msg, sizeof(before));
        va_start(ap, fmt);
        vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
        va_end(ap);
        n = strlen(err->msg);
        snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", before);
        return -1;
}

static const struct {
        enum sv_class class;
        const char *name;
} classes[] = {
        {SV_OK, "ok"},         {SV_USAGE, "usage"}, {SV_SYSTEM, "system"},
        {SV_FORMAT, "format"}, {SV_PROOF, "proof"}, {SV_POLICY, "policy"},
};

const char *sv_class_name(enum sv_class class)
{
        for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
                if (classes[i].class == class)
                        return classes[i].name;
        return "system";
}

enum sv_class sv_class_from_name(const char *name)
{
        for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
                if (!strcmp(classes[i].name, name))
                        return classes[i].class;
        return SV_OK;
}

void sv_watch_memory(void)
{
        errno = 0;
}

int sv_check_memory(int result, struct sv_err *err)
{
        if (errno != ENOMEM || (result < 0 && err && err->class == SV_SYSTEM))
                return result;
        return sv_fail(err, SV_SYSTEM, "base.memory", "no memory");
}
