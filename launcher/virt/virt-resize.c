/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/virt-resize.h"

#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "launcher/virt/domain.h"

#include "launcher/virt/virt-int.h"

struct params {
        virTypedParameterPtr list;
        int n, max;
};

static void free_params(struct params *p)
{
        vir.TypedParamsFree(p->list, p->n);
}
#define PARAMS __attribute__((cleanup(free_params))) struct params

/* What libvirt says under a check of ours. */
static int fail_limit(struct sv_err *err, const char *check, const char *what)
{
        struct sv_err why = SV_ERR_NULL;

        sv_virt_fail(&why, what);
        return sv_fail(err, SV_SYSTEM, check, "%s", why.msg);
}

/* Of a domain that runs, the definition that it will start from, too. */
static unsigned choose_reach(struct sv_virt *v)
{
        return VIR_DOMAIN_AFFECT_LIVE |
               (vir.DomainIsPersistent(v->dom) == 1 ? VIR_DOMAIN_AFFECT_CONFIG : 0);
}

/* --- CPU --- */

static int fail_cgroup(struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;

        sv_virt_fail(&why, "asking for its share of the CPUs");
        return sv_fail(err, SV_SYSTEM, "resize.cgroup",
                       "the guest is in no cgroup of its own for CPUs, so nothing was changed: "
                       "that takes root or a libvirt daemon, on a host whose cgroups have the CPU "
                       "controller (%s)",
                       why.msg);
}

int sv_virt_read_cpu_limits(struct sv_virt *v, struct sv_cpu_limits *out, struct sv_err *err)
{
        PARAMS p = {0};
        SV_STR type = NULL;
        unsigned long long shares = 0, period = 0;
        long long quota = -1;
        int n = 0;

        type = vir.DomainGetSchedulerType(v->dom, &n);
        if (!type || n <= 0)
                return fail_cgroup(err);
        p.list = calloc((size_t)n, sizeof(*p.list));
        if (!p.list)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        if (vir.DomainGetSchedulerParametersFlags(v->dom, p.list, &n, VIR_DOMAIN_AFFECT_LIVE) < 0)
                return fail_cgroup(err);
        p.n = n;
        if (vir.TypedParamsGetULLong(p.list, n, VIR_DOMAIN_SCHEDULER_CPU_SHARES, &shares) != 1 ||
            vir.TypedParamsGetULLong(p.list, n, VIR_DOMAIN_SCHEDULER_GLOBAL_PERIOD, &period) != 1 ||
            vir.TypedParamsGetLLong(p.list, n, VIR_DOMAIN_SCHEDULER_GLOBAL_QUOTA, &quota) != 1)
                return sv_fail(err, SV_SYSTEM, "resize.cgroup",
                               "this connection's libvirt knows no shares and quotas of CPUs "
                               "(its scheduler is \"%.32s\"): nothing was changed",
                               type);
        *out = (struct sv_cpu_limits){shares, quota, period};
        return 0;
}

static int set_scheduler(struct sv_virt *v, struct params *p, struct sv_err *err)
{
        return vir.DomainSetSchedulerParametersFlags(v->dom, p->list, p->n, choose_reach(v)) < 0
                       ? fail_limit(err, "resize.cgroup", "setting its share of the CPUs")
                       : 0;
}

int sv_virt_set_cpu_shares(struct sv_virt *v, uint64_t shares, struct sv_err *err)
{
        PARAMS p = {0};

        vir.TypedParamsAddULLong(&p.list, &p.n, &p.max, VIR_DOMAIN_SCHEDULER_CPU_SHARES, shares);
        return set_scheduler(v, &p, err);
}

int sv_virt_set_cpu_quota(struct sv_virt *v, int64_t quota, struct sv_err *err)
{
        PARAMS p = {0};

        vir.TypedParamsAddLLong(&p.list, &p.n, &p.max, VIR_DOMAIN_SCHEDULER_GLOBAL_QUOTA, quota);
        return set_scheduler(v, &p, err);
}

/* --- disks --- */

int sv_virt_read_disk_limits(struct sv_virt *v, const char *target, struct sv_disk_limits *out,
                             struct sv_err *err)
{
        unsigned long long bytes = 0, requests = 0;
        PARAMS p = {0};
        int n = 0;

        if (vir.DomainGetBlockIoTune(v->dom, target, NULL, &n, VIR_DOMAIN_AFFECT_LIVE) < 0 || n < 1)
                return fail_limit(err, "resize.disk-limit", "asking for a disk's limits");
        p.list = calloc((size_t)n, sizeof(*p.list));
        if (!p.list)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        if (vir.DomainGetBlockIoTune(v->dom, target, p.list, &n, VIR_DOMAIN_AFFECT_LIVE) < 0)
                return fail_limit(err, "resize.disk-limit", "asking for a disk's limits");
        p.n = n;
        vir.TypedParamsGetULLong(p.list, n, VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_BYTES_SEC, &bytes);
        vir.TypedParamsGetULLong(p.list, n, VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC, &requests);
        *out = (struct sv_disk_limits){bytes, requests};
        return 0;
}

int sv_virt_set_disk_limits(struct sv_virt *v, const char *target, const struct sv_disk_limits *to,
                            struct sv_err *err)
{
        PARAMS p = {0};

        vir.TypedParamsAddULLong(&p.list, &p.n, &p.max, VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_BYTES_SEC,
                                 to->bytes);
        vir.TypedParamsAddULLong(&p.list, &p.n, &p.max, VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC,
                                 to->requests);
        return vir.DomainSetBlockIoTune(v->dom, target, p.list, p.n, choose_reach(v)) < 0
                       ? fail_limit(err, "resize.disk-limit", "limiting a disk")
                       : 0;
}

