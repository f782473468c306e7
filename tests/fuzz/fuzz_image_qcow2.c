/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of an image of changes lies in it, in the order of the disk. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/qcow2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
        const struct sv_qcow2 *q;
        uint64_t next;
        unsigned left; /* a crafted image says that a whole large disk is zeros */
};

static int see_part(void *arg, const struct sv_qcow2_part *part, struct sv_err *err)
{
        struct seen *s = arg;

        if (part->at < s->next || part->n == 0 || part->n > s->q->size - part->at ||
            (part->from && (part->from > s->q->file || part->n > s->q->file - part->from)))
                abort();
        s->next = part->at + part->n;
        return s->left-- ? 0 : sv_fail(err, SV_SYSTEM, "fuzz.enough", "enough");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        SV_FD fd = memfd_create("image", MFD_CLOEXEC);
        struct sv_qcow2 q = {0};
        struct seen seen = {.q = &q, .left = 1000};

        if (fd < 0 || (size && write(fd, data, size) != (ssize_t)size))
                return 0;
        if (sv_qcow2_open(fd, "image", &q, &err) == 0 && q.size < 1ull << 40 &&
            sv_qcow2_each(&q, see_part, &seen, &err) == 0)
                return 0;
        if (q.size < 1ull << 40 && err.class && strncmp(err.check, "image.qcow2.", 12) &&
            strcmp(err.check, "fuzz.enough"))
                abort();
        return 0;
}
