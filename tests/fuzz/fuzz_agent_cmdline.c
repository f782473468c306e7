/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel command line as the agent reads it. */
#include "agent/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_agent_config c;

        if (sv_agent_config_parse(sv_bytes(data, size), &c, &err) == 0)
                sv_agent_config_need(&c, &err);
        return 0;
}
