/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/files.h"

#include <stdio.h>
#include <stdlib.h>

#include "attest/armor.h"

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

int sv_files_take(struct sv_files *f, const char *kind, const char *name, struct sv_buf *data,
                  struct sv_err *err)
{
        struct sv_file *file;
        const char *form;

        if (strlen(kind) >= sizeof(file->kind))
                return sv_fail(err, SV_USAGE, "verify.collateral",
                               "%s: no verifier asks for \"%.60s\"", name, kind);
        file = add_file(f, kind, err);
        if (!file)
                return -1;
        file->data = *data;
        *data = (struct sv_buf)SV_BUF_NULL;
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
