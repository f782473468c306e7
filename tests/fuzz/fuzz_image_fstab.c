/* SPDX-License-Identifier: Apache-2.0 */
/* An edited fstab has as many lines as before, and edited again it stays as it is. */
#include <stdlib.h>

#include "base/core/buf.h"
#include "image/import/fstab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count_absent(void *arg, const struct sv_fstab_entry *e, struct sv_err *err)
{
        if (!*e->spec || !*e->mount)
                abort();
        ++*(size_t *)arg;
        return 0;
}

static size_t count_lines(struct sv_bytes text)
{
        size_t n = 0;

        for (size_t i = 0; i < text.n; i++)
                n += text.p[i] == '\n';
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_bytes text = sv_bytes(data, size);
        SV_BUF once = SV_BUF_NULL, twice = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;
        size_t absent = 0;
        const struct sv_fstab_in in = {
                .uuid = "1234", .label = "root", .absent = count_absent, .arg = &absent};

        if (sv_fstab_edit(text, &in, &once, &err) < 0)
                return 0;
        if (count_lines(text) != count_lines(sv_buf_bytes(&once)))
                abort();
        absent = 0;
        if (sv_fstab_edit(sv_buf_bytes(&once), &in, &twice, &err) < 0 || absent)
                abort();
        if (once.n != twice.n || (once.n && memcmp(once.p, twice.p, once.n)))
                abort();
        return 0;
}
