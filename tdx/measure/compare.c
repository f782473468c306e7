/* SPDX-License-Identifier: Apache-2.0 */
/* Compares a prediction with the event log of a boot. */
#include "tdx/measure/measure.h"

/* What another digest of an event means. */
static const struct sv_explain_meaning meanings[] = {
        {"hand-off blocks", "another size of memory, or a firmware with another layout"},
        {"configuration volume", "another variable store in the firmware image (Secure Boot keys)"},
        {"fw_cfg bootorder", "other boot devices, or in another order"},
        {"fw_cfg ", "the monitor was started with other options for its firmware"},
        {"variable ", "another variable store in the firmware image (Secure Boot keys)"},
        {"ACPI ", "another version of QEMU, other CPUs, memory or devices"},
        {"BootOrder", "other boot options: another firmware, or a boot from a device"},
        {"Boot0", "another boot option: another firmware"},
        {"shim", "another shim"},
        {"kernel ", "another kernel"},
        {"unified kernel image", "another unified kernel image"},
        {"section ", "another unified kernel image"},
        {"command line", "another command line"},
        {"initramfs", "another initramfs"},
        {NULL, "the boot took another way, or the firmware is of another generation"},
};

const struct sv_explain_form sv_tdx_explain_form = {
        .regs = &sv_registers_rtmr, .meanings = meanings, .prefixes = true};

int sv_tdx_compare(const struct sv_measurement *m, struct sv_bytes event_log, struct sv_json *rows,
                   struct sv_err *err)
{
        return sv_explain_compare(m, event_log, &sv_tdx_explain_form, rows, err);
}
