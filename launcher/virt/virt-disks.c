/* SPDX-License-Identifier: Apache-2.0 */
/* Disks as open files that are handed to QEMU. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/virt/domain.h"
#include "launcher/virt/virt-int.h"

/* QEMU's bytes (block/file-posix.c): from the first on what it does, from the second on what it
 * lets nobody else do; one is for writing in both. */
#define QEMU_DOES   100
#define QEMU_ALONE  200
#define QEMU_WRITES 1
#define QEMU_BYTES  200

static int keep_handed(struct sv_virt *v, const char *group, const int *fds)
{
        struct sv_handed *h = realloc(v->handed, (v->n_handed + 1) * sizeof(*h));

        if (!h)
                return -1;
        v->handed = h;
        h += v->n_handed++;
        snprintf(h->group, sizeof(h->group), "%s", group);
        for (int i = 0; i < 2; i++)
                h->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        return h->fds[0] < 0 || h->fds[1] < 0 ? -1 : 0;
}

int sv_virt_associate(struct sv_virt *v, const char *group, int *fds, unsigned n,
                      struct sv_err *err)
{
        if (n == 2 && keep_handed(v, group, fds) < 0)
                return sv_fail_errno(err, "launch.disk", "a copy of a disk's descriptor");
        return vir.DomainFDAssociate(v->dom, group, n, fds, 0) < 0
                       ? sv_virt_fail(err, "handing over a disk's file")
                       : 0;
}

void sv_virt_drop_handed(struct sv_virt *v)
{
        for (size_t i = 0; i < v->n_handed; i++) {
                sv_closep(&v->handed[i].fds[0]);
                sv_closep(&v->handed[i].fds[1]);
        }
        free(v->handed);
        v->handed = NULL;
        v->n_handed = 0;
}

static void set_byte_lock(int fd, short type, off_t at, off_t n)
{
        struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = n};

        /* A file system without locks: QEMU has none there either. */
        fcntl(fd, F_OFD_SETLK, &lock);
}

void sv_virt_free_locks(struct sv_virt *v)
{
        for (size_t i = 0; i < v->n_handed; i++)
                for (int k = 0; k < 2; k++)
                        set_byte_lock(v->handed[i].fds[k], F_UNLCK, QEMU_DOES, QEMU_BYTES);
}

/* Where the group lies: 1 at the top, written; 0 below, read; -1 nowhere. */
static int find_group(const struct sv_disk_files *disks, size_t n, const char *group)
{
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < disks[i].n; k++)
                        if (!strcmp(disks[i].files[k].group, group))
                                return k == 0;
        return -1;
}

/* libvirt keeps what a group has until it has something else. */
static void let_go(struct sv_virt *v, struct sv_handed *h)
{
        SV_FD null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int fds[1] = {null};

        sv_closep(&h->fds[0]);
        sv_closep(&h->fds[1]);
        vir.DomainFDAssociate(v->dom, h->group, 1, fds, 0);
}

void sv_virt_set_locks(struct sv_virt *v, const struct sv_disk_files *disks, size_t n)
{
        size_t kept = 0;

        sv_virt_free_locks(v);
        for (size_t i = 0; i < v->n_handed; i++) {
                struct sv_handed *h = &v->handed[i];
                int writes = find_group(disks, n, h->group);

                if (writes < 0) {
                        let_go(v, h);
                        continue;
                }
                if (writes)
                        set_byte_lock(h->fds[1], F_RDLCK, QEMU_DOES + QEMU_WRITES, 1);
                set_byte_lock(h->fds[writes], F_RDLCK, QEMU_ALONE + QEMU_WRITES, 1);
                v->handed[kept++] = *h;
        }
        v->n_handed = kept;
}
