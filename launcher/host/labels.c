/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/host/labels.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "launcher/host/selinux.h"

#define CHECK "launch.confinement"

/* AppArmor's own file; SELinux has the common one, in which AppArmor's label stands without the
 * other. Without a newline or a NUL byte at the end; empty where none can be read. */
static void read_label(const char *root, int pid, const char *task, const char *file,
                       struct sv_buf *out)
{
        SV_STR path = sv_asprintf("%s/proc/%d/task/%s/attr/%s", root, pid, task, file);

        sv_buf_clear(out);
        (void)sv_file_read(path, 4096, out, CHECK, NULL);
        while (out->n && (out->p[out->n - 1] == '\n' || !out->p[out->n - 1]))
                out->n--;
}

/* It may have ended since its folder was listed: then that is gone, too. */
static bool has_thread_ended(const char *root, int pid, const char *task)
{
        SV_STR path = sv_asprintf("%s/proc/%d/task/%s", root, pid, task);

        return access(path, F_OK) < 0 && (errno == ENOENT || errno == ESRCH);
}

static bool has_type(const char *label, const char *type)
{
        const char *range = sv_selinux_range(label);
        size_t n = strlen(type);

        return *range && (size_t)(range - label) > n + 1 && range[-2 - (int)n] == ':' &&
               !strncmp(range - 1 - n, type, n);
}

/* s0:cA,cB: an other guest's QEMU has another pair. */
static bool is_pair(const char *range)
{
        char *end;
        unsigned long a, b;

        if (strncmp(range, "s0:c", 4) || range[4] < '0' || range[4] > '9')
                return false;
        a = strtoul(range + 4, &end, 10);
        if (strncmp(end, ",c", 2) || end[2] < '0' || end[2] > '9')
                return false;
        b = strtoul(end + 2, &end, 10);
        return a < b && b < 1024 && !*end;
}

static bool is_guest_label(const char *label)
{
        return (has_type(label, "svirt_t") || has_type(label, "svirt_tcg_t")) &&
               is_pair(sv_selinux_range(label));
}

/* --- threads --- */

/* What the threads of one process are held against. */
struct wanted {
        const struct sv_labels *l;
        const char *who;
        const char *profile;
        struct sv_buf *label; /* of SELinux; empty before the first thread where none was asked */
};

static int fail_label(const struct wanted *w, const char *task, const char *label,
                      const char *expected, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, CHECK,
                       "thread %s of the guest's %s runs with the label \"%.200s\", and %s was "
                       "expected; load libvirt's profile or policy, or set "
                       "\"security\":{\"required\":false}",
                       task, w->who, label, expected);
}

/* swtpm may have a type of its own. */
static bool is_wanted_label(const struct wanted *w, const char *label)
{
        const char *wanted = sv_buf_str(w->label);

        return !strcmp(label, wanted) ||
               (w->label->n && has_type(label, "swtpm_t") &&
                !strcmp(sv_selinux_range(label), sv_selinux_range(wanted)));
}

/* 1: the thread has ended. */
static int check_thread(const struct wanted *w, int pid, const char *task, struct sv_err *err)
{
        const char *model = w->l->model, *root = w->l->root;
        SV_BUF apparmor = SV_BUF_NULL, common = SV_BUF_NULL;
        bool may_apparmor = !model || !strcmp(model, "apparmor"),
             may_selinux = !model || !strcmp(model, "selinux");

        read_label(root, pid, task, "apparmor/current", &apparmor);
        read_label(root, pid, task, "current", &common);
        if (!apparmor.n && !common.n && has_thread_ended(root, pid, task))
                return 1;
        if (!apparmor.n)
                sv_buf_put(&apparmor, sv_buf_bytes(&common));
        if (may_apparmor && !strcmp(sv_buf_str(&apparmor), w->profile))
                return 0;
        if (may_selinux && !w->label->n && is_guest_label(sv_buf_str(&common)))
                sv_buf_put(w->label, sv_buf_bytes(&common));
        if (!may_selinux || !is_guest_label(sv_buf_str(w->label)))
                return fail_label(w, task, sv_buf_str(may_selinux ? &common : &apparmor),
                                  model && may_apparmor
                                          ? w->profile
                                          : "libvirt's own for this guest, which confines it",
                                  err);
        if (!is_wanted_label(w, sv_buf_str(&common)))
                return fail_label(w, task, sv_buf_str(&common), sv_buf_str(w->label), err);
        return sv_buf_ok(w->label, "a label", err);
}

