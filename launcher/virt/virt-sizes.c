/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/virt-sizes.h"

#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/virt/virt-int.h"
#include "launcher/virt/xml-read.h"

/* --- read --- */

static uint64_t read_element_number(struct sv_bytes in, const char *path)
{
        struct sv_xml e;
        SV_STR text = sv_xml_find(in, path, &e) ? sv_xml_text(&e) : NULL;

        return text ? strtoull(text, NULL, 10) : 0;
}

/* The memory that can come; libvirt prints KiB. */
static bool find_memory_device(struct sv_bytes xml, struct sv_xml *out)
{
        struct sv_xml devices = {.inner = SV_BYTES_NULL};

        sv_xml_find(xml, "domain/devices", &devices);
        for (size_t at = 0; sv_xml_next(devices.inner, "memory", &at, out);) {
                SV_STR model = sv_xml_attribute(out, "model");

                if (model && !strcmp(model, "virtio-mem"))
                        return true;
        }
        return false;
}

void sv_sizes_read(struct sv_bytes xml, struct sv_sizes *out)
{
        struct sv_sizes s = {.vcpus = (unsigned)read_element_number(xml, "domain/vcpu")};
        struct sv_xml vcpu, memory;
        SV_STR current =
                sv_xml_find(xml, "domain/vcpu", &vcpu) ? sv_xml_attribute(&vcpu, "current") : NULL;

        if (current)
                s.vcpus = (unsigned)strtoul(current, NULL, 10);
        if (find_memory_device(xml, &memory)) {
                s.wanted = read_element_number(memory.inner, "target/requested") << 10;
                s.taken = read_element_number(memory.inner, "target/current") << 10;
                s.most = read_element_number(memory.inner, "target/size") << 10;
        }
        *out = s;
}

int sv_virt_read_sizes(struct sv_virt *v, struct sv_sizes *out, struct sv_err *err)
{
        SV_BUF xml = SV_BUF_NULL;

        if (sv_virt_get_xml(v, &xml, err) < 0)
                return -1;
        sv_sizes_read(sv_bytes_str(sv_buf_str(&xml)), out);
        return 0;
}

/* --- change --- */

/* libvirt waits five seconds for each that is to go; a guest that has much to do takes longer, and
 * it may go after that, too. */
#define UNPLUG_TRIES 4

static bool has_timed_out(void)
{
        virErrorPtr e = vir.GetLastError();

        return e && e->code == VIR_ERR_OPERATION_TIMEOUT;
}

int sv_virt_set_vcpus(struct sv_virt *v, unsigned n, struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;

        for (int i = 0; i < UNPLUG_TRIES; i++) {
                if (vir.DomainSetVcpusFlags(v->dom, n, VIR_DOMAIN_AFFECT_LIVE) >= 0)
                        return 0;
                if (!has_timed_out())
                        break;
        }
        sv_virt_fail(&why, "changing its vCPUs");
        return sv_fail(err, SV_SYSTEM, "resize.vcpus",
                       "%s; a vCPU goes only when the guest lets it go: is its system up, and not "
                       "bound to that CPU?",
                       why.msg);
}

bool sv_sizes_put_wish(struct sv_bytes xml, uint64_t bytes, struct sv_buf *out)
{
        struct sv_xml memory, wish;
        struct sv_bytes before, after;

        if (!find_memory_device(xml, &memory) ||
            !sv_xml_find(memory.inner, "target/requested", &wish))
                return false;
        before = sv_bytes(memory.inner.p, (size_t)(wish.inner.p - memory.inner.p));
        after = sv_bytes(wish.inner.p + wish.inner.n,
                         (size_t)(memory.inner.p + memory.inner.n - wish.inner.p) - wish.inner.n);
        sv_buf_printf(out, "<memory%.*s>%.*s%llu%.*s</memory>", (int)memory.attributes.n,
                      (const char *)memory.attributes.p, (int)before.n, (const char *)before.p,
                      (unsigned long long)(bytes >> 10), (int)after.n, (const char *)after.p);
        return true;
}

int sv_virt_want_memory(struct sv_virt *v, uint64_t bytes, struct sv_err *err)
{
        SV_BUF xml = SV_BUF_NULL;
        SV_BUF device = SV_BUF_NULL;
        struct sv_err why = SV_ERR_NULL;

        if (sv_virt_get_xml(v, &xml, err) < 0)
                return -1;
        if (!sv_sizes_put_wish(sv_bytes_str(sv_buf_str(&xml)), bytes, &device))
                return sv_fail(err, SV_SYSTEM, "resize.memory",
                               "the guest has no memory that could come or go (virtio-mem)");
        if (vir.DomainUpdateDeviceFlags(v->dom, sv_buf_str(&device), VIR_DOMAIN_AFFECT_LIVE) == 0)
                return 0;
        sv_virt_fail(&why, "changing its memory");
        return sv_fail(err, SV_SYSTEM, "resize.memory", "%s", why.msg);
}

/* --- what the guest says of its memory --- */

static const struct {
        int tag;
        const char *name;
        uint64_t unit;
} uses[] = {
        {VIR_DOMAIN_MEMORY_STAT_AVAILABLE, "total", 1024},
        {VIR_DOMAIN_MEMORY_STAT_UNUSED, "free", 1024},
        {VIR_DOMAIN_MEMORY_STAT_USABLE, "available", 1024},
        {VIR_DOMAIN_MEMORY_STAT_DISK_CACHES, "caches", 1024},
        {VIR_DOMAIN_MEMORY_STAT_SWAP_IN, "swapped_in", 1024},
        {VIR_DOMAIN_MEMORY_STAT_SWAP_OUT, "swapped_out", 1024},
        {VIR_DOMAIN_MEMORY_STAT_MAJOR_FAULT, "major_faults", 1},
        {VIR_DOMAIN_MEMORY_STAT_MINOR_FAULT, "minor_faults", 1},
};

static void put_use(const virDomainMemoryStatStruct *stats, int n, struct sv_json *out)
{
        for (size_t k = 0; k < sizeof(uses) / sizeof(uses[0]); k++)
                for (int i = 0; i < n; i++)
                        if (stats[i].tag == uses[k].tag)
                                sv_json_set_int(out, uses[k].name,
                                                (int64_t)(stats[i].val * uses[k].unit));
}

void sv_virt_put_memory_use(struct sv_virt *v, struct sv_json *out)
{
        virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
        int n = vir.DomainMemoryStats(v->dom, stats, VIR_DOMAIN_MEMORY_STAT_NR, 0);
        char when[32];

        for (int i = 0; i < n; i++)
                if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_LAST_UPDATE && stats[i].val) {
                        put_use(stats, n, out);
                        sv_json_set_str(out, "at", sv_format_time((time_t)stats[i].val, when));
                }
}
