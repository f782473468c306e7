/* SPDX-License-Identifier: Apache-2.0 */
#include "image/initrd.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "image/libs.h"
#include "image/moddeps.h"
#include "image/softdeps.h"
#include "image/zstd.h"

#define TEXT_SIZE_MAX   (16u << 20) /* of modules.dep and modules.builtin */
#define MODULE_SIZE_MAX (64u << 20) /* of one module, unpacked */
#define AGENT_SIZE_MAX  (64u << 20)

const char *const sv_initrd_modules[] = {
        /* disks, network, the port of the agent's events, randomness */
        "virtio_pci",
        "virtio_blk",
        "?virtio_scsi",
        "?sd_mod",
        "virtio_net",
        "?virtio_console",
        "?virtio_rng",
        "?af_packet",
        /* dm-crypt with aes-xts-plain64; the accelerated form where the processor has it */
        "dm_mod",
        "dm_crypt",
        "xts",
        "?ecb",
        "?aesni_intel",
        /* a verity disk and the overlay above it; the kernel asks for the hash by name */
        "?sha256_generic",
        "?sha256_ssse3",
        "?dm_verity",
        "?overlay",
        "?erofs",
        /* file systems of the root disk; ext4 asks for its checksum by name, and nothing in an
           initramfs answers */
        "crc32c_generic",
        "?crc32c_intel",
        "ext4",
        /* for the system: the power button by which a host asks it to end, automatic mounts */
        "?button",
        "?evdev",
        "?autofs4",
        /* reports of confidential machines */
        "?sev_guest",
        "?tdx_guest",
        NULL,
};

/* Names that dm-crypt and btrfs ask for while they run are not among what modules.dep says they
 * need. */
const char *const sv_initrd_integrity[] = {
        "?hmac", "sha256_generic", "?sha256_ssse3", "authenc", "dm_integrity", "?btrfs", NULL,
};

const char *const sv_initrd_vsock[] = {"vsock", "vmw_vsock_virtio_transport", NULL};

static int read_builtin(const char *dir, struct sv_buf *out, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/modules.builtin", dir);

        return sv_file_read(path, TEXT_SIZE_MAX, out, "image.modules.builtin", err);
}

/* Is there a line of modules.builtin for this name? */
static bool is_builtin(const char *text, const char *name)
{
        for (const char *line = text; *line;) {
                size_t n = strcspn(line, "\n");
                SV_STR path = strndup(line, n);
                SV_STR found = path ? sv_module_name(path) : NULL;

                if (found && strcmp(found, name) == 0)
                        return true;
                line += n + (line[n] == '\n');
        }
        return false;
}

static int read_module(const char *path, struct sv_buf *out, struct sv_err *err)
{
        size_t n = strlen(path);

        if (strcmp(path + n - 3, ".ko") == 0)
                return sv_file_read(path, MODULE_SIZE_MAX, out, "image.modules.file", err);
        if (n > 4 && strcmp(path + n - 4, ".zst") == 0) {
                SV_BUF packed = SV_BUF_NULL;

                if (sv_file_read(path, MODULE_SIZE_MAX, &packed, "image.modules.file", err) < 0)
                        return -1;
                if (sv_zstd_decompress(sv_buf_bytes(&packed), MODULE_SIZE_MAX, out, err) < 0)
                        return sv_wrap(err, "%s", path);
                return 0;
        }
        return sv_fail(err, SV_USAGE, "image.modules.file",
                       "%s: modules compressed this way are not read", path);
}

/* Unpacked (".ko"), so that the agent hands them to the kernel as they are. */
static int add_module(const char *dir, const char *release, const struct sv_moddep *d,
                      struct sv_cpio *tree, struct sv_buf *list, struct sv_err *err)
{
        SV_STR from = sv_asprintf("%s/%s", dir, d->path);
        size_t stem = (size_t)(strstr(strrchr(from, '/'), ".ko") - from) - strlen(dir) - 1;
        SV_STR to = sv_asprintf("lib/modules/%s/%.*s.ko", release, (int)stem, d->path);
        SV_BUF b = SV_BUF_NULL;

        if (read_module(from, &b, err) < 0)
                return -1;
        sv_buf_printf(list, "/%s\n", to);
        return sv_cpio_add_file(tree, to, 0644, sv_buf_bytes(&b), err);
}

static int order_names(const char *const *names, const struct sv_initrd_in *in,
                       struct sv_moddeps *deps, const struct sv_moddep **order, size_t *n,
                       struct sv_err *err)
{
        SV_BUF builtin = SV_BUF_NULL;

        if (read_builtin(in->modules_dir, &builtin, err) < 0)
                return -1;
        for (; *names; names++) {
                bool optional = **names == '?';
                const char *name = *names + optional;
                const struct sv_moddep *d = sv_moddeps_find(deps, name);

                if (!d && !optional && !is_builtin(sv_buf_str(&builtin), name))
                        return sv_fail(err, SV_USAGE, "image.modules.missing",
                                       "%s has no module %s, and the kernel has not built it in",
                                       in->modules_dir, name);
                if (d && sv_moddeps_order(deps, d, order, n, err) < 0)
                        return -1;
        }
        return 0;
}

