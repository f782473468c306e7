/* SPDX-License-Identifier: Apache-2.0 */
/* labels.json: [{"path":"/srv/a.img","inode":12,"was":"CONTEXT","given":"CONTEXT"},...]. The device
 * of an inode is not kept: it can be another after the host's next boot. */
#include "launcher/keeper/relabel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/host/selinux.h"

#define CHECK "launch.label"

static char *find_record(const struct sv_state *s)
{
        return sv_state_path(s, "labels.json");
}

/* Of a file that is open, also as O_PATH. */
static bool read_open_label(int fd, char out[SV_LABEL_MAX + 1])
{
        SV_STR path = sv_asprintf("/proc/self/fd/%d", fd);

        return sv_selinux_read_label(path, out);
}

/* An empty list where there is none. */
static int read_record(const struct sv_state *s, struct sv_json **out, struct sv_err *err)
{
        SV_STR path = find_record(s);
        int r = sv_state_read_record(path, CHECK, out, err);

        if (r == 0)
                *out = sv_json_array();
        return r < 0 ? -1 : 0;
}

static int write_record(const struct sv_state *s, const struct sv_json *list, struct sv_err *err)
{
        SV_STR path = find_record(s);

        return sv_state_write_record(path, CHECK, list, !sv_json_len(list), err);
}

/* The file that an entry names, if it is there and still that one; -1 when not. */
static int open_noted(const struct sv_json *entry)
{
        int fd = open(sv_json_text(entry, "path", ""), O_PATH | O_CLOEXEC);
        struct stat st;

        if (fd >= 0 && fstat(fd, &st) == 0 &&
            (int64_t)st.st_ino == sv_json_int(sv_json_get(entry, "inode"), -1))
                return fd;
        sv_closep(&fd);
        return -1;
}

/* libvirt's own: a pair of categories is one guest's, and what several may share has none. */
static bool is_one_guests(const char *label)
{
        const char *categories = strstr(label, ":c");

        return categories && strchr(categories, ',');
}

static struct sv_json *find_noted(const struct sv_json *list, const char *path, int64_t inode)
{
        for (size_t i = 0; i < sv_json_len(list); i++) {
                struct sv_json *entry = sv_json_at(list, i);

                if (!strcmp(sv_json_text(entry, "path", ""), path) &&
                    sv_json_int(sv_json_get(entry, "inode"), -1) == inode)
                        return entry;
        }
        return NULL;
}

static struct sv_json *put_noted(struct sv_json *list, struct sv_json *entry, const char *path,
                                 int64_t inode, const char *label)
{
        if (!entry)
                entry = sv_json_add(list, sv_json_object());
        sv_json_set_str(entry, "path", path);
        sv_json_set_int(entry, "inode", inode);
        sv_json_set_str(entry, "was", label);
        return entry;
}

int sv_relabel_note(const struct sv_state *s, const char *path, int fd, struct sv_err *err)
{
        char label[SV_LABEL_MAX + 1];
        SV_JSON *list = NULL;
        struct sv_json *entry;
        struct stat st;

        if (!read_open_label(fd, label))
                return errno == ERANGE ? sv_fail(err, SV_SYSTEM, CHECK,
                                                 "%s: expected an SELinux label of at most %d "
                                                 "bytes, found a longer one",
                                                 path, SV_LABEL_MAX)
                                       : 0;
        if (fstat(fd, &st) < 0)
                return sv_fail_errno(err, CHECK, "%s", path);
        if (read_record(s, &list, err) < 0)
                return -1;
        entry = find_noted(list, path, (int64_t)st.st_ino);
        /* it may have been labelled anew since the run that noted it */
        if (!entry || !is_one_guests(label))
                entry = put_noted(list, entry, path, (int64_t)st.st_ino, label);
        sv_json_set_str(entry, "given", "");
        return write_record(s, list, err);
}

int sv_relabel_confirm(const struct sv_state *s, struct sv_err *err)
{
        char label[SV_LABEL_MAX + 1];
        SV_JSON *list = NULL;

        if (read_record(s, &list, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(list); i++) {
                struct sv_json *entry = sv_json_at(list, i);
                SV_FD fd = open_noted(entry);

                if (fd >= 0 && read_open_label(fd, label))
                        sv_json_set_str(entry, "given", label);
        }
        return write_record(s, list, err);
}

/* 1: there is nothing more to do for it. */
static int restore_label(const struct sv_json *entry, struct sv_err *err)
{
        const char *was = sv_json_text(entry, "was", ""), *given = sv_json_text(entry, "given", "");
        SV_FD fd = open_noted(entry);
        SV_STR path = sv_asprintf("/proc/self/fd/%d", fd);
        char label[SV_LABEL_MAX + 1];

        if (fd < 0 || !read_open_label(fd, label) || !strcmp(label, was))
                return 1;
        if (!*given)
                return 0;
        if (strcmp(label, given) || !is_one_guests(label))
                return 1;
        return setxattr(path, SV_SELINUX_XATTR, was, strlen(was) + 1, XATTR_REPLACE) < 0
                       ? sv_fail_errno(err, CHECK, "%s: giving back the SELinux label %s",
                                       sv_json_text(entry, "path", ""), was)
                       : 1;
}

int sv_relabel_restore(const struct sv_state *s, struct sv_err *err)
{
        SV_JSON *list = NULL, *left = sv_json_array();
        int r = 0;

        if (read_record(s, &list, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(list); i++) {
                struct sv_json *entry = sv_json_at(list, i);
                int done = restore_label(entry, r < 0 ? NULL : err);

                if (done != 1)
                        sv_json_add(left, sv_json_ref(entry));
                if (done < 0)
                        r = -1;
        }
        if (sv_json_len(left) != sv_json_len(list) && write_record(s, left, r < 0 ? NULL : err) < 0)
                r = -1;
        return r;
}
