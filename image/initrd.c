/* SPDX-License-Identifier: Apache-2.0 */
#include "image/initrd.h"

#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/guest-root.h"
#include "base/core/limits.h"
#include "base/program/own-file.h"
#include "image/libs.h"
#include "image/modules.h"
#include "image/zstd.h"

#define AGENT_SIZE_MAX (64u << 20)

static const struct sv_own_file own_agent = {
        .what = "agent",
        .option = "agent",
        .installed = "bin/secure-vm-agent",
        .built = "agent/secure-vm-agent",
        .check = "image.agent",
};

static int add_agent(const struct sv_initrd_in *in, struct sv_cpio *tree, struct sv_err *err)
{
        const char *agent;
        SV_STR own = NULL;
        SV_BUF b = SV_BUF_NULL;

        if (!in->agent && sv_own_file_find(&own_agent, &own, err) < 0)
                return -1;
        agent = own ? own : in->agent;
        if (sv_file_read(agent, AGENT_SIZE_MAX, &b, "image.agent", err) < 0 ||
            sv_cpio_add_file(tree, "init", 0755, sv_buf_bytes(&b), err) < 0)
                return -1;
        return sv_libs_add(tree, agent, sv_buf_bytes(&b), in->libraries, err);
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

/* agent/edits.h reads them. */
static int add_edits(const struct sv_initrd_in *in, struct sv_cpio *tree, struct sv_err *err)
{
        for (size_t i = 0; i < in->n_edits; i++) {
                const struct sv_initrd_edit *e = &in->edits[i];
                SV_STR path = sv_asprintf("%s/%s", &SV_GUEST_EDITS[1], e->name);
                SV_BUF text = SV_BUF_NULL;

                sv_buf_printf(&text, "%s\n", e->digest);
                sv_buf_put(&text, sv_buf_bytes(&e->text));
                if (sv_buf_ok(&text, path, err) < 0 ||
                    sv_cpio_add_file(tree, path, 0644, sv_buf_bytes(&text), err) < 0)
                        return -1;
        }
        return 0;
}

static int add_modules(const struct sv_initrd_in *in, struct sv_cpio *tree, struct sv_err *err)
{
        const char *const *lists[5] = {in->modules ? in->modules : sv_initrd_modules};
        const char *const filesystem[] = {in->filesystem, NULL};
        SV_STR real = NULL;
        struct sv_folder here;
        size_t n = 1;

        if (in->integrity)
                lists[n++] = sv_initrd_integrity;
        if (in->filesystem)
                lists[n++] = filesystem;
        if (in->quote_port)
                lists[n++] = sv_initrd_vsock;
        if (in->modules_in || !in->modules_dir)
                return sv_modules_add(in->modules_in, lists, tree, err);
        real = realpath(in->modules_dir, NULL);
        if (!real)
                return sv_fail_errno(err, "image.modules", "cannot find %s", in->modules_dir);
        here = sv_folder_here(real);
        return sv_modules_add(&here, lists, tree, err);
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
        if (add_edits(in, tree, err) < 0)
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
