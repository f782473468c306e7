/* SPDX-License-Identifier: Apache-2.0 */
/* A layer that no QEMU has is written into the one it leans on, by qemu-img. It gets open files, as
 * the owner of the guest file could open them, and each format is said: it looks for nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/host/host.h"
#include "launcher/keeper/owner.h"
#include "launcher/keeper/snapshot.h"

int sv_layer_sync(struct sv_chains *c, size_t disk, size_t layer, struct sv_err *err)
{
        SV_STR path = sv_layer_path(&c->disks[disk], layer);
        SV_FD fd = sv_owner_open(c->guest, path, O_RDWR | O_NONBLOCK);

        return fd < 0 || fdatasync(fd) < 0 ? sv_fail_errno(err, "snapshot.layer", "%s", path) : 0;
}

/* The image of a layer with all that it leans on: {"driver":…,"file":{…},"backing":{…}}. Those at
 * the top are `written`. `fds` stay open in the program that is started. */
static struct sv_json *describe_layer(struct sv_chains *c, size_t disk, size_t layer,
                                      unsigned depth, unsigned written, int fds[SV_LAYERS_MAX],
                                      struct sv_err *err)
{
        const struct sv_disk_chain *d = &c->disks[disk];
        SV_STR path = sv_layer_path(d, layer);
        SV_FD fd =
                sv_owner_open(c->guest, path, (depth < written ? O_RDWR : O_RDONLY) | O_NONBLOCK);
        int parent = d->chain.now.layers[layer].parent;
        struct sv_json *j, *file;
        char name[32];

        fds[depth] = fd < 0 ? -1 : dup(fd);
        if (fds[depth] < 0) {
                sv_fail_errno(err, "snapshot.layer", "%s", path);
                return NULL;
        }
        snprintf(name, sizeof(name), "/proc/self/fd/%d", fds[depth]);
        j = sv_json_object();
        sv_json_set_str(j, "driver", parent < 0 ? "raw" : "qcow2");
        file = sv_json_set(j, "file", sv_json_object());
        sv_json_set_str(file, "driver", "file");
        sv_json_set_str(file, "filename", name);
        if (parent >= 0 &&
            !sv_json_set(j, "backing",
                         describe_layer(c, disk, (size_t)parent, depth + 1, written, fds, err))) {
                sv_json_free(j);
                return NULL;
        }
        return j;
}

int sv_layer_merge(struct sv_chains *c, size_t disk, size_t child, struct sv_err *err)
{
        int fds[SV_LAYERS_MAX], r = -1;
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *image = NULL;

        for (size_t i = 0; i < SV_LAYERS_MAX; i++)
                fds[i] = -1;
        image = describe_layer(c, disk, child, 0, 2, fds, err);
        if (image) {
                const char *argv[] = {"qemu-img", "commit", "-q", "-d", NULL, NULL};

                sv_buf_puts(&text, "json:");
                sv_json_print(image, &text);
                argv[4] = sv_buf_str(&text);
                r = sv_host_run(argv, NULL, "snapshot.merge", err);
        }
        for (size_t i = 0; i < SV_LAYERS_MAX; i++)
                sv_closep(&fds[i]);
        return r;
}

void sv_layer_rename_backing(struct sv_chains *c, size_t disk, size_t layer)
{
        const struct sv_disk_chain *d = &c->disks[disk];
        const struct sv_layer *l = &d->chain.now.layers[layer];
        unsigned below = d->chain.now.layers[l->parent].id;
        SV_STR path = sv_layer_path(d, layer);
        SV_STR backing = below ? sv_asprintf("%u.qcow2", below)
                               : sv_asprintf("../%s", strrchr(d->path, '/') + 1);
        SV_FD fd = sv_owner_open(c->guest, path, O_RDWR | O_NONBLOCK);
        int open = fd < 0 ? -1 : dup(fd);
        SV_STR name = sv_asprintf("/proc/self/fd/%d", open);
        const char *argv[] = {"qemu-img", "rebase", "-q", "-u",
                              "-f",       "qcow2",  "-F", below ? "qcow2" : "raw",
                              "-b",       backing,  name, NULL};

        if (open >= 0)
                sv_host_run(argv, NULL, "snapshot.merge", NULL);
        sv_closep(&open);
}

int sv_layer_copy(struct sv_chains *c, size_t disk, size_t layer, const char *to,
                  struct sv_err *err)
{
        int fds[SV_LAYERS_MAX], r = -1;
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *image = NULL;

        for (size_t i = 0; i < SV_LAYERS_MAX; i++)
                fds[i] = -1;
        image = describe_layer(c, disk, layer, 0, 0, fds, err);
        if (image) {
                const char *argv[] = {"qemu-img", "convert", "-q", "-O", "qcow2", NULL, to, NULL};

                sv_buf_puts(&text, "json:");
                sv_json_print(image, &text);
                argv[5] = sv_buf_str(&text);
                r = sv_host_run(argv, NULL, "backup.copy", err);
        }
        for (size_t i = 0; i < SV_LAYERS_MAX; i++)
                sv_closep(&fds[i]);
        return r;
}
