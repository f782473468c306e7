/* SPDX-License-Identifier: Apache-2.0 */
#include "image/libs.h"

#include <unistd.h>

#include "base/core/file.h"
#include "image/elf.h"

#define LIBRARY_SIZE_MAX (64u << 20)

/* The dynamic linker's own default folders (ld.so(8)); nothing needs a configuration file or cache
 * in the initramfs then. */
static const char *const folders[] = {
        "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu",
        "/lib64",
        "/usr/lib64",
        "/lib",
        "/usr/lib",
};

static char *find_library(const char *name)
{
        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
                SV_STR path = sv_asprintf("%s/%s", folders[i], name);

                if (access(path, R_OK) == 0) {
                        char *found = path;

                        path = NULL;
                        return found;
                }
        }
        return NULL;
}

static int add_needs(struct sv_cpio *tree, const char *who, struct sv_bytes file, unsigned machine,
                     struct sv_err *err);

/* One file at its own path, unless it is there, and then what it needs. */
static int add_library(struct sv_cpio *tree, const char *path, unsigned machine, struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        if (sv_cpio_find(tree, path + 1))
                return 0;
        if (sv_file_read(path, LIBRARY_SIZE_MAX, &b, "image.library", err) < 0)
                return -1;
        if (sv_cpio_add_file(tree, path + 1, 0755, sv_buf_bytes(&b), err) < 0)
                return -1;
        return add_needs(tree, path, sv_buf_bytes(&b), machine, err);
}

/* The linker takes a library that is loaded already by its name, wherever it came from: the
 * interpreter is one of them. */
static bool has_library(const struct sv_cpio *tree, const char *name)
{
        for (size_t i = 0; i < tree->n; i++) {
                const char *slash = strrchr(tree->list[i].path, '/');

                if (slash && strcmp(slash + 1, name) == 0)
                        return true;
        }
        return false;
}

static int add_by_name(struct sv_cpio *tree, const char *who, const char *name, unsigned machine,
                       struct sv_err *err)
{
        SV_STR path = NULL;

        if (has_library(tree, name))
                return 0;
        path = find_library(name);
        if (!path)
                return sv_fail(err, SV_USAGE, "image.library",
                               "%s needs %s, which is in none of the dynamic linker's folders", who,
                               name);
        return add_library(tree, path, machine, err);
}

static int add_needs(struct sv_cpio *tree, const char *who, struct sv_bytes file, unsigned machine,
                     struct sv_err *err)
{
        struct sv_elf elf;

        if (sv_elf_parse(file, &elf, err) < 0)
                return sv_wrap(err, "%s", who);
        if (machine && elf.machine != machine)
                return sv_fail(err, SV_USAGE, "image.library",
                               "%s is for another machine (ELF %u, expected %u)", who, elf.machine,
                               machine);
        if (elf.interp && add_library(tree, elf.interp, elf.machine, err) < 0)
                return -1;
        for (size_t i = 0; i < elf.n_needed; i++)
                if (add_by_name(tree, who, elf.needed[i], elf.machine, err) < 0)
                        return -1;
        return 0;
}

int sv_libs_add(struct sv_cpio *tree, const char *name, struct sv_bytes program,
                const char *const *extra, struct sv_err *err)
{
        if (add_needs(tree, name, program, 0, err) < 0)
                return -1;
        for (; extra && *extra; extra++)
                if (add_by_name(tree, name, *extra, 0, err) < 0)
                        return -1;
        return 0;
}
