/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/serve/source.h"

#include <netinet/in.h>

#define IPV4 (UINT64_C(1) << 32)

static uint64_t read_prefix(const uint8_t *p, size_t n)
{
        uint64_t v = 0;

        for (size_t i = 0; i < n; i++)
                v = v << 8 | p[i];
        return v;
}

uint64_t sv_source_of(const struct sockaddr_storage *peer)
{
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;

        if (peer->ss_family == AF_INET)
                return IPV4 | ntohl(v4->sin_addr.s_addr);
        if (peer->ss_family != AF_INET6)
                return UINT64_MAX;
        return IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)
                       ? IPV4 | read_prefix(v6->sin6_addr.s6_addr + 12, 4)
                       : read_prefix(v6->sin6_addr.s6_addr, 8);
}
