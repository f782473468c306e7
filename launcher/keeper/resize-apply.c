/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a change, at libvirt: first everything is read, which shows what cannot be done,
 * then each is set; what fails takes back what was set before it. */
#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/keeper/resize.h"
#include "launcher/virt/domain.h"
#include "launcher/virt/virt-resize.h"
#include "launcher/virt/virt-sizes.h"
#include "launcher/virt/xml-read.h"

/* What a step's limit was, in libvirt's own unit. */
static int read_old_value(struct sv_virt *v, const struct sv_resize_step *s, int64_t *before,
                          struct sv_err *err)
{
        struct sv_disk_limits disk;
        struct sv_cpu_limits cpu;
        struct sv_sizes sizes;
        uint64_t bytes = 0;

        switch (s->kind) {
        case SV_RESIZE_CPU_SHARES:
        case SV_RESIZE_CPU_QUOTA:
                if (sv_virt_read_cpu_limits(v, &cpu, err) < 0)
                        return -1;
                *before = s->kind == SV_RESIZE_CPU_SHARES ? (int64_t)cpu.shares : cpu.quota;
                return 0;
        case SV_RESIZE_DISK_RATE:
        case SV_RESIZE_DISK_IOPS:
                if (sv_virt_read_disk_limits(v, s->target, &disk, err) < 0)
                        return -1;
                *before = (int64_t)(s->kind == SV_RESIZE_DISK_RATE ? disk.bytes : disk.requests);
                return 0;
        case SV_RESIZE_NET_RATE:
                if (sv_virt_read_net_limit(v, s->target, &bytes, err) < 0)
                        return -1;
                break;
        case SV_RESIZE_VCPUS:
        case SV_RESIZE_MEMORY:
                if (sv_virt_read_sizes(v, &sizes, err) < 0)
                        return -1;
                bytes = s->kind == SV_RESIZE_VCPUS ? sizes.vcpus : sizes.wanted;
                break;
        case SV_RESIZE_DISK_SIZE:
                if (sv_virt_read_disk_size(v, s->target, &bytes, err) < 0)
                        return -1;
                break;
        }
        *before = (int64_t)bytes;
        return 0;
}

static int set_disk_limit(struct sv_virt *v, const struct sv_resize_step *s, uint64_t value,
                          struct sv_err *err)
{
        struct sv_disk_limits limits;

        if (sv_virt_read_disk_limits(v, s->target, &limits, err) < 0)
                return -1;
        if (s->kind == SV_RESIZE_DISK_RATE)
                limits.bytes = value;
        else
                limits.requests = value;
        return sv_virt_set_disk_limits(v, s->target, &limits, err);
}

/* `value` in libvirt's own unit, as read_old_value reads it. */
static int set_value(struct sv_virt *v, const struct sv_resize_step *s, int64_t value,
                     struct sv_err *err)
{
        switch (s->kind) {
        case SV_RESIZE_CPU_SHARES:
                return sv_virt_set_cpu_shares(v, (uint64_t)value, err);
        case SV_RESIZE_CPU_QUOTA:
                return sv_virt_set_cpu_quota(v, value, err);
        case SV_RESIZE_DISK_RATE:
        case SV_RESIZE_DISK_IOPS:
                return set_disk_limit(v, s, (uint64_t)value, err);
        case SV_RESIZE_NET_RATE:
                return sv_virt_set_net_limit(v, s->target, (uint64_t)value, err);
        case SV_RESIZE_VCPUS:
                return sv_virt_set_vcpus(v, (unsigned)value, err);
        case SV_RESIZE_MEMORY:
                return sv_virt_want_memory(v, (uint64_t)value, err);
        case SV_RESIZE_DISK_SIZE:
                return sv_virt_grow_disk(v, s->target, (uint64_t)value, err);
        }
        return 0;
}

static int convert_value(struct sv_virt *v, const struct sv_resize_step *s, int64_t *value,
                         struct sv_err *err)
{
        struct sv_cpu_limits cpu;

