/* SPDX-License-Identifier: Apache-2.0 */
/* The list is the extended attribute "system.posix_acl_access" (linux/posix_acl_xattr.h), little
 * endian: u32 version 2, then entries of u16 tag, u16 permissions, u32 id, in this order: owner,
 * users, group, groups, mask, others. The mask is there when users or groups are named, and none of
 * those, nor the group, gets more than it has. A list that names nobody becomes the file's mode. */
#include "launcher/keeper/acl.h"

#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/core/buf.h"
#include "base/core/limits.h"
#include "base/core/rd.h"

#define CHECK  "launch.ids"
#define NAME   "system.posix_acl_access"
#define NOBODY ((uint32_t)ACL_UNDEFINED_ID)

static void put_entry(struct sv_buf *b, unsigned tag, unsigned perms, uint32_t id)
{
        sv_buf_u16le(b, (uint16_t)tag);
        sv_buf_u16le(b, (uint16_t)perms);
        sv_buf_u32le(b, id);
}

/* What a file's mode says, as a list. */
static void write_mode(unsigned mode, struct sv_buf *list)
{
        sv_buf_u32le(list, POSIX_ACL_XATTR_VERSION);
        put_entry(list, ACL_USER_OBJ, mode >> 6 & 7, NOBODY);
        put_entry(list, ACL_GROUP_OBJ, mode >> 3 & 7, NOBODY);
        put_entry(list, ACL_OTHER, mode & 7, NOBODY);
}

static int read_acl(const char *path, struct sv_buf *list, struct sv_err *err)
{
        uint8_t *p = sv_buf_grow(list, SV_ACL_SIZE_MAX);
        struct stat st;
        ssize_t n;

        if (sv_buf_ok(list, "a list of who may", err) < 0)
                return -1;
        n = getxattr(path, NAME, p, SV_ACL_SIZE_MAX);
        list->n = n < 0 ? 0 : (size_t)n;
        if (n >= 0)
                return 0;
        if (errno != ENODATA || stat(path, &st) < 0)
                return sv_fail_errno(err, CHECK, "%s: its list of who may", path);
        write_mode(st.st_mode, list);
        return 0;
}

struct entry {
        unsigned tag, may;
        uint32_t id;
};

static bool read_acl_entry(struct sv_rd *r, struct entry *e)
{
        e->tag = sv_rd_u16le(r);
        e->may = sv_rd_u16le(r);
        e->id = sv_rd_u32le(r);
        return !r->bad;
}

static unsigned find_mask(struct sv_rd r)
{
        struct entry e;

        while (read_acl_entry(&r, &e))
                if (e.tag == ACL_MASK)
                        return e.may;
        return 7;
}

/* The list without that user, or with what he may. Nobody else's rights change: a mask that grows
 * for him is first applied to the others. */
static int write_acl(struct sv_bytes old, const char *path, unsigned uid, unsigned perms,
                     struct sv_buf *list, struct sv_err *err)
{
        struct sv_rd r = sv_rd(old);
        bool named = perms, put = !perms;
        unsigned mask, all = perms;
        struct entry e;

        sv_buf_u32le(list, sv_rd_u32le(&r));
        mask = find_mask(r);
        while (sv_rd_left(&r) && read_acl_entry(&r, &e)) {
                if (!put && e.tag != ACL_USER_OBJ && (e.tag != ACL_USER || e.id >= uid)) {
                        put_entry(list, ACL_USER, perms, uid);
                        put = true;
                }
                if (e.tag == ACL_MASK || (e.tag == ACL_USER && e.id == uid))
                        continue;
                named |= e.tag == ACL_USER || e.tag == ACL_GROUP;
                if (e.tag != ACL_USER_OBJ && e.tag != ACL_OTHER)
                        all |= e.may &= mask;
                else if (e.tag == ACL_OTHER && named)
                        put_entry(list, ACL_MASK, all, NOBODY);
                put_entry(list, e.tag, e.may, e.id);
        }
        if (sv_rd_done(&r, CHECK, path, err) < 0)
                return -1;
        return sv_buf_ok(list, "a list of who may", err);
}

int sv_acl_set_user(const char *path, unsigned uid, unsigned perms, struct sv_err *err)
{
        SV_BUF old = SV_BUF_NULL, list = SV_BUF_NULL;

        if (read_acl(path, &old, err) < 0 ||
            write_acl(sv_buf_bytes(&old), path, uid, perms, &list, err) < 0)
                return -1;
        if (setxattr(path, NAME, list.p, list.n, 0) < 0)
                return sv_fail_errno(err, CHECK, "%s: its list of who may", path);
        return 0;
}
