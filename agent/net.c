/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/net.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "agent/card.h"
#include "agent/events.h"
#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/url.h"

#define AGAIN_S   30    /* at the end of a system, which does not wait for long */
#define REPORT_MS 15000 /* how often the console says that there is no network yet */

struct sv_net {
        int requests, events; /* sv_netlink_open */
        bool writes;          /* /etc/resolv.conf */
        unsigned wants;       /* family of the broker's address, 0: its name has either */
        struct sv_card cards[SV_GUEST_NICS_MAX];
        size_t n;
};

/* --- /etc/resolv.conf --- */

static void put_resolvers(const struct sv_address *addresses, size_t n, struct sv_buf *out)
{
        char text[SV_ADDRESS_TEXT];

        for (size_t i = 0; i < n && i < SV_RESOLVERS_MAX; i++) {
                sv_address_print(&addresses[i], text);
                sv_buf_printf(out, "nameserver %s\n", text);
        }
        /* a server that does not answer soon is asked again, then the next one: the agent retries
         * anyway */
        if (out->n)
                sv_buf_puts(out, "options timeout:2 attempts:2\n");
}

int sv_net_resolvers(const struct sv_machine *machine, const struct sv_address *addresses, size_t n,
                     struct sv_err *err)
{
        const struct sv_machine *m = sv_machine_of(machine);
        SV_STR folder = sv_machine_path(m, "/etc");
        SV_STR path = sv_machine_path(m, "/etc/resolv.conf");
        SV_BUF text = SV_BUF_NULL;

        put_resolvers(addresses, n, &text);
        if (!text.n)
                return 0;
        if (sv_mkdirs(folder, 0755, err) < 0)
                return -1;
        return sv_file_write(path, 0644, sv_buf_bytes(&text), err);
}

/* One of each card before the second of any: a network whose resolvers do not know the broker does
 * not push out another's. */
static int write_resolvers(const struct sv_net *net, struct sv_err *err)
{
        struct sv_address list[SV_RESOLVERS_MAX];
        size_t n = 0;

        for (size_t rank = 0; rank < 2 * SV_RESOLVERS_MAX; rank++)
                for (size_t i = 0; i < net->n && n < SV_RESOLVERS_MAX; i++)
                        if (rank < net->cards[i].n_resolvers)
                                list[n++] = net->cards[i].resolvers[rank];
        return net->writes ? sv_net_resolvers(NULL, list, n, err) : 0;
}

/* --- the loop --- */

static bool has_family(const struct sv_card *c, unsigned family)
{
        return family == 6   ? c->has6.family
               : family == 4 ? c->has4.family
                             : c->has4.family || c->has6.family;
}

/* The first card by which the broker can be reached, as far as addresses say so. */
static const struct sv_card *find_ready(const struct sv_net *net)
{
        for (size_t i = 0; i < net->n; i++)
                if (has_family(&net->cards[i], net->wants))
                        return &net->cards[i];
        return NULL;
}

static bool is_asking(const struct sv_lease_client *c)
{
        return c->fd >= 0;
}

static int read_net_events(struct sv_net *net, struct sv_err *err)
{
        uint8_t in[16384];
        ssize_t n = recv(net->events, in, sizeof(in), MSG_DONTWAIT);
        struct sv_bytes left = sv_bytes(in, n < 0 ? 0 : (size_t)n);
        struct sv_netlink_event e;
        bool news = false;

        while (sv_netlink_read(&left, &e))
                for (size_t i = 0; i < net->n; i++)
                        if (net->cards[i].link_index == e.index)
                                news |= sv_card_take_event(&net->cards[i], &e);
        return news ? write_resolvers(net, err) : 0;
}

static int read_lease_answer(struct sv_net *net, struct sv_card *c, bool v6, struct sv_err *err)
{
        if (!sv_lease_receive(v6 ? &c->v6 : &c->v4))
                return 0;
        if (sv_card_take_lease(c, net->requests, v6, err) < 0)
                return -1;
        return write_resolvers(net, err);
}

/* One wait, at most until `end`, and what it brings. */
static int step_net(struct sv_net *net, int64_t end, struct sv_err *err)
{
        struct pollfd p[1 + 2 * SV_GUEST_NICS_MAX] = {{.fd = net->events, .events = POLLIN}};
        int64_t now = sv_clock_ms(), until = end;

        for (size_t i = 0; i < 2 * net->n; i++) {
                struct sv_card *c = &net->cards[i / 2];
                struct sv_lease_client *client = i % 2 ? &c->v6 : &c->v4;

                if (is_asking(client) && client->due <= now)
                        sv_lease_send(client);
                p[1 + i].fd = client->fd;
                p[1 + i].events = POLLIN;
                if (is_asking(client) && client->due < until)
                        until = client->due;
        }
        now = sv_clock_ms();
        if (poll(p, 1 + 2 * net->n, until > now ? (int)(until - now) : 0) <= 0)
                return 0;
        if (p[0].revents && read_net_events(net, err) < 0)
                return -1;
        for (size_t i = 0; i < 2 * net->n; i++)
                if (p[1 + i].revents && read_lease_answer(net, &net->cards[i / 2], i % 2, err) < 0)
                        return -1;
        return 0;
}

void sv_net_run(struct sv_net *net, unsigned ms)
{
        int64_t end = sv_clock_ms() + ms;
        struct sv_err failed = SV_ERR_NULL;

        do
                if (step_net(net, end, &failed) < 0)
                        sv_event_print("%s [%s]", failed.msg, failed.check);
        while (sv_clock_ms() < end);
}

/* --- up and down --- */

static void print_cards(const struct sv_net *net, struct sv_buf *out)
{
        for (size_t i = 0; i < net->n; i++)
                sv_buf_printf(out, "%s%s", i ? ", " : "", net->cards[i].link);
}

