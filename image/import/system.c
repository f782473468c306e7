/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/system.h"

#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "image/import/fstab.h"

#define FSTAB_MAX (1u << 20)

/* --- the root --- */

static bool is_ext(const struct sv_partition *p)
{
        return strncmp(p->holds, "ext", 3) == 0;
}

static bool has_any(struct sv_ext *e, const char *const *paths)
{
        for (; *paths; paths++)
                if (sv_ext_has(e, *paths))
                        return true;
        return false;
}

/* Something that a kernel would start, and what systems have in common. */
static bool is_system(struct sv_ext *e)
{
        static const char *const init[] = {"/sbin/init", "/usr/lib/systemd/systemd",
                                           "/lib/systemd/systemd", "/usr/sbin/init", NULL};
        static const char *const marks[] = {"/etc/os-release", "/usr/lib/os-release", "/etc/fstab",
                                            NULL};

        return has_any(e, init) && has_any(e, marks);
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
                               "expected an ext4 with a system as partition %u; the disk has: %s",
                               in->partition, *list ? list : "no partitions");
        return sv_fail(
                err, SV_USAGE, "import.root",
                "expected an ext4 with a system (/sbin/init, /etc/os-release); the disk has: "
                "%s. What is in another file system can be copied: \"image encrypt --from\" "
                "takes a directory or a tar",
                *list ? list : "no partitions");
}

/* `p` becomes the root unless there is one. */
static int try_root(const struct sv_system_in *in, const struct sv_partition *p,
                    struct sv_system *s, struct sv_err *err)
{
        SV_EXT *e = NULL;

        if (sv_ext_open(in->disk, p->first, p->size, &e, err) < 0)
                return p->number ? sv_wrap(err, "partition %d", p->number) : -1;
        if (!is_system(e))
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

                if (!is_ext(p) || (in->partition && in->partition != (unsigned)p->number))
                        continue;
                if (try_root(in, p, s, err) < 0)
                        return -1;
        }
        return s->root ? 0 : fail_no_root(in, &s->table, err);
}

/* --- the kernel --- */

struct search {
        struct sv_system *s;
        struct sv_ext *boot; /* where kernels may be; NULL: the root */
        const char *modules; /* the folder of its versions */
        const char *wanted;
        bool found;
};

/* Beside its modules, as Fedora and Debian 14 have it, or in /boot. Alpine names it by its flavour.
 */
static char *find_image(const struct search *f, const char *version)
{
        struct sv_ext *e = f->boot ? f->boot : f->s->root;
        const char *flavour = strrchr(version, '-');
        char *paths[] = {
                sv_asprintf("%s/%s/vmlinuz", f->modules, version),
                sv_asprintf("%s/vmlinuz-%s", f->boot ? "" : "/boot", version),
                sv_asprintf("%s/vmlinuz%s", f->boot ? "" : "/boot", flavour ? flavour : "")};
        char *found = NULL;

        for (size_t i = f->boot ? 1 : 0; i < 3 && !found; i++)
                if (sv_ext_has(e, paths[i]))
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
            (s->version && strverscmp(version, s->version) <= 0) || !sv_ext_has(s->root, dep))
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
static int search_kernel(struct sv_system *s, struct sv_ext *boot, const char *wanted,
                         struct sv_err *err)
{
        static const char *const folders[] = {"/lib/modules", "/usr/lib/modules"};
        bool found = false;

        for (size_t i = 0; i < 2; i++) {
                struct search f = {.s = s, .boot = boot, .modules = folders[i], .wanted = wanted};

                if (sv_ext_list(s->root, folders[i], try_version, &f, err) < 0)
                        return -1;
                found |= f.found;
        }
        return found;
}

/* A partition of its own may be /boot; nothing of it but the kernel comes along. */
static int search_partition(const struct sv_system_in *in, const struct sv_partition *p,
                            struct sv_system *s, struct sv_err *err)
{
        SV_EXT *e = NULL;
        int found;

        if (!is_ext(p) || p == s->root_at)
                return 0;
        if (sv_ext_open(in->disk, p->first, p->size, &e, NULL) < 0)
                return 0;
        found = search_kernel(s, e, in->kernel, err);
        if (found <= 0)
                return found;
        sv_ext_free(s->boot);
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
                "the root or an ext4 of its own, and /lib/modules/VERSION/modules.dep");
}

/* --- what it mounts --- */

struct mounts {
        const struct sv_system_in *in;
        struct sv_system *s;
        struct sv_buf dropped;
};

