/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/unlock.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "agent/disk.h"
#include "agent/edits.h"
#include "agent/events.h"
#include "agent/freshness.h"
#include "agent/host.h"
#include "agent/net.h"
#include "agent/release.h"
#include "agent/root.h"
#include "agent/system.h"
#include "agent/verity.h"
#include "base/core/clock.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "luks/binding.h"
#include "luks/header.h"
#include "luks/open.h"

/* What is known of the encrypted disk once it is open. */
struct disk {
        const char *device; /* opened, beside a verity root that is /dev/mapper/root */
        struct sv_luks_header header;
        const char *limits;
        struct sv_disk_report report;
        struct sv_secret *report_key; /* only where the disk is opened */
        bool claimed;                 /* the broker keeps others from it */
        bool confirmed;               /* and its generation is not below the floor */
};

static const char *name_disk(const struct disk *d)
{
        return strrchr(d->device, '/') + 1;
}

static bool has_key(const struct sv_agent_config *config)
{
        return *sv_agent_config_encrypted(config);
}

static int start_network(const struct sv_agent_config *config, struct sv_net **net,
                         struct sv_err *err)
{
        char says[128];

        sv_event_start("network", NULL);
        if (sv_net_up(config, net, says, err) < 0)
                return -1;
        sv_event_done("network", says);
        return 0;
}

/* Only to ask for the right key: the host may change the disk afterwards, and what is opened is
 * checked then. */
static bool name_header(const struct sv_agent_config *config, char hex[97])
{
        SV_BUF head = SV_BUF_NULL;
        struct sv_binding found;
        char device[64];

        if (sv_system_find_disk(NULL, sv_agent_config_encrypted(config), device, NULL) < 0 ||
            sv_system_read_head(device, SV_LUKS_HEAD_SIZE, &head, NULL) < 0 ||
            sv_binding_of(sv_buf_bytes(&head), &found, NULL) < 0)
                return false;
        sv_hex(sv_bytes(found.header_digest, sizeof(found.header_digest)), hex);
        return true;
}

/* Everything is checked, and used, in one copy in memory: the host may change the disk under us at
 * any time. */
static int check_header(const char *device, const struct sv_binding *binding,
                        struct sv_luks_header *h, struct sv_buf *copy, struct sv_err *err)
{
        SV_BUF head = SV_BUF_NULL;

        if (sv_system_read_head(device, SV_LUKS_HEAD_SIZE, &head, err) < 0)
                return -1;
        if (sv_binding_check(binding, sv_buf_bytes(&head), err) < 0)
                return -1;
        if (sv_luks_header_parse(sv_buf_bytes(&head), h, err) < 0)
                return -1;
        return sv_luks_header_copy(sv_buf_bytes(&head), h, copy, err);
}

static int map_disk(const struct sv_agent_config *config, const char *device, struct sv_bytes copy,
                    const struct disk *d, struct sv_secret *key, struct sv_err *err)
{
        int64_t began = sv_clock_ms();

        if (sv_disk_check(config, &d->header, device, err) < 0)
                return -1;
        if (sv_luks_open(copy, device, name_disk(d), config->discard, key, err) < 0)
                return -1;
        sv_event_time("crypt", sv_clock_ms() - began);
        return sv_disk_check_size(&d->header, d->device, err);
}

static int mount_device(const struct sv_agent_config *config, const char *device,
                        struct sv_err *err)
{
        return config->has_verity ? sv_root_mount_data(NULL, device, config, err)
                                  : sv_root_mount(NULL, device, config, err);
}

/* Only a disk whose file system is there counts as unlocked. */
static int mount_disk(const struct sv_agent_config *config, struct disk *d, bool confirmed,
                      struct sv_err *err)
{
        if (mount_device(config, d->device, err) < 0) {
                sv_disk_explain(NULL, &d->header, err);
                if (confirmed)
                        sv_disk_explain_tree(NULL, err);
                return -1;
        }
        d->limits = sv_disk_limits(&d->header, confirmed);
        return 0;
}

static void print_unreported(const struct sv_err *err)
{
        sv_event_print("the broker was not told how it ended: %s [%s]", err->msg, err->check);
}

/* A disk whose state the broker can be asked about. A Trustee keeps none: then the disk is only
 * what its tags make of it, and the agent says so. */
static bool has_generation(const struct sv_agent_config *config, const struct disk *d,
                           const struct sv_kbs_client *client)
{
        return d->header.integrity && !strcmp(config->root_type, "btrfs") && sv_kbs_grounds(client);
}

static int mount_confirmed(const struct sv_agent_config *config, struct disk *d, struct sv_err *err)
{
        uint8_t fsid[SV_FSID_SIZE];

        if (mount_disk(config, d, true, err) < 0 ||
            sv_freshness_mounted(config->has_verity ? SV_ROOT_DATA : SV_ROOT, d->report.generation,
                                 fsid, err) < 0)
                return -1;
        return sv_freshness_keep(&d->report, fsid, d->report_key, err);
}

