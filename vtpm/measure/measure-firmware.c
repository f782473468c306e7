/* SPDX-License-Identifier: Apache-2.0 */
/* PCR 0 and 7: what the firmware measures of itself. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "ovmf/platform.h"
#include "ovmf/secureboot.h"
#include "ovmf/volumes.h"
#include "vtpm/measure/events.h"

/* PEIFV is measured as it lies in memory, after PlatformPei wrote into it. */
static int add_pei(struct sv_prediction *p, const struct sv_guest *g, const struct sv_fv *pei,
                   struct sv_err *err)
{
        struct sv_platform platform = {.vcpus = g->vcpus,
                                       .vcpus_max = sv_guest_vcpus_max(g),
                                       .memory = g->memory,
                                       .more = sv_guest_memory_max(g) - g->memory,
                                       .cpu = sv_platform_cpu(g->cpu)};
        const struct sv_platform_build *build;
        struct sv_err why = SV_ERR_NULL;
        SV_BUF copy = SV_BUF_NULL;
        char hex[65];

        if (sv_sha256_hex(pei->all, hex, err) < 0)
                return -1;
        build = sv_platform_build(hex);
        sv_buf_put(&copy, pei->all);
        if (sv_buf_ok(&copy, "firmware volume PEIFV", err) < 0)
                return -1;
        if (!build)
                sv_event_unpredicted(p, 0,
                                     "OVMF writes the platform's description into its own volume "
                                     "PEIFV before measuring it; where, is not known for "
                                     "this build (PEIFV %s)",
                                     hex);
        else if (!platform.cpu)
                sv_event_unpredicted(p, 0,
                                     "OVMF's volume PEIFV holds the CPU's address bits, which are "
                                     "not known for the model %.60s",
                                     g->cpu);
        else if (sv_platform_write(build, &platform, copy.p, copy.n, &why) < 0)
                sv_event_unpredicted(p, 0, "%s", why.msg);
        return sv_event_data(p, 0, SV_EV_EFI_PLATFORM_FIRMWARE_BLOB, sv_buf_bytes(&copy), err,
                             "firmware volume PEIFV, %zu bytes, with %u CPUs and %llu MiB of "
                             "memory written into it",
                             copy.n, g->vcpus, (unsigned long long)(g->memory >> 20));
}

int sv_measure_firmware(struct sv_prediction *p, const struct sv_guest *g, struct sv_bytes firmware,
                        struct sv_err *err)
{
        SV_VOLUMES v = {0};

        if (sv_volumes_read(firmware, &v, err) < 0)
                return -1;
        /* PcdFirmwareVersionString, empty in the builds of ovmf/platform.c: its terminator is left.
         */
        if (sv_event_data(p, 0, SV_EV_S_CRTM_VERSION, sv_bytes("\0", 2), err,
                          "firmware version \"\"") < 0 ||
            add_pei(p, g, &v.pei, err) < 0)
                return -1;
        return sv_event_data(p, 0, SV_EV_EFI_PLATFORM_FIRMWARE_BLOB, v.dxe.all, err,
                             "firmware volume DXEFV, %zu bytes", v.dxe.all.n);
}

/* gEfiMemoryTypeInformationGuid, as in memory */
static const uint8_t memory_types[16] = {0x9f, 0x04, 0x19, 0x4c, 0x37, 0x41, 0xd3, 0x4d,
                                         0x9c, 0x10, 0x8b, 0x97, 0xa8, 0x3f, 0xfd, 0xfa};

/* The variable store that a new guest starts with: the template in the same folder as the code, by
 * Debian's and Fedora's names. Allocated, or NULL. */
static char *find_template(const char *firmware)
{
        const char *name = sv_path_name(firmware);
        const char *code = strstr(name, "CODE");
        SV_BUF path = SV_BUF_NULL;

        if (!code)
                return NULL;
        sv_buf_printf(&path, "%.*sVARS%s", (int)(code - firmware), firmware, code + 4);
        /* OVMF_CODE_4M.secboot.fd goes with OVMF_VARS_4M.fd */
        if (access(sv_buf_str(&path), R_OK) < 0) {
                sv_buf_clear(&path);
                sv_buf_printf(&path, "%.*sVARS%.*s.fd", (int)(code - firmware), firmware,
                              (int)strcspn(code + 4, "."), code + 4);
        }
        return access(sv_buf_str(&path), R_OK) < 0 ? NULL : strdup(sv_buf_str(&path));
}

static int add_store(struct sv_prediction *p, const struct sv_varstore *s, bool *secure_boot,
                     struct sv_err *err)
{
        *secure_boot = sv_secure_boot_on(s);
        if (sv_varstore_get(s, memory_types, "MemoryTypeInformation"))
                sv_event_unpredicted(p, 0,
                                     "the variable store has MemoryTypeInformation, which OVMF "
                                     "copies into its volume PEIFV before measuring it; use a "
                                     "variable store that no guest has used");
        if (sv_event_secure_boot(p, 7, s, true, err) < 0)
                return -1;
        return sv_event_data(p, 7, SV_EV_SEPARATOR, sv_bytes("\0\0\0", 4), err,
                             "end of the Secure Boot variables");
}

int sv_measure_variables(struct sv_prediction *p, const char *firmware_path,
                         struct sv_bytes firmware, bool *secure_boot, struct sv_err *err)
{
        struct sv_varstore *s;
        SV_BUF file = SV_BUF_NULL;
        int r;

        if (!sv_varstore_here(firmware)) {
                SV_STR path = find_template(firmware_path);

                if (!path) {
                        sv_event_unpredicted(
                                p, 7,
                                "there is no variable store beside the firmware image, nor in it");
                        return 0;
                }
                if (sv_file_read(path, SV_FIRMWARE_SIZE_MAX, &file, "vtpm.measure.firmware", err) <
                    0)
                        return -1;
                firmware = sv_buf_bytes(&file);
        }
        s = calloc(1, sizeof(*s));
        if (!s)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the variable store");
        r = sv_varstore_parse(firmware, s, err) < 0 ? -1 : add_store(p, s, secure_boot, err);
        free(s);
        return r;
}
