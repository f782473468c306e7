/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU noted in an image is read within it, and within the marks. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/qcow2-bitmap.h"
#include "image/qcow2-int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        SV_FD fd = memfd_create("image", MFD_CLOEXEC);
        struct sv_qcow2 q = {0};
        bool *marks;

        if (fd < 0 || (size && write(fd, data, size) != (ssize_t)size))
                return 0;
        if (sv_qcow2_open_as(fd, "image", SV_QCOW2_EXTERNAL, &q, &err) < 0 || q.size >= 1ull << 40)
                return 0;
        marks = calloc(sv_qcow2_count_marks(q.size), sizeof(*marks));
        if (marks && sv_qcow2_read_bitmap(fd, "image", "writes", q.size, marks, &err) < 0 &&
            strncmp(err.check, "image.qcow2.", 12))
                abort();
        free(marks);
        return 0;
}
