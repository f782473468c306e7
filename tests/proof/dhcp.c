/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a lease that is accepted answers this request and this address of the card, is of a type
 *         that answers, its addresses are addresses of machines and its netmask is ones, then
 *         zeros; a refusal writes nothing.
 * for:    every message with the four options that a lease needs, of any value (any options:
 *         dhcp_options.c)
 * stubs:  texts of errors
 * unwind: 14
 * loops:  read_be.0:5 read_option.0:3 read_options.0:10
 * fault:  `answered != xid ||` => ``
 * fault:  `!is_netmask(lease.netmask)` => `0`
 * fault:  `(~m & (~m + 1)) == 0` => `(~m & 1) == 0`
 */
#include "proof.h"
#include "stub_err.h"

/* a list of routes is dhcp_routes.c's */
#include "base/core/limits.h"
#undef SV_DHCP_ROUTES_MAX
#undef SV_DHCP_ROUTES_SIZE
#define SV_DHCP_ROUTES_MAX  1
#define SV_DHCP_ROUTES_SIZE 1

#include "base/core/rd.c"
#include "agent/dhcp.c"

static void check_lease(const struct sv_dhcp_lease *l)
{
        PROVE(l->type == SV_DHCP_OFFER || l->type == SV_DHCP_ACK || l->type == SV_DHCP_NAK);
        if (l->type == SV_DHCP_NAK)
                return;
        PROVE(l->address >> 24 && l->address >> 24 != 127 && l->address >> 28 < 14);
        PROVE(l->server >> 24 && l->server >> 24 != 127 && l->server >> 28 < 14);
        PROVE(l->netmask && ((uint64_t)l->netmask | (l->netmask - 1)) == 0xffffffff);
}

void prove(void)
{
        static uint8_t raw[262];
        struct sv_bytes m = sv_bytes(raw, sizeof(raw));
        uint8_t mac[6];
        uint32_t xid = nondet_u32();
        struct sv_dhcp_lease l = {.address = 77};

        __CPROVER_havoc_object(raw);
        memcpy(raw + 240, "\x35\1", 2); /* type: 1 byte */
        memcpy(raw + 243, "\1\4", 2);   /* netmask */
        memcpy(raw + 249, "\x36\4", 2); /* server */
        memcpy(raw + 255, "\3\4", 2);   /* router */
        raw[261] = 0xff;
        if (sv_dhcp_parse(m, mac, xid, &l, NULL) < 0) {
                PROVE(l.address == 77 && failed_check);
                return;
        }
        PROVE(raw[0] == 2 && raw[1] == 1 && raw[2] == 6);
        PROVE(xid == ((uint32_t)raw[4] << 24 | raw[5] << 16 | raw[6] << 8 | raw[7]));
        PROVE(!memcmp(mac, raw + 28, 6));
        PROVE(raw[236] == 0x63 && raw[239] == 0x63);
        PROVE(l.address >> 24 == raw[16] && l.server >> 24 == raw[251] && l.type == raw[242]);
        check_lease(&l);
}
