/* SPDX-License-Identifier: Apache-2.0 */
/* From a prepared folder to a running guest, step by step; each step is an event with its time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "launcher/virt/domain.h"
#include "launcher/virt/virt-cpu.h"
#include "launcher/host/vtpm-ca.h"
#include "launcher/keeper/claim.h"
#include "launcher/keeper/client.h"
#include "launcher/keeper/confined.h"
#include "launcher/keeper/check-disk.h"
#include "launcher/keeper/device.h"
#include "launcher/keeper/embed.h"
#include "launcher/keeper/fabric.h"
#include "launcher/keeper/functions.h"
#include "launcher/keeper/folder.h"
#include "launcher/keeper/marks.h"
#include "launcher/keeper/owner.h"
#include "launcher/keeper/processes.h"
#include "launcher/keeper/relabel.h"
#include "base/program/log.h"
#include "launcher/keeper/worker-int.h"
#include "launcher/tune/readback.h"
#include "launcher/virt/virt-sizes.h"

static void report_step(struct sv_worker *w, const char *step, int64_t since)
{
        struct sv_json *e = sv_json_object();

        sv_json_set_str(e, "event", "launch");
        sv_json_set_str(e, "step", step);
        sv_json_set_int(e, "ms", sv_worker_elapsed(w) - since);
        sv_worker_keep_step(w, e);
        sv_worker_send_event(w, e);
}

static int build_xml(struct sv_worker *w, struct sv_buf *xml, struct sv_err *err)
{
        const struct sv_work *k = w->work;
        SV_STR console = sv_state_path(k->state, "console.sock");
        SV_STR log = sv_state_path(k->state, "console.log");
        SV_STR agent = sv_state_path(k->state, "agent.sock");
        SV_STR qemu_agent = sv_state_path(k->state, "qga.sock");
        bool buffered[SV_GUEST_DISKS_MAX] = {0};
        SV_TUNED tuned = {0};
        const struct sv_plan_place place = {
                .kvm = k->kvm,
                .console_socket = console,
                .console_log = log,
                .agent_socket = agent,
                .qemu_agent_socket = qemu_agent,
                .disks_by_fd = k->guest->n_disks > 0,
                .buffered = buffered,
                .devices = (const char *const *)w->devices,
                .functions = (const char *const *)w->functions,
                .readers_given = k->ids.group != 0,
                .tuned = &tuned,
        };

        for (size_t i = 0; i < k->guest->n_disks; i++)
                buffered[i] = !sv_disk_direct_flag(k->guest, &k->guest->disks[i]);
        if (sv_claim_cpus("", k->state, k->guest, k->tee->id->confidential, w->status, &tuned,
                          err) < 0)
                return -1;
        return sv_stage_domain(&w->stage, k->guest, k->tee, &place, xml, err);
}

void sv_worker_free_disks(struct sv_worker *w)
{
        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++) {
                sv_closep(&w->held[i]);
                sv_strfreep(&w->devices[i]);
        }
        for (size_t i = 0; i < SV_GUEST_NICS_MAX; i++)
                sv_strfreep(&w->functions[i]);
}

static int name_device(struct sv_worker *w, size_t i, struct sv_err *err)
{
        const struct sv_work *k = w->work;
        const struct sv_disk *d = &k->guest->disks[i];
        int fds[2] = {-1, -1}, r = 0;
        struct stat st;

        /* what is not connected when the launch is checked is looked at now */
        if (d->nvme.subsystem && sv_launch_check_disk(k->guest, d, false, err) < 0)
                return -1;
        if (sv_disk_open(k->guest, d, fds, err) < 0)
                return -1;
        if (d->nvme.subsystem)
                r = sv_fabric_verify("", d, fds[0], err);
        if (r == 0 && fstat(fds[0], &st) < 0)
                r = sv_fail_errno(err, "launch.disk", "%s", d->path);
        if (r == 0 && S_ISBLK(st.st_mode) && geteuid() == 0) {
                r = sv_launch_hold_disk(d, fds[0], err);
                w->held[i] = fds[0];
                fds[0] = -1;
        }
        if (w->held[i] >= 0 && r == 0)
                r = sv_device_make_node(k->state, i, st.st_rdev, d->readonly ? k->ids.group : 0,
                                        &w->devices[i], err);
        else if (r == 0 && S_ISBLK(st.st_mode))
                w->devices[i] = sv_asprintf("%s", d->path);
        sv_closep(&fds[0]);
        sv_closep(&fds[1]);
        return r;
}

