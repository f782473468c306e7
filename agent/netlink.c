/* SPDX-License-Identifier: Apache-2.0 */
/* A message is a header (length, type, flags, number, sender), a fixed part of its type, and
 * attributes: length, type, value, filled up to four bytes; an attribute may hold attributes.
 * Numbers are the machine's own, little endian. */
#include "agent/netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "agent/rdnss.h"
#include "base/core/buf.h"
#include "base/core/file.h"
#include "base/core/rd.h"

/* include/net/if_inet6.h of the kernel */
#define RA_OTHERS  0x80
#define RA_MANAGED 0x40

#define GROUP(n) (1u << ((n)-1))

int sv_netlink_open(bool events, struct sv_err *err)
{
        struct sockaddr_nl me = {.nl_family = AF_NETLINK};
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

        if (events)
                me.nl_groups = GROUP(RTNLGRP_IPV4_IFADDR) | GROUP(RTNLGRP_IPV6_IFADDR) |
                               GROUP(RTNLGRP_IPV6_IFINFO) | GROUP(RTNLGRP_ND_USEROPT);
        if (fd < 0 || bind(fd, (const void *)&me, sizeof(me)) < 0) {
                sv_fail_errno(err, "agent.net.socket", "cannot ask the kernel about its network");
                sv_closep(&fd);
                return -1;
        }
        return fd;
}

int sv_netlink_ask_announced(int fd, struct sv_err *err)
{
        const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        const struct {
                struct nlmsghdr h;
                struct ifinfomsg links;
        } request = {.h = {.nlmsg_len = sizeof(request),
                           .nlmsg_type = RTM_GETLINK,
                           .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
                     .links = {.ifi_family = AF_INET6}};

        if (sendto(fd, &request, sizeof(request), 0, (const void *)&kernel, sizeof(kernel)) < 0)
                return sv_fail_errno(err, "agent.net.link", "cannot ask what routers announced");
        return 0;
}

/* --- requests --- */

static void begin_message(struct sv_buf *b, uint16_t type, uint16_t flags, const void *fixed,
                          size_t n)
{
        const struct nlmsghdr h = {.nlmsg_type = type,
                                   .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags)};

        sv_buf_put(b, sv_bytes(&h, sizeof(h)));
        sv_buf_put(b, sv_bytes(fixed, n));
}

static void put_attribute(struct sv_buf *b, uint16_t type, struct sv_bytes value)
{
        const struct nlattr a = {.nla_len = (uint16_t)(sizeof(a) + value.n), .nla_type = type};

        sv_buf_put(b, sv_bytes(&a, sizeof(a)));
        sv_buf_put(b, value);
        sv_buf_grow(b, (4 - value.n % 4) % 4);
}

static void put_u32_attribute(struct sv_buf *b, uint16_t type, uint32_t value)
{
        put_attribute(b, type, sv_bytes(&value, sizeof(value)));
}

static void put_address(struct sv_buf *b, uint16_t type, const struct sv_address *a)
{
        put_attribute(b, type, sv_bytes(a->bytes, a->family == 6 ? 16 : 4));
}

static uint8_t family_of(const struct sv_address *a)
{
        return a->family == 6 ? AF_INET6 : AF_INET;
}

/* 0, or -1 and errno: what the kernel answers. */
static int send_request(int fd, struct sv_buf *b)
{
        const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        uint8_t in[4096];
        uint32_t size = (uint32_t)b->n;

        errno = ENOMEM;
        if (b->bad)
                return -1;
        memcpy(b->p, &size, sizeof(size)); /* nlmsg_len */
        if (sendto(fd, b->p, b->n, 0, (const void *)&kernel, sizeof(kernel)) < 0)
                return -1;
        for (;;) {
                ssize_t n = recv(fd, in, sizeof(in), 0);
                struct sv_rd r = sv_rd(sv_bytes(in, n < 0 ? 0 : (size_t)n));
                int32_t code;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -1;
                sv_rd_u32le(&r);
                if (sv_rd_u16le(&r) != NLMSG_ERROR)
                        continue;
                sv_rd_skip(&r, 10);
                code = (int32_t)sv_rd_u32le(&r);
                errno = -code;
                return code ? -1 : 0;
        }
}

