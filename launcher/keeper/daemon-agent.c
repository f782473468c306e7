/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/daemon-agent.h"

#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/keeper/facts.h"
#include "launcher/keeper/reader.h"
#include "launcher/virt/domain-read.h"
#include "launcher/virt/domain.h"
#include "launcher/virt/virt-quiesce.h"

/* What our agent said to nobody is lost: QEMU keeps nothing of it. */
static bool has_spoken_before(struct sv_virt *v, const struct sv_follow *f)
{
        SV_BUF xml = SV_BUF_NULL;

        if (sv_virt_get_xml(v, &xml, NULL) < 0)
                return false;
        if (sv_domain_has_open_channel(sv_buf_str(&xml), SV_QEMU_AGENT_PORT)) {
                if (!f->quiet)
                        sv_info("the guest's system runs (qemu-guest-agent is there): its agent "
                                "had its disk before anybody listened");
                return true;
        }
        if (!f->quiet && !sv_domain_has_open_channel(sv_buf_str(&xml), SV_AGENT_PORT))
                sv_info("the guest's agent is not there: it has not begun yet, or it spoke before "
                        "anybody listened; \"secure-vm console\" shows which");
        return false;
}

int sv_daemon_follow_agent(struct sv_virt *v, struct sv_follow *f, struct sv_err *err)
{
        SV_FD port = -1;

        if (sv_virt_stream(v, SV_AGENT_PORT, &port, err) < 0)
                return -1;
        if (sv_reader_give(f->reader, port, err) < 0)
                return -1;
        if (sv_follow_events(f, err) < 0)
                return -1;
        return sv_facts_note_unlocked(v, f, err);
}

int sv_daemon_await_agent(struct sv_virt *v, struct sv_follow *f, struct sv_err *err)
{
        return has_spoken_before(v, f) ? sv_facts_note_unlocked(v, f, err)
                                       : sv_daemon_follow_agent(v, f, err);
}
