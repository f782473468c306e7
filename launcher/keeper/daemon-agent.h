/* SPDX-License-Identifier: Apache-2.0 */
/* The agent of a guest of a libvirt daemon, where nobody listens all the time. */
#pragma once

#include "launcher/keeper/follow.h"
#include "launcher/virt/virt.h"

/* Hears the agent of v's subject, which starts now, until it has its disk, and keeps that for
 * whoever asks later. The errors of follow.h, and virt.open. */
int sv_daemon_follow_agent(struct sv_virt *v, struct sv_follow *f, struct sv_err *err);
/* The same of one that was started before: at once where QEMU's agent has opened its channel, which
 * is a program of the guest's system, that had its disk before. */
int sv_daemon_await_agent(struct sv_virt *v, struct sv_follow *f, struct sv_err *err);
