/* SPDX-License-Identifier: Apache-2.0 */
/* Test only: files of a machine's fw_cfg, read through its ports (QEMU docs/specs/fw_cfg.rst) while
 * no processor of it runs. */
#pragma once

#include "base/core/buf.h"

struct fwcfg {
        /* Selects an item and reads n bytes of it. */
        int (*read)(struct fwcfg *f, unsigned key, size_t n, struct sv_buf *out);
        const char *uri;         /* by libvirt's monitor: the connection; the domain is "g" */
        struct sv_qtest *qtest;  /* or by qtest */
        struct sv_buf directory; /* read once; to be freed */
};
int fwcfg_by_monitor(struct fwcfg *f, unsigned key, size_t n, struct sv_buf *out);
int fwcfg_by_qtest(struct fwcfg *f, unsigned key, size_t n, struct sv_buf *out);
/* The file, or its first `most` bytes; *size is its own. -1 when there is none, or it cannot be
 * read. */
int fwcfg_file(struct fwcfg *f, const char *name, size_t most, size_t *size, struct sv_buf *out);
