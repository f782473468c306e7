/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/collateral.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/cli/armor.h"

void sv_files_free(struct sv_files *f)
{
        for (size_t i = 0; i < f->n; i++)
                sv_buf_free(&f->list[i].data);
        free(f->list);
        *f = (struct sv_files){0};
}

static struct sv_file *add_file(struct sv_files *f, const char *kind, struct sv_err *err)
{
        struct sv_file *list = reallocarray(f->list, f->n + 1, sizeof(*list));
        struct sv_file *file;

        if (!list) {
                sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a file of kind %s", kind);
                return NULL;
        }
        f->list = list;
        file = &list[f->n++];
        *file = (struct sv_file){0};
        snprintf(file->kind, sizeof(file->kind), "%s", kind);
        return file;
}

int sv_files_add(struct sv_files *f, const char *kind, const char *path, struct sv_err *err)
{
        struct sv_file *file;
        const char *form;

        if (strlen(kind) >= sizeof(file->kind))
                return sv_fail(err, SV_USAGE, "verify.collateral",
                               "%s: no verifier asks for \"%.60s\"", path, kind);
        file = add_file(f, kind, err);
        if (!file ||
            sv_file_read(path, SV_JSON_SIZE_MAX, &file->data, "verify.collateral", err) < 0)
                return -1;
        /* A bundle is JSON with certificates in it, and has a reader of its own. */
        return strcmp(kind, "bundle") ? sv_armor_remove(&file->data, &form, err) : 0;
}

int sv_files_split(struct sv_files *f, const char *kind, struct sv_err *err)
{
        SV_BUF rest = SV_BUF_NULL;
        struct sv_file *file;

        sv_armor_split(&f->list[f->n - 1].data, &rest);
        if (sv_buf_ok(&rest, "a certificate's chain", err) < 0)
                return -1;
        if (!rest.n)
                return 0;
        file = add_file(f, kind, err);
        if (!file)
                return -1;
        file->data = rest;
        rest = (struct sv_buf)SV_BUF_NULL;
        return 0;
}

static int add_folder_entry(struct sv_files *f, const char *dir, const char *name,
                            struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);
        SV_STR kind = sv_asprintf("%.*s", (int)strcspn(name, "."), name);
        struct stat st;

        if (name[0] == '.' || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
                return 0;
        for (char *p = kind; *p; p++) {
                if (*p == '_')
                        *p = '-';
        }
        return sv_files_add(f, kind, path, err);
}

int sv_files_add_path(struct sv_files *f, const char *path, struct sv_err *err)
{
        struct dirent **names = NULL;
        struct stat st;
        int n, r = 0;

        if (stat(path, &st) < 0)
                return sv_fail_errno(err, "verify.collateral", "cannot read %s", path);
        if (!S_ISDIR(st.st_mode))
                return sv_files_add(f, "bundle", path, err);
        n = scandir(path, &names, NULL, alphasort);
        if (n < 0)
                return sv_fail_errno(err, "verify.collateral", "cannot list %s", path);
        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = add_folder_entry(f, path, names[i]->d_name, err);
                free(names[i]);
        }
        free(names);
        return r;
}
