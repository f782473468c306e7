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
#include "image/recovery.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/disk-key.h"
#include "launcher/cli/key-settings.h"

static const struct sv_opt put_opts[] = {
        {.name = "fd",
         .arg = "N",
         .help = "read the value from this descriptor instead of standard input"},
        {.name = "random", .arg = "SIZE", .help = "make the value here: that many random bytes"},
        {.name = "disk",
         .arg = "DISK",
         .help = "the value is the recovery key of this disk: try it, and bind it to the disk"},
        SV_SETTINGS_OPTS,
        SV_ADMIN_OPTS,
        {0},
};
static const struct sv_opt rotate_opts[] = {
        {.name = "fd",
         .arg = "N",
         .help = "read the value from this descriptor instead of standard input"},
        {.name = "random", .arg = "SIZE", .help = "make the value here: that many random bytes"},
        SV_SETTINGS_OPTS,
        SV_ADMIN_OPTS,
        {0},
};
static const struct sv_opt show_opts[] = {SV_ADMIN_OPTS, {0}};
static const struct sv_opt list_opts[] = {
        {.name = "prefix",
         .arg = "PATH",
         .help = "only what is below REPOSITORY or REPOSITORY/TYPE"},
        {.name = "label", .arg = "NAME=VALUE", .help = "only what has this label", .many = true},
        SV_ADMIN_OPTS,
        {0},
};
static const struct sv_opt rm_opts[] = {
        {.name = "yes", .help = "yes, remove it: nobody can have it back"},
        {.name = "forget-volume",
         .arg = "UUID",
         .help = "the keys of this disk, which is given up: nobody can open it any more"},
        {.name = "version", .arg = "N", .help = "only this version"},
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

/* put and rotate differ in what must be there before. The broker looks again. */
static int check_resource(struct sv_admin *admin, const char *path, bool must_exist,
                          struct sv_json **found, struct sv_err *err)
{
        const struct sv_json *disk;
        bool exists;

        if (sv_admin_show_resource(admin, path, found, err) < 0)
                return -1;
        exists = sv_json_len(sv_json_get(*found, "versions")) != 0;
        disk = sv_disk_key_find(*found, NULL, NULL);
        if (disk)
                return sv_fail(err, SV_USAGE, "key.disk",
                               "%s is the key of disk volume %s, which another value does not "
                               "open: \"image rekey DISK --resource %s\" gives the disk a new key",
                               path, sv_json_str(sv_json_get(disk, "volume")), path);
        if (exists && !must_exist)
                return sv_fail(
                        err, SV_USAGE, "key.exists",
                        "the broker has a resource %s already: \"key rotate\" gives it a new "
                        "version",
                        path);
        if (!exists && must_exist)
                return sv_fail(err, SV_USAGE, "key.absent",
                               "the broker has no resource %s: \"key put\" makes it", path);
        return 0;
}

/* --disk: a broker that lost a disk's key gets it back. */
static int bind_to_disk(const struct sv_args *args, struct sv_secret **value, struct sv_err *err)
{
        struct sv_secret *bound;

        if (!sv_opt(args, "disk"))
                return 0;
        bound = sv_recovery_bind(sv_opt(args, "disk"), *value, err);
        if (!bound)
                return -1;
        sv_secret_free(*value);
        *value = bound;
        return 0;
}

/* The count goes on over versions: who puts another value is told. */
static void say_what_is_left(const struct sv_json *found)
{
        int64_t most = sv_json_int(sv_json_get(found, "releases"), 0);
        int64_t released = sv_json_int(sv_json_get(found, "released"), 0);

        if (most && released >= most)
                sv_warn("it was released %lld times, as often as it may be, and the new value is "
                        "not released either: \"key set --releases\"",
                        (long long)most);
        else if (most)
                sv_info("it may be released %lld times more", (long long)(most - released));
}

static int upload_key(const struct sv_args *args, struct sv_json **result, bool must_exist,
                      struct sv_err *err)
{
        SV_ADMIN *admin = NULL;
        SV_SECRET *value = NULL;
        struct sv_admin_settings settings;
        const char *path = args->pos[0];
        SV_JSON *found = NULL;

        if (sv_settings_from_args(args, &settings, err) < 0 ||
            sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            check_resource(admin, path, must_exist, &found, err) < 0)
                return -1;
        value = take_key_value(args, err);
        if (!value || bind_to_disk(args, &value, err) < 0)
                return -1;
        if (sv_admin_put_with_settings(admin, path, !must_exist, &settings, value, err) < 0)
                return -1;
        sv_info("%s: %zu bytes are with the broker", path, sv_secret_size(value));
        if (!settings.releases)
                say_what_is_left(found);
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
        struct sv_admin_settings wanted;
        SV_ADMIN *admin = NULL;
        const struct sv_json *list;

        if (sv_settings_from_args(args, &wanted, err) < 0 ||
            sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_list_resources(admin, sv_opt(args, "prefix"), wanted.labels, result, err) < 0)
                return -1;
        list = sv_json_get(*result, "resources");
        for (size_t i = 0; !sv_has(args, "json") && i < sv_json_len(list); i++) {
                const struct sv_json *row = sv_json_at(list, i);
                const char *path = sv_json_str(sv_json_get(row, "path"));
                const char *created = sv_json_str(sv_json_get(row, "created"));

                printf("%-48s %8lld bytes  %s  %s", path ? path : "?",
                       (long long)sv_json_int(sv_json_get(row, "size"), 0),
                       created ? created : "not made yet        ",
                       sv_json_bool(sv_json_get(row, "policy"), false)
                               ? "has a policy"
                               : "no policy: never released");
                sv_settings_print(row, "  ");
                printf("\n");
        }
        return 0;
}

static void print_key_version(const struct sv_json *row)
{
        const char *created = sv_json_str(sv_json_get(row, "created"));
        const char *volume = sv_json_str(sv_json_get(row, "volume"));

        printf("version %lld  %lld bytes  %s  %s%s",
               (long long)sv_json_int(sv_json_get(row, "version"), 0),
               (long long)sv_json_int(sv_json_get(row, "size"), 0), created ? created : "?",
               volume ? "key of disk volume " : "", volume ? volume : "");
        if (sv_json_get(row, "generation"))
                printf(", generation %lld%s",
                       (long long)sv_json_int(sv_json_get(row, "generation"), 0),
                       sv_json_bool(sv_json_get(row, "restored"), false) ? " (restored)" : "");
        if (sv_json_get(row, "lease"))
                printf(", a guest (instance %.8s) has it for %lld s more",
                       sv_json_str(sv_json_get(row, "instance")),
                       (long long)sv_json_int(sv_json_get(row, "lease"), 0));
        printf("\n");
}

static int run_key_show(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_ADMIN *admin = NULL;
        const struct sv_json *list;

        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_show_resource(admin, args->pos[0], result, err) < 0)
                return -1;
        list = sv_json_get(*result, "versions");
        if (!sv_json_len(list) && !sv_json_get(*result, "provision"))
                return sv_fail(err, SV_USAGE, "key.absent", "the broker has no resource %s",
                               args->pos[0]);
        if (sv_has(args, "json"))
                return 0;
        if (sv_settings_print(*result, ""))
                printf("\n");
        for (size_t i = 0; i < sv_json_len(list); i++)
                print_key_version(sv_json_at(list, i));
        return 0;
}

