/* SPDX-License-Identifier: Apache-2.0 */
/* SELinux labels of files on a machine without SELinux, also for who is not root: kept here, by
 * inode. The test is linked with --wrap=getxattr (and setxattr). */
#pragma once

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "tests/unit/unit.h"

static struct {
        ino_t inode;
        char label[600];
} labelled[32];
static size_t n_labelled;

ssize_t __wrap_getxattr(const char *path, const char *name, void *value, size_t size);

static inline char *find_label(const char *path)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return NULL;
        for (size_t i = 0; i < n_labelled; i++)
                if (labelled[i].inode == st.st_ino)
                        return labelled[i].label;
        return NULL;
}

static inline void put_label(const char *path, const char *label)
{
        char *kept = find_label(path);
        struct stat st;

        if (!kept) {
                assert_true(n_labelled < 32);
                assert_int_equal(stat(path, &st), 0);
                labelled[n_labelled].inode = st.st_ino;
                kept = labelled[n_labelled++].label;
        }
        assert_true(strlen(label) < sizeof(labelled[0].label));
        strcpy(kept, label);
}

/* With the byte that ends it, as Linux has it. */
ssize_t __wrap_getxattr(const char *path, const char *name, void *value, size_t size)
{
        const char *label = find_label(path);
        size_t n = label ? strlen(label) + 1 : 0;

        assert_string_equal(name, "security.selinux");
        if (!label || n == 1)
                errno = ENODATA;
        else if (n > size)
                errno = ERANGE;
        else
                memcpy(value, label, n);
        return !label || n == 1 || n > size ? -1 : (ssize_t)n;
}
