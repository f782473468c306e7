/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/card.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/events.h"
#include "base/core/file.h"

#define METRIC 100 /* of the first card's default route */

/* --- which cards there are --- */

static bool read_card_mac(const char *name, uint8_t mac[6])
{
        SV_STR path = sv_asprintf("/sys/class/net/%s/address", name);
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(path, 64, &text, "agent.net.card", NULL) < 0 || text.n < SV_MAC_TEXT - 1)
                return false;
        return sv_mac_read(sv_bytes(text.p, SV_MAC_TEXT - 1), mac);
}

/* Only what has a device below it is a card: no loopback, no tunnels. */
static bool is_card(const char *name)
{
        SV_STR device = sv_asprintf("/sys/class/net/%s/device", name);

        return *name != '.' && strlen(name) < IFNAMSIZ && access(device, F_OK) == 0;
}

static int compare_cards(const void *a, const void *b)
{
        const struct sv_card *x = a, *y = b;

        return strcmp(x->name, y->name);
}

static size_t list_cards(const struct sv_agent_config *config,
                         struct sv_card cards[SV_GUEST_NICS_MAX])
{
        DIR *dir = opendir("/sys/class/net");
        size_t n = 0;

        for (struct dirent *e; dir && n < SV_GUEST_NICS_MAX && (e = readdir(dir));) {
                struct sv_card c = {.v4.fd = -1, .v6.fd = -1};

                if (!is_card(e->d_name) || !read_card_mac(e->d_name, c.mac) ||
                    (config->has_card && memcmp(c.mac, config->card, 6) != 0))
                        continue;
                snprintf(c.name, sizeof(c.name), "%.15s", e->d_name);
                snprintf(c.link, sizeof(c.link), "%s", c.name);
                c.index = c.link_index = if_nametoindex(c.name);
                cards[n++] = c;
        }
        if (dir)
                closedir(dir);
        if (n)
                qsort(cards, n, sizeof(cards[0]), compare_cards);
        return n;
}

/* What the command line says belongs to a card that is there. */
static int match_nic(const struct sv_agent_nic *nic, struct sv_card *cards, size_t n,
                     struct sv_err *err)
{
        for (size_t i = 0; i < n; i++)
                if (nic->first || !memcmp(nic->mac, cards[i].mac, 6)) {
                        cards[i].nic = nic;
                        return 0;
                }
        return sv_fail(err, SV_SYSTEM, "agent.net.card",
                       "the command line names the card %02x:%02x:%02x:%02x:%02x:%02x, and this "
                       "machine has none with that address: start it from the guest file that the "
                       "command line is of",
                       nic->mac[0], nic->mac[1], nic->mac[2], nic->mac[3], nic->mac[4],
                       nic->mac[5]);
}

int sv_cards_find(const struct sv_agent_config *config, struct sv_card cards[SV_GUEST_NICS_MAX],
                  size_t *n, struct sv_err *err)
{
        *n = list_cards(config, cards);
        if (!*n)
                return sv_fail(err, SV_SYSTEM, "agent.net.card",
                               config->has_card
                                       ? "this machine has no network card with the address of "
                                         "securevm.card: start it from the guest file that the "
                                         "command line is of"
                                       : "this machine has no network card: give the guest a NIC");
        for (size_t i = 0; i < *n; i++)
                cards[i].order = (unsigned)i;
        for (size_t i = 0; i < config->n_nics; i++) {
                const struct sv_agent_nic *nic = &config->nics[i];
                bool left_out =
                        config->has_card && !nic->first && memcmp(nic->mac, config->card, 6) != 0;

                if (!left_out && match_nic(nic, cards, *n, err) < 0)
                        return -1;
        }
        return 0;
}

/* --- up --- */

/* A kernel without IPv6 has no such file: then there is nothing to keep from it. */
static void set_v6_option(const char *link, const char *option, const char *value)
{
        SV_STR path = sv_asprintf("/proc/sys/net/ipv6/conf/%s/%s", link, option);
        SV_FD fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd >= 0 && write(fd, value, strlen(value)) < 0)
                sv_event_print("cannot set %s of %s", option, link);
}

static unsigned read_mtu(const char *name)
{
        SV_STR path = sv_asprintf("/sys/class/net/%s/mtu", name);
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(path, 32, &text, "agent.net.card", NULL) < 0)
                return 0;
        return (unsigned)strtoul(sv_buf_str(&text), NULL, 10);
}

