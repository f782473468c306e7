/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static int address_kind(unsigned family)
{
        return family == 6 ? AF_INET6 : AF_INET;
}

bool sv_address_read(struct sv_bytes text, bool prefix, struct sv_address *out)
{
        struct sv_address a = {0};
        char copy[SV_ADDRESS_TEXT], *slash;
        uint64_t prefix_length;

        if (!text.n || text.n >= sizeof(copy) || memchr(text.p, 0, text.n))
                return false;
        memcpy(copy, text.p, text.n);
        copy[text.n] = 0;
        a.family = strchr(copy, ':') ? 6 : 4;
        a.prefix = a.family == 6 ? 128 : 32;
        slash = strchr(copy, '/');
        if (prefix != (slash != NULL))
                return false;
        if (slash) {
                if (!sv_bytes_number(sv_bytes_str(slash + 1), a.prefix, &prefix_length) ||
                    !prefix_length)
                        return false;
                a.prefix = (unsigned)prefix_length;
                *slash = 0;
        }
        if (inet_pton(address_kind(a.family), copy, a.bytes) != 1)
                return false;
        *out = a;
        return true;
}

void sv_address_print(const struct sv_address *a, char out[SV_ADDRESS_TEXT])
{
        size_t n;

        out[0] = 0;
        inet_ntop(address_kind(a->family), a->bytes, out, INET6_ADDRSTRLEN);
        n = strlen(out);
        if (a->prefix < (a->family == 6 ? 128 : 32))
                snprintf(out + n, SV_ADDRESS_TEXT - n, "/%u", a->prefix);
}

bool sv_address_is_host(const struct sv_address *a)
{
        static const uint8_t zeros[16], mapped[12] = {[10] = 0xff, [11] = 0xff};

        if (a->family == 4)
                return a->bytes[0] && a->bytes[0] != 127 && a->bytes[0] < 224;
        /* ::1 and the IPv4 addresses of old begin with twelve zeros as :: does */
        return a->family == 6 && memcmp(a->bytes, zeros, 12) != 0 &&
               memcmp(a->bytes, mapped, sizeof(mapped)) != 0 && a->bytes[0] != 0xff;
}

struct sv_address sv_address_v4(uint32_t v4, unsigned prefix)
{
        return (struct sv_address){.family = 4,
                                   .prefix = prefix,
                                   .bytes = {(uint8_t)(v4 >> 24), (uint8_t)(v4 >> 16),
                                             (uint8_t)(v4 >> 8), (uint8_t)v4}};
}

bool sv_mac_read(struct sv_bytes text, uint8_t mac[6])
{
        static const uint8_t zeros[6];
        char copy[SV_MAC_TEXT] = "";
        uint8_t m[6];

        if (text.n != SV_MAC_TEXT - 1)
                return false;
        memcpy(copy, text.p, text.n);
        for (size_t i = 0; i < text.n; i++)
                if (i % 3 == 2 ? copy[i] != ':' : !isxdigit((unsigned char)copy[i]))
                        return false;
        for (size_t i = 0; i < 6; i++)
                m[i] = (uint8_t)strtoul(copy + 3 * i, NULL, 16);
        /* the lowest bit of the first byte marks an address of a group */
        if (m[0] & 1 || !memcmp(m, zeros, 6))
                return false;
        memcpy(mac, m, 6);
        return true;
}
