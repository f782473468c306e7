/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/host/vtpm-ca.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/host/host.h"
#include "tee/localca.h"

/* Where swtpm_setup looks for its configuration; NULL: where every program does. */
static const char *find_config(void)
{
        return geteuid() == 0 ? SV_LOCALCA_ROOT : NULL;
}

/* The authority comes to be with the first TPM. */
static int make_ca(struct sv_err *err)
{
        char dir[] = "/tmp/secure-vm-ca.XXXXXX";
        const char *argv[] = {"swtpm_setup",      "--tpm2",       "--tpmstate",      dir,
                              "--create-ek-cert", "--lock-nvram", "--not-overwrite", NULL};
        int r;

        if (!mkdtemp(dir))
                return sv_fail_errno(err, "host.vtpm-ca", "a temporary folder");
        r = sv_host_run(argv, find_config(), "host.vtpm-ca", err);
        sv_remove_tree(dir, NULL);
        return r;
}

static int find_ca(struct sv_localca *ca, struct sv_err *err)
{
        static const char *const own_conf[] = {"swtpm_setup", "--tpm2", "--create-config-files",
                                               "skip-if-exist,root", NULL};

        if (find_config() && sv_mkdirs(SV_LOCALCA_ROOT, 0711, err) < 0)
                return -1;
        if (find_config() && chmod(SV_LOCALCA_ROOT, 0700) < 0)
                return sv_fail_errno(err, "host.vtpm-ca", SV_LOCALCA_ROOT);
        if (sv_host_run(own_conf, find_config(), "host.vtpm-ca", err) < 0)
                return -1;
        if (sv_localca_find(ca, "host.vtpm-ca", err) < 0)
                return -1;
        if (access(ca->issuer, R_OK) == 0)
                return 0;
        if (make_ca(err) < 0)
                return -1;
        if (access(ca->issuer, R_OK) < 0)
                return sv_fail_errno(err, "host.vtpm-ca", "swtpm_setup left no certificate at %s",
                                     ca->issuer);
        return 0;
}

int sv_host_vtpm_ca(char **pem, struct sv_err *err)
{
        SV_LOCALCA ca = {0};

        if (find_ca(&ca, err) < 0)
                return -1;
        *pem = ca.root;
        ca.root = NULL;
        return 0;
}

int sv_host_vtpm_ca_export(struct sv_buf *pem, struct sv_err *err)
{
        SV_LOCALCA ca = {0};

        if (find_ca(&ca, err) < 0 ||
            sv_file_read(ca.root, SV_PEM_SIZE_MAX, pem, "host.vtpm-ca", err) < 0)
                return -1;
        return sv_file_read(ca.issuer, SV_PEM_SIZE_MAX, pem, "host.vtpm-ca", err);
}

int sv_host_vtpm_make(const char *folder, const char *id, const char *log, struct sv_err *err)
{
        SV_STR part = sv_asprintf("%s.new", folder);
        const char *argv[] = {"swtpm_setup",
                              "--tpm2",
                              "--tpmstate",
                              part,
                              "--vmid",
                              id,
                              "--logfile",
                              log,
                              "--create-ek-cert",
                              "--create-platform-cert",
                              "--lock-nvram",
                              "--not-overwrite",
                              NULL};
        SV_LOCALCA ca = {0};

        if (access(folder, F_OK) == 0)
                return 0;
        if (find_ca(&ca, err) < 0 || sv_remove_tree(part, err) < 0 ||
            sv_mkdirs(part, 0711, err) < 0)
                return -1;
        if (sv_host_run(argv, find_config(), "virt.swtpm", err) < 0)
                return sv_wrap(err, "making the vTPM, see %s", log);
        if (chmod(part, 0700) < 0 || rename(part, folder) < 0)
                return sv_fail_errno(err, "virt.swtpm", "%s", folder);
        return 0;
}

static int check_entry(int dir, const char *name, struct sv_err *err)
{
        struct stat st;

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return sv_fail_errno(err, "launch.vtpm", "%s", name);
        if (S_ISREG(st.st_mode) && st.st_nlink == 1)
                return 0;
        return sv_fail(err, SV_SYSTEM, "launch.vtpm",
                       "%s is no file of one name, as swtpm makes them: swtpm may have been taken "
                       "over; look at it, then remove it",
                       name);
}

int sv_host_vtpm_check(const char *folder, struct sv_err *err)
{
        DIR *dir = opendir(folder);
        struct dirent *e;
        int r = dir ? 0 : sv_fail_errno(err, "launch.vtpm", "%s", folder);

        while (r == 0 && (e = readdir(dir)))
                if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
                    check_entry(dirfd(dir), e->d_name, err) < 0)
                        r = sv_wrap(err, "%s", folder);
        if (dir)
                closedir(dir);
        return r;
}
