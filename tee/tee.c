/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tee.h"

#include <stdio.h>

#include "guest/guest.h"

int sv_tee_takes(const struct sv_tee *tee, const struct sv_guest *guest, struct sv_err *err)
{
        if (guest->shim && !tee->shim)
                return sv_fail(err, SV_USAGE, "guest.shim",
                               "no shim before the kernel is started and measured under %s, the "
                               "guest file names one: remove \"shim\"",
                               tee->name);
        return 0;
}

const char *sv_tee_firmware(const struct sv_tee *tee, const struct sv_guest *guest)
{
        return !guest->firmware && tee && tee->firmware ? tee->firmware : sv_guest_firmware(guest);
}

void sv_tee_add_name(char list[SV_TEE_NAMES_SIZE], const struct sv_tee *tee)
{
        size_t used = strlen(list);

        snprintf(list + used, SV_TEE_NAMES_SIZE - used, "%s%s", used ? ", " : "", tee->name);
}
