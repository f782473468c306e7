/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes a guest's devices lie at, through what is stacked on them. */
#pragma once

#include "launcher/tune/topology.h"

/* Adds to `nodes` (indexes of sv_topology.nodes) those of the cards below a network interface:
 * bonds, bridges, VLANs, macvtaps are followed down. Nothing for one without a card, or whose
 * machine does not say. */
void sv_topology_add_net(const struct sv_topology *t, const char *root, const char *interface,
                         struct sv_bitset *nodes);
/* The same of the disks below a block device (number as of stat), or below the file system that a
 * file lies in: partitions, device-mapper, md and loop devices are followed down. */
void sv_topology_add_block(const struct sv_topology *t, const char *root, unsigned major,
                           unsigned minor, struct sv_bitset *nodes);
/* The same of what a path is (a block device) or lies in. */
void sv_topology_add_path(const struct sv_topology *t, const char *root, const char *path,
                          struct sv_bitset *nodes);
