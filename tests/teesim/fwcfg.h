/* SPDX-License-Identifier: Apache-2.0 */
/* Test only: files of a machine's fw_cfg, read through its ports (QEMU docs/specs/fw_cfg.rst) while
 * no processor of it runs. */
#pragma once

#include <sys/types.h>

#include "base/core/buf.h"

struct fwcfg {
        /* Selects an item and reads n bytes of it. */
        int (*read)(struct fwcfg *f, unsigned key, size_t n, struct sv_buf *out);
        const char *uri;        /* by libvirt's monitor: the connection; the domain is "g" */
        struct sv_qtest *qtest; /* or by qtest */
        size_t first; /* so many of its files, in the order of names, are enough; 0: all */
        struct sv_buf directory; /* read once; to be freed */
};
int fwcfg_by_monitor(struct fwcfg *f, unsigned key, size_t n, struct sv_buf *out);
int fwcfg_by_qtest(struct fwcfg *f, unsigned key, size_t n, struct sv_buf *out);
/* The file, or its first `most` bytes; *size is its own. -1 when there is none, or it cannot be
 * read. */
int fwcfg_file(struct fwcfg *f, const char *name, size_t most, size_t *size, struct sv_buf *out);
/* A file that QEMU keeps as a block of memory (the ACPI tables and their loader), whole, out of the
 * memory of the process: ports give one byte for each command to the monitor. QEMU makes the three
 * anew when one of them is selected, so that fwcfg_file of one comes first. */
int fwcfg_block(const char *uri, pid_t pid, const char *name, struct sv_buf *out);
