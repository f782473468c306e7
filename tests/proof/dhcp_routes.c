/* SPDX-License-Identifier: Apache-2.0 */
/* proves: routes of DHCP that are accepted have a prefix of at most 32 bits, nothing behind it, and
 *         lead to machines by machines; no more are kept than there is room for; beside them the
 *         router does not count.
 * for:    every list of up to 14 bytes, with room for one route
 * stubs:  texts of errors
 * unwind: 6
 * loops:  read_routes.0:4
 * fault:  `route.prefix > 32 ||` => ``
 * fault:  `lease->n_routes == SV_DHCP_ROUTES_MAX ||` => ``
 * fault:  `(route.prefix && !is_host(route.to)) ||` => ``
 * fault:  `route->to &= ~(0xffffffffu >> route->prefix);` => `;`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/limits.h"
#undef SV_DHCP_ROUTES_MAX
#define SV_DHCP_ROUTES_MAX 1

#include "base/core/rd.c"
#include "agent/dhcp.c"

void prove(void)
{
        struct sv_bytes list = any_bytes(14);
        struct sv_dhcp_lease l = {.router = 77};
        const struct sv_dhcp_route *r = &l.routes[0];

        if (read_routes(list, &l, NULL) < 0) {
                PROVE(failed_check);
                return;
        }
        PROVE(l.n_routes == (list.n != 0));
        PROVE(l.router == (list.n ? 0 : 77));
        if (!list.n)
                return;
        PROVE(r->prefix <= 32 && list.n == 1 + (r->prefix + 7) / 8 + 4);
        PROVE(r->prefix == 32 || !(r->to & 0xffffffffu >> r->prefix));
        PROVE(!r->prefix || (r->to >> 24 && r->to >> 24 != 127 && r->to >> 28 < 14));
        PROVE(!r->router || (r->router >> 24 && r->router >> 24 != 127 && r->router >> 28 < 14));
}