static bool is_dropped(const char *const *drop, const char *mount)
{
        for (; drop && *drop; drop++)
                if (strcmp(*drop, mount) == 0)
                        return true;
        return false;
}

/* What a system can do without: its boot loader is not used, swap is a matter of memory. */
static bool is_spare(const struct sv_fstab_entry *e)
{
        return strcmp(e->type, "swap") == 0 || strcmp(e->mount, "/boot") == 0 ||
               strncmp(e->mount, "/boot/", 6) == 0 || strcmp(e->mount, "/efi") == 0;
}

static const struct sv_partition *find_named(const struct sv_table *t, const char *spec)
{
        for (size_t i = 0; i < t->n; i++)
                if (sv_partition_is_named(&t->list[i], spec))
                        return &t->list[i];
        return NULL;
}

static int drop_mount(void *arg, const struct sv_fstab_entry *e, struct sv_err *err)
{
        struct mounts *m = arg;
        const struct sv_partition *p = find_named(&m->s->table, e->spec);

        if (p && !is_spare(e) && !is_dropped(m->in->drop, e->mount))
                return sv_fail(
                        err, SV_USAGE, "import.mount",
                        "the system has %s on partition %d (%s), and only the root's partition "
                        "is brought in: copy it to the root first, or say --drop %s to do "
                        "without it",
                        e->mount, p->number, e->spec, e->mount);
        sv_buf_printf(&m->dropped, "%s%s (%s)", m->dropped.n ? "\n" : "",
                      strcmp(e->type, "swap") == 0 ? "swap" : e->mount, e->spec);
        return 0;
}

static int edit_mounts(struct mounts *m, struct sv_err *err)
{
        struct sv_system *s = m->s;
        const struct sv_fstab_in in = {.uuid = s->root_at->uuid,
                                       .label = s->root_at->label,
                                       .readonly_root = m->in->readonly_root,
                                       .absent = drop_mount,
                                       .arg = m};
        SV_BUF before = SV_BUF_NULL, after = SV_BUF_NULL;

        if (!sv_ext_has(s->root, "/etc/fstab"))
                return 0;
        if (sv_ext_read(s->root, "/etc/fstab", FSTAB_MAX, &before, "import.fstab", err) < 0)
                return -1;
        if (sv_fstab_edit(sv_buf_bytes(&before), &in, &after, err) < 0)
                return -1;
        if (after.n == before.n && memcmp(after.p, before.p, after.n) == 0)
                return 0;
        return sv_ext_write(s->root, "/etc/fstab", sv_buf_bytes(&after), err);
}

static int change_mounts(const struct sv_system_in *in, struct sv_system *s, struct sv_err *err)
{
        struct mounts m = {.in = in, .s = s};
        int r = edit_mounts(&m, err);

        s->dropped = sv_asprintf("%s", m.dropped.n ? sv_buf_str(&m.dropped) : "");
        sv_buf_free(&m.dropped);
        return r;
}

/* --- all of it --- */

static bool has_module_file(const struct sv_folder *f, const char *path)
{
        SV_STR whole = sv_asprintf("%s/%s", f->name, path);

        return sv_ext_has(f->arg, whole);
}

static int read_module_file(const struct sv_folder *f, const char *path, size_t max,
                            struct sv_buf *out, const char *check, struct sv_err *err)
{
        SV_STR whole = sv_asprintf("%s/%s", f->name, path);

        return sv_ext_read(f->arg, whole, max, out, check, err);
}

static int open_system(const struct sv_system_in *in, struct sv_system *s, struct sv_err *err)
{
        if (sv_table_read(in->disk, &s->table, err) < 0)
                return -1;
        if (find_root_partition(in, s, err) < 0)
                return -1;
        if (find_kernel(in, s, err) < 0)
                return -1;
        s->modules = (struct sv_folder){.name = s->modules_path,
                                        .has = has_module_file,
                                        .read = read_module_file,
                                        .arg = s->root};
        return change_mounts(in, s, err);
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
        return sv_ext_read(s->boot ? s->boot : s->root, s->kernel, SV_KERNEL_SIZE_MAX, out,
                           "import.kernel", err);
}

void sv_system_close(struct sv_system *s)
{
        sv_ext_free(s->boot);
        sv_ext_free(s->root);
        free(s->version);
        free(s->kernel);
        free(s->modules_path);
        free(s->dropped);
        *s = (struct sv_system){.root = NULL};
}
