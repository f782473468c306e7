/* SPDX-License-Identifier: Apache-2.0 */
/* Block devices that are the same blocks in part or whole: a disk and its partitions, what lies
 * below a device (device mapper, md, bcache) and what lies on top. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define SV_OVERLAP_MAX 512 /* devices */

struct sv_overlap {
        dev_t list[SV_OVERLAP_MAX]; /* the device itself is the first */
        size_t n;
};

/* As /sys under `root` ("": the machine's) says now. What it does not know overlaps with nothing
 * but itself; what finds no room is passed over. */
void sv_overlap_list(const char *root, dev_t number, struct sv_overlap *out);
