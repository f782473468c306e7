/* SPDX-License-Identifier: Apache-2.0 */
#include "image/module.h"

#include "base/core/limits.h"
#include "image/elf.h"
#include "image/gzip.h"
#include "image/moddeps.h"
#include "image/zstd.h"
#include "ovmf/lzma.h"

static int copy_plain(struct sv_bytes in, size_t max, struct sv_buf *out, struct sv_err *err)
{
        sv_buf_put(out, in);
        return sv_buf_ok(out, "a module", err);
}

int sv_module_unpack(const char *suffix, struct sv_bytes file, struct sv_buf *out,
                     struct sv_err *err)
{
        static const struct {
                const char *suffix;
                int (*unpack)(struct sv_bytes in, size_t max, struct sv_buf *out,
                              struct sv_err *err);
        } forms[] = {
                {".ko", copy_plain},
                {".ko.gz", sv_gzip_decode},
                {".ko.xz", sv_xz_decode},
                {".ko.zst", sv_zstd_decompress},
        };
        SV_BUF module = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
                if (strcmp(suffix, forms[i].suffix) == 0 &&
                    forms[i].unpack(file, SV_MODULE_SIZE_MAX, &module, err) < 0)
                        return -1;
        if (sv_elf_check_module(sv_buf_bytes(&module), err) < 0)
                return -1;
        sv_buf_put(out, sv_buf_bytes(&module));
        return sv_buf_ok(out, "a module", err);
}

int sv_module_read(const struct sv_folder *dir, const char *path, struct sv_buf *out,
                   struct sv_err *err)
{
        const char *suffix = sv_module_suffix(path);
        SV_BUF file = SV_BUF_NULL;

        if (dir->read(dir, path, SV_MODULE_SIZE_MAX, &file, "image.modules.file", err) < 0)
                return -1;
        if (sv_module_unpack(suffix ? suffix : ".ko", sv_buf_bytes(&file), out, err) < 0)
                return sv_wrap(err, "%s/%s", dir->name, path);
        return 0;
}
