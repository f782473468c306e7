/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as Pacemaker's configuration. Pure. */
#pragma once

#include "launcher/ha/plan.h"

struct sv_ha_options {
        const char *connect; /* URI of each node's libvirt, or NULL: supervisors of our own */
        const char *fence;   /* fence agent ("fence_ipmilan") */
        bool ordered;        /* guests start in the order in which they were named */
};

/* What is configured, and why, one line each. */
void sv_ha_put_reasons(const struct sv_ha_plan *p, const struct sv_ha_options *o,
                       struct sv_json *list);
/* <configuration> with options, fencing, guests, and where they run. "cibadmin --modify" takes it;
 * what only the owner knows of the fence devices stands in it as FILL-IN. */
int sv_ha_put_cib(const struct sv_ha_plan *p, const struct sv_ha_options *o, struct sv_buf *out,
                  struct sv_err *err);
/* For how many seconds after its last report a guest's disk is kept for an instance that died; 0:
 * it has no lease. */
unsigned sv_ha_lease(const struct sv_guest *g);
