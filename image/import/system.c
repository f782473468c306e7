/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/system.h"

#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "image/import/mounts.h"

/* --- the root --- */

static bool has_any(struct sv_filetree *e, const char *const *paths)
{
        for (; *paths; paths++)
                if (sv_filetree_has(e, *paths))
                        return true;
        return false;
}

/* Something that a kernel would start, and what systems have in common. */
static bool is_system(struct sv_filetree *e)
{
        static const char *const init[] = {"/sbin/init", "/usr/lib/systemd/systemd",
                                           "/lib/systemd/systemd", "/usr/sbin/init", NULL};
        static const char *const marks[] = {"/etc/os-release", "/usr/lib/os-release", "/etc/fstab",
                                            NULL};

        return has_any(e, init) && has_any(e, marks);
}

/* It becomes a word of a command line. */
static bool is_cmdline_path(const char *path)
{
        return *path &&
               strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                            "0123456789/@._-+") == strlen(path) &&
               strlen(path) < 128;
}

static char *list_partitions(const struct sv_table *t)
{
        SV_BUF text = SV_BUF_NULL;

        for (size_t i = 0; i < t->n && i < 16; i++)
                sv_buf_printf(&text, "%s%s %d: %s", i ? "; " : "",
                              t->list[i].number ? "partition" : "disk", t->list[i].number,
                              sv_partition_describe(&t->list[i]));
        return sv_asprintf("%s", sv_buf_str(&text));
}

static int fail_no_root(const struct sv_system_in *in, const struct sv_table *t, struct sv_err *err)
{
        SV_STR list = list_partitions(t);

        if (in->partition)
                return sv_fail(err, SV_USAGE, "import.root",
                               "expected an ext4, XFS or btrfs with a system as partition %u; the "
                               "disk has: %s",
                               in->partition, *list ? list : "no partitions");
        return sv_fail(
                err, SV_USAGE, "import.root",
                "expected an ext4, XFS or btrfs with a system (/sbin/init, /etc/os-release); the "
                "disk has: "
                "%s. What is in another file system can be copied: \"image encrypt --from\" "
                "takes a directory or a tar",
                *list ? list : "no partitions");
}

/* --- subvolumes --- */

struct subvolumes {
        struct sv_filetree *files;
        uint64_t list[16];
        size_t n, named; /* those that have a system; how many of them their own fstab names */
        char *path;      /* as that says it; NULL: it is the default */
};

static int try_subvolume(void *arg, uint64_t number)
{
        struct subvolumes *f = arg;
        SV_STR path = NULL;

        sv_filetree_enter(f->files, number);
        if (!is_system(f->files))
                return 0;
        path = sv_mounts_root_subvolume(f->files);
        if (path && sv_filetree_find_subvolume(f->files, path) == number) {
                f->list[0] = number; /* a snapshot's fstab names the one that it is of */
                f->n = 1;
                f->named++;
                free(f->path);
                f->path = path;
                path = NULL;
        } else if (!f->named && f->n < sizeof(f->list) / sizeof(f->list[0])) {
                f->list[f->n++] = number;
        }
        return 0;
}

static int choose_subvolume(struct subvolumes *f, struct sv_system *s, struct sv_err *err)
{
        if (f->named > 1 || f->n > 1)
                return sv_fail(err, SV_USAGE, "import.root",
                               "%zu subvolumes of the btrfs have a system each, and none is its "
                               "default: choose one with \"btrfs subvolume set-default\" in the "
                               "system",
                               f->named > 1 ? f->named : f->n);
        if (!f->n)
                return 0;
        sv_filetree_enter(f->files, f->list[0]);
        s->subvolume = f->path && is_cmdline_path(f->path)
                               ? sv_asprintf("subvol=%s", f->path)
                               : sv_asprintf("subvolid=%llu", (unsigned long long)f->list[0]);
        return 1;
}

/* 1: a system is there. On a btrfs it may be in a subvolume: the default, or the one that its own
 * /etc/fstab names, or the only one. */
static int find_subvolume(struct sv_filetree *e, struct sv_system *s, struct sv_err *err)
{
        struct subvolumes f = {.files = e};
        int r = is_system(e);

        if (r)
                return r;
        r = sv_filetree_each_subvolume(e, try_subvolume, &f, err);
        if (r == 0)
                r = choose_subvolume(&f, s, err);
        free(f.path);
        return r;
}

