/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/domain-tuning.h"

#include <string.h>

#include "launcher/tune/wish.h"
#include "launcher/virt/xml.h"

static void put_memory_backing(const struct sv_guest *g, struct sv_buf *x)
{
        if (!g->tune.hugepages && !g->tune.memory.shared && !g->tune.memory.locked)
                return;
        sv_xml_printf(x, "  <memoryBacking>\n");
        if (g->tune.hugepages)
                sv_xml_printf(x,
                              "    <hugepages>\n      <page size='%llu' unit='KiB'/>\n    "
                              "</hugepages>\n",
                              (unsigned long long)(g->tune.hugepages >> 10));
        if (g->tune.memory.locked)
                sv_xml_printf(x, "    <locked/>\n");
        if (g->tune.memory.shared)
                sv_xml_printf(x, "    <source type='memfd'/>\n    <access mode='shared'/>\n");
        sv_xml_printf(x, "  </memoryBacking>\n");
}

static const char *print_bitset(const struct sv_bitset *s, struct sv_buf *text)
{
        sv_buf_clear(text);
        sv_bitset_put(s, text);
        return sv_buf_str(text);
}

static void put_pins(const struct sv_placement *p, struct sv_buf *x)
{
        SV_BUF set = SV_BUF_NULL;

        sv_xml_printf(x, "  <cputune>\n");
        for (size_t i = 0; i < p->n_vcpus; i++)
                sv_xml_printf(x, "    <vcpupin vcpu='%u' cpuset='%s'/>\n", (unsigned)i,
                              print_bitset(&p->vcpus[i], &set));
        sv_xml_printf(x, "    <emulatorpin cpuset='%s'/>\n", print_bitset(&p->emulator, &set));
        for (size_t i = 0; i < p->n_iothreads; i++)
                sv_xml_printf(x, "    <iothreadpin iothread='%u' cpuset='%s'/>\n", (unsigned)i + 1,
                              print_bitset(&p->iothreads[i], &set));
        sv_xml_printf(x, "  </cputune>\n");
}

/* What holds for all cells also limits what the kernel takes for the guest itself: pages of
 * guest_memfd, which no policy of a cell reaches. */
static void put_nodes(const struct sv_guest *g, const struct sv_tuned *t, struct sv_buf *x)
{
        const char *mode = t->strict ? "strict" : "preferred";
        struct sv_bitset all = {0};
        SV_BUF set = SV_BUF_NULL;

        for (size_t i = 0; i < t->place.n_cells; i++)
                sv_bitset_join(&all, &t->place.nodes[i]);
        sv_xml_printf(x, "  <numatune>\n");
        if (t->strict || sv_bitset_count(&all) == 1)
                sv_xml_printf(x, "    <memory mode='%s' nodeset='%s'/>\n", mode,
                              print_bitset(&all, &set));
        for (size_t i = 0; g->tune.numa.cells > 1 && i < t->place.n_cells; i++)
                sv_xml_printf(x, "    <memnode cellid='%u' mode='%s' nodeset='%s'/>\n", (unsigned)i,
                              mode, print_bitset(&t->place.nodes[i], &set));
        sv_xml_printf(x, "  </numatune>\n");
}

void sv_domain_put_tuning(const struct sv_plan *p, struct sv_buf *x)
{
        const struct sv_tuned *t = p->place.tuned;

        if (!p->place.bare)
                put_memory_backing(p->guest, x);
        if (sv_guest_count_iothreads(p->guest))
                sv_xml_printf(x, "  <iothreads>%u</iothreads>\n",
                              sv_guest_count_iothreads(p->guest));
        if (t && t->pinned)
                put_pins(&t->place, x);
        if (t && t->bound)
                put_nodes(p->guest, t, x);
}

bool sv_domain_has_cells(const struct sv_guest *g)
{
        return g->tune.numa.cells > 1 || g->tune.cpus.threads > 1 || g->memory_max > g->memory;
}

static void put_distances(const struct sv_tuned *t, size_t cell, struct sv_buf *x)
{
        size_t n = t->place.n_cells;

        sv_xml_printf(x, "        <distances>\n");
        for (size_t i = 0; i < n; i++)
                sv_xml_printf(x, "          <sibling id='%u' value='%u'/>\n", (unsigned)i,
                              t->distances[cell * n + i]);
        sv_xml_printf(x, "        </distances>\n");
}

void sv_domain_put_cells(const struct sv_plan *p, struct sv_buf *x)
{
        const struct sv_guest *g = p->guest;
        const struct sv_tuned *t = p->place.tuned;
        unsigned cells = g->tune.numa.cells ? g->tune.numa.cells : 1,
                 threads = g->tune.cpus.threads ? g->tune.cpus.threads : 1,
                 each = sv_guest_vcpus_max(g) / cells;

        if (cells > 1 || threads > 1)
                sv_xml_printf(x, "    <topology sockets='%u' dies='1' cores='%u' threads='%u'/>\n",
                              cells, each / threads, threads);
        /* QEMU plugs memory into a node */
        if (cells < 2 && g->memory_max <= g->memory)
                return;
        sv_xml_printf(x, "    <numa>\n");
        for (unsigned i = 0; i < cells; i++) {
                sv_xml_printf(x, "      <cell id='%u' cpus='%u-%u' memory='%llu' unit='b'", i,
                              i * each, (i + 1) * each - 1,
                              (unsigned long long)(g->memory / cells));
                if (!t || !t->distances) {
                        sv_xml_printf(x, "/>\n");
                        continue;
                }
                sv_xml_printf(x, ">\n");
                put_distances(t, i, x);
                sv_xml_printf(x, "      </cell>\n");
        }
        sv_xml_printf(x, "    </numa>\n");
}

void sv_domain_put_disk_driver(const struct sv_disk *d, bool direct, struct sv_buf *x)
{
        const char *cache = d->tuning.cache ? d->tuning.cache : direct ? "none" : "writeback";
        const char *io = d->tuning.io                ? d->tuning.io
                         : sv_cache_is_direct(cache) ? "native"
                                                     : "threads";

        sv_xml_printf(x, "      <driver name='qemu' type='raw' cache='%s' io='%s' discard='%s'",
                      cache, io, d->tuning.discard ? d->tuning.discard : "unmap");
        if (d->tuning.detect_zeroes)
                sv_xml_printf(x, " detect_zeroes='%s'", d->tuning.detect_zeroes);
        if (d->tuning.queues)
                sv_xml_printf(x, " queues='%u'", d->tuning.queues);
        if (d->tuning.iothread)
                sv_xml_printf(x, " iothread='%u'", d->tuning.iothread);
        sv_xml_printf(x, "/>\n");
        if (!d->tuning.sector && !d->tuning.physical_sector)
                return;
        sv_xml_printf(x, "      <blockio logical_block_size='%u' physical_block_size='%u'/>\n",
                      d->tuning.sector ? d->tuning.sector : 512,
                      d->tuning.physical_sector ? d->tuning.physical_sector
                      : d->tuning.sector        ? d->tuning.sector
                                                : 512);
}

void sv_domain_put_nic_driver(const struct sv_nic *n, struct sv_buf *x)
{
        if (!n->tuning.vhost_given && n->tuning.queues < 2)
                return;
        sv_xml_printf(x, "      <driver");
        if (n->tuning.vhost_given)
                sv_xml_printf(x, " name='%s'", n->tuning.vhost ? "vhost" : "qemu");
        if (n->tuning.queues > 1)
                sv_xml_printf(x, " queues='%u'", n->tuning.queues);
        sv_xml_printf(x, "/>\n");
}
