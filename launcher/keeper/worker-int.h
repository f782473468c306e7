/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker's files share. */
#pragma once

#include "base/core/limits.h"
#include "launcher/keeper/console-log.h"
#include "launcher/keeper/control.h"
#include "launcher/keeper/job.h"
#include "launcher/keeper/life.h"
#include "launcher/keeper/reader.h"
#include "launcher/keeper/resize.h"
#include "launcher/keeper/stage.h"
#include "launcher/keeper/worker.h"
#include "launcher/virt/virt.h"

struct sv_client {
        int fd;
        bool events; /* wants to hear everything */
        struct sv_lines lines;
};

struct sv_worker {
        const struct sv_work *work;
        int launch;     /* -1 when the launcher has gone */
        bool committed; /* the launcher has said "commit": the guest lives on without it */
        int guard;
        int control;             /* listening */
        struct sv_reader reader; /* of what the agent says */
        struct sv_lines launch_lines;
        struct sv_client clients[SV_CONTROL_CLIENTS_MAX];
        struct sv_virt *virt;
        struct sv_stage stage;
        /* names by which QEMU opens those of its disks that are block devices, or NULL */
        char *devices[SV_GUEST_DISKS_MAX];
        int held[SV_GUEST_DISKS_MAX]; /* sv_launch_hold_disk; -1 */
        /* those of its network cards that are functions of the host's: on the PCI bus */
        char *functions[SV_GUEST_NICS_MAX];
        struct sv_job job;
        char *mounts; /* where a copy of a disk is shown to QEMU */
        struct sv_console_log console;
        enum sv_life life;
        bool refused;           /* the agent's own reason stands in the status */
        struct sv_json *status; /* what status.json says */
        int64_t began;          /* ms */
        int64_t last_start;
        int64_t pressed; /* when its power button was, last */
        int64_t off;     /* when the guest went off, whose QEMU is still there; 0: it did not */
        unsigned quick_reboots;
        /* what it was given while it ran, which outlives its reboots: vCPUs in all, bytes above
         * those that it boots with; 0: nothing */
        unsigned wanted_vcpus;
        uint64_t wanted_memory;
        struct sv_err err; /* why the guest failed, when class is set and it did */
};

/* worker-life.c: the state that follows, in the status too (the caller saves that); what is to be
 * done with QEMU. */
enum sv_life_action sv_worker_note_event(struct sv_worker *w, enum sv_life_event event);
/* Do that, all but SV_LIFE_START. */
int sv_worker_act(struct sv_worker *w, enum sv_life_action action, struct sv_err *err);
/* A command's request: the state that follows, what is to be done, and who hears of it. An error
 * leaves the state as it was, or says that it is not one for this (sv_life_check). */
int sv_worker_ask(struct sv_worker *w, enum sv_life_event event, struct sv_err *err);
/* After a step from `before`: whether its virtual CPUs stand now, or go on. */
void sv_worker_tell_pause(struct sv_worker *w, enum sv_life before, const char *reason);
/* Of a guest that is to reboot: milliseconds until its power button is pressed once more, 0: now.
 * -1: not at all. */
int64_t sv_worker_find_press(const struct sv_worker *w, int64_t now);
/* Of a guest that is off: milliseconds until its QEMU has had its time to end, 0: it is over. -1:
 * it is not off. */
int64_t sv_worker_find_end(const struct sv_worker *w, int64_t now);
/* worker-start.c: the steps from a prepared folder to a running guest. */
int sv_worker_start(struct sv_worker *w, struct sv_err *err);
int sv_worker_restart(struct sv_worker *w, struct sv_err *err);
/* Of its disks that are block devices: what is held and named. */
void sv_worker_free_disks(struct sv_worker *w);
/* worker-say.c. Send an event to the launcher and to the clients that asked for events; who does
 * not read is dropped. Takes the event. */
void sv_worker_send_event(struct sv_worker *w, struct sv_json *event);
/* All of it or a failure: what is left of a line would be glued to the next one. */
bool sv_worker_send_line(int fd, const struct sv_json *j);
void sv_worker_drop_client(struct sv_client *c);
void sv_worker_save_status(struct sv_worker *w);
/* Keeps an event, with its time, among the status' steps; false when there is no room. */
bool sv_worker_keep_step(struct sv_worker *w, struct sv_json *event);
/* Milliseconds since the worker began. */
int64_t sv_worker_elapsed(const struct sv_worker *w);
/* worker-talk.c */
/* The vCPUs that it had before a reboot beyond those that it boots with, once nothing that is
 * measured depends on it. */
void sv_worker_give_vcpus(struct sv_worker *w);
int sv_worker_open_control(struct sv_worker *w, struct sv_err *err);
void sv_worker_accept_client(struct sv_worker *w);
void sv_worker_serve_client(struct sv_worker *w, struct sv_client *c);
void sv_worker_read_agent(struct sv_worker *w);
/* QEMU has ended: what the agent said last, the reason among it. */
void sv_worker_finish_agent(struct sv_worker *w);
/* Are guard and launcher still there, for whom this is done? launch.abandoned when not. */
int sv_worker_check_wanted(struct sv_worker *w, struct sv_err *err);
