/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/exposure.h"

#include "base/program/log.h"
#include "launcher/choose.h"

int sv_check_exposure(const struct sv_tee *id, const struct sv_guest *guest, struct sv_err *err)
{
        const struct sv_tee_measure *tee;
        const char *left;

        if (sv_tee_choose_measure(id, &tee, NULL) < 0 || !tee->exposure)
                return 0;
        if (tee->exposure(guest, &left, err) < 0)
                return -1;
        if (left)
                sv_warn("%s", left);
        return 0;
}
