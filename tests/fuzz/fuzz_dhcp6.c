/* SPDX-License-Identifier: Apache-2.0 */
/* A DHCPv6 answer, to the request of the seeds: from 52:54:00:12:34:56, number 0x010203. */
#include "agent/dhcp6.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
        struct sv_err err = SV_ERR_NULL;
        struct sv_dhcp6_lease lease;

        sv_dhcp6_parse(sv_bytes(data, size), mac, 0x010203, &lease, &err);
        return 0;
}