int sv_netlink_set_link(int fd, unsigned index, bool up, unsigned mtu, struct sv_err *err)
{
        const struct ifinfomsg link = {
                .ifi_index = (int)index, .ifi_change = IFF_UP, .ifi_flags = up ? IFF_UP : 0};
        SV_BUF b = SV_BUF_NULL;

        begin_message(&b, RTM_NEWLINK, 0, &link, sizeof(link));
        if (mtu)
                put_u32_attribute(&b, IFLA_MTU, mtu);
        if (send_request(fd, &b) < 0)
                return sv_fail_errno(err, "agent.net.link", "cannot bring link %u %s with MTU %u",
                                     index, up ? "up" : "down", mtu);
        return 0;
}

/* IFLA_LINKINFO { IFLA_INFO_KIND "vlan", IFLA_INFO_DATA { IFLA_VLAN_ID } } */
static void put_vlan_info(struct sv_buf *b, unsigned vlan)
{
        const uint16_t id = (uint16_t)vlan;
        SV_BUF data = SV_BUF_NULL;
        SV_BUF info = SV_BUF_NULL;

        put_attribute(&data, IFLA_VLAN_ID, sv_bytes(&id, sizeof(id)));
        put_attribute(&info, IFLA_INFO_KIND, sv_bytes_str("vlan"));
        put_attribute(&info, IFLA_INFO_DATA, sv_buf_bytes(&data));
        put_attribute(b, IFLA_LINKINFO, sv_buf_bytes(&info));
        b->bad |= data.bad || info.bad;
}

int sv_netlink_add_vlan(int fd, unsigned parent, unsigned vlan, const char *name,
                        struct sv_err *err)
{
        const struct ifinfomsg link = {0};
        SV_BUF b = SV_BUF_NULL;

        begin_message(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
        put_attribute(&b, IFLA_IFNAME, sv_bytes(name, strlen(name) + 1));
        put_u32_attribute(&b, IFLA_LINK, parent);
        put_vlan_info(&b, vlan);
        if (send_request(fd, &b) < 0)
                return sv_fail_errno(err, "agent.net.link",
                                     "cannot add VLAN %u (the kernel needs 8021q, which image "
                                     "initrd takes along where the kernel's modules have it)",
                                     vlan);
        return 0;
}

int sv_netlink_remove_link(int fd, unsigned index, struct sv_err *err)
{
        const struct ifinfomsg link = {.ifi_index = (int)index};
        SV_BUF b = SV_BUF_NULL;

        begin_message(&b, RTM_DELLINK, 0, &link, sizeof(link));
        if (send_request(fd, &b) < 0)
                return sv_fail_errno(err, "agent.net.link", "cannot remove link %u", index);
        return 0;
}

static int change_address(int fd, uint16_t type, unsigned index, const struct sv_address *a,
                          struct sv_err *err)
{
        const struct ifaddrmsg fixed = {.ifa_family = family_of(a),
                                        .ifa_prefixlen = (uint8_t)a->prefix,
                                        .ifa_index = index};
        char text[SV_ADDRESS_TEXT];
        SV_BUF b = SV_BUF_NULL;

