/* SPDX-License-Identifier: Apache-2.0 */
#include "image/bundle.h"

#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "stub/tables.h"

#define NAME_SIZE 56u

/* A name of fw_cfg becomes a path below the folder, and leads nowhere else. */
static int read_fw_cfg_copy(const char *dir, const char *name, struct sv_buf *out,
                            struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);

        if (name[0] == '/' || strstr(name, ".."))
                return sv_fail(err, SV_FORMAT, "image.acpi",
                               "%s: the loader script names a file \"%s\"", dir, name);
        if (sv_file_read(path, SV_FW_CFG_SIZE_MAX, out, "image.acpi", err) < 0)
                return sv_wrap(err, "\"image acpi\" makes the folder");
        if (out->n == 0)
                return sv_fail(err, SV_FORMAT, "image.acpi", "%s is empty", path);
        return 0;
}

static size_t hide_fw_cfg(struct sv_buf *b)
{
        size_t n = sizeof(SV_FW_CFG_ID) - 1, found = 0;
        uint8_t *at = b->p;

        while ((at = memmem(at, b->n - (size_t)(at - b->p), SV_FW_CFG_ID, n))) {
                memcpy(at, SV_FW_CFG_HIDDEN, n);
                found++;
        }
        return found;
}

static int add_bundle_file(const char *dir, const char *name, struct sv_buf *out,
                           struct sv_bundle_made *made, struct sv_err *err)
{
        SV_BUF file = SV_BUF_NULL;
        size_t stored;
        uint8_t *field;

        if (read_fw_cfg_copy(dir, name, &file, err) < 0)
                return -1;
        if (strcmp(name, SV_LOADER_TABLES) == 0)
                made->hidden += hide_fw_cfg(&file);
        for (stored = file.n; stored && !file.p[stored - 1];)
                stored--;
        /* Of the script, whole commands. */
        if (strcmp(name, SV_LOADER_SCRIPT) == 0)
                stored = file.n;
        field = sv_buf_grow(out, NAME_SIZE);
        if (field)
                memcpy(field, name, strlen(name));
        sv_buf_u32le(out, (uint32_t)file.n);
        sv_buf_u32le(out, (uint32_t)stored);
        sv_buf_put(out, sv_bytes(file.p, stored));
        return sv_buf_ok(out, "the ACPI files", err);
}

/* The script, and what it allocates, in that order: 1 with the next name, 0 at the end. */
static int read_next_name(struct sv_rd *script, char name[NAME_SIZE + 1])
{
        while (sv_rd_left(script) >= 128) {
                struct sv_rd command = sv_rd_sub(script, 128);
                uint32_t what = sv_rd_u32le(&command);

                sv_rd_copy(&command, name, NAME_SIZE);
                name[NAME_SIZE] = 0;
                if (what == 1 && *name && strlen(name) < NAME_SIZE)
                        return 1;
        }
        return 0;
}

static int collect_files(const char *dir, struct sv_buf *files, uint32_t *n,
                         struct sv_bundle_made *made, struct sv_err *err)
{
        SV_BUF script = SV_BUF_NULL;
        char name[NAME_SIZE + 1];
        struct sv_rd r;

        if (read_fw_cfg_copy(dir, SV_LOADER_SCRIPT, &script, err) < 0 ||
            add_bundle_file(dir, SV_LOADER_SCRIPT, files, made, err) < 0)
                return -1;
        r = sv_rd(sv_buf_bytes(&script));
        for (*n = 1; read_next_name(&r, name); (*n)++)
                if (add_bundle_file(dir, name, files, made, err) < 0)
                        return -1;
        return 0;
}

/* --- as the stub does it --- */

/* Below 4 GiB, where pointers of 32 bits reach: addresses of no memory, apart from each other. */
static int allocate_trial(const struct sv_loader_memory *m, struct sv_bundle_file *f,
                          uint32_t align, struct sv_err *err)
{
        const struct sv_bundle *b = m->context;

        f->memory = calloc(1, f->size);
        f->address = (uint64_t)(1 + (f - b->files)) << 24;
        return f->memory ? 0 : sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
}

static int try_bundle(struct sv_bytes section, struct sv_bundle_made *made, struct sv_err *err)
{
        struct sv_bundle b = {.n = 0};
        const struct sv_loader_memory memory = {allocate_trial, &b};
        const struct sv_memory_view view = {sv_bundle_view, &b};
        struct sv_tables *tables = calloc(1, sizeof(*tables));
        uint64_t rsdp;
        int r = -1;

        if (!tables)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        if (sv_bundle_read(section, &b, err) == 0 && sv_loader_run(&b, &memory, &rsdp, err) == 0)
                r = sv_tables_find(&view, rsdp, tables, err);
        made->tables = tables->n;
        for (size_t i = 0; i < b.n; i++)
                free(b.files[i].memory);
        free(tables);
        return r;
}

int sv_bundle_make(const char *dir, bool refuse, struct sv_buf *out, struct sv_bundle_made *made,
                   struct sv_err *err)
{
        struct sv_bundle_made m = {0};
        SV_BUF files = SV_BUF_NULL;
        SV_BUF section = SV_BUF_NULL;
        uint32_t n = 0;

        if (collect_files(dir, &files, &n, &m, err) < 0)
                return -1;
        sv_buf_put(&section, sv_bytes(SV_BUNDLE_MAGIC, 8));
        sv_buf_u32le(&section, refuse ? SV_BUNDLE_REFUSE : 0);
        sv_buf_u32le(&section, n);
        sv_buf_put(&section, sv_buf_bytes(&files));
        if (sv_buf_ok(&section, "the ACPI files", err) < 0)
                return -1;
        if (try_bundle(sv_buf_bytes(&section), &m, err) < 0)
                return sv_wrap(err, "%s", dir);
        sv_buf_put(out, sv_buf_bytes(&section));
        *made = m;
        return sv_buf_ok(out, "the ACPI files", err);
}
