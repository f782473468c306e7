/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/warn.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "ovmf/accept.h"

#define GIB (1ull << 30)

void sv_warning_add(struct sv_json *list, const struct sv_guest *g, const char *pointer,
                    const char *name, const char *fmt, ...)
{
        struct sv_json *row = sv_json_add(list, sv_json_object());
        SV_BUF text = SV_BUF_NULL;
        va_list ap;

        sv_guest_place(g, pointer, &text);
        va_start(ap, fmt);
        sv_buf_vprintf(&text, fmt, ap);
        va_end(ap);
        sv_json_set_str(row, "check", name);
        sv_json_set_str(row, "message", sv_buf_str(&text));
}

/* Below 0: it cannot be read, which is not judged here. */
static int look_into(const struct sv_guest *g, sv_guest_open_fn *open_file, const char *path,
                     size_t max, enum sv_acceptance (*look)(struct sv_bytes))
{
        /* a pipe would be waited for */
        SV_FD fd = path ? open_file(g, path, O_RDONLY | O_NONBLOCK) : -1;
        SV_BUF image = {.max = max};
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
            sv_fd_read(fd, path, max, &image, "image", NULL) < 0)
                return -1;
        return (int)look(sv_buf_bytes(&image));
}

static void warn_of_firmware(const struct sv_guest *g, const char *firmware, struct sv_json *list)
{
        if (g->memory < SV_EAGER_MEMORY)
                return;
        sv_warning_add(list, g, "/firmware", "warning.memory.firmware",
                       "%s accepts all %llu GiB of memory before anything else runs, which takes "
                       "minutes; take a build of edk2-stable202211 or later, and give --timeout "
                       "more until then",
                       firmware, (unsigned long long)(g->memory / GIB));
}

static void warn_of_kernel(const struct sv_tee *tee, const struct sv_guest *g, const char *kernel,
                           struct sv_json *list)
{
        if (!tee->accepts_late)
                sv_warning_add(list, g, g->uki ? "/uki" : "/kernel", "warning.memory.kernel",
                               "%s does not accept memory, so the guest has what the firmware "
                               "accepts, up to 4 GiB, and not the %llu MiB that its file says; "
                               "take Linux 6.5 or later",
                               kernel, (unsigned long long)(g->memory >> 20));
        else if (g->memory >= SV_EAGER_MEMORY)
                sv_warning_add(list, g, g->uki ? "/uki" : "/kernel", "warning.memory.kernel",
                               "%s does not accept memory, so the firmware accepts all %llu GiB "
                               "before it starts, which takes minutes; take Linux 6.5 or later, "
                               "and give --timeout more until then",
                               kernel, (unsigned long long)(g->memory / GIB));
}

static void warn_of_unknown(const struct sv_guest *g, const char *pointer, const char *file,
                            struct sv_json *list)
{
        if (g->memory < SV_EAGER_MEMORY)
                return;
        sv_warning_add(list, g, pointer, "warning.memory.unknown",
                       "%s is packed in a way that is not looked into, so whether all %llu GiB of "
                       "memory are accepted before the system starts, which takes minutes, is not "
                       "known; give --timeout more at the first start",
                       file, (unsigned long long)(g->memory / GIB));
}

void sv_warn_acceptance(const struct sv_tee *tee, const struct sv_guest *g,
                        sv_guest_open_fn *open_file, struct sv_json *list)
{
        const char *firmware = sv_tee_firmware(tee, g), *kernel = g->uki ? g->uki : g->kernel;
        const char *pointer = g->uki ? "/uki" : "/kernel";
        int by_firmware, by_kernel;

        if (!tee->confidential || g->memory <= SV_MEMORY_BELOW_4G)
                return;
        by_firmware =
                look_into(g, open_file, firmware, SV_FIRMWARE_SIZE_MAX, sv_acceptance_firmware);
        if (by_firmware == SV_ACCEPT_EAGER)
                warn_of_firmware(g, firmware, list);
        if (by_firmware == SV_ACCEPT_UNKNOWN)
                warn_of_unknown(g, "/firmware", firmware, list);
        if (by_firmware != SV_ACCEPT_LAZY)
                return;
        by_kernel = look_into(g, open_file, kernel, g->uki ? SV_UKI_SIZE_MAX : SV_KERNEL_SIZE_MAX,
                              sv_acceptance_kernel);
        if (by_kernel == SV_ACCEPT_EAGER)
                warn_of_kernel(tee, g, kernel, list);
        if (by_kernel == SV_ACCEPT_UNKNOWN)
                warn_of_unknown(g, pointer, kernel, list);
}
