/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/nics.h"
#include "guest/tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/core/address.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"

static bool is_nic_address(const char *s)
{
        struct sv_address a;

        return sv_address_read(sv_bytes_str(s), true, &a) && sv_address_is_host(&a);
}

static bool is_host_address(const char *s)
{
        struct sv_address a;

        return sv_address_read(sv_bytes_str(s), false, &a) && sv_address_is_host(&a);
}

static bool is_bond(const char *s)
{
        (void)s;
        return false;
}

/* The host's port is bound by QEMU, a user without rights. */
#define UNPRIVILEGED_PORT 1024
#define PORT_MAX          65535

static const struct sv_member forward_members[] = {
        {"protocol", SV_M_TEXT, offsetof(struct sv_forward, protocol), "\"tcp\" or \"udp\"",
         .ok = sv_m_protocol},
        {"address", SV_M_TEXT, offsetof(struct sv_forward, address),
         "an IPv4 address of this host, as \"127.0.0.1\" or \"0.0.0.0\"", .ok = sv_m_ipv4},
        {"port", SV_M_UNSIGNED, offsetof(struct sv_forward, port),
         "a port of this host from " SV_STRING(UNPRIVILEGED_PORT) " to " SV_STRING(PORT_MAX),
         .min = UNPRIVILEGED_PORT, .max = PORT_MAX, .need = true},
        {"to", SV_M_UNSIGNED, offsetof(struct sv_forward, to),
         "a port of the guest from 1 to " SV_STRING(PORT_MAX), .min = 1, .max = PORT_MAX,
         .need = true},
        {NULL},
};

#define N(member) offsetof(struct sv_nic, member)
static const struct sv_member vf_members[] = {
        {"index", SV_M_UNSIGNED, N(vf.index),
         "the number of a virtual function, from 0 to " SV_STRING(SV_VF_INDEX_MAX), .min = 0,
         .max = SV_VF_INDEX_MAX},
        {"create", SV_M_UNSIGNED, N(vf.create),
         "how many virtual functions, from 1 to " SV_STRING(SV_VFS_MAX), .min = 1,
         .max = SV_VFS_MAX},
        {"vlan", SV_M_UNSIGNED, N(vf.vlan),
         "the number of a VLAN from 1 to " SV_STRING(SV_VLAN_MAX), .min = 1, .max = SV_VLAN_MAX},
        {"qos", SV_M_UNSIGNED, N(vf.qos), "a priority of the VLAN from 0 to 7", .min = 0, .max = 7},
        {"min_rate", SV_M_UNSIGNED, N(vf.min_rate), "Mbit/s from 1 to " SV_STRING(SV_RATE_MAX),
         .min = 1, .max = SV_RATE_MAX},
        {"max_rate", SV_M_UNSIGNED, N(vf.max_rate), "Mbit/s from 1 to " SV_STRING(SV_RATE_MAX),
         .min = 1, .max = SV_RATE_MAX},
        {"spoof_check", SV_M_BOOL, N(vf.spoof_check), "true or false"},
        {"trust", SV_M_BOOL, N(vf.trust), "true or false"},
        {NULL},
};

