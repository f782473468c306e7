/* SPDX-License-Identifier: Apache-2.0 */
/* Block devices: each by its kind. What lies on top of others (device-mapper, md) is left alone:
 * its parts are what is set, and of multipath's parts nothing. */
#include <stdio.h>

#include "base/core/file.h"
#include "launcher/tune/knob.h"
#include "launcher/tune/sys-file.h"

#define BLOCK      "/sys/block"
#define READ_AHEAD 4096 /* KiB */

enum disk_kind {
        DISK_OTHER,   /* loops, memory, tapes, networks: nothing to say */
        DISK_STACKED, /* on top of others */
        DISK_QUEUES,  /* NVMe, virtio: many queues of its own */
        DISK_SOLID,   /* SATA, SAS without moving parts */
        DISK_ROTATING,
};

static bool has_start(const char *text, const char *start)
{
        return !strncmp(text, start, strlen(start));
}

static enum disk_kind tell_disk(const struct sv_tune_plan *p, const char *name)
{
        SV_STR turns = sv_asprintf(BLOCK "/%s/queue/rotational", name);

        if (has_start(name, "dm-") || has_start(name, "md"))
                return DISK_STACKED;
        if (has_start(name, "nvme") || has_start(name, "vd"))
                return DISK_QUEUES;
        if (!has_start(name, "sd"))
                return DISK_OTHER;
        return sv_kernel_file_number(p->ask.root, turns, 0) == 1 ? DISK_ROTATING : DISK_SOLID;
}

/* The multipath device that the disk is a path of; NULL: none. The caller frees. */
static char *find_multipath(const struct sv_tune_plan *p, const char *name)
{
        SV_STR folder = sv_asprintf(BLOCK "/%s/holders", name);
        SV_NAMES holders = sv_kernel_folder_names(p->ask.root, folder);
        SV_BUF uuid = SV_BUF_NULL;

        for (size_t i = 0; holders && holders[i]; i++) {
                SV_STR path = sv_asprintf(BLOCK "/%s/dm/uuid", holders[i]);

                if (sv_kernel_file_read(p->ask.root, path, SV_KERNEL_TEXT, &uuid, NULL) > 0 &&
                    has_start(sv_buf_str(&uuid), "mpath-"))
                        return sv_asprintf("%s", holders[i]);
        }
        return NULL;
}

/* --- schedulers --- */

/* What --scheduler DEVICE=NAME says of it; NULL: nothing. */
static const char *find_asked_scheduler(const struct sv_tune_plan *p, const char *name)
{
        size_t n = strlen(name);
        const char *found = NULL;

        for (const char *const *a = p->ask.schedulers; a && *a; a++)
                if (!strncmp(*a, name, n) && (*a)[n] == '=')
                        found = *a + n + 1;
        return found;
}

static int check_asked_schedulers(const struct sv_tune_plan *p, struct sv_err *err)
{
        for (const char *const *a = p->ask.schedulers; a && *a; a++) {
                size_t n = strcspn(*a, "=");
                SV_STR path = sv_asprintf(BLOCK "/%.*s/queue/scheduler", (int)n, *a);
                SV_BUF offered = SV_BUF_NULL;

                if (!(*a)[n] || !n || memchr(*a, '/', n))
                        return sv_fail(err, SV_USAGE, "tune.scheduler",
                                       "--scheduler takes DEVICE=SCHEDULER, as sda=bfq; \"%s\" was "
                                       "given",
                                       *a);
                if (!sv_sys_has(p->ask.root, path))
                        return sv_fail(err, SV_USAGE, "tune.device",
                                       "--scheduler %s: this host has no block device %.*s with a "
                                       "scheduler",
                                       *a, (int)n, *a);
                if (!sv_kernel_file_offers(p->ask.root, path, *a + n + 1, &offered))
                        return sv_fail(err, SV_USAGE, "tune.scheduler",
                                       "--scheduler %s: the kernel offers %s for %.*s; load the "
                                       "scheduler's module first, or choose one of these",
                                       *a, offered.n ? sv_buf_str(&offered) : "nothing", (int)n,
                                       *a);
        }
        return 0;
}

static int decide_scheduler(struct sv_tune_plan *p, const struct sv_knob *k, const char *name,
                            const char *path, struct sv_err *err)
{
        enum disk_kind kind = tell_disk(p, name);
        const char *asked = find_asked_scheduler(p, name),
                   *wanted = kind == DISK_QUEUES ? "none" : "mq-deadline";
        SV_STR multipath = find_multipath(p, name);
        SV_BUF offered = SV_BUF_NULL;

        if (asked)
                return sv_tune_want(p, k, path, asked, sv_asprintf("--scheduler asks for it"), err);
        if (kind == DISK_OTHER)
                return 0;
        if (kind == DISK_STACKED)
                return sv_tune_leave(p, k, path,
                                     sv_asprintf("it lies on other devices, which have schedulers "
                                                 "of their own"),
                                     err);
        if (multipath)
                return sv_tune_leave(
                        p, k, path,
                        sv_asprintf("a path of the multipath device %s: its driver and "
                                    "multipathd decide",
                                    multipath),
                        err);
        if (!sv_kernel_file_offers(p->ask.root, path, wanted, &offered))
                return sv_tune_leave(p, k, path,
                                     sv_asprintf("the kernel offers only %s: load the module %s",
                                                 sv_buf_str(&offered), wanted),
                                     err);
        return sv_tune_want(p, k, path, wanted,
                            sv_asprintf("%s", kind == DISK_QUEUES ? "it has queues of its own"
                                              : kind == DISK_ROTATING
                                                      ? "it rotates"
                                                      : "one queue, no moving parts"),
                            err);
}

