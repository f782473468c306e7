/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm collateral: certificates, revocation lists and TCB documents that evidence needs;
 * fetched, listed, taken along. */
#include "launcher/cli/commands.h"

#include <stdio.h>

#include "attest/fetch/offline.h"
#include "base/core/file.h"
#include "base/program/log.h"
#include "base/core/text.h"
#include "launcher/cli/evidence.h"
#include "launcher/cli/fetch-args.h"

/* What says which evidence, and where its collateral comes from. */
#define EVIDENCE_OPTS \
        {.name = "tee", .arg = "T", .help = "which TEE made the evidence"}, SV_FETCH_OPTS

static const struct sv_opt fetch_opts[] = {EVIDENCE_OPTS, {0}};

static const struct sv_opt list_opts[] = {
        {.name = "cache",
         .arg = "DIR",
         .help = "the cache (default: secure-vm/collateral in the user's cache)"},
        {0},
};

static const struct sv_opt export_opts[] = {
        {.name = "out", .arg = "DIR", .help = "the folder to fill; made when it is not there"},
        {.name = "tree",
         .help = "as --offline takes it, for any number of machines; without: as verify "
                 "--collateral takes it, for this evidence"},
        EVIDENCE_OPTS,
        {0},
};

struct inputs {
        const struct sv_tee_verify *tee;
        struct sv_fetch_args fetch;
        struct sv_evidence_paths paths;
};

static void free_inputs(struct inputs *in)
{
        sv_fetch_args_free(&in->fetch);
        sv_evidence_paths_free(&in->paths);
}

static int read_inputs(const struct sv_args *args, struct inputs *in, struct sv_err *err)
{
        if (sv_evidence_tee(args, &in->tee, err) < 0)
                return -1;
        if (sv_fetch_from_args(args, &in->fetch, err) < 0)
                return -1;
        return sv_evidence_paths(args, &in->paths, err);
}

/* Fetches everything that the evidence in this file needs. */
static int fetch_for_evidence(struct inputs *in, const char *path, struct sv_json *needs,
                              struct sv_fetched *out, struct sv_err *err)
{
        SV_EVIDENCE *evidence = NULL;

        if (sv_evidence_read(path, &in->tee, &evidence, err) < 0 ||
            in->tee->needs(evidence, needs, err) < 0 ||
            sv_fetch_needs(&in->fetch.fetch, needs, NULL, out, err) < 0)
                return sv_wrap(err, "%s", path);
        sv_fetch_warn(out);
        return 0;
}

static int run_collateral_fetch(const struct sv_args *args, struct sv_json **result,
                                struct sv_err *err)
{
        __attribute__((cleanup(free_inputs))) struct inputs in = {0};
        struct sv_json *all;

        if (read_inputs(args, &in, err) < 0)
                return -1;
        *result = sv_json_object();
        all = sv_json_set(*result, "collateral", sv_json_array());
        for (size_t i = 0; i < in.paths.n; i++) {
                SV_FETCHED fetched = {0};
                SV_JSON *needs = sv_json_array();
                SV_JSON *rows = NULL;

                if (fetch_for_evidence(&in, in.paths.list[i], needs, &fetched, err) < 0)
                        return -1;
                rows = sv_fetched_json(&fetched);
                for (size_t k = 0; k < fetched.n; k++) {
                        if (!sv_has(args, "json"))
                                printf("%s %s %s\n", fetched.list[k].entry.kind,
                                       sv_fetch_from_name(fetched.list[k].from),
                                       fetched.list[k].entry.url);
                }
                sv_json_add_all(all, rows);
        }
        sv_json_set_str(*result, "tee", in.tee->id->name);
        if (!sv_json_len(all))
                sv_info("evidence on %s needs nothing that is to be fetched", in.tee->id->name);
        return 0;
}

/* --- list --- */

static void set_entry_time(struct sv_json *row, const char *member, int64_t t)
{
        char text[32];

        if (t != SV_NEVER)
                sv_json_set_str(row, member, sv_format_time(t, text));
}

static int add_cache_entry(void *arg, const struct sv_entry *e, struct sv_err *err)
{
        struct sv_json *row = sv_json_add(arg, sv_json_object());

        sv_json_set_str(row, "kind", e->kind);
        sv_json_set_str(row, "url", e->url);
        sv_json_set_int(row, "size", (int64_t)e->body.n);
        set_entry_time(row, "fetched", e->fetched);
        set_entry_time(row, "refresh", e->refresh);
        set_entry_time(row, "until", e->until);
        sv_json_set_bool(row, "verified", e->verified);
        return 0;
}

static int run_collateral_list(const struct sv_args *args, struct sv_json **result,
                               struct sv_err *err)
{
        SV_STR dir = sv_fetch_cache_dir(args, err);
        struct sv_json *list;

        if (!dir)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "cache", dir);
        list = sv_json_set(*result, "collateral", sv_json_array());
        if (sv_cache_each(dir, add_cache_entry, list, err) < 0)
                return -1;
        for (size_t i = 0; !sv_has(args, "json") && i < sv_json_len(list); i++) {
                const struct sv_json *row = sv_json_at(list, i);
                const char *refresh = sv_json_str(sv_json_get(row, "refresh")),
                           *until = sv_json_str(sv_json_get(row, "until"));
                /* The earlier of the two is when it is asked for again; the texts sort as the times
                 * do. */
                const char *next =
                        !refresh || (until && strcmp(until, refresh) < 0) ? until : refresh;

                printf("%s %s until %s %s\n", sv_json_str(sv_json_get(row, "kind")),
                       sv_json_bool(sv_json_get(row, "verified"), false) ? "verified"
                                                                         : "unverified",
                       next ? next : "for-ever", sv_json_str(sv_json_get(row, "url")));
        }
        return 0;
}

