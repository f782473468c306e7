/* SPDX-License-Identifier: Apache-2.0 */
/* selinuxfs: class/NAME/index and class/NAME/perms/NAME are the policy's numbers for its words. Who
 * writes "SOURCE TARGET CLASS WANTED" to "access" reads "ALLOWED DECIDED ...": sets of permissions
 * in hexadecimal, bit N - 1 for permission N. (Linux, security/selinux/selinuxfs.c) */
#include "launcher/host/selinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/core/file.h"

#define FS         "/sys/fs/selinux"
#define ANSWER_MAX 256

static unsigned long read_policy_number(const char *sysroot, const char *path)
{
        SV_STR full = sv_asprintf("%s" FS "/class/%s", sysroot, path);
        SV_BUF text = SV_BUF_NULL;

        return sv_file_read(full, 64, &text, "selinux", NULL) < 0
                       ? 0
                       : strtoul(sv_buf_str(&text), NULL, 10);
}

int sv_selinux_allows(const char *sysroot, const char *source, const char *target,
                      const char *class, const char *permission)
{
        SV_STR index = sv_asprintf("%s/index", class);
        SV_STR perm = sv_asprintf("%s/perms/%s", class, permission);
        SV_STR path = sv_asprintf("%s" FS "/access", sysroot);
        unsigned long c = read_policy_number(sysroot, index), p = read_policy_number(sysroot, perm);
        SV_STR question = sv_asprintf("%s %s %lu", source, target, c);
        SV_FD fd = c && p && p <= 32 ? open(path, O_RDWR | O_CLOEXEC) : -1;
        char answer[ANSWER_MAX];
        char *end;
        unsigned long allowed;
        ssize_t n;

        if (fd < 0 || write(fd, question, strlen(question)) != (ssize_t)strlen(question))
                return -1;
        n = read(fd, answer, sizeof(answer) - 1);
        if (n <= 0)
                return -1;
        answer[n] = 0;
        allowed = strtoul(answer, &end, 16);
        return end == answer ? -1 : (int)(allowed >> (p - 1) & 1);
}

bool sv_selinux_read_label(const char *path, char out[SV_LABEL_MAX + 1])
{
        ssize_t n = getxattr(path, SV_SELINUX_XATTR, out, SV_LABEL_MAX);

        out[n < 0 ? 0 : n] = 0;
        return n > 0;
}

const char *sv_selinux_range(const char *label)
{
        for (int i = 0; i < 3 && label; i++) {
                label = strchr(label, ':');
                label = label ? label + 1 : NULL;
        }
        return label ? label : "";
}

char *sv_selinux_guest_of(const char *own)
{
        const char *type = strchr(own, ':');

        type = type ? strchr(type + 1, ':') : NULL;
        return type ? sv_asprintf("%.*s:svirt_t:s0", (int)(type - own), own) : NULL;
}

static bool has_selinux(void)
{
        return access(FS "/enforce", F_OK) == 0;
}

/* USER:ROLE:TYPE: of one label, the range of another. */
static char *put_range(const char *label, const char *range)
{
        const char *old = sv_selinux_range(label);

        return *old ? sv_asprintf("%.*s%s", (int)(old - label), label, range) : NULL;
}

void sv_selinux_mark(const char *path, const char *type, const char *range)
{
        SV_STR label = sv_asprintf("system_u:object_r:%s:%s", type, range);
        SV_STR other = NULL;
        char own[SV_LABEL_MAX + 1];

        if (!has_selinux() || lsetxattr(path, SV_SELINUX_XATTR, label, strlen(label) + 1, 0) == 0 ||
            errno != EINVAL || !sv_selinux_read_label(path, own))
                return;
        other = put_range(own, range);
        if (other)
                (void)!lsetxattr(path, SV_SELINUX_XATTR, other, strlen(other) + 1, 0);
}

/* Of this thread; "" takes it back. */
static void set_socket_label(const char *label)
{
        SV_FD fd = open("/proc/thread-self/attr/sockcreate", O_RDWR | O_CLOEXEC);

        if (fd >= 0)
                (void)!write(fd, label, strlen(label));
}

void sv_selinux_join(const char *path)
{
        char file[SV_LABEL_MAX + 1];
        SV_BUF own = SV_BUF_NULL;
        SV_STR label = NULL;

        if (!has_selinux() || !sv_selinux_read_label(path, file) || !strchr(file, ',') ||
            sv_file_read("/proc/self/attr/current", SV_LABEL_MAX, &own, "selinux", NULL) < 0)
                return;
        label = put_range(sv_buf_str(&own), sv_selinux_range(file));
        if (label)
                set_socket_label(label);
}

void sv_selinux_leave(void)
{
        if (has_selinux())
                set_socket_label("");
}
