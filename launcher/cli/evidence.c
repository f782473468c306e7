/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/evidence.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/cli/armor.h"

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

/* Evidence in JSON has a member that no other TEE's has. */
static const struct sv_tee_verify *find_marked(const struct sv_json *evidence)
{
        for (const struct sv_tee_verify *const *t = sv_tees_verify; *t; t++)
                if ((*t)->mark && sv_json_get(evidence, (*t)->mark))
                        return *t;
        return NULL;
}

static bool is_raw_evidence(const struct sv_tee_verify *tee, struct sv_bytes raw)
{
        SV_JSON *evidence = NULL;
        SV_EVIDENCE *opened = NULL;

        return tee->wrap && sv_evidence_wrap(tee, raw, &evidence, NULL) == 0 &&
               sv_evidence_open(tee, evidence, &opened, NULL) == 0;
}

/* What hardware or kernel give is read by one TEE only. */
static const struct sv_tee_verify *find_wrapping(struct sv_bytes raw)
{
        for (const struct sv_tee_verify *const *t = sv_tees_verify; *t; t++)
                if (is_raw_evidence(*t, raw))
                        return *t;
        return NULL;
}

static int parse_evidence(struct sv_buf *raw, const struct sv_tee_verify **tee,
                          struct sv_json **evidence, struct sv_err *err)
{
        const char *text = sv_buf_str(raw);
        char names[SV_TEE_NAMES_SIZE];
        bool wrapped = text[strspn(text, " \t\r\n")] != '{' && (!*tee || (*tee)->wrap);

        if (!wrapped && sv_json_parse(sv_buf_bytes(raw), "verify.evidence", evidence, err) < 0)
                return -1;
        if (!*tee)
                *tee = wrapped ? find_wrapping(sv_buf_bytes(raw)) : find_marked(*evidence);
        if (!*tee)
                return sv_fail(err, SV_USAGE, "tee.name",
                               "by its form this is no evidence that we know: --tee (one of %s) "
                               "says whose it is meant to be, and then what is wrong with it",
                               sv_tee_list_verify(names));
        return wrapped ? sv_evidence_wrap(*tee, sv_buf_bytes(raw), evidence, err) : 0;
}

int sv_evidence_read(const char *path, const struct sv_tee_verify **tee, struct sv_evidence **out,
                     struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;
        SV_JSON *evidence = NULL;
        const char *form;

        if (sv_file_read(path, SV_JSON_SIZE_MAX, &raw, "verify.evidence", err) < 0 ||
            ((!*tee || (*tee)->wrap) && sv_armor_remove(&raw, &form, err) < 0) ||
            parse_evidence(&raw, tee, &evidence, err) < 0)
                return -1;
        return sv_evidence_open(*tee, evidence, out, err);
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
