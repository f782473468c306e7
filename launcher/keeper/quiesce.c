/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/quiesce.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/keeper/owner.h"

#define MARK ".frozen"

static void drop_mark(const struct sv_site *p)
{
        SV_STR path = sv_site_path(p, MARK);

        sv_site_unlink(p, path);
}

static int hold_writes(struct sv_quiesce *q, struct sv_err *err)
{
        struct sv_rest *r = (struct sv_rest *)q;
        SV_STR path = sv_site_path(r->site, MARK);
        SV_FD before = sv_owner_open(r->site->guest, path, O_PATH | O_NOFOLLOW);
        SV_FD fd = -1;
        struct sv_err why = SV_ERR_NULL;

        if (before >= 0 && sv_virt_thaw(r->virt, err) < 0) /* it is at rest since then */
                return -1;
        fd = sv_owner_open(r->site->guest, path, O_WRONLY | O_CREAT | O_NOFOLLOW);
        if (fd < 0)
                return sv_fail_errno(err, "snapshot.folder", "%s%s", path,
                                     sv_owner_note(r->site->guest));
        if (sv_virt_freeze(r->virt, &why) == 0)
                return 0;
        if (strcmp(why.check, "snapshot.frozen"))
                drop_mark(r->site);
        if (err)
                *err = why;
        return -1;
}

static int let_writes_go(struct sv_quiesce *q, struct sv_err *err)
{
        struct sv_rest *r = (struct sv_rest *)q;

        if (sv_virt_thaw(r->virt, err) < 0)
                return -1;
        drop_mark(r->site);
        return 0;
}

struct sv_rest sv_rest_for(const struct sv_site *p, struct sv_virt *v)
{
        return (struct sv_rest){{hold_writes, let_writes_go}, p, v};
}

void sv_rest_settle(const struct sv_site *p, struct sv_virt *v)
{
        SV_STR path = sv_site_path(p, MARK);
        SV_FD fd = sv_owner_open(p->guest, path, O_PATH | O_NOFOLLOW);
        struct sv_err err = SV_ERR_NULL;

        if (fd < 0)
                return;
        if (v && sv_virt_thaw(v, &err) < 0) {
                sv_warn("guest %s: %s", p->guest->name, err.msg);
                return;
        }
        if (v)
                sv_warn("guest %s: a command that did not end had brought its file systems to "
                        "rest; they are let go",
                        p->guest->name);
        drop_mark(p);
}
