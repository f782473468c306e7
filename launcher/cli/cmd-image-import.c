/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm image import: the disk of a virtual machine becomes all that a guest is made of. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/json/json.h"
#include "base/program/log.h"
#include "base/program/progress.h"
#include "image/import/medium.h"
#include "image/import/system.h"
#include "image/initrd.h"
#include "image/run.h"
#include "image/verity.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/delivery.h"
#include "launcher/cli/guest-folder.h"
#include "ovmf/linux.h"

static const struct sv_opt options[] = {
        {.name = "out", .arg = "DIR", .help = "the guest's folder, which is made"},
        {.name = "partition",
         .arg = "N",
         .help = "the root's partition; otherwise the only one that has a system"},
        {.name = "kernel",
         .arg = "VERSION",
         .help = "which of the system's kernels; otherwise the newest"},
        {.name = "drop",
         .arg = "PATH",
         .help = "the system may do without what it mounts here from another partition",
         .many = true},
        {.name = "agent",
         .arg = "FILE",
         .help = "the secure-vm-agent program; otherwise the one that was installed with this "
                 "program"},
        {.name = "name", .arg = "NAME", .help = "the guest's name; otherwise the folder's"},
        {.name = "tee", .arg = "TEE", .help = "the guest file's \"tee\""},
        {.name = "memory", .arg = "SIZE", .help = "the guest file's \"memory\""},
        {.name = "cmdline",
         .arg = "WORDS",
         .help = "the kernel's command line (console=ttyS0), which the policy will hold"},
        {.name = "guest-url",
         .arg = "URL",
         .help = "the broker as the guest reaches it; otherwise as this host does, and for an "
                 "address of this host 10.0.2.2"},
        {.name = "resource",
         .arg = "R/T/G",
         .help = "where the broker keeps the key; otherwise default/NAME/root"},
        {.name = "size", .arg = "SIZE", .help = "a larger disk, for the file system to grow into"},
        {.name = "integrity",
         .help = "with an authentication tag for every block: a changed disk is noticed"},
        {.name = "verity",
         .help = "a disk that is only read, every block of it verified, without a key"},
        {.name = "recovery-key",
         .arg = "FILE",
         .help = "also write the key here: whoever has this file can open the disk"},
        SV_ADMIN_OPTS,
        {0},
};

struct import {
        const struct sv_args *args;
        const char *drop[SV_ARGS_MAX + 1];
        bool verity, integrity;
        char *name, *resource;
        /* without --verity */
        struct sv_broker_entry broker;
        struct sv_admin *admin;
        uint64_t wanted_size; /* 0: as the root needs */
        struct sv_medium medium;
        struct sv_system system;
        struct sv_guest_folder folder;
        char uuid[37];      /* of the encrypted disk */
        struct sv_buf word; /* of the verity disk */
        uint64_t size;      /* of the disk that was made */
        size_t initrd_size;
};

static void end_import(struct import *im)
{
        sv_guest_folder_end(&im->folder);
        sv_system_close(&im->system);
        sv_medium_close(&im->medium);
        sv_broker_entry_free(&im->broker);
        sv_admin_freep(&im->admin);
        sv_buf_free(&im->word);
        free(im->name);
        free(im->resource);
}

static char *name_part(struct import *im, const char *file)
{
        return sv_asprintf("%s/%s", im->folder.scratch.dir, file);
}

/* --- what is wanted --- */

static int read_name(struct import *im, const char *out, struct sv_err *err)
{
        const char *said = sv_opt(im->args, "name"), *resource = sv_opt(im->args, "resource");
        size_t end = strlen(out), begin;

        while (end > 1 && out[end - 1] == '/')
                end--;
        for (begin = end; begin && out[begin - 1] != '/';)
                begin--;
        im->name = said ? sv_asprintf("%s", said)
                        : sv_asprintf("%.*s", (int)(end - begin), out + begin);
        if (!sv_name_ok(im->name))
                return sv_fail(
                        err, SV_USAGE, "import.name",
                        "\"%s\" is no name for a guest (letters, digits, '-', '_', '.'): give "
                        "one with --name",
                        im->name);
        im->resource =
                resource ? sv_asprintf("%s", resource) : sv_asprintf("default/%s/root", im->name);
        return sv_delivery_check_resource(im->resource, err);
}

