/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/ha/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"

void sv_ha_plan_free(struct sv_ha_plan *p)
{
        for (size_t i = 0; i < p->n_nodes; i++)
                free(p->nodes[i].name);
        free(p->nodes);
        free(p->places);
        *p = (struct sv_ha_plan){0};
}

/* --- what is given --- */

static int check_node(const struct sv_ha_plan *p, const char *name, struct sv_err *err)
{
        if (!sv_name_ok(name))
                return sv_fail(err, SV_USAGE, "ha.nodes",
                               "--nodes takes names of the cluster's nodes, found \"%.80s\"", name);
        for (size_t i = 0; i < p->n_nodes; i++)
                if (!strcmp(p->nodes[i].name, name))
                        return sv_fail(err, SV_USAGE, "ha.nodes", "node %s is named twice", name);
        if (p->n_nodes == SV_HA_NODES_MAX)
                return sv_fail(err, SV_USAGE, "ha.nodes",
                               "a cluster has at most " SV_STRING(SV_HA_NODES_MAX) " nodes");
        return 0;
}

static int add_node(struct sv_ha_plan *p, const char *word, size_t n, struct sv_err *err)
{
        SV_STR name = sv_asprintf("%.*s", (int)n, word);
        char *size = strchr(name, '=');
        struct sv_ha_node node = {0}, *grown;

        if (size)
                *size++ = 0;
        if (check_node(p, name, err) < 0)
                return -1;
        if (size && (sv_parse_size(size, &node.memory, "ha.nodes", err) < 0))
                return sv_wrap(err, "--nodes, node %s", name);
        if (size && !node.memory)
                return sv_fail(err, SV_USAGE, "ha.nodes", "node %s has no memory", name);
        if (p->n_nodes && !node.memory != !p->nodes[0].memory)
                return sv_fail(err, SV_USAGE, "ha.nodes",
                               "the memory of node %s is %s, and that of %s is%s: say it of all, "
                               "as a=64GiB,b=64GiB, or of none",
                               name, size ? "said" : "not said", p->nodes[0].name,
                               size ? " not" : "");
        grown = reallocarray(p->nodes, p->n_nodes + 1, sizeof(*grown));
        if (!grown)
                return sv_fail_errno(err, "base.memory", "the nodes");
        p->nodes = grown;
        node.name = strdup(name);
        if (!node.name)
                return sv_fail_errno(err, "base.memory", "the nodes");
        grown[p->n_nodes++] = node;
        return 0;
}

int sv_ha_read_nodes(const char *text, struct sv_ha_plan *p, struct sv_err *err)
{
        for (const char *at = text;; at++) {
                size_t n = strcspn(at, ",");

                if (add_node(p, at, n, err) < 0)
                        return -1;
                at += n;
                if (!*at)
                        break;
        }
        if (p->n_nodes >= 2)
                return 0;
        return sv_fail(err, SV_USAGE, "ha.nodes",
                       "--nodes names one node, and two or more were expected: a guest needs "
                       "another one to go on at");
}

int sv_ha_add_guest(struct sv_ha_plan *p, const struct sv_guest *g, bool confidential,
                    struct sv_err *err)
{
        struct sv_ha_place *grown;

        for (size_t i = 0; i < p->n_places; i++)
                if (!strcmp(p->places[i].guest->name, g->name))
                        return sv_fail(err, SV_USAGE, "ha.guests", "guest %s is named twice (%s)",
                                       g->name, g->file);
        grown = reallocarray(p->places, p->n_places + 1, sizeof(*grown));
        if (!grown)
                return sv_fail_errno(err, "base.memory", "the guests");
        p->places = grown;
        grown[p->n_places++] = (struct sv_ha_place){
                .guest = g, .cost = sv_budget_cost(&p->rules, g->memory, confidential)};
        return 0;
}

/* --- who gets what --- */

/* More left of what it has; of nodes whose memory nobody says, less taken. */
static bool has_more_room(const struct sv_ha_node *a, uint64_t taken_a, const struct sv_ha_node *b,
                          uint64_t taken_b)
{
        return (int64_t)(a->memory - taken_a) > (int64_t)(b->memory - taken_b);
}

static size_t find_room(const struct sv_ha_plan *p, const uint64_t taken[], size_t without)
{
        size_t best = p->n_nodes;

        for (size_t i = 0; i < p->n_nodes; i++)
                if (i != without &&
                    (best == p->n_nodes ||
                     has_more_room(&p->nodes[i], taken[i], &p->nodes[best], taken[best])))
                        best = i;
        return best;
}

/* The costliest one that `order` does not have yet: large ones find room first. */
static void sort_places(const struct sv_ha_plan *p, size_t *order)
{
        for (size_t i = 0; i < p->n_places; i++) {
                size_t at = i;

                for (; at && p->places[order[at - 1]].cost < p->places[i].cost; at--)
                        order[at] = order[at - 1];
                order[at] = i;
        }
}

static void place_first(struct sv_ha_plan *p, const size_t *order)
{
        uint64_t taken[SV_HA_NODES_MAX] = {0};

        for (size_t i = 0; i < p->n_places; i++) {
                struct sv_ha_place *place = &p->places[order[i]];

                place->first = find_room(p, taken, p->n_nodes);
                taken[place->first] += place->cost;
        }
        for (size_t i = 0; i < p->n_nodes; i++) {
                p->nodes[i].own = p->nodes[i].worst = taken[i];
                p->nodes[i].dies = i;
        }
}

static void place_next(struct sv_ha_plan *p, const size_t *order, size_t dies)
{
        uint64_t taken[SV_HA_NODES_MAX];

        for (size_t i = 0; i < p->n_nodes; i++)
                taken[i] = p->nodes[i].own;
        for (size_t i = 0; i < p->n_places; i++) {
                struct sv_ha_place *place = &p->places[order[i]];

                if (place->first != dies)
                        continue;
                place->next = find_room(p, taken, dies);
                taken[place->next] += place->cost;
        }
        for (size_t i = 0; i < p->n_nodes; i++)
                if (i != dies && taken[i] > p->nodes[i].worst) {
                        p->nodes[i].worst = taken[i];
                        p->nodes[i].dies = dies;
                }
}

static int check_budget(const struct sv_ha_plan *p, struct sv_err *err)
{
        for (size_t i = 0; i < p->n_nodes; i++) {
                const struct sv_ha_node *n = &p->nodes[i];
                char needs[32], has[32];

                if (!n->memory || n->worst <= n->memory)
                        continue;
                sv_format_size(n->worst, needs);
                sv_format_size(n->memory, has);
                return n->dies == i ? sv_fail(err, SV_USAGE, "ha.budget",
                                              "the guests of node %s need %s, and it has %s: "
                                              "another node, or smaller guests",
                                              n->name, needs, has)
                                    : sv_fail(err, SV_USAGE, "ha.budget",
                                              "when node %s dies, node %s would need %s, and it "
                                              "has %s: some guests would stay off. Another node, "
                                              "more memory, or smaller guests",
                                              p->nodes[n->dies].name, n->name, needs, has);
        }
        return 0;
}

int sv_ha_place(struct sv_ha_plan *p, struct sv_err *err)
{
        size_t *order = calloc(p->n_places + 1, sizeof(*order));

        if (!order)
                return sv_fail_errno(err, "base.memory", "the plan");
        sort_places(p, order);
        place_first(p, order);
        for (size_t i = 0; i < p->n_nodes; i++)
                place_next(p, order, i);
        free(order);
        return check_budget(p, err);
}
