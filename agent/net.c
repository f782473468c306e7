/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/net.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/dhcp.h"
#include "base/crypto/crypto.h"
#include "base/core/clock.h"
#include "base/core/file.h"

#define TRIES   8
#define WAIT_MS 4000

/* The first Ethernet card by name. */
static int find_card(char name[IFNAMSIZ], struct sv_err *err)
{
        DIR *dir = opendir("/sys/class/net");

        name[0] = 0;
        for (struct dirent *e; dir && (e = readdir(dir));) {
                SV_STR device = sv_asprintf("/sys/class/net/%s/device", e->d_name);

                if (e->d_name[0] == '.' || strlen(e->d_name) >= IFNAMSIZ ||
                    access(device, F_OK) < 0)
                        continue;
                if (!name[0] || strcmp(e->d_name, name) < 0)
                        snprintf(name, IFNAMSIZ, "%.15s", e->d_name);
        }
        if (dir)
                closedir(dir);
        if (!name[0])
                return sv_fail(err, SV_SYSTEM, "agent.net.card",
                               "this machine has no network card: give the guest a NIC");
        return 0;
}

static void set_in_address(struct sockaddr *sa, uint32_t address)
{
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(address)}};

        memcpy(sa, &in, sizeof(in));
}

static int raise_link(int fd, const char *name, uint8_t mac[6], struct sv_err *err)
{
        struct ifreq r = {0};

        snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
        if (ioctl(fd, SIOCGIFHWADDR, &r) < 0)
                return sv_fail_errno(err, "agent.net.link", "cannot read the address of %s", name);
        memcpy(mac, r.ifr_hwaddr.sa_data, 6);
        if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
                return sv_fail_errno(err, "agent.net.link", "cannot read the state of %s", name);
        r.ifr_flags |= IFF_UP | IFF_RUNNING;
        if (ioctl(fd, SIOCSIFFLAGS, &r) < 0)
                return sv_fail_errno(err, "agent.net.link", "cannot bring %s up", name);
        return 0;
}

static int set_addresses(int fd, const char *name, uint32_t address, uint32_t netmask,
                         uint32_t router, struct sv_err *err)
{
        struct ifreq r = {0};
        struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};

        snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
        set_in_address(&r.ifr_addr, address);
        if (ioctl(fd, SIOCSIFADDR, &r) < 0)
                return sv_fail_errno(err, "agent.net.address", "cannot give %s its address", name);
        set_in_address(&r.ifr_netmask, netmask);
        if (ioctl(fd, SIOCSIFNETMASK, &r) < 0)
                return sv_fail_errno(err, "agent.net.address", "cannot give %s its netmask", name);
        if (!router)
                return 0;
        set_in_address(&route.rt_dst, 0);
        set_in_address(&route.rt_genmask, 0);
        set_in_address(&route.rt_gateway, router);
        if (ioctl(fd, SIOCADDRT, &route) < 0 && errno != EEXIST)
                return sv_fail_errno(err, "agent.net.route", "cannot set the route");
        return 0;
}

static int open_dhcp(const char *name, struct sv_err *err)
{
        const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(68)};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), yes = 1;

        if (fd < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes)) < 0 ||
            bind(fd, (const void *)&any, sizeof(any)) < 0) {
                sv_fail_errno(err, "agent.net.dhcp", "cannot open a socket for DHCP");
                sv_closep(&fd);
                return -1;
        }
        return fd;
}

/* One message out and the answer to it in; 1 when none came in time, or a refusal. What is no
 * answer to us is passed over. */
static int exchange_dhcp(int fd, enum sv_dhcp_type type, const uint8_t mac[6], uint32_t xid,
                         int wait_ms, struct sv_dhcp_lease *lease, struct sv_err *err)
{
        const struct sockaddr_in all = {
                .sin_family = AF_INET, .sin_port = htons(67), .sin_addr = {INADDR_BROADCAST}};
        enum sv_dhcp_type want = type == SV_DHCP_DISCOVER ? SV_DHCP_OFFER : SV_DHCP_ACK;
        int64_t end = sv_clock_ms() + wait_ms;
        SV_BUF msg = SV_BUF_NULL;
        uint8_t in[2048];

        sv_dhcp_put(&msg, type, mac, xid, lease);
        if (sv_buf_ok(&msg, "DHCP message", err) < 0)
                return -1;
        if (sendto(fd, msg.p, msg.n, 0, (const void *)&all, sizeof(all)) < 0 &&
            errno != ENETUNREACH && errno != ENETDOWN)
                return sv_fail_errno(err, "agent.net.dhcp", "cannot send");
        for (int64_t left; (left = end - sv_clock_ms()) > 0;) {
                struct pollfd p = {.fd = fd, .events = POLLIN};
                ssize_t n = poll(&p, 1, (int)left) > 0 ? recv(fd, in, sizeof(in), 0) : 0;
                struct sv_dhcp_lease got;

                if (n <= 0 || sv_dhcp_parse(sv_bytes(in, (size_t)n), mac, xid, &got, NULL) < 0)
                        continue;
                if (got.type == SV_DHCP_NAK && type == SV_DHCP_REQUEST)
                        return 1;
                if (got.type != want || (type == SV_DHCP_REQUEST && got.server != lease->server))
                        continue;
                *lease = got;
                return 0;
        }
        return 1;
}

