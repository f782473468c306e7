/* SPDX-License-Identifier: Apache-2.0 */
/* The disk that is imported: a raw file, or an image in a format that QEMU reads (qcow2, VMDK,
 * VHDX). QEMU's own qemu-nbd reads it, as this user, in a process of its own: the formats are its
 * makers' to know, nothing is copied, and it ends when the connection does. */
#pragma once

#include "image/import/nbd.h"

struct sv_medium {
        struct sv_source source;
        const char *format; /* "raw", "qcow2 image" */
        int fd;             /* of a raw file, or -1 */
        struct sv_nbd *nbd; /* of the others, or NULL */
};

/* SV_SYSTEM "import.disk" when it cannot be opened; SV_USAGE "import.format" when it is none of
 * these formats; what sv_container_check says; SV_SYSTEM "import.nbd". */
int sv_medium_open(const char *path, struct sv_medium *out, struct sv_err *err);
void sv_medium_close(struct sv_medium *m);
