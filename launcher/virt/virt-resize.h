/* SPDX-License-Identifier: Apache-2.0 */
/* What libvirt can change of the subject of a connection while it runs, and reads back. What is set
 * counts for this run and for those of the same definition after it. */
#pragma once

#include "launcher/virt/virt.h"

struct sv_cpu_limits {
        uint64_t shares;
        int64_t quota; /* microseconds in each period; below 0: no limit */
        uint64_t period;
};
/* SV_SYSTEM "resize.cgroup" where the guest is in no cgroup for CPUs. */
int sv_virt_read_cpu_limits(struct sv_virt *v, struct sv_cpu_limits *out, struct sv_err *err);
int sv_virt_set_cpu_shares(struct sv_virt *v, uint64_t shares, struct sv_err *err);
int sv_virt_set_cpu_quota(struct sv_virt *v, int64_t quota, struct sv_err *err);

struct sv_disk_limits {
        uint64_t bytes, requests; /* a second; 0: no limit */
};
/* `target`: "vda". SV_SYSTEM "resize.disk-limit". */
int sv_virt_read_disk_limits(struct sv_virt *v, const char *target, struct sv_disk_limits *out,
                             struct sv_err *err);
int sv_virt_set_disk_limits(struct sv_virt *v, const char *target, const struct sv_disk_limits *to,
                            struct sv_err *err);

/* Bytes a second each way; 0: no limit. `mac` names the card. SV_SYSTEM "resize.net-limit". */
int sv_virt_read_net_limit(struct sv_virt *v, const char *mac, uint64_t *bytes, struct sv_err *err);
int sv_virt_set_net_limit(struct sv_virt *v, const char *mac, uint64_t bytes, struct sv_err *err);

/* What QEMU has of a disk. */
int sv_virt_read_disk_size(struct sv_virt *v, const char *target, uint64_t *bytes,
                           struct sv_err *err);
/* How often the guest has read, written or synced each of its n disks in this run. false: libvirt
 * does not say it of all. */
bool sv_virt_read_disk_requests(struct sv_virt *v, unsigned n, uint64_t *requests);
/* QEMU makes the file as large and tells the guest, in this order. SV_SYSTEM "resize.grow". */
int sv_virt_grow_disk(struct sv_virt *v, const char *target, uint64_t bytes, struct sv_err *err);
