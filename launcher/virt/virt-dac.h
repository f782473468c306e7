/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "launcher/virt/virt.h"

/* Is the libvirt of this URI on this machine, as far as the URI says? NULL: our own. */
bool sv_uri_is_here(const char *uri);
/* Is it the system daemon of this machine, by the connection's URI as libvirt completed it? Its
 * parts are scheme, host and path; "qemu:///session" is a user's, "qemu+ssh://host/system" another
 * machine's. */
bool sv_virt_is_local_system(const char *uri);
/* Does the host's part of libvirt's capabilities name the driver that gives QEMUs a user of
 * their own ("dac")? */
bool sv_virt_has_dac(const char *capabilities);
/* A guest's definition without that user, for another host: an id is one machine's. The caller
 * frees it. */
char *sv_virt_drop_user(const char *xml);
/* Why guests of this connection cannot have users of their own, as words for people; NULL when they
 * can. */
const char *sv_virt_refuse_ids(struct sv_virt *v);