const struct sv_member sv_guest_nic_members[] = {
        {"type", SV_M_TEXT, N(type), "\"user\", \"bridge\", \"network\" or \"vf\"",
         .ok = sv_m_nic_type, .need = true},
        {"source", SV_M_TEXT, N(source),
         "the name of a bridge, of a libvirt network, or of a network card with virtual functions",
         .ok = sv_m_source},
        {"mac", SV_M_TEXT, N(mac), "six bytes of a unicast address as 52:54:00:12:34:56",
         .ok = sv_m_mac},
        {"forward", SV_M_LIST, N(forwards),
         "a list of at most " SV_STRING(SV_GUEST_FORWARDS_MAX) " port forwards",
         .element = "an object like {\"port\": 2222, \"to\": 22}", .count = N(n_forwards),
         .part = forward_members, .size = sizeof(struct sv_forward), .max = SV_GUEST_FORWARDS_MAX},
        {"address", SV_M_TEXTS, N(addresses),
         "an address with its prefix as \"192.0.2.7/24\" or \"2001:db8::7/64\", or a list of at "
         "most " SV_STRING(SV_NIC_ADDRESSES_MAX),
         .ok = is_nic_address, .count = N(n_addresses), .max = SV_NIC_ADDRESSES_MAX},
        {"gateway", SV_M_TEXTS, N(gateways),
         "an address as \"192.0.2.1\" or \"2001:db8::1\", or a list with one of each family",
         .ok = is_host_address, .count = N(n_gateways), .max = SV_NIC_GATEWAYS_MAX},
        {"dns", SV_M_TEXTS, N(resolvers),
         "the address of a resolver as \"192.0.2.53\" or \"2001:db8::53\", or a list of at "
         "most " SV_STRING(SV_RESOLVERS_MAX),
         .ok = is_host_address, .count = N(n_resolvers), .max = SV_RESOLVERS_MAX},
        {"vlan", SV_M_UNSIGNED, N(vlan), "the number of a VLAN from 1 to " SV_STRING(SV_VLAN_MAX),
         .min = 1, .max = SV_VLAN_MAX},
        {"mtu", SV_M_UNSIGNED, N(mtu),
         "bytes from " SV_STRING(SV_MTU_MIN) " to " SV_STRING(SV_MTU_MAX), .min = SV_MTU_MIN,
         .max = SV_MTU_MAX},
        {"bond", SV_M_TEXT, N(bond),
         "no such member: the agent does not bond cards; bond those of the host below the bridge",
         .ok = is_bond},
        {"tuning", SV_M_PART, 0, "an object", .part = sv_guest_nic_tuning_members},
        {"vf", SV_M_PART, 0, "an object", .part = vf_members},
        {NULL},
};

static bool is_v6(const char *address)
{
        return strchr(address, ':');
}

static int check_nic_source(struct sv_member_reader *r, const struct sv_nic *n, const char *at,
                            struct sv_err *err)
{
        bool user = !strcmp(n->type, "user");

        if (user && n->source)
                return sv_member_fail(r, at, "guest.nics.source", err,
                                      "a \"user\" interface has no source; remove it");
        if (!user && !n->source)
                return sv_member_fail(r, at, "guest.nics.source", err,
                                      "a \"%s\" interface needs \"source\": the %s's name", n->type,
                                      strcmp(n->type, "vf") ? n->type : "card");
        return 0;
}

static bool is_same_function(const struct sv_nic *a, const struct sv_nic *b)
{
        return !strcmp(b->type, "vf") && !strcmp(a->source, b->source) && a->vf.index_given &&
               b->vf.index_given && a->vf.index == b->vf.index;
}

/* What the card does for a virtual function, and what the guest cannot have with one. */
static int check_nic_vf(struct sv_member_reader *r, struct sv_guest *g, size_t i, const char *at,
                        struct sv_err *err)
{
        struct sv_nic *n = &g->nics[i];
        SV_STR vf = sv_asprintf("%s/vf", at);
        SV_STR index = sv_asprintf("%s/index", vf);
        SV_STR check = sv_asprintf("%s/spoof_check", vf);

