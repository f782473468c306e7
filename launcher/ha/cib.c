/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/ha/cib.h"

#include "base/core/file.h"
#include "launcher/virt/xml.h"

#define FIRST_SCORE 100 /* where a guest begins; it stays where it is: see STICKINESS */
#define NEXT_SCORE  50
#define STICKINESS  200

unsigned sv_ha_lease(const struct sv_guest *g)
{
        return sv_guest_reports_disk(g) ? g->attestation.lease : 0;
}

/* --- why --- */

__attribute__((format(printf, 3, 4))) static void add_reason(struct sv_json *list, const char *what,
                                                             const char *fmt, ...)
{
        struct sv_json *row = sv_json_add(list, sv_json_object());
        SV_BUF why = SV_BUF_NULL;
        va_list ap;

        va_start(ap, fmt);
        sv_buf_vprintf(&why, fmt, ap);
        va_end(ap);
        sv_json_set_str(row, "what", what);
        sv_json_set_str(row, "why", sv_buf_str(&why));
}

static void put_lease_reason(const struct sv_guest *g, struct sv_json *list)
{
        unsigned lease = sv_ha_lease(g);
        SV_STR what = sv_asprintf("guest %s", g->name);

        if (lease)
                add_reason(list, what,
                           "its disk has a lease of %u s at the broker: whatever the cluster "
                           "believes, one instance has it. One that goes on elsewhere boots at "
                           "once, and gets the disk when that time is over after the dead one's "
                           "last report, or when an administrator who knows that the old host is "
                           "off says \"secure-vm key end-lease %s\"",
                           lease, g->attestation.resource);
        else if (sv_guest_encrypted(g))
                add_reason(list, what,
                           "its disk has no lease at the broker, which those with tags and btrfs "
                           "have: fencing alone keeps it from being opened twice");
        if (g->attestation.url && g->attestation.n_ek_roots)
                add_reason(list, what,
                           "its vTPM is made at each node by that node's authority: all of them "
                           "belong into attestation.ek_roots, which has %zu (\"secure-vm host "
                           "vtpm-ca --export\" at each node), before the policy is put",
                           g->attestation.n_ek_roots);
}

void sv_ha_put_reasons(const struct sv_ha_plan *p, const struct sv_ha_options *o,
                       struct sv_json *list)
{
        add_reason(list, "fencing",
                   "one device a node (%s), run at another node than the one that it switches off. "
                   "A node that is lost is off before its guests start elsewhere; without fencing "
                   "Pacemaker starts nothing",
                   o->fence);
        add_reason(list, "stonith-action off",
                   "the node stays off until somebody has looked at it; one that reboots by itself "
                   "and fails again would take its guests down again and again");
        if (p->n_nodes == 2)
                add_reason(list, "two nodes",
                           "corosync needs \"two_node: 1\", and then both may want to fence each "
                           "other: a third node or a quorum device decides who may");
        else
                add_reason(list, "no-quorum-policy stop",
                           "nodes that are fewer than half stop their guests, since the others "
                           "start them");
        add_reason(
                list, "placement",
                "each guest counts with its memory and %llu MiB for QEMU and vTPM, one that may be "
                "confidential also with the %u %% that it may share beside its private memory "
                "(utilization, as \"secure-vm host budget\" counts): Pacemaker starts none where "
                "that is not left",
                SV_BUDGET_OVERHEAD >> 20, p->rules.shared_percent);
        add_reason(list, "resource-stickiness",
                   "a guest stays where it is when its first node comes back: a move is a boot");
        add_reason(list, "migration-threshold 3, start-failure-is-fatal false",
                   "after three failures at a node another one is tried; failures are forgotten "
                   "after ten minutes. A key that a policy refuses counts at once");
        if (o->connect)
                add_reason(list, "allow-migrate",
                           "the nodes' libvirt daemons keep the guests: those without a TEE of the "
                           "processor move while they run, others are stopped and started");
        if (o->ordered)
                add_reason(list, "order",
                           "the guests start in the order in which they were named; one that fails "
                           "does not stop the others");
        for (size_t i = 0; i < p->n_places; i++)
                put_lease_reason(p->places[i].guest, list);
}

/* --- the configuration --- */

static void put_nvpair(struct sv_buf *out, const char *id, const char *name, const char *value)
{
        sv_xml_printf(out, "<nvpair id=\"%s-%s\" name=\"%s\" value=\"%s\"/>\n", id, name, name,
                      value);
}

static void put_nvnumber(struct sv_buf *out, const char *id, const char *name,
                         unsigned long long value)
{
        SV_STR text = sv_asprintf("%llu", value);

        put_nvpair(out, id, name, text);
}

static void put_cluster_options(const struct sv_ha_plan *p, struct sv_buf *out)
{
        sv_buf_puts(out, "<crm_config>\n<cluster_property_set id=\"cib-bootstrap-options\">\n");
        put_nvpair(out, "ha", "stonith-enabled", "true");
        put_nvpair(out, "ha", "stonith-action", "off");
        put_nvpair(out, "ha", "no-quorum-policy", "stop");
        put_nvpair(out, "ha", "start-failure-is-fatal", "false");
        put_nvpair(out, "ha", "placement-strategy", p->nodes[0].memory ? "balanced" : "default");
        sv_buf_puts(out, "</cluster_property_set>\n</crm_config>\n");
        sv_buf_puts(out, "<rsc_defaults>\n<meta_attributes id=\"ha-defaults\">\n");
        put_nvnumber(out, "ha-d", "resource-stickiness", STICKINESS);
        sv_buf_puts(out, "</meta_attributes>\n</rsc_defaults>\n");
}