static int order_modules(const struct sv_initrd_in *in, struct sv_moddeps *deps,
                         const struct sv_moddep **order, size_t *n, struct sv_err *err)
{
        if (order_names(in->modules ? in->modules : sv_initrd_modules, in, deps, order, n, err) < 0)
                return -1;
        if (in->integrity && order_names(sv_initrd_integrity, in, deps, order, n, err) < 0)
                return -1;
        return in->quote_port ? order_names(sv_initrd_vsock, in, deps, order, n, err) : 0;
}

/* Both files, or nothing: an old depmod has written none. */
static int read_softdeps(const char *dir, struct sv_moddeps *deps, struct sv_err *err)
{
        SV_STR softdep = sv_asprintf("%s/modules.softdep", dir);
        SV_STR alias = sv_asprintf("%s/modules.alias", dir);
        SV_BUF names = SV_BUF_NULL, aliases = SV_BUF_NULL;

        if (access(softdep, F_OK) < 0 || access(alias, F_OK) < 0)
                return 0;
        if (sv_file_read(softdep, TEXT_SIZE_MAX, &names, "image.modules.softdep", err) < 0)
                return -1;
        if (sv_file_read(alias, TEXT_SIZE_MAX, &aliases, "image.modules.softdep", err) < 0)
                return -1;
        return sv_softdeps_add(sv_buf_bytes(&names), sv_buf_bytes(&aliases), deps, err);
}

static int add_modules(const struct sv_initrd_in *in, struct sv_cpio *tree, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/modules.dep", in->modules_dir);
        SV_STR real = realpath(in->modules_dir, NULL);
        SV_MODDEPS deps = SV_MODDEPS_NULL;
        SV_BUF text = SV_BUF_NULL, list = SV_BUF_NULL;
        size_t n = 0;
        int r;

        if (!real)
                return sv_fail_errno(err, "image.modules", "cannot find %s", in->modules_dir);
        if (sv_file_read(path, TEXT_SIZE_MAX, &text, "image.modules.dep", err) < 0 ||
            sv_moddeps_parse(sv_buf_bytes(&text), &deps, err) < 0 ||
            read_softdeps(in->modules_dir, &deps, err) < 0)
                return -1;

        const struct sv_moddep **order = calloc(deps.n + 1, sizeof(*order));

        if (!order)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the list of modules");
        r = order_modules(in, &deps, order, &n, err);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = add_module(in->modules_dir, strrchr(real, '/') + 1, order[i], tree, &list, err);
        free(order);
        if (r < 0 || sv_buf_ok(&list, "the list of modules", err) < 0)
                return -1;
        return sv_cpio_add_file(tree, "etc/secure-vm/modules", 0644, sv_buf_bytes(&list), err);
}

static int add_agent(const struct sv_initrd_in *in, struct sv_cpio *tree, struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        if (sv_file_read(in->agent, AGENT_SIZE_MAX, &b, "image.agent", err) < 0)
                return -1;
        if (sv_cpio_add_file(tree, "init", 0755, sv_buf_bytes(&b), err) < 0)
                return -1;
        return sv_libs_add(tree, in->agent, sv_buf_bytes(&b), in->libraries, err);
}

static int add_ca(const struct sv_initrd_in *in, struct sv_cpio *tree, struct sv_err *err)
{
        SV_BUF b = SV_BUF_NULL;

        if (!in->ca)
                return 0;
        if (sv_file_read(in->ca, SV_PEM_SIZE_MAX, &b, "image.ca", err) < 0)
                return -1;
        return sv_cpio_add_file(tree, "etc/secure-vm/ca.pem", 0644, sv_buf_bytes(&b), err);
}

/* The file of Intel's packages, as the agent reads it (tdx/guest/attester.h). */
static int add_quote_port(const struct sv_initrd_in *in, struct sv_cpio *tree, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (!in->quote_port)
                return 0;
        sv_buf_printf(&text, "port=%u\n", in->quote_port);
        return sv_buf_ok(&text, "tdx-attest.conf", err) < 0
                       ? -1
                       : sv_cpio_add_file(tree, "etc/tdx-attest.conf", 0644, sv_buf_bytes(&text),
                                          err);
}

/* Mount points, and the console that the kernel opens for /init. */
static int add_frame(struct sv_cpio *tree, struct sv_err *err)
{
        static const char *const dirs[] = {"dev", "proc", "run", "sys", "sysroot", "tmp"};

        for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
                if (sv_cpio_add_dir(tree, dirs[i], 0755, err) < 0)
                        return -1;
        if (sv_cpio_add_chardev(tree, "dev/console", 0600, 5, 1, err) < 0)
                return -1;
        return sv_cpio_add_chardev(tree, "dev/null", 0666, 1, 3, err);
}

int sv_initrd_tree(const struct sv_initrd_in *in, struct sv_cpio *tree, struct sv_err *err)
{
        if (add_frame(tree, err) < 0)
                return -1;
        if (add_agent(in, tree, err) < 0)
                return -1;
        if (add_ca(in, tree, err) < 0)
                return -1;
        if (add_quote_port(in, tree, err) < 0)
                return -1;
        return add_modules(in, tree, err);
}

int sv_initrd_pack(struct sv_cpio *tree, struct sv_buf *out, struct sv_err *err)
{
        SV_BUF archive = SV_BUF_NULL;

        if (sv_cpio_write(tree, &archive, err) < 0)
                return -1;
        return sv_zstd_compress(sv_buf_bytes(&archive), out, err);
}