        begin_message(&b, type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0, &fixed,
                      sizeof(fixed));
        put_address(&b, IFA_LOCAL, a);
        put_address(&b, IFA_ADDRESS, a);
        if (send_request(fd, &b) == 0 || errno == EEXIST)
                return 0;
        sv_address_print(a, text);
        return sv_fail_errno(err, "agent.net.address", "cannot give link %u the address %s", index,
                             text);
}

int sv_netlink_add_address(int fd, unsigned index, const struct sv_address *a, struct sv_err *err)
{
        return change_address(fd, RTM_NEWADDR, index, a, err);
}

int sv_netlink_remove_address(int fd, unsigned index, const struct sv_address *a,
                              struct sv_err *err)
{
        return change_address(fd, RTM_DELADDR, index, a, err);
}

int sv_netlink_add_route(int fd, unsigned index, const struct sv_address *to,
                         const struct sv_address *gateway, unsigned metric, struct sv_err *err)
{
        const struct rtmsg fixed = {.rtm_family = family_of(to ? to : gateway),
                                    .rtm_dst_len = (uint8_t)(to ? to->prefix : 0),
                                    .rtm_table = RT_TABLE_MAIN,
                                    .rtm_protocol = RTPROT_BOOT,
                                    .rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
                                    .rtm_type = RTN_UNICAST,
                                    .rtm_flags = gateway ? RTNH_F_ONLINK : 0};
        SV_BUF b = SV_BUF_NULL;

        begin_message(&b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &fixed, sizeof(fixed));
        if (to)
                put_address(&b, RTA_DST, to);
        if (gateway)
                put_address(&b, RTA_GATEWAY, gateway);
        put_u32_attribute(&b, RTA_OIF, index);
        put_u32_attribute(&b, RTA_PRIORITY, metric);
        if (send_request(fd, &b) < 0 && errno != EEXIST)
                return sv_fail_errno(err, "agent.net.route", "cannot set a route of link %u",
                                     index);
        return 0;
}

/* --- events --- */

/* The next attribute; false at the end. */
static bool read_attribute(struct sv_rd *r, unsigned *type, struct sv_rd *value)
{
        size_t size;

        if (sv_rd_left(r) < 4)
                return false;
        size = sv_rd_u16le(r);
        *type = sv_rd_u16le(r) & NLA_TYPE_MASK;
        if (size < 4)
                return false;
        *value = sv_rd_sub(r, size - 4);
        if (size % 4 && sv_rd_left(r))
                sv_rd_skip(r, 4 - size % 4);
        return !value->bad;
}

static void read_event_address(struct sv_rd *r, struct sv_netlink_event *out)
{
        uint8_t family = sv_rd_u8(r);
        struct sv_address a = {.family = family == AF_INET6 ? 6 : 4, .prefix = sv_rd_u8(r)};
        uint32_t flags = sv_rd_u8(r);
        uint8_t scope = sv_rd_u8(r);
        struct sv_rd value;
        unsigned type;

        out->index = sv_rd_u32le(r);
        while (read_attribute(r, &type, &value)) {
                /* of a peer-less address both are the same */
                if (type == IFA_LOCAL || (type == IFA_ADDRESS && a.family == 6))
                        sv_rd_copy(&value, a.bytes, a.family == 6 ? 16 : 4);
                else if (type == IFA_FLAGS)
                        flags = sv_rd_u32le(&value);
        }
        if (r->bad || scope >= RT_SCOPE_LINK || flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
                return;
        out->address = a;
        out->kind = SV_NETLINK_ADDRESS;
}

static uint32_t read_inet6_flags(struct sv_rd r)
{
        uint32_t flags = 0;
        struct sv_rd value;
        unsigned type;

        while (read_attribute(&r, &type, &value))
                if (type == IFLA_INET6_FLAGS)
                        flags = sv_rd_u32le(&value);
        return flags;
}

static void read_event_link(struct sv_rd *r, struct sv_netlink_event *out)
{
        uint8_t family = sv_rd_u8(r);
        uint32_t flags = 0;
        struct sv_rd value;
        unsigned type;

        sv_rd_skip(r, 3);
        out->index = sv_rd_u32le(r);
        sv_rd_skip(r, 8);
        while (family == AF_INET6 && read_attribute(r, &type, &value))
                if (type == IFLA_PROTINFO)
                        flags = read_inet6_flags(value);
        /* Not by the flag that an announcement was received: the kernel sets it only when it had
         * asked for one, and a router may speak before. */
        if (!(flags & (RA_MANAGED | RA_OTHERS)))
                return;
        out->ask_address = flags & RA_MANAGED;
        out->ask_others = flags & RA_OTHERS;
        out->kind = SV_NETLINK_ANNOUNCED;
}

/* struct nduseroptmsg of linux/rtnetlink.h */
static void read_event_option(struct sv_rd *r, struct sv_netlink_event *out)
{
        uint16_t size;

        sv_rd_skip(r, 2);
        size = sv_rd_u16le(r);
        out->index = sv_rd_u32le(r);
        sv_rd_skip(r, 8);
        if (sv_rdnss_parse(sv_rd_bytes(r, size), out->resolvers, &out->n_resolvers, NULL) == 0 &&
            out->n_resolvers)
                out->kind = SV_NETLINK_RESOLVERS;
}

bool sv_netlink_read(struct sv_bytes *bytes, struct sv_netlink_event *out)
{
        struct sv_rd all = sv_rd(*bytes), r;
        size_t size = sv_rd_u32le(&all);
        uint16_t type = sv_rd_u16le(&all);

        *out = (struct sv_netlink_event){0};
        sv_rd_skip(&all, 10);
        if (all.bad || size < NLMSG_HDRLEN)
                return false;
        r = sv_rd_sub(&all, size - NLMSG_HDRLEN);
        if (r.bad)
                return false;
        sv_rd_skip(&all, sv_rd_left(&all) < 3 ? sv_rd_left(&all) : (4 - size % 4) % 4);
        *bytes = sv_rd_rest(&all);
        if (type == RTM_NEWADDR)
                read_event_address(&r, out);
        else if (type == RTM_NEWLINK)
                read_event_link(&r, out);
        else if (type == RTM_NEWNDUSEROPT)
                read_event_option(&r, out);
        return true;
}
