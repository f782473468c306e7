/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/exposure.h"

#include "launcher/choose.h"
#include "launcher/cli/warnings.h"
#include "tee/warn.h"

int sv_check_exposure(const struct sv_tee *id, const struct sv_guest *guest,
                      struct sv_json *warnings, struct sv_err *err)
{
        const struct sv_tee_measure *tee;
        const char *left;

        if (sv_tee_choose_measure(id, &tee, NULL) < 0 || !tee->exposure)
                return 0;
        if (tee->exposure(guest, &left, err) < 0)
                return -1;
        if (left)
                sv_warning_add(warnings, guest, "", "warning.acpi", "%s", left);
        return 0;
}

int sv_report_exposure(const struct sv_tee *id, const struct sv_guest *guest, struct sv_err *err)
{
        struct sv_json *warnings = sv_json_array();
        int r = sv_check_exposure(id, guest, warnings, err);

        sv_warnings_report(warnings, NULL);
        return r;
}
