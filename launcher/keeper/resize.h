/* SPDX-License-Identifier: Apache-2.0 */
/* What of a guest that runs can be changed: a list of steps, all of which happen or none. Pure; the
 * libvirt half is sv_resize_apply. */
#pragma once

#include "base/core/limits.h"
#include "base/json/json.h"

struct sv_virt;

enum sv_resize_kind {
        SV_RESIZE_CPU_SHARES = 1, /* weight against others (cgroup's cpu.weight or cpu.shares) */
        SV_RESIZE_CPU_QUOTA,      /* percent of one CPU for the whole guest; 0: no limit */
        SV_RESIZE_DISK_RATE,      /* bytes a second, read and written; 0: no limit */
        SV_RESIZE_DISK_IOPS,      /* requests a second; 0: no limit */
        SV_RESIZE_NET_RATE,       /* bytes a second, each way; 0: no limit */
        SV_RESIZE_VCPUS,          /* what it has in all */
        SV_RESIZE_MEMORY,         /* bytes that it has in all */
        SV_RESIZE_DISK_SIZE,      /* bytes; always the last step, since it has no way back */
};

struct sv_resize_step {
        enum sv_resize_kind kind;
        char of[SV_NAME_MAX + 1]; /* a disk's id, or the number of a network card; "" for others */
        uint64_t value;
        /* by sv_resize_resolve: libvirt's name of it; of memory, the bytes that it boots with */
        char target[32];
        uint64_t boot;
};

struct sv_resize {
        struct sv_resize_step steps[SV_RESIZE_STEPS_MAX];
        size_t n;
};

/* The option that asks for this. */
const char *sv_resize_name(enum sv_resize_kind kind);
/* One more step from what was given for an option of that kind: "512", "150", "none",
 * "root=20MiB", "0=none". SV_USAGE "resize.value", "resize.twice", "resize.many". */
int sv_resize_add(struct sv_resize *r, enum sv_resize_kind kind, const char *text,
                  struct sv_err *err);
/* The first step of that kind; NULL: none. Of vCPUs, memory and a disk's size there is one at most.
 */
const struct sv_resize_step *sv_resize_find(const struct sv_resize *r, enum sv_resize_kind kind);
/* The request of a control socket: [{"set":"disk-rate","of":"root","value":1}]. The caller frees.
 */
struct sv_json *sv_resize_print(const struct sv_resize *r);
/* SV_FORMAT "control.request". */
int sv_resize_parse(const struct sv_json *j, struct sv_resize *out, struct sv_err *err);
/* Finds each step's disk or card among those of the guest's status or facts. SV_USAGE
 * "resize.disk", "resize.nic", which name what there is; "resize.range": vCPUs or memory that
 * cannot be had while it runs. */
int sv_resize_resolve(struct sv_resize *r, const struct sv_json *status, struct sv_err *err);

/* resize-apply.c, of the guest that is v's subject and runs. All steps, or none: what was changed
 * before a step that failed is put back. SV_SYSTEM "resize.cgroup", "resize.disk-limit",
 * "resize.net-limit", "resize.layers", "resize.smaller", "resize.grow", "resize.vcpus",
 * "resize.memory". */
int sv_resize_apply(struct sv_virt *v, const struct sv_resize *r, struct sv_err *err);
/* "limits" in a status, read from libvirt: what is limited, and the guest's weight. */
void sv_resize_put_limits(struct sv_virt *v, struct sv_json *status);
/* How large it is now, in a status: "vcpus_now"; of one that can have more memory "memory_now" and
 * "memory_wanted"; with a balloon that has said something, "memory_use". */
void sv_resize_put_sizes(struct sv_virt *v, struct sv_json *status);