static int fail_waiting(const struct sv_net *net, const char *names, unsigned seconds,
                        struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "agent.net.dhcp",
                       "no %saddress on %s within %u s: nobody answers DHCP there, and no router "
                       "announces an IPv6 network; give the card an \"address\" in the guest "
                       "file's \"nics\", or a network that has one",
                       net->wants == 6   ? "IPv6 "
                       : net->wants == 4 ? "IPv4 "
                                         : "",
                       names, seconds);
}

static int wait_ready(struct sv_net *net, unsigned seconds, struct sv_err *err)
{
        int64_t begin = sv_clock_ms(), end = begin + seconds * 1000ll, report = begin + REPORT_MS;
        SV_BUF names = SV_BUF_NULL;

        print_cards(net, &names);
        while (!find_ready(net)) {
                int64_t now = sv_clock_ms();

                if (now >= end)
                        return fail_waiting(net, sv_buf_str(&names), seconds, err);
                if (now >= report) {
                        sv_event_print("network: no address on %s yet; asking for %lld s more",
                                       sv_buf_str(&names), (long long)(end - now) / 1000);
                        report = now + REPORT_MS;
                        sv_netlink_ask_announced(net->events, NULL); /* should one be lost */
                }
                if (step_net(net, end < report ? end : report, err) < 0)
                        return -1;
        }
        return 0;
}

static void print_ready(const struct sv_card *c, char says[128])
{
        char address[SV_ADDRESS_TEXT], router[SV_ADDRESS_TEXT] = "";

        sv_address_print(c->has4.family ? &c->has4 : &c->has6, address);
        if (c->router.family)
                sv_address_print(&c->router, router);
        snprintf(says, 128, "%s %s%s%s", c->link, address, *router ? ", router " : "", router);
}

/* The family of a broker's address, where the URL has one and no name. */
static unsigned read_family(const char *url)
{
        struct sv_url u;
        struct sv_address a;

        if (sv_url_parse(url, true, &u, NULL) < 0 ||
            !sv_address_read(sv_bytes_str(u.host), false, &a))
                return 0;
        return a.family;
}

/* The one of all of them, or 0. */
static unsigned find_wanted_family(const struct sv_agent_config *config)
{
        unsigned family = read_family(config->brokers[0].url);

        for (size_t i = 1; i < config->n_brokers; i++)
                if (read_family(config->brokers[i].url) != family)
                        return 0;
        return family;
}

static int start_net(struct sv_net *net, const struct sv_agent_config *config, struct sv_err *err)
{
        net->requests = sv_netlink_open(false, err);
        if (net->requests < 0)
                return -1;
        net->events = sv_netlink_open(true, err);
        if (net->events < 0 || sv_cards_find(config, net->cards, &net->n, err) < 0)
                return -1;
        for (size_t i = 0; i < net->n; i++)
                if (sv_card_up(&net->cards[i], net->requests, err) < 0)
                        return -1;
        if (sv_netlink_ask_announced(net->events, err) < 0)
                return -1;
        return write_resolvers(net, err);
}

static void free_net(struct sv_net **net)
{
        if (!*net)
                return;
        for (size_t i = 0; i < (*net)->n; i++) {
                sv_lease_end(&(*net)->cards[i].v4);
                sv_lease_end(&(*net)->cards[i].v6);
        }
        sv_closep(&(*net)->requests);
        sv_closep(&(*net)->events);
        free(*net);
        *net = NULL;
}

/* *out is to be ended also when it fails. */
static int begin_net(const struct sv_agent_config *config, bool writes, unsigned seconds,
                     struct sv_net **out, struct sv_err *err)
{
        struct sv_net *net = calloc(1, sizeof(*net));

        *out = net;
        if (!net)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the network");
        net->requests = net->events = -1;
        net->writes = writes;
        net->wants = find_wanted_family(config);
        if (start_net(net, config, err) < 0)
                return -1;
        return wait_ready(net, seconds, err);
}

int sv_net_up(const struct sv_agent_config *config, struct sv_net **out, char says[128],
              struct sv_err *err)
{
        struct sv_net *net;

        if (begin_net(config, true, config->wait_s, &net, err) < 0) {
                sv_net_down(net);
                return -1;
        }
        print_ready(find_ready(net), says);
        *out = net;
        return 0;
}

/* One that can be used beyond its link, to a broker of that family. Of a broker that is known by
 * name it is not known; but a system that is stopped may leave its IPv6 address when the IPv4 one
 * is gone (systemd-networkd). */
static bool has_address(unsigned family)
{
        struct ifaddrs *list, *a;
        bool found = false;

        if (getifaddrs(&list) < 0)
                return false;
        for (a = list; a; a = a->ifa_next) {
                const struct sockaddr_in6 *v6 = (const void *)a->ifa_addr;

                if (!v6 || !(a->ifa_flags & IFF_UP) || a->ifa_flags & IFF_LOOPBACK)
                        continue;
                if (family == 6)
                        found |= v6->sin6_family == AF_INET6 &&
                                 !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
                else
                        found |= v6->sin6_family == AF_INET;
        }
        freeifaddrs(list);
        return found;
}

int sv_net_up_again(const struct sv_agent_config *config, struct sv_err *err)
{
        unsigned seconds = config->wait_s < AGAIN_S ? config->wait_s : AGAIN_S;
        __attribute__((cleanup(free_net))) struct sv_net *net = NULL;

        if (has_address(find_wanted_family(config)))
                return 0;
        return begin_net(config, false, seconds, &net, err);
}

void sv_net_down(struct sv_net *net)
{
        for (size_t i = 0; net && i < net->n; i++)
                sv_card_down(&net->cards[i], net->requests);
        free_net(&net);
}