static int check_options(struct import *im, struct sv_err *err)
{
        static const char *const with_key[] = {"integrity", "size",   "recovery-key", "resource",
                                               "guest-url", "broker", "pin",          "admin-key"};

        for (size_t i = 0; im->verity && i < sizeof(with_key) / sizeof(with_key[0]); i++)
                if (sv_has(im->args, with_key[i]))
                        return sv_fail(err, SV_USAGE, "image.options",
                                       "--%s is of an encrypted disk, and --verity makes none",
                                       with_key[i]);
        if (!sv_opt(im->args, "out"))
                return sv_fail(err, SV_USAGE, "image.options", "--out is needed");
        return 0;
}

/* Before the disk is read, which takes long. */
static int read_key_options(struct import *im, struct sv_err *err)
{
        const char *size = sv_opt(im->args, "size");

        if (size && sv_parse_size(size, &im->wanted_size, "image.size", err) < 0)
                return -1;
        if (sv_admin_choose(im->args, NULL, &im->broker, err) < 0)
                return -1;
        return sv_admin_from_args(im->args, NULL, &im->admin, err);
}

static int read_import_options(struct import *im, struct sv_err *err)
{
        im->verity = sv_has(im->args, "verity");
        im->integrity = sv_has(im->args, "integrity");
        if (check_options(im, err) < 0 || read_name(im, sv_opt(im->args, "out"), err) < 0)
                return -1;
        for (int i = 0; sv_opt_nth(im->args, "drop", i); i++)
                im->drop[i] = sv_opt_nth(im->args, "drop", i);
        return im->verity ? 0 : read_key_options(im, err);
}

/* --- what is there --- */

static int open_import(struct import *im, struct sv_err *err)
{
        struct sv_system_in in = {.disk = &im->medium.source,
                                  .kernel = sv_opt(im->args, "kernel"),
                                  .readonly_root = im->verity,
                                  .integrity = im->integrity,
                                  .drop = im->drop};
        const char *partition = sv_opt(im->args, "partition");
        uint64_t n = 0;

        if (partition && sv_parse_u64(partition, SV_PARTITIONS_MAX, &n, "import.root", err) < 0)
                return -1;
        in.partition = (unsigned)n;
        if (sv_medium_open(im->args->pos[0], &im->medium, err) < 0)
                return -1;
        return sv_system_open(&in, &im->system, err);
}

static void report_system(const struct import *im)
{
        const struct sv_system *s = &im->system;
        SV_STR lines = sv_asprintf("%s", s->dropped);
        char text[32], *save = NULL;

        sv_info("%s: the root is %s %d (%s, %s), its kernel %s", im->medium.format,
                s->root_at->number ? "partition" : "disk", s->root_at->number, s->root_at->holds,
                sv_format_size(s->root_at->size, text), s->version);
        for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                sv_info("not brought in, and not mounted any more: %s", line);
}

/* --- the parts --- */

static int write_kernel(struct import *im, struct sv_err *err)
{
        SV_STR path = name_part(im, "vmlinuz");
        SV_BUF kernel = SV_BUF_NULL;
        struct sv_linux parsed;

        if (sv_system_read_kernel(&im->system, &kernel, err) < 0)
                return -1;
        if (sv_linux_parse(sv_buf_bytes(&kernel), &parsed, err) < 0)
                return sv_wrap(err, "%s of the image", im->system.kernel);
        return sv_file_write(path, 0644, sv_buf_bytes(&kernel), err);
}

/* Not the ext4 that the agent mounts unless it is told otherwise. */
static bool own_root(const struct import *im)
{
        return !sv_filetree_can_write(im->system.root);
}

static char *make_cmdline(const struct import *im)
{
        const char *said = sv_opt(im->args, "cmdline"), *words = said ? said : "console=ttyS0";
        const struct sv_system *s = &im->system;

        if (!own_root(im) || strstr(words, "securevm.root="))
                return sv_asprintf("%s", words);
        return sv_asprintf("%s securevm.root=%s%s%s", words, s->root_at->holds,
                           s->subvolume ? "," : "", s->subvolume ? s->subvolume : "");
}

