/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker's files share. */
#pragma once

#include "launcher/keeper/control.h"
#include "launcher/keeper/stage.h"
#include "launcher/virt/virt.h"
#include "launcher/keeper/worker.h"

struct sv_client {
        int fd;
        bool events; /* wants to hear everything */
        struct sv_lines lines;
};

struct sv_worker {
        const struct sv_work *work;
        int launch; /* -1 after "commit" */
        int guard;
        int control; /* listening */
        int agent;
        struct sv_lines launch_lines, agent_lines;
        struct sv_client clients[SV_CONTROL_CLIENTS_MAX];
        struct sv_virt *virt;
        struct sv_stage stage;
        struct sv_json *status;
        int64_t began; /* ms */
        int64_t last_start;
        unsigned quick_reboots;
        bool committed, rebooting, ending, done;
        struct sv_err err; /* why it ends, when class is set */
};

/* worker-start.c: the steps from a prepared folder to a running guest. */
int sv_worker_start(struct sv_worker *w, struct sv_err *err);
int sv_worker_restart(struct sv_worker *w, struct sv_err *err);
/* worker-talk.c: events to whoever listens; the status file. Takes the event. */
void sv_worker_tell(struct sv_worker *w, struct sv_json *event);
void sv_worker_save(struct sv_worker *w);
int sv_worker_listen(struct sv_worker *w, struct sv_err *err);
void sv_worker_accept(struct sv_worker *w);
void sv_worker_client(struct sv_worker *w, struct sv_client *c);
void sv_worker_agent(struct sv_worker *w);
/* Is there still somebody for whom to do this? launch.abandoned when not. */
int sv_worker_wanted(struct sv_worker *w, struct sv_err *err);
int64_t sv_worker_ms(const struct sv_worker *w);
