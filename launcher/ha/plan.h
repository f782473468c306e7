/* SPDX-License-Identifier: Apache-2.0 */
/* Which node of a cluster has which guest, which takes it over, and how much memory that needs.
 * Pure. */
#pragma once

#include "guest/guest.h"
#include "launcher/host/budget.h"

struct sv_ha_node {
        char *name;
        uint64_t memory; /* bytes that guests may have there; 0: not said */
        uint64_t own;    /* bytes of the guests that begin there */
        uint64_t worst;  /* bytes when the other node dies with which it gets most */
        size_t dies;     /* that node's index; its own when there is none */
};

struct sv_ha_place {
        const struct sv_guest *guest; /* borrowed */
        uint64_t cost;                /* bytes */
        size_t first, next;           /* nodes: where it begins, and when that one dies */
};

struct sv_ha_plan {
        struct sv_budget_rules rules; /* the nodes', by which a guest's cost is known */
        struct sv_ha_node *nodes;
        size_t n_nodes;
        struct sv_ha_place *places; /* in the order in which the guests were named */
        size_t n_places;
};

void sv_ha_plan_free(struct sv_ha_plan *p);
#define SV_HA_PLAN __attribute__((cleanup(sv_ha_plan_free))) struct sv_ha_plan

/* "a=64GiB,b=64GiB,c": SV_USAGE "ha.nodes" for fewer than two, more than SV_HA_NODES_MAX, one named
 * twice, no name, or memory at some of them only. */
int sv_ha_read_nodes(const char *text, struct sv_ha_plan *p, struct sv_err *err);
/* SV_USAGE "ha.guests" for a guest named twice. The guest must live as long as the plan.
 * `confidential`: it may run under a TEE of the processor, and costs what a node's budget then
 * counts. */
int sv_ha_add_guest(struct sv_ha_plan *p, const struct sv_guest *g, bool confidential,
                    struct sv_err *err);
/* Fills in places and budgets. SV_USAGE "ha.budget" when a node would need more than it has once
 * another one dies; the plan is filled then, too. */
int sv_ha_place(struct sv_ha_plan *p, struct sv_err *err);
