/* SPDX-License-Identifier: Apache-2.0 */
#include "vtpm/measure/explain.h"

static const struct sv_explain_meaning meanings[] = {
        {"firmware volume PEIFV",
         "another firmware, or another number of CPUs, size of memory or CPU model"},
        {"firmware volume DXEFV", "another firmware"},
        {"firmware version", "another firmware"},
        {"variable ", "another variable store (Secure Boot keys)"},
        {"kernel ", "another kernel, or another size of memory or of the initramfs"},
        {"command line", "another command line"},
        {"initramfs", "another initramfs"},
        {NULL, "the boot took another way"},
};

const struct sv_explain_form sv_vtpm_explain_form = {&sv_registers_pcr, meanings};

int sv_vtpm_compare(const struct sv_measurement *m, struct sv_bytes event_log, struct sv_json *rows,
                    struct sv_err *err)
{
        return sv_explain_compare(m, event_log, &sv_vtpm_explain_form, rows, err);
}
