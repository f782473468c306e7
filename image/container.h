/* SPDX-License-Identifier: Apache-2.0 */
/* What the file of a disk is besides the disk's own bytes: a format of some virtual machine
 * monitor, a table of partitions, something compressed or encrypted. By its first bytes. Pure.
 *
 *      qcow2   QEMU docs/interop/qcow2.txt
 *      VMDK    VMware Virtual Disk Format 1.1: "KDMV", with the description of the disk as text
 *      VHDX    MS-VHDX 2.2.1: "vhdxfile"
 *      GPT     UEFI 2.10, 5.3; MBR: 5.2
 */
#pragma once

#include "base/core/bytes.h"

#define SV_CONTAINER_HEAD 65536 /* bytes from the file's beginning that are looked at */

struct sv_container {
        const char *name; /* for messages, "qcow2 image"; NULL: nothing of the kind, "raw" */
        /* QEMU's name of the format, when "image import" takes the disk out of it; else NULL */
        const char *driver;
};

/* `head`: up to SV_CONTAINER_HEAD bytes. */
struct sv_container sv_container_of(struct sv_bytes head);
/* A disk whose bytes are partly in other files, or that is encrypted: SV_USAGE
 * "image.container.parts", a head that ends too early: SV_FORMAT "image.container.head". Whatever
 * else such a file may name is then not opened by anybody. */
int sv_container_check(const struct sv_container *c, struct sv_bytes head, struct sv_err *err);
/* "GPT" or "MBR", whichever table of partitions begins the disk, or NULL. A file system's first
 * sector is none, though it ends as an MBR does. */
const char *sv_container_table(struct sv_bytes head);
