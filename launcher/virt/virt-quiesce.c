/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/virt-quiesce.h"

#include "base/core/limits.h"
#include "launcher/virt/virt-int.h"

int sv_quiesce_around(struct sv_quiesce *q, int (*begin)(void *arg, struct sv_err *err), void *arg,
                      struct sv_err *err)
{
        struct sv_err held = SV_ERR_NULL;
        int r;

        if (q && q->hold(q, err) < 0)
                return -1;
        r = begin(arg, err);
        if (q && q->let_go(q, &held) < 0) {
                if (err)
                        *err = held;
                return -1;
        }
        return r;
}

int sv_virt_thaw(struct sv_virt *v, struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;

        /* an agent that is gone would be waited for without end */
        vir.DomainAgentSetResponseTimeout(v->dom, SV_AGENT_ANSWER_S, 0);
        if (vir.DomainFSThaw(v->dom, NULL, 0, 0) >= 0)
                return 0;
        sv_virt_fail(&why, "letting its writes go");
        return sv_fail(err, SV_SYSTEM, "snapshot.frozen",
                       "the guest's file systems were brought to rest and may be still, for its "
                       "agent does not answer (%s): the next snapshot or backup tries again, "
                       "\"fsfreeze -u\" in the guest or its restart lets them go",
                       why.msg);
}

static int fail_quiesce(const struct sv_err *why, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "snapshot.quiesce",
                       "no qemu-guest-agent in the guest does it (%s): install and start it there; "
                       "a guest that its processor protects cannot be asked, and one that runs "
                       "since before this version of secure-vm not until it starts again",
                       why->msg);
}

int sv_virt_freeze(struct sv_virt *v, struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;

        /* an agent that is gone would be waited for without end */
        vir.DomainAgentSetResponseTimeout(v->dom, SV_AGENT_ANSWER_S, 0);
        /* Is there one? Only of this question does a failure say that nothing has happened. */
        if (vir.DomainFSThaw(v->dom, NULL, 0, 0) < 0) {
                sv_virt_fail(&why, "asking its agent");
                return fail_quiesce(&why, err);
        }
        if (vir.DomainFSFreeze(v->dom, NULL, 0, 0) >= 0)
                return 0;
        sv_virt_fail(&why, "asking its file systems to come to rest");
        /* also when no answer came, or libvirt went: it may have done it, or some of it */
        return sv_virt_thaw(v, err) < 0 ? -1 : fail_quiesce(&why, err);
}
