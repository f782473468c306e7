/* SPDX-License-Identifier: Apache-2.0 */
/* From a prepared folder to a running guest, step by step; each step is an event with its time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/virt/domain.h"
#include "launcher/host/host.h"
#include "launcher/keeper/embed.h"
#include "launcher/keeper/worker-int.h"

static void tell_step(struct sv_worker *w, const char *step, int64_t since)
{
        struct sv_json *e = sv_json_object();

        sv_json_set_str(e, "event", "launch");
        sv_json_set_str(e, "step", step);
        sv_json_set_int(e, "ms", sv_worker_ms(w) - since);
        sv_worker_tell(w, e);
}

/* O_DIRECT where the disk's file system has it; tmpfs and some others have not. */
static int direct_flag(const char *path)
{
        SV_FD fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

        return fd >= 0 ? O_DIRECT : 0;
}

static int build_xml(struct sv_worker *w, struct sv_buf *xml, struct sv_err *err)
{
        const struct sv_work *k = w->work;
        SV_STR console = sv_state_path(k->state, "console.sock");
        SV_STR log = sv_state_path(k->state, "console.log");
        SV_STR agent = sv_state_path(k->state, "agent.sock");
        SV_BUF cmdline = SV_BUF_NULL;
        bool buffered[SV_GUEST_DISKS_MAX] = {0};
        struct sv_plan plan = {
                .guest = k->guest,
                .tee = k->tee,
                .kvm = k->kvm,
                .kernel = w->stage.kernel,
                .initrd = w->stage.initrd,
                .shim = w->stage.shim,
                .firmware = w->stage.firmware,
                .nvram_template = w->stage.nvram_template,
                .nvram = w->stage.nvram,
                .console_socket = console,
                .console_log = log,
                .agent_socket = agent,
                .disks_by_fd = k->guest->n_disks > 0,
                .buffered = buffered,
        };

        for (size_t i = 0; i < k->guest->n_disks; i++)
                buffered[i] = !direct_flag(k->guest->disks[i].path);
        if (sv_guest_cmdline(k->guest, &cmdline, err) < 0)
                return -1;
        plan.cmdline = sv_buf_str(&cmdline);
        return sv_domain_xml(&plan, xml, err);
}

/* Open files are handed over, so that QEMU's user need not be able to reach them by name. */
static int hand_over_disks(struct sv_worker *w, struct sv_err *err)
{
        for (size_t i = 0; i < w->work->guest->n_disks; i++) {
                const struct sv_disk *d = &w->work->guest->disks[i];
                /* QEMU looks for a descriptor with the very flags it would open with */
                int direct = direct_flag(d->path);
                SV_FD reader = open(d->path, O_RDONLY | O_CLOEXEC | direct);
                SV_FD writer = d->readonly ? -1 : open(d->path, O_RDWR | O_CLOEXEC | direct);
                int fds[2] = {reader, writer};
                char group[32];

                if (reader < 0 || (!d->readonly && writer < 0))
                        return sv_fail_errno(err, "launch.disk", "%s (\"disks\" in the guest file)",
                                             d->path);
                snprintf(group, sizeof(group), "disk%zu", i);
                if (sv_virt_associate(w->virt, group, fds, d->readonly ? 1 : 2, err) < 0)
                        return -1;
        }
        return 0;
}

static int connect_agent(struct sv_worker *w, struct sv_err *err)
{
        SV_STR path = sv_state_path(w->work->state, "agent.sock");
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
        if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
            fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
                sv_fail_errno(err, "launch.agent", "%s", path);
                if (fd >= 0)
                        close(fd);
                return -1;
        }
        w->agent = fd;
        return 0;
}

/* A vTPM whose state was made completely is kept; this mark says so (launcher/keeper/recover.c). */
static void mark_vtpm(const struct sv_state *s)
{
        SV_STR path = sv_state_path(s, "vtpm-made");
        SV_FD fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        (void)fd;
}

static int start(struct sv_worker *w, struct sv_err *err)
{
        const struct sv_work *k = w->work;
        int64_t t = sv_worker_ms(w);
        struct sv_json *e;
        int pid;

        if (hand_over_disks(w, err) < 0 || sv_virt_start(w->virt, k->tee, err) < 0)
                return -1;
        mark_vtpm(k->state);
        pid = sv_root_qemu_pid(k->state);
        if (k->guest->security.required &&
            sv_root_check_confined(pid, k->guest->security.model, err) < 0)
                return -1;
        if (connect_agent(w, err) < 0)
                return -1;
        w->last_start = sv_worker_ms(w);
        tell_step(w, "start", t);
        sv_json_set_str(w->status, "state", "running");
        sv_json_set_int(w->status, "qemu_pid", pid);
        sv_worker_save(w);
        e = sv_json_object();
        sv_json_set_str(e, "event", "running");
        sv_json_set_str(e, "accelerator", k->kvm ? "kvm" : "tcg");
        sv_json_set_int(e, "qemu_pid", pid);
        sv_worker_tell(w, e);
        return 0;
}

static int prepare(struct sv_worker *w, const char *xml, struct sv_err *err)
{
        SV_STR ca = NULL;

        /* swtpm's own set-up runs as a user who may not make the folder of the certificate
         * authority. */
        if (strstr(xml, "<backend type='emulator'") && sv_host_vtpm_ca(&ca, err) < 0)
                return -1;
        return sv_root_prepare(w->work->state, w->work->guest, err);
}

int sv_worker_start(struct sv_worker *w, struct sv_err *err)
{
        const struct sv_work *k = w->work;
        SV_STR uri = sv_virt_embed_uri(k->state->dir);
        SV_BUF xml = SV_BUF_NULL;
        int64_t t = sv_worker_ms(w);

        if (sv_stage(k->guest, k->tee, k->state, &w->stage, err) < 0 ||
            sv_worker_wanted(w, err) < 0)
                return -1;
        sv_json_set(w->status, "boot", sv_json_ref(w->stage.digests));
        tell_step(w, "copy and measure", t);
        t = sv_worker_ms(w);
        if (build_xml(w, &xml, err) < 0 || prepare(w, sv_buf_str(&xml), err) < 0 ||
            sv_worker_wanted(w, err) < 0)
                return -1;
        tell_step(w, "prepare", t);
        t = sv_worker_ms(w);
        if (sv_virt_open(uri, &w->virt, err) < 0 || sv_worker_wanted(w, err) < 0)
                return -1;
        tell_step(w, "connect", t);
        t = sv_worker_ms(w);
        if (sv_virt_define(w->virt, sv_buf_str(&xml), err) < 0 ||
            sv_root_keep_cache(k->state, err) < 0 || sv_worker_wanted(w, err) < 0)
                return -1;
        tell_step(w, "define", t);
        return start(w, err);
}

int sv_worker_restart(struct sv_worker *w, struct sv_err *err)
{
        if (w->agent >= 0)
                close(w->agent);
        w->agent = -1;
        sv_buf_clear(&w->agent_lines.buf);
        /* The variable store begins anew: what the last run put there must not change what this one
         * measures. */
        if (w->stage.nvram && unlink(w->stage.nvram) < 0 && errno != ENOENT)
                return sv_fail_errno(err, "launch.nvram", "%s", w->stage.nvram);
        return start(w, err);
}