/* --- export --- */

struct exporting {
        const char *dir;
        bool tree;
        struct sv_json *files; /* written so far */
};

static const char *guess_suffix(struct sv_bytes data)
{
        if (data.n > 11 && !strncmp((const char *)data.p, "-----BEGIN ", 11))
                return "pem";
        return data.n && data.p[0] == '{' ? "json" : "der";
}

static int write_export(struct exporting *x, const char *name, struct sv_bytes data,
                        struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/%s", x->dir, name);
        SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);

        if (sv_mkdirs(folder, 0755, err) < 0 || sv_file_write(path, 0644, data, err) < 0)
                return -1;
        sv_json_add(x->files, sv_json_new_str(path));
        return 0;
}

static int export_header(void *arg, const char *kind, struct sv_json *value, struct sv_err *err)
{
        SV_STR name = sv_asprintf("%s.pem", kind);

        return write_export(arg, name, sv_bytes_str(sv_json_str(value) ? sv_json_str(value) : ""),
                            err);
}

/* Where the tree has what this url gives. */
static const char *find_offline_path(const struct sv_json *needs, const char *url)
{
        for (size_t i = 0; i < sv_json_len(needs); i++) {
                const char *of = sv_json_str(sv_json_get(sv_json_at(needs, i), "url"));

                if (of && !strcmp(of, url))
                        return sv_json_str(sv_json_get(sv_json_at(needs, i), "offline"));
        }
        return NULL;
}

static int export_one(struct exporting *x, const struct sv_json *needs,
                      const struct sv_fetched_item *item, size_t nth, struct sv_err *err)
{
        const struct sv_entry *e = &item->entry;
        const char *path = x->tree ? find_offline_path(needs, e->url) : NULL;
        SV_STR number = nth ? sv_asprintf("%zu.", nth + 1) : sv_asprintf("%s", "");
        SV_STR plain =
                sv_asprintf("%s.%s%s", e->kind, number, guess_suffix(sv_buf_bytes(&e->body)));

        if (path && !sv_offline_path_ok(path))
                return sv_fail(err, SV_FORMAT, "collateral.needs",
                               "\"%.200s\" does not stay below a folder", path);
        if (write_export(x, path ? path : plain, sv_buf_bytes(&e->body), err) < 0)
                return -1;
        return e->headers ? sv_json_each(e->headers, export_header, x, err) : 0;
}

static size_t count_same_kind_before(const struct sv_fetched *f, size_t i)
{
        size_t n = 0;

        for (size_t k = 0; k < i; k++)
                n += !strcmp(f->list[k].entry.kind, f->list[i].entry.kind);
        return n;
}

static int run_collateral_export(const struct sv_args *args, struct sv_json **result,
                                 struct sv_err *err)
{
        __attribute__((cleanup(free_inputs))) struct inputs in = {0};
        SV_JSON *files = sv_json_array();
        struct exporting x = {
                .dir = sv_opt(args, "out"), .tree = sv_has(args, "tree"), .files = files};

        if (!x.dir)
                return sv_fail(err, SV_USAGE, "collateral.out",
                               "--out is missing: say which folder to fill");
        if (read_inputs(args, &in, err) < 0)
                return -1;
        if (!x.tree && in.paths.n > 1)
                return sv_fail(err, SV_USAGE, "collateral.out",
                               "a folder for verify --collateral is for one evidence, %zu are "
                               "given: use --tree",
                               in.paths.n);
        for (size_t i = 0; i < in.paths.n; i++) {
                SV_FETCHED fetched = {0};
                SV_JSON *needs = sv_json_array();

                if (fetch_for_evidence(&in, in.paths.list[i], needs, &fetched, err) < 0)
                        return -1;
                for (size_t k = 0; k < fetched.n; k++)
                        if (export_one(&x, needs, &fetched.list[k],
                                       count_same_kind_before(&fetched, k), err) < 0)
                                return -1;
        }
        *result = sv_json_object();
        sv_json_set_str(*result, "folder", x.dir);
        sv_json_set(*result, "files", sv_json_ref(files));
        for (size_t i = 0; !sv_has(args, "json") && i < sv_json_len(files); i++)
                printf("%s\n", sv_json_str(sv_json_at(files, i)));
        return 0;
}

const struct sv_cmd sv_cmd_collateral_export = {
        .name = "collateral export",
        .args = "EVIDENCE...",
        .help = "write a folder with what evidence needs, for a machine without network",
        .opts = export_opts,
        .run = run_collateral_export,
};
const struct sv_cmd sv_cmd_collateral_fetch = {
        .name = "collateral fetch",
        .args = "EVIDENCE...",
        .help = "fetch what evidence needs to be verified into the cache; trusts none of it",
        .opts = fetch_opts,
        .run = run_collateral_fetch,
};
const struct sv_cmd sv_cmd_collateral_list = {
        .name = "collateral list",
        .args = "",
        .help = "list what the cache holds",
        .opts = list_opts,
        .run = run_collateral_list,
};
