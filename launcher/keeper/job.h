/* SPDX-License-Identifier: Apache-2.0 */
/* Work on a guest's disks: what a command asks for, and the thread in which a guest's worker does
 * it while it goes on to serve the guest. One at a time. */
#pragma once

#include <pthread.h>

#include "guest/guest.h"
#include "launcher/keeper/snapshot.h"

enum sv_task_kind {
        SV_TASK_CREATE = 1,
        SV_TASK_REVERT,
        SV_TASK_DELETE,
        SV_TASK_FLATTEN,
};

struct sv_task {
        enum sv_task_kind kind;
        char name[SV_NAME_MAX + 1]; /* of the snapshot */
};

/* {"kind":"snapshot delete","name":"s1"}: the member "task" of a request on the control socket.
 * SV_FORMAT "control.request". */
int sv_task_parse(const struct sv_json *j, struct sv_task *out, struct sv_err *err);
struct sv_json *sv_task_print(const struct sv_task *t);
const char *sv_task_name(enum sv_task_kind kind);
/* Do it, with what the guest has (launcher/keeper/snapshot.h). */
int sv_task_do(const struct sv_task *t, struct sv_disks *d, struct sv_err *err);

struct sv_job {
        bool is_there;        /* a thread has it, or it has ended and was not collected */
        volatile bool cancel; /* for the thread to see */
        int wake;             /* eventfd: it has ended; -1 before the first */
        unsigned number;      /* of the jobs of this worker, from 1 */
        struct sv_task task;
        struct sv_disks disks;
        struct sv_progress progress;
        pthread_t thread;
        pthread_mutex_t lock; /* for what follows */
        uint64_t done, total;
        struct sv_err err;
        int result; /* 1: at work, 0, -1 */
};

void sv_job_init(struct sv_job *j);
/* SV_SYSTEM "snapshot.busy" while there is another. */
int sv_job_start(struct sv_job *j, const struct sv_task *t, const struct sv_disks *d,
                 struct sv_err *err);
/* Ask it to end. */
void sv_job_cancel(struct sv_job *j);
/* Cancel, and wait for the end: before the guest's QEMU is another or none. */
void sv_job_end(struct sv_job *j);
/* {"number":1,"task":"snapshot delete","state":"running","done":N,"total":N}, "done" or "failed"
 * with the error; nothing before the first. */
void sv_job_put(struct sv_job *j, struct sv_json *status);
void sv_job_free(struct sv_job *j);
