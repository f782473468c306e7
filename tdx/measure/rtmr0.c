/* SPDX-License-Identifier: Apache-2.0 */
/* RTMR0: hand-off blocks, configuration volume, items of fw_cfg, Secure Boot, ACPI, boot options.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/core/file.h"
#include "ovmf/secureboot.h"
#include "tdx/measure/hob.h"
#include "tdx/measure/rtmr.h"

/* The list of hand-off blocks (OvmfPkg/IntelTdx/TdxHelperLib), and the volume of variables as it
 * lies in the image. */
static int add_launch(struct sv_prediction *p, const struct sv_tdx_boot *b,
                      const struct sv_tdvf_section *cfv, struct sv_err *err)
{
        SV_BUF list = SV_BUF_NULL;

        if (sv_tdx_hob(&b->firmware->tdvf, b->guest->memory, &list, err) < 0 ||
            sv_event_data(p, 0, SV_EV_EFI_HANDOFF_TABLES2,
                          sv_bytes(list.p, list.n - SV_TDX_HOB_END), err,
                          "hand-off blocks (TdxTable), %llu MiB of memory",
                          (unsigned long long)(b->guest->memory >> 20)) < 0)
                return -1;
        if (!cfv)
                return 0;
        return sv_event_data(p, 0, SV_EV_EFI_PLATFORM_FIRMWARE_BLOB2, cfv->raw, err,
                             "configuration volume of the image, %zu bytes", cfv->raw.n);
}

/* OvmfPkg/Library/QemuFwCfgLib/QemuFwCfgCacheInit.c: what is not there, is empty or has another
 * size is passed over. */
static int add_fw_cfg(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        /* What a kernel makes of the boot order (hw/i386/x86-common.c); libvirt asks for a strict
         * one (system/bootdevice.c), QEMU by itself does not. */
        static const char ours[] = "/rom@genroms/linuxboot_dma.bin\nHALT",
                          plain[] = "/rom@genroms/linuxboot_dma.bin";
        bool by_hand = b->guest->cmdline_exact; /* measured by flags, not as launch starts it */
        struct sv_bytes order =
                by_hand ? sv_bytes(plain, sizeof(plain)) : sv_bytes(ours, sizeof(ours));
        const struct {
                const char *name;
                size_t size; /* 0: any */
                struct sv_bytes otherwise;
        } items[] = {
                {"etc/extra-pci-roots", 8, {0}},
                /* a number of old, no file: always there, 0 without -boot menu=on */
                {"BootMenu", 2, {(const uint8_t *)"\0", 2}},
                {"etc/boot-menu-wait", 2, {0}},
                {"etc/reserved-memory-end", 8, {0}},
                {"opt/ovmf/X-PciMmio64Mb", 0, {0}},
                {"bootorder", 0, order},
        };

        for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++) {
                SV_BUF file = SV_BUF_NULL;
                int found = sv_tdx_fw_cfg(b, items[i].name, &file, err);
                struct sv_bytes data = found ? sv_buf_bytes(&file) : items[i].otherwise;

                if (found < 0)
                        return -1;
                if (!found && !strcmp(items[i].name, "bootorder") &&
                    b->guest->n_disks + b->guest->n_nics) {
                        sv_event_unknown(p, 0, SV_EV_PLATFORM_CONFIG_FLAGS, "fw_cfg bootorder");
                        sv_event_unpredicted(
                                p, 0,
                                "the order of boot devices (fw_cfg \"bootorder\") names the "
                                "guest's disks and network cards as libvirt places "
                                "them, and is measured; have it in the folder that \"acpi\" names");
                        continue;
                }
                if (!data.n || (items[i].size && data.n != items[i].size))
                        continue;
                if (sv_event_data(
                            p, 0, SV_EV_PLATFORM_CONFIG_FLAGS, data, err, "fw_cfg %s, %zu bytes%s",
                            items[i].name, data.n,
                            found ? ""
                                  : ", as QEMU makes it for a kernel and no other boot device") < 0)
                        return -1;
        }
        return 0;
}

static int add_variables(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        const struct sv_tdx_firmware *f = b->firmware;
        const struct sv_variable *dbt = sv_varstore_get(b->store, sv_guid_security, "dbt");

        if (sv_event_secure_boot(p, 0, b->store, f->secure_boot, err) < 0 ||
            (dbt && sv_event_variable(p, 0, SV_EV_EFI_VARIABLE_DRIVER_CONFIG, sv_guid_security,
                                      "dbt", dbt->data, err) < 0) ||
            sv_event_data(p, 0, SV_EV_SEPARATOR, SV_TDX_SEPARATOR, err,
                          "end of the Secure Boot variables") < 0)
                return -1;
        if (sv_tdx_acpi(p, b, err) < 0 || sv_tdx_firmware_authority(p, b, err) < 0 ||
            sv_tdx_boot_variables(p, b, err) < 0)
                return -1;
        if (f->generation && f->generation->separator == 0 &&
            sv_event_data(p, 0, SV_EV_SEPARATOR, SV_TDX_SEPARATOR, err,
                          "end of the firmware's own events") < 0)
                return -1;
        return sv_tdx_shim_variables(p, b, err);
}

int sv_tdx_rtmr0(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        if (add_launch(p, b, sv_tdvf_find(&b->firmware->tdvf, SV_TDVF_CFV), err) < 0)
                return -1;
        if (!b->files) {
                sv_event_unpredicted(p, 0,
                                     "without a kernel the firmware makes a boot option of every "
                                     "device that it finds, and measures them");
                return 0;
        }
        if (!b->store) {
                sv_event_unpredicted(p, 0,
                                     "the firmware's volumes are not those of an OVMF that is "
                                     "known: which events it makes is not known either");
                return 0;
        }
        if (*b->refused)
                sv_event_unpredicted(p, 0, "%s", b->refused);
        if (!b->firmware->generation && !b->firmware->older)
                sv_event_unknown(p, 0, SV_EV_PLATFORM_CONFIG_FLAGS, "fw_cfg, in some generations");
        if (!b->firmware->generation)
                sv_event_unpredicted(p, 0,
                                     "the image does not show whether its EDK II is older than "
                                     "stable202411; say so (\"generation\": \"202202\" or "
                                     "\"202411\")");
        else if (b->firmware->generation->fw_cfg && add_fw_cfg(p, b, err) < 0)
                return -1;
        return add_variables(p, b, err);
}
