/* SPDX-License-Identifier: Apache-2.0 */
/* cpio archives in the "newc" form that the kernel unpacks as its initramfs
 * (Documentation/driver-api/early-userspace/buffer-format of the kernel). What goes in is a tree in
 * memory; what comes out depends on nothing else: sorted, owner 0:0, time 0. */
#pragma once

#include "base/core/buf.h"
#include "base/core/rd.h"

struct sv_cpio_entry {
        char *path;     /* "etc/secure-vm/modules": no leading slash, no "." or ".." part */
        uint32_t mode;  /* type and permissions, as in st_mode */
        unsigned major; /* devices */
        unsigned minor;
        struct sv_buf data; /* contents of a file, target of a symbolic link */
};

struct sv_cpio {
        struct sv_cpio_entry *list;
        size_t n;
        size_t cap;
};

#define SV_CPIO_NULL \
        {            \
                0    \
        }

void sv_cpio_free(struct sv_cpio *c);
#define SV_CPIO __attribute__((cleanup(sv_cpio_free))) struct sv_cpio

/* Add an entry and the directories above it (0755). Adding a directory again changes nothing; any
 * other path given twice, or a bad one, is SV_USAGE "image.cpio.path". Returns the entry so that
 * its data can be filled (valid until the next call), or NULL. */
struct sv_cpio_entry *sv_cpio_add(struct sv_cpio *c, const char *path, uint32_t mode,
                                  struct sv_err *err);
int sv_cpio_add_dir(struct sv_cpio *c, const char *path, uint32_t perm, struct sv_err *err);
int sv_cpio_add_file(struct sv_cpio *c, const char *path, uint32_t perm, struct sv_bytes data,
                     struct sv_err *err);
int sv_cpio_add_link(struct sv_cpio *c, const char *path, const char *target, struct sv_err *err);
int sv_cpio_add_chardev(struct sv_cpio *c, const char *path, uint32_t perm, unsigned major,
                        unsigned minor, struct sv_err *err);
const struct sv_cpio_entry *sv_cpio_find(const struct sv_cpio *c, const char *path);

/* Sorts the tree and appends the archive. */
int sv_cpio_write(struct sv_cpio *c, struct sv_buf *out, struct sv_err *err);

/* One member of an archive that is being read; points into it. */
struct sv_cpio_member {
        struct sv_bytes path; /* without its terminator */
        uint32_t mode;
        uint32_t uid;
        uint32_t gid;
        uint32_t mtime;
        uint32_t major;
        uint32_t minor;
        struct sv_bytes data;
};
/* The next member. *end is set at the trailer, after which nothing but zeros may follow. SV_FORMAT
 * "image.cpio.*". */
int sv_cpio_next(struct sv_rd *r, struct sv_cpio_member *out, bool *end, struct sv_err *err);
