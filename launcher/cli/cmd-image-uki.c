/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm image uki: kernel, initramfs, command line and ACPI tables in one measured image. */
#include <stdio.h>
#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/crypto/crypto.h"
#include "base/program/own-file.h"
#include "guest/guest.h"
#include "image/bundle.h"
#include "image/uki.h"
#include "launcher/choose.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"
#include "launcher/virt/acpi.h"
#include "ovmf/linux.h"

static const struct sv_opt options[] = {
        {.name = "out", .arg = "FILE", .help = "the image to write, for the guest file's \"uki\""},
        {.name = "acpi",
         .arg = "DIR",
         .help = "the ACPI tables of the guest's machine and firmware, from image acpi; a guest "
                 "file's are taken here without it"},
        {.name = "kernel", .arg = "FILE", .help = "without a guest file: the kernel"},
        {.name = "initrd", .arg = "FILE", .help = "without a guest file: the initramfs"},
        {.name = "cmdline", .arg = "TEXT", .help = "without a guest file: the whole command line"},
        {.name = "refuse",
         .help = "the guest does not start on a host whose ACPI tables are others; without, it "
                 "names them and starts with its own"},
        {.name = "stub", .arg = "FILE", .help = "the EFI stub (the one that was installed)"},
        {.name = "timeout",
         .arg = "SECONDS",
         .help = "without --acpi: how long the firmware may take in emulation (180)"},
        {0},
};

struct inputs {
        struct sv_guest guest;
        struct sv_map stub, kernel, initrd;
        struct sv_buf cmdline, acpi;
};

static void free_uki_inputs(struct inputs *in)
{
        sv_guest_free(&in->guest);
        sv_map_free(&in->stub);
        sv_map_free(&in->kernel);
        sv_map_free(&in->initrd);
        sv_buf_free(&in->cmdline);
        sv_buf_free(&in->acpi);
}

static const struct sv_own_file own_stub = {
        .what = "EFI stub",
        .option = "stub",
        .installed = "share/secure-vm/stub.efi",
        .built = "stub/stub.efi",
        .check = "image.stub",
};

static int map_stub(const char *given, struct sv_map *out, struct sv_err *err)
{
        SV_STR own = NULL;

        if (!given && sv_own_file_find(&own_stub, &own, err) < 0)
                return -1;
        return sv_file_map(given ? given : own, SV_KERNEL_SIZE_MAX, out, "image.stub", err);
}

/* From a guest file the command line has the agent's words, as launch would give it. */
static int take_guest_parts(const struct sv_args *args, struct inputs *in, struct sv_err *err)
{
        static const char *const parts[] = {"kernel", "initrd", "cmdline"};

        for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
                if (sv_has(args, parts[i]))
                        return sv_fail(err, SV_USAGE, "image.options",
                                       "either a guest file or --%s was expected, found both; "
                                       "leave --%s out",
                                       parts[i], parts[i]);
        if (sv_guest_take(args->pos[0], &in->guest, err) < 0)
                return -1;
        if (!in->guest.kernel)
                return sv_fail(err, SV_USAGE, "image.options",
                               "%s: \"kernel\" was expected, found \"uki\": this guest is an image "
                               "already",
                               args->pos[0]);
        return sv_guest_cmdline(&in->guest, &in->cmdline, err);
}

static int map_parts(const struct sv_args *args, struct inputs *in, struct sv_err *err)
{
        const char *kernel = sv_opt(args, "kernel"), *initrd = sv_opt(args, "initrd");

        if (args->n) {
                if (take_guest_parts(args, in, err) < 0)
                        return -1;
                kernel = in->guest.kernel;
                initrd = in->guest.initrd;
        } else if (sv_opt(args, "cmdline")) {
                sv_buf_puts(&in->cmdline, sv_opt(args, "cmdline"));
        }
        if (!kernel)
                return sv_fail(err, SV_USAGE, "image.options",
                               "a guest file or --kernel was expected");
        if (sv_file_map(kernel, SV_KERNEL_SIZE_MAX, &in->kernel, "image.kernel", err) < 0)
                return -1;
        if (!initrd)
                return 0;
        if (sv_file_map(initrd, SV_INITRD_SIZE_MAX, &in->initrd, "image.initrd", err) < 0)
                return -1;
        return sv_initramfs_check(in->initrd.bytes, err) < 0 ? sv_wrap(err, "%s", initrd) : 0;
}

