/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of what a libvirt daemon's guest boots from. They lie on the daemon's host, which may be
 * another than this, where a guest of the same name can have its own under the same path. So a mark
 * beside this host's says for which daemon they were made: its host's UUID, and system or session.
 * Without one (an older version's, or of a guest that moved here) the connection's URI decides. */
#pragma once

#include "launcher/keeper/state.h"
#include "launcher/virt/domain-read.h"
#include "launcher/virt/virt.h"

struct sv_copies {
        const char *uri;
        struct sv_virt *v; /* the guest is its subject */
        const struct sv_state *s;
};

/* Is `path` among the copies of this guest, on whatever host? */
bool sv_copies_have(const char *name, const char *path);
/* Are this host's copies those of the daemon's guest? */
bool sv_copies_are_here(const struct sv_copies *c);
/* Before a launch puts new ones here: those of an earlier one go, and the mark is made. SV_SYSTEM
 * "launch.copies" when those that are here belong to another daemon's guest. */
int sv_copies_renew(const struct sv_copies *c, struct sv_err *err);
/* Everything that the domain boots from is on the daemon's host, and the copies are what was
 * measured. SV_SYSTEM "reboot.copies". */
int sv_copies_check(const struct sv_copies *c, const struct sv_json *facts, struct sv_err *err);
/* This host's, and the users that were taken for them. */
int sv_copies_remove_here(const struct sv_state *s, struct sv_err *err);
/* Those that a domain names, through libvirt's storage driver at its host. */
int sv_copies_remove_there(struct sv_virt *v, const char *name, const struct sv_domain_facts *d,
                           struct sv_err *err);
