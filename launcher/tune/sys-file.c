/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/sys-file.h"

#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"

int sv_sys_read(const char *root, const char *path, struct sv_buf *out, struct sv_err *err)
{
        SV_STR full = sv_asprintf("%s%s", root, path);

        sv_buf_clear(out);
        if (sv_file_read(full, SV_SYSFS_SIZE_MAX, out, "tune.topology.read", err) < 0)
                return -1;
        if (!out->n || out->p[out->n - 1] != '\n' || memchr(out->p, 0, out->n))
                return sv_fail(err, SV_FORMAT, "tune.topology.format",
                               "%s: lines of text were expected, found %zu bytes that do not end "
                               "one",
                               full, out->n);
        return sv_buf_ok(out, full, err);
}

bool sv_sys_has(const char *root, const char *path)
{
        SV_STR full = sv_asprintf("%s%s", root, path);

        return access(full, F_OK) == 0;
}

bool sv_sys_take_number(const char **at, uint64_t max, uint64_t *out)
{
        const char *p = *at;
        uint64_t n = 0;

        for (; *p >= '0' && *p <= '9'; p++) {
                unsigned digit = (unsigned)(*p - '0');

                if (n > (max - digit) / 10 || digit > max)
                        return false;
                n = n * 10 + digit;
        }
        if (p == *at)
                return false;
        *at = p;
        *out = n;
        return true;
}

int sv_sys_read_number(const char *root, const char *path, uint64_t max, uint64_t *out,
                       struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        uint64_t n = 0;
        const char *at;

        if (sv_sys_read(root, path, &text, err) < 0)
                return -1;
        at = sv_buf_str(&text);
        if (!sv_sys_take_number(&at, max, &n) || strcmp(at, "\n"))
                return sv_fail(err, SV_FORMAT, "tune.topology.format",
                               "%s%s: a number from 0 to %llu was expected, found \"%.40s\"", root,
                               path, (unsigned long long)max, sv_buf_str(&text));
        *out = n;
        return 0;
}
