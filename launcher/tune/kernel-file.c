/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/kernel-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/tune/channels.h"

/* The first line as it stands; what is behind it is no value (sv_kernel_file_write). */
static int read_first_line(const char *root, const char *path, struct sv_buf *out,
                           struct sv_err *err)
{
        long long queues = sv_channels_is(root, path) ? sv_channels_read(path) : -1;
        SV_STR full = sv_asprintf("%s%s", root, path);
        SV_FD fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        char text[SV_TUNE_VALUE_MAX + 1];
        ssize_t n, have = 0;
        char *end;

        sv_buf_clear(out);
        if (queues >= 0)
                sv_buf_printf(out, "%lld", queues);
        if (queues >= 0)
                return sv_buf_ok(out, full, err) < 0 ? -1 : 1;
        if (fd < 0)
                return 0;
        while ((n = read(fd, text + have, sizeof(text) - (size_t)have)) > 0)
                have += n;
        if (n < 0)
                return 0;
        end = memchr(text, '\n', (size_t)have);
        if (!end && have == sizeof(text))
                return sv_fail(err, SV_FORMAT, "tune.value",
                               "%s has a line of more than %d bytes; a setting of the kernel's has "
                               "fewer",
                               full, SV_TUNE_VALUE_MAX);
        sv_buf_put(out, sv_bytes(text, end ? (size_t)(end - text) : (size_t)have));
        return sv_buf_ok(out, full, err) < 0 ? -1 : 1;
}

static void keep_part(struct sv_buf *out, const char *from, size_t n)
{
        SV_STR part = sv_asprintf("%.*s", (int)n, from);

        sv_buf_clear(out);
        sv_buf_puts(out, part);
}

static void take_form(struct sv_buf *out, enum sv_kernel_form form)
{
        const char *text = sv_buf_str(out), *open, *close;
        size_t n;

        text += strspn(text, " \t");
        n = strlen(text);
        while (n && strchr(" \t\r", text[n - 1]))
                n--;
        if (form == SV_KERNEL_CHOICE) {
                open = strchr(text, '[');
                close = open ? strchr(open, ']') : NULL;
                if (close) {
                        keep_part(out, open + 1, (size_t)(close - open - 1));
                        return;
                }
        }
        if (form == SV_KERNEL_MASK)
                while (n > 1 && strchr("0,", *text)) {
                        text++;
                        n--;
                }
        keep_part(out, text, n);
}

int sv_kernel_file_read(const char *root, const char *path, enum sv_kernel_form form,
                        struct sv_buf *out, struct sv_err *err)
{
        int r = read_first_line(root, path, out, err);

        if (r > 0)
                take_form(out, form);
        return r;
}

/* Not truncated: a file of the kernel's has no length, and in a fixture a kill between two calls
 * must not leave an empty one. Its first line is its value. */
int sv_kernel_file_write(const char *root, const char *path, const char *value)
{
        SV_STR full = sv_asprintf("%s%s", root, path);
        SV_STR line = sv_asprintf("%s\n", value);
        SV_FD fd = -1;
        ssize_t n;

        if (sv_channels_is(root, path))
                return sv_channels_write(path, value);
        fd = open(full, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -1;
        n = write(fd, line, strlen(line));
        if (n >= 0 && (size_t)n != strlen(line)) {
                errno = EIO;
                return -1;
        }
        return n < 0 ? -1 : 0;
}

int sv_kernel_file_try(const char *root, const char *path)
{
        SV_STR full = sv_asprintf("%s%s", root, path);
        SV_FD fd = -1;

        if (sv_channels_is(root, path))
                return sv_channels_try(path);
        fd = open(full, O_WRONLY | O_CLOEXEC);
        return fd < 0 ? -1 : 0;
}

bool sv_kernel_file_offers(const char *root, const char *path, const char *word,
                           struct sv_buf *offered)
{
        SV_BUF line = SV_BUF_NULL;
        bool found = false;

        if (read_first_line(root, path, &line, NULL) <= 0)
                return false;
        for (const char *at = sv_buf_str(&line); *at;) {
                size_t n;

                at += strspn(at, " []");
                n = strcspn(at, " []");
                if (n) {
                        sv_buf_printf(offered, "%s%.*s", offered->n ? ", " : "", (int)n, at);
                        found |= strlen(word) == n && !strncmp(at, word, n);
                }
                at += n;
        }
        return found;
}

long long sv_kernel_file_number(const char *root, const char *path, long long otherwise)
{
        SV_BUF text = SV_BUF_NULL;
        char *end;
        long long n;

        if (sv_kernel_file_read(root, path, SV_KERNEL_TEXT, &text, NULL) <= 0)
                return otherwise;
        n = strtoll(sv_buf_str(&text), &end, 10);
        return end == sv_buf_str(&text) || *end ? otherwise : n;
}

static int compare_file_names(const struct dirent **a, const struct dirent **b)
{
        return strverscmp((*a)->d_name, (*b)->d_name);
}

static int is_shown_name(const struct dirent *e)
{
        return e->d_name[0] != '.';
}

char **sv_kernel_folder_names(const char *root, const char *path)
{
        SV_STR full = sv_asprintf("%s%s", root, path);
        struct dirent **list;
        int n = scandir(full, &list, is_shown_name, compare_file_names);
        char **names = n < 0 ? NULL : calloc((size_t)n + 1, sizeof(*names));

        for (int i = 0; i < n; i++) {
                if (names)
                        names[i] = sv_asprintf("%s", list[i]->d_name);
                free(list[i]);
        }
        if (n >= 0)
                free(list);
        return names;
}

void sv_kernel_names_free(char ***names)
{
        for (size_t i = 0; *names && (*names)[i]; i++)
                free((*names)[i]);
        free(*names);
        *names = NULL;
}

void sv_kernel_put_mask(const struct sv_bitset *cpus, struct sv_buf *out)
{
        bool begun = false;

        for (size_t i = SV_CPUS_MAX / 32; i-- > 0;) {
                uint32_t part = (uint32_t)(cpus->words[i / 2] >> (i % 2 ? 32 : 0));

                if (begun)
                        sv_buf_printf(out, ",%08x", part);
                else if (part || i == 0)
                        sv_buf_printf(out, "%x", part);
                begun |= part != 0;
        }
}
