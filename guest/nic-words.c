/* SPDX-License-Identifier: Apache-2.0 */
/* What of a network interface leaves the guest file: its hardware address, the agent's words. */
#include <stdio.h>
#include <stdlib.h>

#include "guest/nics.h"

bool sv_guest_nic_has_words(const struct sv_nic *n)
{
        return n->n_addresses || n->n_gateways || n->n_resolvers || n->vlan || n->mtu;
}

void sv_guest_mac(const struct sv_guest *g, size_t i, char out[SV_MAC_TEXT])
{
        const uint8_t *u = g->uuid;

        if (g->nics[i].mac)
                snprintf(out, SV_MAC_TEXT, "%s", g->nics[i].mac);
        else
                snprintf(out, SV_MAC_TEXT, "52:54:00:%02x:%02x:%02x", u[13], u[14],
                         (u[15] + (unsigned)i) & 0xff);
}

static void put_texts(const char *name, char *const *texts, size_t n, struct sv_buf *line)
{
        for (size_t i = 0; i < n; i++)
                sv_buf_printf(line, ",%s=%s", name, texts[i]);
}

void sv_guest_put_nics(const struct sv_guest *g, struct sv_buf *line)
{
        char mac[SV_MAC_TEXT];

        for (size_t i = 0; i < g->n_nics; i++) {
                const struct sv_nic *n = &g->nics[i];

                if (!sv_guest_nic_has_words(n))
                        continue;
                sv_guest_mac(g, i, mac);
                sv_buf_printf(line, " securevm.nic=%s", mac);
                put_texts("address", n->addresses, n->n_addresses, line);
                put_texts("gateway", n->gateways, n->n_gateways, line);
                put_texts("dns", n->resolvers, n->n_resolvers, line);
                if (n->vlan)
                        sv_buf_printf(line, ",vlan=%u", n->vlan);
                if (n->mtu)
                        sv_buf_printf(line, ",mtu=%u", n->mtu);
        }
}

void sv_guest_free_texts(char **texts, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(texts[i]);
        free(texts);
}

static void free_forwards(struct sv_nic *n)
{
        for (size_t i = 0; i < n->n_forwards; i++) {
                free(n->forwards[i].protocol);
                free(n->forwards[i].address);
        }
        free(n->forwards);
}

void sv_guest_free_nics(struct sv_guest *g)
{
        for (size_t i = 0; i < g->n_nics; i++) {
                struct sv_nic *n = &g->nics[i];

                free(n->type);
                free(n->source);
                free(n->mac);
                free(n->bond);
                free_forwards(n);
                sv_guest_free_texts(n->addresses, n->n_addresses);
                sv_guest_free_texts(n->gateways, n->n_gateways);
                sv_guest_free_texts(n->resolvers, n->n_resolvers);
        }
        free(g->nics);
}
