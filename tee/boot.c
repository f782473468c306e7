/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/boot.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "ovmf/linux.h"

void sv_boot_free(struct sv_boot *b)
{
        sv_buf_free(&b->kernel);
        sv_buf_free(&b->cmdline);
        *b = (struct sv_boot){0};
}

static int hash_initrd(struct sv_boot *b, const char *path, int bank, struct sv_err *err)
{
        for (int i = bank; i < SV_EVENT_BANKS; i++)
                if (sv_digest_file(sv_event_bank(i), path, b->initrd[i], &b->initrd_size, err) < 0)
                        return -1;
        if (b->initrd_size == 0)
                return sv_fail(err, SV_USAGE, "measure.initrd", "the initramfs %s is empty", path);
        return 0;
}

int sv_boot_read(const struct sv_guest *guest, int bank, struct sv_boot *out, struct sv_err *err)
{
        const char *path = guest->kernel ? guest->kernel : guest->uki;
        SV_BOOT b = {.initrd_size = 0};

        if (!path)
                return sv_fail(err, SV_USAGE, "measure.kernel",
                               "the guest names no kernel (\"kernel\")");
        b.kernel.max = SV_UKI_SIZE_MAX;
        if (sv_file_read(path, guest->kernel ? SV_KERNEL_SIZE_MAX : SV_UKI_SIZE_MAX, &b.kernel,
                         "measure.kernel", err) < 0 ||
            sv_guest_cmdline(guest, &b.cmdline, err) < 0)
                return -1;
        if (guest->initrd && hash_initrd(&b, guest->initrd, bank, err) < 0)
                return -1;
        sv_buf_str(&b.cmdline); /* its terminator, for descriptions */
        *out = b;
        b = (struct sv_boot){.initrd_size = 0};
        return 0;
}

#define HEAD_SIZE (256u * 512) /* a kernel's largest setup part */

/* Of a pipe nothing is taken away. An empty file has its own words (measure.initrd, launch.kernel).
 */
static int read_boot_head(int fd, struct sv_buf *head, struct sv_err *err)
{
        ssize_t n;

        if (!sv_buf_grow(head, HEAD_SIZE))
                return sv_buf_ok(head, "the beginning of a file", err);
        n = pread(fd, head->p, HEAD_SIZE, 0);
        head->n = n > 0 ? (size_t)n : 0;
        return 0;
}

/* QEMU maps it in whole pages (hw/i386/pc_sysfw.c, x86_bios_rom_init). */
static int check_firmware_size(uint64_t size, struct sv_err *err)
{
        if (size % 4096 == 0)
                return 0;
        return sv_fail(err, SV_FORMAT, "ovmf.image.size",
                       "a firmware image was expected, whose size is a multiple of 4096 bytes, "
                       "found %llu bytes",
                       (unsigned long long)size);
}

int sv_boot_check_head(struct sv_bytes head, uint64_t size, const char *member, const char *path,
                       struct sv_err *err)
{
        struct sv_linux l;
        int r = 0;

        if (!head.n)
                return 0;
        if (!strcmp(member, "kernel"))
                r = sv_linux_parse(head, &l, err);
        else if (!strcmp(member, "initrd"))
                r = sv_initramfs_check(head, err);
        else if (!strcmp(member, "firmware"))
                r = check_firmware_size(size, err);
        return r < 0 ? sv_wrap(err, "%s", path) : 0;
}

int sv_boot_check_file(int fd, const char *member, const char *path, struct sv_err *err)
{
        SV_BUF head = SV_BUF_NULL;
        struct stat st;

        if (read_boot_head(fd, &head, err) < 0)
                return -1;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                st.st_size = 0;
        return sv_boot_check_head(sv_buf_bytes(&head), (uint64_t)st.st_size, member, path, err);
}

int sv_boot_check_fit(const struct sv_guest *guest, int kernel, uint64_t initrd_size,
                      struct sv_err *err)
{
        SV_BUF head = SV_BUF_NULL;
        SV_BUF line = SV_BUF_NULL;
        struct sv_linux l;

        if (read_boot_head(kernel, &head, err) < 0 || sv_guest_cmdline(guest, &line, err) < 0 ||
            sv_linux_parse(sv_buf_bytes(&head), &l, err) < 0)
                return -1;
        return sv_linux_qemu(&l, head.p,
                             &(struct sv_linux_boot){guest->memory, initrd_size, sv_buf_str(&line)},
                             err);
}