        *value = (int64_t)(s->kind == SV_RESIZE_MEMORY ? s->value - s->boot : s->value);
        if (s->kind != SV_RESIZE_CPU_QUOTA)
                return 0;
        if (sv_virt_read_cpu_limits(v, &cpu, err) < 0)
                return -1;
        *value = s->value ? (int64_t)(s->value * cpu.period / 100) : -1;
        return 0;
}

/* --- a disk that grows --- */

static bool is_raw_disk(struct sv_bytes disk, const char *target)
{
        struct sv_xml t, driver;
        SV_STR dev = sv_xml_find(disk, "target", &t) ? sv_xml_attribute(&t, "dev") : NULL;
        SV_STR type =
                sv_xml_find(disk, "driver", &driver) ? sv_xml_attribute(&driver, "type") : NULL;

        return dev && !strcmp(dev, target) && (!type || !strcmp(type, "raw"));
}

/* Its file is what the guest file names, and raw: not the newest of some layers. */
static int check_layers(struct sv_virt *v, const struct sv_resize_step *s, struct sv_err *err)
{
        struct sv_xml devices = {.inner = SV_BYTES_NULL}, disk;
        SV_BUF xml = SV_BUF_NULL;

        if (sv_virt_get_xml(v, &xml, err) < 0)
                return -1;
        sv_xml_find(sv_bytes_str(sv_buf_str(&xml)), "domain/devices", &devices);
        for (size_t at = 0; sv_xml_next(devices.inner, "disk", &at, &disk);)
                if (is_raw_disk(disk.inner, s->target))
                        return 0;
        return sv_fail(err, SV_USAGE, "resize.layers",
                       "disk %s is not one raw file now: it has snapshots, or is being copied; it "
                       "grows when those are flattened or deleted",
                       s->of);
}

static int check_growth(struct sv_virt *v, const struct sv_resize_step *s, int64_t before,
                        struct sv_err *err)
{
        char is[32], wanted[32];

        if (s->kind != SV_RESIZE_DISK_SIZE)
                return 0;
        if (check_layers(v, s, err) < 0)
                return -1;
        if ((int64_t)s->value >= before)
                return 0;
        return sv_fail(err, SV_USAGE, "resize.smaller",
                       "disk %s has %s (%lld bytes) and cannot be %s: its end may hold data, and "
                       "a disk only grows",
                       s->of, sv_format_size((uint64_t)before, is), (long long)before,
                       sv_format_size(s->value, wanted));
}

/* --- all or nothing --- */

/* Step n failed, and those before it are taken back: what does not go back is told with the reason
 * of it all. Of the failed one, too, something may be there: libvirt limits a card in several steps
 * of its own. */
static int restore_values(struct sv_virt *v, const struct sv_resize *r, size_t n,
                          const int64_t *before, struct sv_err *err)
{
        int result = -1;

        if (r->steps[n].kind != SV_RESIZE_DISK_SIZE)
                set_value(v, &r->steps[n], before[n], NULL);
        while (n-- > 0)
                if (set_value(v, &r->steps[n], before[n], NULL) < 0)
                        result = sv_wrap(err, "--%s could not be put back to what it was",
                                         sv_resize_name(r->steps[n].kind));
        return result;
}

int sv_resize_apply(struct sv_virt *v, const struct sv_resize *r, struct sv_err *err)
{
        int64_t before[SV_RESIZE_STEPS_MAX], value[SV_RESIZE_STEPS_MAX];

        for (size_t i = 0; i < r->n; i++)
                if (read_old_value(v, &r->steps[i], &before[i], err) < 0 ||
                    convert_value(v, &r->steps[i], &value[i], err) < 0 ||
                    check_growth(v, &r->steps[i], before[i], err) < 0)
                        return -1;
        for (size_t i = 0; i < r->n; i++)
                if (set_value(v, &r->steps[i], value[i], err) < 0)
                        return restore_values(v, r, i, before, err);
        return 0;
}

/* --- read back --- */

static void put_cpu_limits(struct sv_virt *v, struct sv_json *limits)
{
        struct sv_cpu_limits cpu;

        if (sv_virt_read_cpu_limits(v, &cpu, NULL) < 0)
                return;
        sv_json_set_int(limits, "cpu_shares", (int64_t)cpu.shares);
        if (cpu.quota > 0 && cpu.period)
                sv_json_set_int(limits, "cpu_quota", cpu.quota * 100 / (int64_t)cpu.period);
}

