/* SPDX-License-Identifier: Apache-2.0 */
/* NVMe with several paths to one subsystem, and over fabrics: which path is asked, and how long one
 * that is away is waited for. */
#include <ctype.h>
#include <stdio.h>

#include "base/core/file.h"
#include "launcher/tune/knob.h"
#include "launcher/tune/sys-file.h"

#define SUBSYSTEMS  "/sys/class/nvme-subsystem"
#define CONTROLLERS "/sys/class/nvme"
#define DAY         86400 /* seconds */

/* "nvme3", and not "nvme3n1", which is a disk. */
static bool is_controller(const char *name)
{
        size_t n = strlen("nvme");

        if (strncmp(name, "nvme", n) != 0 || !name[n])
                return false;
        while (isdigit((unsigned char)name[n]))
                n++;
        return !name[n];
}

static bool file_says(const char *root, const char *path, const char *text)
{
        SV_BUF now = SV_BUF_NULL;

        return sv_kernel_file_read(root, path, SV_KERNEL_TEXT, &now, NULL) > 0 &&
               !strcmp(sv_buf_str(&now), text);
}

static unsigned count_paths(const char *root, const char *subsystem)
{
        SV_STR folder = sv_asprintf(SUBSYSTEMS "/%s", subsystem);
        SV_NAMES names = sv_kernel_folder_names(root, folder);
        unsigned n = 0;

        for (size_t i = 0; names && names[i]; i++)
                n += is_controller(names[i]);
        return n;
}

static int find_policies(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        SV_NAMES names = sv_kernel_folder_names(p->ask.root, SUBSYSTEMS);
        const char *wanted = sv_tune_wish(p, k)->value;

        for (size_t i = 0; wanted && names && names[i]; i++) {
                SV_STR path = sv_asprintf(SUBSYSTEMS "/%s/iopolicy", names[i]);
                unsigned n = count_paths(p->ask.root, names[i]);
                int r;

                if (n < 2)
                        continue;
                if (file_says(p->ask.root, path, "queue-depth"))
                        r = sv_tune_leave(p, k, path,
                                          sv_asprintf("the least busy path is asked: that is as "
                                                      "good, and better where paths differ"),
                                          err);
                else
                        r = sv_tune_want(p, k, path, wanted, sv_asprintf("it has %u paths", n),
                                         err);
                if (r < 0)
                        return -1;
        }
        return 0;
}

/* Whole delays: the kernel says it as a number of these. What is longer already, or without an end
 * ("off"), stays. */
static int find_losses(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        SV_NAMES names = sv_kernel_folder_names(p->ask.root, CONTROLLERS);

        for (size_t i = 0; names && names[i]; i++) {
                SV_STR path = sv_asprintf(CONTROLLERS "/%s/ctrl_loss_tmo", names[i]);
                SV_STR pause = sv_asprintf(CONTROLLERS "/%s/reconnect_delay", names[i]);
                SV_STR type = sv_asprintf(CONTROLLERS "/%s/cntrltype", names[i]);
                long long delay = sv_kernel_file_number(p->ask.root, pause, 0);
                SV_STR wanted = NULL;

                if (delay <= 0 || delay > DAY || file_says(p->ask.root, type, "discovery") ||
                    sv_kernel_file_number(p->ask.root, path, DAY) >= DAY)
                        continue;
                wanted = sv_asprintf("%lld", (DAY + delay - 1) / delay * delay);
                if (sv_tune_want(p, k, path, wanted, sv_asprintf("it is tried every %lld s", delay),
                                 err) < 0)
                        return -1;
        }
        return 0;
}

void sv_tune_list_lost_paths(const char *root, struct sv_json *list)
{
        SV_NAMES names = sv_kernel_folder_names(root, CONTROLLERS);

        for (size_t i = 0; names && names[i]; i++) {
                SV_STR path = sv_asprintf(CONTROLLERS "/%s/state", names[i]);
                SV_BUF state = SV_BUF_NULL;
                struct sv_json *o;

                if (sv_kernel_file_read(root, path, SV_KERNEL_TEXT, &state, NULL) <= 0 ||
                    !strcmp(sv_buf_str(&state), "live"))
                        continue;
                o = sv_json_add(list, sv_json_object());
                sv_json_set_str(o, "controller", names[i]);
                sv_json_set_str(o, "path", path);
                sv_json_set_str(o, "wanted", "live");
                sv_json_set_str(o, "found", sv_buf_str(&state));
        }
}

const struct sv_knob sv_knobs_nvme[] = {
        {
                .name = "nvme.path_policy",
                .interface = SUBSYSTEMS "/*/iopolicy",
                .what = "which of several paths to an NVMe subsystem gets a request",
                .wish = {{NULL, "the path that is nearest to the processor that asks answers "
                                "soonest (numa, the kernel's own)"},
                         {"round-robin", "all paths carry what guests move, and not one of them"},
                         {NULL, "as for latency"}},
                .gain = "the throughput of all optimized paths together, where one path is the "
                        "limit",
                .source = "Linux Documentation/admin-guide/nvme-multipath.rst",
                .hurts = "paths that differ: as many requests wait for the slow one; queue-depth, "
                         "of Linux 6.11 and newer, asks the least busy, and is left where it is "
                         "set",
                .risk = "none",
                .form = SV_KERNEL_TEXT,
                .find = find_policies,
        },
        {
                .name = "nvme.ctrl_loss",
                .interface = CONTROLLERS "/*/ctrl_loss_tmo",
                .what = "for how many seconds the way to an NVMe target over fabrics is tried "
                        "again before the path is given up",
                .wish = {{"a day, in whole pauses between two tries",
                          "a path that was given up does not come back by itself, and the last one "
                          "takes the guests' disks with it"},
                         {"a day, in whole pauses between two tries", "as for latency"},
                         {"a day, in whole pauses between two tries", "as for latency"}},
                .gain = "guests wait through an outage of hours, where 600 s (the kernel's own) "
                        "would end in errors that make their file systems read-only",
                .source = "nvme-connect(1), --ctrl-loss-tmo",
                .hurts = "where a cluster moves a guest away when its disk fails: it fails later; "
                         "and a target that is gone for good is waited for (nvme disconnect ends "
                         "that)",
                .risk = "none",
                .form = SV_KERNEL_TEXT,
                .find = find_losses,
        },
        {0},
};
