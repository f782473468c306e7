/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that read a machine.  */
#pragma once

#include "launcher/tune/topology.h"

/* Fills the devices in; the nodes are there. */
int sv_topo_read_devices(const char *root, struct sv_topology *t, struct sv_err *err);
