/* SPDX-License-Identifier: Apache-2.0 */
/* proves: options that are accepted lie within the message and end with the option that ends them;
 *         one that is read has the size that it has to have, and of servers of names no more are
 *         kept than there is room for. Parts of a list of routes lie within their array.
 * for:    every option with a value of up to 17 bytes, every 6 bytes of options
 * stubs:  texts of errors
 * unwind: 6
 * loops:  read_options.0:8 read_option.0:5 read_routes.0:3
 * fault:  `if (i < SV_RESOLVERS_MAX)` => `if (i <= SV_RESOLVERS_MAX)`
 * fault:  `sv_rd_left(v) % 4 == 0` => `true`
 */
#include "proof.h"
#include "stub_err.h"

/* a list of routes is dhcp_routes.c's: here it has room for one byte, so that more are refused */
#include "base/core/limits.h"
#undef SV_DHCP_ROUTES_MAX
#undef SV_DHCP_ROUTES_SIZE
#define SV_DHCP_ROUTES_MAX  1
#define SV_DHCP_ROUTES_SIZE 1

#include "base/core/rd.c"
#include "agent/dhcp.c"

static struct sv_dhcp_lease lease;

static void one(void)
{
        struct sv_bytes value = any_bytes(17);
        struct sv_rd v = sv_rd(value);
        uint8_t code = nondet_u8();

        if (read_option(code, &v, &lease, NULL) < 0) {
                PROVE(failed_check);
                return;
        }
        PROVE(code != OPT_TYPE || value.n == 1);
        PROVE((code != OPT_NETMASK && code != OPT_SERVER) || value.n == 4);
        PROVE((code != OPT_ROUTER && code != OPT_RESOLVER) || (value.n && value.n % 4 == 0));
}

static void some(void)
{
        struct sv_bytes raw = any_exactly(6);
        struct sv_rd r = sv_rd(raw);

        if (read_options(&r, &lease, NULL) < 0) {
                PROVE(failed_check);
                return;
        }
        PROVE(r.pos <= raw.n && raw.p[r.pos - 1] == OPT_END);
}

void prove(void)
{
        if (nondet_bool())
                one();
        else
                some();
}
