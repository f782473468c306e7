/* secure-vm image acpi: the ACPI tables that a TD's firmware will measure, from a QEMU that starts the same machine. */
#include <stdio.h>

#include "base/json.h"
#include "base/text.h"
#include "launcher/acpi.h"
#include "launcher/commands.h"

/* How a TD's machine differs from an ordinary one: no system management mode, no legacy interrupt controller. */
#define MACHINE "q35,smm=off,pic=off,hpet=off"

static const struct sv_opt options[] = {
        {.name = "out", .arg = "DIR", .help = "the folder to write, for measure --acpi and the guest file's \"acpi\""},
        {.name = "firmware", .arg = "FILE", .help = "the firmware image, the same as the guest's"},
        {.name = "kernel", .arg = "FILE", .help = "the guest's kernel, when it starts from one: it is part of the boot order"},
        {.name = "memory", .arg = "SIZE", .help = "the guest's memory (1GiB)"},
        {.name = "vcpus", .arg = "N", .help = "the guest's CPUs (2)"},
        {.name = "qemu", .arg = "FILE", .help = "the QEMU that will run the guest (qemu-system-x86_64)"},
        {.name = "machine", .arg = "M", .help = "its machine (" MACHINE ")"},
        {.name = "timeout", .arg = "SECONDS", .help = "how long the firmware may take in emulation (180)"},
        {.name = "arg", .arg = "ARG", .help = "one more argument for QEMU, in order: --arg -device --arg virtio-rng-pci", .many = true},
        {0},
};

static int run(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *more[SV_ARGS_MAX + 1] = {0}, *out = sv_opt(args, "out"), *memory = sv_opt(args, "memory");
        const char *vcpus = sv_opt(args, "vcpus"), *timeout = sv_opt(args, "timeout");
        struct sv_acpi_machine m = {.qemu = sv_opt(args, "qemu"), .machine = sv_opt(args, "machine"), .firmware = sv_opt(args, "firmware"),
                                    .kernel = sv_opt(args, "kernel"), .more = more};
        uint64_t bytes, cpus = 2, seconds = 180;
        size_t n = 0;

        if (!out || !m.firmware)
                return sv_fail(err, SV_USAGE, "acpi.options", "--out and --firmware are needed");
        if (sv_parse_size(memory ? memory : "1GiB", &bytes, "acpi.memory", err) < 0 ||
            (vcpus && sv_parse_u64(vcpus, 4096, &cpus, "acpi.vcpus", err) < 0) ||
            (timeout && sv_parse_u64(timeout, 3600, &seconds, "acpi.timeout", err) < 0))
                return -1;
        for (int i = 0; sv_opt_nth(args, "arg", i); i++)
                more[i] = sv_opt_nth(args, "arg", i);
        m.qemu = m.qemu ? m.qemu : "qemu-system-x86_64";
        m.machine = m.machine ? m.machine : MACHINE;
        m.memory = bytes;
        m.vcpus = (unsigned)cpus;
        m.timeout = (unsigned)seconds;
        if (sv_acpi_probe(&m, out, &n, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "out", out);
        sv_json_set_int(*result, "files", (int64_t)n);
        if (!sv_has(args, "json"))
                printf("%s: %zu files\n", out, n);
        return 0;
}

const struct sv_cmd sv_cmd_image_acpi = {
        .name = "image acpi",
        .args = "",
        .help = "take the ACPI tables of a machine from QEMU, for predicting what a TD measures",
        .opts = options,
        .run = run,
};