static void put_disk_limits(struct sv_virt *v, const struct sv_json *disks, struct sv_json *limits)
{
        for (size_t i = 0; i < sv_json_len(disks) && i < SV_GUEST_DISKS_MAX; i++) {
                const char *id = sv_json_text(sv_json_at(disks, i), "id", "");
                char target[SV_DISK_TARGET_SIZE];
                struct sv_disk_limits d;
                struct sv_json *j;

                sv_domain_name_disk(i, target);
                if (sv_virt_read_disk_limits(v, target, &d, NULL) < 0 || (!d.bytes && !d.requests))
                        continue;
                j = sv_json_add(limits, sv_json_object());
                sv_json_set_str(j, "id", id);
                if (d.bytes)
                        sv_json_set_int(j, "rate", (int64_t)d.bytes);
                if (d.requests)
                        sv_json_set_int(j, "iops", (int64_t)d.requests);
        }
}

static void put_card_limits(struct sv_virt *v, const struct sv_json *nics, struct sv_json *limits)
{
        for (size_t i = 0; i < sv_json_len(nics) && i < SV_GUEST_NICS_MAX; i++) {
                const struct sv_json *nic = sv_json_at(nics, i);
                const char *type = sv_json_text(nic, "type", "");
                struct sv_json *j;
                uint64_t bytes = 0;

                /* QEMU's own network, and a card that limits its function itself */
                if (!strcmp(type, "user") || !strcmp(type, "vf") ||
                    sv_virt_read_net_limit(v, sv_json_text(nic, "mac", ""), &bytes, NULL) < 0 ||
                    !bytes)
                        continue;
                j = sv_json_add(limits, sv_json_object());
                sv_json_set_int(j, "card", (int64_t)i);
                sv_json_set_int(j, "rate", (int64_t)bytes);
        }
}

void sv_resize_put_limits(struct sv_virt *v, struct sv_json *status)
{
        struct sv_json *limits = sv_json_set(status, "limits", sv_json_object());

        put_cpu_limits(v, limits);
        put_disk_limits(v, sv_json_get(status, "disks"),
                        sv_json_set(limits, "disks", sv_json_array()));
        put_card_limits(v, sv_json_get(status, "nics"),
                        sv_json_set(limits, "nics", sv_json_array()));
}

/* Where the guest file names the kind of its I/O, for whoever reads that back: QEMU begins with it
 * at a disk's first request. */
static void put_disk_requests(struct sv_virt *v, struct sv_json *status)
{
        const struct sv_json *disks = sv_json_pointer(status, "/tuning/disks");
        size_t n = sv_json_len(disks);
        uint64_t requests[SV_GUEST_DISKS_MAX] = {0};
        struct sv_json *list;
        bool named = false;

        for (size_t i = 0; i < n; i++)
                named |= sv_json_get(sv_json_at(disks, i), "io") != NULL;
        if (!named || n > SV_GUEST_DISKS_MAX ||
            !sv_virt_read_disk_requests(v, (unsigned)n, requests))
                return;
        list = sv_json_set(status, "disk_requests", sv_json_array());
        for (size_t i = 0; i < n; i++)
                sv_json_add(list, sv_json_new_int((int64_t)requests[i]));
}

void sv_resize_put_sizes(struct sv_virt *v, struct sv_json *status)
{
        int64_t boot = sv_json_int(sv_json_get(status, "memory"), 0);
        struct sv_json *use = sv_json_object();
        struct sv_sizes sizes;

        if (sv_virt_read_sizes(v, &sizes, NULL) == 0) {
                sv_json_set_int(status, "vcpus_now", sizes.vcpus);
                if (sizes.most) {
                        sv_json_set_int(status, "memory_now", boot + (int64_t)sizes.taken);
                        sv_json_set_int(status, "memory_wanted", boot + (int64_t)sizes.wanted);
                }
        }
        sv_virt_put_memory_use(v, use);
        if (sv_json_len(use))
                sv_json_set(status, "memory_use", use);
        else
                sv_json_free(use);
        put_disk_requests(v, status);
}
