/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm ha plan: which node of a cluster has which guest, what it needs for that when one dies,
 * and the configuration that says so. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/terminal.h"
#include "launcher/cli/budget-guests.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"
#include "launcher/ha/cib.h"

#define FENCE_DEFAULT "fence_ipmilan"

/* --- the plan --- */

static int take_guests(const struct sv_args *args, struct sv_guest *guests, struct sv_ha_plan *p,
                       struct sv_err *err)
{
        for (int i = 0; i < args->n; i++) {
                char *whole;

                if (sv_guest_take(args->pos[i], &guests[i], err) < 0)
                        return -1;
                whole = realpath(guests[i].file, NULL); /* each node looks for it by this path */
                if (!whole)
                        return sv_fail_errno(err, "guest.file", "%s", guests[i].file);
                free(guests[i].file);
                guests[i].file = whole;
                if (sv_ha_add_guest(p, &guests[i], sv_budget_is_confidential(guests[i].tee), err) <
                    0)
                        return -1;
        }
        return 0;
}

static void put_places(const struct sv_ha_plan *p, struct sv_json *list)
{
        for (size_t i = 0; i < p->n_places; i++) {
                struct sv_json *row = sv_json_add(list, sv_json_object());

                sv_json_set_str(row, "name", p->places[i].guest->name);
                sv_json_set_str(row, "guest_file", p->places[i].guest->file);
                sv_json_set_int(row, "cost", (int64_t)p->places[i].cost);
                sv_json_set_str(row, "first", p->nodes[p->places[i].first].name);
                sv_json_set_str(row, "next", p->nodes[p->places[i].next].name);
                sv_json_set_int(row, "lease", sv_ha_lease(p->places[i].guest));
        }
}

static void put_node_rows(const struct sv_ha_plan *p, struct sv_json *list)
{
        for (size_t i = 0; i < p->n_nodes; i++) {
                const struct sv_ha_node *n = &p->nodes[i];
                struct sv_json *row = sv_json_add(list, sv_json_object());

                sv_json_set_str(row, "name", n->name);
                if (n->memory)
                        sv_json_set_int(row, "memory", (int64_t)n->memory);
                sv_json_set_int(row, "own", (int64_t)n->own);
                sv_json_set_int(row, "worst", (int64_t)n->worst);
                if (n->dies != i)
                        sv_json_set_str(row, "worst_when_dies", p->nodes[n->dies].name);
        }
}

static void put_commands(const struct sv_ha_plan *p, struct sv_json *list)
{
        for (size_t i = 0; i < p->n_nodes && p->nodes[i].memory; i++) {
                SV_STR line = sv_asprintf(
                        "crm_attribute --type nodes --node %s --utilization --name memory --update "
                        "%llu",
                        p->nodes[i].name, (unsigned long long)p->nodes[i].memory >> 20);

                sv_json_add(list, sv_json_new_str(line));
        }
        sv_json_add(list, sv_json_new_str("cibadmin --modify --allow-create --scope configuration "
                                          "--xml-file cluster.xml"));
        sv_json_add(list, sv_json_new_str("secure-vm ha check"));
}

/* --- for people --- */

static void print_places(const struct sv_ha_plan *p)
{
        printf("%-24s %-10s %-16s %s\n", "GUEST", "COSTS", "FIRST", "WHEN THAT DIES");
        for (size_t i = 0; i < p->n_places; i++) {
                char cost[32];

                printf("%-24s %-10s %-16s %s\n", p->places[i].guest->name,
                       sv_format_size(p->places[i].cost, cost), p->nodes[p->places[i].first].name,
                       p->nodes[p->places[i].next].name);
        }
}

static void print_nodes(const struct sv_ha_plan *p)
{
        printf("\n%-24s %-10s %-10s %s\n", "NODE", "HAS", "OWN", "AT WORST");
        for (size_t i = 0; i < p->n_nodes; i++) {
                const struct sv_ha_node *n = &p->nodes[i];
                char has[32], own[32], worst[32];

                printf("%-24s %-10s %-10s %s", n->name,
                       n->memory ? sv_format_size(n->memory, has) : "-",
                       sv_format_size(n->own, own), sv_format_size(n->worst, worst));
                if (n->dies != i)
                        printf(", when %s dies", p->nodes[n->dies].name);
                printf("\n");
        }
}