        if (!strcmp(n->type, "vdpa"))
                return sv_member_fail(r, at, "guest.nics.vdpa", err,
                                      "vDPA devices are not given to guests here; take a \"vf\" of "
                                      "the same card, or a \"bridge\"");
        if (strcmp(n->type, "vf") != 0)
                return !sv_json_pointer(r->root, vf)
                               ? 0
                               : sv_member_fail(r, vf, "guest.nics.vf", err,
                                                "these are settings of a \"vf\", and this is a "
                                                "\"%s\"; remove them",
                                                n->type);
        n->vf.index_given = sv_json_pointer(r->root, index);
        n->vf.spoof_check |= !sv_json_pointer(r->root, check);
        if (n->vf.qos && !n->vf.vlan)
                return sv_member_fail(r, vf, "guest.nics.vf.qos", err,
                                      "\"qos\" is the priority in a VLAN's tag; add \"vlan\"");
        if (n->vf.max_rate && n->vf.min_rate > n->vf.max_rate)
                return sv_member_fail(r, vf, "guest.nics.vf.rate", err,
                                      "a \"min_rate\" of at most \"max_rate\" was expected, found "
                                      "%u and %u",
                                      n->vf.min_rate, n->vf.max_rate);
        if (n->vf.create && n->vf.index >= n->vf.create)
                return sv_member_fail(r, vf, "guest.nics.vf.index", err,
                                      "of %u functions the last has the number %u, found %u",
                                      n->vf.create, n->vf.create - 1, n->vf.index);
        for (size_t j = 0; j < i; j++)
                if (is_same_function(n, &g->nics[j]))
                        return sv_member_fail(r, vf, "guest.nics.vf.index", err,
                                              "interface %zu already has function %u of %s; give "
                                              "this one another",
                                              j, n->vf.index, n->source);
        if (g->memory_max > g->memory)
                return sv_member_fail(r, at, "guest.nics.vf.memory", err,
                                      "a virtual function reaches all memory of the guest, so that "
                                      "none can be given later; remove \"memory_max\"");
        return 0;
}

/* Of one address, or of all of them. */
static bool is_same_port(const struct sv_forward *a, const struct sv_forward *b)
{
        return a->port == b->port && !strcmp(a->protocol, b->protocol) &&
               (!strcmp(a->address, b->address) || !strcmp(a->address, "0.0.0.0") ||
                !strcmp(b->address, "0.0.0.0"));
}

/* The first of all cards' forwards that takes f's port of the host, which is f itself when none
 * before it does. */
static const struct sv_forward *find_port(const struct sv_guest *g, const struct sv_forward *f)
{
        for (size_t i = 0; i < g->n_nics; i++)
                for (size_t j = 0; j < g->nics[i].n_forwards; j++) {
                        const struct sv_forward *other = &g->nics[i].forwards[j];

                        if (other == f || is_same_port(other, f))
                                return other;
                }
        return f;
}

static int check_guest_forwards(struct sv_member_reader *r, struct sv_guest *g, size_t nic,
                                struct sv_err *err)
{
        struct sv_nic *n = &g->nics[nic];
        char at[64];

        snprintf(at, sizeof(at), "/nics/%zu/forward", nic);
        if (n->n_forwards && strcmp(n->type, "user") != 0)
                return sv_member_fail(r, at, "guest.nics.forward", err,
                                      "ports are forwarded to a \"user\" interface; on a \"%s\" "
                                      "the guest has an address of its own, remove this member",
                                      n->type);
        for (size_t i = 0; i < n->n_forwards; i++) {
                struct sv_forward *f = &n->forwards[i];

                if (!f->protocol)
                        f->protocol = sv_asprintf("tcp");
                if (!f->address)
                        f->address = sv_asprintf("127.0.0.1");
                snprintf(at, sizeof(at), "/nics/%zu/forward/%zu/port", nic, i);
                if (find_port(g, f) != f)
                        return sv_member_fail(r, at, "guest.nics.forward.port", err,
                                              "port %u of this host is forwarded already; choose "
                                              "another",
                                              f->port);
        }
        return 0;
}

/* Each gateway belongs to an address of its family, and each family has one way out. */
static int check_nic_gateways(struct sv_member_reader *r, const struct sv_nic *n, const char *at,
                              struct sv_err *err)
{
        for (size_t i = 0; i < n->n_gateways; i++) {
                bool v6 = is_v6(n->gateways[i]), found = false;

                for (size_t j = 0; j < i; j++)
                        if (is_v6(n->gateways[j]) == v6)
                                return sv_member_fail(r, at, "guest.nics.gateway", err,
                                                      "one gateway of each family was expected, "
                                                      "found %s and %s; remove one",
                                                      n->gateways[j], n->gateways[i]);
                for (size_t j = 0; j < n->n_addresses; j++)
                        found |= is_v6(n->addresses[j]) == v6;
                if (!found)
                        return sv_member_fail(r, at, "guest.nics.gateway", err,
                                              "%s is the gateway of no address; give the interface "
                                              "an \"address\" of IPv%d, or remove it",
                                              n->gateways[i], v6 ? 6 : 4);
        }
        return 0;
}