/* A disk's key goes when the disk is named: nobody types its UUID by mistake. */
static int read_removal(const struct sv_args *args, struct sv_admin_removal *what,
                        struct sv_err *err)
{
        uint64_t version = 0;

        what->volume = sv_opt(args, "forget-volume");
        if (sv_disk_key_check_uuid(what->volume, err) < 0)
                return -1;
        if (sv_opt(args, "version") &&
            (sv_parse_u64(sv_opt(args, "version"), INT64_MAX, &version, "key.version", err) < 0))
                return -1;
        if (sv_opt(args, "version") && !version)
                return sv_fail(err, SV_USAGE, "key.version", "versions begin with 1");
        what->version = (int64_t)version;
        if (!what->volume && !sv_has(args, "yes"))
                return sv_fail(err, SV_USAGE, "key.rm",
                               "what is removed cannot be had back: say --yes when that is meant");
        return 0;
}

static int run_key_rm(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_admin_removal what = {0};
        SV_ADMIN *admin = NULL;

        if (read_removal(args, &what, err) < 0 || sv_admin_from_args(args, NULL, &admin, err) < 0)
                return -1;
        if (sv_admin_delete_resource(admin, args->pos[0], &what, err) < 0)
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
        .help = "a new version of a secret that the broker has; its policy stays",
        .opts = rotate_opts,
        .run = run_key_rotate,
};

const struct sv_cmd sv_cmd_key_list = {
        .name = "key list",
        .args = "",
        .help = "names, sizes and ages of the secrets that a broker has, never their values",
        .opts = list_opts,
        .run = run_key_list,
};

const struct sv_cmd sv_cmd_key_show = {
        .name = "key show",
        .args = "RESOURCE",
        .help = "the versions of a secret, and which disks they are keys of",
        .opts = show_opts,
        .run = run_key_show,
};

const struct sv_cmd sv_cmd_key_rm = {
        .name = "key rm",
        .args = "RESOURCE",
        .help = "remove a secret from a broker",
        .opts = rm_opts,
        .run = run_key_rm,
};
