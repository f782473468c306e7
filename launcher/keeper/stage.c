/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/stage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/host/host.h"
#include "launcher/keeper/owner.h"
#include "tee/boot.h"

void sv_stage_free(struct sv_stage *s)
{
        free(s->kernel);
        free(s->initrd);
        free(s->shim);
        free(s->firmware);
        free(s->nvram_template);
        free(s->nvram);
        sv_json_free(s->digests);
        *s = (struct sv_stage){0};
}

static int open_boot_file(const struct sv_guest *g, const char *member, const char *from,
                          uint64_t max, int *fd, struct sv_err *err)
{
        struct stat st;
        char check[64];

        snprintf(check, sizeof(check), "launch.%s", member);
        *fd = sv_owner_open(g, from, O_RDONLY | O_NONBLOCK);
        if (*fd < 0 || fstat(*fd, &st) < 0)
                return sv_fail_errno(err, check, "%s (\"%s\" in the guest file)%s", from, member,
                                     sv_owner_note(g));
        if (!S_ISREG(st.st_mode) || !st.st_size || (uint64_t)st.st_size > max)
                return sv_fail(err, SV_USAGE, check,
                               "%s: a file of 1 to %llu bytes was expected; correct \"%s\" in the "
                               "guest file",
                               from, (unsigned long long)max, member);
        return 0;
}

struct boot_file {
        const char *member, *from;
        uint64_t max;
};
enum { FIRMWARE, KERNEL, INITRD, SHIM, BOOT_FILES };

/* In that order; `from` is NULL for one that the guest has not. */
static void list_boot_files(const struct sv_guest *g, const struct sv_tee_host *tee,
                            struct boot_file out[BOOT_FILES])
{
        out[FIRMWARE] = (struct boot_file){"firmware", sv_tee_firmware(tee ? tee->id : NULL, g),
                                           SV_FIRMWARE_SIZE_MAX};
        out[KERNEL] = g->uki ? (struct boot_file){"uki", g->uki, SV_UKI_SIZE_MAX}
                             : (struct boot_file){"kernel", g->kernel, SV_KERNEL_SIZE_MAX};
        out[INITRD] = (struct boot_file){"initrd", g->initrd, SV_INITRD_SIZE_MAX};
        out[SHIM] = (struct boot_file){"shim", g->shim, SV_KERNEL_SIZE_MAX};
}

/* QEMU would say it later, and in other words than measure. */
static int check_form(const struct sv_guest *g, const struct boot_file *f, int fd,
                      struct sv_err *err)
{
        SV_BUF image = {.max = SV_UKI_SIZE_MAX};
        struct sv_uki uki;

        if (strcmp(f->member, "uki"))
                return sv_boot_check_file(fd, f->member, f->from, err);
        if (sv_fd_read(fd, f->from, SV_UKI_SIZE_MAX, &image, "launch.uki", err) < 0)
                return -1;
        return sv_boot_uki(g, sv_buf_bytes(&image), &uki, err) < 0 ? sv_wrap(err, "%s", f->from)
                                                                   : 0;
}

static int check_boot_file(const struct sv_guest *g, const struct boot_file *f, uint64_t *size,
                           struct sv_err *err)
{
        struct stat st;
        SV_FD fd = -1;

        *size = 0;
        if (!f->from)
                return 0;
        if (open_boot_file(g, f->member, f->from, f->max, &fd, err) < 0 ||
            check_form(g, f, fd, err) < 0)
                return sv_guest_wrap_member(g, f->member, err);
        if (fstat(fd, &st) == 0)
                *size = (uint64_t)st.st_size;
        return 0;
}

static int check_fit(const struct sv_guest *g, uint64_t initrd_size, struct sv_err *err)
{
        SV_FD fd = g->kernel ? sv_owner_open(g, g->kernel, O_RDONLY | O_NONBLOCK) : -1;

        return fd < 0 ? 0 : sv_boot_check_fit(g, fd, initrd_size, err);
}

int sv_stage_check(const struct sv_guest *g, const struct sv_tee_host *tee, uint64_t *bytes,
                   struct sv_err *err)
{
        struct boot_file files[BOOT_FILES];
        uint64_t sizes[BOOT_FILES];

