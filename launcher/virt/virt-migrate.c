/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/virt-migrate.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/core/file.h"
#include "launcher/virt/domain-read.h"
#include "launcher/virt/virt-dac.h"
#include "launcher/virt/virt-int.h"

struct sv_migration {
        struct sv_virt *from, *to;
        const struct sv_virt_migrate *how;
        virTypedParameterPtr params;
        int n_params, max_params;
        unsigned flags;
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t ended_now;
        bool ended;
        int result;
        unsigned long long downtime; /* what was set before */
        virDomainPtr moved;          /* at the target */
        struct sv_err err;
};

#define ASK_SECONDS 5
#define ASK_TIMES   3

void sv_virt_keep_alive(struct sv_virt *v)
{
        vir.ConnectSetKeepAlive(v->conn, ASK_SECONDS, ASK_TIMES);
}

/* --- asked before --- */

char *sv_virt_get_capabilities(struct sv_virt *v, struct sv_err *err)
{
        char *xml = vir.ConnectGetCapabilities(v->conn);

        if (!xml)
                sv_virt_fail(err, "asking for the host's capabilities");
        return xml;
}

char *sv_virt_get_domain_capabilities(struct sv_virt *v, const struct sv_domain_facts *f,
                                      struct sv_err *err)
{
        char *xml = vir.ConnectGetDomainCapabilities(v->conn, f->emulator, f->arch, f->machine,
                                                     f->type, 0);

        if (!xml)
                sv_virt_fail(err, "asking for what QEMU can do");
        return xml;
}

unsigned long sv_virt_get_daemon_version(struct sv_virt *v)
{
        unsigned long version = 0;

        return vir.ConnectGetLibVersion(v->conn, &version) < 0 ? 0 : version;
}

uint64_t sv_virt_get_free_memory(struct sv_virt *v)
{
        static const char *const counts[] = {VIR_NODE_MEMORY_STATS_FREE,
                                             VIR_NODE_MEMORY_STATS_BUFFERS,
                                             VIR_NODE_MEMORY_STATS_CACHED};
        int n = 0, all = VIR_NODE_MEMORY_STATS_ALL_CELLS;
        virNodeMemoryStatsPtr stats;
        uint64_t sum = 0;

        if (vir.NodeGetMemoryStats(v->conn, all, NULL, &n, 0) < 0 || n <= 0)
                return 0;
        stats = calloc((size_t)n, sizeof(*stats));
        if (stats && vir.NodeGetMemoryStats(v->conn, all, stats, &n, 0) == 0)
                for (int i = 0; i < n; i++)
                        for (size_t j = 0; j < sizeof(counts) / sizeof(counts[0]); j++)
                                if (!strcmp(stats[i].field, counts[j]))
                                        sum += stats[i].value << 10;
        free(stats);
        return sum;
}

int sv_virt_has_network(struct sv_virt *v, const char *name)
{
        virNetworkPtr network = vir.NetworkLookupByName(v->conn, name);
        virErrorPtr e = network ? NULL : vir.GetLastError();

        if (network)
                vir.NetworkFree(network);
        if (network)
                return 1;
        return e && e->code == VIR_ERR_NO_NETWORK ? 0 : -1;
}

/* Did the daemon say that there is none, after a look that found none? */
static bool is_none(virDomainPtr found)
{
        virErrorPtr e = found ? NULL : vir.GetLastError();

        return e && e->code == VIR_ERR_NO_DOMAIN;
}

const char *sv_virt_find_taken(struct sv_virt *v, const char *name, const char *uuid)
{
        virDomainPtr by_name = vir.DomainLookupByName(v->conn, name);
        bool no_name = is_none(by_name);
        virDomainPtr by_uuid = vir.DomainLookupByUUIDString(v->conn, uuid);
        const char *found = by_name                       ? "a guest of this name"
                            : by_uuid                     ? "a guest of this UUID"
                            : no_name && is_none(by_uuid) ? NULL
                                                          : "a guest that it does not tell of";

        if (by_name)
                vir.DomainFree(by_name);
        if (by_uuid)
                vir.DomainFree(by_uuid);
        return found;
}

int sv_virt_compare_cpu(struct sv_virt *v, const struct sv_domain_facts *f, const char *xml)
{
        const char *cpu = strstr(xml, "<cpu "), *end = cpu ? strstr(cpu, "</cpu>") : NULL;
        SV_STR text = end ? sv_asprintf("%.*s</cpu>", (int)(end - cpu), cpu) : NULL;
        int r;

        if (!text)
                return -1;
        r = vir.ConnectCompareHypervisorCPU(v->conn, f->emulator, f->arch, f->machine, f->type,
                                            text, 0);
        return r == VIR_CPU_COMPARE_ERROR ? -1 : r != VIR_CPU_COMPARE_INCOMPATIBLE;
}

/* --- the migration --- */

