/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/exposure.h"

#include "base/program/log.h"
#include "launcher/choose.h"

void sv_warn_exposure(const struct sv_tee *id, const struct sv_guest *guest)
{
        const struct sv_tee_measure *tee;
        const char *text;

        if (sv_tee_choose_measure(id, &tee, NULL) < 0 || !tee->exposure)
                return;
        text = tee->exposure(guest);
        if (text)
                sv_warn("%s", text);
}
