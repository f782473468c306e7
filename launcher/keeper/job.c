/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/job.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/log.h"

void sv_job_init(struct sv_job *j)
{
        *j = (struct sv_job){.wake = -1};
        pthread_mutex_init(&j->lock, NULL);
}

static void note_progress(struct sv_progress *p, uint64_t done, uint64_t total)
{
        struct sv_job *j = (struct sv_job *)((char *)p - offsetof(struct sv_job, progress));

        pthread_mutex_lock(&j->lock);
        j->done = done;
        j->total = total;
        pthread_mutex_unlock(&j->lock);
}

static void *run_job(void *arg)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_job *j = arg;
        int r = sv_copy_while_running(&j->running, &j->task, &err);

        pthread_mutex_lock(&j->lock);
        j->result = r;
        j->err = err;
        pthread_mutex_unlock(&j->lock);
        eventfd_write(j->wake, 1);
        return NULL;
}

/* Has the thread ended by itself? Then it is no more. */
static void collect_job(struct sv_job *j)
{
        eventfd_t n;
        int result;

        pthread_mutex_lock(&j->lock);
        result = j->result;
        pthread_mutex_unlock(&j->lock);
        if (!j->is_there || result > 0)
                return;
        pthread_join(j->thread, NULL);
        j->is_there = false;
        eventfd_read(j->wake, &n);
}

int sv_job_start(struct sv_job *j, const struct sv_copy_task *t, const struct sv_copy_running *r,
                 struct sv_err *err)
{
        collect_job(j);
        if (j->is_there)
                return sv_fail(err, SV_SYSTEM, "snapshot.busy",
                               "\"%s\" is at work on this guest's disks; \"secure-vm show\" says "
                               "how far it is",
                               sv_copy_task_name(&j->task));
        if (j->wake < 0)
                j->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (j->wake < 0)
                return sv_fail_errno(err, "base.memory", "a descriptor for the job");
        j->task = *t;
        j->running = *r;
        j->progress.seen = note_progress;
        j->running.progress = &j->progress;
        j->running.cancel = &j->cancel;
        j->cancel = false;
        j->done = j->total = 0;
        j->result = 1;
        if (pthread_create(&j->thread, NULL, run_job, j)) {
                j->result = -1;
                sv_fail(&j->err, SV_SYSTEM, "base.memory", "no thread can be made for the job");
                return sv_fail(err, SV_SYSTEM, "base.memory", "no thread can be made for the job");
        }
        j->is_there = true;
        j->number++;
        return 0;
}

void sv_job_cancel(struct sv_job *j)
{
        j->cancel = true;
}

void sv_job_end(struct sv_job *j)
{
        eventfd_t n;

        if (!j->is_there)
                return;
        j->cancel = true;
        pthread_join(j->thread, NULL);
        j->is_there = false;
        eventfd_read(j->wake, &n);
}

void sv_job_put(struct sv_job *j, struct sv_json *status)
{
        struct sv_json *row;

        collect_job(j);
        if (!j->number)
                return;
        row = sv_json_set(status, "job", sv_json_object());
        pthread_mutex_lock(&j->lock);
        sv_json_set_int(row, "number", j->number);
        sv_json_set_str(row, "task", sv_copy_task_name(&j->task));
        sv_json_set_str(row, "state", j->result > 0 ? "running" : j->result ? "failed" : "done");
        sv_json_set_int(row, "done", (int64_t)j->done);
        sv_json_set_int(row, "total", (int64_t)j->total);
        if (j->result < 0)
                sv_put_error(sv_json_set(row, "error", sv_json_object()), &j->err);
        pthread_mutex_unlock(&j->lock);
}

void sv_job_free(struct sv_job *j)
{
        sv_job_end(j);
        sv_closep(&j->wake);
        pthread_mutex_destroy(&j->lock);
}
