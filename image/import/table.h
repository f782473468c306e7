/* SPDX-License-Identifier: Apache-2.0 */
/* The partitions of a disk and what they hold, by libblkid (GPT, MBR with logical partitions, and
 * all that it knows of file systems, LVM, RAID and encryption). The only file pair that sees it. */
#pragma once

#include <stdbool.h>

#include "base/core/source.h"

#define SV_PARTITIONS_MAX 128

struct sv_partition {
        int number; /* as Linux counts them; 0: the whole disk, which has no table */
        uint64_t first, size;
        char holds[32]; /* "ext4", "LVM2_member", "crypto_LUKS"; "" for nothing that is known */
        /* by which an fstab may name it; "" when there is none */
        char uuid[64], label[128], partuuid[40], partlabel[128];
};

struct sv_table {
        size_t n;
        struct sv_partition list[SV_PARTITIONS_MAX];
};

/* SV_FORMAT "import.table": a table that is cut short, damaged or of no known kind; SV_FORMAT
 * "import.partition": one lies beyond the disk's end. */
int sv_table_read(const struct sv_source *disk, struct sv_table *out, struct sv_err *err);
/* For people: "LVM", "a RAID member", "an encrypted volume (LUKS)", or what blkid calls it. */
const char *sv_partition_describe(const struct sv_partition *p);
/* Does an fstab's first field ("UUID=...", "/dev/disk/by-label/...") name it? */
bool sv_partition_is_named(const struct sv_partition *p, const char *spec);
