/* SPDX-License-Identifier: Apache-2.0 */
#include "image/builtin.h"

#include "base/core/file.h"
#include "base/core/limits.h"
#include "image/moddeps.h"

/* "kernel/drivers/block/virtio_blk.ko" */
static void add_builtin_path(struct sv_bytes line, struct sv_buf *names)
{
        SV_STR path = sv_asprintf("%.*s", (int)line.n, (const char *)line.p);
        SV_STR name = sv_module_name(path);

        if (name)
                sv_buf_printf(names, "%s\n", name);
}

/* "virtio_blk.license=GPL": the last field that each has is its file's name. */
static void add_builtin_field(struct sv_bytes field, struct sv_buf *names)
{
        static const char mark[] = ".file=";
        const uint8_t *at = memmem(field.p, field.n, mark, sizeof(mark) - 1);

        if (at)
                sv_buf_printf(names, "%.*s\n", (int)(at - field.p), (const char *)field.p);
}

/* The pieces of the file that `end` ends, if there is such a file. */
static int read_builtin_names(const struct sv_folder *dir, const char *file, char end,
                              void (*add)(struct sv_bytes piece, struct sv_buf *names),
                              struct sv_builtin *b, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (!dir->has(dir, file))
                return 0;
        if (dir->read(dir, file, SV_MODULE_LISTS_MAX, &text, "image.modules.builtin", err) < 0)
                return -1;
        b->known = true;
        for (size_t at = 0, n; at < text.n; at += n + 1) {
                const uint8_t *stop = memchr(text.p + at, end, text.n - at);

                n = stop ? (size_t)(stop - text.p) - at : text.n - at;
                add(sv_bytes(text.p + at, n), &b->names);
        }
        return sv_buf_ok(&b->names, file, err);
}

int sv_builtin_read(const struct sv_folder *modules, struct sv_builtin *out, struct sv_err *err)
{
        SV_BUILTIN b = SV_BUILTIN_NULL;

        sv_buf_puts(&b.names, "\n");
        if (read_builtin_names(modules, "modules.builtin", '\n', add_builtin_path, &b, err) < 0)
                return -1;
        if (read_builtin_names(modules, "modules.builtin.modinfo", 0, add_builtin_field, &b, err) <
            0)
                return -1;
        *out = b;
        b = (struct sv_builtin)SV_BUILTIN_NULL;
        return 0;
}

bool sv_builtin_has(struct sv_builtin *b, const char *name)
{
        SV_STR line = sv_asprintf("\n%s\n", name);

        for (char *c = line; (c = strchr(c, '-'));)
                *c = '_';
        return strstr(sv_buf_str(&b->names), line);
}

void sv_builtin_free(struct sv_builtin *b)
{
        sv_buf_free(&b->names);
        *b = (struct sv_builtin)SV_BUILTIN_NULL;
}