        list_boot_files(g, tee, files);
        *bytes = 0;
        for (size_t i = 0; i < BOOT_FILES; i++) {
                if (check_boot_file(g, &files[i], &sizes[i], err) < 0)
                        return -1;
                *bytes += sizes[i];
        }
        return check_fit(g, sizes[INITRD], err);
}

static int stage_file(const struct sv_guest *g, const struct sv_state *s, const struct boot_file *f,
                      char **to, struct sv_json *digests, struct sv_err *err)
{
        /* libvirt gives kernel and initramfs to QEMU's user, and the firmware not, which has no
         * secret. An initramfs may have one. */
        unsigned mode = strcmp(f->member, "firmware") && strcmp(f->member, "shim") ? 0600 : 0644;
        SV_STR copy = sv_asprintf("%s/boot/%s", s->dir, f->member);
        uint8_t digest[SV_DIGEST_MAX];
        struct sv_json *entry;
        uint64_t size;
        SV_FD fd = -1;

        if (open_boot_file(g, f->member, f->from, f->max, &fd, err) < 0)
                return -1;
        if (sv_fd_copy(fd, f->from, copy, mode, err) < 0 ||
            sv_digest_file(SV_SHA256, copy, digest, &size, err) < 0)
                return -1;
        entry = sv_json_set(digests, f->member, sv_json_object());
        sv_json_set_str(entry, "path", f->from);
        sv_json_set_hex(entry, "sha256", sv_bytes(digest, 32));
        sv_json_set_int(entry, "bytes", (int64_t)size);
        *to = copy;
        copy = NULL;
        return 0;
}

int sv_stage_boot(const struct sv_guest *g, const struct sv_tee_host *tee, const struct sv_state *s,
                  struct sv_stage *out, struct sv_err *err)
{
        __attribute__((cleanup(sv_stage_free))) struct sv_stage st = {.digests = sv_json_object()};
        char **const to[BOOT_FILES] = {&st.firmware, &st.kernel, &st.initrd, &st.shim};
        struct boot_file files[BOOT_FILES];
        SV_STR boot = sv_state_path(s, "boot");
        SV_STR vars = NULL;

        list_boot_files(g, tee, files);
        if (sv_mkdirs(boot, 0711, err) < 0)
                return -1;
        for (size_t i = 0; i < BOOT_FILES; i++)
                if (files[i].from && stage_file(g, s, &files[i], to[i], st.digests, err) < 0)
                        return -1;
        vars = sv_host_nvram_template("", files[FIRMWARE].from);
        if (vars) {
                st.nvram_template = sv_state_path(s, "boot/variables");
                st.nvram = sv_state_path(s, "boot/nvram");
                if (sv_file_copy(vars, st.nvram_template, 0644, err) < 0)
                        return -1;
        }
        *out = st;
        st = (struct sv_stage){0};
        return 0;
}

int sv_stage_take_back(const struct sv_stage *s, struct sv_err *err)
{
        const char *const files[] = {s->kernel, s->initrd, s->shim, s->firmware};

        for (size_t i = 0; geteuid() == 0 && i < sizeof(files) / sizeof(*files); i++)
                if (files[i] && chown(files[i], 0, 0) < 0)
                        return sv_fail_errno(err, "launch.boot", "%s", files[i]);
        return 0;
}

int sv_boot_domain(const struct sv_boot_files *boot, const struct sv_guest *g,
                   const struct sv_tee_host *tee, const struct sv_plan_place *place,
                   struct sv_buf *xml, struct sv_err *err)
{
        struct sv_plan plan = sv_plan_from(g, tee, boot, place);
        SV_BUF cmdline = SV_BUF_NULL;

        if (sv_guest_cmdline(g, &cmdline, err) < 0)
                return -1;
        plan.cmdline = sv_buf_str(&cmdline);
        return sv_domain_xml(&plan, xml, err);
}

int sv_stage_domain(const struct sv_stage *s, const struct sv_guest *g,
                    const struct sv_tee_host *tee, const struct sv_plan_place *place,
                    struct sv_buf *xml, struct sv_err *err)
{
        const struct sv_boot_files boot = {.kernel = s->kernel,
                                           .initrd = s->initrd,
                                           .shim = s->shim,
                                           .firmware = s->firmware,
                                           .nvram_template = s->nvram_template,
                                           .nvram = s->nvram};

        return sv_boot_domain(&boot, g, tee, place, xml, err);
}