/* `p` becomes the root unless there is one. */
static int try_root(const struct sv_system_in *in, const struct sv_partition *p,
                    struct sv_system *s, struct sv_err *err)
{
        SV_FILETREE *e = NULL;
        int found;

        if (sv_filetree_open(in->disk, p, &e, err) < 0)
                return p->number ? sv_wrap(err, "partition %d", p->number) : -1;
        found = find_subvolume(e, s, err);
        if (found < 0)
                return p->number ? sv_wrap(err, "partition %d", p->number) : -1;
        if (!found)
                return 0;
        if (s->root)
                return sv_fail(
                        err, SV_USAGE, "import.root",
                        "partitions %d and %d have a system each: say which with --partition",
                        s->root_at->number, p->number);
        s->root = e;
        s->root_at = p;
        e = NULL;
        return 0;
}

static int find_root_partition(const struct sv_system_in *in, struct sv_system *s,
                               struct sv_err *err)
{
        for (size_t i = 0; i < s->table.n; i++) {
                const struct sv_partition *p = &s->table.list[i];

                if (!sv_filetree_is_known(p) ||
                    (in->partition && in->partition != (unsigned)p->number))
                        continue;
                if (try_root(in, p, s, err) < 0)
                        return -1;
        }
        return s->root ? 0 : fail_no_root(in, &s->table, err);
}

/* --- the kernel --- */

struct search {
        struct sv_system *s;
        struct sv_filetree *boot; /* where kernels may be; NULL: the root */
        const char *modules;      /* the folder of its versions */
        const char *wanted;
        bool found;
};

/* Beside its modules, as Fedora and Debian 14 have it, or in /boot. Alpine names it by its flavour.
 */
static char *find_image(const struct search *f, const char *version)
{
        struct sv_filetree *e = f->boot ? f->boot : f->s->root;
        const char *flavour = strrchr(version, '-');
        char *paths[] = {
                sv_asprintf("%s/%s/vmlinuz", f->modules, version),
                sv_asprintf("%s/vmlinuz-%s", f->boot ? "" : "/boot", version),
                sv_asprintf("%s/vmlinuz%s", f->boot ? "" : "/boot", flavour ? flavour : "")};
        char *found = NULL;

        for (size_t i = f->boot ? 1 : 0; i < 3 && !found; i++)
                if (sv_filetree_has(e, paths[i]))
                        found = sv_asprintf("%s", paths[i]);
        for (size_t i = 0; i < 3; i++)
                free(paths[i]);
        return found;
}

static void try_version(void *arg, const char *version)
{
        struct search *f = arg;
        struct sv_system *s = f->s;
        SV_STR dep = sv_asprintf("%s/%s/modules.dep", f->modules, version);
        SV_STR image = NULL;

        if (*version == '.' || (f->wanted && strcmp(f->wanted, version) != 0) ||
            (s->version && strverscmp(version, s->version) <= 0) || !sv_filetree_has(s->root, dep))
                return;
        image = find_image(f, version);
        if (!image)
                return;
        free(s->version);
        free(s->kernel);
        free(s->modules_path);
        s->version = sv_asprintf("%s", version);
        s->modules_path = sv_asprintf("%s/%s", f->modules, version);
        s->kernel = image;
        image = NULL;
        f->found = true;
}

/* 1: a newer one than before. */
static int search_kernel(struct sv_system *s, struct sv_filetree *boot, const char *wanted,
                         struct sv_err *err)
{
        static const char *const folders[] = {"/lib/modules", "/usr/lib/modules"};
        bool found = false;

        for (size_t i = 0; i < 2; i++) {
                struct search f = {.s = s, .boot = boot, .modules = folders[i], .wanted = wanted};

                if (sv_filetree_list(s->root, folders[i], try_version, &f, err) < 0)
                        return -1;
                found |= f.found;
        }
        return found;
}

/* A partition of its own may be /boot; nothing of it but the kernel comes along. */
static int search_partition(const struct sv_system_in *in, const struct sv_partition *p,
                            struct sv_system *s, struct sv_err *err)
{
        SV_FILETREE *e = NULL;
        int found;

