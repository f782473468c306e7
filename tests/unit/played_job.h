/* SPDX-License-Identifier: Apache-2.0 */
/* How libvirt says that a job of its ended, as a test wants it said. */
#pragma once

#include "launcher/virt/virt-int.h"

static struct {
        int operation, success;
        const char *why; /* it failed */
} played_job = {VIR_DOMAIN_JOB_OPERATION_BACKUP, 1, NULL};

static int get_job_int(virTypedParameterPtr params, int n, const char *name, int *value)
{
        *value = played_job.operation;
        return 1;
}

static int get_job_boolean(virTypedParameterPtr params, int n, const char *name, int *value)
{
        *value = played_job.success;
        return 1;
}

static int get_job_string(virTypedParameterPtr params, int n, const char *name, const char **value)
{
        *value = played_job.why;
        return played_job.why ? 1 : 0;
}

static inline void play_job_end(void)
{
        played_job.operation = VIR_DOMAIN_JOB_OPERATION_BACKUP;
        played_job.success = 1;
        played_job.why = NULL;
        vir.TypedParamsGetInt = get_job_int;
        vir.TypedParamsGetBoolean = get_job_boolean;
        vir.TypedParamsGetString = get_job_string;
}
