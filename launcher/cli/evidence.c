/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/evidence.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "attest/evidence.h"
#include "base/core/file.h"
#include "base/core/limits.h"

int sv_evidence_tee(const struct sv_args *args, const struct sv_tee_verify **out,
                    struct sv_err *err)
{
        const char *name = sv_opt(args, "tee");
        char names[SV_TEE_NAMES_SIZE];

        *out = name ? sv_tee_find_verify(name) : NULL;
        if (name && !*out)
                return sv_fail(err, SV_USAGE, "tee.name",
                               "expected --tee with one of %s, found %.40s",
                               sv_tee_list_verify(names), name);
        return 0;
}

int sv_evidence_read(const char *path, const struct sv_tee_verify **tee, struct sv_evidence **out,
                     struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;

        if (sv_file_read(path, SV_JSON_SIZE_MAX, &raw, "verify.evidence", err) < 0)
                return -1;
        return sv_evidence_parse(&raw, tee, out, err);
}

void sv_evidence_paths_free(struct sv_evidence_paths *p)
{
        for (size_t i = 0; i < p->n; i++)
                free(p->list[i]);
        free(p->list);
        *p = (struct sv_evidence_paths){0};
}

/* Takes ownership of the path. */
static int add_path(struct sv_evidence_paths *p, char *path, struct sv_err *err)
{
        char **list = reallocarray(p->list, p->n + 1, sizeof(*list));

        if (!list) {
                free(path);
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a path");
        }
        p->list = list;
        list[p->n++] = path;
        return 0;
}

static int add_folder(struct sv_evidence_paths *p, const char *dir, struct sv_err *err)
{
        struct dirent **names = NULL;
        size_t before = p->n;
        int n = scandir(dir, &names, NULL, alphasort), r = 0;

        if (n < 0)
                return sv_fail_errno(err, "verify.evidence", "cannot list %s", dir);
        for (int i = 0; i < n; i++) {
                SV_STR path = sv_asprintf("%s/%s", dir, names[i]->d_name);
                struct stat st;

                if (r == 0 && names[i]->d_name[0] != '.' && stat(path, &st) == 0 &&
                    S_ISREG(st.st_mode)) {
                        r = add_path(p, path, err);
                        path = NULL;
                }
                free(names[i]);
        }
        free(names);
        if (r == 0 && p->n == before)
                return sv_fail(err, SV_USAGE, "verify.evidence", "there is no file in %s", dir);
        return r;
}

int sv_evidence_paths(const struct sv_args *args, struct sv_evidence_paths *out, struct sv_err *err)
{
        SV_EVIDENCE_PATHS p = {0};
        struct stat st;

        for (int i = 0; i < args->n; i++) {
                if (stat(args->pos[i], &st) < 0)
                        return sv_fail_errno(err, "verify.evidence", "cannot read %s",
                                             args->pos[i]);
                if (S_ISDIR(st.st_mode) ? add_folder(&p, args->pos[i], err) < 0
                                        : add_path(&p, sv_asprintf("%s", args->pos[i]), err) < 0)
                        return -1;
        }
        *out = p;
        p = (struct sv_evidence_paths){0};
        return 0;
}
