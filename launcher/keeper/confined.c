/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/confined.h"

#include <string.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/host/labels.h"
#include "launcher/host/selinux.h"
#include "launcher/keeper/embed.h"
#include "launcher/keeper/marks.h"
#include "launcher/virt/domain-read.h"

static int check_labels(const struct sv_labels *l, bool required, struct sv_err *err)
{
        struct sv_err files = SV_ERR_NULL;

        if (sv_labels_check(l, err) < 0)
                return -1;
        if (sv_labels_check_files(l, &files) == 0)
                return 0;
        if (!required) {
                sv_log_err(&files);
                return 0;
        }
        *err = files;
        return -1;
}

int sv_confined_check(const struct sv_worker *w, int qemu, struct sv_err *err)
{
        const struct sv_guest *g = w->work->guest;
        const char *files[SV_GUEST_DISKS_MAX + 1];
        struct sv_labels l = {.root = "",
                              .model = g->security.model,
                              .uuid = g->uuid,
                              .qemu = qemu,
                              .swtpm = sv_embed_read_swtpm_pid(w->work->state),
                              .files = files};
        SV_BUF xml = SV_BUF_NULL;
        SV_STR label = NULL;
        SV_STR image = NULL;

        if (sv_virt_get_xml(w->virt, &xml, err) < 0)
                return -1;
        if (!l.swtpm && strstr(sv_buf_str(&xml), "<backend type='emulator'"))
                return sv_fail(err, SV_SYSTEM, "launch.confinement",
                               "the guest has a vTPM, and no process id of it is in %s/run/swtpm, "
                               "so nothing says that it is confined",
                               w->work->state->dir);
        sv_domain_read_label(sv_buf_str(&xml), "selinux", &label, &image);
        l.label = label;
        l.image = image;
        if (label)
                sv_marks_give(w->work->state, &w->stage, sv_selinux_range(label));
        /* one that is read only may be another guest's too */
        for (size_t i = 0; i < g->n_disks; i++)
                if (!g->disks[i].readonly)
                        files[l.n_files++] = w->devices[i] ? w->devices[i] : g->disks[i].path;
        if (w->stage.nvram)
                files[l.n_files++] = w->stage.nvram;
        return check_labels(&l, g->security.required, err);
}
