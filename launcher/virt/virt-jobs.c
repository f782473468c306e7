/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs of QEMU's block layer that libvirt does not know, and the images that they write to. */
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/virt/virt-int.h"

int sv_virt_find_job(struct sv_virt *v, const char *id, struct sv_json **out, struct sv_err *err)
{
        SV_JSON *jobs = NULL;

        if (sv_virt_ask_qemu(v, "query-jobs", NULL, -1, &jobs, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(jobs); i++)
                if (!strcmp(sv_json_text(sv_json_at(jobs, i), "id", ""), id)) {
                        *out = sv_json_ref(sv_json_at(jobs, i));
                        return 1;
                }
        return 0;
}

void sv_virt_cancel_job(struct sv_virt *v, const char *id)
{
        sv_virt_ask_qemu(v, "job-cancel", sv_virt_argument("id", id), -1, NULL, NULL);
}

int sv_virt_give_image(struct sv_virt *v, const struct sv_virt_image *image, struct sv_err *err)
{
        SV_STR path = sv_asprintf("/dev/fdset/%d", image->set);
        struct sv_json *set = sv_json_object(), *node, *file;

        sv_json_set_int(set, "fdset-id", image->set);
        if (sv_virt_ask_qemu(v, "add-fd", set, image->fd, NULL, err) < 0)
                return -1;
        node = sv_virt_argument("node-name", image->name);
        sv_json_set_str(node, "driver", "qcow2");
        file = sv_json_set(node, "file", sv_json_object());
        sv_json_set_str(file, "driver", "file");
        sv_json_set_str(file, "filename", path);
        if (image->notes_of) {
                sv_json_set_str(node, "discard", "unmap"); /* else it notes none */
                file = sv_json_set(node, "data-file", sv_json_object());
                sv_json_set_str(file, "driver", "null-co");
                sv_json_set_int(file, "size", (int64_t)image->notes_of);
        }
        return sv_virt_ask_qemu(v, "blockdev-add", node, -1, NULL, err);
}

void sv_virt_remove_fds(struct sv_virt *v, int set)
{
        struct sv_json *j = sv_json_object();

        sv_json_set_int(j, "fdset-id", set);
        sv_virt_ask_qemu(v, "remove-fd", j, -1, NULL, NULL);
}

int sv_virt_take_image(struct sv_virt *v, const char *name, int set, struct sv_err *err)
{
        int r = sv_virt_ask_qemu(v, "blockdev-del", sv_virt_argument("node-name", name), -1, NULL,
                                 err);

        if (set >= 0)
                sv_virt_remove_fds(v, set);
        return r;
}