static void put_fence(const struct sv_ha_node *n, const struct sv_ha_options *o, struct sv_buf *out)
{
        SV_STR id = sv_asprintf("fence-%s", n->name);

        sv_xml_printf(out,
                      "<primitive id=\"%s\" class=\"stonith\" type=\"%s\">\n"
                      "<instance_attributes id=\"%s-i\">\n",
                      id, o->fence, id);
        put_nvpair(out, id, "pcmk_host_list", n->name);
        put_nvpair(out, id, "pcmk_host_check", "static-list");
        put_nvpair(out, id, "ip", "FILL-IN");
        put_nvpair(out, id, "username", "FILL-IN");
        put_nvpair(out, id, "password_script", "FILL-IN");
        sv_xml_printf(out,
                      "</instance_attributes>\n<operations><op id=\"%s-mon\" name=\"monitor\" "
                      "interval=\"60s\" timeout=\"60s\"/></operations>\n</primitive>\n",
                      id);
}

static void put_operations(const char *id, bool moves, struct sv_buf *out)
{
        static const struct {
                const char *name, *interval, *timeout;
                bool moves;
        } ops[] = {
                {"monitor", "10s", "30s", false},    {"start", "0s", "120s", false},
                {"stop", "0s", "120s", false},       {"migrate_to", "0s", "600s", true},
                {"migrate_from", "0s", "60s", true},
        };

        sv_buf_puts(out, "<operations>\n");
        for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
                if (moves || !ops[i].moves)
                        sv_xml_printf(out,
                                      "<op id=\"%s-%s\" name=\"%s\" interval=\"%s\" "
                                      "timeout=\"%s\"/>\n",
                                      id, ops[i].name, ops[i].name, ops[i].interval,
                                      ops[i].timeout);
        sv_buf_puts(out, "</operations>\n");
}

static void put_guest_resource(const struct sv_ha_place *place, const struct sv_ha_options *o,
                               struct sv_buf *out)
{
        const struct sv_guest *g = place->guest;
        SV_STR id = sv_asprintf("guest-%s", g->name);

        sv_xml_printf(out,
                      "<primitive id=\"%s\" class=\"ocf\" provider=\"secure-vm\" "
                      "type=\"guest\">\n<instance_attributes id=\"%s-i\">\n",
                      id, id);
        put_nvpair(out, id, "name", g->name);
        put_nvpair(out, id, "config", g->file);
        if (o->connect)
                put_nvpair(out, id, "connect", o->connect);
        sv_xml_printf(out, "</instance_attributes>\n<meta_attributes id=\"%s-m\">\n", id);
        put_nvpair(out, id, "migration-threshold", "3");
        put_nvpair(out, id, "failure-timeout", "600s");
        if (o->connect)
                put_nvpair(out, id, "allow-migrate", "true");
        sv_xml_printf(out, "</meta_attributes>\n<utilization id=\"%s-u\">\n", id);
        put_nvnumber(out, id, "memory", place->cost >> 20);
        sv_buf_puts(out, "</utilization>\n");
        put_operations(id, o->connect != NULL, out);
        sv_buf_puts(out, "</primitive>\n");
}

static void put_location(const struct sv_ha_plan *p, const struct sv_ha_place *place,
                         struct sv_buf *out)
{
        const char *name = place->guest->name;

        sv_xml_printf(out,
                      "<rsc_location id=\"guest-%s-first\" rsc=\"guest-%s\" node=\"%s\" "
                      "score=\"%u\"/>\n",
                      name, name, p->nodes[place->first].name, FIRST_SCORE);
        sv_xml_printf(out,
                      "<rsc_location id=\"guest-%s-next\" rsc=\"guest-%s\" node=\"%s\" "
                      "score=\"%u\"/>\n",
                      name, name, p->nodes[place->next].name, NEXT_SCORE);
}

static void put_constraints(const struct sv_ha_plan *p, const struct sv_ha_options *o,
                            struct sv_buf *out)
{
        sv_buf_puts(out, "<constraints>\n");
        for (size_t i = 0; i < p->n_nodes; i++)
                sv_xml_printf(out,
                              "<rsc_location id=\"fence-%s-not\" rsc=\"fence-%s\" node=\"%s\" "
                              "score=\"-INFINITY\"/>\n",
                              p->nodes[i].name, p->nodes[i].name, p->nodes[i].name);
        for (size_t i = 0; i < p->n_places; i++)
                put_location(p, &p->places[i], out);
        for (size_t i = 1; o->ordered && i < p->n_places; i++)
                sv_xml_printf(out,
                              "<rsc_order id=\"guest-%s-after\" first=\"guest-%s\" "
                              "then=\"guest-%s\" kind=\"Optional\"/>\n",
                              p->places[i].guest->name, p->places[i - 1].guest->name,
                              p->places[i].guest->name);
        sv_buf_puts(out, "</constraints>\n");
}

int sv_ha_put_cib(const struct sv_ha_plan *p, const struct sv_ha_options *o, struct sv_buf *out,
                  struct sv_err *err)
{
        sv_buf_puts(out, "<configuration>\n");
        put_cluster_options(p, out);
        sv_buf_puts(out, "<resources>\n");
        for (size_t i = 0; i < p->n_nodes; i++)
                put_fence(&p->nodes[i], o, out);
        for (size_t i = 0; i < p->n_places; i++)
                put_guest_resource(&p->places[i], o, out);
        sv_buf_puts(out, "</resources>\n");
        put_constraints(p, o, out);
        sv_buf_puts(out, "</configuration>\n");
        return sv_buf_ok(out, "the cluster's configuration", err);
}