static int write_initrd(struct import *im, struct sv_err *err)
{
        SV_STR path = name_part(im, "initrd.img");
        const struct sv_initrd_in in = {.modules_in = &im->system.modules,
                                        .agent = sv_opt(im->args, "agent"),
                                        .integrity = im->integrity,
                                        .filesystem =
                                                own_root(im) ? im->system.root_at->holds : NULL,
                                        .edits = im->system.edits,
                                        .n_edits = im->system.n_edits};
        SV_CPIO tree = SV_CPIO_NULL;
        SV_BUF packed = SV_BUF_NULL;

        if (sv_initrd_tree(&in, &tree, err) < 0 || sv_initrd_pack(&tree, &packed, err) < 0)
                return -1;
        im->initrd_size = packed.n;
        return sv_file_write(path, 0644, sv_buf_bytes(&packed), err);
}

/* Under QEMU's user network this host is 10.0.2.2. */
static char *guess_guest_url(const char *url)
{
        static const char *const here[] = {"https://127.0.0.1", "https://localhost",
                                           "https://[::1]"};

        for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
                size_t n = strlen(here[i]);

                if (strncmp(url, here[i], n) == 0 && (!url[n] || strchr(":/", url[n])))
                        return sv_asprintf("https://10.0.2.2%s", url + n);
        }
        return sv_asprintf("%s", url);
}

static void add_attestation(struct import *im, struct sv_json *guest)
{
        const char *said = sv_opt(im->args, "guest-url"), *pin = sv_opt(im->args, "pin");
        SV_STR url = said ? sv_asprintf("%s", said) : guess_guest_url(im->broker.url);
        struct sv_json *a = sv_json_set(guest, "attestation", sv_json_object());

        sv_json_set_str(a, "url", url);
        sv_json_set_str(a, "pin", pin ? pin : im->broker.pin);
        sv_json_set_str(a, "resource", im->resource);
}

static int write_guest(struct import *im, struct sv_err *err)
{
        static const char *const same[] = {"tee", "memory"};
        SV_STR path = name_part(im, "guest.json");
        SV_STR cmdline = make_cmdline(im);
        SV_JSON *guest = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        struct sv_json *disk;

        sv_json_set_str(guest, "name", im->name);
        for (size_t i = 0; i < 2; i++)
                if (sv_opt(im->args, same[i]))
                        sv_json_set_str(guest, same[i], sv_opt(im->args, same[i]));
        sv_json_set_str(guest, "kernel", "vmlinuz");
        sv_json_set_str(guest, "initrd", "initrd.img");
        sv_json_set_str(guest, "cmdline", cmdline);
        disk = sv_json_add(sv_json_set(guest, "disks", sv_json_array()), sv_json_object());
        sv_json_set_str(disk, "path", "disk.img");
        if (im->verity)
                sv_json_set_str(disk, "verity", sv_buf_str(&im->word));
        else
                add_attestation(im, guest);
        sv_json_pretty(guest, &text);
        sv_buf_puts(&text, "\n");
        if (sv_buf_ok(&text, "the guest file", err) < 0)
                return -1;
        return sv_file_write(path, 0644, sv_buf_bytes(&text), err);
}

static int make_parts(struct import *im, struct sv_err *err)
{
        if (write_kernel(im, err) < 0)
                return -1;
        return write_initrd(im, err);
}

/* --- the disk, and the folder's name --- */

static int make_verity(struct import *im, const struct sv_source *root,
                       struct sv_progress_line *line, struct sv_err *err)
{
        SV_STR path = name_part(im, "disk.img");
        const struct sv_verity_in in = {
                .source = root, .kind = SV_DISK_SOURCE, .out = path, .progress = &line->progress};
        struct sv_verity v;

        sv_progress_begin(line, "copying and hashing");
        if (sv_verity_make(&in, &v, err) < 0)
                return -1;
        im->size = sv_verity_end(&v);
        sv_verity_put(&v, &im->word);
        if (sv_buf_ok(&im->word, "the disk's verity", err) < 0 || write_guest(im, err) < 0)
                return -1;
        return sv_guest_folder_publish(&im->folder, err);
}

/* The folder's name is the step from which on the disk is there: until then the key is taken back.
 */
static int publish_pair(struct import *im, struct sv_encrypt_in *in, struct sv_err *err)
{
        if (sv_guest_folder_publish(&im->folder, err) < 0) {
                in->withdraw(in->arg);
                if (in->recovery)
                        unlink(in->recovery); /* of a key that opens nothing */
                return -1;
        }
        return 0;
}

