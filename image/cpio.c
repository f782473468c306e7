/* SPDX-License-Identifier: Apache-2.0 */
#include "image/cpio.h"

#include <stdlib.h>
#include <sys/stat.h>

static const char TRAILER[] = "TRAILER!!!";

void sv_cpio_free(struct sv_cpio *c)
{
        for (size_t i = 0; i < c->n; i++) {
                free(c->list[i].path);
                sv_buf_free(&c->list[i].data);
        }
        free(c->list);
        *c = (struct sv_cpio)SV_CPIO_NULL;
}

const struct sv_cpio_entry *sv_cpio_find(const struct sv_cpio *c, const char *path)
{
        for (size_t i = 0; i < c->n; i++)
                if (strcmp(c->list[i].path, path) == 0)
                        return &c->list[i];
        return NULL;
}

static bool is_cpio_path(const char *path)
{
        for (const char *part = path;;) {
                size_t n = strcspn(part, "/");

                if (n == 0 || (n == 1 && part[0] == '.') ||
                    (n == 2 && part[0] == '.' && part[1] == '.'))
                        return false;
                if (!part[n])
                        return strcmp(path, TRAILER) != 0;
                part += n + 1;
        }
}

static int add_parents(struct sv_cpio *c, const char *path, struct sv_err *err)
{
        const char *slash = strrchr(path, '/');

        if (!slash)
                return 0;

        char *parent = strndup(path, (size_t)(slash - path));
        int r = parent ? sv_cpio_add_dir(c, parent, 0755, err)
                       : sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a path");

        free(parent);
        return r;
}

struct sv_cpio_entry *sv_cpio_add(struct sv_cpio *c, const char *path, uint32_t mode,
                                  struct sv_err *err)
{
        if (!is_cpio_path(path)) {
                sv_fail(err, SV_USAGE, "image.cpio.path", "\"%s\" cannot be a path in an archive",
                        path);
                return NULL;
        }
        if (sv_cpio_find(c, path)) {
                sv_fail(err, SV_USAGE, "image.cpio.path", "\"%s\" would be in the archive twice",
                        path);
                return NULL;
        }
        if (add_parents(c, path, err) < 0)
                return NULL;
        if (c->n == c->cap) {
                size_t cap = c->cap ? 2 * c->cap : 64;
                struct sv_cpio_entry *list = reallocarray(c->list, cap, sizeof(*list));

                if (!list) {
                        sv_fail(err, SV_SYSTEM, "base.memory", "no memory for an archive's list");
                        return NULL;
                }
                c->list = list;
                c->cap = cap;
        }

        char *copy = strdup(path);

        if (!copy) {
                sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a path");
                return NULL;
        }
        c->list[c->n] = (struct sv_cpio_entry){.path = copy, .mode = mode};
        return &c->list[c->n++];
}

int sv_cpio_add_dir(struct sv_cpio *c, const char *path, uint32_t perm, struct sv_err *err)
{
        const struct sv_cpio_entry *old = sv_cpio_find(c, path);

        if (old && S_ISDIR(old->mode))
                return 0;
        return sv_cpio_add(c, path, S_IFDIR | perm, err) ? 0 : -1;
}

static int add_with_data(struct sv_cpio *c, const char *path, uint32_t mode, struct sv_bytes data,
                         struct sv_err *err)
{
        struct sv_cpio_entry *e = sv_cpio_add(c, path, mode, err);

        if (!e)
                return -1;
        sv_buf_put(&e->data, data);
        return sv_buf_ok(&e->data, path, err);
}

int sv_cpio_add_file(struct sv_cpio *c, const char *path, uint32_t perm, struct sv_bytes data,
                     struct sv_err *err)
{
        return add_with_data(c, path, S_IFREG | perm, data, err);
}

int sv_cpio_add_link(struct sv_cpio *c, const char *path, const char *target, struct sv_err *err)
{
        return add_with_data(c, path, S_IFLNK | 0777, sv_bytes_str(target), err);
}

int sv_cpio_add_chardev(struct sv_cpio *c, const char *path, uint32_t perm, unsigned major,
                        unsigned minor, struct sv_err *err)
{
        struct sv_cpio_entry *e = sv_cpio_add(c, path, S_IFCHR | perm, err);

        if (!e)
                return -1;
        e->major = major;
        e->minor = minor;
        return 0;
}

static void pad_member(struct sv_buf *out, size_t start)
{
        while (!out->bad && (out->n - start) % 4)
                sv_buf_u8(out, 0);
}