static int add_text_parameter(struct sv_migration *m, const char *name, const char *value)
{
        return value ? vir.TypedParamsAddString(&m->params, &m->n_params, &m->max_params, name,
                                                value)
                     : 0;
}

static int add_number_parameter(struct sv_migration *m, const char *name, uint64_t value)
{
        return value ? vir.TypedParamsAddULLong(&m->params, &m->n_params, &m->max_params, name,
                                                value)
                     : 0;
}

static int add_disks(struct sv_migration *m, const char *names)
{
        int r = 0;

        for (size_t n; r == 0 && names && *names; names += n) {
                SV_STR name = NULL;

                names += strspn(names, " ");
                n = strcspn(names, " ");
                name = sv_asprintf("%.*s", (int)n, names);
                if (n)
                        r = add_text_parameter(m, VIR_MIGRATE_PARAM_MIGRATE_DISKS, name);
        }
        return r;
}

/* The guest's own user is an id of this host's (launcher/virt/virt-dac.h): there it is libvirt's.
 */
static int add_definitions(struct sv_migration *m)
{
        static const struct {
                const char *parameter;
                unsigned flags;
        } kinds[] = {
                {VIR_MIGRATE_PARAM_DEST_XML, VIR_DOMAIN_XML_MIGRATABLE},
                {VIR_MIGRATE_PARAM_PERSIST_XML,
                 VIR_DOMAIN_XML_MIGRATABLE | VIR_DOMAIN_XML_INACTIVE},
        };

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                SV_STR xml = vir.DomainGetXMLDesc(m->from->dom, kinds[i].flags);
                SV_STR there = xml ? sv_virt_drop_user(xml) : NULL;

                if (!there || add_text_parameter(m, kinds[i].parameter, there) < 0)
                        return -1;
        }
        return 0;
}

static int add_parameters(struct sv_migration *m, struct sv_err *err)
{
        const struct sv_virt_migrate *h = m->how;

        if (add_text_parameter(m, VIR_MIGRATE_PARAM_URI, h->address) < 0 ||
            add_number_parameter(m, VIR_MIGRATE_PARAM_BANDWIDTH, h->bandwidth) < 0 ||
            (h->post_copy &&
             add_number_parameter(m, VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY, h->bandwidth) < 0) ||
            add_text_parameter(m, VIR_MIGRATE_PARAM_COMPRESSION, h->compress ? "xbzrle" : NULL) <
                    0 ||
            add_disks(m, h->disks) < 0 || (!h->recover && add_definitions(m) < 0))
                return sv_virt_fail(err, "the migration's parameters");
        return 0;
}

static unsigned choose_flags(const struct sv_virt_migrate *h)
{
        return VIR_MIGRATE_LIVE | VIR_MIGRATE_PERSIST_DEST | VIR_MIGRATE_UNDEFINE_SOURCE |
               (h->peer_to_peer ? VIR_MIGRATE_PEER2PEER : 0) |
               (h->disks ? VIR_MIGRATE_NON_SHARED_DISK : 0) | (h->shared ? VIR_MIGRATE_UNSAFE : 0) |
               (h->auto_converge ? VIR_MIGRATE_AUTO_CONVERGE : 0) |
               (h->post_copy ? VIR_MIGRATE_POSTCOPY : 0) |
               (h->recover ? VIR_MIGRATE_POSTCOPY | VIR_MIGRATE_POSTCOPY_RESUME : 0) |
               (h->compress ? VIR_MIGRATE_COMPRESSED : 0) | (h->tls ? VIR_MIGRATE_TLS : 0);
}

/* libvirt keeps an error for each thread, so it is read here. */
static void *run_migration(void *arg)
{
        struct sv_migration *m = arg;
        int r;

        if (m->how->peer_to_peer) {
                r = vir.DomainMigrateToURI3(m->from->dom, m->how->to, m->params,
                                            (unsigned)m->n_params, m->flags);
        } else {
                m->moved = vir.DomainMigrate3(m->from->dom, m->to->conn, m->params,
                                              (unsigned)m->n_params, m->flags);
                r = m->moved ? 0 : -1;
        }
        if (r < 0)
                sv_virt_fail(&m->err, "the migration");
        pthread_mutex_lock(&m->lock);
        m->result = r;
        m->ended = true;
        pthread_cond_signal(&m->ended_now);
        pthread_mutex_unlock(&m->lock);
        return NULL;
}

static void free_migration(struct sv_migration *m)
{
        if (m->moved)
                vir.DomainFree(m->moved);
        vir.TypedParamsFree(m->params, m->n_params);
        free(m);
}

static int limit_downtime(struct sv_migration *m, struct sv_err *err)
{
        uint64_t ms = m->how->downtime_ms;

        if (ms && (vir.DomainMigrateGetMaxDowntime(m->from->dom, &m->downtime, 0) < 0 ||
                   vir.DomainMigrateSetMaxDowntime(m->from->dom, ms, 0) < 0))
                return sv_virt_fail(err, "limiting the migration's pause");
        return 0;
}

