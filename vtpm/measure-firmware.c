/* PCR 0 and 7: what the firmware measures of itself. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "ovmf/platform.h"
#include "ovmf/varstore.h"
#include "ovmf/volumes.h"
#include "vtpm/events.h"

/* PEIFV is measured as it lies in memory, after PlatformPei wrote into it. */
static int add_pei(struct sv_prediction *p, const struct sv_guest *g, const struct sv_fv *pei, struct sv_err *err)
{
        struct sv_platform platform = {.vcpus = g->vcpus, .memory = g->memory, .cpu = sv_platform_cpu(g->cpu)};
        const struct sv_platform_build *build;
        struct sv_err why = SV_ERR_NULL;
        SV_BUF copy = SV_BUF_NULL;
        uint8_t digest[SV_DIGEST_MAX];
        char hex[65];

        if (sv_digest(SV_SHA256, pei->all, digest, err) < 0)
                return -1;
        build = sv_platform_build(sv_hex(sv_bytes(digest, 32), hex));
        sv_buf_put(&copy, pei->all);
        if (sv_buf_ok(&copy, "firmware volume PEIFV", err) < 0)
                return -1;
        if (!build)
                sv_event_unpredicted(p, 0, "OVMF writes the platform's description into its own volume PEIFV before measuring it; where, is not known for "
                                     "this build (PEIFV %s)", hex);
        else if (!platform.cpu)
                sv_event_unpredicted(p, 0, "OVMF's volume PEIFV holds the CPU's address bits, which are not known for the model %.60s", g->cpu);
        else if (sv_platform_write(build, &platform, copy.p, copy.n, &why) < 0)
                sv_event_unpredicted(p, 0, "%s", why.msg);
        return sv_event_data(p, 0, SV_EV_EFI_PLATFORM_FIRMWARE_BLOB, sv_buf_bytes(&copy), err,
                             "firmware volume PEIFV, %zu bytes, with %u CPUs and %llu MiB of memory written into it", copy.n, g->vcpus,
                             (unsigned long long)(g->memory >> 20));
}

int sv_measure_firmware(struct sv_prediction *p, const struct sv_guest *g, struct sv_bytes firmware, struct sv_err *err)
{
        SV_VOLUMES v = {0};

        if (sv_volumes_read(firmware, &v, err) < 0)
                return -1;
        /* PcdFirmwareVersionString, empty in the builds of ovmf/platform.c: its terminator is left. */
        if (sv_event_data(p, 0, SV_EV_S_CRTM_VERSION, sv_bytes("\0", 2), err, "firmware version \"\"") < 0 || add_pei(p, g, &v.pei, err) < 0)
                return -1;
        return sv_event_data(p, 0, SV_EV_EFI_PLATFORM_FIRMWARE_BLOB, v.dxe.all, err, "firmware volume DXEFV, %zu bytes", v.dxe.all.n);
}

/* As in memory: EFI_GLOBAL_VARIABLE, EFI_IMAGE_SECURITY_DATABASE_GUID, gEfiMemoryTypeInformationGuid, gEfiSecureBootEnableDisableGuid. */
static const uint8_t global[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
static const uint8_t security[16] = {0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f};
static const uint8_t memory_types[16] = {0x9f, 0x04, 0x19, 0x4c, 0x37, 0x41, 0xd3, 0x4d, 0x9c, 0x10, 0x8b, 0x97, 0xa8, 0x3f, 0xfd, 0xfa};
static const uint8_t enable[16] = {0xac, 0x7b, 0xa3, 0xf0, 0x08, 0xaf, 0x56, 0x45, 0x99, 0xc4, 0x00, 0x10, 0x09, 0xc9, 0x3a, 0x44};

/* UEFI_VARIABLE_DATA (TCG PC Client Platform Firmware Profile, section 10.4.3). */
static int add_variable(struct sv_prediction *p, const uint8_t guid[16], const char *name, struct sv_bytes data, struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        sv_buf_put(&b, sv_bytes(guid, 16));
        sv_buf_u64le(&b, strlen(name));
        sv_buf_u64le(&b, data.n);
        for (const char *c = name; *c; c++)
                sv_buf_u16le(&b, (uint8_t)*c);
        sv_buf_put(&b, data);
        if (sv_buf_ok(&b, "a variable", err) < 0)
                return -1;
        return sv_event_data(p, 7, SV_EV_EFI_VARIABLE_DRIVER_CONFIG, sv_buf_bytes(&b), err, "variable %s, %zu bytes", name, data.n);
}

/* The variable store that a new guest starts with: the template beside the code, by Debian's and Fedora's names. Allocated, or NULL. */
static char *template_path(const char *firmware)
{
        const char *name = strrchr(firmware, '/') ? strrchr(firmware, '/') + 1 : firmware;
        const char *code = strstr(name, "CODE");
        SV_BUF path = SV_BUF_NULL;

        if (!code)
                return NULL;
        sv_buf_printf(&path, "%.*sVARS%s", (int)(code - firmware), firmware, code + 4);
        if (access(sv_buf_str(&path), R_OK) < 0) { /* OVMF_CODE_4M.secboot.fd goes with OVMF_VARS_4M.fd */
                sv_buf_clear(&path);
                sv_buf_printf(&path, "%.*sVARS%.*s.fd", (int)(code - firmware), firmware, (int)strcspn(code + 4, "."), code + 4);
        }
        return access(sv_buf_str(&path), R_OK) < 0 ? NULL : strdup(sv_buf_str(&path));
}

static int add_store(struct sv_prediction *p, const struct sv_varstore *s, bool *secure_boot, struct sv_err *err)
{
        static const struct {
                const uint8_t *guid;
                const char *name;
        } variables[] = {{global, "PK"}, {global, "KEK"}, {security, "db"}, {security, "dbx"}};
        const struct sv_variable *on = sv_varstore_get(s, enable, "SecureBootEnable");
        uint8_t state;

        /* A platform key ends setup mode; Secure Boot can then still be switched off. */
        *secure_boot = sv_varstore_get(s, global, "PK") && (!on || (on->data.n == 1 && on->data.p[0] == 1));
        state = *secure_boot;
        if (sv_varstore_get(s, memory_types, "MemoryTypeInformation"))
                sv_event_unpredicted(p, 0, "the variable store has MemoryTypeInformation, which OVMF copies into its volume PEIFV before measuring it; use a "
                                     "variable store that no guest has used");
        if (add_variable(p, global, "SecureBoot", sv_bytes(&state, 1), err) < 0)
                return -1;
        for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
                const struct sv_variable *v = sv_varstore_get(s, variables[i].guid, variables[i].name);

                if (add_variable(p, variables[i].guid, variables[i].name, v ? v->data : SV_BYTES_NULL, err) < 0)
                        return -1;
        }
        return sv_event_data(p, 7, SV_EV_SEPARATOR, sv_bytes("\0\0\0", 4), err, "end of the Secure Boot variables");
}

int sv_measure_variables(struct sv_prediction *p, const char *firmware_path, struct sv_bytes firmware, bool *secure_boot, struct sv_err *err)
{
        struct sv_varstore *s;
        SV_BUF file = SV_BUF_NULL;
        int r;

        if (!sv_varstore_here(firmware)) {
                SV_STR path = template_path(firmware_path);

                if (!path) {
                        sv_event_unpredicted(p, 7, "there is no variable store beside the firmware image, nor in it");
                        return 0;
                }
                if (sv_file_read(path, SV_FIRMWARE_SIZE_MAX, &file, "vtpm.measure.firmware", err) < 0)
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