static void put_cpio_member(struct sv_buf *out, size_t start, uint32_t ino,
                            const struct sv_cpio_entry *e)
{
        /* ino, mode, uid, gid, nlink, mtime, size, dev major and minor, rdev major and minor, name
         * size, check */
        sv_buf_printf(out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ino,
                      e->mode, 0u, 0u, S_ISDIR(e->mode) ? 2u : 1u, 0u, (unsigned)e->data.n, 0u, 0u,
                      e->major, e->minor, (unsigned)strlen(e->path) + 1, 0u);
        sv_buf_puts(out, e->path);
        sv_buf_u8(out, 0);
        pad_member(out, start);
        sv_buf_put(out, sv_buf_bytes(&e->data));
        pad_member(out, start);
}

static int compare_members(const void *a, const void *b)
{
        return strcmp(((const struct sv_cpio_entry *)a)->path,
                      ((const struct sv_cpio_entry *)b)->path);
}

int sv_cpio_write(struct sv_cpio *c, struct sv_buf *out, struct sv_err *err)
{
        struct sv_cpio_entry trailer = {.path = (char *)TRAILER};
        size_t start = out->n;

        /* A directory's path is the beginning of its children's, so it sorts before them, as the
         * kernel needs. */
        if (c->n)
                qsort(c->list, c->n, sizeof(*c->list), compare_members);
        for (size_t i = 0; i < c->n; i++)
                put_cpio_member(out, start, (uint32_t)i + 1, &c->list[i]);
        put_cpio_member(out, start, 0, &trailer);
        return sv_buf_ok(out, "the initramfs archive", err);
}

/* --- reading --- */

static unsigned parse_hex_digit(uint8_t c)
{
        if (c >= '0' && c <= '9')
                return (unsigned)c - '0';
        c |= 0x20; /* lower case */
        return c >= 'a' && c <= 'f' ? (unsigned)c - 'a' + 10 : 16;
}

static int read_cpio_field(struct sv_rd *r, uint32_t *value, struct sv_err *err)
{
        const uint8_t *p = sv_rd_take(r, 8);
        uint32_t v = 0;

        for (int i = 0; p && i < 8; i++) {
                unsigned digit = parse_hex_digit(p[i]);

                if (digit == 16)
                        return sv_fail(err, SV_FORMAT, "image.cpio.field",
                                       "a header field is not hexadecimal");
                v = v << 4 | digit;
        }
        *value = v;
        return sv_rd_ok(r, "image.cpio.short", "cpio header", err);
}

static int count_padding(struct sv_rd *r, struct sv_err *err)
{
        while (!r->bad && r->pos % 4)
                if (sv_rd_u8(r) != 0)
                        return sv_fail(err, SV_FORMAT, "image.cpio.padding", "padding is not zero");
        return sv_rd_ok(r, "image.cpio.short", "cpio padding", err);
}

static int are_zeros_left(struct sv_rd *r, struct sv_err *err)
{
        struct sv_bytes rest = sv_rd_rest(r);

        for (size_t i = 0; i < rest.n; i++)
                if (rest.p[i])
                        return sv_fail(err, SV_FORMAT, "image.cpio.trailing",
                                       "bytes follow the trailer");
        return 0;
}

int sv_cpio_next(struct sv_rd *r, struct sv_cpio_member *out, bool *end, struct sv_err *err)
{
        enum {
                INO,
                MODE,
                UID,
                GID,
                NLINK,
                MTIME,
                SIZE,
                DEV_MAJOR,
                DEV_MINOR,
                MAJOR,
                MINOR,
                NAME_SIZE,
                CHECK,
                FIELDS
        };
        const uint8_t *magic = sv_rd_take(r, 6);
        uint32_t f[FIELDS];

        if (!magic)
                return sv_rd_ok(r, "image.cpio.short", "cpio header", err);
        if (memcmp(magic, "070701", 6) != 0)
                return sv_fail(err, SV_FORMAT, "image.cpio.magic",
                               "expected a newc header (070701)");
        for (int i = 0; i < FIELDS; i++)
                if (read_cpio_field(r, &f[i], err) < 0)
                        return -1;

        struct sv_bytes path = sv_rd_bytes(r, f[NAME_SIZE]);

        if (sv_rd_ok(r, "image.cpio.short", "cpio member name", err) < 0)
                return -1;
        if (path.n < 2 || path.p[path.n - 1] || memchr(path.p, 0, path.n) != path.p + path.n - 1)
                return sv_fail(err, SV_FORMAT, "image.cpio.name",
                               "a member's name is empty or not terminated where its size says");
        path.n--;
        if (count_padding(r, err) < 0)
                return -1;

        struct sv_bytes data = sv_rd_bytes(r, f[SIZE]);

        if (sv_rd_ok(r, "image.cpio.short", "cpio member data", err) < 0 ||
            count_padding(r, err) < 0)
                return -1;
        *end = path.n == strlen(TRAILER) && memcmp(path.p, TRAILER, path.n) == 0;
        if (*end)
                return are_zeros_left(r, err);
        *out = (struct sv_cpio_member){path,     f[MODE],  f[UID],   f[GID],
                                       f[MTIME], f[MAJOR], f[MINOR], data};
        return 0;
}
