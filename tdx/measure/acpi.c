/* SPDX-License-Identifier: Apache-2.0 */
/* RTMR0: the ACPI tables that QEMU gives the firmware, from files (ACPI 6.5, sections 5.2.6
 * and 5.2.12). */
#include <stdio.h>

#include "base/core/rd.h"
#include "tdx/measure/rtmr.h"

enum { LOCAL_APIC = 0, LOCAL_X2APIC = 9 };

/* The processors that a MADT says are there; those that could be plugged in later are not enabled.
 */
static unsigned count_cpus(struct sv_rd madt)
{
        unsigned n = 0;

        sv_rd_skip(&madt, 36 + 8); /* the header; the address of the local APICs, flags */
        while (sv_rd_left(&madt) >= 2) {
                uint8_t type = sv_rd_u8(&madt), length = sv_rd_u8(&madt);
                struct sv_rd entry = sv_rd_sub(&madt, length < 2 ? SIZE_MAX : length - 2u);

                if (type == LOCAL_X2APIC)
                        sv_rd_skip(&entry, 6); /* reserved, id */
                else
                        sv_rd_skip(&entry, 2); /* processor, id */
                if ((type == LOCAL_APIC || type == LOCAL_X2APIC) && sv_rd_u32le(&entry) & 1 &&
                    !entry.bad)
                        n++;
                if (madt.bad)
                        return 0;
        }
        return n;
}

/* What image acpi says of the machine whose tables they are: of this guest as it was before, they
 * would give a register that no TD ever has. */
static int check_shape(const struct sv_tdx_boot *b, struct sv_err *err)
{
        const struct sv_guest *g = b->guest;
        const struct {
                const char *member;
                int64_t is;
                bool newer; /* not in what older versions wrote, of machines that had none */
        } t[] = {{"memory", (int64_t)g->memory},
                 {"vcpus", g->vcpus},
                 {"disks", (int64_t)g->n_disks},
                 {"nics", (int64_t)g->n_nics},
                 {"vsock", b->options->quote_port != 0},
                 {"cells", g->tune.numa.cells > 1 ? g->tune.numa.cells : 0, true},
                 {"threads", g->tune.cpus.threads > 1 ? g->tune.cpus.threads : 0, true}};
        SV_BUF file = SV_BUF_NULL;
        SV_JSON *shape = NULL;
        int found = sv_tdx_fw_cfg(b, "machine.json", &file, err);

        if (found <= 0)
                return found;
        if (sv_json_parse(sv_buf_bytes(&file), "tdx.acpi", &shape, err) < 0)
                return sv_wrap(err, "machine.json in %s", b->options->acpi);
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                int64_t was =
                        sv_json_int(sv_json_get(shape, t[i].member), t[i].newer ? 0 : t[i].is);

                if (was != t[i].is)
                        return sv_fail(err, SV_USAGE, "tdx.acpi",
                                       "%s was made for a machine with %s %lld, and the guest has "
                                       "%lld: make it anew for this guest "
                                       "(secure-vm image acpi)",
                                       b->options->acpi, t[i].member, (long long)was,
                                       (long long)t[i].is);
        }
        return 0;
}

/* Tables without a word about their machine: how many CPUs they are for can be seen. */
static int check_table_cpus(const struct sv_tdx_boot *b, struct sv_bytes tables, struct sv_err *err)
{
        struct sv_rd r = sv_rd(tables);

        while (sv_rd_left(&r) > 44) {
                struct sv_rd table = r;
                uint32_t signature = sv_rd_u32le(&table), length = sv_rd_u32le(&table);
                struct sv_rd whole = sv_rd_sub(&r, length);
                unsigned n;

                if (r.bad || length < 8)
                        break;
                if (signature != 0x43495041) /* "APIC" */
                        continue;
                n = count_cpus(whole);
                if (n == b->guest->vcpus)
                        return 0;
                return sv_fail(err, SV_USAGE, "tdx.acpi",
                               "%s has the ACPI tables of a machine with %u vCPUs, and the guest "
                               "has %u: make them anew for this guest "
                               "(secure-vm image acpi)",
                               b->options->acpi, n, b->guest->vcpus);
        }
        return sv_fail(err, SV_FORMAT, "tdx.acpi",
                       "etc/acpi/tables in %s has no table of processors (MADT), which every QEMU "
                       "makes: it is no file of QEMU's fw_cfg, or "
                       "damaged",
                       b->options->acpi);
}

int sv_tdx_acpi(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        static const char *const names[] = {"etc/table-loader", "etc/acpi/rsdp", "etc/acpi/tables"};

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                SV_BUF file = SV_BUF_NULL;
                char what[64];
                int found = sv_tdx_fw_cfg(b, names[i], &file, err);

                if (found < 0 || (found && i == 2 &&
                                  (check_shape(b, err) < 0 ||
                                   check_table_cpus(b, sv_buf_bytes(&file), err) < 0)))
                        return -1;
                if (found && sv_event_data(p, 0, SV_EV_PLATFORM_CONFIG_FLAGS, sv_buf_bytes(&file),
                                           err, "ACPI %s, %zu bytes", names[i], file.n) < 0)
                        return -1;
                if (found)
                        continue;
                snprintf(what, sizeof(what), "ACPI %s", names[i]);
                sv_event_unknown(p, 0, SV_EV_PLATFORM_CONFIG_FLAGS, what);
                if (b->options->acpi)
                        return sv_fail(
                                err, SV_USAGE, "tdx.fw_cfg",
                                "%s has no %s; it was expected as QEMU's fw_cfg names it, or as "
                                "/sys/firmware/qemu_fw_cfg/by_name has it in a guest of the same "
                                "shape",
                                b->options->acpi, names[i]);
                sv_event_unpredicted(p, 0,
                                     "QEMU's ACPI tables are measured, and depend on its version, "
                                     "the CPUs and every device; give them "
                                     "(\"acpi\": a folder that secure-vm image acpi makes; "
                                     "secure-vm measure --acpi)");
        }
        return 0;
}
