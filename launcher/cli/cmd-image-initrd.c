/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm image initrd: the measured initramfs. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/program/cli.h"
#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "base/json/json.h"
#include "base/core/text.h"
#include "image/initrd.h"
#include "image/modules.h"
#include "launcher/cli/commands.h"

static const struct sv_opt options[] = {
        {.name = "kernel-modules",
         .arg = "DIR",
         .help = "the kernel's modules, /lib/modules/VERSION; without, the kernel must have "
                 "everything built in"},
        {.name = "agent",
         .arg = "FILE",
         .help = "the program that becomes /init (the secure-vm-agent that was installed)"},
        {.name = "out", .arg = "FILE", .help = "the initramfs to write"},
        {.name = "module",
         .arg = "NAME",
         .help = "one more kernel module, with what it needs",
         .many = true},
        {.name = "library",
         .arg = "NAME",
         .help = "one more shared library, with what it needs",
         .many = true},
        {.name = "ca",
         .arg = "FILE",
         .help = "PEM certificates of the CA by which the broker is known"},
        {.name = "integrity", .help = "modules for a disk that \"image encrypt --integrity\" made"},
        {.name = "quote-port",
         .arg = "PORT",
         .help = "TDX: take quotes from the host's quote service at this vsock port (Intel's is "
                 "4050) first"},
        {.name = "modules-list", .help = "print the modules in the order of loading"},
        {0},
};

/* The kinds by which the contents are summed up. */
enum kind { AGENT, LIBRARY, MODULE, OTHER, KINDS };
static const char *const kind_names[KINDS] = {"agent", "library", "module", "other"};

static enum kind guess_kind(const char *path)
{
        if (strcmp(path, "init") == 0)
                return AGENT;
        if (strncmp(path, "lib/modules/", 12) == 0)
                return MODULE;
        return strncmp(path, "lib", 3) == 0 || strncmp(path, "usr/lib", 7) == 0 ? LIBRARY : OTHER;
}

static struct sv_json *list_parts(const struct sv_cpio *tree)
{
        struct sv_json *list = sv_json_array();

        for (size_t i = 0; i < tree->n; i++) {
                const struct sv_cpio_entry *e = &tree->list[i];
                struct sv_json *part;

                if (!S_ISREG(e->mode))
                        continue;
                part = sv_json_add(list, sv_json_object());
                sv_json_set_str(part, "path", e->path);
                sv_json_set_str(part, "kind", kind_names[guess_kind(e->path)]);
                sv_json_set_int(part, "size", (int64_t)e->data.n);
        }
        return list;
}

static void print_summary(const struct sv_cpio *tree, const char *out, size_t size)
{
        unsigned n[KINDS] = {0};
        uint64_t sum[KINDS] = {0};
        char text[32];

        for (size_t i = 0; i < tree->n; i++) {
                if (!S_ISREG(tree->list[i].mode))
                        continue;
                n[guess_kind(tree->list[i].path)]++;
                sum[guess_kind(tree->list[i].path)] += tree->list[i].data.n;
        }
        for (int k = 0; k < KINDS; k++)
                printf("%-8s %3u files  %s\n", kind_names[k], n[k], sv_format_size(sum[k], text));
        printf("%s: %s compressed\n", out, sv_format_size(size, text));
}

static void print_modules(const struct sv_cpio *tree)
{
        const struct sv_cpio_entry *e = sv_cpio_find(tree, "etc/secure-vm/modules");

        if (e)
                fwrite(e->data.p, 1, e->data.n, stdout);
}

/* The default list and then the names given with --module. */
static const char **get_module_names(const struct sv_args *args, const char **room)
{
        size_t n = 0;

        for (; sv_initrd_modules[n]; n++)
                room[n] = sv_initrd_modules[n];
        for (int i = 0; sv_opt_nth(args, "module", i); i++)
                room[n++] = sv_opt_nth(args, "module", i);
        room[n] = NULL;
        return room;
}

static int run_image_initrd(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *modules[64 + SV_ARGS_MAX], *libraries[SV_ARGS_MAX + 1] = {0};
        const char *out = sv_opt(args, "out");
        struct sv_initrd_in in = {
                .modules_dir = sv_opt(args, "kernel-modules"),
                .agent = sv_opt(args, "agent"),
                .modules = get_module_names(args, modules),
                .libraries = libraries,
                .ca = sv_opt(args, "ca"),
                .integrity = sv_has(args, "integrity"),
        };
        SV_CPIO tree = SV_CPIO_NULL;
        SV_BUF packed = SV_BUF_NULL;
        uint8_t digest[SV_DIGEST_MAX];
        uint64_t port = 0;

        for (int i = 0; sv_opt_nth(args, "library", i); i++)
                libraries[i] = sv_opt_nth(args, "library", i);
        if (!out)
                return sv_fail(err, SV_USAGE, "image.options", "--out is needed");
        if (sv_has(args, "module") && !in.modules_dir)
                return sv_fail(
                        err, SV_USAGE, "image.options",
                        "--module %s is looked for in --kernel-modules DIR, which is missing",
                        sv_opt_nth(args, "module", 0));
        if (sv_has(args, "quote-port") && (sv_parse_u64(sv_opt(args, "quote-port"), UINT32_MAX - 1,
                                                        &port, "image.quote-port", NULL) < 0 ||
                                           !port))
                return sv_fail(
                        err, SV_USAGE, "image.quote-port",
                        "--quote-port: expected a vsock port from 1 to 4294967294, found \"%s\"",
                        sv_opt(args, "quote-port"));
        in.quote_port = (unsigned)port;
        if (sv_initrd_tree(&in, &tree, err) < 0 || sv_initrd_pack(&tree, &packed, err) < 0)
                return -1;
        if (sv_digest(SV_SHA256, sv_buf_bytes(&packed), digest, err) < 0)
                return -1;
        if (sv_output_write(out, 0666, sv_buf_bytes(&packed), err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "out", out);
        sv_json_set_int(*result, "size", (int64_t)packed.n);
        sv_json_set_hex(*result, "sha256", sv_bytes(digest, 32));
        sv_json_set(*result, "parts", list_parts(&tree));
        if (sv_has(args, "json"))
                return 0;
        if (sv_has(args, "modules-list"))
                print_modules(&tree);
        else
                print_summary(&tree, out, packed.n);
        return 0;
}

const struct sv_cmd sv_cmd_image_initrd = {
        .name = "image initrd",
        .args = "",
        .help = "make the measured initramfs: the agent, its libraries and the kernel modules it "
                "loads",
        .opts = options,
        .run = run_image_initrd,
};