        if (!sv_filetree_is_known(p) || p == s->root_at)
                return 0;
        if (sv_filetree_open(in->disk, p, &e, NULL) < 0)
                return 0;
        found = search_kernel(s, e, in->kernel, err);
        if (found <= 0)
                return found;
        sv_filetree_free(s->boot);
        s->boot = e;
        e = NULL;
        return 0;
}

static int find_kernel(const struct sv_system_in *in, struct sv_system *s, struct sv_err *err)
{
        if (search_kernel(s, NULL, in->kernel, err) < 0)
                return -1;
        for (size_t i = 0; i < s->table.n; i++)
                if (search_partition(in, &s->table.list[i], s, err) < 0)
                        return -1;
        if (s->version)
                return 0;
        if (in->kernel)
                return sv_fail(err, SV_USAGE, "import.kernel",
                               "the system has no kernel %s with its modules: expected "
                               "/boot/vmlinuz-%s and /lib/modules/%s/modules.dep",
                               in->kernel, in->kernel, in->kernel);
        return sv_fail(
                err, SV_USAGE, "import.kernel",
                "the system has no kernel with its modules: expected /boot/vmlinuz-VERSION, on "
                "the root or a partition of its own, and /lib/modules/VERSION/modules.dep");
}

/* --- all of it --- */

static bool has_module_file(const struct sv_folder *f, const char *path)
{
        SV_STR whole = sv_asprintf("%s/%s", f->name, path);

        return sv_filetree_has(f->arg, whole);
}

static int read_module_file(const struct sv_folder *f, const char *path, size_t max,
                            struct sv_buf *out, const char *check, struct sv_err *err)
{
        SV_STR whole = sv_asprintf("%s/%s", f->name, path);

        return sv_filetree_read(f->arg, whole, max, out, check, err);
}

/* What no guest could mount. */
static int check_mountable(const struct sv_system_in *in, const struct sv_system *s,
                           struct sv_err *err)
{
        if (in->readonly_root && !sv_filetree_can_write(s->root))
                return sv_fail(err, SV_USAGE, "import.verity",
                               "expected an ext4 for a verity disk, found %s: without --verity "
                               "it is encrypted",
                               s->root_at->holds);
        if (in->integrity && sv_filetree_has_weak_sums(s->root))
                return sv_fail(err, SV_USAGE, "import.integrity",
                               "expected a btrfs with checksums sha256 or blake2 for a disk with "
                               "--integrity, found weaker ones: without --integrity it is "
                               "encrypted; \"btrfstune --csum sha256\" changes it");
        return 0;
}

static int open_system(const struct sv_system_in *in, struct sv_system *s, struct sv_err *err)
{
        if (sv_table_read(in->disk, &s->table, err) < 0)
                return -1;
        if (find_root_partition(in, s, err) < 0)
                return -1;
        if (check_mountable(in, s, err) < 0)
                return -1;
        if (find_kernel(in, s, err) < 0)
                return -1;
        s->modules = (struct sv_folder){.name = s->modules_path,
                                        .has = has_module_file,
                                        .read = read_module_file,
                                        .arg = s->root};
        return sv_mounts_change(in, s, err);
}

int sv_system_open(const struct sv_system_in *in, struct sv_system *out, struct sv_err *err)
{
        *out = (struct sv_system){.root = NULL};
        if (open_system(in, out, err) == 0)
                return 0;
        sv_system_close(out);
        return -1;
}

int sv_system_read_kernel(struct sv_system *s, struct sv_buf *out, struct sv_err *err)
{
        return sv_filetree_read(s->boot ? s->boot : s->root, s->kernel, SV_KERNEL_SIZE_MAX, out,
                                "import.kernel", err);
}

void sv_system_close(struct sv_system *s)
{
        sv_filetree_free(s->boot);
        sv_filetree_free(s->root);
        free(s->version);
        free(s->kernel);
        free(s->modules_path);
        free(s->dropped);
        free(s->subvolume);
        for (size_t i = 0; i < s->n_edits; i++)
                sv_buf_free(&s->edits[i].text);
        *s = (struct sv_system){.root = NULL};
}
