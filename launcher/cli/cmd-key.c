/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm key: the secrets that a broker keeps. Values come in through a descriptor only and
 * never come out again. */
#include "launcher/cli/commands.h"

#include <stdio.h>
#include <unistd.h>

#include "base/core/limits.h"
#include "base/program/log.h"
#include "base/core/secret.h"
#include "base/core/text.h"
#include "launcher/cli/admin-args.h"

static const struct sv_opt put_opts[] = {
        {.name = "fd",
         .arg = "N",
         .help = "read the value from this descriptor instead of standard input"},
        {.name = "random", .arg = "SIZE", .help = "make the value here: that many random bytes"},
        SV_ADMIN_OPTS,
        {0},
};
static const struct sv_opt list_opts[] = {SV_ADMIN_OPTS, {0}};
static const struct sv_opt rm_opts[] = {
        {.name = "yes", .help = "yes, remove it: a disk whose key is gone cannot be read any more"},
        SV_ADMIN_OPTS,
        {0},
};

/* Straight into locked memory, one byte more than allowed to see that there is no more. */
static struct sv_secret *read_key_value(int fd, struct sv_err *err)
{
        SV_SECRET *s = sv_secret_new(SV_SECRET_MAX, err);
        struct sv_secret *out;
        size_t n = 0;
        ssize_t got = 1;

        if (!s)
                return NULL;
        while (n < SV_SECRET_MAX &&
               (got = read(fd, sv_secret_reveal(s) + n, SV_SECRET_MAX - n)) > 0)
                n += (size_t)got;
        if (got < 0) {
                sv_fail_errno(err, "key.read", "cannot read the value from descriptor %d", fd);
                return NULL;
        }
        if (n == 0 || n == SV_SECRET_MAX) {
                sv_fail(err, SV_USAGE, "key.size", "expected 1 to %u bytes as value, found %s",
                        SV_SECRET_MAX - 1, n ? "more" : "none");
                return NULL;
        }
        sv_secret_shrink(s, n);
        out = s;
        s = NULL;
        return out;
}

static struct sv_secret *take_key_value(const struct sv_args *args, struct sv_err *err)
{
        uint64_t fd = STDIN_FILENO, size = 0;

        if (sv_opt(args, "random")) {
                if (sv_opt(args, "fd")) {
                        sv_fail(err, SV_USAGE, "key.size", "--fd and --random exclude each other");
                        return NULL;
                }
                if (sv_parse_size(sv_opt(args, "random"), &size, "key.size", err) < 0)
                        return NULL;
                if (size == 0 || size > SV_SECRET_MAX) {
                        sv_fail(err, SV_USAGE, "key.size", "expected 1 to %u random bytes",
                                SV_SECRET_MAX);
                        return NULL;
                }
                return sv_secret_random(size, err);
        }
        if (sv_opt(args, "fd") && sv_parse_u64(sv_opt(args, "fd"), 1023, &fd, "key.fd", err) < 0)
                return NULL;
        if (isatty((int)fd)) {
                sv_fail(err, SV_USAGE, "key.fd",
                        "the value would be typed on a terminal: give it through a pipe, or use "
                        "--random");
                return NULL;
        }
        return read_key_value((int)fd, err);
}

static int find_resource(struct sv_admin *admin, const char *path, bool *found, struct sv_err *err)
{
        SV_JSON *answer = NULL;
        const struct sv_json *list;

        *found = false;
        if (sv_admin_list_resources(admin, &answer, err) < 0)
                return -1;
        list = sv_json_get(answer, "resources");
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *p = sv_json_str(sv_json_get(sv_json_at(list, i), "path"));

                if (p && !strcmp(p, path))
                        *found = true;
        }
        return 0;
}

/* put and rotate differ in what must be there before: a key overwritten by mistake is a disk lost.
 */
static int upload_key(const struct sv_args *args, struct sv_json **result, bool must_exist,
                      struct sv_err *err)
{
        SV_ADMIN *admin = NULL;
        SV_SECRET *value = NULL;
        const char *path = args->pos[0];
        bool exists;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            find_resource(admin, path, &exists, err) < 0)
                return -1;
        if (exists && !must_exist)
                return sv_fail(err, SV_USAGE, "key.exists",
                               "the broker has a resource %s already: \"key rotate\" replaces it",
                               path);
        if (!exists && must_exist)
                return sv_fail(err, SV_USAGE, "key.absent",
                               "the broker has no resource %s: \"key put\" makes it", path);
        value = take_key_value(args, err);
        if (!value || sv_admin_put_resource(admin, path, value, err) < 0)
                return -1;
        sv_info("%s: %zu bytes are with the broker", path, sv_secret_size(value));
        *result = sv_json_object();
        sv_json_set_str(*result, "path", path);
        sv_json_set_int(*result, "size", (int64_t)sv_secret_size(value));
        return 0;
}

static int run_key_put(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        return upload_key(args, result, false, err);
}

static int run_key_rotate(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        return upload_key(args, result, true, err);
}

static int run_key_list(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_ADMIN *admin = NULL;
        const struct sv_json *list;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_list_resources(admin, result, err) < 0)
                return -1;
        list = sv_json_get(*result, "resources");
        for (size_t i = 0; !sv_has(args, "json") && i < sv_json_len(list); i++) {
                const struct sv_json *row = sv_json_at(list, i);
                const char *path = sv_json_str(sv_json_get(row, "path"));
                const char *created = sv_json_str(sv_json_get(row, "created"));

                printf("%-48s %8lld bytes  %s  %s\n", path ? path : "?",
                       (long long)sv_json_int(sv_json_get(row, "size"), 0), created ? created : "?",
                       sv_json_bool(sv_json_get(row, "policy"), false)
                               ? "has a policy"
                               : "no policy: never released");
        }
        return 0;
}

static int run_key_rm(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_ADMIN *admin = NULL;

        if (!sv_has(args, "yes"))
                return sv_fail(err, SV_USAGE, "key.rm",
                               "a disk whose key is gone cannot be read any more: say --yes when "
                               "that is meant");
        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_delete_resource(admin, args->pos[0], err) < 0)
                return -1;
        sv_info("%s is removed", args->pos[0]);
        *result = sv_json_object();
        sv_json_set_str(*result, "path", args->pos[0]);
        return 0;
}

const struct sv_cmd sv_cmd_key_put = {
        .name = "key put",
        .args = "RESOURCE",
        .help = "give a secret to a broker, from standard input",
        .opts = put_opts,
        .run = run_key_put,
};

const struct sv_cmd sv_cmd_key_rotate = {
        .name = "key rotate",
        .args = "RESOURCE",
        .help = "replace a secret that the broker has; its policy stays",
        .opts = put_opts,
        .run = run_key_rotate,
};

const struct sv_cmd sv_cmd_key_list = {
        .name = "key list",
        .args = "",
        .help = "names, sizes and ages of the secrets that a broker has, never their values",
        .opts = list_opts,
        .run = run_key_list,
};

const struct sv_cmd sv_cmd_key_rm = {
        .name = "key rm",
        .args = "RESOURCE",
        .help = "remove a secret from a broker",
        .opts = rm_opts,
        .run = run_key_rm,
};