/* At each start anew: what was away meanwhile has another number. */
static int name_devices(struct sv_worker *w, struct sv_err *err)
{
        char at[64];

        /* what is held counts as in use */
        sv_worker_free_disks(w);
        if (sv_fabric_take("", w->work->state, w->work->guest, err) < 0 ||
            sv_functions_take("", w->work->state, w->work->guest, w->functions,
                              sv_json_get(w->status, "nics"), err) < 0)
                return -1;
        for (size_t i = 0; i < w->work->guest->n_disks; i++) {
                snprintf(at, sizeof(at), "/disks/%zu", i);
                if (name_device(w, i, err) < 0)
                        return sv_guest_wrap(w->work->guest, at, err);
        }
        return 0;
}

/* Open files are handed over, so that QEMU's user need not be able to reach them by name. */
static int hand_over_disks(struct sv_worker *w, struct sv_err *err)
{
        for (size_t i = 0; i < w->work->guest->n_disks; i++) {
                const struct sv_disk *d = &w->work->guest->disks[i];
                int fds[2] = {-1, -1};
                char group[32];
                int r;

                if (w->devices[i])
                        continue;
                if (sv_disk_open(w->work->guest, d, fds, err) < 0)
                        return -1;
                r = sv_relabel_note(w->work->state, d->path, fds[0], err);
                snprintf(group, sizeof(group), "disk%zu", i);
                if (r == 0)
                        r = sv_virt_associate(w->virt, group, fds, d->readonly ? 1 : 2, err);
                sv_closep(&fds[0]);
                sv_closep(&fds[1]);
                if (r < 0)
                        return -1;
        }
        return 0;
}

/* Its bytes are the reader's: this process does not look at them. */
static int connect_agent(struct sv_worker *w, struct sv_err *err)
{
        SV_FD fd = sv_client_connect_qemu(w->work->state, "agent.sock", NULL);

        if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
                return sv_fail_errno(err, "launch.agent", "%s/agent.sock", w->work->state->dir);
        return sv_reader_give(&w->reader, fd, err);
}

static void report_running(struct sv_worker *w, int pid)
{
        struct sv_json *e = sv_json_object(), *tuning = sv_json_get(w->status, "tuning");

        sv_worker_note_event(w, SV_LIFE_STARTED);
        if (tuning)
                sv_readback_note_group("", (unsigned)pid, tuning);
        sv_json_set_int(w->status, "qemu_pid", pid);
        sv_json_set_int(w->status, "started", time(NULL));
        sv_json_set_str(e, "event", "running");
        sv_json_set_str(e, "accelerator", w->work->kvm ? "kvm" : "tcg");
        sv_json_set_int(e, "qemu_pid", pid);
        sv_worker_keep_step(w, e);
        sv_worker_save_status(w);
        sv_worker_send_event(w, e);
}

static char *find_vtpm(const struct sv_work *k)
{
        char uuid[37];

        return sv_asprintf("%s/lib/swtpm/%s/tpm2", k->state->dir,
                           sv_format_uuid(k->guest->uuid, uuid));
}

/* What libvirt opens or gives away as root at a start, in folders that the guest's QEMU or swtpm
 * could write to before it: nobody changes it after the look. */
static int check_vtpm(const struct sv_work *k, struct sv_err *err)
{
        SV_STR state = find_vtpm(k);
        SV_STR logs = sv_state_path(k->state, "log/swtpm");
        SV_STR run = sv_state_path(k->state, "run/swtpm");
        const char *const folders[] = {state, logs};

        if (sv_end_ids(&k->ids, err) < 0)
                return -1;
        for (size_t i = 0; i < 2; i++)
                if (access(folders[i], F_OK) == 0 && sv_host_vtpm_check(folders[i], err) < 0)
                        return -1;
        return sv_remove_tree(run, err) < 0 ? -1 : sv_mkdirs(run, 0711, err);
}

/* At once: what is looked at by name later must not be the guest's to change. */
static int check_started(struct sv_worker *w, int pid, struct sv_err *err)
{
        const struct sv_work *k = w->work;

        if (sv_stage_take_back(&w->stage, err) < 0)
                return -1;
        if (sv_folder_take_swtpm(k->state, &k->ids, err) < 0)
                return -1;
        if (sv_relabel_confirm(k->state, err) < 0)
                return -1;
        return k->confined ? sv_confined_check(w, pid, err) : 0;
}