static bool is_static(const struct sv_card *c)
{
        return c->nic && c->nic->n_addresses;
}

/* The VLAN has the addresses; the card below has none and asks nobody. */
static int add_vlan(struct sv_card *c, int fd, struct sv_err *err)
{
        snprintf(c->link, sizeof(c->link), "%.10s.%u", c->name, c->nic->vlan % 10000);
        set_v6_option(c->name, "disable_ipv6", "1");
        if (sv_netlink_add_vlan(fd, c->index, c->nic->vlan, c->link, err) < 0)
                return -1;
        c->link_index = if_nametoindex(c->link);
        return 0;
}

static int bring_up(struct sv_card *c, int fd, struct sv_err *err)
{
        unsigned mtu = c->nic ? c->nic->mtu : 0;

        if (mtu)
                c->mtu_before = read_mtu(c->name);
        if (sv_netlink_set_link(fd, c->index, true, mtu, err) < 0)
                return -1;
        if (c->nic && c->nic->vlan && add_vlan(c, fd, err) < 0)
                return -1;
        /* what the file says is all: no announcement changes it */
        if (is_static(c)) {
                set_v6_option(c->link, "accept_ra", "0");
                set_v6_option(c->link, "autoconf", "0");
        }
        if (c->link_index == c->index)
                return 0;
        return sv_netlink_set_link(fd, c->link_index, true, mtu, err);
}

static int set_static(struct sv_card *c, int fd, struct sv_err *err)
{
        const struct sv_agent_nic *nic = c->nic;

        for (size_t i = 0; i < nic->n_addresses; i++)
                if (sv_netlink_add_address(fd, c->link_index, &nic->addresses[i], err) < 0)
                        return -1;
        for (size_t i = 0; i < nic->n_gateways; i++) {
                if (sv_netlink_add_route(fd, c->link_index, NULL, &nic->gateways[i],
                                         METRIC + c->order, err) < 0)
                        return -1;
                c->router = nic->gateways[i];
        }
        return 0;
}

int sv_card_up(struct sv_card *c, int fd, struct sv_err *err)
{
        if (bring_up(c, fd, err) < 0)
                return -1;
        for (size_t i = 0; c->nic && i < c->nic->n_resolvers; i++)
                c->resolvers[c->n_resolvers++] = c->nic->resolvers[i];
        if (is_static(c))
                return set_static(c, fd, err);
        memcpy(c->v4.mac, c->mac, 6);
        memcpy(c->v6.mac, c->mac, 6);
        c->v4.index = c->v6.index = c->link_index;
        return sv_lease_begin(&c->v4, c->link, err);
}

/* --- what it is given --- */

static void add_resolver(struct sv_card *c, const struct sv_address *a)
{
        for (size_t i = 0; i < c->n_resolvers; i++)
                if (!memcmp(&c->resolvers[i], a, sizeof(*a)))
                        return;
        if (sv_address_is_host(a) && c->n_resolvers < sizeof(c->resolvers) / sizeof(*c->resolvers))
                c->resolvers[c->n_resolvers++] = *a;
}

static void add_v6_resolvers(struct sv_card *c, uint8_t list[SV_RESOLVERS_MAX][16], size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct sv_address a = {.family = 6, .prefix = 128};

                memcpy(a.bytes, list[i], 16);
                add_resolver(c, &a);
        }
}

static int add_v4_route(const struct sv_card *c, int fd, const struct sv_dhcp_route *r,
                        struct sv_err *err)
{
        struct sv_address to = sv_address_v4(r->to, r->prefix);
        struct sv_address router = sv_address_v4(r->router, 32);

        if (!r->prefix && !r->router)
                return 0; /* everything on the link: nobody means it */
        return sv_netlink_add_route(fd, c->link_index, r->prefix ? &to : NULL,
                                    r->router ? &router : NULL, METRIC + c->order, err);
}

static int add_v4_routes(struct sv_card *c, int fd, const struct sv_dhcp_lease *l,
                         struct sv_err *err)
{
        const struct sv_dhcp_route all = {.router = l->router};

        if (l->router) {
                c->router = sv_address_v4(l->router, 32);
                if (add_v4_route(c, fd, &all, err) < 0)
                        return -1;
        }
        for (size_t i = 0; i < l->n_routes; i++) {
                if (add_v4_route(c, fd, &l->routes[i], err) < 0)
                        return -1;
                if (!l->routes[i].prefix && l->routes[i].router)
                        c->router = sv_address_v4(l->routes[i].router, 32);
        }
        return 0;
}

