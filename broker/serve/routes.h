/* SPDX-License-Identifier: Apache-2.0 */
/* Which handler answers what, and who may ask. */
#pragma once

#include "broker/serve/request.h"

struct sv_route {
        const char *method;
        const char *path;   /* one that ends in a slash is followed by repo/type/tag */
        const char *action; /* in the audit record; NULL: not recorded */
        /* an administrator's, in one of these roles (broker/admins.h); 0: a guest's or anybody's */
        unsigned roles;
        int (*run)(struct sv_request *r, struct sv_err *err);
        /* Bytes of a body that are taken. Where the handler has a limit of its own one more is
         * seen, and refused by name. */
        size_t body;
        bool secret; /* the request's body is one */
        bool local; /* on the address for metrics it needs no token; nothing else is served there */
        bool change;  /* takes two persons below some paths ("two_persons") */
        bool filters; /* shows an administrator what is below their paths */
        /* Is answered before it is on the disk, which it is a second later at most. A loss of
         * power may take it: a guest that has no key yet, and begins again, or what a guest says
         * of itself. */
        bool soft;
};

/* Fills r->query, r->resource, and r->allow where the path has other methods. NULL: SV_USAGE
 * "broker.route", "broker.method". */
const struct sv_route *sv_route_find(struct sv_request *r, struct sv_err *err);
/* The route that changes something by that; NULL: none does. */
const struct sv_route *sv_route_find_change(const char *method, const char *target);
/* The administrator's token is for this request to this broker, of a key with a role of the route,
 * and counts once. SV_PROOF "broker.admin.token", "admin.token.*", SV_POLICY "broker.admin.role",
 * "broker.admin.paths", "broker.pending.person". */
int sv_route_admit(struct sv_request *r, const struct sv_route *route, struct sv_err *err);
extern const struct sv_change_ops sv_change_ops;
/* Does it wait for a second person? */
bool sv_route_takes_two(const struct sv_request *r, const struct sv_route *route);
/* Into the record: whose key that is. */
void sv_route_note_admin(struct sv_request *r, const struct sv_admin_key *admin);