/* To the next guest: nothing here can write to it any more. */
static void give_back(const struct sv_agent_config *config, struct disk *d,
                      struct sv_kbs_client *client)
{
        struct sv_err failed = SV_ERR_NULL;

        if (!d->claimed)
                return;
        d->report.state = SV_DISK_CLOSED;
        if (!d->confirmed)
                d->report.generation = 0;
        if (sv_freshness_confirm(client, config->resource, d->report_key, &d->report, &failed) < 0)
                print_unreported(&failed);
        d->claimed = false;
}

/* A disk that did not become a root is not kept from the next guest. */
static void close_disk(const struct sv_agent_config *config, struct disk *d,
                       struct sv_kbs_client *client)
{
        struct sv_err failed = SV_ERR_NULL;

        sv_root_unmount(NULL);
        if (sv_luks_close(name_disk(d), &failed) < 0) {
                sv_event_print("%s", failed.msg);
                return;
        }
        give_back(config, d, client);
}

/* Before it is opened: a kernel that opens a disk with tags replays its journal, and so writes to a
 * disk that another instance may have. */
static int claim_closed(const struct sv_agent_config *config, struct disk *d,
                        struct sv_kbs_client *client, const struct sv_binding *binding,
                        struct sv_secret *key, struct sv_err *err)
{
        struct sv_disk_report *report = &d->report;
        struct sv_err refused = SV_ERR_NULL;

        d->report_key = sv_disk_report_key(key, err);
        if (!d->report_key || sv_random(report->instance, sizeof(report->instance), err) < 0)
                return -1;
        memcpy(report->header, binding->header_digest, sizeof(report->header));
        d->claimed = sv_freshness_claim(client, config->resource, d->report_key, report,
                                        sv_event_retry, &refused) == 0;
        /* a broker of before does not take a report without a generation, and is asked later */
        if (d->claimed || refused.class == SV_FORMAT)
                return 0;
        *err = refused;
        return -1;
}

static int mount_fresh(const struct sv_agent_config *config, struct disk *d,
                       struct sv_kbs_client *client, struct sv_err *err)
{
        struct sv_disk_report *report = &d->report;
        int64_t began = sv_clock_ms();

        if (sv_freshness_read(d->device, &report->generation, err) < 0) {
                sv_disk_explain(NULL, &d->header, err);
                return -1;
        }
        if (sv_freshness_claim(client, config->resource, d->report_key, report, sv_event_retry,
                               err) < 0)
                return -1;
        d->claimed = d->confirmed = true;
        sv_event_time("floor", sv_clock_ms() - began);
        if (mount_confirmed(config, d, err) < 0)
                return -1;
        sv_event_print("the disk is at generation %llu", (unsigned long long)report->generation);
        return 0;
}

/* Above the verity root; its init may be on either disk. */
static int cover_root(struct disk *d, struct sv_err *err)
{
        if (sv_verity_cover(NULL, SV_ROOT_DATA, err) == 0)
                return 0;
        sv_disk_explain(NULL, &d->header, err);
        sv_disk_explain_tree(NULL, err);
        return -1;
}

/* A system that waits for what is not there is better than none. */
static void edit_root(const struct disk *d)
{
        struct sv_err failed = SV_ERR_NULL;

        if (sv_edits_apply(NULL, d->device, &failed) < 0)
                sv_event_print("the imported system may wait for disks that are not there: %s [%s]",
                               failed.msg, failed.check);
}

static int mount_or_close(const struct sv_agent_config *config, struct disk *d,
                          struct sv_kbs_client *client, struct sv_err *err)
{
        int r = d->report_key ? mount_fresh(config, d, client, err)
                              : mount_disk(config, d, false, err);

        if (r == 0 && config->has_verity)
                r = cover_root(d, err);
        else if (r == 0)
                edit_root(d);
        if (r < 0)
                close_disk(config, d, client);
        return r;
}

static int map_and_mount(const struct sv_agent_config *config, const char *device,
                         struct sv_bytes copy, struct disk *d, struct sv_kbs_client *client,
                         struct sv_secret *key, struct sv_err *err)
{
        if (map_disk(config, device, copy, d, key, err) == 0)
                return mount_or_close(config, d, client, err);
        close_disk(config, d, client);
        return -1;
}

static int open_disk(const struct sv_release *r, struct sv_kbs_client *client,
                     struct sv_secret *resource, struct sv_err *err)
{
        struct disk *d = r->arg;
        struct sv_binding binding;
        SV_SECRET *key = NULL;
        SV_BUF copy = SV_BUF_NULL;
        char device[64];
        int rc;

