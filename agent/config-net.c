/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config-net.h"

bool sv_agent_config_field(struct sv_bytes *rest, struct sv_bytes *field)
{
        const uint8_t *comma;

        if (!rest->p)
                return false;
        comma = memchr(rest->p, ',', rest->n);
        field->p = rest->p;
        field->n = comma ? (size_t)(comma - rest->p) : rest->n;
        *rest = comma ? sv_bytes(comma + 1, rest->n - field->n - 1) : SV_BYTES_NULL;
        return true;
}

static bool read_small_number(struct sv_bytes text, unsigned min, unsigned max, unsigned *out)
{
        uint64_t v;

        if (!sv_bytes_number(text, max, &v) || v < min)
                return false;
        *out = (unsigned)v;
        return true;
}

static bool add_address(struct sv_bytes text, bool prefix, struct sv_address *list, size_t max,
                        size_t *n)
{
        struct sv_address a;

        if (*n == max || !sv_address_read(text, prefix, &a) || !sv_address_is_host(&a))
                return false;
        list[(*n)++] = a;
        return true;
}

static bool take_nic_value(const char *key, struct sv_bytes v, struct sv_agent_nic *nic)
{
        if (!strcmp(key, "address"))
                return add_address(v, true, nic->addresses, SV_NIC_ADDRESSES_MAX,
                                   &nic->n_addresses);
        if (!strcmp(key, "gateway"))
                return add_address(v, false, nic->gateways, SV_NIC_GATEWAYS_MAX, &nic->n_gateways);
        if (!strcmp(key, "dns"))
                return add_address(v, false, nic->resolvers, SV_RESOLVERS_MAX, &nic->n_resolvers);
        if (!strcmp(key, "vlan"))
                return !nic->vlan && read_small_number(v, 1, SV_VLAN_MAX, &nic->vlan);
        if (!strcmp(key, "mtu"))
                return !nic->mtu && read_small_number(v, SV_MTU_MIN, SV_MTU_MAX, &nic->mtu);
        return false;
}

static bool take_nic_field(struct sv_bytes field, struct sv_agent_nic *nic)
{
        const uint8_t *eq = field.n ? memchr(field.p, '=', field.n) : NULL;
        char key[8] = "";

        if (!eq || (size_t)(eq - field.p) >= sizeof(key))
                return false;
        memcpy(key, field.p, (size_t)(eq - field.p));
        return take_nic_value(key, sv_bytes(eq + 1, field.n - (size_t)(eq + 1 - field.p)), nic);
}

static bool has_nic(const struct sv_agent_config *c, const uint8_t mac[6])
{
        for (size_t i = 0; i < c->n_nics; i++)
                if (!memcmp(c->nics[i].mac, mac, 6))
                        return true;
        return false;
}

int sv_agent_config_nic(struct sv_bytes word, struct sv_agent_config *c, struct sv_err *err)
{
        struct sv_agent_nic nic = {0};
        struct sv_bytes field = SV_BYTES_NULL;

        if (c->n_nics == SV_GUEST_NICS_MAX || (c->n_nics && c->nics[0].first))
                return sv_fail(err, SV_USAGE, "agent.cmdline.nic",
                               "securevm.nic: expected at most %d of these words, and none beside "
                               "securevm.ip",
                               SV_GUEST_NICS_MAX);
        if (!sv_agent_config_field(&word, &field) || !sv_mac_read(field, nic.mac) ||
            has_nic(c, nic.mac))
                return sv_fail(err, SV_USAGE, "agent.cmdline.nic",
                               "securevm.nic: expected the hardware address of a card, each once, "
                               "found \"%.*s\"",
                               field.n > 40 ? 40 : (int)field.n, (const char *)field.p);
        while (sv_agent_config_field(&word, &field))
                if (!take_nic_field(field, &nic))
                        return sv_fail(err, SV_USAGE, "agent.cmdline.nic",
                                       "securevm.nic: expected address=, gateway=, dns=, vlan= or "
                                       "mtu= with a value that fits, found \"%.*s\"",
                                       field.n > 60 ? 60 : (int)field.n, (const char *)field.p);
        c->nics[c->n_nics++] = nic;
        return 0;
}

int sv_agent_config_card(struct sv_bytes word, struct sv_agent_config *c, struct sv_err *err)
{
        if (!sv_mac_read(word, c->card))
                return sv_fail(err, SV_USAGE, "agent.cmdline.card",
                               "securevm.card: expected the hardware address of a card");
        c->has_card = true;
        return 0;
}

int sv_agent_config_wait(struct sv_bytes word, struct sv_agent_config *c, struct sv_err *err)
{
        if (!read_small_number(word, 1, SV_WAIT_MAX_S, &c->wait_s))
                return sv_fail(err, SV_USAGE, "agent.cmdline.wait",
                               "securevm.wait: expected seconds from 1 to %d", SV_WAIT_MAX_S);
        return 0;
}

int sv_agent_config_ip(struct sv_bytes word, struct sv_agent_config *c, struct sv_err *err)
{
        struct sv_agent_nic nic = {.first = true};
        struct sv_bytes field;
        bool ok = !c->n_nics && sv_agent_config_field(&word, &field) &&
                  add_address(field, true, nic.addresses, 1, &nic.n_addresses);

        ok = ok && sv_agent_config_field(&word, &field) &&
             add_address(field, false, nic.gateways, 1, &nic.n_gateways);
        while (ok && sv_agent_config_field(&word, &field))
                ok = add_address(field, false, nic.resolvers, SV_RESOLVERS_MAX, &nic.n_resolvers);
        if (!ok || nic.addresses[0].family != 4 || nic.gateways[0].family != 4)
                return sv_fail(err, SV_USAGE, "agent.cmdline.ip",
                               "securevm.ip: expected ADDRESS/PREFIX,GATEWAY and at most three "
                               "addresses of resolvers, with commas between them, and no "
                               "securevm.nic beside it");
        c->nics[c->n_nics++] = nic;
        return 0;
}
