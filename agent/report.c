/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm-agent report: what is on the disk by now cannot be taken back unseen any more. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/commands.h"
#include "agent/freshness.h"
#include "agent/net.h"
#include "agent/power.h"
#include "agent/release.h"
#include "agent/root.h"
#include "base/core/file.h"
#include "base/program/log.h"

const struct sv_opt sv_agent_report_opts[] = {
        SV_AGENT_BROKER_OPTS,
        {.name = "end", .help = "the last report: another instance may have the disk soon"},
        {.name = "power-off",
         .help = "when the broker says that another has the disk: this machine is off at once"},
        {0},
};

/* Where nothing can be written any more the next guest need not wait. By then the system has taken
 * the network down. */
static int end_disk(const struct sv_agent_config *config, const char *where,
                    struct sv_disk_report *report, struct sv_err *err)
{
        report->state = SV_DISK_ENDS;
        if (!sv_root_is_readonly(NULL, where))
                return 0;
        report->state = SV_DISK_CLOSED;
        return sv_net_up_again(config, err);
}

/* Is it the first of its owner's? */
static bool begins_owner(const struct sv_agent_config *config, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!strcmp(config->brokers[i].owner, config->brokers[n].owner))
                        return false;
        return true;
}

/* A client of all that one owner has, and their TLS. */
struct fleet {
        struct sv_tls_ctx *tls[SV_BROKERS_MAX];
        struct sv_kbs_client *client;
};

static void close_fleet(struct fleet *f)
{
        sv_kbs_client_free(f->client);
        for (size_t i = 0; i < SV_BROKERS_MAX; i++)
                sv_tls_ctx_free(f->tls[i]);
}

static int open_fleet(const struct sv_agent_config *config, const char *owner, const char *ca,
                      struct fleet *f, struct sv_err *err)
{
        for (size_t i = 0; i < config->n_brokers; i++) {
                const struct sv_agent_broker *b = &config->brokers[i];

                if (strcmp(b->owner, owner))
                        continue;
                f->tls[i] = sv_release_tls(b, ca, err);
                if (!f->tls[i] ||
                    (f->client ? sv_kbs_client_also(f->client, b->url, f->tls[i], err)
                               : sv_kbs_client_new(b->url, f->tls[i], &f->client, err)) < 0)
                        return -1;
        }
        return 0;
}

/* Each owner has a floor of his own. One who cannot be reached is told the next time; what one
 * refuses is refused. `lost`: it was a broker's word, not that of somebody between. */
static int confirm_owners(const struct sv_agent_config *config, const char *ca,
                          struct sv_secret *key, const struct sv_disk_report *report, bool *lost,
                          struct sv_err *err)
{
        struct sv_err deaf = SV_ERR_NULL;
        unsigned told = 0;

        for (size_t i = 0; i < config->n_brokers; i++) {
                __attribute__((cleanup(close_fleet))) struct fleet f = {{NULL}};
                struct sv_err failed = SV_ERR_NULL;

                if (!begins_owner(config, i))
                        continue;
                if (open_fleet(config, config->brokers[i].owner, ca, &f, err) < 0)
                        return -1;
                if (sv_freshness_confirm(f.client, config->resource, key, report, &failed) == 0) {
                        told++;
                        continue;
                }
                if (sv_kbs_answered(f.client) && !sv_kbs_retryable(f.client)) {
                        *err = failed;
                        *lost = failed.class == SV_PROOF;
                        return -1;
                }
                deaf = failed;
                if (config->n_brokers > 1)
                        sv_warn("%s: %s [%s]", config->brokers[i].url, failed.msg, failed.check);
        }
        if (!told)
                *err = deaf;
        return told ? 0 : -1;
}

static int report_disk(const struct sv_agent_config *config, const struct sv_args *args,
                       struct sv_disk_report *report, bool *lost, struct sv_err *err)
{
        const char *ca = sv_opt(args, "ca"), *where = *config->data ? SV_ROOT_DATA : "/";
        SV_SECRET *key = NULL;
        uint8_t fsid[SV_FSID_SIZE];

        report->state = SV_DISK_RUNS;
        if (sv_has(args, "end") && end_disk(config, where, report, err) < 0)
                return -1;
        if (sv_freshness_find(report, fsid, &key, err) < 0 ||
            sv_freshness_sync(where, fsid, &report->generation, err) < 0)
                return -1;
        return confirm_owners(config, ca ? ca : SV_AGENT_CA_FILE, key, report, lost, err);
}

/* Its disk changes under it: nothing more may be read from there or written to it. */
static void end_superseded(const struct sv_err *err)
{
        SV_FD console = open("/dev/console", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        sv_log_err(err);
        if (console >= 0)
                dprintf(console, "secure-vm-agent: off at once: %s [%s]\n", err->msg, err->check);
        sv_power_off(NULL, SV_POWER_OFF_NOW);
}

int sv_agent_report(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_agent_config config;
        struct sv_disk_report report = {0};
        bool lost = false;

        /* the program's own pages could not be read again from a disk that is another's */
        if (sv_has(args, "power-off"))
                mlockall(MCL_CURRENT);
        if (sv_agent_read_config(args, NULL, &config, err) < 0 ||
            report_disk(&config, args, &report, &lost, err) < 0) {
                if (lost && sv_has(args, "power-off"))
                        end_superseded(err);
                return -1;
        }
        *result = sv_json_object();
        sv_json_set_int(*result, "generation", (int64_t)report.generation);
        sv_json_set_str(*result, "state", sv_disk_state_name(report.state));
        if (!sv_has(args, "json"))
                printf("the broker knows that the disk is at generation %llu\n",
                       (unsigned long long)report.generation);
        return 0;
}