static int start_qemu(struct sv_worker *w, struct sv_err *err)
{
        const struct sv_work *k = w->work;
        int64_t t = sv_worker_elapsed(w);
        int pid;

        if (hand_over_disks(w, err) < 0)
                return -1;
        if (check_vtpm(k, err) < 0)
                return -1;
        if (sv_folder_give_log(k->state, &k->ids, err) < 0)
                return -1;
        sv_marks_give(k->state, &w->stage, "s0");
        sv_console_log_free(&w->console);
        if (sv_console_log_begin(&w->console, k->state, k->guest->console.log_size, err) < 0)
                return -1;
        if (sv_virt_start(w->virt, k->tee, err) < 0)
                return -1;
        pid = sv_embed_read_qemu_pid(k->state);
        if (check_started(w, pid, err) < 0)
                return -1;
        if (sv_virt_forward_ports(w->virt, k->guest, err) < 0)
                return -1;
        if (connect_agent(w, err) < 0)
                return -1;
        w->last_start = sv_worker_elapsed(w);
        report_step(w, "start", t);
        report_running(w, pid);
        return 0;
}

/* --- the steps of a first start --- */

static int stage_boot(struct sv_worker *w, struct sv_buf *xml, struct sv_err *err)
{
        const struct sv_work *k = w->work;

        if (sv_stage_boot(k->guest, k->tee, k->state, &w->stage, err) < 0)
                return -1;
        sv_json_set(w->status, "boot", sv_json_ref(w->stage.digests));
        return 0;
}

/* Not left to libvirt, which would make it as the user who serves it, and that one must not have
 * the key of the certificate authority. */
static int make_vtpm(const struct sv_work *k, struct sv_err *err)
{
        SV_STR folder = find_vtpm(k);
        SV_STR log = sv_state_path(k->state, "vtpm-made.log");
        char uuid[37];
        SV_STR id = sv_asprintf("%s:%s", k->guest->name, sv_format_uuid(k->guest->uuid, uuid));

        return sv_host_vtpm_make(folder, id, log, err);
}

static int prepare_embed(struct sv_worker *w, struct sv_buf *xml, struct sv_err *err)
{
        const struct sv_work *k = w->work;
        const char *driver = k->unlabelled ? "none" : NULL;

        if (name_devices(w, err) < 0)
                return -1;
        if (build_xml(w, xml, err) < 0)
                return -1;
        if (strstr(sv_buf_str(xml), "<backend type='emulator'") && make_vtpm(k, err) < 0)
                return -1;
        sv_ids_announce(&k->ids, k->tee);
        if (k->guest->security.model)
                driver = k->guest->security.model;
        return sv_embed_prepare(k->state, k->guest, &k->ids, k->confined, driver, err);
}

static int connect_libvirt(struct sv_worker *w, struct sv_buf *xml, struct sv_err *err)
{
        SV_STR uri = sv_virt_embed_uri(w->work->state->dir);

        if (sv_virt_open(uri, &w->virt, err) < 0)
                return -1;
        if (sv_folder_take_back(w->work->state, &w->work->ids, err) < 0)
                return -1;
        return sv_virt_check_cpu(w->virt, w->work->guest->cpu, w->work->kvm, err);
}

static int define_domain(struct sv_worker *w, struct sv_buf *xml, struct sv_err *err)
{
        if (sv_virt_define(w->virt, sv_buf_str(xml), err) < 0)
                return -1;
        return sv_embed_keep_cache(w->work->state, err);
}

static const struct {
        const char *name; /* in the event */
        int (*run)(struct sv_worker *w, struct sv_buf *xml, struct sv_err *err);
} start_steps[] = {
        {"copy and measure", stage_boot},
        {"prepare", prepare_embed},
        {"connect", connect_libvirt},
        {"define", define_domain},
};

int sv_worker_start(struct sv_worker *w, struct sv_err *err)
{
        SV_BUF xml = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(start_steps) / sizeof(*start_steps); i++) {
                int64_t t = sv_worker_elapsed(w);

                if (start_steps[i].run(w, &xml, err) < 0)
                        return -1;
                if (sv_worker_check_wanted(w, err) < 0)
                        return -1;
                report_step(w, start_steps[i].name, t);
        }
        return start_qemu(w, err);
}

/* It boots with what was measured; what it had more follows. */
static void give_memory(struct sv_worker *w)
{
        struct sv_err err;

        if (w->wanted_memory && sv_virt_want_memory(w->virt, w->wanted_memory, &err) < 0)
                sv_log_err(&err);
}

int sv_worker_restart(struct sv_worker *w, struct sv_err *err)
{
        /* it was of the QEMU that has ended */
        sv_job_end(&w->job);
        /* A new, empty variable store: what the last run put there must not change what this one
         * measures. */
        if (w->stage.nvram && unlink(w->stage.nvram) < 0 && errno != ENOENT)
                return sv_fail_errno(err, "launch.nvram", "%s", w->stage.nvram);
        if (name_devices(w, err) < 0 || start_qemu(w, err) < 0)
                return -1;
        give_memory(w);
        /* others have an agent, which says when it has its key */
        if (!w->work->guest->attestation.url && !sv_guest_root(w->work->guest))
                sv_worker_give_vcpus(w);
        return 0;
}
