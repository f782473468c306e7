/* SPDX-License-Identifier: Apache-2.0 */
/* The agent in a distribution's own initramfs (hooks of initramfs-tools and dracut): the volumes
 * are cryptsetup's and the distribution's, the agent has what surrounds them. */
#pragma once

#include "agent/config.h"
#include "agent/machine.h"
#include "base/program/cli.h"

/* Brings the network up, runs a program that opens the volumes (agent/hooks/open-volumes), takes
 * the network down, and makes sure that nothing that runs later in this boot gets the keys again.
 * Does not return when it fails: the machine is off then, unless its command line has
 * securevm.fallback=console. */
int sv_agent_initramfs(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
/* Holds a volume's LUKS2 header to luks/foreign.h and writes the copy that cryptsetup is given. */
int sv_agent_header(const struct sv_args *args, struct sv_json **result, struct sv_err *err);

extern const struct sv_opt sv_agent_header_opts[];

/* The steps, for tests. `m` NULL: this machine. */

/* Is the root the memory that a kernel starts with? SV_USAGE "agent.initramfs". */
int sv_initramfs_check_root(const char *root, struct sv_err *err);
/* What evidence is read from, where the distribution has not mounted it. */
void sv_initramfs_mount(const struct sv_machine *m);
/* systemd as the initramfs's init takes credentials of the host before anything is attested:
 * SV_PROOF "agent.credentials" when there are any. */
int sv_initramfs_check_credentials(const struct sv_machine *m, struct sv_err *err);
/* Runs the program, passes what it prints on to standard error. `pause` is called while it runs.
 * SV_SYSTEM "agent.volumes": it ended otherwise than with 0; the message has its last line. */
int sv_initramfs_run(const char *program, void (*pause)(void *arg, unsigned ms), void *arg,
                     struct sv_err *err);
/* The program in the network, then the seal, whatever the program did. Fails with the program's
 * error; when only the seal failed, with that. */
int sv_initramfs_unlock(const struct sv_agent_config *config, const char *program,
                        struct sv_err *err);
