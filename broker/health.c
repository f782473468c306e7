/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/health.h"

#include <sys/statvfs.h>

#include "base/core/file.h"

#define SPACE      (1u << 20) /* bytes: a release writes a few pages */
#define CLOCK_BACK 120        /* seconds that a clock may go back without harm to sessions */

/* No such policy; that there is none stands in the authenticated lists, as that there is one. */
#define NOWHERE "health/health/health"

int sv_health_check_space(const char *path, uint64_t bytes, struct sv_err *err)
{
        struct statvfs fs;
        uint64_t left;

        if (statvfs(path, &fs) < 0)
                return sv_fail_errno(err, "broker.health.space", "%s", path);
        left = (uint64_t)fs.f_bavail * fs.f_frsize;
        if (fs.f_flag & ST_RDONLY)
                return sv_fail(err, SV_SYSTEM, "broker.health.space",
                               "the file system of %s cannot be written", path);
        if (left < bytes)
                return sv_fail(err, SV_SYSTEM, "broker.health.space",
                               "the file system of %s has %llu bytes left, a release needs up to "
                               "%llu",
                               path, (unsigned long long)left, (unsigned long long)bytes);
        return 0;
}

static int check_store(struct sv_broker *b, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_err why = SV_ERR_NULL;

        if (b->store->ops->get_policy(b->store, NOWHERE, &text, &why) < 0 &&
            why.class != SV_USAGE) {
                *err = why;
                return -1;
        }
        return 0;
}

/* Sessions, tokens and certificates hang on it. */
static int check_clock(struct sv_broker *b, int64_t now, struct sv_err *err)
{
        struct sv_audit_link newest;
        int64_t time = 0;

        if (b->store->ops->get_newest_audit(b->store, &newest, &time, err) < 0)
                return -1;
        if (time <= now + CLOCK_BACK)
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.health.clock",
                       "the clock is %lld seconds behind audit record %lld: it has been set back, "
                       "or was ahead before",
                       (long long)(time - now), (long long)newest.id);
}

int sv_health_check(struct sv_broker *b, int64_t now, struct sv_err *err)
{
        if (check_store(b, err) < 0 || check_clock(b, now, err) < 0 ||
            b->store->ops->check_clock(b->store, now, err) < 0 ||
            (sv_store_is_file(b->config.database) &&
             sv_health_check_space(b->config.database, SPACE, err) < 0) ||
            sv_health_check_space(b->config.serial, SPACE, err) < 0)
                return -1;
        return b->config.audit_log ? sv_health_check_space(b->config.audit_log, SPACE, err) : 0;
}
