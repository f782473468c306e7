/* SPDX-License-Identifier: Apache-2.0 */
/* What /sys says of NVMe subsystems over fabrics, below a root folder ("" for this machine). */
#pragma once

#include <sys/types.h>

#include "guest/guest.h"

struct sv_fabric_device {
        dev_t number;
        char name[32]; /* "nvme1n1", which another has after the next boot */
};

/* The controller by which this host reaches the disk's subsystem at an address ("nvme3"), whoever
 * connected it and whether it is live; NULL: none. The caller frees. */
char *sv_fabric_find_controller(const char *root, const struct sv_disk *d,
                                const struct sv_fabric_address *a);
/* The disk's namespace of the disk's subsystem. False: there is none now. */
bool sv_fabric_find_device(const char *root, const struct sv_disk *d, struct sv_fabric_device *out);
/* Appends the namespaces that the subsystem shows, with commas. */
void sv_fabric_list_namespaces(const char *root, const struct sv_disk *d, struct sv_buf *out);
/* Adds {"controller", "address", "state"} for each path to the subsystem. */
void sv_fabric_put_paths(const char *root, const char *subsystem, struct sv_json *list);
/* Gives fn the number of each namespace of the subsystem until it says true: does it of any? */
bool sv_fabric_any_device(const char *root, const char *subsystem,
                          bool (*fn)(dev_t number, const char *name));
