/* SPDX-License-Identifier: Apache-2.0 */
/* Files of fw_cfg, from the folder that the guest file names. */
#include <stdio.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "tdx/measure/rtmr.h"

/* As Linux shows it (/sys/firmware/qemu_fw_cfg/by_name), by its whole name, or by the last part of
 * it. */
int sv_tdx_fw_cfg(const struct sv_tdx_boot *b, const char *name, struct sv_buf *out,
                  struct sv_err *err)
{
        const char *dir = b->options->acpi;

        if (!dir)
                return 0;

        SV_STR sysfs = sv_asprintf("%s/%s/raw", dir, name);
        SV_STR plain = sv_asprintf("%s/%s", dir, name);
        SV_STR flat = sv_asprintf("%s/%s", dir, sv_path_name(name));
        const char *const paths[] = {sysfs, plain, flat};

        for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
                if (access(paths[i], F_OK) == 0)
                        return sv_file_read(paths[i], SV_FW_CFG_SIZE_MAX, out, "tdx.fw_cfg", err) <
                                               0
                                       ? -1
                                       : 1;
        return 0;
}