/* Waits of 1, 2, 4, 4, ... seconds: the first answer can be slow when the link has only just come
 * up. */
static int ask_dhcp(const char *name, const uint8_t mac[6], struct sv_dhcp_lease *lease,
                    struct sv_err *err)
{
        SV_FD fd = open_dhcp(name, err);
        uint32_t xid;

        if (fd < 0)
                return -1;
        for (int i = 0; i < TRIES; i++) {
                int wait_ms = i < 2 ? 1000 << i : WAIT_MS;
                int r;

                if (sv_random(&xid, sizeof(xid), err) < 0 ||
                    (r = exchange_dhcp(fd, SV_DHCP_DISCOVER, mac, xid, wait_ms, lease, err)) < 0)
                        return -1;
                if (r == 0 &&
                    (r = exchange_dhcp(fd, SV_DHCP_REQUEST, mac, xid, wait_ms, lease, err)) <= 0)
                        return r;
        }
        return sv_fail(err, SV_SYSTEM, "agent.net.dhcp",
                       "nobody on %s answers DHCP: give securevm.ip=, or a network that has it",
                       name);
}

static void put_resolvers(const uint32_t *addresses, size_t n, struct sv_buf *out)
{
        for (size_t i = 0; i < n; i++) {
                struct in_addr a = {htonl(addresses[i])};
                char text[INET_ADDRSTRLEN];

                if (addresses[i] >> 24 && addresses[i] >> 28 < 0xe)
                        sv_buf_printf(out, "nameserver %s\n",
                                      inet_ntop(AF_INET, &a, text, sizeof(text)));
        }
        /* a server that does not answer soon is asked again, then the next one: the agent retries
         * anyway */
        if (out->n)
                sv_buf_puts(out, "options timeout:2 attempts:2\n");
}

int sv_net_resolvers(const struct sv_machine *machine, const uint32_t *addresses, size_t n,
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

static int open_socket(struct sv_err *err)
{
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        return fd < 0 ? sv_fail_errno(err, "agent.net.socket", "cannot open a socket") : fd;
}

static int raise_card(const struct sv_agent_config *config, const char *name,
                      struct sv_dhcp_lease *lease, struct sv_err *err)
{
        SV_FD fd = open_socket(err);
        uint8_t mac[6];

        *lease = (struct sv_dhcp_lease){.address = config->address, .router = config->gateway};
        if (fd < 0 || raise_link(fd, name, mac, err) < 0)
                return -1;
        if (config->has_ip) {
                lease->netmask = (uint32_t)(0xffffffffull << (32 - config->prefix));
                memcpy(lease->resolvers, config->resolvers, sizeof(lease->resolvers));
        } else if (ask_dhcp(name, mac, lease, err) < 0) {
                return -1;
        }
        return set_addresses(fd, name, lease->address, lease->netmask, lease->router, err);
}

/* Up, and with an address. */
static bool is_card_up(const char *name)
{
        struct ifreq r = {0};
        SV_FD fd = open_socket(NULL);

        snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
        return fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &r) == 0 && (r.ifr_flags & IFF_UP) &&
               ioctl(fd, SIOCGIFADDR, &r) == 0;
}

int sv_net_up_again(const struct sv_agent_config *config, struct sv_err *err)
{
        struct sv_dhcp_lease lease;
        char name[IFNAMSIZ];

        if (find_card(name, err) < 0)
                return -1;
        return is_card_up(name) ? 0 : raise_card(config, name, &lease, err);
}

int sv_net_up(const struct sv_agent_config *config, char says[128], struct sv_err *err)
{
        struct sv_dhcp_lease lease;
        struct in_addr address, router;
        char name[IFNAMSIZ], a[INET_ADDRSTRLEN], b[INET_ADDRSTRLEN];

        if (find_card(name, err) < 0 || raise_card(config, name, &lease, err) < 0 ||
            sv_net_resolvers(NULL, lease.resolvers, SV_RESOLVERS_MAX, err) < 0)
                return -1;
        address.s_addr = htonl(lease.address);
        router.s_addr = htonl(lease.router);
        snprintf(says, 128, "%s %s/%d, router %s", name, inet_ntop(AF_INET, &address, a, sizeof(a)),
                 __builtin_popcount(lease.netmask), inet_ntop(AF_INET, &router, b, sizeof(b)));
        return 0;
}

void sv_net_down(void)
{
        struct ifreq r = {0};
        SV_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || find_card(r.ifr_name, NULL) < 0)
                return;
        set_in_address(&r.ifr_addr, 0);
        ioctl(fd, SIOCSIFADDR, &r); /* takes the routes along */
        if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
                return;
        r.ifr_flags = (short)(r.ifr_flags & ~IFF_UP);
        ioctl(fd, SIOCSIFFLAGS, &r);
}