static void print_plan_rows(const char *heading, const struct sv_json *rows)
{
        printf("\n%s\n", heading);
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i);
                SV_BUF wrapped = SV_BUF_NULL;
                SV_STR line = sv_json_str(row)
                                      ? sv_asprintf("%s", sv_json_str(row))
                                      : sv_asprintf("%s: %s.", sv_json_text(row, "what", ""),
                                                    sv_json_text(row, "why", ""));

                sv_wrap_text(&wrapped, line, 2, 4, sv_terminal_width(STDOUT_FILENO));
                printf("  %s\n", sv_buf_str(&wrapped));
        }
}

/* --- the command --- */

static int report_plan(const struct sv_args *args, const struct sv_ha_plan *p,
                       struct sv_json *result, struct sv_err *err)
{
        const struct sv_ha_options o = {
                .connect = sv_opt(args, "connect"),
                .fence = sv_opt(args, "fence") ? sv_opt(args, "fence") : FENCE_DEFAULT,
                .ordered = sv_has(args, "ordered"),
        };
        SV_BUF xml = SV_BUF_NULL;

        if (sv_ha_put_cib(p, &o, &xml, err) < 0)
                return -1;
        put_places(p, sv_json_set(result, "guests", sv_json_array()));
        put_node_rows(p, sv_json_set(result, "nodes", sv_json_array()));
        sv_ha_put_reasons(p, &o, sv_json_set(result, "reasons", sv_json_array()));
        put_commands(p, sv_json_set(result, "commands", sv_json_array()));
        sv_json_set_str(result, "configuration", sv_buf_str(&xml));
        if (sv_has(args, "json"))
                return 0;
        if (sv_has(args, "xml")) {
                printf("%s", sv_buf_str(&xml));
                return 0;
        }
        print_places(p);
        print_nodes(p);
        print_plan_rows("why", sv_json_get(result, "reasons"));
        print_plan_rows(
                "the same with --xml >cluster.xml, its FILL-IN replaced, and then at one node",
                sv_json_get(result, "commands"));
        return 0;
}

static int run_ha_plan(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_guest guests[SV_ARGS_MAX] = {0};
        SV_HA_PLAN p = {0};
        int r = -1;

        if (!sv_opt(args, "nodes"))
                return sv_fail(err, SV_USAGE, "ha.nodes",
                               "which nodes? --nodes takes their names, and the memory that guests "
                               "may have there, as a=64GiB,b=64GiB");
        *result = sv_json_object();
        if (sv_budget_read_rules(&p.rules, err) == 0 &&
            sv_ha_read_nodes(sv_opt(args, "nodes"), &p, err) == 0 &&
            take_guests(args, guests, &p, err) == 0 && sv_ha_place(&p, err) == 0)
                r = report_plan(args, &p, *result, err);
        for (int i = 0; i < args->n; i++)
                sv_guest_free(&guests[i]);
        return r;
}

static const struct sv_opt plan_opts[] = {
        {.name = "nodes",
         .arg = "LIST",
         .help = "the cluster's nodes, with the memory for guests: a=64GiB,b=64GiB",
         .letter = 'n'},
        {.name = "connect",
         .arg = "URI",
         .help = "the nodes' libvirt daemons keep the guests (qemu:///system)",
         .letter = 'c'},
        {.name = "fence", .arg = "AGENT", .help = "the fence agent (fence_ipmilan)"},
        {.name = "ordered", .help = "the guests start in the order in which they are named"},
        {.name = "xml", .help = "only Pacemaker's configuration"},
        {0},
};

const struct sv_cmd sv_cmd_ha_plan = {
        .name = "ha plan",
        .args = "GUEST.json...",
        .help = "guests for a cluster: where, what memory that needs when a node dies, and "
                "Pacemaker's configuration",
        .opts = plan_opts,
        .run = run_ha_plan,
};
