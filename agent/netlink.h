/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent asks of the kernel's network, and hears from it: rtnetlink(7). The kernel answers,
 * nobody else; what it hands on of others (resolvers in announcements) is read by agent/rdnss.c. */
#pragma once

#include "base/core/address.h"
#include "base/core/limits.h"

/* A socket for requests (`events` false), or one for events of addresses and announcements. */
int sv_netlink_open(bool events, struct sv_err *err);

/* Asks, on a socket for events, for the last announcement of each link: the answers are events. The
 * kernel tells by itself only of one that differs from the one before it. */
int sv_netlink_ask_announced(int fd, struct sv_err *err);

/* Requests: SV_SYSTEM "agent.net.link". mtu 0: as it is. */
int sv_netlink_set_link(int fd, unsigned index, bool up, unsigned mtu, struct sv_err *err);
int sv_netlink_add_vlan(int fd, unsigned parent, unsigned vlan, const char *name,
                        struct sv_err *err);
int sv_netlink_remove_link(int fd, unsigned index, struct sv_err *err);
/* "agent.net.address". What is there already is no error. */
int sv_netlink_add_address(int fd, unsigned index, const struct sv_address *a, struct sv_err *err);
int sv_netlink_remove_address(int fd, unsigned index, const struct sv_address *a,
                              struct sv_err *err);
/* "agent.net.route". `to` NULL: all others; `gateway` NULL: on the link. The gateway counts as
 * being on the link wherever its address lies. */
int sv_netlink_add_route(int fd, unsigned index, const struct sv_address *to,
                         const struct sv_address *gateway, unsigned metric, struct sv_err *err);

enum sv_netlink_kind {
        SV_NETLINK_OTHER,
        SV_NETLINK_ADDRESS,   /* this one can be used, also beyond the link */
        SV_NETLINK_ANNOUNCED, /* a router has said that DHCPv6 is to be asked */
        SV_NETLINK_RESOLVERS  /* a router has named some */
};

struct sv_netlink_event {
        enum sv_netlink_kind kind;
        unsigned index; /* of the link */
        struct sv_address address;
        bool ask_address; /* the router says: ask DHCPv6 for an address ... */
        bool ask_others;  /* ... or for resolvers */
        uint8_t resolvers[SV_RESOLVERS_MAX][16];
        size_t n_resolvers;
};

/* The first message of a datagram, which is taken off *bytes; false: there is none. Pure. */
bool sv_netlink_read(struct sv_bytes *bytes, struct sv_netlink_event *out);