static int find_schedulers(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        SV_NAMES names = sv_kernel_folder_names(p->ask.root, BLOCK);

        if (check_asked_schedulers(p, err) < 0)
                return -1;
        for (size_t i = 0; names && names[i]; i++) {
                SV_STR path = sv_asprintf(BLOCK "/%s/queue/scheduler", names[i]);

                if (sv_sys_has(p->ask.root, path) &&
                    decide_scheduler(p, k, names[i], path, err) < 0)
                        return -1;
        }
        return 0;
}

/* --- completions and read-ahead --- */

static int find_completions(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        SV_NAMES names = sv_kernel_folder_names(p->ask.root, BLOCK);
        const char *wanted = sv_tune_wish(p, k)->value;

        for (size_t i = 0; wanted && names && names[i]; i++) {
                SV_STR path = sv_asprintf(BLOCK "/%s/queue/rq_affinity", names[i]);
                enum disk_kind kind = tell_disk(p, names[i]);
                SV_STR multipath = find_multipath(p, names[i]);

                if ((kind == DISK_QUEUES || kind == DISK_SOLID) && !multipath &&
                    sv_tune_want(p, k, path, wanted, NULL, err) < 0)
                        return -1;
        }
        return 0;
}

/* What is more already stays. */
static int find_read_aheads(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        SV_NAMES names = sv_kernel_folder_names(p->ask.root, BLOCK);
        const char *wanted = sv_tune_wish(p, k)->value;

        for (size_t i = 0; wanted && names && names[i]; i++) {
                SV_STR path = sv_asprintf(BLOCK "/%s/queue/read_ahead_kb", names[i]);

                if (tell_disk(p, names[i]) == DISK_ROTATING &&
                    sv_kernel_file_number(p->ask.root, path, READ_AHEAD) <= READ_AHEAD &&
                    sv_tune_want(p, k, path, wanted, NULL, err) < 0)
                        return -1;
        }
        return 0;
}

const struct sv_knob sv_knobs_block[] = {
        {
                .name = "block.scheduler",
                .interface = BLOCK "/*/queue/scheduler",
                .what = "in which order a device gets its requests",
                .wish = {{"none for NVMe and virtio, mq-deadline for other disks",
                          "a device with many queues of its own orders better than the kernel; one "
                          "with a single queue needs reads before writes"},
                         {"none for NVMe and virtio, mq-deadline for other disks",
                          "a device with many queues of its own orders better than the kernel; one "
                          "with a single queue needs reads before writes"},
                         {"none for NVMe and virtio, mq-deadline for other disks",
                          "a device with many queues of its own orders better than the kernel; one "
                          "with a single queue needs reads before writes"}},
                .gain = "none: no lock and no sorting for each of a million requests a second; "
                        "mq-deadline: a read waits 500 ms at most behind writes",
                .source = "Linux Documentation/block/deadline-iosched.rst; Red Hat Enterprise "
                          "Linux 9, \"Monitoring and managing system status and performance\", "
                          "\"Setting the disk scheduler\"",
                .hurts = "none, where one guest's writes shall not starve another's reads on the "
                         "same drive (bfq, or limits of the guests)",
                .risk = "the queue stands for some milliseconds while its scheduler changes",
                .form = SV_KERNEL_CHOICE,
                .find = find_schedulers,
        },
        {
                .name = "block.completion",
                .interface = BLOCK "/*/queue/rq_affinity",
                .what = "on which processor the end of a request is handled",
                .wish = {{"2", "the processor that asked, exactly: the I/O thread of a pinned "
                               "guest, and no other guest's"},
                         {NULL, "the kernel's 1 (a processor of the same cache) spreads the work"},
                         {NULL, "as for throughput"}},
                .gain = "a pinned guest is not interrupted for another's requests",
                .source = "Linux Documentation/ABI/stable/sysfs-block, rq_affinity",
                .hurts = "where one thread asks for all of a fast drive: its processor handles all "
                         "the ends too",
                .risk = "none",
                .form = SV_KERNEL_TEXT,
                .find = find_completions,
        },
        {
                .name = "block.read_ahead",
                .interface = BLOCK "/*/queue/read_ahead_kb",
                .what = "how many KiB a rotating disk reads ahead of what reads in order",
                .wish = {{NULL, "who reads here and there waits for what nobody asked for"},
                         {"4096", "a seek takes as long as reading a MiB: what lies behind comes "
                                  "with it"},
                         {NULL, "many guests on one disk read here and there"}},
                .gain = "streams from rotating disks come at the disk's speed",
                .source = "tuned, profile throughput-performance (readahead >= 4096)",
                .hurts = "reads here and there; guests' disks with cache=none do not use it",
                .risk = "none",
                .form = SV_KERNEL_TEXT,
                .owners = SV_OWNER_TUNED,
                .find = find_read_aheads,
        },
        {0},
};