/* The network's word counts where the guest file has none, and where the card can do it. */
static void take_mtu(struct sv_card *c, int fd, unsigned mtu)
{
        struct sv_err failed = SV_ERR_NULL;
        unsigned before = read_mtu(c->link);

        if (!mtu || (c->nic && c->nic->mtu) || mtu == before)
                return;
        if (sv_netlink_set_link(fd, c->link_index, true, mtu, &failed) < 0)
                sv_event_print("%s does not take the MTU that DHCP says: %s", c->link, failed.msg);
        else if (c->link_index == c->index)
                c->mtu_before = before;
}

static int take_v4_lease(struct sv_card *c, int fd, struct sv_err *err)
{
        const struct sv_dhcp_lease *l = &c->v4.v4_lease;

        c->given = sv_address_v4(l->address, (unsigned)__builtin_popcount(l->netmask));
        take_mtu(c, fd, l->mtu);
        if (sv_netlink_add_address(fd, c->link_index, &c->given, err) < 0 ||
            add_v4_routes(c, fd, l, err) < 0)
                return -1;
        for (size_t i = 0; i < SV_RESOLVERS_MAX; i++) {
                struct sv_address a = sv_address_v4(l->resolvers[i], 32);

                add_resolver(c, &a);
        }
        return 0;
}

/* The network's prefix and the way out are in the announcement, which the kernel reads. */
static int take_v6_lease(struct sv_card *c, int fd, struct sv_err *err)
{
        struct sv_dhcp6_lease *l = &c->v6.v6_lease;
        struct sv_address a = {.family = 6, .prefix = 128};

        add_v6_resolvers(c, l->resolvers, l->n_resolvers);
        memcpy(a.bytes, l->address, 16);
        return l->has_address ? sv_netlink_add_address(fd, c->link_index, &a, err) : 0;
}

int sv_card_take_lease(struct sv_card *c, int fd, bool v6, struct sv_err *err)
{
        return v6 ? take_v6_lease(c, fd, err) : take_v4_lease(c, fd, err);
}

static void ask_v6(struct sv_card *c, const struct sv_netlink_event *e)
{
        if (is_static(c) || c->v6.state != SV_LEASE_OFF || (!e->ask_address && !e->ask_others))
                return;
        c->v6.v6 = true;
        c->v6.no_lease = !e->ask_address;
        sv_lease_begin(&c->v6, c->link, NULL); /* the next one that is told of tries again */
}

bool sv_card_take_event(struct sv_card *c, const struct sv_netlink_event *e)
{
        struct sv_address *has = e->address.family == 6 ? &c->has6 : &c->has4;
        size_t known = c->n_resolvers;

        switch (e->kind) {
        case SV_NETLINK_OTHER:
                return false;
        case SV_NETLINK_ADDRESS:
                if (!has->family)
                        *has = e->address;
                return false;
        case SV_NETLINK_ANNOUNCED:
                ask_v6(c, e);
                return false;
        case SV_NETLINK_RESOLVERS:
                if (!is_static(c))
                        add_v6_resolvers(c, (uint8_t(*)[16])e->resolvers, e->n_resolvers);
                return c->n_resolvers != known;
        }
        return false;
}

/* --- down --- */

/* Down takes IPv6 addresses and all routes along, but not the addresses of IPv4. */
static void remove_addresses(struct sv_card *c, int fd)
{
        if (c->given.family)
                sv_netlink_remove_address(fd, c->link_index, &c->given, NULL);
        for (size_t i = 0; is_static(c) && i < c->nic->n_addresses; i++)
                sv_netlink_remove_address(fd, c->link_index, &c->nic->addresses[i], NULL);
}

void sv_card_down(struct sv_card *c, int fd)
{
        sv_lease_end(&c->v4);
        sv_lease_end(&c->v6);
        remove_addresses(c, fd);
        if (is_static(c)) {
                set_v6_option(c->link, "accept_ra", "1");
                set_v6_option(c->link, "autoconf", "1");
        }
        if (c->link_index != c->index) {
                sv_netlink_remove_link(fd, c->link_index, NULL);
                set_v6_option(c->name, "disable_ipv6", "0");
        }
        sv_netlink_set_link(fd, c->index, false, c->mtu_before, NULL);
}
