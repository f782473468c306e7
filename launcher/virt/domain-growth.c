/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/domain-growth.h"

#include "base/core/limits.h"
#include "launcher/virt/xml.h"

/* A vCPU that comes later is no slot but a name in QEMU's machine; what the firmware sees of it is
 * the maximum, which it keeps in what PCR 0 covers (ovmf/platform.h). */
void sv_domain_put_sizes(const struct sv_guest *g, struct sv_buf *x)
{
        unsigned vcpus = sv_guest_vcpus_max(g);

        if (sv_guest_memory_max(g) > g->memory)
                sv_xml_printf(x, "  <maxMemory unit='b'>%llu</maxMemory>\n",
                              (unsigned long long)sv_guest_memory_max(g));
        sv_xml_printf(x, "  <memory unit='b'>%llu</memory>\n", (unsigned long long)g->memory);
        if (vcpus > g->vcpus)
                sv_xml_printf(x, "  <vcpu current='%u'>%u</vcpu>\n", g->vcpus, vcpus);
        else
                sv_xml_printf(x, "  <vcpu>%u</vcpu>\n", vcpus);
}

static void put_memory_device(const struct sv_guest *g, struct sv_buf *x)
{
        uint64_t more = sv_guest_memory_max(g) - g->memory;

        if (more)
                sv_xml_printf(x,
                              "    <memory model='virtio-mem'>\n      <target>\n        "
                              "<size unit='KiB'>%llu</size>\n        <node>0</node>\n        "
                              "<block unit='KiB'>%llu</block>\n        <requested "
                              "unit='KiB'>0</requested>\n      </target>\n    </memory>\n",
                              (unsigned long long)(more >> 10),
                              (unsigned long long)(sv_guest_memory_block(g) >> 10));
}

/* Of a confidential guest's page a balloon gives back the shared half only. */
void sv_domain_put_growth(const struct sv_plan *p, struct sv_buf *x)
{
        const struct sv_guest *g = p->guest;

        put_memory_device(g, x);
        if (!g->tune.memory.balloon || (p->tee && p->tee->id->confidential)) {
                sv_xml_printf(x, "    <memballoon model='none'/>\n");
                return;
        }
        sv_xml_printf(x,
                      "    <memballoon model='virtio' autodeflate='%s' freePageReporting='%s'>\n"
                      "      <stats period='%u'/>\n    </memballoon>\n",
                      g->tune.memory.deflate ? "on" : "off",
                      g->tune.memory.reporting ? "on" : "off", (unsigned)SV_BALLOON_PERIOD_S);
}
