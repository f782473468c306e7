/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/mounts.h"

#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "image/import/fstab.h"

#define TEXT_MAX (1u << 20)

struct mounts {
        const struct sv_system_in *in;
        struct sv_system *s;
        struct sv_buf dropped;
        /* of /etc/crypttab: "NAME\0DEVICE\0" each */
        struct sv_buf volumes;
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

/* The device that crypttab has below a name of the device-mapper's; else the name. */
static const char *find_below(const struct mounts *m, const char *spec)
{
        static const char mapper[] = "/dev/mapper/";
        const char *all = (const char *)m->volumes.p;

        if (strncmp(spec, mapper, sizeof(mapper) - 1) != 0)
                return spec;
        for (size_t at = 0; at < m->volumes.n;) {
                const char *name = all + at, *device = name + strlen(name) + 1;

                if (strcmp(name, spec + sizeof(mapper) - 1) == 0)
                        return device;
                at = (size_t)(device + strlen(device) + 1 - all);
        }
        return spec;
}

static const struct sv_partition *find_named(const struct sv_table *t, const char *spec)
{
        for (size_t i = 0; i < t->n; i++)
                if (sv_partition_is_named(&t->list[i], spec))
                        return &t->list[i];
        return NULL;
}

static void put_dropped(struct mounts *m, const char *what, const char *spec)
{
        sv_buf_printf(&m->dropped, "%s%s (%s)", m->dropped.n ? "\n" : "", what, spec);
}

static bool is_own_root(void *arg, const char *spec)
{
        const struct mounts *m = arg;

        return find_named(&m->s->table, find_below(m, spec)) == m->s->root_at;
}

static int drop_mount(void *arg, const struct sv_fstab_entry *e, struct sv_err *err)
{
        struct mounts *m = arg;
        const struct sv_partition *p = find_named(&m->s->table, find_below(m, e->spec));

        if (p && !is_spare(e) && !is_dropped(m->in->drop, e->mount))
                return sv_fail(
                        err, SV_USAGE, "import.mount",
                        "the system has %s on partition %d (%s), and only the root's partition "
                        "is brought in: copy it to the root first, or say --drop %s to do "
                        "without it",
                        e->mount, p->number, e->spec, e->mount);
        put_dropped(m, strcmp(e->type, "swap") == 0 ? "swap" : e->mount, e->spec);
        return 0;
}

static void drop_volume(void *arg, const struct sv_crypttab_entry *e)
{
        struct mounts *m = arg;
        SV_STR what = sv_asprintf("encrypted volume %s", e->name);

        put_dropped(m, what, e->device);
        sv_buf_put(&m->volumes, sv_bytes(e->name, strlen(e->name) + 1));
        sv_buf_put(&m->volumes, sv_bytes(e->device, strlen(e->device) + 1));
}

/* In the file system, or by the guest. */
static int replace_text(struct sv_system *s, const char *name, const struct sv_buf *before,
                        struct sv_buf *after, struct sv_err *err)
{
        struct sv_initrd_edit *edit = &s->edits[s->n_edits];
        SV_STR path = sv_asprintf("/etc/%s", name);

        if (after->n == before->n && (!after->n || memcmp(after->p, before->p, after->n) == 0))
                return 0;
        if (sv_filetree_can_write(s->root))
                return sv_filetree_write(s->root, path, sv_buf_bytes(after), err);
        if (sv_sha256_hex(sv_buf_bytes(before), edit->digest, err) < 0)
                return -1;
        edit->name = name;
        edit->text = *after;
        *after = (struct sv_buf)SV_BUF_NULL;
        s->n_edits++;
        return 0;
}

static int edit_volumes(struct mounts *m, struct sv_err *err)
{
        struct sv_system *s = m->s;
        SV_BUF before = SV_BUF_NULL, after = SV_BUF_NULL;

        if (!sv_filetree_has(s->root, "/etc/crypttab"))
                return 0;
        if (sv_filetree_read(s->root, "/etc/crypttab", TEXT_MAX, &before, "import.crypttab", err) <
            0)
                return -1;
        if (sv_crypttab_edit(sv_buf_bytes(&before), drop_volume, m, &after, err) < 0 ||
            sv_buf_ok(&m->volumes, "the encrypted volumes", err) < 0)
                return -1;
        return replace_text(s, "crypttab", &before, &after, err);
}

static int edit_mounts(struct mounts *m, struct sv_err *err)
{
        struct sv_system *s = m->s;
        const struct sv_fstab_in in = {.uuid = s->root_at->uuid,
                                       .label = s->root_at->label,
                                       .readonly_root = m->in->readonly_root,
                                       .is_root = is_own_root,
                                       .absent = drop_mount,
                                       .arg = m};
        SV_BUF before = SV_BUF_NULL, after = SV_BUF_NULL;

        if (!sv_filetree_has(s->root, "/etc/fstab"))
                return 0;
        if (sv_filetree_read(s->root, "/etc/fstab", TEXT_MAX, &before, "import.fstab", err) < 0)
                return -1;
        if (sv_fstab_edit(sv_buf_bytes(&before), &in, &after, err) < 0)
                return -1;
        return replace_text(s, "fstab", &before, &after, err);
}

int sv_mounts_change(const struct sv_system_in *in, struct sv_system *s, struct sv_err *err)
{
        struct mounts m = {.in = in, .s = s};
        int r = edit_volumes(&m, err);

        if (r == 0)
                r = edit_mounts(&m, err);
        s->dropped = sv_asprintf("%s", m.dropped.n ? sv_buf_str(&m.dropped) : "");
        sv_buf_free(&m.dropped);
        sv_buf_free(&m.volumes);
        return r;
}

static void take_root_subvolume(void *arg, const struct sv_fstab_entry *e)
{
        char **path = arg;

        if (!*path && strcmp(e->mount, "/") == 0 && strcmp(e->type, "btrfs") == 0)
                *path = sv_fstab_option(e->options, "subvol");
}

char *sv_mounts_root_subvolume(struct sv_filetree *files)
{
        SV_BUF text = SV_BUF_NULL;
        char *path = NULL;

        if (sv_filetree_read(files, "/etc/fstab", TEXT_MAX, &text, "import.fstab", NULL) == 0)
                sv_fstab_each(sv_buf_bytes(&text), take_root_subvolume, &path);
        return path;
}
