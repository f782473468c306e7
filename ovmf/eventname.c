/* SPDX-License-Identifier: Apache-2.0 */
/* Readable event logs: names of types, one line about the data. */
#include <stdio.h>

#include "ovmf/eventlog.h"
#include "ovmf/footer.h"

static const struct {
        uint32_t type;
        const char *name;
} types[] = {
        {0x0, "EV_PREBOOT_CERT"},
        {0x1, "EV_POST_CODE"},
        {SV_EV_NO_ACTION, "EV_NO_ACTION"},
        {SV_EV_SEPARATOR, "EV_SEPARATOR"},
        {0x5, "EV_ACTION"},
        {SV_EV_EVENT_TAG, "EV_EVENT_TAG"},
        {0x7, "EV_S_CRTM_CONTENTS"},
        {SV_EV_S_CRTM_VERSION, "EV_S_CRTM_VERSION"},
        {0x9, "EV_CPU_MICROCODE"},
        {SV_EV_PLATFORM_CONFIG_FLAGS, "EV_PLATFORM_CONFIG_FLAGS"},
        {0xb, "EV_TABLE_OF_DEVICES"},
        {0xc, "EV_COMPACT_HASH"},
        {SV_EV_IPL, "EV_IPL"},
        {0xe, "EV_IPL_PARTITION_DATA"},
        {0xf, "EV_NONHOST_CODE"},
        {0x10, "EV_NONHOST_CONFIG"},
        {0x11, "EV_NONHOST_INFO"},
        {0x12, "EV_OMIT_BOOT_DEVICE_EVENTS"},
        {0x13, "EV_POST_CODE2"},
        {SV_EV_EFI_VARIABLE_DRIVER_CONFIG, "EV_EFI_VARIABLE_DRIVER_CONFIG"},
        {SV_EV_EFI_VARIABLE_BOOT, "EV_EFI_VARIABLE_BOOT"},
        {SV_EV_EFI_BOOT_SERVICES_APPLICATION, "EV_EFI_BOOT_SERVICES_APPLICATION"},
        {SV_EV_EFI_BOOT_SERVICES_DRIVER, "EV_EFI_BOOT_SERVICES_DRIVER"},
        {0x80000005, "EV_EFI_RUNTIME_SERVICES_DRIVER"},
        {0x80000006, "EV_EFI_GPT_EVENT"},
        {SV_EV_EFI_ACTION, "EV_EFI_ACTION"},
        {SV_EV_EFI_PLATFORM_FIRMWARE_BLOB, "EV_EFI_PLATFORM_FIRMWARE_BLOB"},
        {0x80000009, "EV_EFI_HANDOFF_TABLES"},
        {SV_EV_EFI_PLATFORM_FIRMWARE_BLOB2, "EV_EFI_PLATFORM_FIRMWARE_BLOB2"},
        {SV_EV_EFI_HANDOFF_TABLES2, "EV_EFI_HANDOFF_TABLES2"},
        {SV_EV_EFI_VARIABLE_BOOT2, "EV_EFI_VARIABLE_BOOT2"},
        {0x80000010, "EV_EFI_HCRTM_EVENT"},
        {SV_EV_EFI_VARIABLE_AUTHORITY, "EV_EFI_VARIABLE_AUTHORITY"},
        {0x800000e1, "EV_EFI_SPDM_FIRMWARE_BLOB"},
        {0x800000e2, "EV_EFI_SPDM_FIRMWARE_CONFIG"},
};

static const char *find_type_name(uint32_t type)
{
        for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
                if (types[i].type == type)
                        return types[i].name;
        return NULL;
}

const char *sv_tcg_type_name(uint32_t type)
{
        const char *name = find_type_name(type);

        return name ? name : "unknown";
}

bool sv_tcg_type_is_known(uint32_t type)
{
        return find_type_name(type) != NULL;
}

static bool is_printable(uint32_t c)
{
        return c >= 0x20 && c < 0x7f;
}

static char *describe_text(struct sv_bytes b, size_t step, char out[192])
{
        size_t n = 0;

        for (size_t i = 0; i + step <= b.n && n < 150 && b.p[i]; i += step)
                out[n++] = is_printable(b.p[i]) && (step == 1 || !b.p[i + 1]) ? (char)b.p[i] : '?';
        out[n] = 0;
        return out;
}

