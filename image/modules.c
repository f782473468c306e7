/* SPDX-License-Identifier: Apache-2.0 */
#include "image/modules.h"

#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "image/builtin.h"
#include "image/moddeps.h"
#include "image/module.h"
#include "image/softdeps.h"

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
        "?ipv6",
        "?8021q",
        /* dm-crypt with aes-xts-plain64; the accelerated form where the processor has it */
        "dm_mod",
        "dm_crypt",
        "xts",
        "?ecb",
        "?aesni_intel",
        /* a verity disk and the overlay above it; the kernel asks for the hash by name, which is
           in a module of another name since Linux 6.16 */
        "?sha256_generic|sha256",
        "?sha256_ssse3",
        "?dm_verity",
        "?overlay",
        "?erofs",
        /* file systems of the root disk; ext4 asks for its checksum by name, and nothing in an
           initramfs answers. Since Linux 6.14 it calls the kernel's library instead, and
           6.16 gave the module another name; a kernel that needs it has it, by its Kconfig */
        "?crc32c_generic|crc32c_cryptoapi",
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
        "?hmac", "sha256_generic|sha256", "?sha256_ssse3", "authenc", "dm_integrity", "?btrfs",
        NULL,
};

const char *const sv_initrd_vsock[] = {"vsock", "vmw_vsock_virtio_transport", NULL};

/* What is chosen among. */
struct modules {
        const struct sv_folder *dir;
        struct sv_moddeps deps;
        struct sv_builtin builtin;
        const struct sv_moddep **order; /* what is chosen, what is needed first */
        size_t n;
};

static void free_modules(struct modules *m)
{
        sv_moddeps_free(&m->deps);
        sv_builtin_free(&m->builtin);
        free(m->order);
}

/* Unpacked (".ko"), so that the agent hands them to the kernel as they are. */
static int add_module(const struct sv_folder *dir, const char *release, const struct sv_moddep *d,
                      struct sv_cpio *tree, struct sv_buf *list, struct sv_err *err)
{
        size_t stem = (size_t)(sv_module_suffix(d->path) - d->path);
        SV_STR to = sv_asprintf("lib/modules/%s/%.*s.ko", release, (int)stem, d->path);
        SV_BUF b = SV_BUF_NULL;

        if (sv_module_read(dir, d->path, &b, err) < 0)
                return -1;
        sv_buf_printf(list, "/%s\n", to);
        return sv_cpio_add_file(tree, to, 0644, sv_buf_bytes(&b), err);
}

/* "a|b": the first of them that there is. */
static int choose_module(struct modules *m, const char *names, struct sv_err *err)
{
        bool optional = *names == '?';
        SV_STR text = sv_asprintf("%s", names + optional);
        char *save = NULL;

        for (char *name = strtok_r(text, "|", &save); name; name = strtok_r(NULL, "|", &save)) {
                const struct sv_moddep *d = sv_moddeps_find(&m->deps, name);

                if (d)
                        return sv_moddeps_order(&m->deps, d, m->order, &m->n, err);
                if (sv_builtin_has(&m->builtin, name))
                        return 0;
        }
        if (optional)
                return 0;
        return sv_fail(err, SV_USAGE, "image.modules.missing", "%s has no module %s, and %s",
                       m->dir->name, names,
                       m->builtin.known
                               ? "the kernel has not built it in"
                               : "neither modules.builtin nor modules.builtin.modinfo is there to "
                                 "say what the kernel has built in");
}

/* Both files, or nothing: an old depmod has written none. */
static int read_softdeps(struct modules *m, struct sv_err *err)
{
        const struct sv_folder *dir = m->dir;
        SV_BUF names = SV_BUF_NULL, aliases = SV_BUF_NULL;

        if (!dir->has(dir, "modules.softdep") || !dir->has(dir, "modules.alias"))
                return 0;
        if (dir->read(dir, "modules.softdep", SV_MODULE_LISTS_MAX, &names, "image.modules.softdep",
                      err) < 0)
                return -1;
        if (dir->read(dir, "modules.alias", SV_MODULE_LISTS_MAX, &aliases, "image.modules.softdep",
                      err) < 0)
                return -1;
        return sv_softdeps_add(sv_buf_bytes(&names), sv_buf_bytes(&aliases), &m->deps, err);
}

/* A package that was unpacked, not installed, has none. */
static int fail_without_dep(const char *real, struct sv_err *err)
{
        static const char below[] = "/lib/modules";
        const char *release = strrchr(real, '/') + 1, *at = release - sizeof(below);

        if (at < real || strncmp(at, below, sizeof(below) - 1) != 0)
                return sv_fail(err, SV_SYSTEM, "image.modules.dep",
                               "%s has no modules.dep: expected a folder lib/modules/VERSION for "
                               "which depmod was run",
                               real);
        return sv_fail(err, SV_SYSTEM, "image.modules.dep",
                       "%s has no modules.dep, where depmod writes what each module needs: run "
                       "\"depmod -b %.*s %s\"",
                       real, at > real ? (int)(at - real) : 1, real, release);
}

static int read_lists(struct modules *m, struct sv_err *err)
{
        const struct sv_folder *dir = m->dir;
        SV_BUF text = SV_BUF_NULL;

        if (!dir->has(dir, "modules.dep"))
                return fail_without_dep(dir->name, err);
        if (dir->read(dir, "modules.dep", SV_MODULE_LISTS_MAX, &text, "image.modules.dep", err) < 0)
                return -1;
        if (sv_moddeps_parse(sv_buf_bytes(&text), &m->deps, err) < 0)
                return -1;
        if (read_softdeps(m, err) < 0)
                return -1;
        m->order = calloc(m->deps.n + 1, sizeof(*m->order));
        if (!m->order)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the list of modules");
        return sv_builtin_read(m->dir, &m->builtin, err);
}

static int add_chosen(const struct sv_folder *dir, const char *const *const *lists,
                      struct sv_cpio *tree, struct sv_buf *list, struct sv_err *err)
{
        __attribute__((cleanup(free_modules))) struct modules m = {.dir = dir};

        if (read_lists(&m, err) < 0)
                return -1;
        for (; *lists; lists++)
                for (const char *const *names = *lists; *names; names++)
                        if (choose_module(&m, *names, err) < 0)
                                return -1;
        for (size_t i = 0; i < m.n; i++)
                if (add_module(dir, strrchr(dir->name, '/') + 1, m.order[i], tree, list, err) < 0)
                        return -1;
        return 0;
}

int sv_modules_add(const struct sv_folder *dir, const char *const *const *lists,
                   struct sv_cpio *tree, struct sv_err *err)
{
        SV_BUF list = SV_BUF_NULL;

        if (dir && add_chosen(dir, lists, tree, &list, err) < 0)
                return -1;
        if (sv_buf_ok(&list, "the list of modules", err) < 0)
                return -1;
        return sv_cpio_add_file(tree, "etc/secure-vm/modules", 0644, sv_buf_bytes(&list), err);
}
