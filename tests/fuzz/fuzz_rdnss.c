/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a router's announcement, and the kernel's message that brings them. */
#include "agent/netlink.h"
#include "agent/rdnss.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        uint8_t resolvers[SV_RESOLVERS_MAX][16];
        struct sv_bytes left = sv_bytes(data, size);
        struct sv_netlink_event event;
        size_t n;

        sv_rdnss_parse(left, resolvers, &n, &err);
        while (sv_netlink_read(&left, &event))
                continue;
        return 0;
}
