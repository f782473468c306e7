/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/daemon-ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/log.h"
#include "launcher/host/access.h"
#include "launcher/keeper/acl.h"
#include "launcher/virt/domain-read.h"
#include "launcher/virt/virt-dac.h"
#include "launcher/virt/virt-migrate.h"

#define QEMU_CONF   "/etc/libvirt/qemu.conf"
#define KVM         "/dev/kvm"
#define TPM_SOCKETS "/run/libvirt/qemu/swtpm"
#define PASS        1
#define READ_WRITE  6

bool sv_daemon_keeps_files(const char *text)
{
        static const char name[] = "dynamic_ownership";
        bool keeps = false;

        for (const char *line = text; *line; line = strchrnul(line, '\n'), line += *line == '\n') {
                const char *at = line + strspn(line, " \t");

                if (strncmp(at, name, sizeof(name) - 1))
                        continue;
                at += sizeof(name) - 1;
                at += strspn(at, " \t");
                if (*at != '=')
                        continue;
                at += 1 + strspn(at + 1, " \t\"");
                keeps = *at == '0';
        }
        return keeps;
}

static bool keeps_files(void)
{
        SV_BUF text = SV_BUF_NULL;

        return sv_file_read(QEMU_CONF, SV_QEMU_CONF_SIZE_MAX, &text, "launch.ids", NULL) == 0 &&
               sv_daemon_keeps_files(sv_buf_str(&text));
}

/* libvirt makes it for the first vTPM, and gives one that is there its owner, its group and this
 * mode; of which a file with a list takes no more than the mask. */
static int make_socket_folder(struct sv_err *err)
{
        if (mkdir(TPM_SOCKETS, 0700) < 0 && errno != EEXIST)
                return sv_fail_errno(err, "launch.ids", "%s", TPM_SOCKETS);
        if (chmod(TPM_SOCKETS, 0770) < 0)
                return sv_fail_errno(err, "launch.ids", "%s", TPM_SOCKETS);
        return 0;
}

static int open_ways(unsigned uid, struct sv_err *err)
{
        struct stat st;

        if (stat(KVM, &st) == 0 && (st.st_mode & 6) != 6 &&
            sv_acl_set_user(KVM, uid, READ_WRITE, err) < 0)
                return -1;
        if (make_socket_folder(err) < 0)
                return -1;
        return sv_acl_set_user(TPM_SOCKETS, uid, PASS, err);
}

static int close_ways(const struct sv_ids *ids, struct sv_err *err)
{
        static const char *const paths[] = {KVM, TPM_SOCKETS};

        for (size_t i = 0; i < 2; i++)
                if (access(paths[i], F_OK) == 0)
                        sv_acl_set_user(paths[i], ids->qemu, 0, NULL);
        return sv_ids_give_back(ids, err);
}

void sv_daemon_ids_drop(const struct sv_state *s)
{
        sv_ids_visit(s->dir, close_ways, NULL);
}

/* As it was made: a daemon's own user passes through. */
static int open_folder(const struct sv_state *s, struct sv_err *err)
{
        if (geteuid() == 0 && (chown(s->dir, 0, 0) < 0 || chmod(s->dir, 0711) < 0))
                return sv_fail_errno(err, "launch.ids", "%s", s->dir);
        return 0;
}

/* "+64055:+64055" */
static bool read_user(const char *text, unsigned *uid, unsigned *gid)
{
        char *end;

        if (!text || *text != '+')
                return false;
        *uid = (unsigned)strtoul(text + 1, &end, 10);
        if (end == text + 1 || strncmp(end, ":+", 2))
                return false;
        *gid = (unsigned)strtoul(end + 2, &end, 10);
        return !*end;
}

int sv_daemon_check_kvm(const char *device, const char *user, struct sv_err *err)
{
        unsigned uid, gid;
        struct stat st;

        if (!read_user(user, &uid, &gid) || stat(device, &st) < 0 || sv_access_of(device, uid, gid))
                return 0;
        return sv_fail(err, SV_SYSTEM, "launch.kvm-user",
                       "libvirt runs this guest's QEMU as user %u of group %u, who may not open %s "
                       "(mode %o, owner %u, group %u): libvirt would try for minutes, and the "
                       "launch fail; \"chgrp %u %s && chmod 660 %s\" lets it, until a rule of "
                       "udev's does",
                       uid, gid, device, st.st_mode & 07777, st.st_uid, st.st_gid, gid, device,
                       device);
}

static int check_shared_user(const char *uri, struct sv_virt *v, const struct sv_launch *l,
                             struct sv_err *err)
{
        SV_STR xml = l->kvm && sv_uri_is_here(uri) ? sv_virt_get_capabilities(v, NULL) : NULL;
        struct sv_host_facts host = {0};
        int r = 0;

        if (xml && sv_host_read(xml, &host, NULL) == 0)
                r = sv_daemon_check_kvm(KVM, host.user, err);
        sv_host_facts_free(&host);
        return r;
}

static int share_users(const struct sv_state *s, const char *why, struct sv_err *err)
{
        sv_info("the daemon runs all its guests as the same users, so they are not apart from each "
                "other by ids: %s",
                why);
        return open_folder(s, err);
}

int sv_daemon_ids_take(const char *uri, struct sv_virt *v, const struct sv_state *s,
                       const struct sv_launch *l, struct sv_ids *out, struct sv_err *err)
{
        const char *why = geteuid() ? "only root gives guests users of their own"
                          : l->guest->security.shared_user
                                  ? "its guest file says so (security.shared_user)"
                          : keeps_files() ? "dynamic_ownership is off in " QEMU_CONF
                                          : sv_virt_refuse_ids(v);
        struct sv_err way = SV_ERR_NULL;

        *out = (struct sv_ids){0};
        if (why)
                return check_shared_user(uri, v, l, err) < 0 ? -1 : share_users(s, why, err);
        if (sv_ids_take(s->dir, out, err) < 0)
                return -1;
        if (open_ways(out->qemu, &way) < 0) {
                *out = (struct sv_ids){0};
                return share_users(s, way.msg, err);
        }
        sv_info("this guest's QEMU has a user of its own (id %u); its vTPM has not: the daemon "
                "runs "
                "those of all its guests as one user, and who takes one over has the others' keys",
                out->qemu);
        return sv_ids_close_folder(s->dir, out, err);
}