/* Section 10.4.3: UEFI_VARIABLE_DATA; its lengths are counts of the event's own data. */
static char *describe_variable(struct sv_bytes data, char out[192])
{
        struct sv_rd r = sv_rd(data);
        uint64_t chars, size;
        char name[192];

        sv_rd_skip(&r, 16);
        chars = sv_rd_u64le(&r);
        size = sv_rd_u64le(&r);
        if (r.bad || chars > sv_rd_left(&r) / 2)
                snprintf(out, 192, "a variable whose name is cut short");
        else
                snprintf(out, 192, "variable %.120s, %llu bytes",
                         describe_text(sv_rd_bytes(&r, 2 * chars), 2, name),
                         (unsigned long long)size);
        return out;
}

static char *describe_blob(struct sv_bytes data, char out[192])
{
        struct sv_rd r = sv_rd(data);
        uint64_t base = sv_rd_u64le(&r), size = sv_rd_u64le(&r);

        snprintf(out, 192, "firmware volume at 0x%llx, %llu bytes", (unsigned long long)base,
                 (unsigned long long)size);
        return out;
}

/* Boot loaders write ASCII, systemd's stub UTF-16. */
static char *describe_loader_text(struct sv_bytes data, char out[192])
{
        bool wide = data.n >= 4 && data.n % 2 == 0 && data.p[0] && !data.p[1] &&
                    (data.n == 4 || !data.p[3]);

        return describe_text(data, wide ? 2 : 1, out);
}

/* UEFI specification 2.10, section 10.3: the nodes of a device path that name a file. */
static char *describe_path_node(uint8_t type, uint8_t subtype, struct sv_bytes data, char out[192])
{
        enum { MEDIA = 4, FILE_PATH = 4, FIRMWARE_FILE = 6 };

        if (type == MEDIA && subtype == FILE_PATH)
                describe_text(data, 2, out);
        else if (type == MEDIA && subtype == FIRMWARE_FILE && data.n == 16)
                sv_guid_text(data.p, out);
        return out;
}

/* Section 10.2.3: EFI_IMAGE_LOAD_EVENT, with a device path behind four numbers. */
static char *describe_loaded_image(const char *what, struct sv_bytes data, char out[192])
{
        struct sv_rd r = sv_rd(data);
        char name[192] = "";
        uint64_t size;

        sv_rd_skip(&r, 24);
        size = sv_rd_u64le(&r);
        if (size > sv_rd_left(&r))
                size = 0;
        r = sv_rd(sv_rd_bytes(&r, (size_t)size));
        while (sv_rd_left(&r) >= 4) {
                uint8_t type = sv_rd_u8(&r), subtype = sv_rd_u8(&r);
                uint16_t node = sv_rd_u16le(&r);

                if (node < 4)
                        break;
                describe_path_node(type, subtype, sv_rd_bytes(&r, node - 4u), name);
        }
        snprintf(out, 192, "%s%s%.150s", what, *name ? " " : "", name);
        return out;
}

/* What Linux's EFI stub writes (drivers/firmware/efi/libstub): tag, size, text. */
static char *describe_tag(struct sv_bytes data, char out[192])
{
        struct sv_rd r = sv_rd(data);

        sv_rd_skip(&r, 8);
        return describe_text(sv_rd_rest(&r), 1, out);
}

char *sv_tcg_describe(const struct sv_tcg_event *e, char out[192])
{
        switch (e->type) {
        case SV_EV_EFI_VARIABLE_DRIVER_CONFIG:
        case SV_EV_EFI_VARIABLE_BOOT:
        case SV_EV_EFI_VARIABLE_BOOT2:
        case SV_EV_EFI_VARIABLE_AUTHORITY:
                return describe_variable(e->data, out);
        case SV_EV_EFI_PLATFORM_FIRMWARE_BLOB:
                if (e->data.n == 16)
                        return describe_blob(e->data, out);
                break;
        case SV_EV_EVENT_TAG:
                return describe_tag(e->data, out);
        case SV_EV_EFI_ACTION:
        case SV_EV_NO_ACTION:
        case SV_EV_PLATFORM_CONFIG_FLAGS:
                return describe_text(e->data, 1, out);
        case SV_EV_IPL:
                return describe_loader_text(e->data, out);
        case SV_EV_SEPARATOR:
                snprintf(out, 192, "end of the firmware's own events");
                return out;
        case SV_EV_EFI_BOOT_SERVICES_APPLICATION:
                return describe_loaded_image("boot application", e->data, out);
        case SV_EV_EFI_BOOT_SERVICES_DRIVER:
                return describe_loaded_image("boot driver", e->data, out);
        }
        snprintf(out, 192, "%zu bytes", e->data.n);
        return out;
}
