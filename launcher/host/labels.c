/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/host/labels.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/text.h"

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

/* USER:ROLE:TYPE:s0:cA,cB: an other guest's QEMU has another pair. */
static bool is_guest_label(const char *label)
{
        const char *type = strchr(label, ':'), *range;
        char *end;
        unsigned long a, b;

        type = type ? strchr(type + 1, ':') : NULL;
        if (!type || (strncmp(type, ":svirt_t:", 9) && strncmp(type, ":svirt_tcg_t:", 13)))
                return false;
        range = strchr(type + 1, ':') + 1;
        if (strncmp(range, "s0:c", 4) || range[4] < '0' || range[4] > '9')
                return false;
        a = strtoul(range + 4, &end, 10);
        if (strncmp(end, ",c", 2) || end[2] < '0' || end[2] > '9')
                return false;
        b = strtoul(end + 2, &end, 10);
        return a < b && b < 1024 && !*end;
}

static int fail_label(const char *task, const char *label, const char *wanted, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, CHECK,
                       "thread %s of the guest's QEMU runs with the label \"%.200s\", and %s was "
                       "expected; load libvirt's profile or policy, or set "
                       "\"security\":{\"required\":false}",
                       task, label, wanted);
}

/* `first` is the label of the first thread. 1: the thread has ended. */
static int check_thread(const char *root, int pid, const char *task, const char *model,
                        const char *profile, struct sv_buf *first, struct sv_err *err)
{
        SV_BUF apparmor = SV_BUF_NULL, common = SV_BUF_NULL;
        bool may_apparmor = !model || !strcmp(model, "apparmor"),
             may_selinux = !model || !strcmp(model, "selinux");

        read_label(root, pid, task, "apparmor/current", &apparmor);
        read_label(root, pid, task, "current", &common);
        if (!apparmor.n && !common.n && has_thread_ended(root, pid, task))
                return 1;
        if (!apparmor.n)
                sv_buf_put(&apparmor, sv_buf_bytes(&common));
        if (may_apparmor && !strcmp(sv_buf_str(&apparmor), profile))
                return 0;
        if (!may_selinux || !is_guest_label(sv_buf_str(&common)))
                return fail_label(task, sv_buf_str(may_selinux ? &common : &apparmor),
                                  model && may_apparmor
                                          ? profile
                                          : "libvirt's own for this guest, which confines it",
                                  err);
        if (first->n && strcmp(sv_buf_str(first), sv_buf_str(&common)))
                return fail_label(task, sv_buf_str(&common), sv_buf_str(first), err);
        sv_buf_clear(first);
        sv_buf_put(first, sv_buf_bytes(&common));
        return sv_buf_ok(first, "a label", err);
}

int sv_labels_check(const char *root, int pid, const char *model, const uint8_t uuid[16],
                    struct sv_err *err)
{
        SV_STR folder = sv_asprintf("%s/proc/%d/task", root, pid);
        SV_BUF first = SV_BUF_NULL;
        SV_STR profile = NULL;
        DIR *d = opendir(folder);
        char text[37];
        unsigned n = 0;
        int r = 0;

        profile = sv_asprintf("libvirt-%s (enforce)", sv_format_uuid(uuid, text));
        for (struct dirent *e; d && r >= 0 && (e = readdir(d));) {
                if (e->d_name[0] < '1' || e->d_name[0] > '9')
                        continue;
                r = check_thread(root, pid, e->d_name, model, profile, &first, err);
                n += r == 0;
        }
        if (d)
                closedir(d);
        if (r >= 0 && !n)
                return sv_fail(err, SV_SYSTEM, CHECK,
                               "the threads of the guest's QEMU (process %d) cannot be read in %s, "
                               "so nothing says that it is confined",
                               pid, folder);
        return r < 0 ? -1 : 0;
}