static int check_process(const struct wanted *w, int pid, struct sv_err *err)
{
        SV_STR folder = sv_asprintf("%s/proc/%d/task", w->l->root, pid);
        DIR *d = opendir(folder);
        unsigned n = 0;
        int r = 0;

        for (struct dirent *e; d && r >= 0 && (e = readdir(d));) {
                if (e->d_name[0] < '1' || e->d_name[0] > '9')
                        continue;
                r = check_thread(w, pid, e->d_name, err);
                n += r == 0;
        }
        if (d)
                closedir(d);
        if (r >= 0 && !n)
                return sv_fail(err, SV_SYSTEM, CHECK,
                               "the threads of the guest's %s (process %d) cannot be read in %s, "
                               "so nothing says that it is confined",
                               w->who, pid, folder);
        return r < 0 ? -1 : 0;
}

int sv_labels_check(const struct sv_labels *l, struct sv_err *err)
{
        char uuid[37];
        SV_STR profile = sv_asprintf("libvirt-%s (enforce)", sv_format_uuid(l->uuid, uuid));
        SV_BUF label = SV_BUF_NULL;
        struct wanted w = {.l = l, .who = "QEMU", .profile = profile, .label = &label};

        if (l->label)
                sv_buf_puts(&label, l->label);
        if (check_process(&w, l->qemu, err) < 0)
                return -1;
        w.who = "vTPM";
        return l->swtpm ? check_process(&w, l->swtpm, err) : 0;
}

/* --- files and sockets --- */

static int fail_file(const char *what, const char *name, const char *label, const char *expected,
                     struct sv_err *err)
{
        return sv_fail(
                err, SV_SYSTEM, CHECK,
                "%s %.400s has the SELinux label \"%.200s\", and %s was expected; it may lie "
                "where no labels are kept: move it, or set "
                "\"security\":{\"required\":false}",
                what, name, label, expected);
}

/* Open for writing, as the kernel says (proc(5): octal flags). */
static bool is_written(const struct sv_labels *l, int pid, const char *fd)
{
        SV_STR path = sv_asprintf("%s/proc/%d/fdinfo/%s", l->root, pid, fd);
        SV_BUF text = SV_BUF_NULL;
        const char *flags;

        if (sv_file_read(path, 4096, &text, CHECK, NULL) < 0)
                return true; /* nothing says that it is not */
        flags = strstr(sv_buf_str(&text), "flags:");
        return !flags || (strtoul(flags + strlen("flags:"), NULL, 8) & O_ACCMODE) != O_RDONLY;
}

static int check_descriptor(const struct sv_labels *l, int pid, const char *who, const char *fd,
                            struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/proc/%d/fd/%s", l->root, pid, fd);
        SV_STR expected = NULL;
        SV_STR what = NULL;
        char label[SV_LABEL_MAX + 1], name[512] = "";
        struct stat st;

        if (stat(path, &st) < 0) /* closed since it was listed */
                return 0;
        if (!S_ISSOCK(st.st_mode) &&
            ((!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) || !is_written(l, pid, fd)))
                return 0;
        sv_selinux_read_label(path, label);
        if (!strcmp(sv_selinux_range(label), sv_selinux_range(l->label)))
                return 0;
        (void)!readlink(path, name, sizeof(name) - 1);
        expected = sv_asprintf("one with this guest's categories (%s)", sv_selinux_range(l->label));
        what = sv_asprintf("descriptor %s of the guest's %s,", fd, who);
        return fail_file(what, name, label, expected, err);
}

static int check_descriptors(const struct sv_labels *l, int pid, const char *who,
                             struct sv_err *err)
{
        SV_STR folder = sv_asprintf("%s/proc/%d/fd", l->root, pid);
        DIR *d = opendir(folder);
        unsigned n = 0;
        int r = 0;

        for (struct dirent *e; d && r == 0 && (e = readdir(d));) {
                if (e->d_name[0] < '0' || e->d_name[0] > '9')
                        continue;
                n++;
                r = check_descriptor(l, pid, who, e->d_name, err);
        }
        if (d)
                closedir(d);
        if (r == 0 && !n)
                return sv_fail(
                        err, SV_SYSTEM, CHECK,
                        "the open files of the guest's %s (process %d) cannot be read in %s, "
                        "so nothing says how they are labelled",
                        who, pid, folder);
        return r;
}

static int check_named(const struct sv_labels *l, const char *name, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s%s", l->root, name);
        char label[SV_LABEL_MAX + 1];

        sv_selinux_read_label(path, label);
        return strcmp(label, l->image) ? fail_file("the guest's", name, label, l->image, err) : 0;
}

int sv_labels_check_files(const struct sv_labels *l, struct sv_err *err)
{
        if (!l->label || !l->image)
                return 0;
        for (size_t i = 0; i < l->n_files; i++)
                if (check_named(l, l->files[i], err) < 0)
                        return -1;
        if (check_descriptors(l, l->qemu, "QEMU", err) < 0)
                return -1;
        return l->swtpm ? check_descriptors(l, l->swtpm, "vTPM", err) : 0;
}