/* Of the machine that launch would start for the guest file. */
static int take_tables(const struct sv_args *args, const struct sv_guest *g, const char *dir,
                       struct sv_err *err)
{
        const char *timeout = sv_opt(args, "timeout");
        const struct sv_tee_host *tee;
        SV_ARGV command = {0};
        uint64_t seconds = 180;
        size_t n;

        if (timeout && sv_parse_u64(timeout, 3600, &seconds, "acpi.timeout", err) < 0)
                return -1;
        if (sv_tee_choose(NULL, g, SV_CHOOSE_ANY, &tee, err) < 0 ||
            sv_acpi_make_guest_argv(g, tee, NULL, &command, err) < 0)
                return -1;
        return sv_acpi_probe(&command, (unsigned)seconds, dir, &n, err);
}

static int bundle_tables(const struct sv_args *args, struct inputs *in, struct sv_bundle_made *made,
                         struct sv_err *err)
{
        const char *given = sv_opt(args, "acpi");
        char dir[] = "/tmp/secure-vm-XXXXXX";
        int r;

        if (given)
                return sv_bundle_make(given, sv_has(args, "refuse"), &in->acpi, made, err);
        if (!mkdtemp(dir))
                return sv_fail_errno(err, "image.acpi", "%s", dir);
        r = take_tables(args, &in->guest, dir, err);
        if (r == 0)
                r = sv_bundle_make(dir, sv_has(args, "refuse"), &in->acpi, made, err);
        sv_remove_tree(dir, NULL);
        return r;
}

static int write_uki(const struct sv_args *args, struct inputs *in, struct sv_json **result,
                     struct sv_err *err)
{
        const char *out = sv_opt(args, "out");
        struct sv_bundle_made made = {0};
        SV_BUF image = SV_BUF_NULL;
        uint8_t digest[SV_DIGEST_MAX];
        struct sv_uki_parts parts;

        if (bundle_tables(args, in, &made, err) < 0)
                return -1;
        parts = (struct sv_uki_parts){.stub = in->stub.bytes,
                                      .acpi = sv_buf_bytes(&in->acpi),
                                      .cmdline = sv_buf_bytes(&in->cmdline),
                                      .initrd = in->initrd.bytes,
                                      .kernel = in->kernel.bytes};
        if (sv_uki_make(&parts, &image, err) < 0 ||
            sv_digest(SV_SHA256, sv_buf_bytes(&image), digest, err) < 0 ||
            sv_output_write(out, 0666, sv_buf_bytes(&image), err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "out", out);
        sv_json_set_int(*result, "size", (int64_t)image.n);
        sv_json_set_hex(*result, "sha256", sv_bytes(digest, 32));
        sv_json_set_int(*result, "tables", (int64_t)made.tables);
        sv_json_set_int(*result, "hidden", (int64_t)made.hidden);
        if (!sv_has(args, "json"))
                printf("%s: %zu bytes, %zu ACPI tables\n", out, image.n, made.tables);
        return 0;
}

static int run_image_uki(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct inputs in = {0};
        int r = -1;

        if (!sv_opt(args, "out") || (!args->n && !sv_opt(args, "acpi")))
                return sv_fail(err, SV_USAGE, "image.options",
                               "--out is needed, and without a guest file --acpi");
        if (map_stub(sv_opt(args, "stub"), &in.stub, err) == 0 && map_parts(args, &in, err) == 0)
                r = write_uki(args, &in, result, err);
        free_uki_inputs(&in);
        return r;
}

const struct sv_cmd sv_cmd_image_uki = {
        .name = "image uki",
        .args = "[GUEST.json]",
        .help = "make a guest of one image: kernel, initramfs, command line and the machine's ACPI "
                "tables behind an EFI stub, measured as a whole",
        .opts = options,
        .run = run_image_uki,
};
