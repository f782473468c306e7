/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's configuration file. */
#include "broker/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_BROKER_CONFIG c = {0};

        sv_broker_config_parse(sv_bytes(data, size), "/d", &c, NULL);
        return 0;
}