static int make_encrypted(struct import *im, const struct sv_source *root,
                          struct sv_progress_line *line, struct sv_err *err)
{
        SV_STR path = name_part(im, "disk.img");
        struct sv_delivery d = {.admin = im->admin, .resource = im->resource};
        struct sv_encrypt_in in = {.source = root,
                                   .kind = SV_DISK_SOURCE,
                                   .integrity = im->integrity,
                                   .size = im->wanted_size,
                                   .out = path,
                                   .recovery = sv_opt(im->args, "recovery-key"),
                                   .progress = &line->progress};
        struct sv_encrypt_out out;

        if (write_guest(im, err) < 0)
                return -1;
        sv_delivery_set(&d, &in);
        sv_progress_begin(line, "encrypting");
        if (sv_encrypt(&in, &out, err) < 0)
                return -1;
        im->size = out.size;
        memcpy(im->uuid, out.uuid, sizeof(im->uuid));
        return publish_pair(im, &in, err);
}

static int make_disk(struct import *im, struct sv_err *err)
{
        struct sv_progress_line line = {0};
        struct sv_source root;
        int r;

        if (sv_filetree_source(im->system.root, &root, err) < 0)
                return -1;
        r = im->verity ? make_verity(im, &root, &line, err) : make_encrypted(im, &root, &line, err);
        sv_progress_end(&line);
        return r;
}

static struct sv_json *describe_import(const struct import *im)
{
        const struct sv_system *s = &im->system;
        struct sv_json *json = sv_json_object(), *dropped;
        SV_STR lines = sv_asprintf("%s", s->dropped);
        char *save = NULL;

        sv_json_set_str(json, "out", im->folder.path);
        sv_json_set_str(json, "name", im->name);
        sv_json_set_str(json, "format", im->medium.format);
        sv_json_set_int(json, "partition", s->root_at->number);
        sv_json_set_str(json, "filesystem", s->root_at->holds);
        sv_json_set_str(json, "kernel", s->version);
        sv_json_set_int(json, "size", (int64_t)im->size);
        sv_json_set_int(json, "initrd_size", (int64_t)im->initrd_size);
        if (im->verity) {
                sv_json_set_bool(json, "verity", true);
        } else {
                sv_json_set_str(json, "uuid", im->uuid);
                sv_json_set_str(json, "resource", im->resource);
                sv_json_set_bool(json, "integrity", im->integrity);
        }
        dropped = sv_json_set(json, "dropped", sv_json_array());
        for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                sv_json_add(dropped, sv_json_new_str(line));
        return json;
}

static int import_disk(struct import *im, struct sv_err *err)
{
        if (read_import_options(im, err) < 0)
                return -1;
        sv_run_catch_signals();
        if (open_import(im, err) < 0)
                return -1;
        report_system(im);
        if (sv_guest_folder_make(sv_opt(im->args, "out"), &im->folder, err) < 0)
                return -1;
        return make_parts(im, err) < 0 ? -1 : make_disk(im, err);
}

static void print_import(const struct import *im)
{
        static const char *const same[] = {"broker", "admin-key"}; /* the pin is the guest's */
        char disk[32], initrd[32];

        printf("%s: %s disk of %s, kernel %s, initramfs of %s; next:\n", im->folder.path,
               im->verity ? "verity" : "encrypted", sv_format_size(im->size, disk),
               im->system.version, sv_format_size(im->initrd_size, initrd));
        if (!im->verity) {
                printf("    secure-vm policy %s/guest.json --put", im->folder.path);
                for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
                        if (sv_opt(im->args, same[i]))
                                printf(" --%s %s", same[i], sv_opt(im->args, same[i]));
                printf("\n");
        }
        printf("    secure-vm launch %s/guest.json --wait\n", im->folder.path);
}

static int run_image_import(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        __attribute__((cleanup(end_import))) struct import im = {.args = args, .medium.fd = -1};

        if (import_disk(&im, err) < 0)
                return -1;
        *result = describe_import(&im);
        if (!sv_has(args, "json"))
                print_import(&im);
        return 0;
}

const struct sv_cmd sv_cmd_image_import = {
        .name = "image import",
        .args = "DISK",
        .help = "make a guest of the disk of a virtual machine (qcow2, VMDK, VHDX or raw), without "
                "root",
        .opts = options,
        .run = run_image_import,
};