/* "block.1.name" and what stands beside it. */
static bool find_capacity(const virDomainStatsRecord *r, const char *target, uint64_t *bytes)
{
        unsigned n = 0;

        vir.TypedParamsGetUInt(r->params, r->nparams, "block.count", &n);
        for (unsigned i = 0; i < n; i++) {
                SV_STR name = sv_asprintf("block.%u.name", i);
                SV_STR capacity = sv_asprintf("block.%u.capacity", i);
                unsigned long long value = 0;
                const char *dev = NULL;

                if (vir.TypedParamsGetString(r->params, r->nparams, name, &dev) == 1 &&
                    !strcmp(dev, target) &&
                    vir.TypedParamsGetULLong(r->params, r->nparams, capacity, &value) == 1) {
                        *bytes = value;
                        return true;
                }
        }
        return false;
}

static uint64_t count_requests(const virDomainStatsRecord *r, unsigned disk)
{
        static const char *const kinds[] = {"rd", "wr", "fl"};
        uint64_t all = 0;

        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
                SV_STR name = sv_asprintf("block.%u.%s.reqs", disk, kinds[k]);
                unsigned long long n = 0;

                if (vir.TypedParamsGetULLong(r->params, r->nparams, name, &n) == 1)
                        all += n;
        }
        return all;
}

bool sv_virt_read_disk_requests(struct sv_virt *v, unsigned n, uint64_t *requests)
{
        virDomainPtr list[] = {v->dom, NULL};
        virDomainStatsRecordPtr *records = NULL;
        unsigned known = 0, there = 0;

        if (vir.DomainListGetStats(list, VIR_DOMAIN_STATS_BLOCK, &records, 0) < 1)
                return false;
        vir.TypedParamsGetUInt(records[0]->params, records[0]->nparams, "block.count", &there);
        for (unsigned i = 0; i < there; i++) {
                SV_STR name = sv_asprintf("block.%u.name", i);
                const char *dev = NULL;
                char target[SV_DISK_TARGET_SIZE];

                vir.TypedParamsGetString(records[0]->params, records[0]->nparams, name, &dev);
                for (unsigned k = 0; dev && k < n; k++) {
                        sv_domain_name_disk(k, target);
                        if (strcmp(target, dev) != 0)
                                continue;
                        requests[k] = count_requests(records[0], i);
                        known++;
                }
        }
        vir.DomainStatsRecordListFree(records);
        return known == n;
}

/* From the statistics: virDomainGetBlockInfo does not look at a disk that was handed over open. */
int sv_virt_read_disk_size(struct sv_virt *v, const char *target, uint64_t *bytes,
                           struct sv_err *err)
{
        virDomainPtr list[] = {v->dom, NULL};
        virDomainStatsRecordPtr *records = NULL;
        int n = vir.DomainListGetStats(list, VIR_DOMAIN_STATS_BLOCK, &records, 0);
        bool found;

        if (n < 0)
                return fail_limit(err, "resize.grow", "asking for a disk's size");
        found = n > 0 && find_capacity(records[0], target, bytes);
        vir.DomainStatsRecordListFree(records);
        return found ? 0
                     : sv_fail(err, SV_SYSTEM, "resize.grow",
                               "libvirt does not say how large %s is; is it a disk that QEMU has?",
                               target);
}

int sv_virt_grow_disk(struct sv_virt *v, const char *target, uint64_t bytes, struct sv_err *err)
{
        return vir.DomainBlockResize(v->dom, target, bytes, VIR_DOMAIN_BLOCK_RESIZE_BYTES) < 0
                       ? fail_limit(err, "resize.grow", "growing a disk")
                       : 0;
}

/* --- network cards --- */

int sv_virt_read_net_limit(struct sv_virt *v, const char *mac, uint64_t *bytes, struct sv_err *err)
{
        unsigned in = 0, out = 0;
        PARAMS p = {0};
        int n = 0;

        if (vir.DomainGetInterfaceParameters(v->dom, mac, NULL, &n, VIR_DOMAIN_AFFECT_LIVE) < 0 ||
            n < 1)
                return fail_limit(err, "resize.net-limit", "asking for a card's limits");
        p.list = calloc((size_t)n, sizeof(*p.list));
        if (!p.list)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        if (vir.DomainGetInterfaceParameters(v->dom, mac, p.list, &n, VIR_DOMAIN_AFFECT_LIVE) < 0)
                return fail_limit(err, "resize.net-limit", "asking for a card's limits");
        p.n = n;
        vir.TypedParamsGetUInt(p.list, n, VIR_DOMAIN_BANDWIDTH_IN_AVERAGE, &in);
        vir.TypedParamsGetUInt(p.list, n, VIR_DOMAIN_BANDWIDTH_OUT_AVERAGE, &out);
        /* of two that somebody else has set differently, the one that is felt first */
        *bytes = (uint64_t)(!in ? out : !out || in < out ? in : out) * 1024;
        return 0;
}

int sv_virt_set_net_limit(struct sv_virt *v, const char *mac, uint64_t bytes, struct sv_err *err)
{
        unsigned average = (unsigned)(bytes / 1024);
        PARAMS p = {0};

        vir.TypedParamsAddUInt(&p.list, &p.n, &p.max, VIR_DOMAIN_BANDWIDTH_IN_AVERAGE, average);
        vir.TypedParamsAddUInt(&p.list, &p.n, &p.max, VIR_DOMAIN_BANDWIDTH_OUT_AVERAGE, average);
        return vir.DomainSetInterfaceParameters(v->dom, mac, p.list, p.n, choose_reach(v)) < 0
                       ? fail_limit(err, "resize.net-limit", "limiting a network card")
                       : 0;
}
