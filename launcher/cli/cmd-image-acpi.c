/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm image acpi: the ACPI tables of a guest's machine, from a QEMU that starts the same: for
 * predicting what a TD's firmware measures, and for images that bring them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/choose.h"
#include "base/core/file.h"
#include "base/json/json.h"
#include "base/core/text.h"
#include "launcher/virt/acpi.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"

/* How a TD's machine differs from an ordinary one: no system management mode, no legacy interrupt
 * controller; and no HPET, as launch has it. */
#define MACHINE "q35,smm=off,pic=off,hpet=off"

static const struct sv_opt options[] = {
        {.name = "out",
         .arg = "DIR",
         .help = "the folder to write, for measure --acpi, the guest file's \"acpi\" and image "
                 "uki"},
        {.name = "firmware",
         .arg = "FILE",
         .help = "without a guest file: the firmware image, the same as the guest's"},
        {.name = "kernel",
         .arg = "FILE",
         .help = "without a guest file: its kernel, when it starts from one: it is part of the "
                 "boot order"},
        {.name = "memory", .arg = "SIZE", .help = "without a guest file: its memory (1GiB)"},
        {.name = "vcpus", .arg = "N", .help = "without a guest file: its CPUs (2)"},
        {.name = "machine", .arg = "M", .help = "without a guest file: its machine (" MACHINE ")"},
        {.name = "arg",
         .arg = "ARG",
         .help = "without a guest file: one more argument for QEMU, in order: --arg -device --arg "
                 "virtio-rng-pci,disable-legacy=on (as QEMU has it for a TD)",
         .many = true},
        {.name = "connect",
         .arg = "URI",
         .help = "with a guest file: ask this libvirt (as qemu:///system) how it would start it, "
                 "instead of our own",
         .letter = 'c'},
        {.name = "qemu",
         .arg = "FILE",
         .help = "the QEMU that will run the guest (qemu-system-x86_64, or the one that libvirt "
                 "names)"},
        {.name = "timeout",
         .arg = "SECONDS",
         .help = "how long the firmware may take in emulation (180)"},
        {0},
};

/* From a guest file nothing else says what the machine is, or it would not be the one that launch
 * starts. */
static int take_guest_machine(const struct sv_args *args, struct sv_argv *out,
                              struct sv_json *shape, struct sv_err *err)
{
        static const char *const parts[] = {"firmware", "kernel",  "memory",
                                            "vcpus",    "machine", "arg"};
        const char *qemu = sv_opt(args, "qemu");
        const struct sv_tee_host *tee;
        bool vsock = false;
        SV_GUEST g = {0};

        for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
                if (sv_has(args, parts[i]))
                        return sv_fail(err, SV_USAGE, "acpi.options",
                                       "either a guest file or --%s was expected, found both; "
                                       "leave --%s out",
                                       parts[i], parts[i]);
        if (sv_guest_take(args->pos[0], &g, err) < 0)
                return -1;
        if (sv_tee_choose(NULL, &g, SV_CHOOSE_ANY, &tee, err) < 0)
                return -1;
        if (sv_acpi_make_guest_argv(&g, tee, sv_opt(args, "connect"), out, err) < 0)
                return -1;
        for (size_t i = 0; i < out->n; i++)
                vsock = vsock || strstr(out->list[i], "\"id\":\"vsock0\"");
        sv_json_set_int(shape, "memory", (int64_t)g.memory);
        sv_json_set_int(shape, "vcpus", g.vcpus);
        sv_json_set_int(shape, "disks", (int64_t)g.n_disks);
        sv_json_set_int(shape, "cells", g.tune.numa.cells > 1 ? g.tune.numa.cells : 0);
        sv_json_set_int(shape, "threads", g.tune.cpus.threads > 1 ? g.tune.cpus.threads : 0);
        sv_json_set_int(shape, "nics", (int64_t)g.n_nics);
        sv_json_set_int(shape, "vsock", vsock);
        if (qemu) {
                free(out->list[0]);
                out->list[0] = strdup(qemu);
                if (!out->list[0])
                        return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        }
        return 0;
}

static int take_option_machine(const struct sv_args *args, struct sv_argv *out,
                               struct sv_json *shape, struct sv_err *err)
{
        const char *more[SV_ARGS_MAX + 1] = {0}, *memory = sv_opt(args, "memory"),
                                       *vcpus = sv_opt(args, "vcpus");
        struct sv_acpi_machine m = {.qemu = sv_opt(args, "qemu"),
                                    .machine = sv_opt(args, "machine"),
                                    .firmware = sv_opt(args, "firmware"),
                                    .kernel = sv_opt(args, "kernel"),
                                    .more = more};
        uint64_t bytes, cpus = 2;

        if (!m.firmware || sv_has(args, "connect"))
                return sv_fail(err, SV_USAGE, "acpi.options",
                               m.firmware ? "--connect is for a guest file"
                                          : "a guest file or --firmware was expected");
        if (sv_parse_size(memory ? memory : "1GiB", &bytes, "acpi.memory", err) < 0)
                return -1;
        if (sv_acpi_check_memory(bytes, err) < 0)
                return -1;
        if (vcpus && sv_parse_u64(vcpus, 4096, &cpus, "acpi.vcpus", err) < 0)
                return -1;
        for (int i = 0; sv_opt_nth(args, "arg", i); i++)
                more[i] = sv_opt_nth(args, "arg", i);
        m.qemu = m.qemu ? m.qemu : "qemu-system-x86_64";
        m.machine = m.machine ? m.machine : MACHINE;
        m.memory = bytes;
        m.vcpus = (unsigned)cpus;
        sv_json_set_int(shape, "memory", (int64_t)bytes);
        sv_json_set_int(shape, "vcpus", (int64_t)cpus);
        sv_acpi_make_argv(&m, out);
        return 0;
}

/* Which machine it was, for those who measure with the folder (docs/FORMATS.md). */
static int save_shape(const char *dir, const struct sv_json *shape, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/machine.json", dir);
        SV_BUF text = SV_BUF_NULL;

        sv_json_pretty(shape, &text);
        return sv_buf_ok(&text, "the machine's shape", err) < 0
                       ? -1
                       : sv_file_write(path, 0644, sv_buf_bytes(&text), err);
}

static int run_image_acpi(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *out = sv_opt(args, "out"), *timeout = sv_opt(args, "timeout");
        uint64_t seconds = 180;
        SV_JSON *shape = sv_json_object();
        SV_ARGV command = {0};
        size_t n = 0;

        if (!out)
                return sv_fail(err, SV_USAGE, "acpi.options",
                               "--out is needed, the folder to write");
        if (timeout && sv_parse_u64(timeout, 3600, &seconds, "acpi.timeout", err) < 0)
                return -1;
        if ((args->n ? take_guest_machine(args, &command, shape, err)
                     : take_option_machine(args, &command, shape, err)) < 0)
                return -1;
        if (sv_acpi_probe(&command, (unsigned)seconds, out, &n, err) < 0)
                return -1;
        if (save_shape(out, shape, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "out", out);
        sv_json_set_int(*result, "files", (int64_t)n);
        sv_json_set(*result, "machine", sv_json_ref(shape));
        if (!sv_has(args, "json"))
                printf("%s: %zu files\n", out, n);
        return 0;
}

const struct sv_cmd sv_cmd_image_acpi = {
        .name = "image acpi",
        .args = "[GUEST.json]",
        .help = "take the ACPI tables of a machine from QEMU, for predicting what a TD measures "
                "and for "
                "measured images",
        .opts = options,
        .run = run_image_acpi,
};
