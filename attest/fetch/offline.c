/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/fetch/offline.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "attest/fetch/form.h"
#include "base/core/file.h"
#include "base/core/limits.h"

bool sv_offline_path_ok(const char *path)
{
        if (!*path || *path == '/')
                return false;
        for (const char *part = path; part; part = strchr(part, '/'), part = part ? part + 1 : NULL)
                if (!strncmp(part, "..", 2) && (part[2] == '/' || !part[2]))
                        return false;
        return true;
}

static bool is_kind(const char *name, const char *kind)
{
        size_t n = strlen(kind);

        for (size_t i = 0; i < n; i++)
                if ((name[i] == '_' ? '-' : name[i]) != kind[i])
                        return false;
        return name[n] == '.';
}

/* The first file of that kind in the order of names; NULL when there is none. */
static char *find_plain_file(const char *dir, const char *kind)
{
        struct dirent **names = NULL;
        int n = scandir(dir, &names, NULL, alphasort);
        char *found = NULL;

        for (int i = 0; i < n; i++) {
                if (!found && is_kind(names[i]->d_name, kind))
                        found = sv_asprintf("%s/%s", dir, names[i]->d_name);
                free(names[i]);
        }
        free(names);
        return found;
}

static char *find_offline_file(const char *dir, const char *offline, const char *kind,
                               struct sv_err *err)
{
        char *path;

        if (offline && !sv_offline_path_ok(offline)) {
                sv_fail(err, SV_FORMAT, "collateral.needs",
                        "\"%.200s\" does not stay below a folder", offline);
                return NULL;
        }
        path = offline ? sv_asprintf("%s/%s", dir, offline) : NULL;
        if (path && access(path, R_OK) == 0)
                return path;
        free(path);
        path = find_plain_file(dir, kind);
        if (!path)
                sv_fail(err, SV_SYSTEM, "collateral.offline",
                        "%s has neither %s nor %s.* for the %s that the evidence needs", dir,
                        offline ? offline : "a path of its own", kind, kind);
        return path;
}

struct into {
        const char *dir;
        struct sv_entry *e;
};

static int read_offline_header(void *arg, const char *name, struct sv_json *value,
                               struct sv_err *err)
{
        struct into *in = arg;
        const char *kind = sv_json_str(value);
        SV_STR path = kind ? find_offline_file(in->dir, NULL, kind, err) : NULL;
        SV_BUF text = SV_BUF_NULL;

        if (!kind)
                return sv_fail(err, SV_FORMAT, "collateral.needs",
                               "the header %.60s becomes no kind", name);
        if (!path || sv_file_read(path, SV_PEM_SIZE_MAX, &text, "collateral.size", err) < 0)
                return -1;
        sv_json_set_str(in->e->headers, kind, sv_buf_str(&text));
        return 0;
}

int sv_fetch_offline(const char *dir, const struct sv_json *row, struct sv_entry *out, bool *absent,
                     struct sv_err *err)
{
        const char *kind = sv_json_str(sv_json_get(row, "kind"));
        const struct sv_json *headers = sv_json_get(row, "headers");
        struct sv_err why = SV_ERR_NULL;
        SV_STR path = find_offline_file(dir, sv_json_str(sv_json_get(row, "offline")), kind, &why);
        SV_ENTRY e = {.refresh = SV_NEVER, .until = SV_NEVER};
        struct into in = {dir, &e};

        if (!path && why.class == SV_SYSTEM && sv_json_bool(sv_json_get(row, "optional"), false)) {
                *absent = true;
                return 0;
        }
        if (!path) {
                if (err)
                        *err = why;
                return -1;
        }
        e.url = sv_asprintf("%s", path);
        snprintf(e.kind, sizeof(e.kind), "%s", kind);
        if (sv_file_read(path, SV_COLLATERAL_SIZE_MAX, &e.body, "collateral.size", err) < 0 ||
            sv_fetch_form(row, &e, err) < 0)
                return -1;
        if (headers) {
                e.headers = sv_json_object();
                if (sv_json_each(headers, read_offline_header, &in, err) < 0)
                        return -1;
        }
        *out = e;
        e = (struct sv_entry){0};
        return 0;
}
