/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest will measure, from bytes. */
#include "base/core/limits.h"
#include "lib/given.h"
#include "tee/boot.h"
#include "tee/measure.h"

#include <stdio.h>
#include <stdlib.h>

SECUREVM_API int securevm_files_new(securevm_files **out, securevm_error *err)
{
        struct sv_err why = SV_ERR_NULL;
        securevm_files *f = out ? calloc(1, sizeof(*f)) : NULL;

        if (!out)
                return sv_call_end(sv_call_refuse(&why, "a place for the files"), &why, err);
        if (!f)
                return sv_call_end(sv_fail(&why, SV_SYSTEM, "base.memory", "no memory"), &why, err);
        *out = f;
        return sv_call_end(0, NULL, err);
}

SECUREVM_API void securevm_files_free(securevm_files *files)
{
        for (size_t i = 0; files && i < files->n; i++)
                free(files->list[i].path);
        if (files)
                free(files->list);
        free(files);
}

static int add_given_file(securevm_files *f, const char *name, const void *data, size_t size,
                          struct sv_err *why)
{
        struct sv_given *list;
        size_t n;

        if (!f || !name || (!data && size))
                return sv_call_refuse(why, !f ? "files" : !name ? "a name" : "bytes");
        list = reallocarray(f->list, f->n + 1, sizeof(*list));
        if (!list)
                return sv_fail(why, SV_SYSTEM, "base.memory", "no memory for a file");
        f->list = list;
        n = strlen(name) + 2;
        list[f->n] = (struct sv_given){.path = malloc(n), .data = sv_bytes(data, size)};
        if (!list[f->n].path)
                return sv_fail(why, SV_SYSTEM, "base.memory", "no memory for a file's name");
        snprintf(list[f->n++].path, n, "%s%s", *name == '/' ? "" : "/", name);
        return 0;
}

SECUREVM_API int securevm_files_add(securevm_files *files, const char *name, const void *data,
                                    size_t size, securevm_error *err)
{
        struct sv_err why = SV_ERR_NULL;

        return sv_call_end(add_given_file(files, name, data, size, &why), &why, err);
}

static int find_measuring(const char *name, const struct sv_tee_measure **out, struct sv_err *why)
{
        char names[SV_TEE_NAMES_SIZE] = "";

        for (size_t i = 0; sv_tees_measure[i]; i++) {
                if (!strcmp(sv_tees_measure[i]->id->name, name)) {
                        *out = sv_tees_measure[i];
                        return 0;
                }
                sv_tee_add_name(names, sv_tees_measure[i]->id);
        }
        return sv_fail(why, SV_USAGE, "tee.name", "one of %s was expected, found %.40s", names,
                       name);
}

/* Are kernel and initramfs what they are said to be (sv_boot_check)? */
static int check_given(const struct sv_guest *g, const securevm_files *files, struct sv_err *why)
{
        const char *const named[][2] = {{"kernel", g->kernel}, {"initrd", g->initrd}};

        for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
                const char *path = named[i][1];
                const struct sv_bytes *data = path ? sv_given_find(files, path) : NULL;

                if (data && sv_boot_check_head(*data, data->n, named[i][0], path, why) < 0)
                        return sv_guest_wrap_member(g, named[i][0], why);
        }
        return 0;
}

static int predict_from(struct sv_bytes guest, const securevm_files *files, const char *tee,
                        char **out, struct sv_err *why)
{
        const struct sv_tee_measure *row = NULL;
        struct sv_measurement m = {0};
        const char *left = NULL;
        SV_JSON *result = NULL;
        SV_GUEST g = {0};

        if (sv_guest_parse(guest, "the guest file", "", &g, why) < 0 ||
            find_measuring(tee ? tee : g.tee, &row, why) < 0 ||
            sv_tee_takes(row->id, &g, why) < 0 || check_given(&g, files, why) < 0 ||
            (row->exposure && row->exposure(&g, &left, why) < 0) || row->measure(&g, &m, why) < 0)
                return -1;
        result = sv_measurement_json(row->id, &m);
        sv_measurement_free(&m);
        return sv_call_print(result, out, why);
}

SECUREVM_API int securevm_predict(const void *guest, size_t size, const securevm_files *files,
                                  const char *tee, char **json, securevm_error *err)
{
        struct sv_given_call call = {.files = files};
        struct sv_err why = SV_ERR_NULL;
        char *text = NULL;
        int r;

        sv_call_begin();
        if (!guest || !files || !json)
                return sv_call_end(sv_call_refuse(&why, !guest   ? "a guest file"
                                                        : !files ? "files"
                                                                 : "a place for the text"),
                                   &why, err);
        if (size > SV_GUEST_SIZE_MAX)
                return sv_call_end(sv_fail(&why, SV_FORMAT, "guest.file",
                                           "at most %u bytes were expected, found %zu",
                                           SV_GUEST_SIZE_MAX, size),
                                   &why, err);
        sv_watch_memory();
        if (setjmp(call.no_memory)) {
                sv_given_set(NULL);
                sv_fail(&why, SV_SYSTEM, "base.memory", "no memory for a prediction");
                return sv_call_end(-1, &why, err);
        }
        sv_given_set(&call);
        r = sv_check_memory(predict_from(sv_bytes(guest, size), files, tee, &text, &why), &why);
        sv_given_set(NULL);
        if (r < 0)
                free(text);
        else
                *json = text;
        return sv_call_end(r, &why, err);
}
