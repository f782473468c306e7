/* SPDX-License-Identifier: Apache-2.0 */
/* The thread in which a guest's worker copies its disks while it goes on to serve the guest. One at
 * a time. */
#pragma once

#include <pthread.h>

#include "launcher/keeper/copy-task.h"

struct sv_job {
        bool is_there;        /* a thread has it, or it has ended and was not collected */
        volatile bool cancel; /* for the thread to see */
        int wake;             /* eventfd: it has ended; -1 before the first */
        unsigned number;      /* of the jobs of this worker, from 1 */
        struct sv_copy_task task;
        struct sv_copy_running running;
        struct sv_progress progress;
        pthread_t thread;
        pthread_mutex_t lock; /* for what follows */
        uint64_t done, total;
        struct sv_err err;
        int result; /* 1: at work, 0, -1 */
};

void sv_job_init(struct sv_job *j);
/* r's cancel and progress are the job's. SV_SYSTEM "snapshot.busy" while there is another. */
int sv_job_start(struct sv_job *j, const struct sv_copy_task *t, const struct sv_copy_running *r,
                 struct sv_err *err);
/* Ask it to end. */
void sv_job_cancel(struct sv_job *j);
/* Cancel, and wait for the end: before the guest's QEMU is another or none. */
void sv_job_end(struct sv_job *j);
/* {"number":1,"task":"snapshot create","state":"running","done":N,"total":N}, "done" or "failed"
 * with the error; nothing before the first. */
void sv_job_put(struct sv_job *j, struct sv_json *status);
void sv_job_free(struct sv_job *j);