/* An interface without an address of its own has one by its place (sv_guest_mac), so only texts
 * that are there can be twice. */
static int check_nic_mac(struct sv_member_reader *r, const struct sv_guest *g, size_t i,
                         const char *at, struct sv_err *err)
{
        char mine[SV_MAC_TEXT], other[SV_MAC_TEXT];

        sv_guest_mac(g, i, mine);
        for (size_t j = 0; j < i; j++) {
                sv_guest_mac(g, j, other);
                if (!strcasecmp(mine, other))
                        return sv_member_fail(r, at, "guest.nics.mac", err,
                                              "interface %zu already has the address %s; give this "
                                              "one another",
                                              j, mine);
        }
        return 0;
}

/* What is read and ignored is a mistake that nobody would notice. */
static int check_nic_use(struct sv_member_reader *r, const struct sv_guest *g,
                         const struct sv_nic *n, const char *at, struct sv_err *err)
{
        if (!sv_guest_nic_has_words(n))
                return 0;
        if (sv_guest_encrypted(g)) {
                if (!g->cmdline || !strstr(g->cmdline, "securevm.ip="))
                        return 0;
                return sv_member_fail(r, at, "guest.nics.ip", err,
                                      "\"cmdline\" has securevm.ip= beside this; keep one of them");
        }
        return sv_member_fail(
                r, at, "guest.nics.unused", err,
                "\"address\", \"gateway\", \"dns\", \"vlan\" and \"mtu\" are for the agent, which "
                "uses the network only to open an encrypted disk with a broker's key; this guest "
                "has none, remove them");
}

static int check_card(struct sv_member_reader *r, const struct sv_guest *g, struct sv_err *err)
{
        char mac[SV_MAC_TEXT];

        if (!g->attestation.card)
                return 0;
        for (size_t i = 0; i < g->n_nics; i++) {
                sv_guest_mac(g, i, mac);
                if (!strcasecmp(mac, g->attestation.card))
                        return 0;
        }
        return sv_member_fail(r, "/attestation/card", "guest.attestation.card", err,
                              "no interface in \"nics\" has the address %s; give it to one as its "
                              "\"mac\"",
                              g->attestation.card);
}

static int add_default_nic(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err)
{
        if (g->n_nics)
                return 0;
        if (!sv_json_get(r->root, "nics")) {
                g->nics = calloc(1, sizeof(*g->nics));
                if (!g->nics)
                        return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
                g->nics[0].type = sv_asprintf("user");
                g->n_nics = 1;
        } else if (g->attestation.url) {
                return sv_member_fail(r, "/nics", "guest.nics", err,
                                      "attestation reaches the broker over the network; add an "
                                      "interface such as {\"type\":\"user\"}");
        }
        return 0;
}

int sv_guest_check_nics(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err)
{
        char at[64];

        if (add_default_nic(r, g, err) < 0)
                return -1;
        for (size_t i = 0; i < g->n_nics; i++) {
                const struct sv_nic *n = &g->nics[i];

                snprintf(at, sizeof(at), "/nics/%zu", i);
                if (check_nic_source(r, n, at, err) < 0 || check_nic_vf(r, g, i, at, err) < 0 ||
                    check_guest_forwards(r, g, i, err) < 0 ||
                    check_nic_gateways(r, n, at, err) < 0 || check_nic_mac(r, g, i, at, err) < 0 ||
                    check_nic_use(r, g, n, at, err) < 0)
                        return -1;
        }
        return check_card(r, g, err);
}