int sv_boot_check(const struct sv_guest *guest, struct sv_err *err)
{
        const char *const files[][2] = {{"kernel", guest->kernel}, {"initrd", guest->initrd}};

        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                const char *path = files[i][1];
                SV_FD fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;

                if (fd >= 0 && sv_boot_check_file(fd, files[i][0], path, err) < 0)
                        return sv_guest_wrap_member(guest, files[i][0], err);
        }
        return 0;
}

int sv_boot_uki(const struct sv_guest *guest, struct sv_bytes image, struct sv_uki *out,
                struct sv_err *err)
{
        SV_BUF line = SV_BUF_NULL;

        if (sv_uki_read(image, "measure.uki", out, err) < 0 ||
            sv_guest_cmdline(guest, &line, err) < 0)
                return -1;
        if (!out->measured || line.n == 0 || memmem(out->cmdline.p, out->cmdline.n, line.p, line.n))
                return 0;
        return sv_fail(err, SV_USAGE, "measure.uki",
                       "the image's command line was expected to have \"%.200s\", as the guest "
                       "file says, found \"%.*s\": make the image anew (image uki) from the same "
                       "guest file",
                       sv_buf_str(&line), (int)(out->cmdline.n < 200 ? out->cmdline.n : 200),
                       (const char *)out->cmdline.p);
}

int sv_boot_unpack(const struct sv_uki *u, struct sv_boot *out, struct sv_err *err)
{
        SV_BOOT b = {.initrd_size = u->initrd.n};

        sv_buf_put(&b.kernel, u->kernel);
        sv_buf_put(&b.cmdline, u->cmdline);
        sv_buf_str(&b.cmdline);
        if (sv_buf_ok(&b.kernel, "the kernel", err) < 0 ||
            sv_buf_ok(&b.cmdline, "the command line", err) < 0)
                return -1;
        for (int i = 0; u->initrd.n && i < SV_EVENT_BANKS; i++)
                if (sv_digest(sv_event_bank(i), u->initrd, b.initrd[i], err) < 0)
                        return -1;
        *out = b;
        b = (struct sv_boot){.initrd_size = 0};
        return 0;
}

static void put_wide_text(struct sv_buf *b, const char *text)
{
        for (; *text; text++)
                sv_buf_u16le(b, (uint8_t)*text);
}

int sv_event_options(struct sv_prediction *p, unsigned reg, const struct sv_boot *b,
                     enum sv_initrd_word word, struct sv_err *err)
{
        const char *first = b->initrd_size && word == SV_INITRD_WORD_FIRST ? "initrd=initrd " : "";
        const char *last = b->initrd_size && word == SV_INITRD_WORD_LAST ? " initrd=initrd" : "";
        const char *text = b->cmdline.n ? (const char *)b->cmdline.p : "";
        SV_BUF options = SV_BUF_NULL;

        put_wide_text(&options, first);
        put_wide_text(&options, text);
        put_wide_text(&options, last);
        if (sv_buf_ok(&options, "load options", err) < 0)
                return -1;
        if (options.n == 0)
                return 0;
        sv_buf_u16le(&options, 0);
        if (sv_buf_ok(&options, "load options", err) < 0)
                return -1;
        return sv_event_data(p, reg, SV_EV_EVENT_TAG, sv_buf_bytes(&options), err,
                             "command line (LOADED_IMAGE::LoadOptions): \"%s%.90s%s%s\"", first,
                             text, b->cmdline.n > 90 ? "…" : "", last);
}

void sv_event_initrd(struct sv_prediction *p, unsigned reg, const struct sv_boot *b)
{
        struct sv_measure_step *s;

        if (!b->initrd_size)
                return;
        s = sv_event_new(p, reg, SV_EV_EVENT_TAG);
        snprintf(s->what, sizeof(s->what), "initramfs (Linux initrd), %llu bytes",
                 (unsigned long long)b->initrd_size);
        memcpy(s->digest, b->initrd, sizeof(s->digest));
}

bool sv_linux_since(const char *version, unsigned major, unsigned minor)
{
        unsigned have[2] = {0};

        return sscanf(version, "%u.%u", &have[0], &have[1]) == 2 &&
               (have[0] > major || (have[0] == major && have[1] >= minor));
}