int sv_virt_migrate_begin(struct sv_virt *from, struct sv_virt *to,
                          const struct sv_virt_migrate *how, struct sv_migration **out,
                          struct sv_err *err)
{
        struct sv_migration *m = calloc(1, sizeof(*m));

        if (!m)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        *m = (struct sv_migration){.from = from,
                                   .to = to,
                                   .how = how,
                                   .flags = choose_flags(how),
                                   .lock = PTHREAD_MUTEX_INITIALIZER,
                                   .ended_now = PTHREAD_COND_INITIALIZER};
        if (limit_downtime(m, err) < 0 || add_parameters(m, err) < 0) {
                free_migration(m);
                return -1;
        }
        if (pthread_create(&m->thread, NULL, run_migration, m)) {
                free_migration(m);
                return sv_fail(err, SV_SYSTEM, "virt.open", "no more threads");
        }
        *out = m;
        return 0;
}

bool sv_virt_migrate_wait(struct sv_migration *m, unsigned ms)
{
        struct timespec until;
        bool ended;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)(ms % 1000) * 1000000;
        until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_mutex_lock(&m->lock);
        while (!m->ended && pthread_cond_timedwait(&m->ended_now, &m->lock, &until) == 0)
                ;
        ended = m->ended;
        pthread_mutex_unlock(&m->lock);
        return ended;
}

static uint64_t get_statistic(virTypedParameterPtr params, int n, const char *name)
{
        unsigned long long v = 0;
        int percent = 0; /* the one that is an int */

        if (!strcmp(name, VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE))
                return vir.TypedParamsGetInt(params, n, name, &percent) == 1 && percent > 0
                               ? (uint64_t)percent
                               : 0;
        return vir.TypedParamsGetULLong(params, n, name, &v) == 1 ? v : 0;
}

static bool read_stats(virDomainPtr dom, unsigned flags, struct sv_virt_progress *out)
{
        virTypedParameterPtr p = NULL;
        int n = 0, type = VIR_DOMAIN_JOB_NONE;

        if (!dom || vir.DomainGetJobStats(dom, &type, &p, &n, flags) < 0)
                return false;
        *out = (struct sv_virt_progress){
                .done = get_statistic(p, n, VIR_DOMAIN_JOB_DATA_PROCESSED),
                .remaining = get_statistic(p, n, VIR_DOMAIN_JOB_DATA_REMAINING),
                .total = get_statistic(p, n, VIR_DOMAIN_JOB_DATA_TOTAL),
                .rate = get_statistic(p, n, VIR_DOMAIN_JOB_MEMORY_BPS) +
                        get_statistic(p, n, VIR_DOMAIN_JOB_DISK_BPS),
                .passes = get_statistic(p, n, VIR_DOMAIN_JOB_MEMORY_ITERATION),
                .elapsed_ms = get_statistic(p, n, VIR_DOMAIN_JOB_TIME_ELAPSED),
                .downtime_ms = get_statistic(p, n, VIR_DOMAIN_JOB_DOWNTIME),
                .faults = get_statistic(p, n, VIR_DOMAIN_JOB_MEMORY_POSTCOPY_REQS),
                .throttle = get_statistic(p, n, VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE),
                .compressed = get_statistic(p, n, VIR_DOMAIN_JOB_COMPRESSION_BYTES),
        };
        vir.TypedParamsFree(p, n);
        return type != VIR_DOMAIN_JOB_NONE;
}

bool sv_virt_migrate_progress(struct sv_migration *m, struct sv_virt_progress *out)
{
        return read_stats(m->from->dom, 0, out);
}

void sv_virt_migrate_abort(struct sv_migration *m)
{
        vir.DomainAbortJob(m->from->dom);
}

int sv_virt_migrate_switch(struct sv_migration *m, struct sv_err *err)
{
        return vir.DomainMigrateStartPostCopy(m->from->dom, 0) < 0
                       ? sv_virt_fail(err, "switching to post-copy")
                       : 0;
}

int sv_virt_migrate_end(struct sv_migration *m, struct sv_virt_progress *total, struct sv_err *err)
{
        int r;

        pthread_join(m->thread, NULL);
        r = m->result;
        if (r < 0) {
                if (err)
                        *err = m->err;
                if (m->downtime) /* the guest stays as it was */
                        vir.DomainMigrateSetMaxDowntime(m->from->dom, m->downtime, 0);
        } else {
                const char *name = vir.DomainGetName(m->from->dom);

                if (!m->moved)
                        m->moved = vir.DomainLookupByName(m->to->conn, name);
                *total = (struct sv_virt_progress){0};
                read_stats(m->moved, VIR_DOMAIN_JOB_STATS_COMPLETED, total);
        }
        free_migration(m);
        return r;
}