        sv_event_start("header", NULL);
        if (sv_binding_unpack(resource, &binding, &key, err) < 0)
                return -1;
        if (sv_system_find_disk(NULL, sv_agent_config_encrypted(r->config), device, err) < 0)
                return -1;
        if (check_header(device, &binding, &d->header, &copy, err) < 0)
                return -1;
        sv_event_done("header", "the disk's header is the one that the key was made for");
        sv_event_start("open", NULL);
        if (has_generation(r->config, d, client) &&
            claim_closed(r->config, d, client, &binding, key, err) < 0)
                rc = -1;
        else
                rc = map_and_mount(r->config, device, sv_buf_bytes(&copy), d, client, key, err);
        sv_secret_free(d->report_key);
        d->report_key = NULL;
        if (rc == 0)
                sv_event_done("open", device);
        return rc;
}

static void print_note(const struct sv_note *note)
{
        sv_event_print("%s", note->text);
}

static void run_network(void *net, unsigned ms)
{
        sv_net_run(net, ms);
}

static int get_and_open(const struct sv_agent_config *config, struct sv_net *net, struct disk *d,
                        const struct sv_tee **tee, struct sv_err *err)
{
        static const struct sv_release_log log = {sv_event_start, sv_event_done, sv_event_time,
                                                  sv_event_retry, sv_event_next, print_unreported,
                                                  print_note};
        const struct sv_release release = {.config = config,
                                           .ca_file = SV_AGENT_CA_FILE,
                                           .log = &log,
                                           .seal = true,
                                           .header = name_header,
                                           .use = open_disk,
                                           .arg = d,
                                           .pause = run_network,
                                           .pause_arg = net};
        char instance[2 * SV_INSTANCE_SIZE + 1];
        SV_RELEASE_OUT out = {0};

        if (sv_release(&release, &out, err) < 0)
                return -1;
        sv_buf_printf(&out.reasons, "; %s", d->limits);
        if (sv_buf_ok(&out.reasons, "the reasons", err) < 0)
                return -1;
        *tee = out.tee;
        sv_hex(sv_bytes(d->report.instance, sizeof(d->report.instance)), instance);
        sv_event_unlocked(sv_buf_str(&out.reasons), d->claimed ? instance : NULL);
        return 0;
}

static int prepare_machine(struct sv_agent_config *config, struct sv_err *err)
{
        int64_t began = sv_clock_ms();

        if (sv_system_mount(NULL, err) < 0 || sv_system_load_modules(NULL, err) < 0)
                return -1;
        sv_event_open(NULL);
        sv_event_time("kernel", began);
        sv_event_time("modules", sv_clock_ms() - began);
        return sv_system_read_config(config, err) < 0 ? -1 : sv_agent_config_need(config, err);
}

static int open_encrypted(const struct sv_agent_config *config, struct disk *d,
                          const struct sv_tee **tee, struct sv_err *err)
{
        struct sv_net *net = NULL;
        int r;

        if (start_network(config, &net, err) < 0)
                return -1;
        r = get_and_open(config, net, d, tee, err);
        sv_net_down(net); /* the system brings its network up by its own rules and names */
        return r;
}

static bool is_confidential(void)
{
        const struct sv_attester *a = sv_attester_find();

        return a && a->id->confidential;
}

/* Keys are made from here on. */
static int check_machine(struct sv_err *err)
{
        return is_confidential() ? sv_host_check_entropy(NULL, err) : 0;
}

/* What is not the host's any more; after this the host hears of a failure as an event only. */
static int leave_host(const struct sv_agent_config *config, struct sv_err *err)
{
        SV_FD null = config->keep_console ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC);

        if (sv_host_hide_tables(NULL, err) < 0)
                return -1;
        if (config->keep_console)
                return 0;
        sv_event_print("the console leaves the host (securevm.console=host keeps it there)");
        tcdrain(2);
        if (sv_host_leave_console(NULL, err) < 0)
                return -1;
        for (int fd = 0; fd < 3; fd++)
                if (dup2(null, fd) < 0)
                        return sv_fail_errno(err, "agent.console", "cannot leave the console");
        return 0;
}

static int open_root(const struct sv_agent_config *config, struct disk *d,
                     const struct sv_tee **tee, struct sv_err *err)
{
        if (config->has_verity && sv_verity_root(NULL, config, err) < 0)
                return -1;
        d->device = config->has_verity ? "/dev/mapper/data" : "/dev/mapper/root";
        return has_key(config) ? open_encrypted(config, d, tee, err) : 0;
}

int sv_unlock(struct sv_err *err)
{
        const struct sv_tee *tee = NULL;
        struct sv_agent_config config;
        struct disk disk = {.limits = ""};

        if (prepare_machine(&config, err) < 0)
                return -1;
        if (check_machine(err) < 0)
                return -1;
        if (open_root(&config, &disk, &tee, err) < 0)
                return -1;
        sv_event_start("switch-root", NULL);
        if ((tee ? tee->confidential : is_confidential()) && leave_host(&config, err) < 0)
                return -1;
        sv_event_done("switch-root", "starting the system");
        sv_event_flush();
        sv_root_switch(NULL, err);
        if (config.has_verity)
                sv_verity_blame(err);
        sv_disk_explain(NULL, &disk.header, err);
        return -1;
}
